//! What is looked at in the rows of each table.

use directory::TenantId;
use directory::model::ReferenceKey;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use crate::StoreError;
use crate::content_hash;
use crate::fold::fold;
use crate::sqlite::checksum::{Checksum, shown};
use crate::sqlite::rows::{Rows, text};
use crate::verify::{AddressFact, Counted, Facts, NodeFact};

/// How the rows of a table are told apart.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key {
    /// By a number that only the file knows, in this column.
    Row(usize),
    /// By these columns.
    Columns(&'static [usize]),
}

/// A table, and the statement that reads it in the order of its key.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
    pub(super) key: Key,
    /// How many columns the checksum is behind.
    columns: usize,
    /// The column of the tenant, which comes first in the checksum where it lies behind it.
    tenant: usize,
    take: fn(&mut Taker<'_>, TenantId, &Row<'_>, &mut Facts<'_>) -> Result<(), StoreError>,
    /// What the row is for people.
    label: fn(&Row<'_>) -> String,
}

/// Those that others refer to come first.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "tenants",
        sql: include_str!("../sql/verify_tenants.sql"),
        key: Key::Row(0),
        columns: 8,
        tenant: 0,
        take: take_tenant,
        label: |row| format!("tenant {} ({})", cell(row, 0), cell(row, 1)),
    },
    Table {
        name: "attributes",
        sql: include_str!("../sql/verify_attributes.sql"),
        key: Key::Columns(&[11, 0]),
        columns: 10,
        tenant: 11,
        take: take_attribute,
        label: |row| format!("attribute {} ({})", cell(row, 0), cell(row, 1)),
    },
    Table {
        name: "groups",
        sql: include_str!("../sql/verify_groups.sql"),
        key: Key::Row(21),
        columns: 17,
        tenant: 18,
        take: take_group,
        label: |row| format!("group {} (key {})", cell(row, 0), cell(row, 3)),
    },
    Table {
        name: "extra_refs",
        sql: include_str!("../sql/verify_extra_refs.sql"),
        key: Key::Columns(&[5, 2, 3]),
        columns: 4,
        tenant: 5,
        take: take_reference,
        label: |row| format!("key {} of group {}", cell(row, 1), cell(row, 2)),
    },
    Table {
        name: "attribute_values",
        sql: include_str!("../sql/verify_values.sql"),
        key: Key::Columns(&[5, 0, 1, 2]),
        columns: 4,
        tenant: 5,
        take: take_value,
        label: value_label,
    },
    Table {
        name: "addresses",
        sql: include_str!("../sql/verify_addresses.sql"),
        key: Key::Columns(&[24, 0, 1]),
        columns: 23,
        tenant: 24,
        take: take_address,
        label: |row| format!("address {} of group {}", cell(row, 1), cell(row, 0)),
    },
    Table {
        name: "access_keys",
        sql: include_str!("../sql/verify_access_keys.sql"),
        key: Key::Columns(&[0]),
        columns: 7,
        tenant: 1,
        take: take_access_key,
        label: |row| format!("access key {}", cell(row, 0)),
    },
    Table {
        name: "runs",
        sql: include_str!("../sql/verify_runs.sql"),
        key: Key::Row(19),
        columns: 15,
        tenant: 16,
        take: take_run,
        label: |row| format!("run {}", cell(row, 0)),
    },
    Table {
        name: "stored_answers",
        sql: include_str!("../sql/verify_answers.sql"),
        key: Key::Row(8),
        columns: 6,
        tenant: 7,
        take: take_answer,
        label: |row| format!("answer to the idempotency key {}", cell(row, 0)),
    },
];

/// A value of a row for people.
fn cell(row: &Row<'_>, column: usize) -> String {
    row.get_ref(column).map_or_else(|error| error.to_string(), shown)
}

fn value_label(row: &Row<'_>) -> String {
    format!("value of attribute {} of group {}, language {}", cell(row, 1), cell(row, 0), cell(row, 2))
}

/// Takes in rows.
pub(super) struct Taker<'t> {
    db: &'t Connection,
    checksum: Checksum,
    groups: Rows,
    group_tenant: TenantId,
}

impl<'t> Taker<'t> {
    pub(super) fn new(db: &'t Connection) -> Self {
        let group_tenant = TenantId(0);
        Self { db, checksum: Checksum::default(), groups: Rows::of(group_tenant), group_tenant }
    }

    /// Tells of a row what it says, or that it is not what was written.
    pub(super) fn take(
        &mut self,
        table: &Table,
        row: &Row<'_>,
        facts: &mut Facts<'_>,
    ) -> Result<(), StoreError> {
        facts.row(table.name);
        let tenant = match row.get_ref(table.tenant)? {
            ValueRef::Integer(number) => TenantId(number),
            _ => TenantId(0),
        };
        if table.tenant > table.columns {
            self.checksum.integer(tenant.0);
        }
        if !self.checksum.matches(row, table.columns)? {
            let whose = (table.name != "tenants").then_some(tenant);
            facts.find(
                table.name,
                whose,
                (table.label)(row),
                "is not what was written: its checksum differs",
            );
            return Ok(());
        }
        if table.name != "tenants" && !facts.belongs(table.name, tenant, || (table.label)(row)) {
            return Ok(());
        }
        match (table.take)(self, tenant, row, facts) {
            Err(StoreError::Corrupt(problem)) => {
                facts.find(table.name, Some(tenant), (table.label)(row), problem);
                Ok(())
            }
            other => other,
        }
    }

    /// Names groups whose rows lie where nothing can be read, as far as their index still knows them.
    pub(super) fn name_lost(
        &self,
        table: &Table,
        gaps: &[(i64, i64)],
        facts: &mut Facts<'_>,
    ) -> Result<(), StoreError> {
        if table.name != "groups" {
            return Ok(());
        }
        let mut select = self.db.prepare("SELECT tenant, id, row FROM groups INDEXED BY groups_id")?;
        let mut rows = select.query(())?;
        while let Some(row) = rows.next()? {
            let (tenant, id, number): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if gaps.iter().any(|(from, to)| (from..=to).contains(&&number)) {
                facts.find("groups", Some(TenantId(tenant)), format!("group {id}"), "cannot be read");
            }
        }
        Ok(())
    }
}

fn take_tenant(
    _: &mut Taker<'_>,
    id: TenantId,
    row: &Row<'_>,
    facts: &mut Facts<'_>,
) -> Result<(), StoreError> {
    let counted = Counted {
        revision: row.get(3)?,
        next_attribute: row.get(6)?,
        next_address: row.get(7)?,
        extra_refs: Some(row.get(5)?),
    };
    facts.tenant(id, text(row, 1)?.unwrap_or_default(), counted);
    Ok(())
}

fn take_attribute(
    _: &mut Taker<'_>,
    tenant: TenantId,
    row: &Row<'_>,
    facts: &mut Facts<'_>,
) -> Result<(), StoreError> {
    facts.attribute(tenant, row.get(0)?);
    crate::sqlite::attributes::definition(tenant, row).map(drop)
}

fn take_group(
    taker: &mut Taker<'_>,
    tenant: TenantId,
    row: &Row<'_>,
    facts: &mut Facts<'_>,
) -> Result<(), StoreError> {
    let (id, parent): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
    let archived = row.get_ref(9)? != ValueRef::Null;
    facts.group(tenant, NodeFact { id, parent: parent.unwrap_or(0), archived });
    let label = || format!("group {id} (key {})", cell(row, 3));
    facts.revision("groups", tenant, row.get(10)?, label);
    let folded = match (text(row, 2)?, text(row, 3)?) {
        (Some(source), Some(key)) => {
            facts.reference(tenant, id, source, key, false);
            Some(fold(&ReferenceKey::from_stored(key)))
        }
        _ => None,
    };
    if row.get::<_, Option<i64>>(19)? != folded {
        facts.find("groups", Some(tenant), label(), NOT_FOUND);
    }
    if taker.group_tenant != tenant {
        (taker.groups, taker.group_tenant) = (Rows::of(tenant), tenant);
    }
    let group = taker.groups.group(row, None)?;
    let number: Option<i64> = row.get(20)?;
    if number.is_some() && number != content_hash::of_group(&group) {
        facts.find("groups", Some(tenant), label(), "the number of its content is that of another content");
    }
    Ok(())
}

/// The number under which it is found is not that of its key.
const NOT_FOUND: &str = "is not found by its key: the number of the key is wrong";

fn take_reference(
    _: &mut Taker<'_>,
    tenant: TenantId,
    row: &Row<'_>,
    facts: &mut Facts<'_>,
) -> Result<(), StoreError> {
    let of: i64 = row.get(2)?;
    let (source, key) = (text(row, 0)?.unwrap_or_default(), text(row, 1)?.unwrap_or_default());
    let label = || format!("key {key:?} of group {of}");
    facts.has_group("extra_refs", tenant, of, label);
    facts.reference(tenant, of, source, key, true);
    if row.get::<_, i64>(6)? != fold(&ReferenceKey::from_stored(key)) {
        facts.find("extra_refs", Some(tenant), label(), NOT_FOUND);
    }
    Ok(())
}

fn take_value(
    _: &mut Taker<'_>,
    tenant: TenantId,
    row: &Row<'_>,
    facts: &mut Facts<'_>,
) -> Result<(), StoreError> {
    facts.has_group("attribute_values", tenant, row.get(0)?, || value_label(row));
    facts.value(tenant, row.get(1)?, || value_label(row));
    Ok(())
}

fn take_address(
    _: &mut Taker<'_>,
    tenant: TenantId,
    row: &Row<'_>,
    facts: &mut Facts<'_>,
) -> Result<(), StoreError> {
    let (group, id): (i64, i64) = (row.get(0)?, row.get(1)?);
    facts.has_group("addresses", tenant, group, || format!("address {id} of group {group}"));
    let address =
        AddressFact { code: text(row, 2)?, kind: text(row, 3)?.unwrap_or_default(), is_default: row.get(7)? };
    facts.address(tenant, group, id, &address);
    Ok(())
}

fn take_access_key(
    _: &mut Taker<'_>,
    _: TenantId,
    row: &Row<'_>,
    _: &mut Facts<'_>,
) -> Result<(), StoreError> {
    crate::sqlite::access_keys::access_key(row).map(drop)
}

fn take_run(
    _: &mut Taker<'_>,
    tenant: TenantId,
    row: &Row<'_>,
    facts: &mut Facts<'_>,
) -> Result<(), StoreError> {
    let label = || format!("run {}", cell(row, 0));
    facts.revision("runs", tenant, row.get(5)?, label);
    if !Checksum::default().value(row.get_ref(17)?).is(row.get_ref(18)?) {
        let problem = "its failures are not what was written: their checksum differs";
        facts.find("runs", Some(tenant), label(), problem);
    }
    Ok(())
}

fn take_answer(
    _: &mut Taker<'_>,
    tenant: TenantId,
    row: &Row<'_>,
    _: &mut Facts<'_>,
) -> Result<(), StoreError> {
    crate::sqlite::stored_answers::answer(tenant, row).map(drop)
}

/// The row of which `integrity_check` says that an index does not have it, by the names that people know.
pub(super) fn missing_from_index(db: &Connection, line: &str) -> Option<String> {
    let (number, index) = line.strip_prefix("row ")?.split_once(" missing from index ")?;
    let number: i64 = number.parse().ok()?;
    if !index.starts_with("groups_") {
        return None;
    }
    let mut select = db.prepare("SELECT tenant, id FROM groups NOT INDEXED WHERE row = ?1").ok()?;
    let (tenant, id): (i64, i64) = select.query_row([number], |row| Ok((row.get(0)?, row.get(1)?))).ok()?;
    Some(format!("group {id} of tenant {tenant}"))
}

//! Tenants and their counters.

use directory::{AddressId, GroupId, TenantId, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::failure::{Failure, damaged};
use super::link::{Expect, Link};
use crate::{StoreError, Tenant};

/// How often a number for a new tenant is tried that others take meanwhile.
const ATTEMPTS: usize = 32;

/// What the transactions of a tenant move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counters {
    /// Of the last write.
    pub(super) revision: i64,
    /// The lowest ids that were never assigned: of groups, of attributes,
    pub(super) next_id: i64,
    pub(super) next_attribute: i64,
    /// and of addresses.
    pub(super) next_address: AddressId,
    /// Rows of `extra_refs`.
    pub(super) extra_refs: i64,
}

impl Counters {
    /// Those of a tenant without groups, and of one that does not exist.
    pub(super) fn none() -> Self {
        Self { revision: 0, next_id: 1, next_attribute: 1, next_address: AddressId::default(), extra_refs: 0 }
    }

    /// From the columns of `counters.sql`.
    pub(super) fn of(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            revision: row.try_get(0)?,
            next_id: row.try_get(1)?,
            next_attribute: row.try_get(2)?,
            next_address: AddressId::new(row.try_get(3)?).ok_or_else(|| damaged("address id"))?,
            extra_refs: row.try_get(4)?,
        })
    }

    /// An assigned id is not handed out again.
    pub(super) fn assigned(&mut self, id: GroupId) {
        self.next_id = self.next_id.max(id.get() + 1);
    }

    /// Neither is that of an address.
    pub(super) fn assigned_address(&mut self, id: AddressId) {
        self.next_address = self.next_address.max(id.next());
    }
}

/// The counters as they are seen; those of no groups for a tenant that does not exist.
pub(super) fn counters(link: &mut Link, tenant: TenantId) -> Result<Counters, StoreError> {
    let row = link.row(include_str!("sql/counters.sql"), &[(&tenant.0, Type::INT8)])?;
    row.as_ref().map_or_else(|| Ok(Counters::none()), Counters::of)
}

/// The same for a transaction that holds the tenant's row from here on, and with it the tenant's turn.
pub(super) fn lock(link: &mut Link, tenant: TenantId) -> Result<Option<Counters>, StoreError> {
    let row = link.row(include_str!("sql/lock.sql"), &[(&tenant.0, Type::INT8)])?;
    row.as_ref().map(Counters::of).transpose()
}

/// Stores the counters of a tenant whose turn it is, with the next round trip.
pub(super) fn store(link: &mut Link, tenant: TenantId, counters: Counters) {
    let numbers = [
        tenant.0,
        counters.revision,
        counters.next_id,
        counters.next_attribute,
        counters.next_address.get(),
        counters.extra_refs,
    ];
    let values = numbers.map(|number| (Box::new(number) as _, Type::INT8)).into();
    link.later(include_str!("sql/counters_update.sql"), values, Expect::Any);
}

pub(super) fn exists(link: &mut Link, tenant: TenantId) -> Result<bool, StoreError> {
    Ok(link.row(include_str!("sql/counters.sql"), &[(&tenant.0, Type::INT8)])?.is_some())
}

/// Every tenant. Looks at all nodes, so it is for people and not for requests.
pub(super) fn list(link: &mut Link) -> Result<Vec<Tenant>, StoreError> {
    let found = link.all(&[
        ("SELECT tenant, name, created_at FROM tenant_names ORDER BY name", &[]),
        ("SELECT tenant, revision FROM tenants", &[]),
    ])?;
    let [names, revisions] = &found[..] else { return Ok(Vec::new()) };
    let revisions = revisions.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let revisions: std::collections::HashMap<i64, i64> = revisions.collect::<Result<_, StoreError>>()?;
    names.iter().map(|row| tenant(row, |id| Ok(revisions.get(&id).copied().unwrap_or(0)))).collect()
}

pub(super) fn by_name(link: &mut Link, name: &str) -> Result<Option<Tenant>, StoreError> {
    let sql = "SELECT tenant, name, created_at FROM tenant_names WHERE name = $1";
    let Some(row) = link.row(sql, &[(&name, Type::TEXT)])? else { return Ok(None) };
    tenant(&row, |id| Ok(counters(link, TenantId(id))?.revision)).map(Some)
}

fn tenant(row: &Row, revision: impl FnOnce(i64) -> Result<i64, StoreError>) -> Result<Tenant, StoreError> {
    let id: i64 = row.try_get(0)?;
    Ok(Tenant {
        id: TenantId(id),
        name: row.try_get(1)?,
        created_at: Timestamp(row.try_get(2)?),
        revision: revision(id)?,
    })
}

/// Names are unique, and so are numbers; neither has a sequence, which would not be one on all nodes.
pub(super) fn create(link: &mut Link, name: &str, at: Timestamp) -> Result<Option<Tenant>, StoreError> {
    for _ in 0..ATTEMPTS {
        let found = link.row(include_str!("sql/next_tenant.sql"), &[(&name, Type::TEXT)])?;
        let Some(number) = found.map(|row| row.try_get::<_, i64>(0)).transpose()? else { return Ok(None) };
        let named = link.run(
            "INSERT INTO tenant_names (name, tenant, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            &[(&name, Type::TEXT), (&number, Type::INT8), (&at.0, Type::INT8)],
        )?;
        if named == 1 {
            let Counters { revision, next_id, next_attribute, next_address, extra_refs } = Counters::none();
            let numbers = [number, revision, next_id, next_attribute, next_address.get(), extra_refs];
            let values = numbers.map(|number| (Box::new(number) as _, Type::INT8)).into();
            link.later(include_str!("sql/tenant_insert.sql"), values, Expect::Any);
            let tenant = Tenant { id: TenantId(number), name: name.to_owned(), created_at: at, revision: 0 };
            return Ok(Some(tenant));
        }
    }
    Err(link.fail(Failure::busy("many tenants are being created: try again")))
}

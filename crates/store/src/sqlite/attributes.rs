//! Definitions of attributes, and the values that groups have of them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use directory::model::{Language, Line, Localised, localised_from_stored, localised_to_stored};
use directory::{
    AttributeClass, AttributeDefinition, AttributeFlags, AttributeId, AttributeKey, AttributeName,
    AttributeType, DefinitionFilter, DefinitionSnapshot, DefinitionWrite, EffectiveValue, GroupId, LookupKey,
    Numbered, NumberedPage, Origin, Parts, Snapshot, TenantId, ValueText, ValueWrite,
};
use rusqlite::{Connection, OptionalExtension, Row};

use super::checksum::{Checksum, mismatch};
use super::errors::{damaged, is_taken};
use super::rows::text;
use super::tenants::Counters;
use crate::StoreError;

/// The columns of a definition, in the order in which statements name them.
const NAME: usize = 1;
const CLASS: usize = 2;
const TYPE: usize = 3;
const TYPE_PARAM: usize = 4;
const DESCRIPTIONS: usize = 5;
const UNITS: usize = 6;
const GROUP_NAME: usize = 7;
const DEFAULT_VALUE: usize = 8;
const FLAGS: usize = 9;
const CHECKSUM: usize = 10;
/// The columns behind them of what a group shows.
const TOTAL: usize = 11;
const DEPTH: usize = 12;
/// From here on those of the value, in the order of its checksum.
const GROUP: usize = 13;
const LANGUAGE: usize = 15;
const VALUE: usize = 16;
const VALUE_CHECKSUM: usize = 17;

/// Adds to a snapshot the definitions asked for, and what the groups have of them.
pub(super) fn look(
    db: &Connection,
    tenant: TenantId,
    asked: &BTreeMap<LookupKey, BTreeSet<AttributeKey>>,
    seen: &mut Snapshot,
) -> Result<(), StoreError> {
    let mut missing: HashSet<&AttributeKey> = HashSet::new();
    for (key, attributes) in asked {
        let group = match seen.matches.get(key).map(Vec::as_slice) {
            Some([group]) => Some(*group),
            _ => None,
        };
        for attribute in attributes {
            if !seen.attributes.contains_key(attribute) && !missing.contains(attribute) {
                match find(db, tenant, attribute)? {
                    Some(definition) => _ = seen.attributes.insert(attribute.clone(), definition),
                    None => _ = missing.insert(attribute),
                }
            }
            let known = seen.attributes.get(attribute);
            let Some((group, definition)) = group.zip(known) else { continue };
            let own = seen.values.entry(group).or_default();
            let parts = parts(db, tenant, group, definition.id)?;
            if !parts.is_empty() {
                own.values.insert(definition.id, parts);
            }
        }
    }
    for (group, own) in &mut seen.values {
        own.attributes = count(db, tenant, *group)?;
    }
    Ok(())
}

fn find(
    db: &Connection,
    tenant: TenantId,
    key: &AttributeKey,
) -> Result<Option<AttributeDefinition>, StoreError> {
    let mut select;
    let mut rows = match key {
        AttributeKey::Id(id) => {
            select = db.prepare_cached(include_str!("sql/attribute_by_id.sql"))?;
            select.query((tenant.0, id.get()))?
        }
        AttributeKey::Name { name, class } => {
            select = db.prepare_cached(include_str!("sql/attribute_by_name.sql"))?;
            select.query((tenant.0, class.as_str(), name.as_str()))?
        }
    };
    rows.next()?.map(|row| definition(tenant, row)).transpose()
}

/// What a group has of one attribute.
fn parts(
    db: &Connection,
    tenant: TenantId,
    group: GroupId,
    attribute: AttributeId,
) -> Result<Parts, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT attribute_id, language, value, checksum FROM attribute_values
         WHERE tenant = ?1 AND group_id = ?2 AND attribute_id = ?3",
    )?;
    let mut rows = select.query((tenant.0, group.get(), attribute.get()))?;
    let mut parts = Parts::new();
    while let Some(row) = rows.next()? {
        check_value(tenant, group, row)?;
        parts.insert(language(row, 1)?, value(row, 2)?);
    }
    Ok(parts)
}

/// Of how many attributes a group has values.
fn count(db: &Connection, tenant: TenantId, group: GroupId) -> Result<usize, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT count(DISTINCT attribute_id) FROM attribute_values WHERE tenant = ?1 AND group_id = ?2",
    )?;
    let count: u32 = select.query_row((tenant.0, group.get()), |row| row.get(0))?;
    Ok(count as usize)
}

/// Writes values of a group, as they stand.
pub(super) fn write(
    db: &Connection,
    tenant: TenantId,
    group: GroupId,
    writes: &[ValueWrite],
) -> Result<(), StoreError> {
    for ValueWrite { attribute, language, value } in writes {
        let language = language.map(|language| language.to_string()).unwrap_or_default();
        let changed = match value {
            Some(value) => db.prepare_cached(include_str!("sql/attribute_value_put.sql"))?.execute((
                tenant.0,
                group.get(),
                attribute.get(),
                language,
                value.as_str(),
            ))?,
            None => db
                .prepare_cached(
                    "DELETE FROM attribute_values
                     WHERE tenant = ?1 AND group_id = ?2 AND attribute_id = ?3 AND language = ?4",
                )?
                .execute((tenant.0, group.get(), attribute.get(), language))?,
        };
        if changed != 1 {
            return Err(StoreError::Conflict(format!("group {group} has no value of attribute {attribute}")));
        }
    }
    Ok(())
}

/// The first look of a plan of definitions.
pub(super) fn load(
    db: &Connection,
    tenant: TenantId,
    keys: &HashSet<AttributeKey>,
) -> Result<DefinitionSnapshot, StoreError> {
    let revision = Counters::load(db, tenant)?.revision;
    let mut counted = db.prepare_cached("SELECT count(*) FROM attributes WHERE tenant = ?1")?;
    let count: u32 = counted.query_row([tenant.0], |row| row.get(0))?;
    let mut seen = DefinitionSnapshot {
        revision,
        count: count as usize,
        next_id: next_id(db, tenant)?,
        ..DefinitionSnapshot::default()
    };
    for key in keys {
        if let Some(definition) = find(db, tenant, key)? {
            seen.known.insert(key.clone(), definition);
        }
    }
    Ok(seen)
}

fn next_id(db: &Connection, tenant: TenantId) -> Result<i64, StoreError> {
    let mut select = db.prepare_cached("SELECT next_attribute_id FROM tenants WHERE id = ?1")?;
    Ok(select.query_row([tenant.0], |row| row.get(0)).optional()?.unwrap_or(1))
}

/// Writes definitions under the tenant's next revision.
pub(super) fn apply(
    db: &Connection,
    tenant: TenantId,
    writes: &[DefinitionWrite],
) -> Result<i64, StoreError> {
    let counters = Counters::next(db, tenant)?;
    let mut next_id = next_id(db, tenant)?;
    for write in writes {
        match write {
            DefinitionWrite::Create(definition) => {
                put(db, tenant, definition, include_str!("sql/attribute_insert.sql"))?;
                next_id = next_id.max(definition.id.get() + 1);
            }
            DefinitionWrite::Update(definition) => {
                put(db, tenant, definition, include_str!("sql/attribute_update.sql"))?;
            }
            DefinitionWrite::Delete(id) => delete(db, tenant, *id)?,
        }
    }
    let mut update = db.prepare_cached("UPDATE tenants SET next_attribute_id = ?2 WHERE id = ?1")?;
    update.execute((tenant.0, next_id))?;
    // With the checksum of the row.
    counters.store(db, tenant)?;
    Ok(counters.revision)
}

fn put(
    db: &Connection,
    tenant: TenantId,
    definition: &AttributeDefinition,
    statement: &'static str,
) -> Result<(), StoreError> {
    let put = db.prepare_cached(statement)?.execute((
        tenant.0,
        definition.id.get(),
        definition.name.as_str(),
        definition.class.as_str(),
        definition.kind.as_str(),
        definition.type_param.as_str(),
        localised_to_stored(&definition.descriptions),
        localised_to_stored(&definition.units),
        definition.group.as_str(),
        definition.default.as_ref().map(ValueText::as_str),
        definition.flags.to_stored(),
    ));
    match put {
        Ok(1) => Ok(()),
        Ok(_) => Err(StoreError::Conflict(format!("attribute {} is not stored", definition.id))),
        Err(error) if is_taken(&error) => {
            Err(StoreError::Conflict(format!("attribute {} is stored already", definition.id)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Along the index: many groups may have a value.
fn delete(db: &Connection, tenant: TenantId, id: AttributeId) -> Result<(), StoreError> {
    let mut delete = db.prepare_cached("DELETE FROM attributes WHERE tenant = ?1 AND id = ?2")?;
    if delete.execute((tenant.0, id.get()))? != 1 {
        return Err(StoreError::Conflict(format!("attribute {id} is not stored")));
    }
    db.prepare_cached(include_str!("sql/attribute_values_delete.sql"))?.execute((tenant.0, id.get()))?;
    Ok(())
}

/// One page of the definitions that a filter lets through. A tenant has so few that all are looked at.
pub(super) fn list(
    db: &Connection,
    tenant: TenantId,
    filter: &DefinitionFilter,
    page: NumberedPage,
) -> Result<Numbered<AttributeDefinition>, StoreError> {
    let mut select = db.prepare_cached(include_str!("sql/attributes.sql"))?;
    let mut rows = select.query([tenant.0])?;
    let mut found = Numbered::default();
    while let Some(row) = rows.next()? {
        let definition = definition(tenant, row)?;
        if filter.admits(&definition) {
            if found.total >= page.skip && found.items.len() < page.limit {
                found.items.push(definition);
            }
            found.total += 1;
        }
    }
    Ok(found)
}

/// One page of what a group shows.
pub(super) fn effective(
    db: &Connection,
    tenant: TenantId,
    group: GroupId,
    page: NumberedPage,
) -> Result<Numbered<EffectiveValue>, StoreError> {
    let mut select = db.prepare_cached(include_str!("sql/effective.sql"))?;
    let bound = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let mut rows = select.query((tenant.0, group.get(), bound(page.skip), bound(page.limit)))?;
    let mut found: Numbered<EffectiveValue> = Numbered::default();
    while let Some(row) = rows.next()? {
        found.total = row.get::<_, u32>(TOTAL)? as usize;
        let Some(id) = row.get::<_, Option<i64>>(0)? else { continue };
        if found.items.last().is_none_or(|last| last.attribute.id.get() != id) {
            found.items.push(EffectiveValue { attribute: definition(tenant, row)?, parts: BTreeMap::new() });
        }
        let Some(last) = found.items.last_mut() else { continue };
        if let Some(depth) = row.get::<_, Option<i64>>(DEPTH)? {
            let origin = if depth == 0 { Origin::Own } else { Origin::Above };
            check_shown(tenant, row)?;
            last.parts.insert(language(row, LANGUAGE)?, (value(row, VALUE)?, origin));
        } else {
            let default = last.attribute.default.clone().ok_or_else(|| damaged("attribute value"))?;
            last.parts.insert(None, (default, Origin::Default));
        }
    }
    Ok(found)
}

pub(super) fn definition(tenant: TenantId, row: &Row<'_>) -> Result<AttributeDefinition, StoreError> {
    Checksum::default().integer(tenant.0).check("attribute", row, CHECKSUM)?;
    let word = |column: usize| text(row, column)?.ok_or_else(|| damaged("attribute"));
    let lines = |column: usize| -> Result<Localised, StoreError> {
        localised_from_stored(word(column)?).ok_or_else(|| damaged("attribute"))
    };
    Ok(AttributeDefinition {
        id: AttributeId::new(row.get(0)?).ok_or_else(|| damaged("attribute id"))?,
        name: AttributeName::from_stored(word(NAME)?),
        class: AttributeClass::parse(word(CLASS)?).ok_or_else(|| damaged("attribute class"))?,
        kind: AttributeType::parse(word(TYPE)?).ok_or_else(|| damaged("attribute type"))?,
        type_param: Line::from_stored(word(TYPE_PARAM)?),
        descriptions: lines(DESCRIPTIONS)?,
        units: lines(UNITS)?,
        group: Line::from_stored(word(GROUP_NAME)?),
        default: text(row, DEFAULT_VALUE)?.map(ValueText::from_stored),
        flags: AttributeFlags::from_stored(word(FLAGS)?).ok_or_else(|| damaged("attribute flags"))?,
    })
}

/// Whether a row of the columns `attribute_id`, `language`, `value`, `checksum` is what was written.
pub(super) fn check_value(tenant: TenantId, of: GroupId, row: &Row<'_>) -> Result<(), StoreError> {
    Checksum::default().integer(tenant.0).integer(of.get()).check("a value of attribute", row, 3)
}

/// The same of a value that a group shows.
fn check_shown(tenant: TenantId, row: &Row<'_>) -> Result<(), StoreError> {
    let mut checksum = Checksum::default();
    checksum.integer(tenant.0);
    for column in GROUP..VALUE_CHECKSUM {
        checksum.value(row.get_ref(column)?);
    }
    if checksum.is(row.get_ref(VALUE_CHECKSUM)?) {
        return Ok(());
    }
    Err(mismatch("a value of attribute", row.get_ref(0)?))
}

pub(super) fn value(row: &Row<'_>, column: usize) -> Result<ValueText, StoreError> {
    text(row, column)?.map(ValueText::from_stored).ok_or_else(|| damaged("attribute value"))
}

pub(super) fn language(row: &Row<'_>, column: usize) -> Result<Option<Language>, StoreError> {
    match text(row, column)? {
        None | Some("") => Ok(None),
        Some(text) => Language::parse(text).map(Some).map_err(|_| damaged("language")),
    }
}

#[cfg(test)]
mod tests {
    use crate::sqlite::migrate::database;

    fn steps(sql: &str) -> Vec<String> {
        let db = database();
        let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("prepared");
        let bound = explain.parameter_count();
        let values = rusqlite::params_from_iter(std::iter::repeat_n(1, bound));
        explain
            .query_map(values, |row| row.get("detail"))
            .expect("explained")
            .collect::<Result<_, _>>()
            .expect("texts")
    }

    #[test]
    fn values_of_an_attribute_are_taken_away_along_the_index() {
        let sql = include_str!("sql/attribute_values_delete.sql");
        let index = "INDEX attribute_values_attribute (tenant=? AND attribute_id=?)";
        assert_eq!(steps(sql), [format!("SEARCH attribute_values USING {index}")]);
    }

    /// Upwards along the index of groups, values along their key, defaults along their index. What is scanned
    /// are the few rows of the steps before.
    #[test]
    fn what_a_group_shows_is_read_along_indexes() {
        let steps = steps(include_str!("sql/effective.sql"));
        let of_tables: Vec<&str> = steps
            .iter()
            .filter(|step| step.contains("USING") && !step.starts_with("USE TEMP"))
            .map(|step| step.trim_end_matches(" LEFT-JOIN"))
            .collect();
        assert_eq!(
            of_tables,
            [
                "SEARCH groups USING INDEX groups_id (tenant=? AND id=?)",
                "SEARCH g USING INDEX groups_id (tenant=? AND id=?)",
                "SEARCH v USING PRIMARY KEY (tenant=? AND group_id=?)",
                "SEARCH attributes USING INDEX attributes_default (tenant=?)",
                "SEARCH a USING PRIMARY KEY (tenant=? AND id=?)",
                // As good as the primary key, and what the planner prefers.
                "SEARCH v USING INDEX attribute_values_attribute \
                 (tenant=? AND attribute_id=? AND group_id=? AND language=?)",
            ]
        );
        let scanned: Vec<&str> = steps
            .iter()
            .filter_map(|step| step.strip_prefix("SCAN "))
            .map(|step| step.trim_end_matches(" LEFT-JOIN"))
            .collect();
        let derived = ["line", "nearest", "shown", "page", "part", "total"];
        assert!(scanned.iter().all(|name| derived.contains(name)), "{scanned:?}");
    }
}

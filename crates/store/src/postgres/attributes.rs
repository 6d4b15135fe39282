//! Definitions of attributes, and the values that groups have of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use directory::model::{Language, Line, Localised, localised_from_stored, localised_to_stored};
use directory::{
    AttributeClass, AttributeDefinition, AttributeFlags, AttributeId, AttributeKey, AttributeName,
    AttributeType, DefinitionFilter, DefinitionSnapshot, DefinitionWrite, EffectiveValue, GroupId, LookupKey,
    Numbered, NumberedPage, Origin, Snapshot, TenantId, ValueText, ValueWrite,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::failure::damaged;
use super::link::{Expect, Link, Owned, Parameter};
use super::read::bound;
use super::rows::{group_id, text};
use super::tenants::{self, Counters};
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
/// The column behind them of definitions that were asked for.
const PLACE: usize = 10;
/// The columns behind them of what a group shows.
const TOTAL: usize = 10;
const LANGUAGE: usize = 11;
const DEPTH: usize = 12;
const VALUE: usize = 13;

const IS_MISSING: &str = "an attribute is not stored";
const HAS_NO_VALUE: &str = "a group has no value of an attribute";

/// Adds to a snapshot the definitions asked for, and what the groups have of them.
pub(super) fn look(
    link: &mut Link,
    tenant: TenantId,
    asked: &BTreeMap<LookupKey, BTreeSet<AttributeKey>>,
    seen: &mut Snapshot,
) -> Result<(), StoreError> {
    let keys = Keys::new(asked.values().flatten().collect::<BTreeSet<_>>());
    seen.attributes.extend(keys.find(link, tenant, &[])?.1);
    let (mut groups, mut attributes) = (Vec::new(), Vec::new());
    for (key, asked) in asked {
        let Some([group]) = seen.matches.get(key).map(Vec::as_slice) else { continue };
        for definition in asked.iter().filter_map(|attribute| seen.attributes.get(attribute)) {
            seen.values.entry(*group).or_default();
            groups.push(group.get());
            attributes.push(definition.id.get());
        }
    }
    if groups.is_empty() {
        return Ok(());
    }
    let counted: Vec<i64> = seen.values.keys().map(|group| group.get()).collect();
    let tenant = (&tenant.0 as _, Type::INT8);
    let pairs = [tenant.clone(), (&groups as _, Type::INT8_ARRAY), (&attributes as _, Type::INT8_ARRAY)];
    let counted = [tenant, (&counted as _, Type::INT8_ARRAY)];
    let mut results = link
        .all(&[
            (include_str!("sql/attribute_values.sql"), &pairs),
            (include_str!("sql/attribute_counts.sql"), &counted),
        ])?
        .into_iter();
    for row in results.next().unwrap_or_default() {
        let own = seen.values.entry(group_id(row.try_get(0)?)?).or_default();
        let parts = own.values.entry(attribute_id(row.try_get(1)?)?).or_default();
        parts.insert(language(&row, 2)?, value(&row, 3)?);
    }
    for row in results.next().unwrap_or_default() {
        let own = seen.values.entry(group_id(row.try_get(0)?)?).or_default();
        own.attributes = number(&row, 1)?;
    }
    Ok(())
}

/// Definitions that are asked for, as statements take them.
#[derive(Default)]
struct Keys<'k> {
    of_ids: Vec<&'k AttributeKey>,
    ids: Vec<i64>,
    of_names: Vec<&'k AttributeKey>,
    classes: Vec<&'static str>,
    names: Vec<&'k str>,
}

/// Definitions by the keys by which they were asked for.
type Known = HashMap<AttributeKey, AttributeDefinition>;

impl<'k> Keys<'k> {
    fn new(asked: impl IntoIterator<Item = &'k AttributeKey>) -> Self {
        let mut keys = Self::default();
        for key in asked {
            match key {
                AttributeKey::Id(id) => {
                    keys.of_ids.push(key);
                    keys.ids.push(id.get());
                }
                AttributeKey::Name { name, class } => {
                    keys.of_names.push(key);
                    keys.classes.push(class.as_str());
                    keys.names.push(name.as_str());
                }
            }
        }
        keys
    }

    /// What is stored under these, and the rows of other statements about the tenant, in one round trip.
    fn find(
        &self,
        link: &mut Link,
        tenant: TenantId,
        others: &[&'static str],
    ) -> Result<(Vec<Vec<Row>>, Known), StoreError> {
        let tenant: Parameter<'_> = (&tenant.0, Type::INT8);
        let (alone, ids) = ([tenant.clone()], [tenant.clone(), (&self.ids as _, Type::INT8_ARRAY)]);
        let names = [tenant, (&self.classes as _, Type::TEXT_ARRAY), (&self.names as _, Type::TEXT_ARRAY)];
        let mut queries: Vec<(&'static str, &[Parameter<'_>])> =
            others.iter().map(|sql| (*sql, &alone[..])).collect();
        if !self.ids.is_empty() {
            queries.push((include_str!("sql/attributes_by_id.sql"), &ids));
        }
        if !self.names.is_empty() {
            queries.push((include_str!("sql/attributes_by_name.sql"), &names));
        }
        if queries.is_empty() {
            return Ok((Vec::new(), Known::new()));
        }
        let mut results = link.all(&queries)?;
        let found = results.split_off(others.len().min(results.len()));
        let asked = [&self.of_ids, &self.of_names].into_iter().filter(|keys| !keys.is_empty());
        let mut known = Known::new();
        for (keys, rows) in asked.zip(&found) {
            for row in rows {
                let place: i64 = row.try_get(PLACE)?;
                let key = usize::try_from(place - 1).ok().and_then(|place| keys.get(place));
                let key = key.ok_or_else(|| damaged("attribute"))?;
                known.insert((*key).clone(), definition(row)?);
            }
        }
        Ok((results, known))
    }
}

/// Writes values of groups, as they stand, with the next round trip. Each part is named once.
pub(super) fn write(link: &mut Link, tenant: TenantId, writes: &[(GroupId, &ValueWrite)]) {
    let (mut put, mut taken, mut values) = (Parts::default(), Parts::default(), Vec::new());
    for (group, write) in writes {
        match &write.value {
            Some(value) => {
                put.push(*group, write);
                values.push(value.as_str().to_owned());
            }
            None => taken.push(*group, write),
        }
    }
    let values: Owned = (Box::new(values), Type::TEXT_ARRAY);
    put.later(link, tenant, include_str!("sql/attribute_values_put.sql"), Some(values));
    taken.later(link, tenant, include_str!("sql/attribute_values_delete.sql"), None);
}

/// Which parts of values a statement is about.
#[derive(Default)]
struct Parts {
    groups: Vec<i64>,
    attributes: Vec<i64>,
    languages: Vec<String>,
}

impl Parts {
    fn push(&mut self, group: GroupId, write: &ValueWrite) {
        self.groups.push(group.get());
        self.attributes.push(write.attribute.get());
        self.languages.push(write.language.map(|language| language.to_string()).unwrap_or_default());
    }

    fn later(self, link: &mut Link, tenant: TenantId, sql: &'static str, values: Option<Owned>) {
        if self.groups.is_empty() {
            return;
        }
        let expected = Expect::Rows(self.groups.len() as u64, HAS_NO_VALUE);
        let mut bound: Vec<Owned> = vec![
            (Box::new(tenant.0), Type::INT8),
            (Box::new(self.groups), Type::INT8_ARRAY),
            (Box::new(self.attributes), Type::INT8_ARRAY),
            (Box::new(self.languages), Type::TEXT_ARRAY),
        ];
        bound.extend(values);
        link.later(sql, bound, expected);
    }
}

/// The first look of a plan of definitions.
pub(super) fn load(
    link: &mut Link,
    tenant: TenantId,
    keys: &HashSet<AttributeKey>,
) -> Result<DefinitionSnapshot, StoreError> {
    let others = [
        "SELECT revision, next_attribute_id FROM tenants WHERE tenant = $1",
        "SELECT count(*) FROM attributes WHERE tenant = $1",
    ];
    let (results, known) = Keys::new(keys).find(link, tenant, &others)?;
    let mut firsts = results.iter().map(|rows| rows.first());
    let (counters, counted) = (firsts.next().flatten(), firsts.next().flatten());
    Ok(DefinitionSnapshot {
        revision: counters.map_or(Ok(0), |row| row.try_get(0))?,
        known,
        count: counted.map_or(Ok(0), |row| number(row, 0))?,
        next_id: counters.map_or(Ok(1), |row| row.try_get(1))?,
    })
}

/// Writes definitions under the tenant's next revision, with the next round trip, in their order: those of one
/// kind that follow each other by one statement.
pub(super) fn apply(
    link: &mut Link,
    tenant: TenantId,
    counters: Counters,
    writes: &[DefinitionWrite],
) -> Counters {
    let mut counters = Counters { revision: counters.revision + 1, ..counters };
    for same in writes.chunk_by(|one, next| std::mem::discriminant(one) == std::mem::discriminant(next)) {
        let (mut definitions, mut deleted) = (Vec::new(), Vec::new());
        let mut sql = include_str!("sql/attributes_update.sql");
        for write in same {
            match write {
                DefinitionWrite::Create(definition) => {
                    sql = include_str!("sql/attributes_insert.sql");
                    counters.next_attribute = counters.next_attribute.max(definition.id.get() + 1);
                    definitions.push(definition);
                }
                DefinitionWrite::Update(definition) => definitions.push(definition),
                DefinitionWrite::Delete(id) => deleted.push(id.get()),
            }
        }
        put(link, tenant, &definitions, sql);
        delete(link, tenant, deleted);
    }
    tenants::store(link, tenant, counters);
    counters
}

pub(super) fn put(
    link: &mut Link,
    tenant: TenantId,
    definitions: &[&AttributeDefinition],
    sql: &'static str,
) {
    if definitions.is_empty() {
        return;
    }
    let ids: Vec<i64> = definitions.iter().map(|definition| definition.id.get()).collect();
    let texts = |text: fn(&AttributeDefinition) -> String| -> Owned {
        let column: Vec<String> = definitions.iter().map(|definition| text(definition)).collect();
        (Box::new(column), Type::TEXT_ARRAY)
    };
    let defaults: Vec<Option<String>> = definitions
        .iter()
        .map(|definition| definition.default.as_ref().map(|text| text.as_str().to_owned()))
        .collect();
    let values = vec![
        (Box::new(tenant.0) as _, Type::INT8),
        (Box::new(ids) as _, Type::INT8_ARRAY),
        texts(|definition| definition.name.as_str().to_owned()),
        texts(|definition| definition.class.as_str().to_owned()),
        texts(|definition| definition.kind.as_str().to_owned()),
        texts(|definition| definition.type_param.as_str().to_owned()),
        texts(|definition| localised_to_stored(&definition.descriptions)),
        texts(|definition| localised_to_stored(&definition.units)),
        texts(|definition| definition.group.as_str().to_owned()),
        (Box::new(defaults) as _, Type::TEXT_ARRAY),
        texts(|definition| definition.flags.to_stored()),
    ];
    link.later(sql, values, Expect::Rows(definitions.len() as u64, IS_MISSING));
}

/// With the values that groups have of them, along the index: they may be many.
fn delete(link: &mut Link, tenant: TenantId, ids: Vec<i64>) {
    if ids.is_empty() {
        return;
    }
    let expected = Expect::Rows(ids.len() as u64, IS_MISSING);
    let values = |ids: Vec<i64>| -> Vec<Owned> {
        vec![(Box::new(tenant.0), Type::INT8), (Box::new(ids), Type::INT8_ARRAY)]
    };
    link.later("DELETE FROM attributes WHERE tenant = $1 AND id = ANY ($2)", values(ids.clone()), expected);
    let of_groups = "DELETE FROM attribute_values WHERE tenant = $1 AND attribute_id = ANY ($2)";
    link.later(of_groups, values(ids), Expect::Any);
}

/// One page of the definitions that a filter lets through. A tenant has so few that all are looked at.
pub(super) fn list(
    link: &mut Link,
    tenant: TenantId,
    filter: &DefinitionFilter,
    page: NumberedPage,
) -> Result<Numbered<AttributeDefinition>, StoreError> {
    let mut found = Numbered::default();
    for row in link.rows(include_str!("sql/attributes.sql"), &[(&tenant.0, Type::INT8)])? {
        let definition = definition(&row)?;
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
    link: &mut Link,
    tenant: TenantId,
    group: GroupId,
    page: NumberedPage,
) -> Result<Numbered<EffectiveValue>, StoreError> {
    let (group, skip, limit) = (group.get(), bound(page.skip), bound(page.limit));
    let rows = link.rows(
        include_str!("sql/effective.sql"),
        &[(&tenant.0, Type::INT8), (&group, Type::INT8), (&skip, Type::INT8), (&limit, Type::INT8)],
    )?;
    let mut found: Numbered<EffectiveValue> = Numbered::default();
    for row in &rows {
        found.total = number(row, TOTAL)?;
        let Some(id) = row.try_get::<_, Option<i64>>(0)? else { continue };
        if found.items.last().is_none_or(|last| last.attribute.id.get() != id) {
            found.items.push(EffectiveValue { attribute: definition(row)?, parts: BTreeMap::new() });
        }
        let Some(last) = found.items.last_mut() else { continue };
        if let Some(depth) = row.try_get::<_, Option<i64>>(DEPTH)? {
            let origin = if depth == 0 { Origin::Own } else { Origin::Above };
            last.parts.insert(language(row, LANGUAGE)?, (value(row, VALUE)?, origin));
        } else {
            let default = last.attribute.default.clone().ok_or_else(|| damaged("attribute value"))?;
            last.parts.insert(None, (default, Origin::Default));
        }
    }
    Ok(found)
}

pub(super) fn definition(row: &Row) -> Result<AttributeDefinition, StoreError> {
    let word = |column: usize| text(row, column)?.ok_or_else(|| damaged("attribute"));
    let lines = |column: usize| -> Result<Localised, StoreError> {
        localised_from_stored(word(column)?).ok_or_else(|| damaged("attribute"))
    };
    Ok(AttributeDefinition {
        id: attribute_id(row.try_get(0)?)?,
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

pub(super) fn attribute_id(number: i64) -> Result<AttributeId, StoreError> {
    AttributeId::new(number).ok_or_else(|| damaged("attribute id"))
}

fn number(row: &Row, column: usize) -> Result<usize, StoreError> {
    let number: i64 = row.try_get(column)?;
    usize::try_from(number).map_err(|_| damaged("number"))
}

pub(super) fn value(row: &Row, column: usize) -> Result<ValueText, StoreError> {
    text(row, column)?.map(ValueText::from_stored).ok_or_else(|| damaged("attribute value"))
}

pub(super) fn language(row: &Row, column: usize) -> Result<Option<Language>, StoreError> {
    match text(row, column)? {
        None | Some("") => Ok(None),
        Some(text) => Language::parse(text).map(Some).map_err(|_| damaged("language")),
    }
}

//! The looks of a plan: [`Needs`] and [`HierarchyNeeds`] answered, each in as few round trips as can be.

use std::collections::HashSet;

use directory::{
    AddressId, Ancestor, ExternalReference, Failure as PlanFailure, GroupId, HierarchyNeeds, LookupKey,
    Needs, Plain, ReferenceKey, Snapshot, TenantId,
};
use foldhash::{HashMap, HashMapExt as _};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::failure::damaged;
use super::link::Link;
use super::rows::{self, Rows};
use super::tenants::Counters;
use super::{addresses, attributes};
use crate::StoreError;
use crate::content_hash::{self, Glance, Hashed};
use crate::fold::fold;
use crate::free_ids::free_ids;
use crate::references::{Probed, RowReference, SharedTexts, Whose, is_meant};

/// More levels than any depth limit allows: the stored tree runs in a circle.
const MOST_LEVELS: i32 = 1 << 16;

pub(super) fn load(link: &mut Link, tenant: TenantId, needs: &Needs<'_>) -> Result<Snapshot, StoreError> {
    let mut probes = Probes::of(needs);
    let Looked { counters, by_fold, hashes, by_id, first_taken } = look(link, tenant, needs, &probes)?;
    let mut seen = Snapshot { revision: counters.revision, ..Snapshot::default() };
    seen.matches.reserve(needs.keys.len());
    seen.groups.reserve(needs.keys.len());
    let mut first_taken = Some(first_taken);
    seen.free_ids = free_ids(counters.next_id, needs.fresh_ids, |id| match first_taken.take() {
        Some(known) => Ok(known),
        None => taken_from(link, tenant, id),
    })?;
    let mut extra = Extra::default();
    let mut look = Look { rows: Rows::default(), seen };
    look.at_ids(&by_id, &probes)?;
    let unsettled = if counters.extra_refs > 0 {
        // A second reference of some group may be like the key of a plain record.
        extra.look(link, tenant, &probes.every_fold())?;
        for group in &extra.groups {
            look.add(group, None)?;
        }
        look.at_references(&by_fold, &extra, &probes.references)?;
        std::mem::take(&mut probes.plain)
    } else {
        look.at_references(&by_fold, &extra, &probes.references)?;
        look.at_plain(needs, &probes.plain, &hashes)?
    };
    if !unsettled.is_empty() {
        let probes: Vec<Probe<'_>> = unsettled.iter().map(Probe::of_plain).collect();
        look.at_references(&rows_of(link, tenant, &probes)?, &extra, &probes)?;
    }
    let mut seen = look.finish();
    if counters.extra_refs > 0 {
        add_references(link, tenant, &mut seen)?;
    }
    if !needs.values.is_empty() {
        attributes::look(link, tenant, &needs.values, &mut seen)?;
    }
    seen.next_address = counters.next_address;
    if counters.next_address > AddressId::default() && !needs.addresses_of.is_empty() {
        let of: HashSet<GroupId> =
            needs.addresses_of.iter().filter_map(|key| seen.matches.get(key)).flatten().copied().collect();
        let of: Vec<GroupId> = of.into_iter().collect();
        seen.addresses = addresses::of_groups(link, tenant, &of)?;
    }
    Ok(seen)
}

/// What is looked for, in the order of the indexes.
struct Probes<'n> {
    ids: Vec<(i64, GroupId, &'n LookupKey)>,
    references: Vec<Probe<'n>>,
    /// Those of the references, each once.
    folds: Vec<i64>,
    plain: Vec<(i64, &'n Plain<'n>)>,
}

/// A look for the groups with a reference.
struct Probe<'n> {
    fold: i64,
    lookup: &'n LookupKey,
    key: &'n ReferenceKey,
    whose: Whose,
}

impl<'n> Probe<'n> {
    fn of_plain(&(fold, plain): &(i64, &'n Plain<'n>)) -> Self {
        Self { fold, lookup: plain.key, key: plain.reference_key, whose: Whose::Record }
    }
}

/// The groups with references that fold like these, by the numbers of the references.
fn rows_of(
    link: &mut Link,
    tenant: TenantId,
    probes: &[Probe<'_>],
) -> Result<HashMap<i64, Vec<Row>>, StoreError> {
    let folds = folds(probes.iter().map(|probe| probe.fold));
    let values = [(&tenant.0 as _, Type::INT8), (&folds as _, Type::INT8_ARRAY)];
    by_number(link.rows(include_str!("sql/by_fold.sql"), &values)?, rows::BEHIND)
}

/// Each number once; they ascend.
fn folds(ascending: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut folds: Vec<i64> = ascending.collect();
    folds.dedup();
    folds
}

fn by_number(rows: Vec<Row>, column: usize) -> Result<HashMap<i64, Vec<Row>>, StoreError> {
    let mut found: HashMap<i64, Vec<Row>> = HashMap::with_capacity(rows.len());
    for row in rows {
        found.entry(row.try_get(column)?).or_default().push(row);
    }
    Ok(found)
}

impl<'n> Probes<'n> {
    fn of(needs: &'n Needs<'n>) -> Self {
        let (mut ids, mut references) = (Vec::new(), Vec::with_capacity(needs.keys.len()));
        for key in &needs.keys {
            match key {
                LookupKey::Id(id) => ids.push((id.get(), *id, key)),
                _ => references.extend(key.reference_key().map(|text| Probe {
                    fold: fold(text),
                    lookup: key,
                    key: text,
                    whose: Whose::of(key, needs),
                })),
            }
        }
        ids.sort_unstable_by_key(|&(id, ..)| id);
        references.sort_unstable_by_key(|probe| probe.fold);
        let mut plain: Vec<_> = needs.plain.iter().map(|plain| (fold(plain.reference_key), plain)).collect();
        plain.sort_unstable_by_key(|&(fold, _)| fold);
        let folds = folds(references.iter().map(|probe| probe.fold));
        Self { ids, references, folds, plain }
    }

    fn every_fold(&self) -> Vec<i64> {
        let mut every = [&self.folds[..], &self.plain_folds()].concat();
        every.sort_unstable();
        folds(every.into_iter())
    }

    fn plain_folds(&self) -> Vec<i64> {
        folds(self.plain.iter().map(|&(fold, _)| fold))
    }
}

/// What the first round trip shows.
struct Looked {
    counters: Counters,
    /// Groups by the numbers of their inline references.
    by_fold: HashMap<i64, Vec<Row>>,
    /// The hashes of what is stored under the keys of plain records.
    hashes: Vec<Row>,
    by_id: Vec<Row>,
    /// The lowest taken id that may be assigned.
    first_taken: Option<i64>,
}

fn look(
    link: &mut Link,
    tenant: TenantId,
    needs: &Needs<'_>,
    probes: &Probes<'_>,
) -> Result<Looked, StoreError> {
    let ids: Vec<i64> = probes.ids.iter().map(|&(id, ..)| id).collect();
    let plain = probes.plain_folds();
    let tenant_value = (&tenant.0 as _, Type::INT8);
    let (of_tenant, by_folds, by_plain, by_ids) = (
        [tenant_value.clone()],
        [tenant_value.clone(), (&probes.folds as _, Type::INT8_ARRAY)],
        [tenant_value.clone(), (&plain as _, Type::INT8_ARRAY)],
        [tenant_value, (&ids as _, Type::INT8_ARRAY)],
    );
    let [counters, folds, hashes, ids, taken] = link.each([
        Some((include_str!("sql/counters.sql"), &of_tenant[..])),
        (!probes.folds.is_empty()).then_some((include_str!("sql/by_fold.sql"), &by_folds[..])),
        (!plain.is_empty()).then_some((include_str!("sql/hashes.sql"), &by_plain[..])),
        (!ids.is_empty()).then_some((include_str!("sql/by_id.sql"), &by_ids[..])),
        (needs.fresh_ids > 0).then_some((include_str!("sql/first_taken.sql"), &of_tenant[..])),
    ])?;
    let counters = counters.first().map_or_else(|| Ok(Counters::none()), Counters::of)?;
    let by_fold = by_number(folds, rows::BEHIND)?;
    let first_taken = taken.first().map(|row| row.try_get(0)).transpose()?;
    Ok(Looked { counters, by_fold, hashes, by_id: ids, first_taken })
}

/// The lowest id that is taken and not below this one.
fn taken_from(link: &mut Link, tenant: TenantId, id: i64) -> Result<Option<i64>, StoreError> {
    let row = link.row(
        "SELECT id FROM groups WHERE tenant = $1 AND id >= $2 ORDER BY id LIMIT 1",
        &[(&tenant.0, Type::INT8), (&id, Type::INT8)],
    )?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// What lies beside the groups: second and further references, by their numbers, and the groups that have them.
#[derive(Default)]
struct Extra {
    by_fold: HashMap<i64, Vec<Row>>,
    groups: Vec<Row>,
}

impl Extra {
    fn look(&mut self, link: &mut Link, tenant: TenantId, folds: &Vec<i64>) -> Result<(), StoreError> {
        let values = [(&tenant.0 as _, Type::INT8), (folds as _, Type::INT8_ARRAY)];
        let found = link.all(&[
            (include_str!("sql/extra_by_fold.sql"), &values),
            (include_str!("sql/by_extra_fold.sql"), &values),
        ])?;
        let mut found = found.into_iter();
        self.by_fold = by_number(found.next().unwrap_or_default(), 3)?;
        self.groups = found.next().unwrap_or_default();
        Ok(())
    }
}

/// A look in progress.
struct Look {
    rows: Rows,
    seen: Snapshot,
}

impl Look {
    fn add(&mut self, row: &Row, asked: Option<&ReferenceKey>) -> Result<(), StoreError> {
        let id = rows::id(row)?;
        if !self.seen.groups.contains_key(&id) {
            self.seen.groups.insert(id, self.rows.group(row, asked)?);
        }
        Ok(())
    }

    fn at_ids(&mut self, found: &[Row], probes: &Probes<'_>) -> Result<(), StoreError> {
        for row in found {
            self.add(row, None)?;
        }
        for (_, id, key) in &probes.ids {
            if self.seen.groups.contains_key(id) {
                self.seen.matches.insert((*key).clone(), vec![*id]);
            }
        }
        Ok(())
    }

    fn at_references(
        &mut self,
        by_fold: &HashMap<i64, Vec<Row>>,
        extra: &Extra,
        probes: &[Probe<'_>],
    ) -> Result<(), StoreError> {
        for &Probe { fold, lookup, key, whose } in probes {
            let (inline, beside) = (by_fold.get(&fold), extra.by_fold.get(&fold));
            if inline.is_none() && beside.is_none() {
                continue;
            }
            let mut found = Probed::default();
            for row in inline.into_iter().flatten() {
                let reference = rows::reference(row)?.ok_or_else(|| damaged("reference"))?;
                if is_meant(lookup, &reference) {
                    found.ids.push(rows::id(row)?);
                    self.add(row, Some(key))?;
                } else {
                    found.consider(&mut self.rows.texts, key, &reference);
                }
            }
            for row in beside.into_iter().flatten() {
                let reference = extra_reference(row)?;
                if is_meant(lookup, &reference) {
                    found.ids.push(rows::group_id(row.try_get(2)?)?);
                } else {
                    found.consider(&mut self.rows.texts, key, &reference);
                }
            }
            found.enter(lookup, whose, &mut self.seen);
        }
        Ok(())
    }

    /// Leaves groups alone that are stored just as a record says. Those about which there is more to know.
    fn at_plain<'n>(
        &mut self,
        needs: &Needs<'_>,
        plain: &[(i64, &'n Plain<'n>)],
        hashes: &[Row],
    ) -> Result<Vec<(i64, &'n Plain<'n>)>, StoreError> {
        let told = |row: &Row| Ok((row.try_get(0)?, rows::group_id(row.try_get(1)?)?, row.try_get(2)?));
        let mut stored: Vec<Hashed> = hashes.iter().map(told).collect::<Result<_, StoreError>>()?;
        stored.sort_unstable_by_key(|&(fold, ..)| fold);
        let mut rest = &stored[..];
        self.seen.alike = content_hash::room(needs);
        let mut unsettled = Vec::new();
        for (fold, plain) in plain {
            let found;
            (rest, found) = content_hash::from(*fold, rest);
            match content_hash::glance(plain, found, &self.seen) {
                Glance::Alike(id) => self.seen.alike[plain.record] = Some(id),
                Glance::Nothing => {}
                Glance::Unsettled => unsettled.push((*fold, *plain)),
            }
        }
        Ok(unsettled)
    }

    /// Rows that were found by the number alone are not in the snapshot.
    fn finish(self) -> Snapshot {
        let mut seen = self.seen;
        let meant: HashSet<GroupId> = seen.matches.values().flatten().copied().collect();
        seen.groups.retain(|id, _| meant.contains(id));
        seen
    }
}

/// The reference of a row of `extra_refs`.
fn extra_reference(row: &Row) -> Result<RowReference<'_>, StoreError> {
    Ok(RowReference { source: row.try_get(0)?, key: row.try_get(1)? })
}

fn add_references(link: &mut Link, tenant: TenantId, seen: &mut Snapshot) -> Result<(), StoreError> {
    let ids: Vec<GroupId> = seen.groups.keys().copied().collect();
    for (id, references) in extra_references(link, tenant, &ids)? {
        if let Some(group) = seen.groups.get_mut(&id) {
            group.references.extend(references);
        }
    }
    Ok(())
}

/// The second and further references of these groups, in their order.
pub(super) fn extra_references(
    link: &mut Link,
    tenant: TenantId,
    ids: &[GroupId],
) -> Result<HashMap<GroupId, Vec<ExternalReference>>, StoreError> {
    let mut found: HashMap<GroupId, Vec<ExternalReference>> = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let values = [(&tenant.0 as _, Type::INT8), (&ids as _, Type::INT8_ARRAY)];
    let mut texts = SharedTexts::default();
    for row in link.rows(include_str!("sql/extra_of_groups.sql"), &values)? {
        let reference = texts.reference(&extra_reference(&row)?, None);
        found.entry(rows::group_id(row.try_get(2)?)?).or_default().push(reference);
    }
    Ok(found)
}

pub(super) fn load_hierarchy(
    link: &mut Link,
    tenant: TenantId,
    needs: &HierarchyNeeds,
    into: &mut Snapshot,
) -> Result<(), StoreError> {
    let HierarchyNeeds { ancestors_of, heights_of, children_of, descendants_of } = needs;
    let numbers = [ancestors_of, heights_of, children_of, descendants_of]
        .map(|ids| ids.iter().map(|id| id.get()).collect::<Vec<i64>>());
    let counted = i64::try_from(PlanFailure::MAX_CHILDREN).unwrap_or(i64::MAX);
    let all = numbers.each_ref().map(|ids| [(&tenant.0 as _, Type::INT8), (ids as _, Type::INT8_ARRAY)]);
    let children = [&all[2][..], &[(&counted as _, Type::INT8)]].concat();
    let asked = |number: usize, sql| (!numbers[number].is_empty()).then_some((sql, &all[number][..]));
    let [above, heights, children, descendants] = link.each([
        asked(0, include_str!("sql/above.sql")),
        asked(1, include_str!("sql/heights.sql")),
        asked(2, include_str!("sql/children_count.sql")).map(|(sql, _)| (sql, &children[..])),
        asked(3, include_str!("sql/descendants_count.sql")),
    ])?;
    for row in &above {
        let ancestor = Ancestor {
            parent: row.try_get::<_, Option<i64>>(1)?.map(rows::group_id).transpose()?,
            key: rows::text(row, 2)?.map(ReferenceKey::from_stored),
            archived: row.try_get(3)?,
        };
        into.ancestors.insert(rows::group_id(row.try_get(0)?)?, ancestor);
    }
    for row in &heights {
        let (id, height) = (rows::group_id(row.try_get(0)?)?, row.try_get::<_, i32>(1)?);
        into.heights.insert(id, below(id, height)?);
    }
    for id in children_of {
        into.children.insert(*id, 0);
    }
    for row in &children {
        into.children.insert(rows::group_id(row.try_get(0)?)?, count(row, 1)?);
    }
    for row in &descendants {
        let id = rows::group_id(row.try_get(0)?)?;
        below(id, row.try_get(2)?)?;
        into.descendants.insert(id, count(row, 1)?);
    }
    Ok(())
}

/// A number of levels, which no tree reaches that is one.
pub(super) fn below(top: GroupId, levels: i32) -> Result<usize, StoreError> {
    match usize::try_from(levels) {
        Ok(levels_below) if levels < MOST_LEVELS => Ok(levels_below),
        _ => Err(StoreError::Corrupt(format!("the groups above group {top} run in a circle"))),
    }
}

fn count(row: &Row, column: usize) -> Result<usize, StoreError> {
    usize::try_from(row.try_get::<_, i64>(column)?).map_err(|_| damaged("count"))
}

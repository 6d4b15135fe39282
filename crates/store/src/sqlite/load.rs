//! The looks of a plan: [`Needs`] and [`HierarchyNeeds`] answered.

use std::collections::HashSet;

use directory::{
    AddressId, Ancestor, ExternalReference, FreeIds, GroupId, HierarchyNeeds, LookupKey, Needs, Plain,
    ReferenceKey, Snapshot, TenantId,
};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row};

use super::checksum::Checksum;
use super::connection::list;
use super::errors::damaged;
use super::recent::Recent;
use super::rows::{self, Rows};
use super::subtree;
use super::tenants::Counters;
use super::{addresses, attributes};
use crate::content_hash::{self, Glance, Hashed};
use crate::fold::fold;
use crate::free_ids::free_ids;
use crate::references::{Probed, RowReference, SharedTexts, Whose, is_meant};
use crate::{Looked, StoreError};

/// More levels than any depth limit allows: the stored tree runs in a circle.
const MOST_LEVELS: usize = 1 << 16;

pub(super) fn load(db: &Connection, tenant: TenantId, needs: &Needs<'_>) -> Result<Snapshot, StoreError> {
    let counters = Counters::load(db, tenant)?;
    let mut seen = Snapshot { revision: counters.revision, ..Snapshot::default() };
    seen.matches.reserve(needs.keys.len());
    seen.groups.reserve(needs.keys.len());
    seen.free_ids = free_ids(counters.next_id, needs.fresh_ids, |id| taken_from(db, tenant, id))?;
    let mut look = Look {
        tenant,
        needs,
        by_fold: db.prepare_cached(include_str!("sql/by_fold.sql"))?,
        by_id: db.prepare_cached(include_str!("sql/by_id.sql"))?,
        extra: (counters.extra_refs > 0).then(|| ExtraRefs::prepare(db)).transpose()?,
        rows: Rows::of(tenant),
        seen,
    };
    look.at_ids(needs)?;
    look.at_references(needs)?;
    if !needs.plain.is_empty() {
        look.at_plain(db)?;
    }
    look.at_extra_references()?;
    attributes::look(db, tenant, &needs.values, &mut look.seen)?;
    let mut seen = look.seen;
    seen.next_address = counters.next_address;
    if counters.next_address > AddressId::default() {
        at_addresses(db, tenant, needs, &mut seen)?;
    }
    Ok(seen)
}

/// The free ids of now, if nothing was written to what was looked at.
pub(super) fn free_ids_if_still(
    db: &Connection,
    tenant: TenantId,
    looked: &Looked,
    recent: &Recent,
) -> Result<Option<FreeIds>, StoreError> {
    let counters = Counters::load(db, tenant)?;
    if !recent.is_untouched(tenant, counters.revision, looked) {
        return Ok(None);
    }
    free_ids(counters.next_id, looked.fresh_ids, |id| taken_from(db, tenant, id)).map(Some)
}

fn at_addresses(
    db: &Connection,
    tenant: TenantId,
    needs: &Needs<'_>,
    into: &mut Snapshot,
) -> Result<(), StoreError> {
    for id in needs.addresses_of.iter().filter_map(|key| into.matches.get(key)).flatten() {
        let found = addresses::list(db, tenant, *id, None)?;
        if !found.is_empty() {
            into.addresses.insert(*id, found);
        }
    }
    Ok(())
}

/// The lowest id that is taken and not below this one.
fn taken_from(db: &Connection, tenant: TenantId, id: i64) -> Result<Option<i64>, StoreError> {
    let mut select =
        db.prepare_cached("SELECT id FROM groups WHERE tenant = ?1 AND id >= ?2 ORDER BY id LIMIT 1")?;
    Ok(select.query_row((tenant.0, id), |row| row.get(0)).optional()?)
}

/// A look in progress.
struct Look<'l> {
    tenant: TenantId,
    needs: &'l Needs<'l>,
    by_fold: CachedStatement<'l>,
    by_id: CachedStatement<'l>,
    /// Absent when the tenant has no group with a second reference.
    extra: Option<ExtraRefs<'l>>,
    rows: Rows,
    seen: Snapshot,
}

struct ExtraRefs<'l> {
    by_fold: CachedStatement<'l>,
    of_group: CachedStatement<'l>,
}

impl<'l> ExtraRefs<'l> {
    fn prepare(db: &'l Connection) -> Result<Self, StoreError> {
        let by_fold =
            "SELECT source, key, id, position, checksum FROM extra_refs WHERE tenant = ?1 AND fold = ?2";
        let of_group = "SELECT source, key, id, position, checksum FROM extra_refs
             WHERE tenant = ?1 AND id = ?2 ORDER BY position";
        Ok(Self { by_fold: db.prepare_cached(by_fold)?, of_group: db.prepare_cached(of_group)? })
    }
}

impl Look<'_> {
    fn at_ids(&mut self, needs: &Needs<'_>) -> Result<(), StoreError> {
        let mut ids: Vec<(GroupId, &LookupKey)> = needs.keys.iter().filter_map(by_id).collect();
        ids.sort_unstable_by_key(|&(id, _)| id);
        for (id, key) in ids {
            self.fetch(id, None)?;
            if self.seen.groups.contains_key(&id) {
                self.seen.matches.insert(key.clone(), vec![id]);
            }
        }
        Ok(())
    }

    /// Probes in the order of the index, so that neighbours find its pages in the cache.
    fn at_references(&mut self, needs: &Needs<'_>) -> Result<(), StoreError> {
        let mut probes: Vec<(i64, &LookupKey, &ReferenceKey)> = Vec::with_capacity(needs.keys.len());
        for lookup in &needs.keys {
            if let Some(key) = lookup.reference_key() {
                probes.push((fold(key), lookup, key));
            }
        }
        probes.sort_unstable_by_key(|&(fold, ..)| fold);
        for (fold, lookup, key) in probes {
            self.at_reference(fold, lookup, key, Whose::of(lookup, needs))?;
        }
        Ok(())
    }

    /// Leaves groups alone that are stored just as a record says; looks at the others, and at what is like a key.
    fn at_plain(&mut self, db: &Connection) -> Result<(), StoreError> {
        let plain = self.needs.plain.iter().map(|plain| (fold(plain.reference_key), plain));
        let mut probes: Vec<(i64, &Plain<'_>)> = plain.collect();
        probes.sort_unstable_by_key(|&(fold, _)| fold);
        self.seen.alike = content_hash::room(self.needs);
        let stored = hashes(db, self.tenant, &probes)?;
        let mut rest = &stored[..];
        for (fold, plain) in probes {
            let found;
            (rest, found) = content_hash::from(fold, rest);
            match content_hash::glance(plain, found, &self.seen) {
                Glance::Alike(id) if self.extra.is_none() => self.seen.alike[plain.record] = Some(id),
                Glance::Nothing if self.extra.is_none() => {}
                // A second reference of some group may be like the key as well.
                Glance::Alike(_) | Glance::Nothing | Glance::Unsettled => {
                    self.at_reference(fold, plain.key, plain.reference_key, Whose::Record)?;
                }
            }
        }
        Ok(())
    }

    fn at_reference(
        &mut self,
        fold: i64,
        lookup: &LookupKey,
        key: &ReferenceKey,
        whose: Whose,
    ) -> Result<(), StoreError> {
        let mut found = Probed::default();
        let mut rows = self.by_fold.query((self.tenant.0, fold))?;
        while let Some(row) = rows.next()? {
            let reference = rows::reference(row)?.ok_or_else(|| damaged("reference"))?;
            if !is_meant(lookup, &reference) {
                found.consider(&mut self.rows.texts, key, &reference);
                continue;
            }
            let id = rows::id(row)?;
            found.ids.push(id);
            if !self.seen.groups.contains_key(&id) {
                self.seen.groups.insert(id, self.rows.group(row, Some(key))?);
            }
        }
        drop(rows);
        self.at_extra_reference(fold, lookup, key, &mut found)?;
        found.enter(lookup, whose, &mut self.seen);
        Ok(())
    }

    fn at_extra_reference(
        &mut self,
        fold: i64,
        lookup: &LookupKey,
        key: &ReferenceKey,
        found: &mut Probed,
    ) -> Result<(), StoreError> {
        let Some(extra) = &mut self.extra else { return Ok(()) };
        let (tenant, mut meant) = (self.tenant, Vec::new());
        let mut rows = extra.by_fold.query((self.tenant.0, fold))?;
        while let Some(row) = rows.next()? {
            let reference = extra_reference(tenant, row)?;
            if is_meant(lookup, &reference) {
                meant.push(rows::group_id(row.get(2)?)?);
            } else {
                found.consider(&mut self.rows.texts, key, &reference);
            }
        }
        drop(rows);
        for id in meant {
            self.fetch(id, Some(key))?;
            found.ids.push(id);
        }
        Ok(())
    }

    /// Puts a group into the snapshot, if it is there.
    fn fetch(&mut self, id: GroupId, asked: Option<&ReferenceKey>) -> Result<(), StoreError> {
        if self.seen.groups.contains_key(&id) {
            return Ok(());
        }
        let mut rows = self.by_id.query((self.tenant.0, id.get()))?;
        if let Some(row) = rows.next()? {
            self.seen.groups.insert(id, self.rows.group(row, asked)?);
        }
        Ok(())
    }

    fn at_extra_references(&mut self) -> Result<(), StoreError> {
        let Some(extra) = &mut self.extra else { return Ok(()) };
        let tenant = self.tenant;
        for group in self.seen.groups.values_mut() {
            let mut rows = extra.of_group.query((self.tenant.0, group.id.get()))?;
            while let Some(row) = rows.next()? {
                group.references.push(self.rows.texts.reference(&extra_reference(tenant, row)?, None));
            }
        }
        Ok(())
    }
}

/// The hashes of what is stored under keys like those of records, which ascend by their numbers.
fn hashes(
    db: &Connection,
    tenant: TenantId,
    probes: &[(i64, &Plain<'_>)],
) -> Result<Vec<Hashed>, StoreError> {
    let mut folds: Vec<i64> = probes.iter().map(|&(fold, _)| fold).collect();
    folds.dedup();
    let mut select = db.prepare_cached(include_str!("sql/hashes.sql"))?;
    let mut rows = select.query((tenant.0, list(folds.into_iter())))?;
    let mut found = Vec::with_capacity(probes.len());
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, rows::group_id(row.get(1)?)?, row.get(2)?));
    }
    Ok(found)
}

fn by_id(key: &LookupKey) -> Option<(GroupId, &LookupKey)> {
    match key {
        LookupKey::Id(id) => Some((*id, key)),
        LookupKey::Key(_) | LookupKey::Reference(_) | LookupKey::New => None,
    }
}

/// The reference of a row of `extra_refs`.
fn extra_reference<'r>(tenant: TenantId, row: &'r Row<'_>) -> Result<RowReference<'r>, StoreError> {
    Checksum::default().integer(tenant.0).check("reference", row, 4)?;
    match (rows::text(row, 0)?, rows::text(row, 1)?) {
        (Some(source), Some(key)) => Ok(RowReference { source, key }),
        _ => Err(damaged("reference")),
    }
}

/// The references of one group, in their order.
pub(super) fn extra_references(
    db: &Connection,
    tenant: TenantId,
    id: GroupId,
) -> Result<Vec<ExternalReference>, StoreError> {
    let mut extra = ExtraRefs::prepare(db)?;
    let mut rows = extra.of_group.query((tenant.0, id.get()))?;
    let (mut texts, mut references) = (SharedTexts::default(), Vec::new());
    while let Some(row) = rows.next()? {
        references.push(texts.reference(&extra_reference(tenant, row)?, None));
    }
    Ok(references)
}

pub(super) fn load_hierarchy(
    db: &Connection,
    tenant: TenantId,
    needs: &HierarchyNeeds,
    into: &mut Snapshot,
) -> Result<(), StoreError> {
    for id in &needs.ancestors_of {
        climb(db, tenant, *id, into)?;
    }
    let stop: HashSet<i64> = needs.heights_of.iter().map(|id| id.get()).collect();
    for id in &needs.heights_of {
        let height = height(db, tenant, *id, &stop)?;
        into.heights.insert(*id, height);
    }
    for id in &needs.children_of {
        into.children.insert(*id, subtree::living_children(db, tenant, *id)?);
    }
    let stop: HashSet<i64> = needs.descendants_of.iter().map(|id| id.get()).collect();
    for id in &needs.descendants_of {
        into.descendants.insert(*id, subtree::living(db, tenant, id.get(), &stop)?.len());
    }
    Ok(())
}

/// Adds a group and all above it that are not known yet.
fn climb(db: &Connection, tenant: TenantId, from: GroupId, into: &mut Snapshot) -> Result<(), StoreError> {
    let mut next = Some(from);
    while let Some(id) = next.filter(|id| !into.ancestors.contains_key(id)) {
        let ancestor = match into.groups.get(&id) {
            Some(group) => Ancestor {
                parent: group.parent,
                key: group.references.first().map(|reference| reference.key.clone()),
                archived: group.is_archived(),
            },
            None => match ancestor(db, tenant, id)? {
                Some(ancestor) => ancestor,
                None => return Ok(()),
            },
        };
        next = ancestor.parent;
        into.ancestors.insert(id, ancestor);
    }
    Ok(())
}

fn ancestor(db: &Connection, tenant: TenantId, id: GroupId) -> Result<Option<Ancestor>, StoreError> {
    let mut select = db.prepare_cached(include_str!("sql/by_id.sql"))?;
    let mut found = select.query((tenant.0, id.get()))?;
    let Some(row) = found.next()? else { return Ok(None) };
    Rows::of(tenant).check(row)?;
    Ok(Some(Ancestor {
        parent: rows::parent(row)?,
        key: rows::reference(row)?.map(|reference| ReferenceKey::from_stored(reference.key)),
        archived: rows::is_archived(row)?,
    }))
}

/// Levels of the piece below and including a group, without entering groups of `stop`.
fn height(db: &Connection, tenant: TenantId, top: GroupId, stop: &HashSet<i64>) -> Result<usize, StoreError> {
    let mut level = vec![top.get()];
    for height in 1..MOST_LEVELS {
        level = children(db, tenant, &level)?;
        level.retain(|id| !stop.contains(id));
        if level.is_empty() {
            return Ok(height);
        }
        level.sort_unstable();
    }
    Err(StoreError::Corrupt(format!("the groups above group {top} run in a circle")))
}

/// The children of these groups, whose ids must ascend. Leaps from parent to parent along the index, so a
/// million leaves cost one probe if nothing has children among or behind them.
fn children(db: &Connection, tenant: TenantId, parents: &[i64]) -> Result<Vec<i64>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT parent_id, id FROM groups WHERE tenant = ?1 AND parent_id >= ?2 ORDER BY parent_id, id",
    )?;
    let (mut found, mut rest) = (Vec::new(), parents);
    while let Some(&first) = rest.first() {
        let mut rows = select.query((tenant.0, first))?;
        loop {
            let Some(row) = rows.next()? else { return Ok(found) };
            let parent: i64 = row.get(0)?;
            let (before, wanted) = (rest, rest.partition_point(|&id| id < parent));
            rest = &before[wanted..];
            match rest.first() {
                Some(&id) if id == parent => found.push(row.get(1)?),
                _ => break,
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::list;
    use crate::sqlite::migrate::database;

    /// No row of a group is fetched for a record that says what is stored, nor for a reference that is claimed.
    #[test]
    fn numbers_of_keys_are_looked_up_in_the_index_alone() {
        let db = database();
        for sql in [include_str!("sql/hashes.sql"), include_str!("sql/folds_shared.sql")] {
            let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("prepared");
            let steps =
                explain.query_map((1, list([1].into_iter())), |row| row.get("detail")).expect("explained");
            let steps: Vec<String> = steps.collect::<Result<_, _>>().expect("texts");
            let expected = "SEARCH groups USING COVERING INDEX groups_fold (tenant=? AND fold=?)";
            assert!(steps.iter().any(|step| step == expected), "{steps:?}");
            assert!(steps.iter().all(|step| step == expected || !step.contains("groups")), "{steps:?}");
        }
    }
}

//! The read side.

mod slice;

use std::collections::HashMap;

use directory::{
    Filter, Group, GroupId, GroupView, Life, Listed, LookupKey, Needs, Page, Place, ReferenceKey, TenantId,
};
use rusqlite::{CachedStatement, Connection};

pub(super) use self::slice::slice;
use super::load::{extra_references, load};
use super::rows::{self, Rows};
use super::tenants::Counters;
use crate::StoreError;
use crate::sabotage::of_any_tenant;

/// How many groups are looked at for one page at most. Type and time of change have no index: they would
/// cost every write an entry far from its neighbours.
pub(super) const MOST_LOOKED_AT: usize = 5000;

/// One look decides which groups a key means, for plans and for readers alike.
pub(super) fn find(db: &Connection, tenant: TenantId, key: &LookupKey) -> Result<Vec<GroupView>, StoreError> {
    let needs = Needs { keys: vec![key.clone()], ..Needs::default() };
    let seen = load(db, tenant, &needs)?;
    let ids = seen.matches.get(key).map_or(&[][..], Vec::as_slice);
    let views = ids.iter().filter_map(|id| view(db, tenant, *id).transpose()).collect::<Result<_, _>>()?;
    complete(db, tenant, views)
}

/// A group as it is shown, with its first reference only.
pub(super) fn view(db: &Connection, tenant: TenantId, id: GroupId) -> Result<Option<GroupView>, StoreError> {
    let mut rows = Rows::of(tenant);
    let mut select = db.prepare_cached(include_str!("sql/by_id.sql"))?;
    let mut found = select.query((tenant.0, id.get()))?;
    let Some(group) = found.next()?.map(|row| rows.group(row, None)).transpose()? else { return Ok(None) };
    drop(found);
    let parent_key = match group.parent {
        Some(parent) => first_key(&mut select, &mut rows, parent)?,
        None => None,
    };
    Ok(Some(GroupView { group, parent_key }))
}

pub(super) fn list(
    db: &Connection,
    tenant: TenantId,
    filter: &Filter,
    page: Page,
) -> Result<Listed, StoreError> {
    let mut select = db.prepare_cached(statement(filter))?;
    let mut found = walk(&mut select, tenant, filter, page.after.map_or(0, GroupId::get))?;
    let (mut rows, mut groups, mut next) = (Rows::of(tenant), Vec::new(), None);
    let mut looked_at = 0;
    while let Some(row) = found.next()? {
        looked_at += 1;
        if rows::passes(row, filter)? {
            groups.push(rows.group(row, None)?);
        }
        if groups.len() >= page.limit || looked_at >= MOST_LOOKED_AT {
            next = Some(rows::id(row)?);
            break;
        }
    }
    drop(found);
    Ok(Listed { views: complete(db, tenant, with_parents(db, tenant, groups)?)?, next })
}

/// The rows of the list's own index from here on.
pub(super) fn walk<'s>(
    select: &'s mut CachedStatement<'_>,
    tenant: TenantId,
    filter: &Filter,
    after: i64,
) -> Result<rusqlite::Rows<'s>, StoreError> {
    Ok(match filter.place {
        Place::Below(parent) => select.query((tenant.0, after, parent.get()))?,
        Place::Anywhere | Place::Roots => select.query((tenant.0, after))?,
    })
}

/// The statement that walks along the index which leaves out the most.
pub(super) fn statement(filter: &Filter) -> &'static str {
    match (filter.place, filter.life) {
        (Place::Below(_), _) => of_any_tenant(include_str!("sql/list_children.sql")),
        (Place::Roots, _) => include_str!("sql/list_roots.sql"),
        (Place::Anywhere, Life::Archived) => include_str!("sql/list_archived.sql"),
        (Place::Anywhere, Life::Living | Life::Any) => include_str!("sql/list_anywhere.sql"),
    }
}

/// Adds the keys of the parents. Only here and not by a join: it would look for the parents of groups that
/// a filter drops as well.
pub(super) fn with_parents(
    db: &Connection,
    tenant: TenantId,
    groups: Vec<Group>,
) -> Result<Vec<GroupView>, StoreError> {
    let mut rows = Rows::of(tenant);
    let mut select = db.prepare_cached(include_str!("sql/by_id.sql"))?;
    let mut known: HashMap<GroupId, Option<ReferenceKey>> = HashMap::new();
    let mut views = Vec::with_capacity(groups.len());
    for group in groups {
        if let Some(parent) = group.parent.filter(|parent| !known.contains_key(parent)) {
            known.insert(parent, first_key(&mut select, &mut rows, parent)?);
        }
        let parent_key = group.parent.and_then(|parent| known.get(&parent).cloned().flatten());
        views.push(GroupView { group, parent_key });
    }
    Ok(views)
}

/// The key of a group's first reference. The statement is the one that looks for a group by its id.
fn first_key(
    select: &mut CachedStatement<'_>,
    rows: &mut Rows,
    of: GroupId,
) -> Result<Option<ReferenceKey>, StoreError> {
    let mut found = select.query((rows.tenant().0, of.get()))?;
    let Some(row) = found.next()? else { return Ok(None) };
    rows.check(row)?;
    Ok(rows::reference(row)?.map(|reference| ReferenceKey::from_stored(reference.key)))
}

pub(super) fn ancestors(
    db: &Connection,
    tenant: TenantId,
    of: GroupId,
    page: Page,
) -> Result<Listed, StoreError> {
    let start = view(db, tenant, page.after.unwrap_or(of))?;
    let (mut views, mut above) = (Vec::new(), start.and_then(|view| view.group.parent));
    while let Some(id) = above.filter(|_| views.len() < page.limit) {
        let Some(found) = view(db, tenant, id)? else { break };
        above = found.group.parent;
        views.push(found);
    }
    let next = views.last().filter(|_| above.is_some()).map(|view| view.group.id);
    Ok(Listed { views: complete(db, tenant, views)?, next })
}

/// Adds the second and further references.
pub(super) fn complete(
    db: &Connection,
    tenant: TenantId,
    mut views: Vec<GroupView>,
) -> Result<Vec<GroupView>, StoreError> {
    if Counters::load(db, tenant)?.extra_refs > 0 {
        for view in &mut views {
            view.group.references.extend(extra_references(db, tenant, view.group.id)?);
        }
    }
    Ok(views)
}

#[cfg(test)]
mod tests;

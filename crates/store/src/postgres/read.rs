//! The read side.

mod slice;

use std::collections::HashMap;

use directory::{
    ExternalReference, Filter, Group, GroupId, GroupView, Life, Listed, LookupKey, Needs, Page, Place,
    ReferenceKey, TenantId,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

pub(super) use self::slice::slice;
use super::failure::damaged;
use super::link::Link;
use super::load::load;
use super::rows::{self, Rows};
use crate::StoreError;
use crate::references::RowReference;

/// How many groups are looked at for one page at most. Type and time of change have no index: they would
/// cost every write an entry far from its neighbours.
pub(super) const MOST_LOOKED_AT: usize = 5000;

/// One look decides which groups a key means, for plans and for readers alike.
pub(super) fn find(link: &mut Link, tenant: TenantId, key: &LookupKey) -> Result<Vec<GroupView>, StoreError> {
    let needs = Needs { keys: vec![key.clone()], ..Needs::default() };
    let seen = load(link, tenant, &needs)?;
    let ids = seen.matches.get(key).map_or(&[][..], Vec::as_slice);
    let mut found = views(link, tenant, ids)?;
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// Groups as they are shown. One that is not there is absent.
pub(super) fn views(
    link: &mut Link,
    tenant: TenantId,
    ids: &[GroupId],
) -> Result<HashMap<GroupId, GroupView>, StoreError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let (tenant, ids) = ((&tenant.0 as _, Type::INT8), (&ids as _, Type::INT8_ARRAY));
    let bound = [tenant, ids];
    let found = link.all(&[
        (include_str!("sql/views.sql"), &bound),
        (include_str!("sql/extra_references.sql"), &bound),
    ])?;
    let mut results = found.into_iter();
    let (mut rows, mut views) = (Rows::default(), HashMap::new());
    for row in results.next().unwrap_or_default() {
        let view = rows.view(&row)?;
        views.insert(view.group.id, view);
    }
    for row in results.next().unwrap_or_default() {
        let (id, reference) = extra_reference(&mut rows, &row)?;
        if let Some(view) = views.get_mut(&id) {
            view.group.references.push(reference);
        }
    }
    Ok(views)
}

pub(super) fn list(
    link: &mut Link,
    tenant: TenantId,
    filter: &Filter,
    page: Page,
) -> Result<Listed, StoreError> {
    let (mut rows, mut groups, mut next) = (Rows::default(), Vec::new(), None);
    let (mut after, mut looked_at, mut wanted) = (page.after.map_or(0, GroupId::get), 0, page.limit.max(1));
    'walk: loop {
        let found = chunk(link, tenant, filter, after, wanted)?;
        for row in &found {
            looked_at += 1;
            if rows::passes(row, filter)? {
                groups.push(rows.group(row, None)?);
            }
            if groups.len() >= page.limit || looked_at >= MOST_LOOKED_AT {
                next = Some(rows::id(row)?);
                break 'walk;
            }
        }
        let Some(last) = found.last().filter(|_| found.len() >= wanted) else { break };
        after = rows::id(last)?.get();
        wanted = more(looked_at, groups.len(), page.limit);
    }
    Ok(Listed { views: complete(link, tenant, groups)?, next })
}

/// How many rows to fetch next when of so many so few were let through: what is missing by the same share, but
/// not much more than before, and no more than may be looked at.
pub(super) fn more(looked_at: usize, found: usize, limit: usize) -> usize {
    let share = looked_at * limit.saturating_sub(found) / found.max(1);
    (share.min(4 * looked_at) + 16).min(MOST_LOOKED_AT.saturating_sub(looked_at)).max(1)
}

/// Rows of the list's own index from here on, at most so many.
pub(super) fn chunk(
    link: &mut Link,
    tenant: TenantId,
    filter: &Filter,
    after: i64,
    most: usize,
) -> Result<Vec<Row>, StoreError> {
    let most = bound(most);
    let (tenant, after, most) =
        ((&tenant.0 as _, Type::INT8), (&after as _, Type::INT8), (&most as _, Type::INT8));
    match filter.place {
        Place::Below(parent) => {
            let parent = parent.get();
            link.rows(include_str!("sql/list_children.sql"), &[tenant, after, most, (&parent, Type::INT8)])
        }
        Place::Roots => link.rows(include_str!("sql/list_roots.sql"), &[tenant, after, most]),
        Place::Anywhere => {
            let sql = match filter.life {
                Life::Archived => include_str!("sql/list_archived.sql"),
                Life::Living | Life::Any => include_str!("sql/list_anywhere.sql"),
            };
            link.rows(sql, &[tenant, after, most])
        }
    }
}

/// A number as statements take it.
pub(super) fn bound(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn ancestors(
    link: &mut Link,
    tenant: TenantId,
    of: GroupId,
    page: Page,
) -> Result<Listed, StoreError> {
    let (start, most) = (page.after.unwrap_or(of).get(), bound(page.limit));
    let found = link.rows(
        include_str!("sql/ancestors.sql"),
        &[(&tenant.0, Type::INT8), (&start, Type::INT8), (&most, Type::INT8)],
    )?;
    let mut rows = Rows::default();
    let groups = found.iter().map(|row| rows.group(row, None)).collect::<Result<Vec<_>, _>>()?;
    let next = groups.last().filter(|group| group.parent.is_some()).map(|group| group.id);
    Ok(Listed { views: complete(link, tenant, groups)?, next })
}

/// Adds what rows of groups do not show: the keys of the parents, and the second and further references. Parents
/// are not joined: they would be looked for for groups that a filter drops as well.
pub(super) fn complete(
    link: &mut Link,
    tenant: TenantId,
    groups: Vec<Group>,
) -> Result<Vec<GroupView>, StoreError> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = groups.iter().map(|group| group.id.get()).collect();
    let mut parents: Vec<i64> = groups.iter().filter_map(|group| group.parent).map(GroupId::get).collect();
    parents.sort_unstable();
    parents.dedup();
    let tenant = (&tenant.0 as _, Type::INT8);
    let mut results = link
        .all(&[
            (include_str!("sql/keys.sql"), &[tenant.clone(), (&parents, Type::INT8_ARRAY)]),
            (include_str!("sql/extra_references.sql"), &[tenant, (&ids, Type::INT8_ARRAY)]),
        ])?
        .into_iter();
    let mut keys: HashMap<GroupId, ReferenceKey> = HashMap::new();
    for row in results.next().unwrap_or_default() {
        let key = rows::text(&row, 1)?.map(ReferenceKey::from_stored);
        keys.extend(key.map(|key| Ok::<_, StoreError>((rows::id(&row)?, key))).transpose()?);
    }
    let mut extra = by_group(&results.next().unwrap_or_default())?;
    let view = |mut group: Group| {
        group.references.extend(extra.remove(&group.id).unwrap_or_default());
        let parent_key = group.parent.and_then(|parent| keys.get(&parent).cloned());
        GroupView { group, parent_key }
    };
    Ok(groups.into_iter().map(view).collect())
}

/// The second and further references of some groups; a group without any is absent.
pub(super) fn extra_references(
    link: &mut Link,
    tenant: TenantId,
    ids: &[i64],
) -> Result<HashMap<GroupId, Vec<ExternalReference>>, StoreError> {
    let bound = [(&tenant.0 as _, Type::INT8), (&ids as _, Type::INT8_ARRAY)];
    by_group(&link.rows(include_str!("sql/extra_references.sql"), &bound)?)
}

fn by_group(found: &[Row]) -> Result<HashMap<GroupId, Vec<ExternalReference>>, StoreError> {
    let (mut rows, mut extra) = (Rows::default(), HashMap::<GroupId, Vec<ExternalReference>>::new());
    for row in found {
        let (id, reference) = extra_reference(&mut rows, row)?;
        extra.entry(id).or_default().push(reference);
    }
    Ok(extra)
}

fn extra_reference(rows: &mut Rows, row: &Row) -> Result<(GroupId, ExternalReference), StoreError> {
    let word = |column| rows::text(row, column)?.ok_or_else(|| damaged("reference"));
    let found = RowReference { source: word(1)?, key: word(2)? };
    Ok((rows::id(row)?, rows.texts.reference(&found, None)))
}

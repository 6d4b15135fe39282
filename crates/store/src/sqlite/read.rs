//! The read side.

use directory::{GroupView, LookupKey, Needs, Page, TenantId};
use rusqlite::Connection;

use super::load::{extra_references, load};
use super::rows::Rows;
use super::tenants::Counters;
use crate::StoreError;

/// One look decides which groups a key means, for plans and for readers alike.
pub(super) fn find(db: &Connection, tenant: TenantId, key: &LookupKey) -> Result<Vec<GroupView>, StoreError> {
    let needs = Needs { keys: vec![key.clone()], ..Needs::default() };
    let seen = load(db, tenant, &needs)?;
    let ids = seen.matches.get(key).map_or(&[][..], Vec::as_slice);
    let mut select = db.prepare_cached(include_str!("sql/view_by_id.sql"))?;
    let (mut rows, mut views) = (Rows::default(), Vec::with_capacity(ids.len()));
    for id in ids {
        let mut found = select.query((tenant.0, id.get()))?;
        if let Some(row) = found.next()? {
            views.push(rows.view(row)?);
        }
    }
    complete(db, tenant, views)
}

pub(super) fn list(db: &Connection, tenant: TenantId, page: Page) -> Result<Vec<GroupView>, StoreError> {
    let mut select = db.prepare_cached(include_str!("sql/list.sql"))?;
    let after = page.after.map_or(0, directory::GroupId::get);
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX);
    let mut found = select.query((tenant.0, after, limit))?;
    let (mut rows, mut views) = (Rows::default(), Vec::with_capacity(page.limit.min(1000)));
    while let Some(row) = found.next()? {
        views.push(rows.view(row)?);
    }
    complete(db, tenant, views)
}

/// Adds the second and further references.
fn complete(
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

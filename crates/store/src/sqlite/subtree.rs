//! What lives below a group.

use std::collections::HashSet;

use directory::{Failure, GroupId, TenantId};
use rusqlite::Connection;

use crate::StoreError;

/// The living groups below a group, wherever they lie, without going down into groups of `stop`. Takes one
/// probe for each group of the subtree, and eight bytes.
pub(super) fn living(
    db: &Connection,
    tenant: TenantId,
    top: i64,
    stop: &HashSet<i64>,
) -> Result<Vec<i64>, StoreError> {
    let mut select = db.prepare_cached(include_str!("sql/children_with_life.sql"))?;
    let (mut living, mut rest) = (Vec::new(), vec![top]);
    while let Some(parent) = rest.pop() {
        let mut rows = select.query((tenant.0, parent))?;
        while let Some(row) = rows.next()? {
            let (id, lives): (i64, bool) = (row.get(0)?, row.get(1)?);
            if id == top {
                return Err(StoreError::Corrupt(format!("the groups above group {top} run in a circle")));
            }
            if !stop.contains(&id) {
                rest.push(id);
                living.extend(lives.then_some(id));
            }
        }
    }
    Ok(living)
}

/// How many children of a group live, counted as far as a plan wants to know.
pub(super) fn living_children(
    db: &Connection,
    tenant: TenantId,
    parent: GroupId,
) -> Result<usize, StoreError> {
    let mut select = db.prepare_cached(include_str!("sql/living_children.sql"))?;
    let mut rows = select.query((tenant.0, parent.get()))?;
    let mut count = 0;
    while count < Failure::MAX_CHILDREN && rows.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}

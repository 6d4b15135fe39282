//! The feed of changes: one walk along the index of revisions.
//!
//! Revisions are taken and committed in order by the one writer, so a reader that sees a revision sees all
//! below it: nothing can appear behind a place that was passed.

use directory::{ChangePlace, Changes, TenantId};
use rusqlite::Connection;

use super::read::{complete, with_parents};
use super::rows::Rows;
use super::tenants::Counters;
use crate::StoreError;

pub(super) fn changes(
    db: &Connection,
    tenant: TenantId,
    after: ChangePlace,
    limit: usize,
) -> Result<Option<Changes>, StoreError> {
    let revision = Counters::load(db, tenant)?.revision;
    if after.revision > revision {
        return Ok(None);
    }
    let mut select = db.prepare_cached(include_str!("sql/changes.sql"))?;
    let mut found = select.query((tenant.0, after.revision, after.group.get()))?;
    let (mut rows, mut groups, mut more) = (Rows::of(tenant), Vec::new(), false);
    while let Some(row) = found.next()? {
        more = groups.len() >= limit;
        if more {
            break;
        }
        groups.push(rows.group(row, None)?);
    }
    drop(found);
    let views = complete(db, tenant, with_parents(db, tenant, groups)?)?;
    let last = views.last().filter(|_| more).map(ChangePlace::after);
    Ok(Some(Changes { views, next: last.unwrap_or(ChangePlace::end_of(revision)), more }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_feed_walks_along_its_index() {
        let db = crate::sqlite::migrate::database();
        let sql = include_str!("sql/changes.sql");
        let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("prepared");
        let steps: Vec<String> = explain
            .query_map((1, 1, 1), |row| row.get("detail"))
            .expect("explained")
            .collect::<Result<_, _>>()
            .expect("texts");
        // One step: no sorter. It starts at the place itself, not at the beginning of its revision.
        assert_eq!(steps, ["SEARCH groups USING INDEX groups_revision (tenant=? AND (revision,id)>(?,?))"]);
    }
}

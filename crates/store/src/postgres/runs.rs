//! What is kept of batches that were carried out.

use directory::{Counts, RecordedRun, Run, RunFilter, RunId, RunList, RunPage, Success, TenantId, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::failure::damaged;
use super::link::{Expect, Link, Owned};
use super::read::{MOST_LOOKED_AT, bound, more};
use crate::StoreError;

/// The columns of a run, in the order in which statements name them.
const ID: usize = 0;
const KEY_ID: usize = 1;
const FACE: usize = 2;
const OPERATION: usize = 3;
const STARTED_AT: usize = 4;
const REVISION: usize = 5;
const DRY_RUN: usize = 6;
const IDEMPOTENCY_KEY: usize = 7;
const CREATED: usize = 8;
const UPDATED: usize = 9;
const UNCHANGED: usize = 10;
const ARCHIVED: usize = 11;
const RESTORED: usize = 12;
const FAILED: usize = 13;
const OMITTED: usize = 14;
const FAILURES: usize = 15;

/// A run that is there already is left as it is: whoever keeps it may not know that it was kept.
pub(super) fn keep(link: &mut Link, recorded: &RecordedRun) {
    let RecordedRun { run, failures } = recorded;
    let Counts { created, updated, unchanged, archived, restored, failed } = run.counts;
    let number = |number: i64| -> Owned { (Box::new(number), Type::INT8) };
    let text = |text: &str| -> Owned { (Box::new(text.to_owned()), Type::TEXT) };
    let bytes = |bytes: &[u8]| -> Owned { (Box::new(bytes.to_owned()), Type::BYTEA) };
    let mut values = vec![
        number(run.tenant.0),
        bytes(&run.id.to_bytes()),
        text(&run.key_id),
        text(&run.face),
        text(&run.operation),
        number(run.started_at.0),
        number(run.revision),
        (Box::new(run.dry_run), Type::BOOL),
        (Box::new(run.idempotency_key.clone()), Type::TEXT),
    ];
    let counts = [created, updated, unchanged, archived, restored, failed, run.omitted];
    values.extend(counts.map(|count| number(count.into())));
    values.push(bytes(failures));
    link.later(include_str!("sql/run_insert.sql"), values, Expect::Any);
}

/// Ids sort by the time at which the run began.
pub(super) fn forget(link: &mut Link, tenant: TenantId, until: Timestamp, most: u32) {
    let end = RunId::first_of(Timestamp(until.0.saturating_add(1)));
    let values: Vec<Owned> = vec![
        (Box::new(tenant.0), Type::INT8),
        (Box::new(end.to_bytes().to_vec()), Type::BYTEA),
        (Box::new(i64::from(most)), Type::INT8),
    ];
    link.later(include_str!("sql/runs_forget.sql"), values, Expect::Any);
}

pub(super) fn find(link: &mut Link, tenant: TenantId, id: RunId) -> Result<Option<RecordedRun>, StoreError> {
    let id = id.to_bytes().to_vec();
    let found =
        link.row(include_str!("sql/run_by_id.sql"), &[(&tenant.0, Type::INT8), (&id, Type::BYTEA)])?;
    let Some(row) = found else { return Ok(None) };
    recorded(tenant, &row).map(Some)
}

/// From a row that shows its failures.
pub(super) fn recorded(tenant: TenantId, row: &Row) -> Result<RecordedRun, StoreError> {
    Ok(RecordedRun { run: run(tenant, row)?, failures: row.try_get(FAILURES)? })
}

/// Whether a run is kept.
pub(super) fn is_there(link: &mut Link, tenant: TenantId, id: RunId) -> Result<bool, StoreError> {
    let id = id.to_bytes().to_vec();
    let sql = "SELECT 1 FROM runs WHERE tenant = $1 AND id = $2";
    Ok(link.row(sql, &[(&tenant.0, Type::INT8), (&id, Type::BYTEA)])?.is_some())
}

pub(super) fn list(
    link: &mut Link,
    tenant: TenantId,
    filter: &RunFilter,
    page: RunPage,
) -> Result<RunList, StoreError> {
    let mut before = page.before.map_or([u8::MAX; 16], RunId::to_bytes);
    let (mut list, mut looked_at, mut wanted) = (RunList::default(), 0, page.limit.max(1));
    loop {
        let found = chunk(link, tenant, filter, (before, page.oldest), wanted)?;
        for row in &found {
            looked_at += 1;
            let run = run(tenant, row)?;
            before = run.id.to_bytes();
            if filter.admits(&run) {
                list.runs.push(run);
            }
            if list.runs.len() >= page.limit || looked_at >= MOST_LOOKED_AT {
                list.next = Some(RunId::from_bytes(before));
                return Ok(list);
            }
        }
        if found.len() < wanted {
            return Ok(list);
        }
        wanted = more(looked_at, list.runs.len(), page.limit);
    }
}

/// Rows before an id and not before another, along the index which leaves out the most.
fn chunk(
    link: &mut Link,
    tenant: TenantId,
    filter: &RunFilter,
    (before, oldest): ([u8; 16], RunId),
    most: usize,
) -> Result<Vec<Row>, StoreError> {
    let (before, oldest, most) = (before.to_vec(), oldest.to_bytes().to_vec(), bound(most));
    let range = [
        (&tenant.0 as _, Type::INT8),
        (&before as _, Type::BYTEA),
        (&oldest as _, Type::BYTEA),
        (&most as _, Type::INT8),
    ];
    match (&filter.idempotency_key, filter.success) {
        (Some(key), _) => {
            let [tenant, before, oldest, most] = range;
            link.rows(include_str!("sql/runs_of_key.sql"), &[tenant, before, oldest, most, (key, Type::TEXT)])
        }
        (None, Success::NotWhole) => link.rows(include_str!("sql/runs_failed.sql"), &range),
        (None, Success::Any) => link.rows(include_str!("sql/runs.sql"), &range),
    }
}

fn run(tenant: TenantId, row: &Row) -> Result<Run, StoreError> {
    let id: &[u8] = row.try_get(ID)?;
    let count = |column: usize| -> Result<u32, StoreError> {
        u32::try_from(row.try_get::<_, i64>(column)?).map_err(|_| damaged("count of a run"))
    };
    Ok(Run {
        id: RunId::from_bytes(id.try_into().map_err(|_| damaged("run id"))?),
        tenant,
        key_id: row.try_get(KEY_ID)?,
        face: row.try_get(FACE)?,
        operation: row.try_get(OPERATION)?,
        started_at: Timestamp(row.try_get(STARTED_AT)?),
        revision: row.try_get(REVISION)?,
        dry_run: row.try_get(DRY_RUN)?,
        idempotency_key: row.try_get(IDEMPOTENCY_KEY)?,
        counts: Counts {
            created: count(CREATED)?,
            updated: count(UPDATED)?,
            unchanged: count(UNCHANGED)?,
            archived: count(ARCHIVED)?,
            restored: count(RESTORED)?,
            failed: count(FAILED)?,
        },
        omitted: count(OMITTED)?,
    })
}

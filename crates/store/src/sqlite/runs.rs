//! What is kept of batches that were carried out.

use directory::{Counts, RecordedRun, Run, RunFilter, RunId, RunList, RunPage, Success, TenantId, Timestamp};
use rusqlite::{Connection, Row};

use super::checksum::{Checksum, mismatch};
use super::read::MOST_LOOKED_AT;
use super::tenants::{Counters, no_such};
use crate::StoreError;

/// A run that is there already is left as it is: whoever keeps it may not know that it was kept.
pub(super) fn keep(db: &Connection, recorded: &RecordedRun) -> Result<(), StoreError> {
    let RecordedRun { run, failures } = recorded;
    if Counters::find(db, run.tenant)?.is_none() {
        return Err(no_such(run.tenant));
    }
    let mut insert = db.prepare_cached(include_str!("sql/run_insert.sql"))?;
    let Counts { created, updated, unchanged, archived, restored, failed } = run.counts;
    insert.execute(rusqlite::params![
        run.tenant.0,
        run.id.to_bytes(),
        run.key_id,
        run.face,
        run.operation,
        run.started_at.0,
        run.revision,
        run.dry_run,
        run.idempotency_key,
        created,
        updated,
        unchanged,
        archived,
        restored,
        failed,
        run.omitted,
        failures,
    ])?;
    Ok(())
}

/// Ids sort by the time at which the run began.
pub(super) fn forget(
    db: &Connection,
    tenant: TenantId,
    until: Timestamp,
    most: u32,
) -> Result<(), StoreError> {
    let mut delete = db.prepare_cached(
        "DELETE FROM runs WHERE row IN
           (SELECT row FROM runs INDEXED BY runs_id WHERE tenant = ?1 AND id < ?2 ORDER BY id LIMIT ?3)",
    )?;
    let end = RunId::first_of(Timestamp(until.0.saturating_add(1)));
    delete.execute((tenant.0, end.to_bytes(), most))?;
    Ok(())
}

pub(super) fn find(db: &Connection, tenant: TenantId, id: RunId) -> Result<Option<RecordedRun>, StoreError> {
    let mut select = db.prepare_cached(include_str!("sql/run_by_id.sql"))?;
    let mut rows = select.query((tenant.0, id.to_bytes()))?;
    rows.next()?.map(|row| recorded(tenant, row)).transpose()
}

pub(super) fn recorded(tenant: TenantId, row: &Row<'_>) -> Result<RecordedRun, StoreError> {
    let run = run(tenant, row)?;
    if !Checksum::default().value(row.get_ref("failures")?).is(row.get_ref("failures_checksum")?) {
        return Err(mismatch("the failures of run", row.get_ref(0)?));
    }
    Ok(RecordedRun { run, failures: row.get("failures")? })
}

pub(super) fn list(
    db: &Connection,
    tenant: TenantId,
    filter: &RunFilter,
    page: RunPage,
) -> Result<RunList, StoreError> {
    let mut select = db.prepare_cached(statement(filter))?;
    let before = page.before.map_or([u8::MAX; 16], RunId::to_bytes);
    let oldest = page.oldest.to_bytes();
    let mut found = match &filter.idempotency_key {
        Some(key) => select.query((tenant.0, before, oldest, key))?,
        None => select.query((tenant.0, before, oldest))?,
    };
    let (mut list, mut looked_at) = (RunList::default(), 0);
    while let Some(row) = found.next()? {
        looked_at += 1;
        let run = run(tenant, row)?;
        let id = run.id;
        if filter.admits(&run) {
            list.runs.push(run);
        }
        if list.runs.len() >= page.limit || looked_at >= MOST_LOOKED_AT {
            list.next = Some(id);
            break;
        }
    }
    Ok(list)
}

/// The statement that walks along the index which leaves out the most.
const fn statement(filter: &RunFilter) -> &'static str {
    match (&filter.idempotency_key, filter.success) {
        (Some(_), _) => include_str!("sql/runs_of_key.sql"),
        (None, Success::NotWhole) => include_str!("sql/runs_failed.sql"),
        (None, Success::Any) => include_str!("sql/runs.sql"),
    }
}

fn run(tenant: TenantId, row: &Row<'_>) -> Result<Run, StoreError> {
    Checksum::default().integer(tenant.0).check("run", row, 15)?;
    Ok(Run {
        id: RunId::from_bytes(row.get("id")?),
        tenant,
        key_id: row.get("key_id")?,
        face: row.get("face")?,
        operation: row.get("operation")?,
        started_at: Timestamp(row.get("started_at")?),
        revision: row.get("revision")?,
        dry_run: row.get("dry_run")?,
        idempotency_key: row.get("idempotency_key")?,
        counts: Counts {
            created: row.get("created")?,
            updated: row.get("updated")?,
            unchanged: row.get("unchanged")?,
            archived: row.get("archived")?,
            restored: row.get("restored")?,
            failed: row.get("failed")?,
        },
        omitted: row.get("omitted")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::migrate::database;

    #[test]
    fn every_list_of_runs_walks_along_its_index() {
        let db = database();
        let failed = RunFilter { success: Success::NotWhole, ..RunFilter::default() };
        let keyed = RunFilter { idempotency_key: Some("k".into()), ..failed.clone() };
        let range = "id>? AND id<?";
        for (filter, expected) in [
            (RunFilter::default(), format!("runs_id (tenant=? AND {range})")),
            (failed, format!("runs_failed (tenant=? AND {range})")),
            (keyed, format!("runs_idempotency_key (tenant=? AND idempotency_key=? AND {range})")),
        ] {
            let mut explain =
                db.prepare(&format!("EXPLAIN QUERY PLAN {}", statement(&filter))).expect("prepared");
            let bound = explain.parameter_count();
            let values = rusqlite::params_from_iter(std::iter::repeat_n(1, bound));
            let steps: Vec<String> = explain
                .query_map(values, |row| row.get("detail"))
                .expect("explained")
                .collect::<Result<_, _>>()
                .expect("texts");
            assert_eq!(steps, [format!("SEARCH runs USING INDEX {expected}")]);
        }
    }

    #[test]
    fn a_page_of_runs_looks_at_no_more_than_it_may() {
        let db = database();
        let many = 2 * MOST_LOOKED_AT + 1;
        db.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO runs SELECT i, 1, CAST(printf('%016d', i) AS BLOB), '', '', '', i, 1, i = 1, NULL,
               0, 0, 1, 0, 0, 0, 0, zeroblob(0),
               row_checksum(1, CAST(printf('%016d', i) AS BLOB), '', '', '', i, 1, i = 1, NULL,
                            0, 0, 1, 0, 0, 0, 0), row_checksum(zeroblob(0)) FROM n",
            [i64::try_from(many).expect("small")],
        )
        .expect("filled");
        let filter = RunFilter { dry_run: Some(true), ..RunFilter::default() };
        let mut page = RunPage { before: None, oldest: RunId::first_of(Timestamp(0)), limit: 10 };
        let mut sizes = Vec::new();
        loop {
            let listed = list(&db, TenantId(1), &filter, page).expect("listed");
            sizes.push(listed.runs.len());
            page.before = listed.next;
            if page.before.is_none() {
                break;
            }
        }
        assert_eq!(sizes, [0, 0, 1]);
    }
}

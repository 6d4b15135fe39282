//! Answers to writes that came with an idempotency key.

use directory::{RunId, TenantId, Timestamp};
use rusqlite::{Connection, Row};

use super::checksum::Checksum;
use super::tenants::{Counters, no_such};
use crate::{StoreError, StoredAnswer};

/// How many expired answers a write takes away: more than it adds, so that they become fewer, and few
/// enough not to be felt.
const MOST_PRUNED: i64 = 8;

pub(super) fn find(
    db: &Connection,
    tenant: TenantId,
    key: &str,
    now: Timestamp,
) -> Result<Option<StoredAnswer>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT key, fingerprint, status, body, expires_at, run, checksum FROM stored_answers
         WHERE tenant = ?1 AND key = ?2 AND expires_at > ?3",
    )?;
    let mut rows = select.query((tenant.0, key, now.0))?;
    rows.next()?.map(|row| answer(tenant, row)).transpose()
}

pub(super) fn answer(tenant: TenantId, row: &Row<'_>) -> Result<StoredAnswer, StoreError> {
    Checksum::default().integer(tenant.0).check("the answer to the idempotency key", row, 6)?;
    Ok(StoredAnswer {
        tenant,
        key: row.get(0)?,
        fingerprint: row.get(1)?,
        status: row.get(2)?,
        body: row.get(3)?,
        expires_at: Timestamp(row.get(4)?),
        run: row.get::<_, Option<[u8; 16]>>(5)?.map(RunId::from_bytes),
    })
}

pub(super) fn keep(db: &Connection, answer: &StoredAnswer, now: Timestamp) -> Result<(), StoreError> {
    if Counters::find(db, answer.tenant)?.is_none() {
        return Err(no_such(answer.tenant));
    }
    let mut prune = db.prepare_cached(
        "DELETE FROM stored_answers WHERE row IN
           (SELECT row FROM stored_answers WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
    )?;
    prune.execute((now.0, MOST_PRUNED))?;
    let mut insert = db.prepare_cached(
        "INSERT INTO stored_answers (tenant, key, fingerprint, status, body, expires_at, run, checksum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?8, row_checksum(?1, ?2, ?3, ?4, ?5, ?6, ?8))
         ON CONFLICT (tenant, key) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status,
           body = excluded.body, expires_at = excluded.expires_at, run = excluded.run,
           checksum = excluded.checksum
         WHERE stored_answers.expires_at <= ?7",
    )?;
    let (key, expires_at) = (&answer.key, answer.expires_at.0);
    let kept = insert.execute((
        answer.tenant.0,
        key,
        answer.fingerprint,
        answer.status,
        &answer.body,
        expires_at,
        now.0,
        answer.run.map(RunId::to_bytes),
    ))?;
    if kept == 0 {
        return Err(StoreError::Conflict(format!(
            "there is an answer to the idempotency key {key:?} already"
        )));
    }
    Ok(())
}

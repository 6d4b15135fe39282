//! Answers to writes that came with an idempotency key.

use directory::{RunId, TenantId, Timestamp};
use tokio_postgres::types::Type;

use super::failure::damaged;
use super::link::{Expect, Link};
use crate::{StoreError, StoredAnswer};

/// How many expired answers of its tenant a write takes away: more than it adds, so that they become fewer, and
/// few enough not to be felt.
const MOST_PRUNED: i64 = 8;

pub(super) fn find(
    link: &mut Link,
    tenant: TenantId,
    key: &str,
    now: Timestamp,
) -> Result<Option<StoredAnswer>, StoreError> {
    let row = link.row(
        "SELECT fingerprint, status, body, expires_at, run FROM stored_answers
         WHERE tenant = $1 AND key = $2 AND expires_at > $3",
        &[(&tenant.0, Type::INT8), (&key, Type::TEXT), (&now.0, Type::INT8)],
    )?;
    let Some(row) = row else { return Ok(None) };
    let fingerprint: &[u8] = row.try_get(0)?;
    let run: Option<&[u8]> = row.try_get(4)?;
    let run = run.map(|run| run.try_into().map_err(|_| damaged("run id"))).transpose()?;
    Ok(Some(StoredAnswer {
        tenant,
        key: key.to_owned(),
        fingerprint: fingerprint.try_into().map_err(|_| damaged("fingerprint"))?,
        status: u16::try_from(row.try_get::<_, i32>(1)?).map_err(|_| damaged("status"))?,
        body: row.try_get(2)?,
        expires_at: Timestamp(row.try_get(3)?),
        run: run.map(RunId::from_bytes),
    }))
}

/// With the next round trip.
pub(super) fn keep(link: &mut Link, answer: &StoredAnswer, now: Timestamp) {
    let prune = vec![
        (Box::new(answer.tenant.0) as _, Type::INT8),
        (Box::new(now.0) as _, Type::INT8),
        (Box::new(MOST_PRUNED) as _, Type::INT8),
    ];
    link.later(include_str!("sql/answers_prune.sql"), prune, Expect::Any);
    // Whatever had expired is gone or pruned: an insert that finds a row has found one that holds.
    let expired = vec![
        (Box::new(answer.tenant.0) as _, Type::INT8),
        (Box::new(answer.key.clone()) as _, Type::TEXT),
        (Box::new(now.0) as _, Type::INT8),
    ];
    link.later(
        "DELETE FROM stored_answers WHERE tenant = $1 AND key = $2 AND expires_at <= $3",
        expired,
        Expect::Any,
    );
    put(link, answer);
}

/// With the next round trip: an answer where there is none to its key.
pub(super) fn put(link: &mut Link, answer: &StoredAnswer) {
    let values = vec![
        (Box::new(answer.tenant.0) as _, Type::INT8),
        (Box::new(answer.key.clone()) as _, Type::TEXT),
        (Box::new(answer.fingerprint.to_vec()) as _, Type::BYTEA),
        (Box::new(i32::from(answer.status)) as _, Type::INT4),
        (Box::new(answer.body.clone()) as _, Type::BYTEA),
        (Box::new(answer.expires_at.0) as _, Type::INT8),
        (Box::new(answer.run.map(|run| run.to_bytes().to_vec())) as _, Type::BYTEA),
    ];
    let race = "there is an answer to the idempotency key already";
    link.later(include_str!("sql/answer_insert.sql"), values, Expect::Rows(1, race));
}

pub(super) fn is_there(
    link: &mut Link,
    tenant: TenantId,
    key: &str,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let row = link.row(
        "SELECT 1 FROM stored_answers WHERE tenant = $1 AND key = $2 AND expires_at = $3",
        &[(&tenant.0, Type::INT8), (&key, Type::TEXT), (&until.0, Type::INT8)],
    )?;
    Ok(row.is_some())
}

//! Access keys.

use directory::{TenantId, Timestamp};
use rusqlite::{Connection, Row};

use super::checksum::Checksum;
use super::errors::is_taken;
use super::tenants::{Counters, no_such};
use crate::{AccessKey, KeyKind, StoreError};

pub(super) fn find(db: &Connection, id: &str) -> Result<Option<AccessKey>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT id, tenant, hash, scopes, created_at, revoked_at, token_key, checksum FROM access_keys
         WHERE id = ?1",
    )?;
    let mut rows = select.query([id])?;
    rows.next()?.map(access_key).transpose()
}

pub(super) fn list(db: &Connection, tenant: Option<TenantId>) -> Result<Vec<AccessKey>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT id, tenant, hash, scopes, created_at, revoked_at, token_key, checksum FROM access_keys
         WHERE ?1 IS NULL OR tenant = ?1 ORDER BY created_at, id",
    )?;
    let mut rows = select.query([tenant.map(|tenant| tenant.0)])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(access_key(row)?);
    }
    Ok(keys)
}

pub(super) fn create(db: &Connection, key: &AccessKey) -> Result<(), StoreError> {
    // Tenants are numbered upwards: a key for one that is not there yet would open a later one.
    if Counters::find(db, key.tenant)?.is_none() {
        return Err(no_such(key.tenant));
    }
    let mut insert = db.prepare_cached(
        "INSERT INTO access_keys (id, tenant, hash, scopes, created_at, revoked_at, token_key, checksum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, row_checksum(?1, ?2, ?3, ?4, ?5, ?6, ?7))",
    )?;
    let revoked_at = key.revoked_at.map(|at| at.0);
    let token_key = match key.kind {
        KeyKind::Bearer => None,
        KeyKind::Client { token_key } => Some(token_key),
    };
    let row = (&key.id, key.tenant.0, key.hash, &key.scopes, key.created_at.0, revoked_at, token_key);
    match insert.execute(row) {
        Err(error) if is_taken(&error) => {
            Err(StoreError::Conflict(format!("access key {} is taken", key.id)))
        }
        other => Ok(other.map(drop)?),
    }
}

pub(super) fn revoke(db: &Connection, id: &str, at: Timestamp) -> Result<bool, StoreError> {
    // Nobody has looked at the row: a damaged one keeps the checksum that tells.
    let mut update = db.prepare_cached(
        "UPDATE access_keys
         SET revoked_at = ?2, checksum = CASE
           WHEN checksum = row_checksum(id, tenant, hash, scopes, created_at, revoked_at, token_key)
           THEN row_checksum(id, tenant, hash, scopes, created_at, ?2, token_key) ELSE checksum END
         WHERE id = ?1 AND revoked_at IS NULL",
    )?;
    Ok(update.execute((id, at.0))? == 1)
}

pub(super) fn access_key(row: &Row<'_>) -> Result<AccessKey, StoreError> {
    Checksum::default().check("access key", row, 7)?;
    Ok(AccessKey {
        id: row.get(0)?,
        tenant: TenantId(row.get(1)?),
        kind: row
            .get::<_, Option<[u8; 32]>>(6)?
            .map_or(KeyKind::Bearer, |token_key| KeyKind::Client { token_key }),
        hash: row.get(2)?,
        scopes: row.get(3)?,
        created_at: Timestamp(row.get(4)?),
        revoked_at: row.get::<_, Option<i64>>(5)?.map(Timestamp),
    })
}

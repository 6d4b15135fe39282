//! Access keys.

use directory::{TenantId, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::failure::{Failure, damaged};
use super::link::Link;
use super::tenants;
use crate::{AccessKey, KeyKind, StoreError};

pub(super) fn find(link: &mut Link, id: &str) -> Result<Option<AccessKey>, StoreError> {
    let sql =
        "SELECT id, tenant, hash, scopes, created_at, revoked_at, token_key FROM access_keys WHERE id = $1";
    // No text of the database has a zero byte, so no key has one.
    if id.contains('\0') {
        return Ok(None);
    }
    link.row(sql, &[(&id, Type::TEXT)])?.as_ref().map(access_key).transpose()
}

pub(super) fn list(link: &mut Link, tenant: Option<TenantId>) -> Result<Vec<AccessKey>, StoreError> {
    let sql = "SELECT id, tenant, hash, scopes, created_at, revoked_at, token_key FROM access_keys
               WHERE $1::bigint IS NULL OR tenant = $1 ORDER BY created_at, id";
    let tenant = tenant.map(|tenant| tenant.0);
    link.rows(sql, &[(&tenant, Type::INT8)])?.iter().map(access_key).collect()
}

pub(super) fn create(link: &mut Link, key: &AccessKey) -> Result<(), StoreError> {
    // Tenants are numbered upwards: a key for one that is not there yet would open a later one.
    if !tenants::exists(link, key.tenant)? {
        return Err(link.fail(Failure::defect(format!("there is no tenant {}", key.tenant.0))));
    }
    let token_key = match key.kind {
        KeyKind::Bearer => None,
        KeyKind::Client { token_key } => Some(token_key.to_vec()),
    };
    let made = link.run(
        "INSERT INTO access_keys (id, tenant, hash, scopes, created_at, revoked_at, token_key)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING",
        &[
            (&key.id, Type::TEXT),
            (&key.tenant.0, Type::INT8),
            (&&key.hash[..], Type::BYTEA),
            (&key.scopes, Type::TEXT),
            (&key.created_at.0, Type::INT8),
            (&key.revoked_at.map(|at| at.0), Type::INT8),
            (&token_key, Type::BYTEA),
        ],
    )?;
    if made == 1 {
        return Ok(());
    }
    Err(link.fail(Failure::race(format!("access key {} is taken", key.id))))
}

pub(super) fn revoke(link: &mut Link, id: &str, at: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE access_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    Ok(link.run(sql, &[(&id, Type::TEXT), (&at.0, Type::INT8)])? == 1)
}

pub(super) fn access_key(row: &Row) -> Result<AccessKey, StoreError> {
    let bytes = |column: usize, what: &str| {
        let bytes: Option<&[u8]> = row.try_get(column)?;
        bytes.map(|bytes| bytes.try_into().map_err(|_| damaged(what))).transpose()
    };
    Ok(AccessKey {
        id: row.try_get(0)?,
        tenant: TenantId(row.try_get(1)?),
        kind: bytes(6, "token key")?.map_or(KeyKind::Bearer, |token_key| KeyKind::Client { token_key }),
        hash: bytes(2, "hash of a key")?.ok_or_else(|| damaged("hash of a key"))?,
        scopes: row.try_get(3)?,
        created_at: Timestamp(row.try_get(4)?),
        revoked_at: row.try_get::<_, Option<i64>>(5)?.map(Timestamp),
    })
}

//! Tenants and their counters.

use directory::{AddressId, GroupId, TenantId, Timestamp};
use rusqlite::{Connection, Row};

use super::checksum::Checksum;
use super::errors::damaged;
use crate::moving::TenantHead;
use crate::{StoreError, Tenant};

/// What the transactions of a tenant move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counters {
    /// Of the last write.
    pub(super) revision: i64,
    /// The lowest id that was never assigned.
    pub(super) next_id: i64,
    /// Rows of `extra_refs`.
    pub(super) extra_refs: i64,
    /// The lowest id of an address that was never assigned.
    pub(super) next_address: AddressId,
}

impl Counters {
    /// Those of a tenant without groups, and of one that does not exist.
    fn none() -> Self {
        Self { revision: 0, next_id: 1, extra_refs: 0, next_address: AddressId::default() }
    }

    pub(super) fn find(db: &Connection, tenant: TenantId) -> Result<Option<Self>, StoreError> {
        let mut select = db.prepare_cached(
            "SELECT id, name, created_at, revision, next_id, extra_refs, next_attribute_id, next_address_id, checksum
             FROM tenants WHERE id = ?1",
        )?;
        let mut rows = select.query([tenant.0])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        check(row)?;
        let next_address = AddressId::new(row.get(7)?).ok_or_else(|| damaged("address id"))?;
        Ok(Some(Self { revision: row.get(3)?, next_id: row.get(4)?, extra_refs: row.get(5)?, next_address }))
    }

    pub(super) fn load(db: &Connection, tenant: TenantId) -> Result<Self, StoreError> {
        Ok(Self::find(db, tenant)?.unwrap_or_else(Self::none))
    }

    /// The counters of a tenant that is about to be written to, with its next revision.
    pub(super) fn next(db: &Connection, tenant: TenantId) -> Result<Self, StoreError> {
        let now = Self::find(db, tenant)?.ok_or_else(|| no_such(tenant))?;
        Ok(Self { revision: now.revision + 1, ..now })
    }

    /// An assigned id is not handed out again.
    pub(super) fn assigned(&mut self, id: GroupId) {
        self.next_id = self.next_id.max(id.get() + 1);
    }

    /// Neither is that of an address.
    pub(super) fn assigned_address(&mut self, id: AddressId) {
        self.next_address = self.next_address.max(id.next());
    }

    pub(super) fn store(self, db: &Connection, tenant: TenantId) -> Result<(), StoreError> {
        let mut update = db.prepare_cached(
            "UPDATE tenants
             SET revision = ?2, next_id = ?3, extra_refs = ?4, next_address_id = ?5,
                 checksum = row_checksum(id, name, created_at, ?2, ?3, ?4, next_attribute_id, ?5)
             WHERE id = ?1",
        )?;
        let next_address = self.next_address.get();
        update.execute((tenant.0, self.revision, self.next_id, self.extra_refs, next_address))?;
        Ok(())
    }
}

/// Writing for a tenant that does not exist is a defect of the caller: its credential named it.
pub(super) fn no_such(tenant: TenantId) -> StoreError {
    StoreError::Internal(format!("there is no tenant {}", tenant.0))
}

pub(super) fn list(db: &Connection) -> Result<Vec<Tenant>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT id, name, created_at, revision, next_id, extra_refs, next_attribute_id, next_address_id, checksum
         FROM tenants ORDER BY name",
    )?;
    let (mut rows, mut tenants) = (select.query(())?, Vec::new());
    while let Some(row) = rows.next()? {
        tenants.push(tenant(row)?);
    }
    Ok(tenants)
}

pub(super) fn by_name(db: &Connection, name: &str) -> Result<Option<Tenant>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT id, name, created_at, revision, next_id, extra_refs, next_attribute_id, next_address_id, checksum
         FROM tenants WHERE name = ?1",
    )?;
    let mut rows = select.query([name])?;
    rows.next()?.map(tenant).transpose()
}

pub(super) fn create(db: &Connection, name: &str, at: Timestamp) -> Result<Option<Tenant>, StoreError> {
    let mut insert = db.prepare_cached(
        "INSERT INTO tenants (name, created_at) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
    )?;
    if insert.execute((name, at.0))? == 0 {
        return Ok(None);
    }
    let id = TenantId(db.last_insert_rowid());
    // Its number is known only now.
    count_extra_refs(db, id, 0)?;
    Ok(Some(Tenant { id, name: name.to_owned(), created_at: at, revision: 0 }))
}

/// A tenant with everything that is counted for it.
pub(super) fn head(db: &Connection, id: TenantId) -> Result<Option<TenantHead>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT id, name, created_at, revision, next_id, extra_refs, next_attribute_id, next_address_id, checksum
         FROM tenants WHERE id = ?1",
    )?;
    let mut rows = select.query([id.0])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let next_address = AddressId::new(row.get(7)?).ok_or_else(|| damaged("address id"))?;
    let (next_group, next_attribute) = (row.get(4)?, row.get(6)?);
    Ok(Some(TenantHead { tenant: tenant(row)?, next_group, next_attribute, next_address }))
}

/// Counts so many rows of `extra_refs` more.
pub(super) fn count_extra_refs(db: &Connection, tenant: TenantId, more: i64) -> Result<(), StoreError> {
    let mut update = db.prepare_cached(
        "UPDATE tenants
         SET extra_refs = extra_refs + ?2,
             checksum = row_checksum(id, name, created_at, revision, next_id, extra_refs + ?2, next_attribute_id,
                                     next_address_id)
         WHERE id = ?1",
    )?;
    update.execute((tenant.0, more))?;
    Ok(())
}

/// Whether a row is what was written.
fn check(row: &Row<'_>) -> Result<(), StoreError> {
    Checksum::default().check("tenant", row, 8)
}

fn tenant(row: &Row<'_>) -> Result<Tenant, StoreError> {
    check(row)?;
    Ok(Tenant {
        id: TenantId(row.get(0)?),
        name: row.get(1)?,
        created_at: Timestamp(row.get(2)?),
        revision: row.get(3)?,
    })
}

//! Writes that are done once (rules §8).

use std::sync::PoisonError;

use directory::{RunId, TenantId, Timestamp};
use store::{ReadFor, StoreError};

use super::{Executed, Service, Written};

/// The promise that a write is done once (rules §8).
#[derive(Debug, Clone)]
pub(crate) struct Once {
    /// The caller's key.
    pub(crate) key: String,
    /// SHA-256 of what is asked.
    pub(crate) fingerprint: [u8; 32],
}

/// What became of a write that is to be done once.
#[derive(Debug)]
pub(crate) enum Fate<T = Box<Executed>> {
    /// It was done now.
    Done(Written, T),
    /// It was done before: this was the answer, and its run, if that was recorded.
    Replayed(Written, Option<RunId>),
    /// The first one is still under way.
    InUse,
    /// The key came with something else before.
    Reused,
}

impl Service {
    /// What was answered to this key, if it was. To be asked in each attempt: another server may be doing the same
    /// request, and then the answer of the faster one is the race that the other's plan has missed.
    pub(super) fn answered<T>(
        &self,
        tenant: TenantId,
        once: &Once,
        now: Timestamp,
    ) -> Result<Option<Fate<T>>, StoreError> {
        let kept = store::read_for(&*self.store, ReadFor::Plans, |reader| {
            reader.stored_answer(tenant, &once.key, now)
        })?;
        Ok(kept.map(|kept| {
            let written = Written { status: kept.status, body: kept.body };
            let same = kept.fingerprint == once.fingerprint;
            if same { Fate::Replayed(written, kept.run) } else { Fate::Reused }
        }))
    }
}

/// Holds an idempotency key while its request is under way on this server.
pub(super) struct UnderWay<'s> {
    service: &'s Service,
    entry: (TenantId, String),
}

impl<'s> UnderWay<'s> {
    /// `None` if a request with this key is under way.
    pub(super) fn begin(service: &'s Service, tenant: TenantId, key: &str) -> Option<Self> {
        let entry = (tenant, key.to_owned());
        let begun = service.under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.clone());
        // Made only if it holds the key: dropping it gives the key back.
        begun.then(|| Self { service, entry })
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.service.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.entry);
    }
}

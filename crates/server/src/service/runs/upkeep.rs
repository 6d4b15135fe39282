//! What is done about runs from time to time, whether batches come or not.

use std::sync::Arc;

use directory::{RunFilter, RunId, RunPage, TenantId, Timestamp};
use store::{StoreError, Turn};

use super::super::Service;

/// How many expired runs of a tenant one transaction takes away: its batches wait for no more than that.
const AT_ONCE: u32 = 1000;

impl Service {
    /// Where other servers read what this one stores: has runs that wait written, and does not wait for it.
    pub(crate) fn flush_for_others(self: &Arc<Self>) {
        if self.is_shared() && !self.ledger.lock().runs.is_empty() {
            self.flush_soon();
        }
    }

    /// Forgets the expired runs of all tenants: those that write nothing any more forget none by themselves.
    /// Where nothing has expired nothing is written.
    pub(crate) fn forget_expired_runs(&self) -> Result<(), StoreError> {
        let until = self.ledger.expired(self.clock.now());
        for tenant in self.read(|reader| reader.tenants())? {
            while self.has_run_until(tenant.id, until)? {
                store::write_for(&*self.store, Turn::Of(tenant.id), move |transaction| {
                    transaction.forget_runs(tenant.id, until, AT_ONCE)
                })?;
            }
        }
        Ok(())
    }

    /// Whether a run is stored that began at this moment or before.
    fn has_run_until(&self, tenant: TenantId, until: Timestamp) -> Result<bool, StoreError> {
        let before = Some(RunId::first_of(Timestamp(until.0.saturating_add(1))));
        let page = RunPage { before, oldest: RunId::from_bytes([0; 16]), limit: 1 };
        let found = self.read(|reader| reader.runs(tenant, &RunFilter::default(), page))?;
        Ok(!found.runs.is_empty())
    }
}

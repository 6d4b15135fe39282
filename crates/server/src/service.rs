//! The only place where plan meets store.
//!
//! A batch is planned on a snapshot first. Most nightly batches change nothing, and are answered from
//! that: nothing is locked, nothing is written. Otherwise the plan goes to the writer; if the tenant's
//! revision has moved meanwhile, the batch is planned again there, by the same function.

use std::sync::Arc;

use directory::{
    Batch, Clock, GroupView, LookupKey, Outcome, Page, Plan, PlanContext, TenantId, needs, needs_hierarchy,
    plan,
};
use store::{Reader, Store, StoreError, Transaction};

use crate::auth::{self, Principal};

/// How often a batch is planned anew when the store reports a race that its plan missed.
const ATTEMPTS: usize = 3;

/// What the server does, for every face.
pub(crate) struct Service {
    store: Box<dyn Store>,
    clock: Box<dyn Clock>,
    depth_limit: usize,
}

/// Whether a batch is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Execution {
    /// It is.
    Apply,
    /// It is only planned.
    DryRun,
}

impl Service {
    pub(crate) fn new(store: Box<dyn Store>, clock: Box<dyn Clock>, depth_limit: usize) -> Self {
        Self { store, clock, depth_limit }
    }

    /// Who sent this key.
    pub(crate) fn authenticate(&self, presented: &str) -> Result<Option<Principal>, StoreError> {
        self.read(|reader| auth::authenticate(reader, presented))
    }

    /// The groups that a key means, archived ones included.
    pub(crate) fn find(&self, tenant: TenantId, key: &LookupKey) -> Result<Vec<GroupView>, StoreError> {
        self.read(|reader| reader.find(tenant, key))
    }

    /// One page of the living groups.
    pub(crate) fn list(&self, tenant: TenantId, page: Page) -> Result<Vec<GroupView>, StoreError> {
        self.read(|reader| reader.list(tenant, page))
    }

    /// Whether the store answers and takes writes.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.store.check()?;
        self.read(|reader| reader.tenants().map(drop))
    }

    /// Finishes what waits and closes the store.
    pub(crate) fn close(&self) {
        self.store.close();
    }

    /// Plans a batch on a snapshot, and has it carried out if it changes anything. Returns when the
    /// result is durable. May block: call it where threads may wait.
    pub(crate) fn upsert(
        self: &Arc<Self>,
        batch: &Arc<Batch>,
        execution: Execution,
    ) -> Result<Outcome, StoreError> {
        for _ in 1..ATTEMPTS {
            match self.attempt(batch, execution) {
                Err(StoreError::Conflict(race)) => {
                    tracing::warn!(%race, "the plan missed a race; planning again");
                }
                settled => return settled,
            }
        }
        self.attempt(batch, execution)
    }

    fn attempt(self: &Arc<Self>, batch: &Arc<Batch>, execution: Execution) -> Result<Outcome, StoreError> {
        let (revision, plan) = self.read(|reader| self.plan(reader, batch))?;
        if execution == Execution::DryRun || plan.writes.is_empty() {
            // Asked after reading: "unchanged" is an acknowledgement of what was read.
            self.store.check()?;
            return Ok(plan.outcome);
        }
        let (service, batch) = (Arc::clone(self), Arc::clone(batch));
        store::write(&*self.store, move |transaction| service.carry_out(transaction, &batch, revision, &plan))
    }

    /// In the tenant's turn: applies the plan as it stands, or the one for what has come in between.
    fn carry_out(
        &self,
        transaction: &mut dyn Transaction,
        batch: &Batch,
        planned_on: i64,
        planned: &Plan,
    ) -> Result<Outcome, StoreError> {
        let at = self.clock.now();
        if transaction.revision(batch.tenant)? == planned_on {
            transaction.apply(batch.tenant, &planned.writes, at)?;
            return Ok(planned.outcome.clone());
        }
        let (_, plan) = self.plan(transaction, batch)?;
        if !plan.writes.is_empty() {
            transaction.apply(batch.tenant, &plan.writes, at)?;
        }
        Ok(plan.outcome)
    }

    /// The plan for what a reader sees, with the revision it is for.
    fn plan(&self, reader: &mut (impl Reader + ?Sized), batch: &Batch) -> Result<(i64, Plan), StoreError> {
        let mut seen = reader.load(batch.tenant, &needs(batch))?;
        let hierarchy = needs_hierarchy(batch, &seen);
        if !hierarchy.is_empty() {
            reader.load_hierarchy(batch.tenant, &hierarchy, &mut seen)?;
        }
        let mut ids = seen.free_ids.source(batch);
        let plan = plan(batch, &seen, &mut PlanContext { ids: &mut ids, depth_limit: self.depth_limit });
        Ok((seen.revision, plan))
    }

    fn read<T>(&self, job: impl FnMut(&mut dyn Reader) -> Result<T, StoreError>) -> Result<T, StoreError> {
        store::read(&*self.store, job)
    }
}

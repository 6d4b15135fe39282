//! The only place where plan meets store.
//!
//! A batch is planned on a snapshot first. Most nightly batches change nothing, and are answered from
//! that: nothing is locked, nothing is written. Otherwise the plan goes to the writer; if the tenant's
//! revision has moved meanwhile, the batch is planned again there, by the same function.

use std::sync::{Arc, Mutex, PoisonError};

use directory::{
    Batch, Clock, Filter, GroupId, GroupView, Listed, LookupKey, Outcome, Page, Place, Plan, PlanContext,
    TenantId, Tree, TreePage, needs, needs_hierarchy, plan,
};
use store::{Reader, Store, StoreError, Transaction};
use tokio::sync::oneshot;

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

/// What was found of the one group that a key should name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named<T> {
    /// It names none.
    Nobody,
    /// It names one.
    One(T),
    /// It names several.
    Several,
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

    /// One page of the groups that a filter lets through; below one parent, if one is named.
    pub(crate) fn list(
        &self,
        tenant: TenantId,
        parent: Option<&LookupKey>,
        filter: &Filter,
        page: Page,
    ) -> Result<Named<Listed>, StoreError> {
        match parent {
            None => self.read(|reader| reader.list(tenant, filter, page)).map(Named::One),
            Some(parent) => self.of_one(tenant, parent, |reader, parent| {
                reader.list(tenant, &Filter { place: Place::Below(parent), ..filter.clone() }, page)
            }),
        }
    }

    /// One page of the groups above one.
    pub(crate) fn ancestors(
        &self,
        tenant: TenantId,
        of: &LookupKey,
        page: Page,
    ) -> Result<Named<Listed>, StoreError> {
        self.of_one(tenant, of, |reader, of| reader.ancestors(tenant, of, page))
    }

    /// One page of the tree below one; `None` where the page's start has left it.
    pub(crate) fn tree(
        &self,
        tenant: TenantId,
        of: &LookupKey,
        page: TreePage,
    ) -> Result<Named<Option<Tree>>, StoreError> {
        self.of_one(tenant, of, |reader, of| reader.tree(tenant, of, page))
    }

    /// Reads what belongs to the one group of this key, at the moment at which it was found.
    fn of_one<T>(
        &self,
        tenant: TenantId,
        key: &LookupKey,
        job: impl Fn(&mut dyn Reader, GroupId) -> Result<T, StoreError>,
    ) -> Result<Named<T>, StoreError> {
        self.read(|reader| match &reader.find(tenant, key)?[..] {
            [] => Ok(Named::Nobody),
            [view] => job(reader, view.group.id).map(Named::One),
            _ => Ok(Named::Several),
        })
    }

    /// Whether the store answers.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
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
            return Ok(plan.outcome);
        }
        let planned = Planned { service: Arc::clone(self), batch: Arc::clone(batch), revision, plan };
        let outcome = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&outcome);
        let (done, fate) = oneshot::channel();
        self.store.write(
            Box::new(move |transaction| {
                let outcome = planned.carry_out(transaction)?;
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
                Ok(())
            }),
            Box::new(move |result| drop(done.send(result))),
        )?;
        let silent = || StoreError::OutcomeUnknown("the writer ended without an answer".into());
        fate.blocking_recv().map_err(|_| silent())??;
        outcome.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(silent)
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

    fn read<T>(
        &self,
        mut job: impl FnMut(&mut dyn Reader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut answer = None;
        self.store.read(&mut |reader| {
            answer = Some(job(reader)?);
            Ok(())
        })?;
        answer.ok_or_else(|| StoreError::Internal("a read ended without an answer".into()))
    }
}

/// A batch with the plan that was made for it on a snapshot.
struct Planned {
    service: Arc<Service>,
    batch: Arc<Batch>,
    revision: i64,
    plan: Plan,
}

impl Planned {
    /// In the tenant's turn: applies the plan as it stands, or the one for what has come in between.
    fn carry_out(&self, transaction: &mut dyn Transaction) -> Result<Outcome, StoreError> {
        let tenant = self.batch.tenant;
        let at = self.service.clock.now();
        if transaction.revision(tenant)? == self.revision {
            transaction.apply(tenant, &self.plan.writes, at)?;
            return Ok(self.plan.outcome.clone());
        }
        let (_, plan) = self.service.plan(transaction, &self.batch)?;
        if !plan.writes.is_empty() {
            transaction.apply(tenant, &plan.writes, at)?;
        }
        Ok(plan.outcome)
    }
}

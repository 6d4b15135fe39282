//! The only place where plan meets store.
//!
//! A batch is planned on a snapshot first. Most nightly batches change nothing, and are answered from
//! that: nothing is locked, nothing is written. Otherwise the plan goes to the writer; if the tenant's
//! revision has moved meanwhile, the batch is planned again there, by the same function.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use directory::{
    Batch, Clock, Filter, GroupId, GroupView, Listed, LookupKey, Outcome, Page, Place, Plan, PlanContext,
    TenantId, Timestamp, Tree, TreePage, needs, needs_hierarchy, plan,
};
use store::{Reader, Store, StoreError, StoredAnswer, Transaction};

use crate::auth::{self, Principal};

/// How often a batch is planned anew when the store reports a race that its plan missed.
const ATTEMPTS: usize = 3;

/// What the server does, for every face.
pub(crate) struct Service {
    store: Box<dyn Store>,
    clock: Box<dyn Clock>,
    depth_limit: usize,
    /// How long answers are kept for their idempotency keys, in milliseconds.
    answers_kept_ms: i64,
    /// Idempotency keys of requests that are under way. Two servers never share a data directory, so what
    /// another one does need not be known.
    under_way: Mutex<HashSet<(TenantId, String)>>,
}

/// The promise that a write is done once (rules §8).
#[derive(Debug, Clone)]
pub(crate) struct Once {
    /// The caller's key.
    pub(crate) key: String,
    /// SHA-256 of what is asked.
    pub(crate) fingerprint: [u8; 32],
}

/// An answer in a face's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// What became of a write that is to be done once.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It was done now.
    Done(Written, Outcome),
    /// It was done before: this was the answer.
    Replayed(Written),
    /// The first one is still under way.
    InUse,
    /// The key came with something else before.
    Reused,
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
    pub(crate) fn new(
        store: Box<dyn Store>,
        clock: Box<dyn Clock>,
        depth_limit: usize,
        answers_kept_ms: i64,
    ) -> Self {
        let under_way = Mutex::default();
        Self { store, clock, depth_limit, answers_kept_ms, under_way }
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
        retrying(|| {
            let (revision, plan) = self.read(|reader| self.plan(reader, batch))?;
            if execution == Execution::DryRun || plan.writes.is_empty() {
                // Asked after reading: "unchanged" is an acknowledgement of what was read.
                self.store.check()?;
                return Ok(plan.outcome);
            }
            let (service, batch) = (Arc::clone(self), Arc::clone(batch));
            store::write(&*self.store, move |transaction| {
                service.carry_out(transaction, &batch, revision, &plan)
            })
        })
    }

    /// The same, done once for this key: the answer, as the face writes it, is kept in the transaction of
    /// what it tells of.
    pub(crate) fn upsert_once(
        self: &Arc<Self>,
        batch: &Arc<Batch>,
        once: &Once,
        write: impl Fn(&Outcome) -> Written + Send + Sync + 'static,
    ) -> Result<Fate, StoreError> {
        let Some(_turn) = UnderWay::begin(self, batch.tenant, &once.key) else { return Ok(Fate::InUse) };
        let now = self.clock.now();
        if let Some(kept) = self.read(|reader| reader.stored_answer(batch.tenant, &once.key, now))? {
            return Ok(if kept.fingerprint == once.fingerprint {
                Fate::Replayed(Written { status: kept.status, body: kept.body })
            } else {
                Fate::Reused
            });
        }
        let write = Arc::new(write);
        let (written, outcome) = retrying(|| {
            let (revision, plan) = self.read(|reader| self.plan(reader, batch))?;
            let (service, batch, once) = (Arc::clone(self), Arc::clone(batch), once.clone());
            let write = Arc::clone(&write);
            store::write(&*self.store, move |transaction| {
                let outcome = service.carry_out(transaction, &batch, revision, &plan)?;
                let written = write(&outcome);
                transaction.keep_answer(&service.kept(&batch, &once, &written, now), now)?;
                Ok((written, outcome))
            })
        })?;
        Ok(Fate::Done(written, outcome))
    }

    fn kept(&self, batch: &Batch, once: &Once, written: &Written, now: Timestamp) -> StoredAnswer {
        StoredAnswer {
            tenant: batch.tenant,
            key: once.key.clone(),
            fingerprint: once.fingerprint,
            status: written.status,
            body: written.body.clone(),
            expires_at: Timestamp(now.0.saturating_add(self.answers_kept_ms)),
        }
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
        let planned_anew;
        let plan = if transaction.revision(batch.tenant)? == planned_on {
            planned
        } else {
            planned_anew = self.plan(transaction, batch)?.1;
            &planned_anew
        };
        if !plan.writes.is_empty() {
            transaction.apply(batch.tenant, &plan.writes, at)?;
        }
        Ok(plan.outcome.clone())
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

/// Plans and writes anew when the plan missed a race.
fn retrying<T>(attempt: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    for _ in 1..ATTEMPTS {
        match attempt() {
            Err(StoreError::Conflict(race)) => {
                tracing::warn!(%race, "the plan missed a race; planning again");
            }
            settled => return settled,
        }
    }
    attempt()
}

/// Holds an idempotency key while its request is under way.
struct UnderWay<'s> {
    service: &'s Service,
    entry: (TenantId, String),
}

impl<'s> UnderWay<'s> {
    /// `None` if a request with this key is under way.
    fn begin(service: &'s Service, tenant: TenantId, key: &str) -> Option<Self> {
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

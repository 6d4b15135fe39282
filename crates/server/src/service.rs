//! The only place where plan meets store.
//!
//! A batch is planned on a snapshot first. Most nightly batches change nothing, and are answered from
//! that: nothing is locked, nothing is written. Otherwise the plan goes to the writer; if the tenant's
//! revision has moved meanwhile, the batch is planned again there, by the same function.

mod once;
mod reads;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use directory::{
    Batch, Clock, Outcome, Plan, PlanContext, TenantId, Timestamp, needs, needs_hierarchy, plan,
};
use store::{ReadFor, Reader, Store, StoreError, StoredAnswer, Transaction};

use crate::auth::{self, Principal};
use once::UnderWay;
pub(crate) use once::{Fate, Once};
pub(crate) use reads::Named;

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

/// An answer in a face's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
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
        store::read_for(&*self.store, ReadFor::Keys, |reader| auth::authenticate(reader, presented))
    }

    /// Whether the store answers and takes writes.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.store.check()?;
        store::read_for(&*self.store, ReadFor::Keys, |reader| reader.tenants().map(drop))
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
            let (revision, plan) = self.plan_first(batch)?;
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
        let kept = store::read_for(&*self.store, ReadFor::Plans, |reader| {
            reader.stored_answer(batch.tenant, &once.key, now)
        })?;
        if let Some(kept) = kept {
            return Ok(if kept.fingerprint == once.fingerprint {
                Fate::Replayed(Written { status: kept.status, body: kept.body })
            } else {
                Fate::Reused
            });
        }
        let write = Arc::new(write);
        let (written, outcome) = retrying(|| {
            let (revision, plan) = self.plan_first(batch)?;
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

    /// The plan for what is stored now.
    fn plan_first(&self, batch: &Batch) -> Result<(i64, Plan), StoreError> {
        store::read_for(&*self.store, ReadFor::Plans, |reader| self.plan(reader, batch))
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

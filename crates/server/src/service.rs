//! The only place where plan meets store.
//!
//! A batch is planned on a snapshot first. Most nightly batches change nothing, and are answered from
//! that: nothing is locked, nothing is written. Otherwise the plan goes to the writer; if the tenant's
//! revision has moved meanwhile, the batch is planned again there, by the same function.

mod once;
mod reads;
mod runs;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use directory::{
    Batch, Clock, Outcome, PlanContext, RunId, TenantId, Timestamp, needs, needs_hierarchy, plan,
};
use store::{Reader, Store, StoreError, StoredAnswer, Transaction};

use crate::auth::{self, Denied, Principal};
use once::UnderWay;
pub(crate) use once::{Fate, Once};
pub(crate) use reads::Named;
use runs::{Begun, Done, Ledger, Planned};
pub(crate) use runs::{Caller, Executed};

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
    /// Runs that changed nothing and wait for a transaction.
    ledger: Arc<Ledger>,
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
        runs_kept_ms: i64,
    ) -> Self {
        let (under_way, ledger) = (Mutex::default(), Arc::new(Ledger::new(runs_kept_ms)));
        Self { store, clock, depth_limit, answers_kept_ms, under_way, ledger }
    }

    /// Who sent this key.
    pub(crate) fn authenticate(&self, presented: &str) -> Result<Result<Principal, Denied>, StoreError> {
        self.read(|reader| auth::authenticate(reader, presented))
    }

    /// Whether the store answers and takes writes.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.store.check()?;
        self.read(|reader| reader.tenants().map(drop))
    }

    /// Finishes what waits and closes the store.
    pub(crate) fn close(&self) {
        self.flush_last();
        self.store.close();
    }

    /// Plans a batch on a snapshot, and has it carried out if it changes anything. Returns when the
    /// result is durable. May block: call it where threads may wait.
    pub(crate) fn upsert(
        self: &Arc<Self>,
        batch: &Arc<Batch>,
        execution: Execution,
        caller: Caller,
    ) -> Result<Executed, StoreError> {
        let begun = self.begin(caller, batch, execution, None)?;
        let entered = retrying(|| {
            let planned = self.read(|reader| self.plan(reader, batch, &begun))?;
            if execution == Execution::DryRun || planned.plan.writes.is_empty() {
                // Asked after reading: "unchanged" is an acknowledgement of what was read.
                self.store.check()?;
                return Ok(planned.into_done().leave());
            }
            let (service, batch, begun) = (Arc::clone(self), Arc::clone(batch), Arc::clone(&begun));
            store::write(&*self.store, move |transaction| {
                let done = service.carry_out(transaction, &batch, &begun, &planned)?;
                if done.wrote { service.enter(transaction, done) } else { Ok(done.leave()) }
            })
        })?;
        Ok(self.settle(entered))
    }

    /// The same, done once for this key: the answer, as the face writes it, is kept in the transaction of
    /// what it tells of.
    pub(crate) fn upsert_once(
        self: &Arc<Self>,
        batch: &Arc<Batch>,
        once: &Once,
        caller: Caller,
        write: impl Fn(&Outcome) -> Written + Send + Sync + 'static,
    ) -> Result<Fate, StoreError> {
        let Some(_turn) = UnderWay::begin(self, batch.tenant, &once.key) else { return Ok(Fate::InUse) };
        let now = self.clock.now();
        if let Some(kept) = self.read(|reader| reader.stored_answer(batch.tenant, &once.key, now))? {
            return Ok(if kept.fingerprint == once.fingerprint {
                Fate::Replayed(Written { status: kept.status, body: kept.body }, kept.run)
            } else {
                Fate::Reused
            });
        }
        let write = Arc::new(write);
        let begun = self.begin(caller, batch, Execution::Apply, Some(&once.key))?;
        let (written, entered) = retrying(|| {
            let planned = self.read(|reader| self.plan(reader, batch, &begun))?;
            let (service, batch, once) = (Arc::clone(self), Arc::clone(batch), once.clone());
            let (write, begun) = (Arc::clone(&write), Arc::clone(&begun));
            store::write(&*self.store, move |transaction| {
                let done = service.carry_out(transaction, &batch, &begun, &planned)?;
                let written = write(&done.outcome);
                transaction.keep_answer(&service.kept(&batch, &once, &written, done.id(), now), now)?;
                Ok((written, service.enter(transaction, done)?))
            })
        })?;
        Ok(Fate::Done(written, self.settle(entered)))
    }

    fn kept(
        &self,
        batch: &Batch,
        once: &Once,
        written: &Written,
        run: RunId,
        now: Timestamp,
    ) -> StoredAnswer {
        StoredAnswer {
            run: Some(run),
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
        begun: &Begun,
        planned: &Planned,
    ) -> Result<Done, StoreError> {
        let at = self.clock.now();
        let planned_anew;
        let planned = if transaction.revision(batch.tenant)? == planned.revision() {
            planned
        } else {
            planned_anew = self.plan(transaction, batch, begun)?;
            &planned_anew
        };
        if planned.plan.writes.is_empty() {
            return Ok(planned.done());
        }
        Ok(planned.done().at(transaction.apply(batch.tenant, &planned.plan.writes, at)?))
    }

    /// The plan for what a reader sees, with the run that it makes.
    fn plan(
        &self,
        reader: &mut (impl Reader + ?Sized),
        batch: &Batch,
        begun: &Begun,
    ) -> Result<Planned, StoreError> {
        let mut seen = reader.load(batch.tenant, &needs(batch))?;
        let hierarchy = needs_hierarchy(batch, &seen);
        if !hierarchy.is_empty() {
            reader.load_hierarchy(batch.tenant, &hierarchy, &mut seen)?;
        }
        let mut ids = seen.free_ids.source(batch);
        let plan = plan(batch, &seen, &mut PlanContext { ids: &mut ids, depth_limit: self.depth_limit });
        Ok(begun.plan(seen.revision, plan))
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

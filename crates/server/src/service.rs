//! The only place where plan meets store.
//!
//! A batch is planned on a snapshot first. Most nightly batches change nothing, and are answered from
//! that: nothing is locked, nothing is written. Otherwise the plan goes to the writer; if the tenant's
//! revision has moved meanwhile, the batch is planned again there, by the same function.

mod changes;
mod definitions;
mod once;
mod planning;
mod reads;
mod runs;
mod shared;
mod tokens;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use directory::{Batch, Clock, GroupView, Outcome, RunId, TenantId, Timestamp};
use store::sabotage::{Defect, is_on};
use store::{AccessKey, ReadFor, Reader, Store, StoreError, StoredAnswer, Transaction, Turn};

use crate::auth::{self, Denied, Principal};
use changes::Wakes;
pub(crate) use changes::{Followed, Hint};
use once::UnderWay;
pub(crate) use once::{Fate, Once};
pub(crate) use reads::Named;
use runs::Ledger;
pub(crate) use runs::{Caller, Executed};
pub(crate) use tokens::{Issued, NoToken};

/// How often a batch is planned anew when the store reports a race that its plan missed.
const ATTEMPTS: usize = 3;

/// What the server does, for every face.
pub(crate) struct Service {
    store: Box<dyn Store>,
    clock: Box<dyn Clock>,
    depth_limit: usize,
    /// How long answers are kept for their idempotency keys, in milliseconds.
    answers_kept_ms: i64,
    /// Idempotency keys of requests that are under way here. What another server on the same database does is
    /// seen when it has answered.
    under_way: Mutex<HashSet<(TenantId, String)>>,
    wakes: Arc<Wakes>,
    /// Runs that changed nothing and wait for a transaction.
    ledger: Arc<Ledger>,
}

/// An answer in a face's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// What a caller is to be shown of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// The outcome of each record.
    Outcome,
    /// The group of its one record too.
    Group,
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
        let wakes = Wakes::of(&*store);
        Self { store, clock, depth_limit, answers_kept_ms, under_way, wakes, ledger }
    }

    /// Who sent this key or token.
    pub(crate) fn authenticate(&self, presented: &str) -> Result<Result<Principal, Denied>, StoreError> {
        auth::authenticate_with(presented, |id| self.access_key(id), self.clock.now())
    }

    fn access_key(&self, id: &str) -> Result<Option<AccessKey>, StoreError> {
        store::read_for(&*self.store, ReadFor::Keys, |reader| reader.access_key(id))
    }

    /// Whether the store answers and takes writes.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.store.check()?;
        // Nobody's: what is asked is whether it answers.
        store::read_for(&*self.store, ReadFor::Health, |reader| reader.revision(TenantId(0)).map(drop))
    }

    /// Gives back memory that was needed for what is over.
    pub(crate) fn give_back(&self) {
        self.store.give_back();
    }

    /// Finishes what waits and closes the store.
    pub(crate) fn close(&self) {
        self.flush_last();
        self.store.close();
    }

    /// Plans a batch on a snapshot, and has it carried out if it changes anything. Returns when the
    /// result is durable. May block: call it where threads may wait.
    pub(crate) fn carry_out(
        self: &Arc<Self>,
        batch: &Arc<Batch>,
        execution: Execution,
        caller: Caller,
    ) -> Result<Executed, StoreError> {
        let begun = self.begin(caller, batch, execution, None)?;
        let entered = retrying(|| {
            let (planned, view) = self.plan_first(batch, &begun)?;
            if execution == Execution::DryRun || planned.plan.writes.is_empty() {
                // Asked after reading: "unchanged" is an acknowledgement of what was read.
                self.store.check()?;
                return Ok(planned.into_done(view).leave());
            }
            let (service, batch, begun) = (Arc::clone(self), Arc::clone(batch), Arc::clone(&begun));
            // Kept here too: the writer has others to serve than to take it apart.
            let planned = Arc::new(Mutex::new(planned));
            let plan = Arc::clone(&planned);
            self.write(batch.tenant, move |transaction| {
                let done = service.take_turn(transaction, &batch, &begun, &plan)?;
                if done.wrote { service.enter(transaction, done) } else { Ok(done.leave()) }
            })
        })?;
        Ok(self.settle(entered))
    }

    /// The same, done once for this key: the answer, as the face writes it, is kept in the transaction of
    /// what it tells of.
    pub(crate) fn carry_out_once(
        self: &Arc<Self>,
        batch: &Arc<Batch>,
        once: &Once,
        caller: Caller,
        write: impl Fn(&Outcome, Option<&GroupView>) -> Written + Send + Sync + 'static,
    ) -> Result<Fate, StoreError> {
        let Some(_turn) = UnderWay::begin(self, batch.tenant, &once.key) else { return Ok(Fate::InUse) };
        let now = self.clock.now();
        let write = Arc::new(write);
        let begun = self.begin(caller, batch, Execution::Apply, Some(&once.key))?;
        retrying(|| {
            if let Some(fate) = self.answered(batch.tenant, once, now)? {
                return Ok(fate);
            }
            let planned = Arc::new(Mutex::new(self.plan_first(batch, &begun)?.0));
            let plan = Arc::clone(&planned);
            let (service, batch, once) = (Arc::clone(self), Arc::clone(batch), once.clone());
            let (write, begun) = (Arc::clone(&write), Arc::clone(&begun));
            let (written, entered, kept) = self.write(batch.tenant, move |transaction| {
                let done = service.take_turn(transaction, &batch, &begun, &plan)?;
                let written = write(&done.outcome, done.view.as_ref());
                let kept = service.kept(&batch, &once, &written, done.id(), now);
                if !is_on(Defect::KeyApart) {
                    transaction.keep_answer(&kept, now)?;
                }
                Ok((written, service.enter(transaction, done)?, kept))
            })?;
            if is_on(Defect::KeyApart) {
                self.write(kept.tenant, move |transaction| transaction.keep_answer(&kept, now))?;
            }
            Ok(Fate::Done(written, Box::new(self.settle(entered))))
        })
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

    /// Writes, and wakes those who follow the tenant's changes; also after a failure, behind which something
    /// may be there.
    fn write<T: Send + 'static>(
        &self,
        tenant: TenantId,
        job: impl FnMut(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let written = store::write_for(&*self.store, Turn::Of(tenant), job);
        self.wakes.wake(tenant);
        written
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

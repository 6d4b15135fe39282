//! Runs: every batch that is carried out is recorded (decision 7).
//!
//! A batch that writes leaves its run in its own transaction. One that changed nothing has none, and shall
//! touch no file: its run waits in memory for the next transaction of any batch, for one of its own when many
//! wait, or for the end of the server; where others share the store, for a second.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use directory::{
    Batch, Counts, Failures, GroupView, Outcome, Plan, RecordedRun, Run, RunFilter, RunId, RunList, RunPage,
    TenantId, Timestamp,
};
use faces::runs::RunQuery;
use store::{Looked, StoreError, Transaction, Turn};

use super::{Execution, Service, Show};
use crate::auth::random_bytes;

/// What a batch that writes takes along at most, so that it is not felt.
const CARRIED: Load = Load { runs: 32, bytes: 64 << 10 };
/// When those that wait get a transaction of their own, and what that takes along at most.
const FLUSHED: Load = Load { runs: 256, bytes: 4 << 20 };
/// When whoever adds one more waits for such a transaction. If it fails the oldest are given up.
const FULL: Load = Load { runs: 1024, bytes: 16 << 20 };
/// How many expired runs a transaction takes away beyond those that it adds: so they become fewer, and it is
/// not felt.
const MOST_FORGOTTEN: u32 = 8;
/// What a run takes beside its failures, about.
const RUN_BYTES: usize = 256;

/// Who sends a batch, and how its run tells of it.
pub(crate) struct Caller {
    /// The public id of the access key.
    pub(crate) key_id: String,
    /// The face by which it comes in.
    pub(crate) face: &'static str,
    /// What is asked for, in the face's word.
    pub(crate) operation: &'static str,
    /// What it is to be shown.
    pub(crate) show: Show,
    /// What the face keeps of the records that failed.
    pub(crate) failures: Box<dyn Fn(&Outcome) -> Failures + Send + Sync>,
}

/// A batch that was carried out.
#[derive(Debug)]
pub(crate) struct Executed {
    pub(crate) outcome: Outcome,
    pub(crate) run: Run,
    /// The group of its one record, as it is now, if it was to be shown.
    pub(crate) view: Option<GroupView>,
}

/// A batch that is being carried out.
pub(super) struct Begun {
    caller: Caller,
    id: RunId,
    tenant: TenantId,
    started_at: Timestamp,
    dry_run: bool,
    idempotency_key: Option<String>,
}

/// A plan, with the run that it makes if it is carried out as it stands.
pub(super) struct Planned {
    pub(super) plan: Plan,
    /// What it was planned on; `None` where it writes nothing, and where nobody could tell whether that still holds.
    pub(super) looked: Option<Looked>,
    /// Whether it assigns ids that were not free yet when it was planned.
    pub(super) has_other_ids: bool,
    recorded: RecordedRun,
    /// What takes its place in the attempt that is under way. Only in that one: it was made for what others of the same
    /// transaction wrote, and they may be taken back. Kept here for whoever waits to take apart: the writer has others
    /// to serve.
    pub(super) renewed: Option<Box<Planned>>,
}

impl Planned {
    /// The revision that it was planned on.
    pub(super) const fn revision(&self) -> i64 {
        self.recorded.run.revision
    }

    /// What it comes to where nothing is written.
    pub(super) fn into_done(self, view: Option<GroupView>) -> Done {
        Done { outcome: self.plan.outcome, recorded: self.recorded, wrote: false, view }
    }

    /// The same for a plan that a job may need again.
    pub(super) fn done(&self, view: Option<GroupView>) -> Done {
        let (outcome, recorded) = (self.plan.outcome.clone(), self.recorded.clone());
        Done { outcome, recorded, wrote: false, view }
    }
}

/// What a plan came to.
pub(super) struct Done {
    pub(super) outcome: Outcome,
    pub(super) wrote: bool,
    /// The group of its one record, if it is to be shown.
    pub(super) view: Option<GroupView>,
    recorded: RecordedRun,
}

impl Done {
    /// It was written under this revision, if it was written.
    pub(super) fn at(mut self, revision: Option<i64>) -> Self {
        if let Some(revision) = revision {
            (self.recorded.run.revision, self.wrote) = (revision, true);
        }
        self
    }

    pub(super) const fn id(&self) -> RunId {
        self.recorded.run.id
    }

    /// Leaves the file alone: nothing was to be written.
    pub(super) fn leave(self) -> Entered {
        Entered { outcome: self.outcome, recorded: self.recorded, view: self.view, ids: None }
    }
}

/// What a transaction has put into the file: a run, and those that it carried along.
pub(super) struct Entered {
    outcome: Outcome,
    recorded: RecordedRun,
    view: Option<GroupView>,
    /// `None` where the run is not in the file, because nothing was to be written.
    ids: Option<Vec<RunId>>,
}

impl Begun {
    /// What the caller is to be shown.
    pub(super) const fn show(&self) -> Show {
        self.caller.show
    }

    /// The run of this plan. Written before the batch takes its turn: the writer has others to serve.
    pub(super) fn plan(&self, revision: i64, plan: Plan, looked: Option<Looked>) -> Planned {
        let counts = Counts::of(&plan.outcome);
        let Failures { text, omitted } = match counts.failed {
            0 => Failures { text: b"[]".to_vec(), omitted: 0 },
            _ => (self.caller.failures)(&plan.outcome),
        };
        let run = Run {
            id: self.id,
            tenant: self.tenant,
            key_id: self.caller.key_id.clone(),
            face: self.caller.face.to_owned(),
            operation: self.caller.operation.to_owned(),
            started_at: self.started_at,
            revision,
            dry_run: self.dry_run,
            idempotency_key: self.idempotency_key.clone(),
            counts,
            omitted,
        };
        let recorded = RecordedRun { run, failures: text };
        Planned { plan, looked, has_other_ids: false, recorded, renewed: None }
    }
}

/// How much waits, or may.
#[derive(Debug, Clone, Copy, Default)]
struct Load {
    runs: usize,
    bytes: usize,
}

impl Load {
    const fn reaches(self, other: Self) -> bool {
        self.runs >= other.runs || self.bytes >= other.bytes
    }
}

/// The runs that wait for a transaction.
pub(super) struct Ledger {
    waiting: Mutex<Waiting>,
    /// Whether a transaction of their own is queued.
    flushing: AtomicBool,
    /// How long runs are kept, in milliseconds.
    kept_ms: i64,
}

#[derive(Default)]
struct Waiting {
    runs: VecDeque<Arc<RecordedRun>>,
    bytes: usize,
}

fn size(run: &RecordedRun) -> usize {
    RUN_BYTES + run.failures.len()
}

impl Waiting {
    fn load(&self) -> Load {
        Load { runs: self.runs.len(), bytes: self.bytes }
    }

    fn remove(&mut self, ids: &[RunId]) {
        let ids: HashSet<&RunId> = ids.iter().collect();
        self.runs.retain(|recorded| !ids.contains(&recorded.run.id));
        self.bytes = self.runs.iter().map(|recorded| size(recorded)).sum();
    }
}

impl Ledger {
    pub(super) fn new(kept_ms: i64) -> Self {
        Self { waiting: Mutex::default(), flushing: AtomicBool::new(false), kept_ms }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The oldest of those that wait for this turn, as far as they fit.
    fn some(&self, turn: Turn, most: Load) -> Vec<Arc<RecordedRun>> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        let belongs = |run: &Run| turn == Turn::Common || turn == Turn::Of(run.tenant);
        for recorded in self.lock().runs.iter().filter(|recorded| belongs(&recorded.run)) {
            if taken.len() == most.runs {
                break;
            }
            if bytes + size(recorded) <= most.bytes {
                bytes += size(recorded);
                taken.push(Arc::clone(recorded));
            }
        }
        taken
    }

    /// Puts some of those that wait into the file, in a tenant's turn its own ones only. They go on waiting until the commit is told: until then the
    /// job may run again, fail, or be followed by another one that takes them along as well.
    fn carry(
        &self,
        transaction: &mut dyn Transaction,
        turn: Turn,
        most: Load,
        now: Timestamp,
    ) -> Result<Vec<RunId>, StoreError> {
        let carried = self.some(turn, most);
        carried.iter().try_for_each(|recorded| transaction.keep_run(recorded))?;
        let added = u32::try_from(carried.len()).unwrap_or(u32::MAX);
        let mut tenants: HashSet<TenantId> = carried.iter().map(|recorded| recorded.run.tenant).collect();
        if let Turn::Of(tenant) = turn {
            tenants.insert(tenant);
        }
        for tenant in tenants {
            transaction.forget_runs(tenant, self.expired(now), added.saturating_add(MOST_FORGOTTEN))?;
        }
        Ok(carried.iter().map(|recorded| recorded.run.id).collect())
    }

    /// Runs that began at this moment or before are forgotten.
    const fn expired(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_sub(self.kept_ms))
    }

    fn oldest(&self, now: Timestamp) -> RunId {
        RunId::first_of(Timestamp(self.expired(now).0.saturating_add(1)))
    }

    /// Those that wait and belong on a page.
    fn on_page(&self, tenant: TenantId, filter: &RunFilter, page: RunPage) -> Vec<Run> {
        let waiting = self.lock();
        let runs = waiting.runs.iter().map(|recorded| &recorded.run);
        let wanted = runs.filter(|run| run.tenant == tenant && page.covers(run.id) && filter.admits(run));
        wanted.cloned().collect()
    }

    fn find(&self, tenant: TenantId, id: RunId) -> Option<Arc<RecordedRun>> {
        let waiting = self.lock();
        let found =
            waiting.runs.iter().find(|recorded| recorded.run.id == id && recorded.run.tenant == tenant);
        found.cloned()
    }

    /// Gives up the oldest, if there are more than may be.
    fn shed(&self) {
        let mut waiting = self.lock();
        let before = waiting.runs.len();
        while waiting.load().reaches(FULL)
            && let Some(oldest) = waiting.runs.pop_front()
        {
            waiting.bytes -= size(&oldest);
        }
        let lost = before - waiting.runs.len();
        if lost > 0 {
            tracing::error!(lost, "runs that changed nothing are not recorded: the store takes no writes");
        }
    }
}

impl Service {
    /// A batch is taken up.
    pub(super) fn begin(
        &self,
        caller: Caller,
        batch: &Batch,
        execution: Execution,
        idempotency_key: Option<&str>,
    ) -> Result<Arc<Begun>, StoreError> {
        let started_at = self.clock.now();
        let random = random_bytes().map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Arc::new(Begun {
            caller,
            id: RunId::new(started_at, random),
            tenant: batch.tenant,
            started_at,
            dry_run: execution == Execution::DryRun,
            idempotency_key: idempotency_key.map(ToOwned::to_owned),
        }))
    }

    /// Puts a run into the file with what it tells of, and some of those that wait along with it.
    pub(super) fn enter(&self, transaction: &mut dyn Transaction, done: Done) -> Result<Entered, StoreError> {
        let Done { outcome, recorded, view, .. } = done;
        transaction.keep_run(&recorded)?;
        let turn = Turn::Of(recorded.run.tenant);
        let carried = self.ledger.carry(transaction, turn, CARRIED, self.clock.now())?;
        Ok(Entered { outcome, recorded, view, ids: Some(carried) })
    }

    /// To be called when what a transaction did is durable, and where there was none to begin with.
    pub(super) fn settle(&self, entered: Entered) -> Executed {
        let Entered { outcome, recorded, view, ids } = entered;
        let run = recorded.run.clone();
        if let Some(carried) = ids {
            let left = {
                let mut waiting = self.ledger.lock();
                waiting.remove(&carried);
                waiting.runs.iter().any(|recorded| recorded.run.tenant == run.tenant)
            };
            if left {
                self.flush_soon();
            }
        } else {
            self.remember(recorded);
        }
        Executed { outcome, run, view }
    }

    fn remember(&self, recorded: RecordedRun) {
        let load = {
            let mut waiting = self.ledger.lock();
            waiting.bytes += size(&recorded);
            waiting.runs.push_back(Arc::new(recorded));
            waiting.load()
        };
        if load.reaches(FULL) {
            if let Err(error) = self.flush() {
                tracing::warn!(%error, "runs that wait cannot be written");
            }
            self.ledger.shed();
        } else if load.reaches(FLUSHED) {
            self.flush_soon();
        }
    }

    /// Queues a transaction for those that wait, unless one is queued already. Nobody waits for it: if it
    /// fails, the next one takes them.
    fn flush_soon(&self) {
        if self.ledger.flushing.swap(true, Ordering::SeqCst) {
            return;
        }
        let (writing, told, now) = (Arc::clone(&self.ledger), Arc::clone(&self.ledger), self.clock.now());
        let carried = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&carried);
        let job = move |transaction: &mut dyn Transaction| {
            let ids = writing.carry(transaction, Turn::Common, FLUSHED, now)?;
            *carried.lock().unwrap_or_else(PoisonError::into_inner) = ids;
            Ok(())
        };
        let done = move |fate: Result<(), StoreError>| {
            match fate {
                Ok(()) => told.lock().remove(&kept.lock().unwrap_or_else(PoisonError::into_inner)),
                Err(error) => tracing::warn!(%error, "runs that wait cannot be written"),
            }
            told.flushing.store(false, Ordering::SeqCst);
        };
        if self.store.write(Turn::Common, Box::new(job), Box::new(done)).is_err() {
            self.ledger.flushing.store(false, Ordering::SeqCst);
        }
    }

    /// Before the store closes.
    pub(super) fn flush_last(&self) {
        if let Err(error) = self.flush() {
            tracing::error!(%error, "the last runs that changed nothing are not recorded");
        }
    }

    /// Puts all that waits into the file.
    fn flush(&self) -> Result<(), StoreError> {
        while self.ledger.lock().runs.front().is_some() {
            let (ledger, now) = (Arc::clone(&self.ledger), self.clock.now());
            let carried = store::write(&*self.store, move |transaction| {
                ledger.carry(transaction, Turn::Common, FLUSHED, now)
            })?;
            self.ledger.lock().remove(&carried);
        }
        Ok(())
    }

    /// One page of a tenant's runs.
    pub(crate) fn runs(&self, tenant: TenantId, query: &RunQuery) -> Result<RunList, StoreError> {
        let page = query.page(self.ledger.oldest(self.clock.now()));
        // In this order: what goes into the file in between is then seen twice, not overlooked.
        let waiting = self.ledger.on_page(tenant, &query.filter, page);
        let stored = self.read(|reader| reader.runs(tenant, &query.filter, page))?;
        Ok(merge(waiting, stored, page.limit))
    }

    /// A tenant's run of this id.
    pub(crate) fn run(&self, tenant: TenantId, id: RunId) -> Result<Option<Arc<RecordedRun>>, StoreError> {
        if id < self.ledger.oldest(self.clock.now()) {
            return Ok(None);
        }
        match self.ledger.find(tenant, id) {
            Some(waiting) => Ok(Some(waiting)),
            None => Ok(self.read(|reader| reader.run(tenant, id))?.map(Arc::new)),
        }
    }
}

/// One page of those that wait and those that are stored.
fn merge(waiting: Vec<Run>, stored: RunList, limit: usize) -> RunList {
    let RunList { runs, mut next } = stored;
    // What lies behind the end of the stored page comes on a later one.
    let mut all: Vec<Run> =
        waiting.into_iter().filter(|run| next.is_none_or(|end| run.id >= end)).chain(runs).collect();
    all.sort_unstable_by_key(|run| std::cmp::Reverse(run.id));
    all.dedup_by_key(|run| run.id);
    if all.len() > limit {
        all.truncate(limit);
        next = all.last().map(|run| run.id);
    }
    RunList { runs: all, next }
}

mod upkeep;

#[cfg(test)]
mod tests;

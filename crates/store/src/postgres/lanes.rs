//! Writes: one lane a tenant, served by few threads. The jobs of a lane that wait together share a
//! transaction, as they would wait for the same row.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use directory::TenantId;

use super::failure::{Class, Failure};
use super::link::Link;
use super::pool::{Attempts, BUDGET, Lines};
use super::session::{Mark, Session};
use super::tenants::Counters;
use super::{WRITES, closed, lock};
use crate::{Done, StoreError, Turn, WriteJob, observed};

/// A commit is not held up by more jobs than these: who came first waits for all of them.
const MOST_JOBS: usize = 16;

/// A transaction that writes. Whoever holds a tenant's row and goes silent loses it.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '5s'; \
                     SET LOCAL idle_in_transaction_session_timeout = '15s'; SET LOCAL jit = off; \
                     SET LOCAL enable_bitmapscan = off";
/// What jobs begin with that share a transaction.
const SAVEPOINT: &str = "SAVEPOINT job";
const NEXT_SAVEPOINT: &str = "RELEASE SAVEPOINT job; SAVEPOINT job";
const BACK_TO_SAVEPOINT: &str = "ROLLBACK TO SAVEPOINT job";

/// The callers' end.
pub(super) struct Lanes {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    lines: Arc<Lines>,
    state: Mutex<State>,
    /// Told when a lane becomes ready, and when all ends.
    changed: Condvar,
    capacity: usize,
}

#[derive(Default)]
struct State {
    lanes: HashMap<Turn, VecDeque<Queued>>,
    /// Lanes with jobs that nobody serves, in the order in which they are to be served.
    ready: VecDeque<Turn>,
    busy: HashSet<Turn>,
    waiting: usize,
    closed: bool,
}

struct Queued {
    job: WriteJob,
    done: Option<Done>,
}

impl Queued {
    fn tell(&mut self, fate: Result<(), StoreError>) {
        if let Some(done) = self.done.take()
            && catch_unwind(AssertUnwindSafe(|| done(fate))).is_err()
        {
            tracing::error!("who waited for a write panicked when told of it");
        }
    }
}

impl Drop for Queued {
    /// The promise to tell is kept even if a thread dies.
    fn drop(&mut self) {
        self.tell(Err(StoreError::OutcomeUnknown("the writer stopped".to_owned())));
    }
}

impl Lanes {
    pub(super) fn start(lines: &Arc<Lines>, threads: usize, capacity: usize) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared {
            lines: Arc::clone(lines),
            state: Mutex::default(),
            changed: Condvar::new(),
            capacity,
        });
        let threads = (0..threads).map(|number| {
            let shared = Arc::clone(&shared);
            let named = thread::Builder::new().name(format!("store-writer-{number}"));
            named.spawn(move || shared.serve())
        });
        let threads = threads.collect::<Result<_, _>>();
        let threads =
            threads.map_err(|error| StoreError::Unavailable(format!("the writers cannot start: {error}")))?;
        Ok(Self { shared, threads: Mutex::new(threads) })
    }

    pub(super) fn write(&self, turn: Turn, job: WriteJob, done: Done) -> Result<(), StoreError> {
        let mut state = lock(&self.shared.state);
        if state.closed {
            return Err(closed());
        }
        if state.waiting >= self.shared.capacity {
            return Err(StoreError::Overloaded);
        }
        observed::queued();
        state.waiting += 1;
        state.lanes.entry(turn).or_default().push_back(Queued { job, done: Some(done) });
        state.offer(turn);
        drop(state);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Finishes what waits.
    pub(super) fn close(&self) {
        lock(&self.shared.state).closed = true;
        self.shared.changed.notify_all();
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            if thread.join().is_err() {
                tracing::error!("a writer panicked");
            }
        }
    }
}

impl State {
    /// Has a lane served, unless it is served or offered already.
    fn offer(&mut self, turn: Turn) {
        if !self.busy.contains(&turn) && !self.ready.contains(&turn) {
            self.ready.push_back(turn);
        }
    }

    /// The jobs of the next lane, which nobody else serves meanwhile.
    fn next(&mut self) -> Option<(Turn, Vec<Queued>)> {
        let turn = self.ready.pop_front()?;
        self.busy.insert(turn);
        let lane = self.lanes.entry(turn).or_default();
        let jobs: Vec<Queued> = lane.drain(..lane.len().min(MOST_JOBS)).collect();
        self.waiting -= jobs.len();
        Some((turn, jobs))
    }

    /// A lane is free again; behind all others if it has more.
    fn done(&mut self, turn: Turn) {
        self.busy.remove(&turn);
        if self.lanes.get(&turn).is_some_and(|lane| !lane.is_empty()) {
            self.ready.push_back(turn);
        } else {
            self.lanes.remove(&turn);
        }
    }
}

impl Shared {
    fn serve(&self) {
        while let Some((turn, jobs)) = self.next() {
            (0..jobs.len()).for_each(|_| observed::taken());
            // Told before the lane goes on: fates come in the order of the queue.
            for (mut queued, fate) in self.carry_out(turn, jobs) {
                queued.tell(fate);
            }
            lock(&self.state).done(turn);
            self.changed.notify_one();
        }
    }

    /// Waits for a lane; `None` when all is done.
    fn next(&self) -> Option<(Turn, Vec<Queued>)> {
        let mut state = lock(&self.state);
        loop {
            if let Some(next) = state.next() {
                return Some(next);
            }
            if state.closed && state.busy.is_empty() {
                // The others may be waiting for this one to be the last.
                self.changed.notify_all();
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// One transaction of these jobs, tried until its fate is known.
    fn carry_out(&self, turn: Turn, mut jobs: Vec<Queued>) -> Vec<(Queued, Result<(), StoreError>)> {
        let mut attempts = self.lines.attempts(BUDGET);
        loop {
            let failure = match self.attempt(turn, &mut jobs, &attempts) {
                Attempt::Settled(fates) => return jobs.into_iter().zip(fates).collect(),
                Attempt::Failed(failure) => failure,
                Attempt::Unknown { failure, marks, fates } => {
                    match self.resolve(turn, &marks, failure, &mut attempts) {
                        Ok(true) => return jobs.into_iter().zip(fates).collect(),
                        // Nothing of it is kept.
                        Ok(false) => continue,
                        Err(error) => {
                            let or_unknown = |fate: Result<(), StoreError>| fate.and(Err(error.clone()));
                            return jobs.into_iter().zip(fates.into_iter().map(or_unknown)).collect();
                        }
                    }
                }
            };
            if let Err(error) = attempts.again(failure) {
                return jobs.into_iter().map(|queued| (queued, Err(error.clone()))).collect();
            }
        }
    }

    fn attempt(&self, turn: Turn, jobs: &mut [Queued], attempts: &Attempts<'_>) -> Attempt {
        let lent = match self.lines.take(WRITES, attempts.left()) {
            Ok(lent) => lent,
            Err(failure) => return Attempt::Failed(failure),
        };
        let mut transaction = Transacting::new(Link::new(lent, Some(BEGIN)));
        if let Turn::Of(tenant) = turn
            && let Err(failure) = transaction.lock(tenant)
        {
            return Attempt::Failed(failure);
        }
        let several = jobs.len() > 1;
        let mut fates = Vec::with_capacity(jobs.len());
        for (number, queued) in jobs.iter_mut().enumerate() {
            match transaction.run(&mut queued.job, number, several) {
                Ok(fate) => fates.push(fate),
                Err(failure) => return Attempt::Failed(failure),
            }
        }
        let (start, count) = (Instant::now(), fates.iter().filter(|fate| fate.is_ok()).count());
        let records = transaction.records;
        match transaction.end(count > 0) {
            Ok(wrote) => {
                self.lines.succeeded();
                if wrote {
                    observed::committed(count, records, start.elapsed());
                }
                Attempt::Settled(fates)
            }
            Err((failure, marks)) if failure.class == Class::Unknown => {
                Attempt::Unknown { failure, marks, fates }
            }
            Err((failure, _)) if failure.class == Class::Again => Attempt::Failed(failure),
            // A statement that waited for the commit failed: nobody is left to be told alone.
            Err((failure, _)) => {
                let error = failure.into_error();
                Attempt::Settled(fates.into_iter().map(|fate| fate.and(Err(error.clone()))).collect())
            }
        }
    }

    /// What became of a transaction whose commit was not answered: under the lock of its tenant, so that it is
    /// over, one way or the other, what it would have left is looked for (engines.md §6.1).
    fn resolve(
        &self,
        turn: Turn,
        marks: &[Mark],
        failure: Failure,
        attempts: &mut Attempts<'_>,
    ) -> Result<bool, StoreError> {
        let error = failure.clone().into_error();
        tracing::warn!(%failure, "looking for the outcome of a commit");
        let Turn::Of(tenant) = turn else { return Err(error) };
        if marks.is_empty() {
            return Err(error);
        }
        let mut failure = failure.into_another_try();
        loop {
            attempts.again(failure).map_err(|_| error.clone())?;
            failure = match self.look_for(tenant, marks, attempts) {
                Ok(there) => {
                    self.lines.succeeded();
                    tracing::info!(there, "the outcome of the commit is known");
                    return Ok(there);
                }
                Err(failure) => failure.into_another_try(),
            };
        }
    }

    fn look_for(&self, tenant: TenantId, marks: &[Mark], attempts: &Attempts<'_>) -> Result<bool, Failure> {
        let lent = self.lines.take(WRITES, attempts.left())?;
        let mut transaction = Transacting::new(Link::new(lent, Some(BEGIN)));
        transaction.lock(tenant)?;
        let there = transaction.session.has(tenant, marks)?;
        // Committed, not left: what is seen is then as durable as a commit makes it, on the standby too.
        transaction.end(true).map_err(|(failure, _)| failure)?;
        Ok(there)
    }
}

/// What became of an attempt.
enum Attempt {
    /// Each job's fate is known.
    Settled(Vec<Result<(), StoreError>>),
    /// Nothing is kept, and it may be tried again.
    Failed(Failure),
    /// It may be there or not.
    Unknown { failure: Failure, marks: Vec<Mark>, fates: Vec<Result<(), StoreError>> },
}

/// A transaction with the jobs in it.
struct Transacting {
    session: Session,
    wrote: bool,
    records: usize,
}

impl Transacting {
    fn new(link: Link) -> Self {
        Self { session: Session::new(link), wrote: false, records: 0 }
    }

    /// Takes the tenant's turn.
    fn lock(&mut self, tenant: TenantId) -> Result<(), Failure> {
        let locked = self.session.lock(tenant).map(drop);
        locked.map_err(|error| {
            self.session.link.failure.take().unwrap_or_else(|| Failure::defect(error.to_string()))
        })
    }

    /// Runs a job. The failure is one of the whole transaction.
    fn run(
        &mut self,
        job: &mut WriteJob,
        number: usize,
        several: bool,
    ) -> Result<Result<(), StoreError>, Failure> {
        if several {
            self.session.link.before_next(if number == 0 { SAVEPOINT } else { NEXT_SAVEPOINT });
        }
        let counters: HashMap<TenantId, Counters> = self.session.counters.clone();
        let marks = self.session.marks.len();
        self.session.begin_job();
        let said = catch_unwind(AssertUnwindSafe(|| job(&mut self.session)))
            .unwrap_or_else(|_| Err(StoreError::Internal("a write job panicked".to_owned())));
        // What waits for the next round trip belongs to this job.
        if several && said.is_ok() {
            drop(self.session.link.flush());
        }
        let fate = self.session.verdict(said)?;
        if fate.is_ok() {
            self.wrote |= self.session.wrote;
            self.records += self.session.records;
        } else {
            self.session.counters = counters;
            self.session.marks.truncate(marks);
            self.session.link.back_to(several.then_some(BACK_TO_SAVEPOINT));
        }
        Ok(fate)
    }

    /// Commits if there is something to keep, and says whether there was.
    fn end(self, keep: bool) -> Result<bool, (Failure, Vec<Mark>)> {
        let Session { link, marks, .. } = self.session;
        if keep && self.wrote {
            link.commit().map(|()| true).map_err(|failure| (failure, marks))
        } else {
            link.leave();
            Ok(false)
        }
    }
}

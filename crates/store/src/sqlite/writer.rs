//! The one writer: a queue, a thread, and group commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rusqlite::Connection;

use super::checkpoint::Signal;
use super::session::{Session, concerns_all};
use super::{closed, lock};
use crate::sabotage::{Defect, is_on};
use crate::{Done, StoreError, WriteJob, observed};

/// A commit is not held up by more jobs or groups than these: who came first waits for all of them.
const MOST_JOBS: usize = 64;
const MOST_RECORDS: usize = 16_000;

/// Whether what the disk holds is still what was read from it.
#[derive(Debug, Default)]
pub(super) struct Health {
    failed: AtomicBool,
}

impl Health {
    /// After a failed write or fsync the system may take dirty pages for clean ones: what is read back is
    /// not what lies on the disk. Only a restart reads the disk again, so nothing is written until then.
    pub(super) fn disk_failed(&self, error: &StoreError) {
        tracing::error!(%error, "the disk failed: no more writes until a restart");
        self.failed.store(true, Ordering::SeqCst);
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.failed.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable(
                "a write to the disk failed: check it, then restart the server so that it is read again"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

/// The caller's end.
pub(super) struct Writer {
    queue: Mutex<Option<SyncSender<Queued>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    health: Arc<Health>,
}

pub(super) struct Queued {
    job: WriteJob,
    ticket: Ticket,
}

/// The promise to tell a caller what became of a job, kept even if the writer dies.
struct Ticket(Option<Done>);

impl Ticket {
    fn tell(mut self, fate: Result<(), StoreError>) {
        self.call(fate);
    }

    fn call(&mut self, fate: Result<(), StoreError>) {
        if let Some(done) = self.0.take()
            && catch_unwind(AssertUnwindSafe(|| done(fate))).is_err()
        {
            tracing::error!("who waited for a write panicked when told of it");
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.call(Err(StoreError::OutcomeUnknown("the writer stopped".to_owned())));
    }
}

impl Writer {
    pub(super) fn start(
        db: Connection,
        capacity: usize,
        health: &Arc<Health>,
        signal: Arc<Signal>,
    ) -> Result<Self, StoreError> {
        let (writer, turns, queue) = Self::without_thread(db, capacity, health, signal);
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || turns.run(&queue))
            .map_err(|error| StoreError::Unavailable(format!("the writer cannot start: {error}")))?;
        *lock(&writer.thread) = Some(thread);
        Ok(writer)
    }

    /// Both ends, and the queue between them.
    pub(super) fn without_thread(
        db: Connection,
        capacity: usize,
        health: &Arc<Health>,
        signal: Arc<Signal>,
    ) -> (Self, Turns, Receiver<Queued>) {
        let (sender, receiver) = sync_channel(capacity);
        let turns = Turns { db, health: Arc::clone(health), signal };
        let (queue, thread) = (Mutex::new(Some(sender)), Mutex::default());
        (Self { queue, thread, health: Arc::clone(health) }, turns, receiver)
    }

    pub(super) fn write(&self, job: WriteJob, done: Done) -> Result<(), StoreError> {
        self.health.check()?;
        let queue = lock(&self.queue);
        let queue = queue.as_ref().ok_or_else(closed)?;
        // Counted before it can be taken, so that the depth is never negative.
        observed::queued();
        let Err(refused) = queue.try_send(Queued { job, ticket: Ticket(Some(done)) }) else { return Ok(()) };
        observed::taken();
        let (mut queued, error) = match refused {
            TrySendError::Full(queued) => (queued, StoreError::Overloaded),
            TrySendError::Disconnected(queued) => (queued, closed()),
        };
        // The caller learns it from this call.
        queued.ticket.0 = None;
        Err(error)
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.health.check()?;
        lock(&self.queue).as_ref().map(drop).ok_or_else(closed)
    }

    /// Finishes what is in the queue.
    pub(super) fn close(&self) {
        lock(&self.queue).take();
        let thread = lock(&self.thread).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer panicked");
        }
    }
}

/// The writer's end.
pub(super) struct Turns {
    db: Connection,
    health: Arc<Health>,
    signal: Arc<Signal>,
}

/// The jobs of one transaction, with what became of each.
#[derive(Default)]
struct Group {
    fates: Vec<(Ticket, Result<(), StoreError>)>,
    records: usize,
    wrote: bool,
    /// Why nothing of the transaction can be kept.
    lost: Option<StoreError>,
}

impl Turns {
    fn run(self, queue: &Receiver<Queued>) {
        while let Ok(first) = queue.recv() {
            self.serve(first, queue);
        }
    }

    /// One transaction of this job and of those behind it, and its end told.
    pub(super) fn serve(&self, first: Queued, queue: &Receiver<Queued>) {
        self.signal.pass();
        for (ticket, fate) in self.turn(first, queue) {
            ticket.tell(fate);
        }
    }

    /// One transaction: of this job and of those that wait behind it.
    fn turn(&self, first: Queued, queue: &Receiver<Queued>) -> Vec<(Ticket, Result<(), StoreError>)> {
        let begun = self.health.check().and_then(|()| self.execute("BEGIN IMMEDIATE"));
        if let Err(error) = begun {
            observed::taken();
            return vec![(first.ticket, Err(self.not_begun(error)))];
        }
        let mut group = Group::default();
        let mut next = Some(first);
        while let Some(queued) = next {
            observed::taken();
            self.run_job(queued, &mut group);
            let room = group.fates.len() < MOST_JOBS && group.records < MOST_RECORDS;
            next = if room && group.lost.is_none() { queue.try_recv().ok() } else { None };
        }
        self.end(group)
    }

    /// Nothing has an outcome before the transaction has begun.
    fn not_begun(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::OutcomeUnknown(text) => {
                let error = StoreError::Unavailable(text);
                self.health.disk_failed(&error);
                error
            }
            other => other,
        }
    }

    fn run_job(&self, queued: Queued, group: &mut Group) {
        let Queued { mut job, mut ticket } = queued;
        let (fate, records, wrote) = match self.execute("SAVEPOINT job") {
            Ok(()) => self.run_in_savepoint(&mut job),
            Err(error) => (Err(error), 0, false),
        };
        let ended = match &fate {
            Ok(()) => self.execute("RELEASE job"),
            Err(StoreError::Conflict(_)) if is_on(Defect::NoSavepoint) => self.execute("RELEASE job"),
            Err(_) => self.execute("ROLLBACK TO job").and_then(|()| self.execute("RELEASE job")),
        };
        if let Err(error) = &fate
            && concerns_all(error)
        {
            group.lost = Some(error.clone());
        } else if let Err(error) = ended {
            // SQLite ends a transaction on its own after some errors, savepoints and all.
            group.lost = Some(error);
        } else if fate.is_ok() {
            group.records += records;
            group.wrote |= wrote;
        }
        if is_on(Defect::EarlyAnswer) && fate.is_ok() {
            ticket.call(Ok(()));
        }
        group.fates.push((ticket, fate));
    }

    fn run_in_savepoint(&self, job: &mut WriteJob) -> (Result<(), StoreError>, usize, bool) {
        let mut session = Session::new(&self.db);
        let said = catch_unwind(AssertUnwindSafe(|| job(&mut session)))
            .unwrap_or_else(|_| Err(StoreError::Internal("a write job panicked".to_owned())));
        let fate = session.verdict(said);
        (fate, session.records, session.wrote)
    }

    fn end(&self, mut group: Group) -> Vec<(Ticket, Result<(), StoreError>)> {
        if group.lost.is_none() && group.wrote {
            let start = Instant::now();
            match self.execute("COMMIT") {
                Ok(()) => {
                    let jobs = group.fates.iter().filter(|(_, fate)| fate.is_ok()).count();
                    observed::committed(jobs, group.records, start.elapsed());
                    self.signal.committed();
                    return group.fates;
                }
                Err(error) => group.lost = Some(error),
            }
        }
        // Also where nothing was written, or only by jobs that took it back: no file is touched.
        if !self.db.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "a transaction did not roll back");
            group.lost.get_or_insert(error);
        }
        if let Some(lost) = group.lost {
            if matches!(lost, StoreError::OutcomeUnknown(_)) {
                self.health.disk_failed(&lost);
            }
            for (_, fate) in group.fates.iter_mut().filter(|(_, fate)| fate.is_ok()) {
                *fate = Err(lost.clone());
            }
        }
        group.fates
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.db.prepare_cached(sql)?.execute(())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;

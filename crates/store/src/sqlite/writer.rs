//! The one writer: lines before it, a thread, and group commit.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rusqlite::Connection;

use super::checkpoint::Signal;
use super::idle;
use super::lines::{Lines, Refused};
use super::recent::Recent;
use super::session::{Session, concerns_all};
use super::{closed, lock};
use crate::sabotage::{Defect, is_on};
use crate::{Done, StoreError, Turn, WriteJob, observed};

/// A commit is not held up by more jobs or groups than these: who came first waits for all of them.
const MOST_JOBS: usize = 64;
const MOST_RECORDS: usize = 16_000;
/// The same where others than the first one wait too: then it ends as soon as everybody has had a turn.
const MOST_OF_SEVERAL: usize = 4_000;

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
    lines: Arc<Lines>,
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
        let (writer, turns) = Self::without_thread(db, capacity, health, signal);
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || turns.run())
            .map_err(|error| StoreError::Unavailable(format!("the writer cannot start: {error}")))?;
        *lock(&writer.thread) = Some(thread);
        Ok(writer)
    }

    /// Both ends.
    pub(super) fn without_thread(
        db: Connection,
        capacity: usize,
        health: &Arc<Health>,
        signal: Arc<Signal>,
    ) -> (Self, Turns) {
        let lines = Arc::new(Lines::new(capacity));
        let (recent, thread) = (RefCell::default(), Mutex::default());
        let turns = Turns { db, lines: Arc::clone(&lines), health: Arc::clone(health), signal, recent };
        (Self { lines, thread, health: Arc::clone(health) }, turns)
    }

    pub(super) fn write(&self, turn: Turn, job: WriteJob, done: Done) -> Result<(), StoreError> {
        self.health.check()?;
        // Counted before it can be taken, so that the depth is never negative.
        observed::queued();
        let Err(refused) = self.lines.join(turn, Queued { job, ticket: Ticket(Some(done)) }) else {
            return Ok(());
        };
        observed::taken();
        let (mut queued, error) = match refused {
            Refused::Full(queued) => (queued, StoreError::Overloaded),
            Refused::Closed(queued) => (queued, closed()),
        };
        // The caller learns it from this call.
        queued.ticket.0 = None;
        Err(error)
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.health.check()?;
        if self.lines.is_closed() { Err(closed()) } else { Ok(()) }
    }

    /// Finishes what waits.
    pub(super) fn close(&self) {
        self.lines.close();
        let thread = lock(&self.thread).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer panicked");
        }
    }
}

/// The writer's end.
pub(super) struct Turns {
    db: Connection,
    lines: Arc<Lines>,
    health: Arc<Health>,
    signal: Arc<Signal>,
    /// What was lately written to.
    recent: RefCell<Recent>,
}

/// The jobs of one transaction.
#[derive(Default)]
struct Group {
    members: Vec<Member>,
    records: usize,
    wrote: bool,
    /// Whose turns it had, and how much each has had: one for a job, and one for each group written.
    turns: HashMap<Turn, usize>,
    /// Whether each job has a savepoint.
    apart: bool,
    /// Why nothing of the transaction can be kept.
    lost: Option<StoreError>,
}

/// A job, and what became of it.
struct Member {
    job: WriteJob,
    ticket: Ticket,
    fate: Result<(), StoreError>,
}

/// What a job did.
#[derive(Default)]
struct Ran {
    records: usize,
    wrote: bool,
    /// It failed, and a part of what it wrote may be there, or what others wrote before it may be gone.
    is_half_done: bool,
}

impl Group {
    /// Whether the next one may come along, whose turn it is.
    fn has_room(&self, turn: Turn) -> bool {
        let had_one = self.turns.contains_key(&turn);
        let most = if self.turns.len() > 1 && had_one { MOST_OF_SEVERAL } else { MOST_RECORDS };
        self.members.len() < MOST_JOBS && self.records < most
    }

    /// Counts what a member has done, or what that means for all.
    fn add(&mut self, ran: &Ran, number: usize) {
        match &self.members[number].fate {
            Ok(()) => {
                self.records += ran.records;
                self.wrote |= ran.wrote;
            }
            Err(error) if concerns_all(error) => self.lost = Some(error.clone()),
            Err(_) => {}
        }
    }
}

impl Turns {
    fn run(self) {
        while let Some(first) = self.lines.wait(|| self.give_back()) {
            self.serve(first);
        }
    }

    /// Gives memory back: there was nothing to write for a while.
    pub(super) fn give_back(&self) {
        idle::give_back(&self.db);
    }

    /// One transaction of what waits, if anything does, and its end told. Whether something waited.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn step(&self) -> bool {
        let first = self.lines.next_if(|_| 0, |_| true);
        first.map(|first| self.serve(first)).is_some()
    }

    fn serve(&self, first: (Turn, Queued)) {
        self.signal.pass();
        for Member { job, ticket, fate } in self.turn(first) {
            // Before who waits is told: whatever they share is theirs to take apart.
            drop(job);
            ticket.tell(fate);
        }
    }

    /// One transaction: of this job and of those that wait behind it.
    fn turn(&self, first: (Turn, Queued)) -> Vec<Member> {
        let begun = self.health.check().and_then(|()| self.execute("BEGIN IMMEDIATE"));
        if let Err(error) = begun {
            observed::taken();
            let Queued { job, ticket } = first.1;
            return vec![Member { job, ticket, fate: Err(self.not_begun(error)) }];
        }
        let mut group = Group::default();
        let mut next = Some(first);
        while let Some((turn, Queued { job, ticket })) = next {
            observed::taken();
            let before = group.records;
            group.members.push(Member { job, ticket, fate: Ok(()) });
            self.run_last(&mut group);
            *group.turns.entry(turn).or_default() += 1 + group.records.saturating_sub(before);
            next = if group.lost.is_none() { self.next_of(&group) } else { None };
        }
        self.end(group)
    }

    /// The next job of this transaction: of who has had the least of it. Who sends small jobs beside somebody with large
    /// ones would otherwise have only as many of them done.
    fn next_of(&self, group: &Group) -> Option<(Turn, Queued)> {
        let had = |turn| group.turns.get(&turn).copied().unwrap_or(0);
        self.lines.next_if(had, |turn| group.has_room(turn))
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

    /// Runs the last job of a group. A savepoint costs a copy of every page that is written, and hardly any job has
    /// to be taken back: so the first one that has to takes all back, and they are done again, each on its own.
    fn run_last(&self, group: &mut Group) {
        let last = group.members.len() - 1;
        if group.apart {
            self.run_apart(group, last);
            return;
        }
        let ran = self.run_job(&mut group.members[last]);
        if ran.is_half_done {
            group.apart = true;
            (group.records, group.wrote) = (0, false);
            if let Err(error) = self.take_back().and_then(|()| self.execute("BEGIN IMMEDIATE")) {
                group.lost = Some(error);
            }
            for number in 0..=last {
                if group.lost.is_none() {
                    self.run_apart(group, number);
                }
            }
        } else {
            group.add(&ran, last);
        }
    }

    /// Runs a job in a savepoint.
    fn run_apart(&self, group: &mut Group, number: usize) {
        let member = &mut group.members[number];
        let ran = match self.execute("SAVEPOINT job") {
            Ok(()) => self.run_job(member),
            Err(error) => {
                member.fate = Err(error);
                Ran::default()
            }
        };
        let ended = match &member.fate {
            Ok(()) => self.execute("RELEASE job"),
            Err(StoreError::Conflict(_)) if is_on(Defect::NoSavepoint) => self.execute("RELEASE job"),
            Err(_) => self.execute("ROLLBACK TO job").and_then(|()| self.execute("RELEASE job")),
        };
        group.add(&ran, number);
        if let Err(error) = ended {
            // SQLite ends a transaction on its own after some errors, savepoints and all.
            group.lost.get_or_insert(error);
        }
    }

    fn run_job(&self, member: &mut Member) -> Ran {
        let mut session = Session::new(&self.db).with_recent(&self.recent);
        let said = catch_unwind(AssertUnwindSafe(|| (member.job)(&mut session)))
            .unwrap_or_else(|_| Err(StoreError::Internal("a write job panicked".to_owned())));
        member.fate = session.verdict(said);
        let is_half_done = match &member.fate {
            Err(StoreError::Conflict(_)) if is_on(Defect::NoSavepoint) => false,
            Err(error) if concerns_all(error) => false,
            // After some errors `SQLite` ends the transaction on its own: the next job would run outside of one.
            fate => (session.wrote && fate.is_err()) || self.db.is_autocommit(),
        };
        if is_on(Defect::EarlyAnswer) && member.fate.is_ok() {
            member.ticket.call(Ok(()));
        }
        Ran { records: session.records, wrote: session.wrote, is_half_done }
    }

    fn end(&self, mut group: Group) -> Vec<Member> {
        if group.lost.is_none() && group.wrote {
            let start = Instant::now();
            match self.execute("COMMIT") {
                Ok(()) => {
                    let jobs = group.members.iter().filter(|member| member.fate.is_ok()).count();
                    observed::committed(jobs, group.records, start.elapsed());
                    self.signal.committed();
                    return group.members;
                }
                Err(error) => group.lost = Some(error),
            }
        }
        // Also where nothing was written, or only by jobs that took it back: no file is touched.
        if let Err(error) = self.take_back() {
            tracing::error!(%error, "a transaction did not roll back");
            group.lost.get_or_insert(error);
        }
        if let Some(lost) = group.lost {
            if matches!(lost, StoreError::OutcomeUnknown(_)) {
                self.health.disk_failed(&lost);
            }
            for member in group.members.iter_mut().filter(|member| member.fate.is_ok()) {
                member.fate = Err(lost.clone());
            }
        }
        group.members
    }

    /// Takes back what is not committed. `SQLite` ends a transaction on its own after some errors.
    fn take_back(&self) -> Result<(), StoreError> {
        if self.db.is_autocommit() { Ok(()) } else { self.execute("ROLLBACK") }
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.db.prepare_cached(sql)?.execute(())?;
        Ok(())
    }
}

impl Drop for Turns {
    /// Also when it panics: nobody waits for ever.
    fn drop(&mut self) {
        self.lines.abandon();
    }
}

#[cfg(test)]
mod tests;

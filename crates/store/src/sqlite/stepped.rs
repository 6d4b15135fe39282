//! The embedded engine without threads of its own: whoever holds it says when what waits is written, and when
//! the log is moved into the data file. For simulations, in which everything happens in an order that can be told
//! again.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::checkpoint::{Rounds, Signal};
use super::connection::{self, Role};
use super::files::{DataDir, Lock};
use super::readers::Readers;
use super::writer::{Health, Turns, Writer};
use super::{lock, ready};
use crate::{Done, ReadJob, Store, StoreError, Turn, WriteJob};

/// One connection is enough where nothing happens at once.
const READERS: usize = 1;

/// A store whose owner is its clockwork.
pub struct Stepped {
    readers: Readers,
    writer: Writer,
    work: Mutex<Option<Work>>,
    _lock: Lock,
}

/// What threads do elsewhere.
struct Work {
    turns: Turns,
    rounds: Rounds,
}

impl Stepped {
    /// Opens the store in a data directory, which is created if it is not there. There is no index for searches.
    pub fn open(path: &Path, queue: usize) -> Result<Self, StoreError> {
        let dir = DataDir::prepare(path)?;
        let (lock, file) = (dir.lock()?, dir.data_file());
        let connection = connection::open(&file, Role::Writer)?;
        ready(&connection)?;
        let (health, signal) = (Arc::new(Health::default()), Arc::new(Signal::followed_by(None)));
        let log = connection::open(&file, Role::Checkpointer)?;
        let readers = Readers::open(&file, Role::Answers, READERS, None)?;
        let (writer, turns) = Writer::without_thread(connection, queue, &health, Arc::clone(&signal));
        let work = Work { turns, rounds: Rounds::new(log, &health, &signal) };
        Ok(Self { readers, writer, work: Mutex::new(Some(work)), _lock: lock })
    }

    /// Writes some of what waits, in one transaction, and tells what became of it. Whether something waited.
    pub fn step(&self) -> bool {
        lock(&self.work).as_ref().is_some_and(|work| work.turns.step())
    }

    /// Moves what is committed from the log into the data file.
    pub fn settle(&self) {
        if let Some(work) = &mut *lock(&self.work) {
            work.rounds.settle();
        }
    }
}

impl Store for Stepped {
    fn read(&self, job: ReadJob<'_>) -> Result<(), StoreError> {
        self.readers.read(job)
    }

    fn write(&self, turn: Turn, job: WriteJob, done: Done) -> Result<(), StoreError> {
        self.writer.write(turn, job, done)
    }

    fn check(&self) -> Result<(), StoreError> {
        self.writer.check()
    }

    fn give_back(&self) {
        self.readers.give_back();
        if let Some(work) = &*lock(&self.work) {
            work.turns.give_back();
        }
    }

    fn close(&self) {
        while self.step() {}
        self.writer.close();
        self.readers.close();
        if let Some(Work { turns, mut rounds }) = lock(&self.work).take() {
            drop(turns);
            rounds.finish();
        }
    }
}

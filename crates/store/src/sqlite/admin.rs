//! The store of one command, beside a server that may be running.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use rusqlite::{Connection, TransactionBehavior};

use super::readers::read_on;
use super::session::Session;
use super::{closed, lock};
use crate::{Done, ReadJob, Store, StoreError, Turn, WriteJob};

/// One connection without threads. Writes run on the caller's thread, each in a transaction of its own,
/// and wait for those of the server.
pub(super) struct Admin {
    connection: Mutex<Option<Connection>>,
}

impl Admin {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection: Mutex::new(Some(connection)) }
    }
}

impl Store for Admin {
    fn read(&self, job: ReadJob<'_>) -> Result<(), StoreError> {
        read_on(lock(&self.connection).as_ref().ok_or_else(closed)?, None, job)
    }

    fn write(&self, _: Turn, job: WriteJob, done: Done) -> Result<(), StoreError> {
        let fate = run(lock(&self.connection).as_mut().ok_or_else(closed)?, job);
        done(fate);
        Ok(())
    }

    fn check(&self) -> Result<(), StoreError> {
        lock(&self.connection).as_ref().map(drop).ok_or_else(closed)
    }

    fn close(&self) {
        lock(&self.connection).take();
    }
}

fn run(connection: &mut Connection, mut job: WriteJob) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut session = Session::new(&transaction);
    let said = catch_unwind(AssertUnwindSafe(|| job(&mut session)))
        .unwrap_or_else(|_| Err(StoreError::Internal("a write job panicked".to_owned())));
    session.verdict(said)?;
    // Dropped instead of committed, it rolls back.
    Ok(transaction.commit()?)
}

//! The pool of connections that read.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rusqlite::Connection;

use super::connection::{self, Role};
use super::idle::{self, Idle};
use super::search::Index;
use super::session::Session;
use super::{closed, lock};
use crate::{ReadJob, StoreError};

/// Reads run on the callers' threads, as many at once as there are connections; the others wait.
pub(super) struct Readers {
    state: Mutex<State>,
    returned: Condvar,
    index: Option<Arc<Index>>,
}

struct State {
    idle: Idle,
    closed: bool,
}

impl Readers {
    pub(super) fn open(
        file: &Path,
        role: Role,
        count: usize,
        index: Option<Arc<Index>>,
    ) -> Result<Self, StoreError> {
        let mut idle = Idle::default();
        for _ in 0..count {
            idle.push(connection::open(file, role)?);
        }
        Ok(Self { state: Mutex::new(State { idle, closed: false }), returned: Condvar::new(), index })
    }

    pub(super) fn read(&self, job: ReadJob<'_>) -> Result<(), StoreError> {
        let lent = self.borrow()?;
        read_on(lent.connection()?, self.index.as_deref(), job)
    }

    /// Lets go of the connections; those that are in use close when they come back.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.idle.clear();
        self.returned.notify_all();
    }

    /// Gives back the memory of those connections that were not used since the last call.
    pub(super) fn give_back(&self) {
        let unused = lock(&self.state).idle.look();
        for connection in unused {
            idle::give_back(&connection);
            self.put(|idle| idle.put_last(connection));
        }
    }

    fn put(&self, put: impl FnOnce(&mut Idle)) {
        let mut state = lock(&self.state);
        if !state.closed {
            put(&mut state.idle);
            self.returned.notify_one();
        }
    }

    fn borrow(&self) -> Result<Lent<'_>, StoreError> {
        let mut state = lock(&self.state);
        loop {
            if state.closed {
                return Err(closed());
            }
            if let Some(connection) = state.idle.pop() {
                return Ok(Lent { readers: self, connection: Some(connection) });
            }
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A connection that comes back to the pool whatever happens to its borrower.
struct Lent<'r> {
    readers: &'r Readers,
    connection: Option<Connection>,
}

impl Lent<'_> {
    fn connection(&self) -> Result<&Connection, StoreError> {
        self.connection.as_ref().ok_or_else(closed)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        self.readers.put(|idle| idle.push(connection));
    }
}

/// Runs a job in one read transaction, which ends even if the job panics.
pub(super) fn read_on(db: &Connection, index: Option<&Index>, job: ReadJob<'_>) -> Result<(), StoreError> {
    let view = View::begin(db)?;
    let mut session = Session::new(view.0).with_index(index);
    let said = job(&mut session);
    session.verdict(said).map_err(|error| match error {
        // Nothing has an outcome here.
        StoreError::OutcomeUnknown(text) => StoreError::Unavailable(text),
        other => other,
    })
}

/// A read transaction.
pub(super) struct View<'v>(&'v Connection);

impl<'v> View<'v> {
    pub(super) fn begin(db: &'v Connection) -> Result<Self, StoreError> {
        db.prepare_cached("BEGIN")?.execute(())?;
        Ok(Self(db))
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        let ended = self.0.prepare_cached("ROLLBACK").and_then(|mut rollback| rollback.execute(()));
        if let Err(error) = ended {
            tracing::warn!(%error, "a read transaction did not end cleanly");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::files::DataDir;
    use crate::sqlite::ready;

    #[test]
    fn connections_that_give_back_are_there_as_before() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = DataDir::prepare(directory.path()).expect("usable").data_file();
        ready(&connection::open(&file, Role::Writer).expect("opens")).expect("migrates");
        let readers = Readers::open(&file, Role::Plans, 2, None).expect("opens");
        for _ in 0..4 {
            readers.give_back();
            let lent = [readers.borrow(), readers.borrow()].map(|lent| lent.expect("both are there"));
            for lent in &lent {
                read_on(lent.connection().expect("open"), None, &mut |reader| reader.tenants().map(drop))
                    .expect("reads");
            }
            drop(lent);
            readers.give_back();
            readers.give_back();
        }
        readers.close();
        readers.give_back();
        assert!(readers.borrow().is_err());
    }
}

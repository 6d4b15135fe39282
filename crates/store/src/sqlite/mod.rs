//! The embedded engine: one `SQLite` file in a data directory.
//!
//! One thread writes, a pool of connections reads, a third party moves what is committed from the log
//! into the data file. Readers and the writer never wait for each other.

mod access_keys;
mod addresses;
mod admin;
mod apply;
mod attributes;
mod backup;
mod changes;
mod checkpoint;
mod checksum;
mod connection;
mod errors;
mod files;
mod idle;
mod lines;
mod load;
mod migrate;
mod moving;
mod read;
mod readers;
mod recent;
mod restore;
mod rows;
mod runs;
mod search;
mod session;
#[cfg(any(test, feature = "testing"))]
mod stepped;
mod stored_answers;
mod subtree;
mod tenants;
mod tree;
mod verify;
mod writer;

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rusqlite::Connection;

use self::admin::Admin;
pub(crate) use self::backup::{back_up, finish as finish_backup, workshop};
use self::checkpoint::{Checkpointer, Signal};
use self::connection::Role;
pub(crate) use self::files::exist_in as exists;
use self::files::{DataDir, Lock};
use self::readers::Readers;
pub(crate) use self::restore::{Restoring, Staged};
use self::search::Following;
#[cfg(any(test, feature = "testing"))]
pub use self::stepped::Stepped;
pub(crate) use self::verify::{verify, verify_backup};
use self::writer::{Health, Writer};
use crate::{
    Done, Indexing, Migration, Options, Purpose, ReadFor, ReadJob, Store, StoreError, Turn, WriteJob,
    observed,
};

/// Older ones can damage a file when two connections checkpoint at once (`WAL-reset bug`).
const OLDEST_SQLITE: i32 = 3_051_003;
/// Connections that look up access keys: such a look takes microseconds.
const KEY_READERS: usize = 2;

pub(crate) fn open(path: &Path, options: &Options) -> Result<Box<dyn Store>, StoreError> {
    check_version(rusqlite::version_number())?;
    let opened = match options.purpose {
        Purpose::Serve => Serving::open(path, options).map(|store| Box::new(store) as Box<dyn Store>),
        Purpose::Admin => open_admin(path).map(|store| Box::new(store) as Box<dyn Store>),
    };
    opened.map_err(|error| match error {
        // Nothing has an outcome here.
        StoreError::OutcomeUnknown(text) => StoreError::Unavailable(text),
        other => other,
    })
}

/// The steps of the schema of a data directory.
pub(crate) fn migrations(path: &Path) -> Result<Vec<Migration>, StoreError> {
    let applied = if exists(path) {
        let dir = DataDir::prepare(path)?;
        migrate::count(&connection::open(&dir.data_file(), Role::Admin)?)?
    } else {
        0
    };
    Ok(migrate::list(applied))
}

fn check_version(number: i32) -> Result<(), StoreError> {
    if number >= OLDEST_SQLITE {
        return Ok(());
    }
    Err(StoreError::Unavailable(format!(
        "SQLite {} is older than 3.51.3, which is the first that cannot damage its log",
        rusqlite::version()
    )))
}

fn open_admin(path: &Path) -> Result<Admin, StoreError> {
    let dir = DataDir::prepare(path)?;
    // Held for a migration only: a server may start while a command runs.
    let lock = dir.try_lock()?;
    let connection = connection::open(&dir.data_file(), Role::Admin)?;
    if lock.is_some() {
        ready(&connection)?;
    } else {
        migrate::recognise(&connection)?;
        migrate::require_current(&connection)?;
    }
    Ok(Admin::new(connection))
}

/// The store of a server.
struct Serving {
    answers: Readers,
    plans: Readers,
    keys: Readers,
    writer: Writer,
    checkpointer: Checkpointer,
    search: Option<Following>,
    lock: Mutex<Option<Lock>>,
}

impl Serving {
    fn open(path: &Path, options: &Options) -> Result<Self, StoreError> {
        observed::describe();
        let dir = DataDir::prepare(path)?;
        let lock = dir.lock()?;
        let file = dir.data_file();
        let connection = connection::open(&file, Role::Writer)?;
        ready(&connection)?;
        let search = match options.indexing {
            Indexing::On => Some(Following::start(&dir)?),
            Indexing::Off => None,
        };
        let wake = search.as_ref().map(Following::wake);
        let (health, signal) = (Arc::new(Health::default()), Arc::new(Signal::followed_by(wake)));
        let log = connection::open(&file, Role::Checkpointer)?;
        let readers = options.readers.unwrap_or_else(default_readers).get();
        Ok(Self {
            answers: Readers::open(&file, Role::Answers, readers, search.as_ref().map(Following::index))?,
            plans: Readers::open(&file, Role::Plans, readers, None)?,
            keys: Readers::open(&file, Role::Keys, KEY_READERS, None)?,
            writer: Writer::start(connection, options.queue, &health, Arc::clone(&signal))?,
            checkpointer: Checkpointer::start(log, &health, &signal)?,
            search,
            lock: Mutex::new(Some(lock)),
        })
    }
}

/// Makes the file one of ours with the schema of this version, or says why not.
fn ready(connection: &Connection) -> Result<(), StoreError> {
    migrate::recognise(connection)?;
    connection::use_log(connection)?;
    migrate::migrate(connection)
}

fn default_readers() -> NonZeroUsize {
    let (least, most) = (NonZeroUsize::MIN.saturating_add(1), NonZeroUsize::MIN.saturating_add(7));
    thread::available_parallelism().unwrap_or(least).clamp(least, most)
}

impl Store for Serving {
    fn read(&self, job: ReadJob<'_>) -> Result<(), StoreError> {
        self.answers.read(job)
    }

    fn read_for(&self, purpose: ReadFor, job: ReadJob<'_>) -> Result<(), StoreError> {
        match purpose {
            ReadFor::Answers => &self.answers,
            ReadFor::Plans => &self.plans,
            ReadFor::Keys | ReadFor::Health => &self.keys,
        }
        .read(job)
    }

    fn write(&self, turn: Turn, job: WriteJob, done: Done) -> Result<(), StoreError> {
        self.writer.write(turn, job, done)
    }

    fn check(&self) -> Result<(), StoreError> {
        self.writer.check()
    }

    fn give_back(&self) {
        for readers in [&self.answers, &self.plans, &self.keys] {
            readers.give_back();
        }
        if let Some(search) = &self.search {
            search.give_back();
        }
    }

    fn close(&self) {
        self.writer.close();
        if let Some(search) = &self.search {
            search.close();
        }
        for readers in [&self.answers, &self.plans, &self.keys] {
            readers.close();
        }
        // Last, because whoever closes last tidies the log away.
        self.checkpointer.close();
        lock(&self.lock).take();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.close();
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// What a panicking thread left behind is still whole: nothing here is changed in two steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_sqlite_is_refused() {
        assert!(matches!(check_version(3_051_002), Err(StoreError::Unavailable(_))));
        assert_eq!(check_version(OLDEST_SQLITE), Ok(()));
        assert_eq!(check_version(rusqlite::version_number()), Ok(()));
    }
}

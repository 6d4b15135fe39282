//! Connections, all hardened alike.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::vtab::array::{self, Array};
use rusqlite::{Connection, OpenFlags};

use super::checksum;
use crate::StoreError;
use crate::sabotage::{Defect, is_on};

/// How long a statement waits for a lock that another connection or process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// More than there are statements: none is ever prepared twice.
const STATEMENTS: usize = 64;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The one writer of a server. Its cache holds the pages of a whole group commit.
    Writer,
    /// Reads answers for a server; it cannot write.
    Answers,
    /// Reads what plans need; it cannot write.
    Plans,
    /// Looks up access keys; it cannot write.
    Keys,
    /// Moves what is committed from the log into the data file.
    Checkpointer,
    /// Does the work of one command.
    Admin,
    /// The one writer of the index for searches, which moves its own log into its file.
    Indexer,
    /// Looks into the index for searches; it cannot write.
    Searcher,
}

impl Role {
    const fn cache_kib(self) -> i64 {
        match self {
            Self::Writer => 64 * 1024,
            Self::Indexer => 32 * 1024,
            Self::Plans | Self::Searcher => 16 * 1024,
            Self::Answers => 8 * 1024,
            Self::Keys | Self::Checkpointer | Self::Admin => 2 * 1024,
        }
    }

    const fn flags(self) -> OpenFlags {
        let access = match self {
            Self::Answers | Self::Plans | Self::Keys | Self::Searcher => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Self::Writer | Self::Checkpointer | Self::Admin | Self::Indexer => {
                OpenFlags::SQLITE_OPEN_READ_WRITE
            }
        };
        access.union(OpenFlags::SQLITE_OPEN_NO_MUTEX)
    }

    /// The index is made anew after the machine has gone down. Its syncs would hold up those of the log, which
    /// commits wait for.
    fn synchronous(self) -> &'static str {
        match self {
            Self::Writer if is_on(Defect::SynchronousNormal) => "NORMAL",
            Self::Indexer | Self::Searcher => "OFF",
            Self::Writer | Self::Answers | Self::Plans | Self::Keys | Self::Checkpointer | Self::Admin => {
                "FULL"
            }
        }
    }

    /// Frames after which a commit moves the log into the file.
    const fn autocheckpoint(self) -> i64 {
        match self {
            Self::Indexer => 4096,
            // The checkpointer does it, so that no commit has to.
            Self::Writer
            | Self::Answers
            | Self::Plans
            | Self::Keys
            | Self::Searcher
            | Self::Checkpointer
            | Self::Admin => 0,
        }
    }
}

/// Opens a file that is there. Touches nothing in it.
pub(super) fn open(file: &Path, role: Role) -> Result<Connection, StoreError> {
    let db = Connection::open_with_flags(file, role.flags())?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // Nothing that the file says about itself is trusted, nor can a statement damage it.
    for (config, value) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        // Otherwise every new value bound to a range makes SQLite plan the statement again.
        (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
    ] {
        db.set_db_config(config, value)?;
    }
    // Many numbers can be asked for by one run of a statement.
    array::load_module(&db)?;
    checksum::register(&db)?;
    db.pragma_update(None, "cell_size_check", true)?;
    db.pragma_update(None, "mmap_size", 0)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "cache_size", -role.cache_kib())?;
    db.pragma_update(None, "synchronous", role.synchronous())?;
    db.pragma_update(None, "wal_autocheckpoint", role.autocheckpoint())?;
    Ok(db)
}

/// Numbers that a statement takes as one list, as `rarray(?)`.
pub(super) fn list(numbers: impl Iterator<Item = i64>) -> Array {
    Rc::new(numbers.map(Value::from).collect())
}

/// Switches the file to a write-ahead log, in which readers and the writer never wait for each other.
pub(super) fn use_log(db: &Connection) -> Result<(), StoreError> {
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    Err(StoreError::Unavailable(format!("SQLite cannot use a write-ahead log here (journal mode {mode})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `.cargo/config.toml` says so: otherwise all connections wait for each other at each page (decision 23).
    #[test]
    fn no_memory_is_counted() {
        let db = Connection::open_in_memory().expect("opens");
        let mut options = db.prepare("PRAGMA compile_options").expect("known");
        let options = options.query_map((), |row| row.get::<_, String>(0)).expect("listed");
        assert!(options.flatten().any(|option| option == "DEFAULT_MEMSTATUS=0"));
    }
}

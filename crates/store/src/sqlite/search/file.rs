//! The file of the index: made, recognised, thrown away.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use directory::search::FOLDING;
use directory::{Stamp, TenantId};
use rusqlite::{Connection, OptionalExtension};

use crate::StoreError;
use crate::sqlite::connection::{self, Role};
use crate::sqlite::files::open_private;
use crate::sqlite::tenants::Counters;

/// Marks a file as an index of ours: "rosx" in ASCII.
const APPLICATION_ID: i32 = 0x726F_7378;
/// Grows with every change of the schema, or of what is written into it.
const SCHEMA: i32 = 2;
const VERSION: i32 = SCHEMA * 1000 + FOLDING;

/// The file with the index of this data file, ready to be written to. One that is none, that is damaged, or
/// that was made from another data file, is made anew.
pub(super) fn open(file: &Path, data: &Connection) -> Result<Connection, StoreError> {
    let found = open_checked(file, data);
    let why = match found {
        Ok(Ok(index)) => return Ok(index),
        Ok(Err(why)) => why.to_owned(),
        Err(error @ StoreError::Corrupt(_)) => error.to_string(),
        Err(error) => return Err(error),
    };
    tracing::warn!(why, "the index for searches is made anew");
    remove(file)?;
    let index = connect(file)?;
    create(&index)?;
    Ok(index)
}

/// The index, or what is wrong with it.
fn open_checked(file: &Path, data: &Connection) -> Result<Result<Connection, &'static str>, StoreError> {
    let index = connect(file)?;
    let objects: i64 = index.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    let number = |name: &str| index.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    if objects == 0 {
        create(&index)?;
    } else if (number("application_id")?, number("user_version")?) != (APPLICATION_ID, VERSION) {
        return Ok(Err("it is one of another version"));
    } else if !is_of_this_boot(&index)? {
        return Ok(Err("the machine has been started since it was written"));
    } else if !agrees(&index, data)? {
        return Ok(Err("it was made from another data file"));
    }
    Ok(Ok(index))
}

fn connect(file: &Path) -> Result<Connection, StoreError> {
    open_private(file).map_err(unusable)?;
    let index = connection::open(file, Role::Indexer)?;
    connection::use_log(&index)?;
    Ok(index)
}

fn create(index: &Connection) -> Result<(), StoreError> {
    index.pragma_update(None, "application_id", APPLICATION_ID)?;
    index.execute_batch(concat!("BEGIN IMMEDIATE;", include_str!("schema.sql"), "COMMIT;"))?;
    index.execute("INSERT INTO boot VALUES (?1)", [boot().unwrap_or_default()])?;
    // Last: a file that is not finished is one of another version.
    index.pragma_update(None, "user_version", VERSION)?;
    Ok(())
}

/// Whether everything that was written into the index is there: nothing of it was ever synced, and a machine
/// that goes down may keep any part of what it had not written to the disk.
fn is_of_this_boot(index: &Connection) -> Result<bool, StoreError> {
    let written: Option<String> = index.query_row("SELECT id FROM boot", (), |row| row.get(0)).optional()?;
    Ok(written.is_some() && written == boot())
}

/// What tells this start of the machine from all others. `None` where that cannot be known: an index is then
/// made anew with every start of a server.
fn boot() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()
}

/// Throws the file away. Who has it open still sees what it was.
pub(in crate::sqlite) fn remove(file: &Path) -> Result<(), StoreError> {
    for ending in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        match fs::remove_file(PathBuf::from(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
            _ => {}
        }
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn unusable(error: io::Error) -> StoreError {
    StoreError::Unavailable(format!("the index for searches cannot be used: {error}"))
}

/// What the index knows of the order of one tenant's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Progress {
    /// Up to here everything is taken in.
    pub(super) until: Stamp,
    /// The revision of the last change up to there; 0 for none.
    pub(super) changed: i64,
    /// Its time.
    pub(super) changed_at: i64,
}

/// The progress with each tenant.
pub(super) fn progress(index: &Connection) -> Result<Vec<(TenantId, Progress)>, StoreError> {
    let mut select =
        index.prepare_cached("SELECT tenant, revision, last_group, changed, changed_at FROM progress")?;
    let rows = select.query_map((), |row| {
        let until = Stamp { revision: row.get(1)?, group: row.get(2)? };
        let progress = Progress { until, changed: row.get(3)?, changed_at: row.get(4)? };
        Ok((TenantId(row.get(0)?), progress))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether the index was made from this data file, as it is now or was before. Revisions alone do not
/// tell: two servers that began with the same file count on alike. So the last change that the index
/// has seen must be the last one of the data file up to there, and of the same time. Where that change
/// has been overtaken by later ones since, the answer is no; the index is made anew for nothing.
fn agrees(index: &Connection, data: &Connection) -> Result<bool, StoreError> {
    let mut last = data.prepare_cached(
        "SELECT revision, updated_at FROM groups INDEXED BY groups_revision
         WHERE tenant = ?1 AND (revision, id) <= (?2, ?3) ORDER BY revision DESC, id DESC LIMIT 1",
    )?;
    for (tenant, Progress { until, changed, changed_at }) in progress(index)? {
        let Some(counters) = Counters::find(data, tenant)? else { return Ok(false) };
        let bound = (tenant.0, until.revision, until.group);
        let found: Option<(i64, i64)> =
            last.query_row(bound, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if until.revision > counters.revision || found.unwrap_or_default() != (changed, changed_at) {
            return Ok(false);
        }
    }
    Ok(true)
}

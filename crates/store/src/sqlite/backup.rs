//! A data file copied page by page while it is written to, and what is noted in the copy.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use directory::{TenantId, Timestamp};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::connection::{self, Role};
use super::files::{DataDir, Lock, open_private};
use super::readers::View;
use super::{migrate, search};
use crate::StoreError;
use crate::digest::Digest;
use crate::verify::Watch;

/// Pages that are copied between two looks around: 8 MiB.
const PAGES: i32 = 2048;

/// What a backup notes of a tenant.
pub(super) struct Entry {
    pub(super) tenant: TenantId,
    pub(super) digest: Digest,
    pub(super) made_at: Timestamp,
    pub(super) version: String,
}

/// A directory in which a backup is made, emptied of what an earlier one left there.
pub(crate) fn workshop(path: &Path) -> Result<Lock, StoreError> {
    let (dir, lock) = DataDir::claim(path)?;
    search::remove(&dir.data_file())?;
    Ok(lock)
}

/// Copies the data file of a directory into a workshop. Writers are not held up: the copy is that of one view.
pub(crate) fn back_up(path: &Path, work: &Path, watch: &mut dyn Watch) -> Result<(), StoreError> {
    let source = connection::open(&DataDir::existing(path).data_file(), Role::Admin)?;
    let _view = View::begin(&source)?;
    // The view is that of the first read. Without one every step would have its own, and begin again after each write.
    migrate::recognise(&source)?;
    migrate::require_current(&source)?;
    let file = DataDir::existing(work).data_file();
    open_private(&file).map_err(|error| unusable(&file, &error))?;
    let mut target = connection::open(&file, Role::Admin)?;
    // It is made durable as a whole, at its end.
    target.pragma_update(None, "synchronous", "OFF")?;
    let backup = Backup::new(&source, &mut target)?;
    loop {
        let step = backup.step(PAGES)?;
        let progress = backup.progress();
        let done = progress.pagecount.saturating_sub(progress.remaining);
        watch.reached("pages copied", u64::try_from(done).unwrap_or_default());
        match step {
            StepResult::Done => break,
            StepResult::More => {}
            _ => return Err(StoreError::Unavailable("the data file is locked".to_owned())),
        }
    }
    drop(backup);
    to_one_file(&target)
}

/// Whatever lies in a log is moved into the file, which needs none from then on.
pub(super) fn to_one_file(db: &Connection) -> Result<(), StoreError> {
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get(0))?;
    if mode.eq_ignore_ascii_case("delete") {
        return Ok(());
    }
    Err(StoreError::Unavailable(format!("the log cannot be moved into the file (journal mode {mode})")))
}

/// Gives a finished backup its place.
pub(crate) fn finish(work: &Path, file: &Path) -> Result<(), StoreError> {
    let made = DataDir::existing(work).data_file();
    let place = || {
        File::open(&made)?.sync_all()?;
        fs::rename(&made, file)?;
        sync_dir_of(file)
    };
    place().map_err(|error| unusable(file, &error))
}

/// Makes the name of a file durable.
pub(super) fn sync_dir_of(file: &Path) -> io::Result<()> {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}

/// What a file notes; nothing where it is not a backup.
pub(super) fn manifest(db: &Connection) -> Result<Vec<Entry>, StoreError> {
    let mut select = db.prepare("SELECT tenant, digest, made_at, version FROM backups ORDER BY tenant")?;
    let rows = select.query_map((), |row| {
        Ok(Entry {
            tenant: TenantId(row.get(0)?),
            digest: Digest(row.get(1)?),
            made_at: Timestamp(row.get(2)?),
            version: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn unusable(file: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull => StoreError::Full,
        _ => StoreError::Unavailable(format!("{} cannot be used: {error}", file.display())),
    }
}

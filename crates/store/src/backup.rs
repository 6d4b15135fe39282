//! A whole directory in one file, and back.
//!
//! A backup is a data file of the embedded engine, whatever engine it was made from, with a note of what it holds. It
//! is made beside its place, checked like any store, made durable, and only then gets its name.

use std::fs;
use std::path::{Path, PathBuf};

use directory::Timestamp;

use crate::copying::{self, CopyError};
use crate::digest::{Digested, Hashing};
use crate::moving::PortionSize;
use crate::verify::{Verified, VerifiedTenant, Watch};
use crate::{
    Durability, Indexing, Location, Options, Purpose, Reader, StoreError, Turn, postgres, read, sqlite,
    write, write_for,
};

/// What is noted in a backup beside what it holds.
#[derive(Debug, Clone, Copy)]
pub struct Note<'n> {
    /// When it was made.
    pub at: Timestamp,
    /// By which version.
    pub version: &'n str,
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// Something is in the way.
    #[error("{0}")]
    InTheWay(String),
    /// What was read is damaged; each fault has been told. Nothing was kept of it.
    #[error("{0}")]
    Damaged(String),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The directory could not be moved into a database.
    #[error(transparent)]
    Copy(#[from] CopyError),
}

/// What a backup holds, or what was restored.
pub type Held = Vec<VerifiedTenant>;

/// Makes a backup of a store beside whoever uses it. It holds one moment: everything that was acknowledged before
/// this was called, and of each batch all or nothing.
pub fn back_up(
    from: &Location,
    file: &Path,
    force: bool,
    note: Note<'_>,
    watch: &mut dyn Watch,
) -> Result<Held, BackupError> {
    if file.exists() && !force {
        return Err(BackupError::InTheWay(format!(
            "{} is there already: name another file, or give --force to replace it when the new backup is whole",
            file.display()
        )));
    }
    let work = beside(file, ".partial");
    let made = make(from, &work, note, watch).and_then(|held| {
        sqlite::finish_backup(&work, file)?;
        Ok(held)
    });
    clear(&work, &made);
    made
}

fn make(from: &Location, work: &Path, note: Note<'_>, watch: &mut dyn Watch) -> Result<Held, BackupError> {
    // Nobody else makes this one meanwhile.
    let lock = sqlite::workshop(work)?;
    let expected = match from {
        Location::Directory(path) => {
            sqlite::back_up(path, work, watch)?;
            None
        }
        Location::Database(database) => {
            let options = Options { durability: Durability::Waived, ..Options::new(Purpose::Admin) };
            let store = postgres::open(database, &options)?;
            let source = from.to_string();
            drop(lock);
            Some(read(&*store, |reader| draw(reader, work, &source, &mut *watch))?)
        }
    };
    let verified = sqlite::Staged::in_workshop(work).check(watch)?;
    if verified.found > 0 {
        return Err(BackupError::Damaged(format!(
            "the store is damaged in {} place(s): no backup was kept; `rosterd verify` names them again",
            verified.found
        )));
    }
    let held = digests(&verified)?;
    if expected.is_some_and(|expected| expected != held) {
        return Err(StoreError::Internal("what was written is not what was read".to_owned()).into());
    }
    sqlite::Staged::in_workshop(work).note(&held, note)?;
    Ok(verified.tenants)
}

/// The digest of every tenant.
fn digests(verified: &Verified) -> Result<Vec<Digested>, StoreError> {
    let missing = || StoreError::Internal("a tenant could not be read to its end".to_owned());
    verified.tenants.iter().map(|tenant| tenant.digested.clone().ok_or_else(missing)).collect()
}

/// Draws one view of a store into a new data directory, portion by portion.
fn draw(
    reader: &mut dyn Reader,
    work: &Path,
    source: &str,
    watch: &mut dyn Watch,
) -> Result<Vec<Digested>, StoreError> {
    if let Some(from) = reader.copy_mark(None)? {
        return Err(StoreError::Unavailable(format!(
            "the store is a copy of {from} that was never finished"
        )));
    }
    // A view that was lost is read again from its beginning.
    drop(sqlite::workshop(work)?);
    let options = Options { indexing: Indexing::Off, ..Options::new(Purpose::Serve) };
    let target = crate::open(work, &options)?;
    let name = source.to_owned();
    write(&*target, move |transaction| transaction.set_copy_mark(None, Some(&name)))?;
    let mut tenants = reader.tenants()?;
    tenants.sort_by_key(|tenant| tenant.id);
    let (mut drawn, mut items) = (Vec::new(), 0);
    for tenant in tenants {
        let (mut hashing, mut after) = (Hashing::new(), None);
        while let Some(portion) = reader.portion(tenant.id, after.as_ref(), PortionSize::default())? {
            portion.items.iter().for_each(|item| hashing.item(item));
            items += portion.items.len() as u64;
            watch.reached("items read", items);
            let (until, head) = (portion.until(), portion.head.clone());
            write_for(&*target, Turn::Of(tenant.id), move |transaction| transaction.put(&portion))?;
            after = until;
            if after.is_none() {
                drawn.push(hashing.finish(head, true));
                break;
            }
        }
    }
    write(&*target, |transaction| transaction.set_copy_mark(None, None))?;
    target.close();
    Ok(drawn)
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What there is now.
    pub held: Held,
    /// Where the store lies that was there before.
    pub aside: Option<PathBuf>,
    /// When the backup was made, and by which version; `None` where the file does not say, because it is no backup
    /// but a data file.
    pub noted: Option<(Timestamp, String)>,
}

/// Makes a store what a backup holds: a data directory that nobody serves, or an empty database. A store that is in
/// the directory already is moved aside with `force`, and in the way without. At every moment there is the old one or
/// the new one. `watch` hears of damage, `copied` of how the move into a database gets on.
pub fn restore(
    file: &Path,
    to: &Location,
    force: bool,
    watch: &mut dyn Watch,
    copied: copying::Watch<'_>,
) -> Result<Restored, BackupError> {
    match to {
        Location::Directory(path) => {
            if sqlite::exists(path) && !force {
                return Err(BackupError::InTheWay(format!(
                    "there is a store in {} already: name another directory, or give --force to move it aside",
                    path.display()
                )));
            }
            let restoring = sqlite::Restoring::begin(path)?;
            let (held, noted) = stage(restoring.staged(), file, watch)?;
            let aside = restoring.finish()?;
            compare(path, &held)?;
            Ok(Restored { held, aside, noted })
        }
        Location::Database(database) => {
            let work = beside(file, ".restoring");
            let restored = restore_to(database, file, &work, watch, copied);
            clear(&work, &restored);
            restored
        }
    }
}

/// Checks a copy of the file, and makes a store of this version of it.
fn stage(
    staged: &sqlite::Staged,
    file: &Path,
    watch: &mut dyn Watch,
) -> Result<(Held, Option<(Timestamp, String)>), BackupError> {
    let damaged = |found: u64| {
        BackupError::Damaged(format!(
            "{} is damaged in {found} place(s): nothing was restored from it",
            file.display()
        ))
    };
    staged.fetch(file, watch)?;
    match staged.bring_up_to_date() {
        Err(StoreError::Corrupt(text)) => {
            let text = format!("{} is damaged, or not a backup: {text}", file.display());
            return Err(BackupError::Damaged(text));
        }
        other => other?,
    }
    let verified = staged.check(watch)?;
    if verified.found > 0 {
        return Err(damaged(verified.found));
    }
    let noted = staged.release()?;
    Ok((verified.tenants, noted))
}

/// What is there now is what was checked.
fn compare(path: &Path, held: &[VerifiedTenant]) -> Result<(), StoreError> {
    let store = crate::open(path, &Options::new(Purpose::Admin))?;
    for tenant in held {
        let now = crate::digest::digest(&*store, tenant.id, PortionSize::default(), &mut |_| ())?;
        if now != tenant.digested {
            return Err(StoreError::Corrupt(format!("{} is not what was restored", tenant.name)));
        }
    }
    Ok(())
}

fn restore_to(
    database: &crate::Database,
    file: &Path,
    work: &Path,
    watch: &mut dyn Watch,
    copied: copying::Watch<'_>,
) -> Result<Restored, BackupError> {
    let restoring = sqlite::Restoring::begin(work)?;
    let (held, noted) = stage(restoring.staged(), file, watch)?;
    restoring.finish()?;
    let source = crate::open(work, &Options::new(Purpose::Admin))?;
    let options =
        Options { indexing: Indexing::Off, durability: Durability::Waived, ..Options::new(Purpose::Serve) };
    let target = postgres::open(database, &options)?;
    // Both are read to the end, and their digests compared.
    let moved =
        copying::copy(&*source, &*target, &file.display().to_string(), PortionSize::default(), copied);
    target.close();
    moved?;
    Ok(Restored { held, aside: None, noted })
}

/// Takes a directory away in which something was made, unless it is somebody else who is making it there.
fn clear<T>(work: &Path, made: &Result<T, BackupError>) {
    if !matches!(made, Err(BackupError::Store(StoreError::Locked(_)))) {
        // What is left there is nobody's.
        drop(fs::remove_dir_all(work));
    }
}

/// A directory of its own beside a file.
fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

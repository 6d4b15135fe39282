//! A backup that becomes the store of a data directory.
//!
//! It is copied beside the data file, checked there, and takes its name in one step. What was there before has another
//! name as well by then, so nothing is lost and there is always one of the two.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use directory::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::backup::{manifest, sync_dir_of, to_one_file, unusable};
use super::connection::{self, Role};
use super::files::{DataDir, INTERRUPTED, Lock, open_private};
use super::verify::check_file;
use super::{migrate, search};
use crate::StoreError;
use crate::backup::Note;
use crate::digest::Digested;
use crate::moving::Kind;
use crate::verify::{Verified, Watch};

/// The name of what is not checked yet.
const STAGED: &str = "restore.db";
/// Bytes that are copied at once.
const CHUNK: usize = 1 << 20;

/// A data file that is not in use yet.
pub(crate) struct Staged {
    file: PathBuf,
}

impl Staged {
    /// The one that is made in a workshop.
    pub(crate) fn in_workshop(work: &Path) -> Self {
        Self { file: DataDir::existing(work).data_file() }
    }

    /// Copies a file to here.
    pub(crate) fn fetch(&self, from: &Path, watch: &mut dyn Watch) -> Result<(), StoreError> {
        search::remove(&self.file)?;
        let mut source = File::open(from).map_err(|error| unusable(from, &error))?;
        let mut copy = |source: &mut File| -> io::Result<()> {
            let (mut target, mut chunk, mut done) = (open_private(&self.file)?, vec![0; CHUNK], 0);
            loop {
                let read = source.read(&mut chunk)?;
                if read == 0 {
                    return target.sync_all();
                }
                target.write_all(&chunk[..read])?;
                done += read as u64;
                watch.reached("bytes copied", done);
            }
        };
        copy(&mut source).map_err(|error| unusable(&self.file, &error))
    }

    /// Brings an older schema up to date; a newer one is refused.
    pub(crate) fn bring_up_to_date(&self) -> Result<(), StoreError> {
        let db = connection::open(&self.file, Role::Admin)?;
        if db.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get::<_, i64>(0))? == 0 {
            return Err(StoreError::Corrupt("there is nothing in it".to_owned()));
        }
        migrate::recognise(&db)?;
        to_one_file(&db)?;
        migrate::migrate(&db)
    }

    pub(crate) fn check(&self, watch: &mut dyn Watch) -> Result<Verified, StoreError> {
        check_file(&self.file, Role::Admin, None, watch)
    }

    /// Notes in a backup what it holds.
    pub(crate) fn note(&self, held: &[Digested], note: Note<'_>) -> Result<(), StoreError> {
        let mut db = connection::open(&self.file, Role::Admin)?;
        to_one_file(&db)?;
        let transaction = db.transaction()?;
        transaction.execute("DELETE FROM backups", ())?;
        for digested in held {
            let tenant = &digested.head.tenant;
            let groups = i64::try_from(digested.count(Kind::Group)).unwrap_or(i64::MAX);
            transaction.execute(
                "INSERT INTO backups (tenant, made_at, version, revision, digest, groups)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (tenant.id.0, note.at.0, note.version, tenant.revision, digested.digest.0, groups),
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// Takes the note out again, which is true of a backup only; what it says of how that was made.
    pub(crate) fn release(&self) -> Result<Option<(Timestamp, String)>, StoreError> {
        let db = connection::open(&self.file, Role::Admin)?;
        let noted = manifest(&db)?.into_iter().next().map(|entry| (entry.made_at, entry.version));
        db.execute("DELETE FROM backups", ())?;
        Ok(noted)
    }
}

/// A restore into a data directory, which is held until its end.
pub(crate) struct Restoring {
    dir: DataDir,
    staged: Staged,
    _lock: Lock,
}

impl Restoring {
    pub(crate) fn begin(path: &Path) -> Result<Self, StoreError> {
        let (dir, lock) = DataDir::claim(path)?;
        let staged = Staged { file: dir.file(STAGED) };
        Ok(Self { dir, staged, _lock: lock })
    }

    pub(crate) const fn staged(&self) -> &Staged {
        &self.staged
    }

    /// Puts what was staged in its place; where lies what was there before.
    pub(crate) fn finish(self) -> Result<Option<PathBuf>, StoreError> {
        let file = self.dir.data_file();
        let mut aside = None;
        if file.exists() {
            // One that is too damaged for that keeps its log.
            if is_sound(&file)
                && let Ok(db) = connection::open(&file, Role::Admin)
            {
                drop(to_one_file(&db));
            }
            aside = Some(self.set_aside(&file).map_err(|error| self.dir.unusable(&error))?);
        }
        // Made from another data file.
        search::remove(&self.dir.search_file())?;
        let place = || {
            File::open(&self.staged.file)?.sync_all()?;
            fs::rename(&self.staged.file, &file)?;
            sync_dir_of(&file)?;
            match fs::remove_file(self.dir.file(INTERRUPTED)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => sync_dir_of(&file),
            }
        };
        place().map_err(|error| self.dir.unusable(&error))?;
        Ok(aside)
    }

    /// Gives the store that is there a second name, in a directory of its own; a log of it goes there.
    fn set_aside(&self, file: &Path) -> io::Result<PathBuf> {
        let mut names = (1..u32::MAX).map(|number| self.dir.file(&format!("replaced-{number}")));
        let aside = names.find(|dir| !dir.exists()).ok_or(io::ErrorKind::AlreadyExists)?;
        fs::create_dir(&aside)?;
        let kept = DataDir::existing(&aside).data_file();
        if fs::hard_link(file, &kept).is_err() {
            fs::copy(file, &kept)?;
            File::open(&kept)?.sync_all()?;
        }
        let log = |of: &Path, ending: &str| {
            let mut name = of.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        if log(file, "-wal").exists() {
            open_private(&self.dir.file(INTERRUPTED))?.sync_all()?;
            sync_dir_of(file)?;
            fs::rename(log(file, "-wal"), log(&kept, "-wal"))?;
            drop(fs::remove_file(log(file, "-shm")));
        }
        sync_dir_of(&kept)?;
        sync_dir_of(file)?;
        Ok(aside)
    }
}

/// Whether what lies in the log of a file can be moved into it. Changes neither.
fn is_sound(file: &Path) -> bool {
    let look = || {
        let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        db.query_row("PRAGMA quick_check(1)", (), |row| row.get::<_, String>(0))
    };
    look().is_ok_and(|said| said == "ok")
}

impl Drop for Restoring {
    /// What did not become the store is nobody's. After the end there is none.
    fn drop(&mut self) {
        drop(search::remove(&self.staged.file));
    }
}

//! The data directory: who may read it, and which server holds it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::StoreError;

/// How long a starting server waits for the lock: a command may hold it for the moment of a migration.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);

/// The name of the data file.
const DATA_FILE: &str = "rosterd.db";
/// The name of the file with the index for searches, which can be made anew from the data file.
const SEARCH_FILE: &str = "search.db";

/// There while a restore changes more than one file: until it is finished they do not belong together.
pub(super) const INTERRUPTED: &str = "restore-under-way";

/// Whether a directory holds a data file.
pub(crate) fn exist_in(path: &Path) -> bool {
    path.join(DATA_FILE).exists()
}

/// The files of a data directory.
#[derive(Debug, Clone)]
pub(super) struct DataDir {
    path: PathBuf,
}

/// The directory is held for as long as this lives. The file stays behind: a lock on a file that somebody
/// deletes and makes again would be two locks.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl DataDir {
    /// One that is there. Makes nothing.
    pub(super) fn existing(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    /// One for a file that is not there yet, held alone.
    pub(super) fn claim(path: &Path) -> Result<(Self, Lock), StoreError> {
        let dir = Self::existing(path);
        if !path.is_dir() {
            create_dir(path).map_err(|error| dir.unusable(&error))?;
        }
        let lock = dir.lock()?;
        Ok((dir, lock))
    }

    /// A file of this name in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes the directory and the data file if they are not there, for this user alone.
    pub(super) fn prepare(path: &Path) -> Result<Self, StoreError> {
        let dir = Self { path: path.to_path_buf() };
        if !path.is_dir() {
            create_dir(path).map_err(|error| dir.unusable(&error))?;
        }
        if dir.file(INTERRUPTED).exists() {
            return Err(StoreError::Unavailable(format!(
                "a restore into the data directory {} was interrupted: run it again, with --force",
                path.display()
            )));
        }
        open_private(&dir.data_file()).map_err(|error| dir.unusable(&error))?;
        Ok(dir)
    }

    pub(super) fn data_file(&self) -> PathBuf {
        self.path.join(DATA_FILE)
    }

    pub(super) fn search_file(&self) -> PathBuf {
        self.path.join(SEARCH_FILE)
    }

    /// The lock of the server, if nobody holds it.
    pub(super) fn try_lock(&self) -> Result<Option<Lock>, StoreError> {
        let file = open_private(&self.path.join("rosterd.lock")).map_err(|error| self.unusable(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(self.unusable(&error)),
        }
    }

    /// The lock of the server, or why not.
    pub(super) fn lock(&self) -> Result<Lock, StoreError> {
        let start = Instant::now();
        loop {
            if let Some(lock) = self.try_lock()? {
                return Ok(lock);
            }
            if start.elapsed() >= LOCK_PATIENCE {
                return Err(StoreError::Locked(format!(
                    "another rosterd server is using the data directory {}: stop it first, or give this one a \
                     data directory of its own",
                    self.path.display()
                )));
            }
            thread::sleep(LOCK_PATIENCE / 10);
        }
    }

    pub(super) fn unusable(&self, error: &io::Error) -> StoreError {
        StoreError::Unavailable(format!("the data directory {} cannot be used: {error}", self.path.display()))
    }
}

#[cfg(unix)]
fn create_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    // SQLite makes its files durable, but not the directory that they lie in.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

#[cfg(not(unix))]
fn create_dir(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Opens a file for reading and writing; one that is made here is for this user alone. `SQLite` gives its
/// other files the permissions of the data file.
#[cfg(unix)]
pub(super) fn open_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

    match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().read(true).write(true).open(path)
        }
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
pub(super) fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

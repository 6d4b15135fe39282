//! What outlives the server: the reference engine as it is, or the files of the embedded one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use store::memory::Memory;
use store::{Done, ReadJob, Stepped, Store as _, StoreError, Turn, WriteJob};
use tempfile::TempDir;

use super::world::lock;

/// More than ever waits.
const QUEUE: usize = 4096;
/// A file system in memory: what matters here is what is written, and not when.
const IN_MEMORY: &str = "/dev/shm";

/// What happens to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    /// There is no room for it.
    Full,
    /// It fails, and is there nevertheless.
    FailedAndThere,
    /// It fails, and is not there.
    FailedAndGone,
    /// The machine dies in the middle of it.
    Death,
}

/// What a machine that died in a commit has written of it.
#[derive(Debug, Default)]
pub(super) struct Torn {
    /// The log before and after, where there is one.
    before: Vec<u8>,
    after: Vec<u8>,
}

/// A disk.
pub(super) enum Disk {
    Memory(Arc<Memory>),
    Sqlite(Files),
}

/// A directory for each time that the machine came up.
pub(super) struct Files {
    home: TempDir,
    lives: Mutex<usize>,
}

/// An engine on a disk.
#[derive(Clone)]
pub(super) enum Engine {
    Memory(Arc<Memory>),
    Sqlite(Arc<Stepped>, PathBuf),
}

fn home() -> TempDir {
    let made = tempfile::Builder::new().prefix("rosterd-simulation-").tempdir_in(IN_MEMORY);
    made.or_else(|_| tempfile::tempdir()).unwrap()
}

impl Disk {
    pub(super) fn memory() -> Self {
        Self::Memory(Arc::new(Memory::new()))
    }

    pub(super) fn sqlite() -> Self {
        Self::Sqlite(Files { home: home(), lives: Mutex::new(0) })
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Memory(_) => "memory",
            Self::Sqlite(_) => "sqlite",
        }
    }

    pub(super) fn mount(&self) -> Result<Engine, StoreError> {
        Ok(match self {
            Self::Memory(memory) => Engine::Memory(Arc::clone(memory)),
            Self::Sqlite(files) => {
                let path = files.path(*lock(&files.lives));
                Engine::Sqlite(Arc::new(Stepped::open(&path, QUEUE)?), path)
            }
        })
    }

    /// The machine has died: what the disk holds now is what the next one finds. Of a commit under way it holds
    /// the beginning, up to this part of 256.
    pub(super) fn die(&self, torn: Option<&Torn>, part: usize) {
        let Self::Sqlite(files) = self else { return };
        let mut lives = lock(&files.lives);
        let (old, new) = (files.path(*lives), files.path(*lives + 1));
        *lives += 1;
        fs::create_dir(&new).unwrap();
        for name in ["rosterd.db", "rosterd.db-wal"] {
            // There is no log before the first write, and none after a clean end.
            if old.join(name).exists() {
                fs::copy(old.join(name), new.join(name)).unwrap();
            }
        }
        if let Some(torn) = torn {
            fs::write(new.join("rosterd.db-wal"), torn.log(part)).unwrap();
        }
    }
}

impl Torn {
    fn log(&self, part: usize) -> Vec<u8> {
        let same = self.before.iter().zip(&self.after).take_while(|(one, other)| one == other).count();
        let written = same + (self.after.len() - same) * part / 256;
        let mut log = self.after[..written].to_vec();
        log.extend(self.before.iter().skip(written));
        log
    }
}

impl Files {
    fn path(&self, life: usize) -> PathBuf {
        self.home.path().join(life.to_string())
    }
}

impl Engine {
    pub(super) fn read(&self, job: ReadJob<'_>) -> Result<(), StoreError> {
        match self {
            Self::Memory(memory) => memory.read(job),
            Self::Sqlite(stepped, _) => stepped.read(job),
        }
    }

    pub(super) fn write(&self, turn: Turn, job: WriteJob, done: Done) -> Result<(), StoreError> {
        match self {
            Self::Memory(memory) => memory.write(turn, job, done),
            Self::Sqlite(stepped, _) => stepped.write(turn, job, done),
        }
    }

    /// Writes all that waits.
    pub(super) fn step(&self) {
        if let Self::Sqlite(stepped, _) = self {
            while stepped.step() {}
        }
    }

    /// Moves the log into the data file.
    pub(super) fn settle(&self) {
        if let Self::Sqlite(stepped, _) = self {
            stepped.settle();
        }
    }

    /// Gives back memory.
    pub(super) fn give_back(&self) {
        if let Self::Sqlite(stepped, _) = self {
            stepped.give_back();
        }
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::Memory(memory) => memory.check(),
            Self::Sqlite(stepped, _) => stepped.check(),
        }
    }

    /// The disk of the reference engine outlives it.
    pub(super) fn close(&self) {
        if let Self::Sqlite(stepped, _) = self {
            stepped.close();
        }
    }

    /// Runs some commits and sees what they have written.
    pub(super) fn watch<T>(&self, commits: impl FnOnce() -> T) -> (Option<Torn>, T) {
        let Self::Sqlite(_, path) = self else { return (None, commits()) };
        let before = log(path);
        let done = commits();
        (Some(Torn { before, after: log(path) }), done)
    }
}

fn log(path: &Path) -> Vec<u8> {
    fs::read(path.join("rosterd.db-wal")).unwrap_or_default()
}

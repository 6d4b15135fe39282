//! Moving what is committed from the log into the data file, beside the writer and not in its way.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;

use super::lock;
use super::search::Wake;
use super::writer::Health;
use crate::StoreError;

/// Frames (pages of 4 KiB) that may wait in the log while the writer is busy.
const BUSY_BACKLOG: i64 = 1024;
/// Frames of a log that is too long: 256 MiB. It only starts anew when the writer pauses.
const LONG_LOG: i64 = 64 * 1024;
/// Bytes of the file of such a log.
const LONG_FILE: u64 = 256 << 20;
/// How much longer it may get before the next attempt, if readers kept the last one from working.
const RETRY_AFTER: i64 = 16 * 1024;
/// How long the writer is made to pause for that at most.
const PAUSE: Duration = Duration::from_millis(500);
/// The writer has stopped for now when it commits nothing for this long.
const QUIET: Duration = Duration::from_millis(100);
const LONGEST_QUIET: Duration = Duration::from_secs(10);

/// Between the writer and the checkpointer.
#[derive(Default)]
pub(super) struct Signal {
    state: Mutex<State>,
    changed: Condvar,
    /// Who else wants to know of commits.
    follower: Option<Arc<Wake>>,
}

#[derive(Default)]
struct State {
    commits: u64,
    paused: bool,
    ending: bool,
}

enum Event {
    Committed(u64),
    Quiet,
    Ending,
}

impl Signal {
    pub(super) fn followed_by(follower: Option<Arc<Wake>>) -> Self {
        Self { follower, ..Self::default() }
    }

    /// The writer made something durable.
    pub(super) fn committed(&self) {
        lock(&self.state).commits += 1;
        self.changed.notify_all();
        if let Some(follower) = &self.follower {
            follower.call();
        }
    }

    /// The writer waits here while the log starts anew.
    pub(super) fn pass(&self) {
        let state = lock(&self.state);
        drop(self.changed.wait_while(state, |state| state.paused).unwrap_or_else(PoisonError::into_inner));
    }

    fn pause(&self, paused: bool) {
        lock(&self.state).paused = paused;
        self.changed.notify_all();
    }

    fn end(&self) {
        lock(&self.state).ending = true;
        self.changed.notify_all();
    }

    /// Waits for a commit after this one; with some patience only so long.
    fn wait(&self, seen: u64, patience: Option<Duration>) -> Event {
        let state = lock(&self.state);
        let still = |state: &mut State| state.commits == seen && !state.ending;
        let state = match patience {
            None => self.changed.wait_while(state, still).unwrap_or_else(PoisonError::into_inner),
            Some(patience) => {
                let waited = self.changed.wait_timeout_while(state, patience, still);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        if state.ending {
            Event::Ending
        } else if state.commits == seen {
            Event::Quiet
        } else {
            Event::Committed(state.commits)
        }
    }
}

/// The owner's end.
pub(super) struct Checkpointer {
    signal: Arc<Signal>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Checkpointer {
    pub(super) fn start(
        db: Connection,
        health: &Arc<Health>,
        signal: &Arc<Signal>,
    ) -> Result<Self, StoreError> {
        let rounds = Rounds::new(db, health, signal);
        let thread = thread::Builder::new()
            .name("store-checkpointer".to_owned())
            .spawn(move || rounds.run())
            .map_err(|error| StoreError::Unavailable(format!("the checkpointer cannot start: {error}")))?;
        Ok(Self { signal: Arc::clone(signal), thread: Mutex::new(Some(thread)) })
    }

    /// Empties the log. Comes after everybody else has closed.
    pub(super) fn close(&self) {
        self.signal.end();
        let thread = lock(&self.thread).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the checkpointer panicked");
        }
    }
}

pub(super) struct Rounds {
    db: Connection,
    health: Arc<Health>,
    signal: Arc<Signal>,
    restart_at: i64,
}

/// The log, counted in frames.
#[derive(Debug, Clone, Copy)]
struct Log {
    /// Somebody was in the way.
    blocked: bool,
    frames: i64,
    moved: i64,
}

impl Log {
    const fn backlog(self) -> i64 {
        self.frames - self.moved
    }
}

impl Rounds {
    pub(super) fn new(db: Connection, health: &Arc<Health>, signal: &Arc<Signal>) -> Self {
        Self { db, health: Arc::clone(health), signal: Arc::clone(signal), restart_at: LONG_LOG }
    }

    fn run(mut self) {
        let mut seen = 0;
        // A server that was killed leaves a log behind: settle it as soon as nothing else goes on.
        let mut patience = Some(QUIET);
        loop {
            match self.signal.wait(seen, patience) {
                Event::Ending => break,
                Event::Committed(commits) => {
                    seen = commits;
                    patience = Some(QUIET);
                    self.keep_up();
                }
                Event::Quiet => {
                    let settled = self.settle();
                    // Readers of old states hold it up: look again, but ever more seldom.
                    patience =
                        patience.filter(|_| !settled).map(|patience| (patience * 2).min(LONGEST_QUIET));
                }
            }
        }
        self.finish();
    }

    /// While the writer is busy: not after each commit, because the same pages come again and again.
    fn keep_up(&mut self) {
        let Some(log) = self.checkpoint("NOOP") else { return };
        if log.backlog() < BUSY_BACKLOG {
            return;
        }
        let Some(log) = self.checkpoint("PASSIVE") else { return };
        if log.frames >= self.restart_at {
            self.restart();
        }
    }

    /// When the writer is idle. Afterwards nobody touches the data file until the next write.
    pub(super) fn settle(&mut self) -> bool {
        match self.checkpoint("PASSIVE") {
            Some(log) if log.backlog() > 0 => false,
            Some(_) => {
                if self.has_long_file() {
                    // Gives its room back, where nobody writes.
                    self.while_writer_pauses("TRUNCATE");
                }
                true
            }
            None => false,
        }
    }

    /// Starts the log anew. A log that is written without a pause never does so by itself. Its file stays as long as
    /// it is and is written again from its beginning: while a file system takes back 256 MiB, nobody could write.
    fn restart(&mut self) {
        // What came in meanwhile: the less is left, the shorter the pause.
        self.checkpoint("PASSIVE");
        let log = self.while_writer_pauses("RESTART");
        self.restart_at = match log {
            Some(log) if log.blocked => log.frames + RETRY_AFTER,
            _ => LONG_LOG,
        };
    }

    fn while_writer_pauses(&self, mode: &str) -> Option<Log> {
        self.signal.pause(true);
        let log = self.patiently(mode);
        self.signal.pause(false);
        log
    }

    fn has_long_file(&self) -> bool {
        let length = |file: &str| Path::new(&format!("{file}-wal")).metadata().map(|file| file.len());
        self.db.path().and_then(|file| length(file).ok()).is_some_and(|length| length >= LONG_FILE)
    }

    /// Waits for who is in the way, for a while.
    fn patiently(&self, mode: &str) -> Option<Log> {
        if let Err(error) = self.db.busy_timeout(PAUSE) {
            tracing::warn!(%error, "the log cannot be started anew");
            return None;
        }
        self.checkpoint(mode)
    }

    /// What is left in the log goes into the data file; unless the disk failed: then what was read from
    /// the log may not be what lies there, and a restart has to read it again.
    pub(super) fn finish(&mut self) {
        let untouchable = self.health.check().is_err();
        if untouchable {
            let keep = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            if let Err(error) = self.db.set_db_config(keep, true) {
                tracing::error!(%error, "the log may be read at closing");
            }
        } else {
            self.patiently("TRUNCATE");
        }
    }

    fn checkpoint(&self, mode: &str) -> Option<Log> {
        self.health.check().ok()?;
        let log = self.db.query_row(&format!("PRAGMA wal_checkpoint({mode})"), (), |row| {
            Ok(Log { blocked: row.get(0)?, frames: row.get(1)?, moved: row.get(2)? })
        });
        match log.map_err(StoreError::from) {
            Ok(log) => Some(log),
            // A retry would not help: after a failed fsync the next one reports success.
            Err(error @ StoreError::OutcomeUnknown(_)) => {
                self.health.disk_failed(&error);
                None
            }
            Err(error) => {
                tracing::warn!(%error, mode, "the log cannot be moved into the data file now");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;

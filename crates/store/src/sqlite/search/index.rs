//! The index as searches see it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use directory::search::entry;
use directory::{Stamp, TenantId};
use rusqlite::{Connection, OptionalExtension};

use super::follow::Wake;
use crate::StoreError;
use crate::sqlite::connection::{self, Role};
use crate::sqlite::idle::Idle;
use crate::sqlite::lock;

/// Lends connections to the file of the index, while there is one that can be used.
pub(in crate::sqlite) struct Index {
    file: PathBuf,
    wake: Arc<Wake>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    condition: Condition,
    /// Grows when the file is made anew: connections to the one before are of no use.
    generation: u64,
    idle: Idle,
}

/// What is known of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Condition {
    /// It is not there (yet), or closed.
    #[default]
    Absent,
    /// It is there.
    Usable,
    /// It was read and found damaged.
    Damaged,
}

impl Index {
    pub(super) fn new(file: PathBuf, wake: Arc<Wake>) -> Self {
        Self { file, wake, state: Mutex::default() }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(super) fn condition(&self) -> Condition {
        lock(&self.state).condition
    }

    /// Says what has become of the file. Whoever reads in it now, reads on.
    pub(super) fn is_now(&self, condition: Condition) {
        let mut state = lock(&self.state);
        state.condition = condition;
        state.generation += 1;
        state.idle.clear();
    }

    /// Closes those connections that were not used since the last call.
    pub(in crate::sqlite) fn give_back(&self) {
        let unused = lock(&self.state).idle.look();
        drop(unused);
    }

    /// What the index holds at this moment of a tenant. `None` where it cannot be asked.
    pub(super) fn view(&self, tenant: TenantId) -> Option<View<'_>> {
        let (generation, idle) = {
            let mut state = lock(&self.state);
            if state.condition != Condition::Usable {
                return None;
            }
            (state.generation, state.idle.pop())
        };
        let opened = idle.map_or_else(|| connection::open(&self.file, Role::Searcher), Ok);
        let view = opened.and_then(|db| View::begin(self, generation, db, tenant));
        view.map_err(|error| self.failed(generation, &error)).ok()
    }

    /// A damaged file is made anew by who follows the data file, unless that has happened already.
    fn failed(&self, generation: u64, error: &StoreError) {
        tracing::warn!(%error, "a search has to do without its index");
        let is_current = lock(&self.state).generation == generation;
        if is_current && matches!(error, StoreError::Corrupt(_)) {
            self.is_now(Condition::Damaged);
            self.wake.call();
        }
    }
}

/// The index at one moment, for one tenant.
pub(super) struct View<'v> {
    index: &'v Index,
    generation: u64,
    tenant: TenantId,
    until: Stamp,
    db: Option<Connection>,
}

/// An entry of the index.
pub(super) type Entry = (Box<str>, i64);

impl<'v> View<'v> {
    fn begin(
        index: &'v Index,
        generation: u64,
        db: Connection,
        tenant: TenantId,
    ) -> Result<Self, StoreError> {
        let mut view = Self { index, generation, tenant, until: Stamp::default(), db: None };
        db.prepare_cached("BEGIN")?.execute(())?;
        let mut select = db.prepare_cached("SELECT revision, last_group FROM progress WHERE tenant = ?1")?;
        let until =
            select.query_row([tenant.0], |row| Ok(Stamp { revision: row.get(0)?, group: row.get(1)? }));
        view.until = until.optional()?.unwrap_or_default();
        drop(select);
        view.db = Some(db);
        Ok(view)
    }

    /// Up to where in the order of its changes the tenant is taken in.
    pub(super) const fn until(&self) -> Stamp {
        self.until
    }

    /// How many entries begin with this word, counted up to a number. `None` where the index fails.
    pub(super) fn count(&self, word: &str, most: usize) -> Option<usize> {
        let count = |db: &Connection| {
            let mut select = db.prepare_cached(
                "SELECT count(*) FROM
                 (SELECT 1 FROM words WHERE tenant = ?1 AND word >= ?2 AND word < ?3 LIMIT ?4)",
            )?;
            let first = entry(word);
            // No word holds the last of all characters.
            let end = format!("{first}{}", char::MAX);
            Ok(select.query_row((self.tenant.0, first, end, limit(most)), |row| row.get::<_, i64>(0))?)
        };
        self.asked(count).map(|count| usize::try_from(count).unwrap_or(most))
    }

    /// The next entries behind this one, at most so many: those that begin with a word, and perhaps one
    /// more. `None` where the index fails.
    pub(super) fn entries(&self, (word, id): &Entry, most: usize) -> Option<Vec<Entry>> {
        self.asked(|db| {
            let mut select = db.prepare_cached(
                "SELECT word, id FROM words WHERE tenant = ?1 AND (word, id) > (?2, ?3)
                 ORDER BY word, id LIMIT ?4",
            )?;
            let rows = select.query_map((self.tenant.0, &**word, id, limit(most)), |row| {
                Ok((row.get_ref(0)?.as_str()?.into(), row.get(1)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn asked<T>(&self, ask: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Option<T> {
        ask(self.db.as_ref()?).map_err(|error| self.index.failed(self.generation, &error)).ok()
    }
}

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        let Some(db) = self.db.take() else { return };
        let ended = db.prepare_cached("ROLLBACK").and_then(|mut rollback| rollback.execute(()));
        let mut state = lock(&self.index.state);
        if ended.is_ok() && state.generation == self.generation {
            state.idle.push(db);
        }
    }
}

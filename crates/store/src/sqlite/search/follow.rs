//! The index follows the data file, on a thread of its own, a chunk of changes at a time.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use directory::{GroupId, Stamp, TenantId, Words};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::file::{self, Progress};
use super::index::{Condition, Index};
use crate::sqlite::connection::{self, Role};
use crate::sqlite::files::DataDir;
use crate::sqlite::idle::{self, UNUSED_FOR};
use crate::sqlite::load::extra_references;
use crate::sqlite::readers::View;
use crate::sqlite::tenants::Counters;
use crate::sqlite::{lock, rows};
use crate::{StoreError, observed};

/// The most groups that are taken in by one transaction of the index: the more, the fewer times each of its
/// pages is written.
const CHUNK: usize = 50_000;
/// The most groups of one tenant that are taken in between two commits.
const LITTLE: usize = 2000;
/// Entries between two looks at whether it is time to end.
const ENTRIES_AT_ONCE: usize = 1000;
/// How long commits are gathered before they are looked at.
const GATHERING: Duration = Duration::from_millis(50);
/// Where there are more groups than a little, whoever writes them is left alone with the disk for so long.
const PATIENCE: Duration = Duration::from_mins(2);
/// Nobody writes any more when there is no commit for so long: a large one takes a good part of that.
const CALM: Duration = Duration::from_secs(1);
/// Whoever still writes then, has the disk alone for this many parts of the time, and the index for one.
const PARTS_FOR_THE_WRITER: u32 = 4;
/// How long nothing is tried after something went wrong.
const PAUSE: Duration = Duration::from_secs(10);
/// How long closing may go on taking in what is left.
const FINISHING: Duration = Duration::from_millis(500);

/// Tells of commits.
#[derive(Default)]
pub(in crate::sqlite) struct Wake {
    state: Mutex<Calls>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, Default)]
struct Calls {
    count: u64,
    /// Since when there will be no more.
    ending: Option<Instant>,
}

impl Wake {
    /// There is something to take in.
    pub(in crate::sqlite) fn call(&self) {
        observed::search_behind();
        lock(&self.state).count += 1;
        self.changed.notify_all();
    }

    fn end(&self) {
        lock(&self.state).ending.get_or_insert_with(Instant::now);
        self.changed.notify_all();
    }

    fn calls(&self) -> Calls {
        *lock(&self.state)
    }

    /// Whether it is time to leave undone what is left.
    fn is_over(&self) -> bool {
        self.calls().ending.is_some_and(|since| since.elapsed() >= FINISHING)
    }

    /// Waits for a call after these; how many there are then. Says if it takes long.
    fn wait(&self, seen: u64, long: impl FnOnce()) -> u64 {
        let still = |calls: &mut Calls| calls.count == seen && calls.ending.is_none();
        let waited = self.changed.wait_timeout_while(lock(&self.state), UNUSED_FOR, still);
        let (state, time) = waited.unwrap_or_else(PoisonError::into_inner);
        if !time.timed_out() {
            return state.count;
        }
        drop(state);
        long();
        self.changed.wait_while(lock(&self.state), still).unwrap_or_else(PoisonError::into_inner).count
    }

    /// Waits for some time, or for the end.
    fn rest(&self, time: Duration) {
        let state = lock(&self.state);
        let rested = self.changed.wait_timeout_while(state, time, |calls| calls.ending.is_none());
        drop(rested.unwrap_or_else(PoisonError::into_inner));
    }
}

/// The owner's end.
pub(in crate::sqlite) struct Following {
    index: Arc<Index>,
    wake: Arc<Wake>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Following {
    /// Starts with what is there. An index that cannot be used makes searches slow and stops nobody.
    pub(in crate::sqlite) fn start(dir: &DataDir) -> Result<Self, StoreError> {
        let wake = Arc::<Wake>::default();
        // What is not known to be taken in counts as one commit.
        wake.call();
        let index = Arc::new(Index::new(dir.search_file(), Arc::clone(&wake)));
        let mut follower = Follower::new(
            connection::open(&dir.data_file(), Role::Answers)?,
            Arc::clone(&index),
            Arc::clone(&wake),
            CHUNK,
        );
        // Before anybody reads, so that nobody searches in what was made from another data file.
        if let Err(error) = follower.open() {
            tracing::warn!(%error, "searches have to do without their index for now");
        }
        let thread = thread::Builder::new()
            .name("store-indexer".to_owned())
            .spawn(move || follower.run())
            .map_err(|error| StoreError::Unavailable(format!("the indexer cannot start: {error}")))?;
        Ok(Self { index, wake, thread: Mutex::new(Some(thread)) })
    }

    pub(in crate::sqlite) fn wake(&self) -> Arc<Wake> {
        Arc::clone(&self.wake)
    }

    pub(in crate::sqlite) fn index(&self) -> Arc<Index> {
        Arc::clone(&self.index)
    }

    /// Gives back the memory of searches that are no more; the thread sees to its own.
    pub(in crate::sqlite) fn give_back(&self) {
        self.index.give_back();
    }

    /// Ends with the chunk that is being taken in; where little is left, with all of it.
    pub(in crate::sqlite) fn close(&self) {
        self.wake.end();
        let thread = lock(&self.thread).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the indexer panicked");
        }
    }
}

/// What went wrong.
pub(super) enum Trouble {
    /// The index is damaged.
    Damaged(StoreError),
    /// Something that may be better later.
    Passing(StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Passing(error)
    }
}

/// The thread's end.
pub(super) struct Follower {
    data: Connection,
    index: Arc<Index>,
    wake: Arc<Wake>,
    file: Option<Connection>,
    /// What the file says of each tenant.
    progress: HashMap<TenantId, Progress>,
    chunk: usize,
}

impl Follower {
    pub(super) fn new(data: Connection, index: Arc<Index>, wake: Arc<Wake>, chunk: usize) -> Self {
        Self { data, index, wake, file: None, progress: HashMap::new(), chunk }
    }

    fn run(mut self) {
        let (mut taken_in, mut seen, mut rest) = (0, 0, GATHERING);
        let mut busy_since: Option<Instant> = None;
        loop {
            if seen == taken_in {
                seen = self.wake.wait(taken_in, || self.give_back());
            }
            self.wake.rest(rest);
            let calls = self.wake.calls();
            if calls.ending.is_some() {
                return self.finish();
            }
            let start = Instant::now();
            let is_calm = calls.count == seen && rest != GATHERING;
            busy_since = if is_calm { None } else { busy_since.or(Some(start)) };
            seen = calls.count;
            let is_patient = busy_since.is_some_and(|since| since.elapsed() < PATIENCE);
            let most = if is_patient { Most::IfLittle(LITTLE) } else { Most::Of(self.chunk) };
            rest = match self.step(most) {
                Ok(Left::Nothing) => {
                    observed::search_followed(calls.count - taken_in);
                    taken_in = calls.count;
                    busy_since = None;
                    GATHERING
                }
                Ok(Left::More) if is_patient => CALM,
                Ok(Left::More) if busy_since.is_some() => start.elapsed() * PARTS_FOR_THE_WRITER,
                Ok(Left::More) => Duration::ZERO,
                Err(trouble) => self.recover(trouble),
            };
        }
    }

    fn give_back(&self) {
        for connection in self.file.iter().chain([&self.data]) {
            idle::give_back(connection);
        }
    }

    fn finish(&mut self) {
        while !self.wake.is_over() && matches!(self.step(Most::Of(LITTLE)), Ok(Left::More)) {}
        // The last one to close tidies the log away.
        self.index.is_now(Condition::Absent);
    }

    /// What is damaged is made anew at once, anything else is tried again later: how long to wait.
    fn recover(&mut self, trouble: Trouble) -> Duration {
        self.file = None;
        match trouble {
            Trouble::Damaged(error) => {
                tracing::warn!(%error, "the index for searches is damaged");
                self.index.is_now(Condition::Damaged);
                Duration::ZERO
            }
            Trouble::Passing(error) => {
                tracing::warn!(%error, "the index for searches does not get on; searches may be slow");
                PAUSE
            }
        }
    }

    #[cfg(test)]
    pub(super) const fn file(&self) -> Option<&Connection> {
        self.file.as_ref()
    }

    /// Opens the file, or makes it anew.
    pub(super) fn open(&mut self) -> Result<(), StoreError> {
        self.file = None;
        if self.index.condition() == Condition::Damaged {
            file::remove(self.index.file())?;
        }
        let file = file::open(self.index.file(), &self.data)?;
        self.progress = file::progress(&file)?.into_iter().collect();
        self.file = Some(file);
        self.index.is_now(Condition::Usable);
        Ok(())
    }

    /// Takes in one chunk of every tenant that has changed.
    pub(super) fn step(&mut self, most: Most) -> Result<Left, Trouble> {
        if self.file.is_none() || self.index.condition() != Condition::Usable {
            self.open()?;
        }
        let mut left = Left::Nothing;
        for (tenant, revision) in tenants(&self.data)? {
            let before = self.progress.get(&tenant).copied().unwrap_or_default();
            if revision > 0
                && before.until < all_of(revision)
                && self.take_in(tenant, before, most)? == Left::More
            {
                left = Left::More;
            }
        }
        Ok(left)
    }

    /// Takes in the next changes of a tenant.
    fn take_in(&mut self, tenant: TenantId, before: Progress, most: Most) -> Result<Left, Trouble> {
        let (Most::Of(limit) | Most::IfLittle(limit)) = most;
        let chunk = read(&self.data, tenant, before, limit)?;
        if chunk.left == Left::More && matches!(most, Most::IfLittle(_)) {
            return Ok(Left::More);
        }
        let Some(file) = &mut self.file else { return Ok(Left::More) };
        let wake = &self.wake;
        let kept = write(file, tenant, &chunk, || wake.is_over()).map_err(|error| match error {
            damage @ StoreError::Corrupt(_) => Trouble::Damaged(damage),
            other => Trouble::Passing(other),
        })?;
        if kept == Kept::Nothing {
            return Ok(Left::More);
        }
        self.progress.insert(tenant, chunk.progress);
        Ok(chunk.left)
    }
}

/// How many groups of a tenant are taken in at once.
#[derive(Debug, Clone, Copy)]
pub(super) enum Most {
    /// So many, and the others later.
    Of(usize),
    /// Fewer than so many; none where there are more.
    IfLittle(usize),
}

/// Whether there is more to take in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    More,
}

/// Tenants and their revisions; none while a copy into this file is under way, which does not come in the order of
/// revisions.
fn tenants(data: &Connection) -> Result<Vec<(TenantId, i64)>, StoreError> {
    let mut select = data.prepare_cached(
        "SELECT id, revision FROM tenants WHERE NOT EXISTS (SELECT 1 FROM copies WHERE tenant = 0) ORDER BY id",
    )?;
    let rows = select.query_map((), |row| Ok((TenantId(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The end of a revision.
const fn all_of(revision: i64) -> Stamp {
    Stamp { revision, group: GroupId::MAX.get() }
}

/// Changes of one tenant as the index keeps them: ids, and entries with a blank between two.
struct Chunk {
    groups: Vec<(i64, String)>,
    progress: Progress,
    left: Left,
}

fn read(data: &Connection, tenant: TenantId, before: Progress, most: usize) -> Result<Chunk, StoreError> {
    let _view = View::begin(data)?;
    let counters = Counters::load(data, tenant)?;
    let mut select = data.prepare_cached(include_str!("../sql/changes.sql"))?;
    let mut found = select.query((tenant.0, before.until.revision, before.until.group))?;
    let mut chunk = Chunk { groups: Vec::new(), progress: before, left: Left::More };
    let mut words = Words::default();
    while chunk.groups.len() < most {
        let Some(row) = found.next()? else {
            chunk.left = Left::Nothing;
            chunk.progress.until = all_of(counters.revision);
            break;
        };
        rows::words(row, &mut words)?;
        if counters.extra_refs > 0 {
            for reference in extra_references(data, tenant, rows::id(row)?)? {
                words.add_key(reference.key.as_str());
            }
        }
        let until = rows::stamp(row)?;
        chunk.groups.push((until.group, words.entries().into_iter().collect::<Vec<_>>().join(" ")));
        chunk.progress = Progress { until, changed: until.revision, changed_at: rows::updated_at(row)? };
    }
    Ok(chunk)
}

/// What became of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    All,
    /// It was time to end.
    Nothing,
}

fn write(
    file: &mut Connection,
    tenant: TenantId,
    chunk: &Chunk,
    is_over: impl Fn() -> bool,
) -> Result<Kept, StoreError> {
    let transaction = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut added = replace(&transaction, tenant, chunk)?;
    // In the order of the index, so that each of its pages is written once.
    added.sort_unstable();
    for some in added.chunks(ENTRIES_AT_ONCE) {
        if is_over() {
            // Dropped instead of committed, it rolls back.
            return Ok(Kept::Nothing);
        }
        add(&transaction, some, tenant)?;
    }
    let Progress { until, changed, changed_at } = chunk.progress;
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO progress (tenant, revision, last_group, changed, changed_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((tenant.0, until.revision, until.group, changed, changed_at))?;
    transaction.commit()?;
    Ok(Kept::All)
}

/// Takes out the entries that groups have no more, and returns those that they have now.
fn replace<'c>(
    index: &Connection,
    tenant: TenantId,
    chunk: &'c Chunk,
) -> Result<Vec<(&'c str, i64)>, StoreError> {
    let mut select = index.prepare_cached("SELECT words FROM groups WHERE tenant = ?1 AND id = ?2")?;
    let mut delete = index.prepare_cached("DELETE FROM words WHERE tenant = ?1 AND word = ?2 AND id = ?3")?;
    let mut keep =
        index.prepare_cached("INSERT OR REPLACE INTO groups (tenant, id, words) VALUES (?1, ?2, ?3)")?;
    let mut added = Vec::with_capacity(chunk.groups.len() * 8);
    for (id, words) in &chunk.groups {
        let kept: Option<String> = select.query_row((tenant.0, id), |row| row.get(0)).optional()?;
        if kept.as_ref() == Some(words) {
            continue;
        }
        let kept = kept.unwrap_or_default();
        let (before, now) = (entries(&kept), entries(words));
        for gone in before.iter().filter(|word| !now.contains(*word)) {
            delete.execute((tenant.0, gone, id))?;
        }
        added.extend(now.into_iter().filter(|word| !before.contains(word)).map(|word| (word, *id)));
        keep.execute((tenant.0, id, words))?;
    }
    Ok(added)
}

fn entries(words: &str) -> BTreeSet<&str> {
    words.split(' ').filter(|word| !word.is_empty()).collect()
}

fn add(index: &Connection, added: &[(&str, i64)], tenant: TenantId) -> Result<(), StoreError> {
    let mut insert =
        index.prepare_cached("INSERT OR IGNORE INTO words (tenant, word, id) VALUES (?1, ?2, ?3)")?;
    for (word, id) in added {
        insert.execute((tenant.0, word, id))?;
    }
    Ok(())
}

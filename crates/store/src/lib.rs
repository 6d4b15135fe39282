//! The engines that keep groups. The only crate with SQL.
//!
//! An engine obeys: it answers [`Needs`] with a [`Snapshot`], applies [`Write`]s as they stand, and
//! answers reads. It decides nothing; every rule lives in the `directory` crate. The contract is
//! blocking and knows no async runtime: callers run it on threads that may wait.

pub mod backup;
#[cfg(feature = "testing")]
pub mod cluster;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod content_hash;
pub mod copying;
mod details;
pub mod digest;
mod fold;
mod free_ids;
mod leases;
mod location;
mod looked;
#[cfg(any(test, feature = "testing"))]
pub mod memory;
mod migrations;
pub mod moving;
mod observed;
mod postgres;
mod references;
pub mod sabotage;
mod sqlite;
pub mod verify;
mod waiting;

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::Path;

use directory::{
    Address, AddressType, AttributeDefinition, AttributeKey, ChangePlace, Changes, DefinitionFilter,
    DefinitionSnapshot, DefinitionWrite, EffectiveValue, Filter, Found, FreeIds, GroupId, GroupView,
    HierarchyNeeds, Listed, LookupKey, Needs, Numbered, NumberedPage, Page, RecordedRun, RunFilter, RunId,
    RunList, RunPage, SearchPage, Slice, Sliced, Snapshot, TenantId, Timestamp, Tree, TreePage, Write,
};

pub use leases::{Claim, Lease, Metered};
pub use location::{Location, LocationFault};
pub use looked::Looked;
pub use migrations::{Migration, Spread, migrate, migrations};
pub use postgres::Database;
#[cfg(any(test, feature = "testing"))]
pub use sqlite::Stepped;
pub use waiting::{read, read_for, write, write_for};

/// Opens the store in a data directory, which is created if it is not there.
pub fn open(data_dir: &Path, options: &Options) -> Result<Box<dyn Store>, StoreError> {
    sqlite::open(data_dir, options)
}

/// Opens the store that lies there. One in a database waits half a minute for it.
pub fn open_at(location: &Location, options: &Options) -> Result<Box<dyn Store>, StoreError> {
    match location {
        Location::Directory(path) => open(path, options),
        Location::Database(database) => postgres::open(database, options),
    }
}

/// Whether there is a store in a data directory.
pub fn exists(data_dir: &Path) -> bool {
    sqlite::exists(data_dir)
}

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To serve: holds the data directory alone among servers, and brings its schema up to date.
    Serve,
    /// For one command of the command line: a server may be running on the same data directory.
    Admin,
}

/// How a store is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What for.
    pub purpose: Purpose,
    /// How many answers may be read at once, and as many plans, and in a database written; `None` for a number that
    /// fits the processors.
    pub readers: Option<NonZeroUsize>,
    /// How many writes may wait before [`StoreError::Overloaded`].
    pub queue: usize,
    /// Whether an index for searches is kept up to date.
    pub indexing: Indexing,
    /// Whether a database server is refused that forgets what it has acknowledged when its machine fails.
    pub durability: Durability,
}

/// Whether what is acknowledged has to survive. The embedded engine always sees to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A server that does not make sure of it is refused.
    Required,
    /// Data may be lost: for tests and trials.
    Waived,
}

/// Whether a server keeps an index for searches. They are right without one, and slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indexing {
    /// It does, in the background.
    On,
    /// It does not: to measure and to test what that makes of everything else.
    Off,
}

impl Options {
    /// The defaults for this purpose.
    pub const fn new(purpose: Purpose) -> Self {
        Self { purpose, readers: None, queue: 1024, indexing: Indexing::On, durability: Durability::Required }
    }
}

/// A view of one moment: reads in one closure all see the same state.
pub trait Reader: moving::Export {
    /// The tenant's revision, 0 before its first write.
    fn revision(&mut self, tenant: TenantId) -> Result<i64, StoreError>;
    /// The first look of a plan. A tenant that does not exist is an empty one.
    fn load(&mut self, tenant: TenantId, needs: &Needs<'_>) -> Result<Snapshot, StoreError>;
    /// The second look: adds the tree around some groups to a snapshot of the same moment.
    fn load_hierarchy(
        &mut self,
        tenant: TenantId,
        needs: &HierarchyNeeds,
        into: &mut Snapshot,
    ) -> Result<(), StoreError>;
    /// The groups that a key means, archived ones included, in ascending order of ids.
    fn find(&mut self, tenant: TenantId, key: &LookupKey) -> Result<Vec<GroupView>, StoreError>;
    /// One page of the tenant's groups that a filter lets through, in ascending order of ids. The work for
    /// a page is bounded: where few groups of many are let through, it may end before it is full.
    fn list(&mut self, tenant: TenantId, filter: &Filter, page: Page) -> Result<Listed, StoreError>;
    /// One page of the tenant's groups that a text finds and a filter lets through. `None` where the page
    /// should start at a place that is no longer there. The work for a page is bounded. A view in which
    /// something was read before may have to do without an index: search first.
    fn search(
        &mut self,
        tenant: TenantId,
        filter: &Filter,
        page: &SearchPage,
    ) -> Result<Option<Found>, StoreError>;
    /// A page of the tenant's groups by its number, and how many groups there are on all of them. Looks at every
    /// group in the place of the filter: for contracts that number their pages.
    fn slice(&mut self, tenant: TenantId, filter: &Filter, slice: &Slice) -> Result<Sliced, StoreError>;
    /// One page of the groups above a group, nearest first, archived ones included. A group that is not
    /// there has none.
    fn ancestors(&mut self, tenant: TenantId, of: GroupId, page: Page) -> Result<Listed, StoreError>;
    /// One page of the tree below a group; that of a group that is not there is empty. `None` where the
    /// page should start at a place that is no longer in the tree. The work for a page is bounded.
    fn tree(&mut self, tenant: TenantId, of: GroupId, page: TreePage) -> Result<Option<Tree>, StoreError>;
    /// One page of the tenant's groups that have changed behind a place, in the order of the feed. `None` where
    /// the place lies above the tenant's revision, which only a store that has lost revisions is asked for.
    fn changes(
        &mut self,
        tenant: TenantId,
        after: ChangePlace,
        limit: usize,
    ) -> Result<Option<Changes>, StoreError>;
    /// The look of a plan of definitions.
    fn load_definitions(
        &mut self,
        tenant: TenantId,
        keys: &HashSet<AttributeKey>,
    ) -> Result<DefinitionSnapshot, StoreError>;
    /// One page of the tenant's definitions of attributes that a filter lets through, in order of ids.
    fn definitions(
        &mut self,
        tenant: TenantId,
        filter: &DefinitionFilter,
        page: NumberedPage,
    ) -> Result<Numbered<AttributeDefinition>, StoreError>;
    /// One page of the attributes of class user of which a group shows a value, in order of ids: its own, else that
    /// of the nearest group above it, archived or not, else the default. A group that is not there shows none.
    fn values(
        &mut self,
        tenant: TenantId,
        group: GroupId,
        page: NumberedPage,
    ) -> Result<Numbered<EffectiveValue>, StoreError>;
    /// The addresses of a group in ascending order of ids, all of them or those of one type. A group that is
    /// not there has none.
    fn addresses(
        &mut self,
        tenant: TenantId,
        of: GroupId,
        kind: Option<AddressType>,
    ) -> Result<Vec<Address>, StoreError>;
    /// Every tenant, in order of names.
    fn tenants(&mut self) -> Result<Vec<Tenant>, StoreError>;
    /// The tenant of this name.
    fn tenant_by_name(&mut self, name: &str) -> Result<Option<Tenant>, StoreError>;
    /// The access key with this public id, revoked ones included.
    fn access_key(&mut self, id: &str) -> Result<Option<AccessKey>, StoreError>;
    /// The access keys of a tenant, revoked ones included, oldest first; of all tenants with `None`.
    fn access_keys(&mut self, tenant: Option<TenantId>) -> Result<Vec<AccessKey>, StoreError>;
    /// The answer that is kept for an idempotency key, unless it has expired by now.
    fn stored_answer(
        &mut self,
        tenant: TenantId,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<StoredAnswer>, StoreError>;
    /// One page of the tenant's runs that a filter lets through, newest first. The work for a page is bounded:
    /// where few runs of many are let through, it may end before it is full.
    fn runs(&mut self, tenant: TenantId, filter: &RunFilter, page: RunPage) -> Result<RunList, StoreError>;
    /// The tenant's run of this id.
    fn run(&mut self, tenant: TenantId, id: RunId) -> Result<Option<RecordedRun>, StoreError>;
}

/// A transaction: what its closure does becomes durable as a whole or not at all.
pub trait Transaction: Reader + moving::Import {
    /// Whether a look would tell the same as when this was looked at, but for the revision and for free ids: those of
    /// now are returned then. `None` where something may have changed, and where the engine does not know.
    fn free_ids_if_still(
        &mut self,
        _tenant: TenantId,
        _looked: &Looked,
    ) -> Result<Option<FreeIds>, StoreError> {
        Ok(None)
    }
    /// Applies the writes of one plan under the tenant's next revision, which is returned. Stamps every
    /// written group with that revision and `at`, and moves the id counters past assigned ids. Never
    /// called with an empty list. References or ids that are taken, and groups that are not as a write
    /// takes them to be, are [`StoreError::Conflict`]: the plan missed a race. What the plan looked at, where that
    /// still holds, spares an engine work.
    fn apply(
        &mut self,
        tenant: TenantId,
        writes: &[Write],
        at: Timestamp,
        looked: Option<&Looked>,
    ) -> Result<i64, StoreError>;
    /// Applies the writes of one plan of definitions under the tenant's next revision, which is returned. Groups
    /// are not stamped. Never called with an empty list. Names and ids that are taken, and definitions that are
    /// not as a write takes them to be, are [`StoreError::Conflict`].
    fn apply_definitions(&mut self, tenant: TenantId, writes: &[DefinitionWrite]) -> Result<i64, StoreError>;
    /// Adds a tenant; `None` if the name is taken.
    fn create_tenant(&mut self, name: &str, at: Timestamp) -> Result<Option<Tenant>, StoreError>;
    /// Adds an access key. A taken id is a [`StoreError::Conflict`].
    fn create_access_key(&mut self, key: &AccessKey) -> Result<(), StoreError>;
    /// Revokes an access key; false if there is none with this id that is not revoked yet.
    fn revoke_access_key(&mut self, id: &str, at: Timestamp) -> Result<bool, StoreError>;
    /// Keeps an answer for its idempotency key, and takes a few expired ones away. A key whose answer has
    /// not expired is a [`StoreError::Conflict`].
    fn keep_answer(&mut self, answer: &StoredAnswer, now: Timestamp) -> Result<(), StoreError>;
    /// Keeps a run. One that is there already is left as it is.
    fn keep_run(&mut self, run: &RecordedRun) -> Result<(), StoreError>;
    /// Takes away the tenant's oldest runs that began at this moment or before it, at most so many.
    fn forget_runs(&mut self, tenant: TenantId, until: Timestamp, most: u32) -> Result<(), StoreError>;
}

/// A piece of work for [`Store::read`]. It may run more than once; only its last run counts.
pub type ReadJob<'a> = &'a mut dyn FnMut(&mut dyn Reader) -> Result<(), StoreError>;
/// A piece of work for [`Store::write`]. It may run more than once; only its last run counts.
pub type WriteJob = Box<dyn FnMut(&mut dyn Transaction) -> Result<(), StoreError> + Send>;
/// Called once, with the fate of a write job, after everything it did is durable.
pub type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Called with a tenant to which somebody else has written.
pub type Told = Box<dyn Fn(TenantId) + Send + Sync>;

/// Whose turn it is when a job writes. An engine with one writer serves the turns that wait one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Turn {
    /// A tenant's: groups and definitions are written in that of their tenant only.
    Of(TenantId),
    /// Nobody's: for tenants themselves, their access keys, and what is only added.
    Common,
}

/// What is read for. Each has connections of its own where an engine can, so that many reads of one kind
/// do not hold up another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFor {
    /// Answers.
    Answers,
    /// Plans of writes: long looks, many at once under load.
    Plans,
    /// Access keys: short looks that everything else waits for, one question each.
    Keys,
    /// Whether the store answers at all. Told soon, where other reads wait for a store to come back.
    Health,
}

/// A storage engine. Shared between threads.
pub trait Store: Send + Sync {
    /// Runs a job on a view of one moment that is not older than the call (read your writes).
    fn read(&self, job: ReadJob<'_>) -> Result<(), StoreError>;
    /// The same, where it is known what for.
    fn read_for(&self, _: ReadFor, job: ReadJob<'_>) -> Result<(), StoreError> {
        self.read(job)
    }
    /// Queues a job for the writer and returns at once; [`StoreError::Overloaded`] if the queue is full.
    /// Jobs of one turn take effect one after another, in the order of the queue. Jobs that wait together are
    /// made durable together (group commit), each on its own: one that fails takes back only its own changes.
    fn write(&self, turn: Turn, job: WriteJob, done: Done) -> Result<(), StoreError>;
    /// Whether the store takes writes. After a failed write or fsync it does not before a restart, and what
    /// is read until then may not be what lies on the disk: it must not be acknowledged as written.
    fn check(&self) -> Result<(), StoreError>;
    /// Stops taking writes, finishes those in the queue, and closes the files cleanly. Idempotent.
    fn close(&self);
    /// Gives back memory that nothing has needed since the last call. Called from time to time, whether there is
    /// anything to do or not; what is asked for next is hardly slower for it.
    fn give_back(&self) {}
    /// Whether other servers may serve the same data at the same time.
    fn is_shared(&self) -> bool {
        false
    }
    /// Calls this from now on with tenants to which other servers have just written. Only hints: they come late or
    /// not at all when something goes wrong, so whoever counts on nothing but them misses something.
    fn watch(&self, _: Told) {}
    /// Takes some units of an access key's limit, which all servers that share the store take from. Told soon, or it
    /// fails. Where nobody shares the store all that is asked for is given.
    fn lease(&self, claim: &Claim<'_>) -> Result<Lease, StoreError> {
        Ok(Lease::of_all(claim))
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its number in this store.
    pub id: TenantId,
    /// Its name: unique, as people and the command line call it.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// Revision of its last write; 0 before the first.
    pub revision: i64,
}

/// How an access key is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// It is sent with every request.
    Bearer,
    /// It is the secret of an OAuth client, which gets tokens for it.
    Client {
        /// The public half of the key that signs them: enough to check a token, and not to make one.
        token_key: [u8; 32],
    },
}

/// An access key as it is stored: never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// The public part, by which it is looked up.
    pub id: String,
    /// The one tenant it opens.
    pub tenant: TenantId,
    /// How it is used.
    pub kind: KeyKind,
    /// SHA-256 of the whole key text.
    pub hash: [u8; 32],
    /// What it may do, as words separated by spaces.
    pub scopes: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// The answer to a write, kept so that the same write sent again is answered and not done again (rules §8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Whose write it was.
    pub tenant: TenantId,
    /// The caller's idempotency key.
    pub key: String,
    /// SHA-256 of what was asked.
    pub fingerprint: [u8; 32],
    /// The status of the answer.
    pub status: u16,
    /// The body of the answer, byte for byte.
    pub body: Vec<u8>,
    /// From this moment on it is forgotten.
    pub expires_at: Timestamp,
    /// The run that it tells of; none in answers of versions that knew no runs.
    pub run: Option<RunId>,
}

/// Why an engine could not do its work. Never a status code, never a caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another writer was faster: load and plan again.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The queue is full.
    #[error("the queue of writes is full")]
    Overloaded,
    /// The engine takes no writes (any more), or cannot be reached; nothing of this job is kept.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The disk is full; nothing of this job is kept.
    #[error("the disk is full")]
    Full,
    /// The commit itself failed: the job may or may not be there.
    #[error("the outcome of the commit is unknown: {0}")]
    OutcomeUnknown(String),
    /// What is stored is damaged.
    #[error("damaged: {0}")]
    Corrupt(String),
    /// The file has another schema than this program.
    #[error("schema: {0}")]
    Schema(String),
    /// Another server holds the data directory.
    #[error("{0}")]
    Locked(String),
    /// A defect: of this program, or of a statement.
    #[error("internal: {0}")]
    Internal(String),
}

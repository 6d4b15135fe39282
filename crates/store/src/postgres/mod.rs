//! The server engine: a `PostgreSQL` database, alone or spread over the nodes of Citus.
//!
//! Several servers may share it, so nothing of what is stored is remembered here. A plan is made on a view of
//! one moment; who writes takes the tenant's turn by a lock on its row. Statements are the same for
//! `PostgreSQL` and Citus (engines.md §5): each names one tenant.

mod access_keys;
mod addresses;
mod apply;
mod attributes;
mod changes;
mod client;
mod columns;
mod connect;
mod database;
mod failure;
mod hints;
mod lanes;
mod leases;
mod link;
mod load;
mod migrate;
mod moving;
mod pool;
mod read;
mod rows;
mod runs;
mod search;
mod session;
mod stored_answers;
mod tenants;
mod tls;
mod tree;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

pub use self::database::Database;
use self::hints::Hints;
use self::lanes::Lanes;
use self::link::Link;
use self::pool::{BUDGET, Lines, ROUND_TRIP};
use self::session::Session;
use crate::{
    Claim, Done, Durability, Lease, Migration, Options, Purpose, ReadFor, ReadJob, Spread, Store, StoreError,
    Told, Turn, WriteJob, observed,
};

/// Which pool serves what.
const ANSWERS: usize = 0;
const PLANS: usize = 1;
const KEYS: usize = 2;
const WRITES: usize = 3;
/// Connections that look up access keys: such a look takes a fraction of a millisecond.
const KEY_CONNECTIONS: usize = 2;
/// How long a question after the health of the database waits.
const HEALTH_BUDGET: Duration = Duration::from_secs(2);

/// A view of one moment, for as many statements as a job has. Statements that go up and down the tree are guessed to
/// be far more work than they are: to compile them first would take a hundred times as long as to run them. Before it
/// has statistics the database would also look for the one row of each key by way of a bitmap.
const VIEW: &str =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL jit = off; SET LOCAL enable_bitmapscan = off";

pub(crate) fn open(database: &Database, options: &Options) -> Result<Box<dyn Store>, StoreError> {
    observed::describe();
    let most = options.readers.unwrap_or_else(default_connections).get();
    let sizes = match options.purpose {
        Purpose::Serve => [most, most, KEY_CONNECTIONS, most],
        Purpose::Admin => [1, 1, 1, 1],
    };
    let lines = Lines::open(database, options.durability, &sizes)?;
    migrate::ready(&lines).map_err(|error| match error {
        // Settings, rights, a password: whoever starts it can mend that.
        StoreError::Internal(text) => StoreError::Unavailable(text),
        other => other,
    })?;
    let writes = Lanes::start(&lines, sizes[WRITES], options.queue)?;
    let hints = Hints::new(lines.connector());
    Ok(Box::new(Server { lines, writes, hints: Arc::new(hints) }))
}

/// The steps of its schema.
pub(crate) fn migrations(database: &Database, spread: Option<Spread>) -> Result<Vec<Migration>, StoreError> {
    migrate::list(&*lines_for_schema(database)?, spread)
}

pub(crate) fn migrate(database: &Database, spread: Option<Spread>) -> Result<(), StoreError> {
    migrate::up(&*lines_for_schema(database)?, spread)
}

/// Nothing is acknowledged there that could be lost.
fn lines_for_schema(database: &Database) -> Result<Arc<Lines>, StoreError> {
    Lines::open(database, Durability::Waived, &[1, 1, 1, 1])
}

fn default_connections() -> NonZeroUsize {
    let (least, most) = (NonZeroUsize::MIN.saturating_add(3), NonZeroUsize::MIN.saturating_add(15));
    let processors = thread::available_parallelism().unwrap_or(least);
    processors.saturating_mul(NonZeroUsize::MIN.saturating_add(1)).clamp(least, most)
}

struct Server {
    lines: Arc<Lines>,
    writes: Lanes,
    hints: Arc<Hints>,
}

impl Server {
    fn read_from(
        &self,
        pool: usize,
        view: Option<&'static str>,
        budget: Duration,
        job: ReadJob<'_>,
    ) -> Result<(), StoreError> {
        let mut attempts = self.lines.attempts(budget);
        loop {
            let failure = match self.lines.take(pool, attempts.left()) {
                Err(failure) => failure,
                Ok(lent) => {
                    let link = Link::new(lent, view).with_patience(budget.min(ROUND_TRIP));
                    let mut session = Session::new(link);
                    let said = job(&mut session);
                    match session.end_reading(said) {
                        Ok(fate) => {
                            self.lines.succeeded();
                            return fate;
                        }
                        Err(failure) => failure,
                    }
                }
            };
            attempts.again(failure)?;
        }
    }
}

impl Store for Server {
    fn read(&self, job: ReadJob<'_>) -> Result<(), StoreError> {
        self.read_for(ReadFor::Answers, job)
    }

    fn read_for(&self, purpose: ReadFor, job: ReadJob<'_>) -> Result<(), StoreError> {
        match purpose {
            ReadFor::Answers => self.read_from(ANSWERS, Some(VIEW), BUDGET, job),
            ReadFor::Plans => self.read_from(PLANS, Some(VIEW), BUDGET, job),
            // One statement each, which is a view of its own.
            ReadFor::Keys => self.read_from(KEYS, None, BUDGET, job),
            ReadFor::Health => self.read_from(KEYS, None, HEALTH_BUDGET, job),
        }
    }

    fn write(&self, turn: Turn, job: WriteJob, done: Done) -> Result<(), StoreError> {
        let Turn::Of(tenant) = turn else { return self.writes.write(turn, job, done) };
        let hints = Arc::clone(&self.hints);
        // Also after a failure, behind which something may be there.
        let done = Box::new(move |fate| {
            done(fate);
            hints.tell(tenant);
        });
        self.writes.write(turn, job, done)
    }

    /// What was read came from the primary, and nothing else is remembered here.
    fn check(&self) -> Result<(), StoreError> {
        if self.lines.is_closed() { Err(closed()) } else { Ok(()) }
    }

    fn close(&self) {
        self.writes.close();
        self.hints.stop();
        self.lines.close();
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn watch(&self, told: Told) {
        self.hints.start(told);
    }

    fn lease(&self, claim: &Claim<'_>) -> Result<Lease, StoreError> {
        leases::lease(&self.lines, claim)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// What a panicking thread left behind is still whole: nothing here is changed in two steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

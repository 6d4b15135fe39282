//! Pools of connections, and how often a job is tried on them.
//!
//! Our own and not a crate's: connections live on the thread that uses them ([`super::connect`]), so they are made
//! and waited for without a runtime around them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::connect::{Connection, Connector};
use super::database::Database;
use super::failure::{Class, Failure, Phase};
use super::{closed, lock};
use crate::{Durability, StoreError};

/// How long one round trip may take. A server that is frozen keeps its connections, so nothing else ends them.
pub(super) const ROUND_TRIP: Duration = Duration::from_secs(10);
/// How long a job is tried again, from its first failure on. A failover takes 16–27 s (engines.md §6).
pub(super) const BUDGET: Duration = Duration::from_secs(30);
/// How long to wait before the second attempt; each further one waits twice as long, up to `LONGEST_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Connections for one purpose.
pub(super) struct Pool {
    connector: Arc<Connector>,
    most: usize,
    state: Mutex<Open>,
    /// Told when a connection is free, or may be made.
    freed: Condvar,
}

#[derive(Default)]
struct Open {
    /// The last one used comes last: it is taken first, and the others can be forgotten.
    idle: Vec<Connection>,
    /// With those in use.
    count: usize,
    closed: bool,
}

/// A connection in use. Unless it is given back, it is closed: nobody knows in which state it is.
pub(super) struct Lent {
    pool: Arc<Pool>,
    connection: Option<Connection>,
    /// Whether it takes a place of the pool, also while it is being made.
    has_place: bool,
}

impl Pool {
    fn new(connector: Arc<Connector>, most: usize) -> Arc<Self> {
        Arc::new(Self { connector, most, state: Mutex::default(), freed: Condvar::new() })
    }

    /// A connection, for which is waited no longer than this.
    fn take(self: &Arc<Self>, patience: Duration) -> Result<Lent, Failure> {
        let until = Instant::now() + patience;
        let mut state = lock(&self.state);
        loop {
            if state.closed {
                return Err(Failure::lost(Phase::Before, "the store is closed"));
            }
            if let Some(connection) = state.idle.pop() {
                return Ok(Lent { pool: Arc::clone(self), connection: Some(connection), has_place: true });
            }
            if state.count < self.most {
                state.count += 1;
                drop(state);
                let mut lent = Lent { pool: Arc::clone(self), connection: None, has_place: true };
                lent.connection = Some(self.connector.connect()?);
                return Ok(lent);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Failure::busy("all connections are in use"));
            }
            state = self.freed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A connection that is there already, for which is waited no longer than this.
    fn take_open(self: &Arc<Self>, patience: Duration) -> Result<Lent, Failure> {
        let until = Instant::now() + patience;
        let mut state = lock(&self.state);
        loop {
            if let Some(connection) = state.idle.pop() {
                return Ok(Lent { pool: Arc::clone(self), connection: Some(connection), has_place: true });
            }
            let left = until.saturating_duration_since(Instant::now());
            if state.count == 0 || left.is_zero() {
                return Err(Failure::busy("no connection is free"));
            }
            state = self.freed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Closes those that wait.
    fn forget_idle(&self) {
        let mut state = lock(&self.state);
        let idle = std::mem::take(&mut state.idle);
        state.count -= idle.len();
        drop(state);
        self.freed.notify_all();
    }

    fn close(&self) {
        lock(&self.state).closed = true;
        self.forget_idle();
    }
}

impl Lent {
    /// The connection; a failure where there is none any more.
    pub(super) fn connection(&mut self) -> Result<&mut Connection, Failure> {
        self.connection.as_mut().ok_or_else(|| Failure::lost(Phase::Before, "the connection is gone"))
    }

    /// For others to use.
    pub(super) fn give_back(mut self) {
        let Some(connection) = self.connection.take() else { return };
        let mut state = lock(&self.pool.state);
        if !state.closed {
            state.idle.push(connection);
            self.has_place = false;
            drop(state);
            self.pool.freed.notify_one();
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if std::mem::take(&mut self.has_place) {
            drop(self.connection.take());
            lock(&self.pool.state).count -= 1;
            self.pool.freed.notify_one();
        }
    }
}

/// What all jobs share.
pub(super) struct Lines {
    pools: Vec<Arc<Pool>>,
    connector: Arc<Connector>,
    /// Whether the last attempt failed.
    down: AtomicBool,
    /// What pauses are stretched by, so that many do not come back at once.
    jitter: AtomicU32,
    closed: AtomicBool,
}

impl Lines {
    /// With a pool for each of these numbers of connections.
    pub(super) fn open(
        database: &Database,
        durability: Durability,
        sizes: &[usize],
    ) -> Result<Arc<Self>, StoreError> {
        let connector = Arc::new(Connector::new(database, durability)?);
        let pools = sizes.iter().map(|size| Pool::new(Arc::clone(&connector), *size)).collect();
        let (down, closed) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Arc::new(Self { pools, connector, down, jitter: AtomicU32::new(0), closed }))
    }

    /// A connection of a pool, for which is waited no longer than this.
    pub(super) fn take(&self, pool: usize, patience: Duration) -> Result<Lent, Failure> {
        self.pools[pool].take(patience)
    }

    /// The same for who would rather go without than wait until one is made.
    pub(super) fn take_open(&self, pool: usize, patience: Duration) -> Result<Lent, Failure> {
        self.pools[pool].take_open(patience)
    }

    /// What makes connections.
    pub(super) const fn connector(&self) -> &Arc<Connector> {
        &self.connector
    }

    /// After a connection was lost: those that wait lead to the same server, which may not be the primary now.
    fn forget_idle(&self) {
        self.pools.iter().for_each(|pool| pool.forget_idle());
    }

    fn failed(&self, failure: &Failure) {
        if failure.lost && !self.down.swap(true, Ordering::SeqCst) {
            tracing::warn!(%failure, "the database cannot be reached");
        }
    }

    pub(super) fn succeeded(&self) {
        if self.down.load(Ordering::Relaxed) && self.down.swap(false, Ordering::SeqCst) {
            tracing::info!("the database is back");
        }
    }

    pub(super) fn attempts(&self, budget: Duration) -> Attempts<'_> {
        Attempts { lines: self, until: Instant::now() + budget, pause: FIRST_PAUSE }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.pools.iter().for_each(|pool| pool.close());
    }
}

/// The attempts at one job.
pub(super) struct Attempts<'l> {
    lines: &'l Lines,
    until: Instant,
    pause: Duration,
}

impl Attempts<'_> {
    /// Waits before the next attempt; the error, if there is to be none.
    pub(super) fn again(&mut self, failure: Failure) -> Result<(), StoreError> {
        self.lines.failed(&failure);
        if failure.lost {
            self.lines.forget_idle();
        }
        if self.lines.is_closed() {
            return Err(closed());
        }
        let pause = self.pause.mul_f64(self.stretch());
        if failure.class != Class::Again || Instant::now() + pause >= self.until {
            return Err(failure.into_error());
        }
        thread::sleep(pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    /// How long is still tried.
    pub(super) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Between a half and one: a golden ratio's steps spread any number of waiting jobs evenly.
    fn stretch(&self) -> f64 {
        let step = self.lines.jitter.fetch_add(0x9E37_79B9, Ordering::Relaxed);
        0.5 + f64::from(step) / (2.0 * f64::from(u32::MAX))
    }
}

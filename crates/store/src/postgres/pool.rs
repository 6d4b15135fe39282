//! Pools of connections, and the runtime on which their bytes move.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use deadpool::Runtime::Tokio1;
use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult, Timeouts};
use tokio::runtime::{Builder, Handle, Runtime};

use super::closed;
use super::connect::{Connection, Connector};
use super::database::Database;
use super::failure::{Class, Failure, Phase};
use crate::{Durability, StoreError};

/// How long one round trip may take. A server that is frozen keeps its connections, so nothing else ends them.
pub(super) const ROUND_TRIP: Duration = Duration::from_secs(10);
/// How long a job is tried again, from its first failure on. A failover takes 16–27 s (engines.md §6).
pub(super) const BUDGET: Duration = Duration::from_secs(30);
/// How long to wait before the second attempt; each further one waits twice as long, up to `LONGEST_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Threads that move bytes.
const THREADS: usize = 2;

pub(super) struct Manager(Arc<Connector>);

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = Failure;

    async fn create(&self) -> Result<Connection, Failure> {
        self.0.connect().await
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<Failure> {
        if connection.client.is_closed() {
            return Err(RecycleError::message("closed"));
        }
        Ok(())
    }
}

pub(super) type Pool = managed::Pool<Manager>;

/// What all jobs share.
pub(super) struct Lines {
    /// `None` once the store is closed.
    runtime: Option<Runtime>,
    handle: Handle,
    pools: Vec<Pool>,
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
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(THREADS).thread_name("postgres").enable_all().build();
        let runtime = runtime.map_err(|error| StoreError::Unavailable(format!("no threads: {error}")))?;
        let pools = sizes.iter().map(|size| {
            let pool = Pool::builder(Manager(Arc::clone(&connector))).max_size(*size).runtime(Tokio1).build();
            pool.map_err(|error| StoreError::Internal(error.to_string()))
        });
        let pools = pools.collect::<Result<_, _>>()?;
        let (handle, jitter) = (runtime.handle().clone(), AtomicU32::new(0));
        let (down, closed) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Arc::new(Self { runtime: Some(runtime), handle, pools, down, jitter, closed }))
    }

    pub(super) const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// A connection of a pool, for which is waited no longer than this.
    pub(super) fn take(&self, pool: usize, patience: Duration) -> Result<Object<Manager>, Failure> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Failure::of_closed());
        }
        let timeouts = Timeouts { wait: Some(patience), create: None, recycle: None };
        self.handle.block_on(self.pools[pool].timeout_get(&timeouts)).map_err(|error| match error {
            PoolError::Backend(failure) => failure,
            PoolError::Timeout(_) => Failure::busy("all connections are in use"),
            PoolError::Closed => Failure::of_closed(),
            other => Failure::lost(Phase::Before, other.to_string()),
        })
    }

    /// After a connection was lost: those that wait lead to the same server, which may not be the primary now.
    pub(super) fn forget_idle(&self) {
        for pool in &self.pools {
            pool.retain(|_, _| false);
        }
    }

    pub(super) fn failed(&self, failure: &Failure) {
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
        for pool in &self.pools {
            pool.close();
        }
    }
}

impl Drop for Lines {
    /// Not by waiting: it may be dropped where nobody may wait.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Failure {
    fn of_closed() -> Self {
        Self::lost(Phase::Before, "closed")
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

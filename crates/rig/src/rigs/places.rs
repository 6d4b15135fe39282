//! Several places side by side, in each of which something happens and is judged.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use rig::Random;
use rig::workload::Shape;
use store::cluster::{Cluster, Settings, available};

use super::{Setting, Stage};
use crate::report::Report;
use crate::scene::{Place, Start};

/// So many rounds go on at the same time: each of them mostly waits for a server.
const LANES: usize = 4;
/// Each lane has several servers, and each of them its connections.
const CONNECTIONS: &str = "600";

/// Does rounds side by side, each with choices of its own, and adds up what they come to. Ends after the first that
/// cannot be done.
pub(super) fn side_by_side(
    setting: &Setting,
    report: &mut Report,
    round: impl Fn(&Setting, &mut Report) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let (next, all) = (AtomicUsize::new(0), Mutex::new((report, Ok(()))));
    let mut random = Random::from_seed(setting.seed);
    let seeds: Vec<u64> = (0..setting.rounds).map(|_| random.next()).collect();
    let lane = || {
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::SeqCst)) {
            let setting = Setting { seed: *seed, ..setting.clone() };
            let mut part = Report::default();
            let done = round(&setting, &mut part);
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all.0.add(part);
            if done.is_err() && all.1.is_ok() {
                next.store(seeds.len(), Ordering::SeqCst);
                all.1 = done;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(lane);
        }
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner).1
}

/// A throw-away PostgreSQL that has an empty database for whoever wants one.
#[derive(Debug)]
pub(super) struct Databases {
    cluster: Cluster,
    made: AtomicUsize,
}

impl Databases {
    /// `None` where there is no PostgreSQL, which the report says. It keeps nothing safe: nothing happens to it.
    pub(super) fn start(report: &mut Report) -> Option<Self> {
        if !available() {
            report.remark("WITHOUT POSTGRESQL, which is not installed: the embedded engine only".to_owned());
            anstream::eprintln!("  PostgreSQL is not installed: the embedded engine only");
            return None;
        }
        let settings = Settings::fast().with("max_connections", CONNECTIONS);
        Some(Self { cluster: Cluster::start_with(&settings), made: AtomicUsize::new(0) })
    }
}

/// Where a round takes place, and who is there.
pub(super) struct Venue<'a> {
    /// `None` for the embedded engine.
    pub(super) databases: Option<&'a Databases>,
    pub(super) shape: Shape,
    /// So many servers where several can share a store.
    pub(super) servers: usize,
    pub(super) clients: usize,
    pub(super) connections: usize,
}

impl Venue<'_> {
    /// The name of its engine.
    pub(super) const fn engine(&self) -> &'static str {
        if self.databases.is_some() { "PostgreSQL" } else { "the embedded engine" }
    }

    /// Lets something happen on an empty store, of which nothing stays.
    pub(super) fn with<T>(
        &self,
        setting: &Setting,
        happens: impl FnOnce(&mut Stage) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let (clients, connections) = (self.clients, self.connections);
        let mut stage = Stage::new(setting)?;
        stage.shape = self.shape;
        let Some(databases) = self.databases else {
            stage.adjust = Box::new(move |start: &mut Start| {
                (start.clients, start.connections) = (clients, connections);
            });
            return happens(&mut stage);
        };
        let name = format!("directory{}", databases.made.fetch_add(1, Ordering::SeqCst));
        databases.cluster.create_database(&name);
        let (url, servers) = (databases.cluster.url(&name), self.servers);
        stage.adjust = Box::new(move |start: &mut Start| {
            (start.clients, start.connections, start.servers) = (clients, connections, servers);
            (start.place, start.options) = (Place::Database(url.clone()), vec!["--accept-data-loss"]);
        });
        let happened = happens(&mut stage);
        drop(stage);
        let statement = format!("DROP DATABASE {name} WITH (FORCE)");
        databases
            .cluster
            .admin()
            .execute(&statement)
            .ok()
            .context("a database that nobody needs any more")?;
        happened
    }
}

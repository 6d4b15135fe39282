//! Several servers on one database: what one of them writes, the others know.

mod feed;
mod idempotency;
mod keys;
mod rates;
mod runs;

use std::thread::sleep;
use std::time::{Duration, Instant};

use store::cluster::{Cluster, available};

use crate::harness::{Client, Server};

/// The database of these tests.
const DATABASE: &str = "directory";
/// Nothing that is waited for takes this long.
const GUARD: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Two servers on a database of their own.
struct Pair {
    // Dropped first: they end before their database does.
    servers: [Server; 2],
    cluster: Cluster,
}

impl Pair {
    /// `None` where there is no PostgreSQL; then that was told.
    fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    fn start_with(options: &[&str]) -> Option<Self> {
        let cluster = available().then(Cluster::durable)?;
        cluster.create_database(DATABASE);
        let first = Server::start_on_with(&cluster.url(DATABASE), options);
        let second = first.beside_with(&cluster.url(DATABASE), options);
        Some(Self { servers: [first, second], cluster })
    }

    fn clients(&self) -> [&Client; 2] {
        self.servers.each_ref().map(|server| &server.client)
    }
}

/// Waits for something that comes without being asked for.
#[track_caller]
fn soon<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < GUARD, "{what}: never");
        sleep(LOOK_AGAIN);
    }
}

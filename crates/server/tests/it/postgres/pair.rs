//! Two servers on one database.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::harness::{Client, Server};

/// How long may pass until a server has noticed what happened to its database.
const GUARD: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(super) struct Pair {
    pub(super) servers: [Server; 2],
}

impl Pair {
    /// The first start on an empty database, and a second server beside it.
    pub(super) fn start(database: &str) -> Self {
        Self::start_on([database, database])
    }

    /// The same, where each server has an address of its own for the database.
    pub(super) fn start_on(databases: [&str; 2]) -> Self {
        let first = Server::start_on(databases[0]);
        let second = first.beside(databases[1]);
        Self { servers: [first, second] }
    }

    pub(super) fn clients(&self) -> [Client; 2] {
        self.servers.each_ref().map(|server| server.client.clone())
    }

    /// Waits until both servers say that they can do their work.
    #[track_caller]
    pub(super) fn wait_until_ready(&self) {
        self.wait_for_readiness(200);
    }

    /// Waits until both servers say that they cannot do their work.
    #[track_caller]
    pub(super) fn wait_until_not_ready(&self) {
        self.wait_for_readiness(503);
    }

    /// Whatever they say of their work: they live.
    #[track_caller]
    fn wait_for_readiness(&self, wanted: u16) {
        for server in &self.servers {
            let start = Instant::now();
            loop {
                let [health, readiness] = ["/healthz", "/readyz"].map(|path| server.client.get(path).send());
                assert_eq!(health.status, 200, "{}", health.text());
                if readiness.status == wanted {
                    break;
                }
                assert!([200, 503].contains(&readiness.status), "{}", readiness.text());
                assert!(start.elapsed() < GUARD, "{}:\n{}", readiness.text(), server.process.log());
                sleep(LOOK_AGAIN);
            }
        }
    }
}

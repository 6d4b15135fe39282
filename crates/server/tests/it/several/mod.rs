//! Several servers on one database: what one of them writes, the others know.

mod idempotency;

use store::cluster::{Cluster, available};

use crate::harness::{Client, Server};

/// The database of these tests.
const DATABASE: &str = "directory";

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

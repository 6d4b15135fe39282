//! Where the server listens, and for how many.

use anyhow::Context as _;
use rustix::process::{Resource, getrlimit};
use tokio::net::TcpListener;

use crate::http::connection::Entrance;
use crate::http::places::Limits;

/// File descriptors that are kept for everything but connections: the store, the log, the listener.
const RESERVE: u64 = 64;

#[derive(Debug, clap::Args)]
pub(super) struct Listening {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", env = "ROSTERD_LISTEN", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Most connections at a time; never more than the limit of open files less 64.
    #[arg(long, value_name = "N", env = "ROSTERD_MAX_CONNECTIONS", default_value_t = 10_000)]
    max_connections: usize,
    /// Most connections of one client address.
    #[arg(long, value_name = "N", env = "ROSTERD_MAX_CONNECTIONS_PER_ADDRESS", default_value_t = 4096)]
    max_connections_per_address: usize,
}

impl Listening {
    /// Listens. Also tells the URL.
    pub(super) async fn open(&self) -> anyhow::Result<(Entrance, String)> {
        let listener = TcpListener::bind(&self.listen).await.with_context(|| {
            format!("cannot listen on {}: choose another address with --listen ADDR", self.listen)
        })?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok((Entrance { listener, limits: self.limits() }, url))
    }

    fn limits(&self) -> Limits {
        let open_files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let room = usize::try_from(open_files.saturating_sub(RESERVE)).unwrap_or(usize::MAX);
        Limits {
            total: self.max_connections.min(room).max(1),
            of_one_address: self.max_connections_per_address.max(1),
        }
    }
}

//! Where the server listens, how, and for how many.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::builder::FalseyValueParser;
use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, lookup_host};

use crate::config::Misconfigured;
use crate::http::connection::Entrance;
use crate::http::places::Limits;
use crate::http::tls::Tls;

/// File descriptors that are kept for everything but connections: the store, the log, the listener.
const RESERVE: u64 = 64;

#[derive(Debug, clap::Args)]
pub(super) struct Listening {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", env = "ROSTERD_LISTEN", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Certificate chain in PEM, the server's own first: serve HTTPS. SIGHUP reads it and the key again.
    #[arg(long, value_name = "FILE", env = "ROSTERD_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate, in PEM.
    #[arg(long, value_name = "FILE", env = "ROSTERD_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Serve HTTP without TLS on addresses that other machines can reach.
    #[arg(long, env = "ROSTERD_INSECURE_HTTP", value_parser = FalseyValueParser::new())]
    insecure_http: bool,
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
        let tls = self.tls()?;
        let cannot =
            || format!("cannot listen on {}: choose another address with --listen ADDR", self.listen);
        let addresses: Vec<_> = lookup_host(&self.listen).await.with_context(cannot)?.collect();
        if tls.is_none() && !self.insecure_http {
            self.check_local(&addresses)?;
        }
        let listener = TcpListener::bind(&addresses[..]).await.with_context(cannot)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr()?);
        Ok((Entrance { listener, limits: self.limits(), tls }, url))
    }

    fn tls(&self) -> anyhow::Result<Option<Arc<Tls>>> {
        let (Some(certificates), Some(key)) = (&self.tls_cert, &self.tls_key) else { return Ok(None) };
        let tls = Tls::load(certificates.clone(), key.clone())
            .context(Misconfigured("cannot serve HTTPS".to_owned()))?;
        Ok(Some(Arc::new(tls)))
    }

    /// Access keys must not cross a network in the clear by mistake.
    fn check_local(&self, addresses: &[SocketAddr]) -> Result<(), Misconfigured> {
        if addresses.iter().all(|address| address.ip().to_canonical().is_loopback()) {
            return Ok(());
        }
        Err(Misconfigured(format!(
            "{} can be reached from other machines, and access keys would cross the network in the clear: \
             give a certificate with --tls-cert FILE --tls-key FILE, listen on 127.0.0.1 behind a proxy that \
             ends TLS, or accept it with --insecure-http",
            self.listen
        )))
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        listening: Listening,
    }

    #[test]
    fn the_loopback_needs_no_tls() {
        let line = Line::parse_from(["serve"]).listening;
        for (addresses, local) in [
            (&["127.0.0.1:1"][..], true),
            (&["[::1]:1", "127.8.8.8:1", "[::ffff:127.0.0.1]:1"], true),
            (&["0.0.0.0:1"], false),
            (&["[::]:1"], false),
            (&["127.0.0.1:1", "192.0.2.1:1"], false),
        ] {
            let parsed: Vec<SocketAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(line.check_local(&parsed).is_ok(), local, "{addresses:?}");
        }
    }

    #[test]
    fn connections_fit_into_the_open_files() {
        let most = Line::parse_from(["serve", "--max-connections", "99999999999"]).listening.limits();
        let open_files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        assert!(most.total as u64 <= 99_999_999_999_u64.min(open_files.saturating_sub(RESERVE).max(1)));
    }
}

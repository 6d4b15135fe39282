//! Connections: accepted, bounded in time, drained.
//!
//! An accept loop of our own, because `axum::serve` sets none of hyper's timeouts: a client that sends
//! nothing, or its head byte by byte, would hold its connection for ever.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::head::MAX_FIELDS;

/// How long a client may take to send its request head (rules §10).
const HEAD: Duration = Duration::from_secs(10);
/// How long a connection that is open when the server is told to stop may still bring a request. It is told
/// that the server is stopping, where a closed connection would leave the client to guess.
const LAST_REQUESTS: Duration = Duration::from_secs(1);
/// How often to look whether connections are left.
const LOOK: Duration = Duration::from_millis(10);
/// How long requests under way may take after the server was told to stop.
const DRAIN: Duration = Duration::from_secs(30);
/// How long to wait before accepting again when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` is cancelled; then finishes what is under way, for at most 30 seconds. Returns
/// whether everything was finished.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> bool {
    let graceful = GracefulShutdown::new();
    let service = Arc::new(router);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(attend(stream, Arc::clone(&service), graceful.watcher()))),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let all_gone = async {
        while graceful.count() > 0 {
            tokio::time::sleep(LOOK).await;
        }
    };
    if tokio::time::timeout(LAST_REQUESTS, all_gone).await.is_ok() {
        return true;
    }
    tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_ok()
}

/// One connection from its first request to its last.
async fn attend(stream: TcpStream, router: Arc<Router>, watcher: Watcher) {
    // Answers are written whole: waiting to fill a segment only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let service = TowerToHyperService::new(Router::clone(&router));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(4 * MAX_FIELDS)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}

//! Logs: JSON lines on stderr, or text where a person watches.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging. `ROSTERD_LOG`, else `RUST_LOG`, says what; without them `info`. Whatever they say, there is
/// an audit log; and never what is sent to a database, with the values in it.
pub(crate) fn start() {
    start_at("info");
}

/// The same for a command: without being asked it logs nothing but what is to be audited.
pub(crate) fn start_quietly() {
    start_at("off");
}

fn start_at(default: &str) {
    let directives = ["ROSTERD_LOG", "RUST_LOG"].into_iter().find_map(|name| std::env::var(name).ok());
    let mut filter = EnvFilter::new(directives.as_deref().unwrap_or(default));
    for always in ["audit=info", "tokio_postgres=warn"] {
        if let Ok(always) = always.parse() {
            filter = filter.add_directive(always);
        }
    }
    // Who read the logs may have gone: that must not be told on the same closed pipe, which panics.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    let started = if std::io::stderr().is_terminal() {
        builder.finish().try_init()
    } else {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).finish().try_init()
    };
    // A second start in one process (tests) keeps the first.
    drop(started);
}

//! Load on a release build of the server, over real sockets: `load overload [SECONDS]` and
//! `load slowloris [SECONDS]`.
//!
//! The driver is open-loop: a request is due at its time whether or not the ones before it are answered, and
//! its time counts from when it was due. A driver that waits for answers would slow down with the server and
//! hide what is measured. The server's rate limits are switched off, because they would answer instead of
//! what is measured here.

mod overload;
mod slowloris;

use anyhow::{Context as _, bail};
use rustix::process::{Resource, getrlimit, setrlimit};

/// Sockets of the driver, and of the server that inherits the limit.
const OPEN_FILES: u64 = 10_000;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seconds = arguments.get(1).map(|text| text.parse::<u64>()).transpose();
    let seconds = seconds.context("the second argument is a number of seconds")?;
    raise_open_files()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.first().map(String::as_str) {
        Some("overload") => runtime.block_on(overload::run(seconds.unwrap_or(60).max(4))),
        Some("slowloris") => runtime.block_on(slowloris::run(seconds.unwrap_or(30).max(4))),
        _ => bail!("say `load overload [SECONDS]` or `load slowloris [SECONDS]`"),
    }
}

fn raise_open_files() -> anyhow::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < OPEN_FILES) {
        limit.current = Some(limit.maximum.map_or(OPEN_FILES, |most| most.min(OPEN_FILES)));
        setrlimit(Resource::Nofile, limit)?;
    }
    let open = limit.current.unwrap_or(u64::MAX);
    if open < OPEN_FILES {
        bail!("{OPEN_FILES} open files are needed, {open} are allowed: raise the hard limit (ulimit -Hn)");
    }
    Ok(())
}

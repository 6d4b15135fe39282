//! `rosterd backup`

use std::path::PathBuf;
use std::time::Instant;

use directory::Clock as _;
use serde_json::json;
use store::backup::{BackupError, Note, back_up};

use super::administration::{print, say};
use super::verify::ensure_there;
use super::watching::{Damaged, Watching, show, tenant_objects};
use crate::clock::SystemClock;
use crate::config::{Misconfigured, StoreLocation};
use crate::logging;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The file to make. It gets this name when it is whole, checked and on the disk. It holds the hashes of access
    /// keys: it is readable by its owner alone, keep it so.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace a file of this name.
    #[arg(long)]
    force: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: StoreLocation,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    logging::start_quietly();
    let (location, start) = (arguments.data.location()?, Instant::now());
    ensure_there(&location)?;
    let note = Note { at: SystemClock.now(), version: env!("CARGO_PKG_VERSION") };
    let mut watching = Watching::new(true);
    let made = back_up(&location, &arguments.file, arguments.force, note, &mut watching);
    watching.clear();
    let held = made.map_err(told)?;
    let seconds = start.elapsed().as_secs_f64();
    let (file, groups) = (arguments.file.display(), held.iter().map(|tenant| tenant.groups).sum::<u64>());
    if arguments.json {
        return print(
            &json!({
                "file": file.to_string(), "tenants": tenant_objects(&held), "groups": groups, "seconds": seconds,
            })
            .to_string(),
        );
    }
    show(&held)?;
    let tenants = held.len();
    say(&format!("{file} holds {tenants} tenant(s) with {groups} groups, checked; made in {seconds:.1} s"));
    Ok(())
}

/// What a store says is told as such, so that the exit code is its own.
pub(super) fn told(error: BackupError) -> anyhow::Error {
    match error {
        BackupError::InTheWay(text) => Misconfigured(text).into(),
        BackupError::Damaged(text) => Damaged(text).into(),
        BackupError::Store(error) => error.into(),
        BackupError::Copy(error) => super::db::told(error),
    }
}

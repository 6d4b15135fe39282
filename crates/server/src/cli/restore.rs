//! `rosterd restore`

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;
use store::backup::restore;
use store::verify::Watch as _;

use super::administration::{print, say, time};
use super::backup::told;
use super::watching::{Watching, show, tenant_objects};
use crate::config::{Misconfigured, StoreLocation};
use crate::logging;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The file that `rosterd backup` made. It stays as it is.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Restore also where a store is: it is moved aside, into a directory of its own in the data directory.
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
    let (location, start, file) = (arguments.data.location()?, Instant::now(), &arguments.file);
    anyhow::ensure!(file.is_file(), Misconfigured(format!("there is no file {}", file.display())));
    let (mut watching, mut copying) = (Watching::new(true), Watching::new(false));
    let done = restore(file, &location, arguments.force, &mut watching, &mut |progress| {
        copying.reached(progress.tenant, progress.items);
        ControlFlow::Continue(())
    });
    watching.clear();
    copying.clear();
    let restored = done.map_err(told)?;
    let seconds = start.elapsed().as_secs_f64();
    let aside = restored.aside.as_ref().map(|path| path.display().to_string());
    let made_at = restored.noted.as_ref().map(|(at, _)| time(*at));
    let groups: u64 = restored.held.iter().map(|tenant| tenant.groups).sum();
    if arguments.json {
        return print(
            &json!({
                "to": location.to_string(), "tenants": tenant_objects(&restored.held), "groups": groups,
                "madeAt": made_at, "madeBy": restored.noted.map(|(_, version)| version), "movedAside": aside,
                "seconds": seconds,
            })
            .to_string(),
        );
    }
    show(&restored.held)?;
    if let Some(aside) = aside {
        say(&format!("the store that was there is now in {aside}; delete it when you are content"));
    }
    let when = made_at.map_or_else(
        || "it does not say when it was made: it is a data file, and no backup".to_owned(),
        |at| format!("as it was at {at}"),
    );
    let tenants = restored.held.len();
    say(&format!(
        "{location} holds {tenants} tenant(s) with {groups} groups, {when}; checked, in {seconds:.1} s"
    ));
    Ok(())
}

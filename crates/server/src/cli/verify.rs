//! `rosterd verify`

use std::path::PathBuf;

use serde_json::{Value, json};
use store::Location;
use store::verify::{Verified, verify, verify_backup};

use super::administration::{print, say, tenant};
use super::watching::{Damaged, Watching, line, object, show, tenant_objects};
use crate::config::{Misconfigured, StoreLocation};
use crate::logging;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Check what one tenant has; the structure of the data file is that of all of them.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Check the file of a backup instead of a store.
    #[arg(long, value_name = "FILE", conflicts_with = "tenant")]
    backup: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: StoreLocation,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    logging::start_quietly();
    let mut watching = Watching::new(false);
    let verified = check(arguments, &mut watching);
    watching.clear();
    let verified = verified?;
    if arguments.json {
        let findings: Vec<Value> = watching.findings.iter().map(object).collect();
        print(
            &json!({
                "whole": verified.found == 0, "findings": findings, "notes": verified.notes,
                "tenants": tenant_objects(&verified.tenants),
            })
            .to_string(),
        )?;
    } else {
        watching.findings.iter().try_for_each(|finding| print(&line(finding)))?;
        show(&verified.tenants)?;
    }
    verified.notes.iter().for_each(|note| say(&format!("note: {note}")));
    match verified.found {
        0 => {
            say("nothing is damaged");
            Ok(())
        }
        found => Err(Damaged(format!("damaged in {found} place(s)")).into()),
    }
}

fn check(arguments: &Arguments, watching: &mut Watching) -> anyhow::Result<Verified> {
    if let Some(file) = &arguments.backup {
        anyhow::ensure!(file.is_file(), Misconfigured(format!("there is no file {}", file.display())));
        return Ok(verify_backup(file, watching)?);
    }
    let location = arguments.data.location()?;
    ensure_there(&location)?;
    let verified = verify(&location, arguments.tenant.as_deref(), watching)?;
    if let Some(name) = &arguments.tenant
        && verified.found == 0
        && verified.tenants.iter().all(|tenant| tenant.name != *name)
    {
        tenant(&*super::administration::open(&arguments.data)?, name)?;
    }
    Ok(verified)
}

/// What is not there is not made.
pub(super) fn ensure_there(location: &Location) -> anyhow::Result<()> {
    if let Location::Directory(path) = location
        && !store::exists(path)
    {
        let text = format!("there is no data in {}; --data-dir says where it is", path.display());
        return Err(Misconfigured(text).into());
    }
    Ok(())
}

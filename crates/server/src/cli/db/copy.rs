//! `rosterd db copy`

use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::anyhow;
use serde_json::json;
use store::Location;
use store::copying::{Copied, CopyError, copy};
use store::moving::{Kind, PortionSize};

use super::place::{are_one, open, open_alone};
use super::progress::Bar;
use super::{object, show};
use crate::cli::administration::{print, say};
use crate::config::Misconfigured;

pub(super) fn run(from: &Location, to: &Location, json: bool, most: PortionSize) -> anyhow::Result<()> {
    if are_one(from, to) {
        return Err(Misconfigured(format!("--from and --to are the same store: {from}")).into());
    }
    let start = Instant::now();
    let (source, target) = (open(from)?, open_alone(to)?);
    let bar = Bar::new();
    let result = copy(&*source, &*target, &from.to_string(), most, &mut |progress| {
        bar.show(progress);
        ControlFlow::Continue(())
    });
    bar.clear();
    target.close();
    let copied = result.map_err(told)?;
    let seconds = start.elapsed().as_secs_f64();
    if json {
        return print(&summary(from, to, &copied, seconds).to_string());
    }
    show(&copied.tenants)?;
    let (groups, runs) = (total(&copied, Kind::Group), total(&copied, Kind::Run));
    say(&format!(
        "copied {} tenant(s) with {groups} groups and {runs} runs from {from} to {to} in {seconds:.1} s; both have the \
         same digests",
        copied.tenants.len()
    ));
    Ok(())
}

/// What a store says is told as such, so that the exit code is its own.
pub(in crate::cli) fn told(error: CopyError) -> anyhow::Error {
    let text = error.to_string();
    match error {
        CopyError::Source(error) => anyhow::Error::new(error).context("the store to copy from"),
        CopyError::Target(error) => anyhow::Error::new(error).context("the store to copy to"),
        CopyError::Unfinished(_) | CopyError::NotEmpty(_) | CopyError::Other { .. } => {
            Misconfigured(text).into()
        }
        CopyError::Moved(_) | CopyError::Stopped => anyhow!(text),
    }
}

fn total(copied: &Copied, kind: Kind) -> u64 {
    copied.tenants.iter().map(|tenant| tenant.count(kind)).sum()
}

fn summary(from: &Location, to: &Location, copied: &Copied, seconds: f64) -> serde_json::Value {
    json!({
        "from": from.to_string(), "to": to.to_string(), "resumed": copied.is_resumed,
        "tenants": copied.tenants.iter().map(object).collect::<Vec<_>>(),
        "groups": total(copied, Kind::Group), "runs": total(copied, Kind::Run), "seconds": seconds,
    })
}

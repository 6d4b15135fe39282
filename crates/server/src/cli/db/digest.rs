//! `rosterd db digest`

use serde_json::json;
use store::digest::{Digested, digest};
use store::moving::PortionSize;
use store::{Location, Store};

use super::place::open;
use super::{object, show};
use crate::cli::administration::{print, say};
use crate::config::StoreLocation;

pub(super) fn run(
    place: Option<&Location>,
    data: &StoreLocation,
    json: bool,
    most: PortionSize,
) -> anyhow::Result<()> {
    let place = match place {
        Some(place) => place.clone(),
        None => data.location()?,
    };
    let store = open(&place)?;
    if let Some(from) = store::copying::unfinished(&*store)? {
        say(&format!("{place} holds a copy of {from} that is not finished"));
    }
    let tenants = digests(&*store, most)?;
    for tenant in tenants.iter().filter(|tenant| !tenant.is_settled) {
        say(&format!(
            "{} was written to while it was read: its digest is that of no moment",
            tenant.head.tenant.name
        ));
    }
    if json {
        return print(&json!({ "tenants": tenants.iter().map(object).collect::<Vec<_>>() }).to_string());
    }
    show(&tenants)
}

fn digests(store: &dyn Store, most: PortionSize) -> anyhow::Result<Vec<Digested>> {
    let tenants = store::read(store, |reader| reader.tenants())?;
    let digests = tenants.iter().map(|tenant| digest(store, tenant.id, most, &mut |_| ()));
    Ok(digests.filter_map(Result::transpose).collect::<Result<_, _>>()?)
}

//! Stores as `--from`, `--to` and `--store` name them.

use anyhow::Context as _;
use store::{Durability, Indexing, Location, Options, Purpose, Store};

use crate::config::Misconfigured;

/// Opens a store that is there, beside servers that may be running. What is not there is not made.
pub(super) fn open(location: &Location) -> anyhow::Result<Box<dyn Store>> {
    if let Location::Directory(path) = location
        && !store::exists(path)
    {
        return Err(Misconfigured(format!("there is no data in {location}")).into());
    }
    // Who runs a database that may lose data knows it: the server asks.
    let options = Options { durability: Durability::Waived, ..Options::new(Purpose::Admin) };
    store::open_at(location, &options).with_context(|| format!("cannot open {location}"))
}

/// Opens a store to fill it, or makes it. No server may hold a data directory meanwhile, and nobody searches in it.
pub(super) fn open_alone(location: &Location) -> anyhow::Result<Box<dyn Store>> {
    let options =
        Options { indexing: Indexing::Off, durability: Durability::Waived, ..Options::new(Purpose::Serve) };
    store::open_at(location, &options).with_context(|| format!("cannot copy to {location}"))
}

/// Whether both are one store.
pub(super) fn are_one(left: &Location, right: &Location) -> bool {
    match (left, right) {
        (Location::Directory(left), Location::Directory(right)) => {
            let real = left.canonicalize().and_then(|path| Ok(path == right.canonicalize()?));
            left == right || real.unwrap_or(false)
        }
        _ => left == right,
    }
}

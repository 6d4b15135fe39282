//! What the commands on a store share.

use std::io::Write as _;

use anyhow::Context as _;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use directory::Timestamp;
use store::{Durability, Location, Options, Purpose, Store, Tenant};

use crate::config::{Misconfigured, StoreLocation};

/// Opens the store for one command. A server may be running on it. What is not there is not made: a
/// mistyped directory would look like an empty one.
pub(super) fn open(data: &StoreLocation) -> anyhow::Result<Box<dyn Store>> {
    if let Location::Directory(path) = data.location()? {
        anyhow::ensure!(
            store::exists(&path),
            "there is no data in {}; `rosterd serve` makes it, --data-dir says where",
            path.display()
        );
    }
    open_or_make(data)
}

/// The same, but an empty data directory or database gets a store.
pub(super) fn open_or_make(data: &StoreLocation) -> anyhow::Result<Box<dyn Store>> {
    let location = data.location()?;
    // Who runs a database that may lose data knows it: the server asks.
    let options = Options { durability: Durability::Waived, ..Options::new(Purpose::Admin) };
    let store = store::open_at(&location, &options).with_context(|| format!("cannot open {location}"))?;
    ensure_whole(&*store)?;
    Ok(store)
}

/// Refuses a store into which another one was copied, and not to the end.
pub(super) fn ensure_whole(store: &dyn Store) -> anyhow::Result<()> {
    let Some(from) = store::copying::unfinished(store)? else { return Ok(()) };
    Err(Misconfigured(format!(
        "this store is a copy of {from} that was never finished: run the `rosterd db copy` that began it once more, \
         it goes on where it stopped; or use another, empty store"
    ))
    .into())
}

/// The tenant of this name, or an error that says what to do.
pub(super) fn tenant(store: &dyn Store, name: &str) -> anyhow::Result<Tenant> {
    store::read(store, |reader| reader.tenant_by_name(name))?.with_context(|| {
        format!("there is no tenant {name:?}; `rosterd tenants list` shows them, `rosterd tenants create {name}` makes it")
    })
}

/// Writes a line to stdout, for people or programs to read.
pub(super) fn print(line: &str) -> anyhow::Result<()> {
    writeln!(anstream::stdout(), "{line}").context("cannot write to stdout")
}

/// Writes a line to stderr. If even that fails there is nobody to tell.
pub(super) fn say(line: &str) {
    drop(writeln!(anstream::stderr(), "{line}"));
}

/// Prints a table for people.
pub(super) fn print_table<const COLUMNS: usize>(
    heading: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> anyhow::Result<()> {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(heading);
    for row in rows {
        table.add_row(row);
    }
    for line in table.lines() {
        print(line.trim_end())?;
    }
    Ok(())
}

/// A moment as people and programs read it: RFC 3339, UTC.
pub(super) fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |time| format!("{time:.3}"))
}

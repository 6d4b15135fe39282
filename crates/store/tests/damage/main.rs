//! Damage of a data file is found, named, and never served.

mod flips;
mod invariants;
mod moves;

use std::path::Path;

use rusqlite::Connection;
use store::conformance::moving::everything;
use store::conformance::{Desk, TestStore};
use store::verify::{Finding, Verified, Watch, verify};
use store::{Location, Options, Purpose, StoreError};

/// Keeps what it is told.
#[derive(Default)]
struct Told(Vec<Finding>);

impl Watch for Told {
    fn found(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    fn reached(&mut self, _: &str, _: u64) {}
}

fn check(directory: &Path, tenant: Option<&str>) -> Result<(Verified, Vec<Finding>), StoreError> {
    let mut told = Told::default();
    let verified = verify(&Location::Directory(directory.to_owned()), tenant, &mut told)?;
    assert_eq!(verified.found, told.0.len() as u64);
    Ok((verified, told.0))
}

/// What is found, one line each.
fn findings(directory: &Path) -> Vec<String> {
    let (_, found) = check(directory, None).expect("checked");
    found.into_iter().map(shown).collect()
}

fn shown(finding: Finding) -> String {
    let Finding { table, tenant, row, problem } = finding;
    format!("{table} | {} | {row} | {problem}", tenant.unwrap_or_default())
}

/// A directory with something of everything, and nobody on it.
fn filled(directory: &Path) {
    let options = Options { indexing: store::Indexing::Off, ..Options::new(Purpose::Serve) };
    let store = store::open(directory, &options).expect("an empty store opens");
    let desk = Desk::new(TestStore { store, keep: None });
    everything(&desk);
    desk.store().close();
}

/// Changes rows behind the engine's back, with the checksums that it would have given them.
fn tamper(directory: &Path, sql: &str) {
    let db = Connection::open(directory.join("rosterd.db")).expect("opens");
    db.execute_batch(sql).expect("changed");
}

//! One suite that every engine runs. Cases are data where they can be; each starts with an empty store.

mod access_keys;
mod addresses;
mod attributes;
mod changes;
pub(crate) mod desk;
mod hierarchy;
mod identity;
mod ids;
mod leases;
mod lives;
pub mod moving;
mod plain;
mod reading;
mod references;
mod runs;
mod searching;
mod slices;
mod stamps;
mod stored_answers;
mod tenants;
mod writer;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use self::desk::{Desk, key, reference};
use crate::Store;

/// An empty store, with what must live as long as it does.
pub struct TestStore {
    /// The store.
    pub store: Box<dyn Store>,
    /// For example the directory in which its files lie.
    pub keep: Option<Box<dyn Any + Send + Sync>>,
}

/// A case and its name.
type Case = (&'static str, fn(&Desk));

const SUITE: &[&[Case]] = &[
    identity::CASES,
    references::CASES,
    plain::CASES,
    addresses::CASES,
    ids::CASES,
    tenants::CASES,
    hierarchy::CASES,
    stamps::CASES,
    lives::CASES,
    reading::CASES,
    slices::CASES,
    changes::CASES,
    searching::CASES,
    access_keys::CASES,
    stored_answers::CASES,
    runs::CASES,
    leases::CASES,
    attributes::CASES,
    writer::CASES,
];

/// Runs every case on a store of its own.
///
/// # Panics
/// When a case fails; all others have run then.
pub fn run(make: &dyn Fn() -> TestStore) {
    let failed: Vec<&str> = SUITE
        .iter()
        .flat_map(|cases| cases.iter())
        .filter(|(_, case)| catch_unwind(AssertUnwindSafe(|| case(&Desk::new(make())))).is_err())
        .map(|(name, _)| *name)
        .collect();
    assert!(failed.is_empty(), "the engine does not conform: {failed:?}");
}

//! Directories move into databases, out of them, and between them.

use store::cluster::{self, Database};
use store::conformance::{TestStore, moving};
use store::{Options, Purpose, Spread};

use crate::{EMPTY, location, open};

/// A database with tables that lie like this, emptied before a case.
fn emptied(database: &Database, spread: Option<Spread>) -> impl Fn() -> TestStore {
    store::migrate(&location(database.url()), spread).expect("migrated");
    || {
        database.session().execute(EMPTY).expect("emptied");
        TestStore { store: open(database.url(), Purpose::Serve), keep: None }
    }
}

fn on_disk() -> TestStore {
    let directory = tempfile::tempdir().expect("a directory");
    let store = store::open(directory.path(), &Options::new(Purpose::Serve)).expect("opens");
    TestStore { store, keep: Some(Box::new(directory)) }
}

#[test]
fn directories_move_into_a_database() {
    let Some(database) = cluster::database() else { return };
    moving::run(&on_disk, &emptied(&database, Some(Spread::Partitions(4))));
}

#[test]
fn directories_move_out_of_a_database() {
    let Some(database) = cluster::database() else { return };
    moving::run(&emptied(&database, None), &on_disk);
}

#[test]
fn directories_move_between_databases() {
    let (Some(from), Some(to)) = (cluster::database(), cluster::database()) else { return };
    moving::run(&emptied(&from, None), &emptied(&to, None));
}

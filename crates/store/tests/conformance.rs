//! Every engine runs the suite.

use store::conformance::{TestStore, moving, run};
use store::memory::Memory;
use store::{Options, Purpose};

fn in_memory() -> TestStore {
    TestStore { store: Box::new(Memory::new()), keep: None }
}

#[test]
fn memory_conforms() {
    run(&in_memory);
}

fn in_directory(purpose: Purpose) -> TestStore {
    let directory = tempfile::tempdir().expect("a directory");
    let store = store::open(directory.path(), &Options::new(purpose)).expect("an empty store opens");
    TestStore { store, keep: Some(Box::new(directory)) }
}

fn on_disk() -> TestStore {
    in_directory(Purpose::Serve)
}

#[test]
fn sqlite_conforms() {
    run(&on_disk);
}

#[test]
fn memory_moves() {
    moving::run(&in_memory, &in_memory);
}

#[test]
fn sqlite_moves() {
    moving::run(&on_disk, &on_disk);
}

#[test]
fn directories_move_between_engines() {
    moving::run(&in_memory, &on_disk);
    moving::run(&on_disk, &in_memory);
}

//! Every engine runs the suite.

use store::conformance::{TestStore, run};
use store::memory::Memory;
use store::{Options, Purpose};

#[test]
fn memory_conforms() {
    run(&|| TestStore { store: Box::new(Memory::new()), keep: None });
}

fn in_directory(purpose: Purpose) -> TestStore {
    let directory = tempfile::tempdir().expect("a directory");
    let store = store::open(directory.path(), &Options::new(purpose)).expect("an empty store opens");
    TestStore { store, keep: Some(Box::new(directory)) }
}

#[test]
fn sqlite_conforms() {
    run(&|| in_directory(Purpose::Serve));
}

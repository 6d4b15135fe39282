//! When the files change, and when they must not.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use directory::Page;
use store::StoreError;

use crate::{add, count, has_key, open};

type Bytes = (Vec<u8>, Vec<u8>);

fn bytes(directory: &Path) -> Bytes {
    let read = |name: &str| fs::read(directory.join(name)).expect("read");
    (read("rosterd.db"), read("rosterd.db-wal"))
}

/// Waits until nothing is left in the log, and returns what the files hold then.
fn settled(directory: &Path) -> Bytes {
    let start = Instant::now();
    let probe = rusqlite::Connection::open(directory.join("rosterd.db")).expect("opens");
    loop {
        let (frames, moved): (i64, i64) = probe
            .query_row("PRAGMA wal_checkpoint(NOOP)", (), |row| Ok((row.get(1)?, row.get(2)?)))
            .expect("tells");
        if frames == moved {
            return bytes(directory);
        }
        assert!(start.elapsed() < Duration::from_secs(5), "the log is not moved into the data file");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_writes_nothing_touches_no_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let desk = open(directory.path());
    let tenant = desk.tenant("a");
    (1..=100).for_each(|number| add(&desk, tenant, number));
    let before = settled(directory.path());
    for _ in 0..20 {
        assert!(has_key(&desk, tenant, "K7"));
        desk.write(move |tx| {
            Ok(tx.list(tenant, &directory::Filter::default(), Page { after: None, limit: 9 })?.views.len())
        })
        .expect("read in a turn");
        let refused = desk.write(|_| -> Result<(), _> { Err(StoreError::Conflict("on purpose".to_owned())) });
        refused.expect_err("refused");
    }
    thread::sleep(Duration::from_millis(300));
    assert!(bytes(directory.path()) == before, "the files changed");
}

#[test]
fn jobs_that_took_everything_back_touch_no_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let desk = open(directory.path());
    let tenant = desk.tenant("a");
    add(&desk, tenant, 1);
    let before = settled(directory.path());
    let refused = desk.write(|tx| -> Result<(), _> {
        tx.create_tenant("b", directory::Timestamp(1))?;
        Err(StoreError::Internal("on purpose".to_owned()))
    });
    refused.expect_err("refused");
    thread::sleep(Duration::from_millis(300));
    assert!(bytes(directory.path()) == before, "the files changed");
}

/// What a power cut leaves is at least what was synchronised; a copy of the live files is at least that.
#[test]
fn a_copy_of_the_live_files_holds_everything_that_was_acknowledged() {
    let directory = tempfile::tempdir().expect("a directory");
    let desk = open(directory.path());
    let tenant = desk.tenant("a");
    for number in 1..=40 {
        add(&desk, tenant, number);
        if number % 10 != 0 {
            continue;
        }
        let copy = tempfile::tempdir().expect("a directory");
        // The data file first: were it moved meanwhile, the log would still have it.
        for name in ["rosterd.db", "rosterd.db-wal"] {
            fs::copy(directory.path().join(name), copy.path().join(name)).expect("copied");
        }
        let survivor = open(copy.path());
        assert_eq!(count(&survivor, tenant), usize::try_from(number).expect("small"));
        assert!(has_key(&survivor, tenant, &format!("K{number}")));
        add(&survivor, tenant, number + 1);
    }
}

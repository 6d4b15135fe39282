//! The log, with readers in the way and without.

use std::path::Path;

use super::*;
use crate::sqlite::connection::{self, Role};
use crate::sqlite::files::DataDir;
use crate::sqlite::ready;

fn rounds(directory: &Path) -> (Rounds, Connection) {
    let file = DataDir::prepare(directory).expect("usable").data_file();
    let writer = connection::open(&file, Role::Writer).expect("opens");
    ready(&writer).expect("migrates");
    let db = connection::open(&file, Role::Checkpointer).expect("opens");
    (Rounds { db, health: Arc::default(), signal: Arc::default(), restart_at: 1 }, writer)
}

/// Writes about 5 MiB.
fn fill(writer: &Connection) {
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1300)
        INSERT INTO tenants (name, created_at) SELECT hex(randomblob(2000)), 0 FROM n";
    writer.execute_batch(sql).expect("writes");
}

fn log_bytes(directory: &Path) -> u64 {
    std::fs::metadata(directory.join("rosterd.db-wal")).expect("a log").len()
}

#[test]
fn a_long_log_starts_anew_while_the_writer_pauses() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut rounds, writer) = rounds(directory.path());
    fill(&writer);
    let before = log_bytes(directory.path());
    assert!(before > 5 << 20);
    rounds.keep_up();
    assert_eq!(rounds.restart_at, LONG_LOG);
    fill(&writer);
    let after = log_bytes(directory.path());
    assert!(before <= after && after < before + (1 << 20), "{before} {after}: written from its beginning");
}

#[test]
fn the_file_of_a_long_log_gets_short_where_nobody_writes() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut rounds, writer) = rounds(directory.path());
    fill(&writer);
    rounds.keep_up();
    fill(&writer);
    assert!(rounds.settle());
    assert!(log_bytes(directory.path()) > 5 << 20, "not worth it");
    let log = std::fs::OpenOptions::new().write(true).open(directory.path().join("rosterd.db-wal"));
    log.and_then(|log| log.set_len(LONG_FILE)).expect("long");
    assert!(rounds.settle());
    assert_eq!(log_bytes(directory.path()), 0);
    fill(&writer);
    assert!(rounds.settle());
}

#[test]
fn a_reader_in_the_way_delays_but_does_not_block() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut rounds, writer) = rounds(directory.path());
    let reader = connection::open(&directory.path().join("rosterd.db"), Role::Answers).expect("opens");
    reader.execute_batch("BEGIN; SELECT count(*) FROM tenants").expect("reads");
    fill(&writer);
    rounds.keep_up();
    assert!(log_bytes(directory.path()) > 5 << 20);
    assert!(rounds.restart_at > RETRY_AFTER);
    // The writer is not left waiting.
    rounds.signal.pass();
    fill(&writer);
    assert!(!rounds.settle());
    reader.execute_batch("COMMIT").expect("ends");
    assert!(rounds.settle());
}

#[test]
fn nothing_is_moved_after_the_disk_failed() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut rounds, writer) = rounds(directory.path());
    rounds.settle();
    fill(&writer);
    let before = std::fs::read(directory.path().join("rosterd.db")).expect("read");
    rounds.health.disk_failed(&StoreError::OutcomeUnknown("on purpose".to_owned()));
    rounds.keep_up();
    assert!(!rounds.settle());
    rounds.finish();
    drop((writer, rounds));
    assert_eq!(std::fs::read(directory.path().join("rosterd.db")).expect("read"), before);
    assert!(log_bytes(directory.path()) > 5 << 20);
}

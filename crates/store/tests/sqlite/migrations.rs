//! Every migration alone, with data in place; and files that this version must not touch.

use std::path::Path;

use directory::{Filter, Page, Place};
use rusqlite::Connection;
use store::conformance::{key, reference};
use store::{KeyKind, Purpose, StoreError};

use crate::{add, count, only_tenant, open, refusal};

const FIRST: &str = include_str!("../../migrations/sqlite/0001_groups.sql");
/// A file as the first release wrote it. Released ones never change.
const FIRST_DATA: &str = include_str!("0001_data.sql");

/// A data file with only the first migration, and data in it.
fn first_release(directory: &Path) -> Connection {
    let db = Connection::open(directory.join("rosterd.db")).expect("opens");
    db.execute_batch("PRAGMA application_id = 0x726F7374").expect("marked");
    db.execute_batch("CREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, hash BLOB NOT NULL) STRICT").expect("made");
    db.execute_batch(FIRST).expect("migrated");
    let hash = *blake3::hash(FIRST.as_bytes()).as_bytes();
    db.execute("INSERT INTO schema_migrations VALUES (1, 'groups', ?1)", [hash]).expect("noted");
    db.execute_batch(FIRST_DATA).expect("filled");
    db
}

#[test]
fn data_of_the_first_release_is_understood() {
    let directory = tempfile::tempdir().expect("a directory");
    drop(first_release(directory.path()));
    let desk = open(directory.path());
    let tenant = only_tenant(&desk);
    assert_eq!(desk.read(|reader| reader.revision(tenant)), 4);
    assert_eq!(count(&desk, tenant), 3);
    let seen = desk.load(tenant, &[key("HR-001"), key("Straße"), key("ﬁ"), key("日本"), key("hr-001")]);
    let ids = |text: &str| seen.matches[&key(text)].iter().map(|id| id.get()).collect::<Vec<_>>();
    assert_eq!((ids("HR-001"), ids("Straße"), ids("ﬁ"), ids("日本")), (vec![1], vec![2], vec![1], vec![3]));
    assert_eq!(seen.similar[&key("hr-001")], [reference("Ypareo", "HR-001")]);
    assert_eq!(seen.free_ids.0, [(4, 8)]);
    let key = desk.read(|reader| reader.access_key("public")).expect("still there");
    assert_eq!(key.kind, KeyKind::Bearer);
    add(&desk, tenant, 4);
    assert_eq!(desk.read(|reader| reader.revision(tenant)), 5);
}

/// Lists of the first release's groups.
#[test]
fn groups_of_the_first_release_are_listed() {
    let directory = tempfile::tempdir().expect("a directory");
    let db = first_release(directory.path());
    let roots: Vec<i64> = db
        .prepare("SELECT id FROM groups WHERE parent_id IS NULL AND archived_at IS NULL ORDER BY id")
        .and_then(|mut select| select.query_map((), |row| row.get(0))?.collect())
        .expect("ids");
    drop(db);
    let desk = open(directory.path());
    let tenant = only_tenant(&desk);
    let filter = Filter { place: Place::Roots, ..Filter::default() };
    let listed = desk.read(|reader| reader.list(tenant, &filter, Page { after: None, limit: 9 }));
    let found: Vec<i64> = listed.views.iter().map(|view| view.group.id.get()).collect();
    assert_eq!(found, roots);
    assert!(!roots.is_empty());
}

#[test]
fn an_old_file_gets_the_schema_of_a_new_one() {
    let schema = |db: &Connection| -> Vec<String> {
        let mut select = db
            .prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name <> 'schema_migrations' ORDER BY name")
            .expect("prepared");
        select.query_map((), |row| row.get(0)).expect("read").collect::<Result<_, _>>().expect("texts")
    };
    let (old, new) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    drop(open(new.path()));
    let new = Connection::open(new.path().join("rosterd.db")).expect("opens");
    drop(first_release(old.path()));
    drop(open(old.path()));
    let old = Connection::open(old.path().join("rosterd.db")).expect("opens");
    assert_eq!(schema(&old), schema(&new));
    assert!(schema(&new).len() > 8);
}

#[test]
fn a_file_of_a_newer_version_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let db = first_release(directory.path());
    db.execute("INSERT INTO schema_migrations VALUES (9999, 'future', zeroblob(32))", ()).expect("noted");
    drop(db);
    for purpose in [Purpose::Serve, Purpose::Admin] {
        let refused = refusal(directory.path(), purpose);
        assert!(matches!(&refused, StoreError::Schema(text) if text.contains("newer")), "{refused:?}");
    }
}

#[test]
fn a_changed_migration_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let db = first_release(directory.path());
    db.execute("UPDATE schema_migrations SET hash = zeroblob(32)", ()).expect("changed");
    drop(db);
    let refused = refusal(directory.path(), Purpose::Serve);
    assert!(matches!(&refused, StoreError::Schema(text) if text.contains("migration 1")), "{refused:?}");
}

#[test]
fn a_command_does_not_migrate_under_a_running_server() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = open(directory.path());
    // As if the server that runs knew no migration yet.
    let db = Connection::open(directory.path().join("rosterd.db")).expect("opens");
    db.execute("DELETE FROM schema_migrations", ()).expect("deleted");
    let refused = refusal(directory.path(), Purpose::Admin);
    assert!(matches!(&refused, StoreError::Schema(text) if text.contains("restart")), "{refused:?}");
    drop(server);
}

//! Backups, and what becomes of them.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use directory::Timestamp;
use rusqlite::Connection;
use store::backup::{BackupError, Held, Note, Restored, back_up, restore};
use store::verify::{Finding, Watch, verify_backup};
use store::{Location, Purpose, StoreError};

use crate::{Told, check, filled, shown, tamper};

const NOTE: Note<'static> = Note { at: Timestamp(5), version: "0.0.1" };

fn make(directory: &Path, file: &Path, force: bool) -> Result<Held, BackupError> {
    let mut told = Told::default();
    back_up(&Location::Directory(directory.to_owned()), file, force, NOTE, &mut told)
}

fn put_back(file: &Path, directory: &Path, force: bool) -> (Result<Restored, BackupError>, Vec<String>) {
    let mut told = Told::default();
    let to = Location::Directory(directory.to_owned());
    let restored = restore(file, &to, force, &mut told, &mut |_| ControlFlow::Continue(()));
    (restored, told.0.into_iter().map(shown).collect())
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("listed");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_comes_back_as_it_was() {
    let place = tempfile::tempdir().expect("a directory");
    let (data, file, again) =
        (place.path().join("data"), place.path().join("b.backup"), place.path().join("again"));
    filled(&data);
    let held = make(&data, &file, false).expect("made");
    assert_eq!(names(place.path()), ["b.backup", "data"]);
    assert_eq!(held, check(&data, None).expect("checked").0.tenants);
    let taken = make(&data, &file, false);
    assert!(matches!(&taken, Err(BackupError::InTheWay(text)) if text.contains("--force")), "{taken:?}");
    make(&data, &file, true).expect("replaced");
    let (restored, told) = put_back(&file, &again, false);
    let restored = restored.expect("restored");
    assert_eq!((&restored.held, restored.aside, told), (&held, None, Vec::new()));
    assert_eq!(restored.noted, Some((Timestamp(5), "0.0.1".to_owned())));
    assert_eq!(check(&again, None).expect("checked").0.tenants, held);
    assert_eq!(names(&again), ["rosterd.db", "rosterd.lock"]);
    let server = store::open(&again, &store::Options::new(Purpose::Serve)).expect("opens");
    let (refused, _) = put_back(&file, &again, true);
    assert!(matches!(&refused, Err(BackupError::Store(StoreError::Locked(_)))), "{refused:?}");
    server.close();
}

/// Writes to a data file whenever it is told how far a copy of it is.
struct Busy {
    data: PathBuf,
    steps: usize,
}

impl Watch for Busy {
    fn found(&mut self, finding: Finding) {
        panic!("{}", shown(finding));
    }

    fn reached(&mut self, doing: &str, _: u64) {
        if doing == "pages copied" {
            self.steps += 1;
            assert!(self.steps < 100, "it begins again and again");
            tamper(&self.data, "UPDATE groups SET name = 'later' WHERE id = 7");
        }
    }
}

#[test]
fn writes_do_not_make_a_backup_begin_again() {
    let place = tempfile::tempdir().expect("a directory");
    let (data, file) = (place.path().join("data"), place.path().join("b.backup"));
    filled(&data);
    let before = check(&data, None).expect("checked").0.tenants;
    // Pages that are free are copied like others.
    tamper(&data, "CREATE TABLE large (b); INSERT INTO large VALUES (zeroblob(40000000)); DROP TABLE large");
    let mut busy = Busy { data: data.clone(), steps: 0 };
    let held = back_up(&Location::Directory(data), &file, false, NOTE, &mut busy).expect("made");
    assert!(busy.steps > 2, "{}", busy.steps);
    assert_eq!(held, before);
}

#[test]
fn a_store_that_is_there_is_moved_aside() {
    let place = tempfile::tempdir().expect("a directory");
    let (data, file) = (place.path().join("data"), place.path().join("b.backup"));
    filled(&data);
    let held = make(&data, &file, false).expect("made");
    tamper(&data, "UPDATE groups SET name = 'damaged' WHERE id = 7");
    let (refused, _) = put_back(&file, &data, false);
    assert!(matches!(&refused, Err(BackupError::InTheWay(text)) if text.contains("--force")), "{refused:?}");
    let (restored, told) = put_back(&file, &data, true);
    assert_eq!(told, [""; 0]);
    let aside = restored.expect("restored").aside.expect("it was there");
    assert_eq!(check(&data, None).expect("checked").0.tenants, held);
    assert!(check(&aside, None).expect("checked").0.found > 0, "what was there is as it was");
    let (again, _) = put_back(&file, &data, true);
    assert_ne!(again.expect("restored").aside, Some(aside));
}

/// The log of a store that cannot be opened goes with it.
#[test]
fn the_log_of_a_damaged_store_is_moved_aside_too() {
    let place = tempfile::tempdir().expect("a directory");
    let (data, file) = (place.path().join("data"), place.path().join("b.backup"));
    filled(&data);
    let held = make(&data, &file, false).expect("made");
    fs::write(data.join("rosterd.db"), b"not a database at all, but long enough to be looked at")
        .expect("written");
    fs::write(data.join("rosterd.db-wal"), b"a log").expect("written");
    let (restored, _) = put_back(&file, &data, true);
    let aside = restored.expect("restored").aside.expect("it was there");
    assert_eq!(names(&aside), ["rosterd.db", "rosterd.db-wal"]);
    assert_eq!(names(&data), ["replaced-1", "rosterd.db", "rosterd.lock"]);
    assert_eq!(check(&data, None).expect("checked").0.tenants, held);
}

#[test]
fn a_restore_that_was_interrupted_is_not_served() {
    let place = tempfile::tempdir().expect("a directory");
    let (data, file) = (place.path().join("data"), place.path().join("b.backup"));
    filled(&data);
    make(&data, &file, false).expect("made");
    fs::write(data.join("restore-under-way"), b"").expect("written");
    for purpose in [Purpose::Serve, Purpose::Admin] {
        let refused = store::open(&data, &store::Options::new(purpose)).map(drop);
        assert!(
            matches!(&refused, Err(StoreError::Unavailable(text)) if text.contains("run it again")),
            "{refused:?}"
        );
    }
    put_back(&file, &data, true).0.expect("restored");
    store::open(&data, &store::Options::new(Purpose::Serve)).expect("opens").close();
}

#[test]
fn a_damaged_store_makes_no_backup() {
    let place = tempfile::tempdir().expect("a directory");
    let (data, file) = (place.path().join("data"), place.path().join("b.backup"));
    filled(&data);
    tamper(&data, "UPDATE groups SET name = 'damaged' WHERE id = 7");
    let refused = make(&data, &file, false);
    assert!(
        matches!(&refused, Err(BackupError::Damaged(text)) if text.contains("2 place(s)")),
        "{refused:?}"
    );
    assert_eq!(names(place.path()), ["data"]);
}

#[test]
fn a_damaged_backup_is_named_and_not_restored() {
    let place = tempfile::tempdir().expect("a directory");
    let (data, file, again) =
        (place.path().join("data"), place.path().join("b.backup"), place.path().join("again"));
    filled(&data);
    make(&data, &file, false).expect("made");
    let whole = fs::read(&file).expect("read");
    let refused = |bytes: &[u8], expected: &str| {
        fs::write(&file, bytes).expect("written");
        let (refused, told) = put_back(&file, &again, false);
        assert!(matches!(&refused, Err(BackupError::Damaged(_))), "{refused:?}");
        let said = format!("{refused:?} {told:?}");
        assert!(said.contains(expected), "{said}");
        assert!(!again.join("rosterd.db").exists() && !again.join("restore.db").exists());
        let mut watch = Told::default();
        let verified = verify_backup(&file, &mut watch);
        assert!(verified.as_ref().map_or(true, |verified| verified.found > 0), "{verified:?}");
    };
    refused(&whole[..whole.len() / 2], "malformed");
    refused(b"", "nothing in it");
    refused(b"something else that is no database, and long enough to be one of those", "not a database");
    // Whole in itself, and not what was backed up.
    fs::write(&file, &whole).expect("written");
    let db = Connection::open(&file).expect("opens");
    db.execute("UPDATE backups SET digest = zeroblob(32) WHERE tenant = 2", ()).expect("changed");
    drop(db);
    refused(&fs::read(&file).expect("read"), "backups | ant");
    fs::write(&file, &whole).expect("written");
    put_back(&file, &again, false).0.expect("restored");
}

#[test]
fn a_backup_of_another_version() {
    let place = tempfile::tempdir().expect("a directory");
    let (data, file, again) =
        (place.path().join("data"), place.path().join("b.backup"), place.path().join("again"));
    filled(&data);
    make(&data, &file, false).expect("made");
    let db = Connection::open(&file).expect("opens");
    db.execute("INSERT INTO schema_migrations VALUES (9999, 'future', zeroblob(32))", ()).expect("noted");
    drop(db);
    let (refused, _) = put_back(&file, &again, false);
    assert!(
        matches!(&refused, Err(BackupError::Store(StoreError::Schema(text))) if text.contains("newer")),
        "{refused:?}"
    );
    // The data file of the first release is restored, and brought up to date.
    fs::remove_file(&file).expect("removed");
    let old = Connection::open(&file).expect("opens");
    let first = include_str!("../../migrations/sqlite/0001_groups.sql");
    old.execute_batch("PRAGMA application_id = 0x726F7374").expect("marked");
    old.execute_batch("CREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, hash BLOB NOT NULL) STRICT")
        .expect("made");
    old.execute_batch(first).expect("migrated");
    let hash = *blake3::hash(first.as_bytes()).as_bytes();
    old.execute("INSERT INTO schema_migrations VALUES (1, 'groups', ?1)", [hash]).expect("noted");
    old.execute_batch(include_str!("../sqlite/0001_data.sql")).expect("filled");
    drop(old);
    let (restored, told) = put_back(&file, &again, false);
    let restored = restored.unwrap_or_else(|error| panic!("{error}: {told:?}"));
    assert_eq!((restored.noted, restored.held[0].groups), (None, 4));
}

#[test]
fn two_backups_of_one_name_do_not_disturb_each_other() {
    let place = tempfile::tempdir().expect("a directory");
    let (data, file) = (place.path().join("data"), place.path().join("b.backup"));
    filled(&data);
    let work = place.path().join("b.backup.partial");
    let other = store::open(&work, &store::Options::new(Purpose::Serve)).expect("opens");
    let refused = make(&data, &file, false);
    assert!(matches!(&refused, Err(BackupError::Store(StoreError::Locked(_)))), "{refused:?}");
    assert!(work.join("rosterd.db").exists() && !file.exists());
    other.close();
    // What was left there by one that was killed is not in the way.
    make(&data, &file, false).expect("made");
    assert!(file.exists() && !work.exists());
}

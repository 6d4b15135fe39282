//! Who may open a data directory, and what is refused.

use std::fs;

use directory::Timestamp;
use store::{Purpose, StoreError};

use crate::{access_key, add, count, has_key, only_tenant, open, refusal, try_open};

#[test]
fn a_store_that_was_closed_opens_again_with_everything() {
    let directory = tempfile::tempdir().expect("a directory");
    let desk = open(directory.path());
    let tenant = desk.tenant("a");
    (1..=50).for_each(|number| add(&desk, tenant, number));
    drop(desk);
    let names: Vec<_> =
        fs::read_dir(directory.path()).expect("listed").flatten().map(|file| file.file_name()).collect();
    assert_eq!(names.len(), 3, "a clean end leaves data, index and lock: {names:?}");
    let desk = open(directory.path());
    assert_eq!((count(&desk, tenant), desk.read(|reader| reader.revision(tenant))), (50, 50));
    add(&desk, tenant, 51);
    assert!(has_key(&desk, tenant, "K51"));
}

#[test]
fn one_server_at_a_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = open(directory.path());
    let refused = refusal(directory.path(), Purpose::Serve);
    let expected = directory.path().display().to_string();
    assert!(matches!(&refused, StoreError::Locked(text) if text.contains(&expected)), "{refused:?}");
    first.store().close();
    open(directory.path());
}

#[test]
fn a_command_works_beside_a_server() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = open(directory.path());
    let tenant = server.tenant("a");
    let command = try_open(directory.path(), Purpose::Admin).expect("opens beside the server");
    assert_eq!(only_tenant(&command), tenant);
    command.write(move |tx| tx.create_access_key(&access_key(tenant))).expect("created");
    assert_eq!(server.read(|reader| reader.access_key("k")), Some(access_key(tenant)));
    add(&server, tenant, 1);
    assert_eq!(command.write(|tx| tx.revoke_access_key("k", Timestamp(4))), Ok(true));
    let revoked = server.read(|reader| reader.access_key("k")).expect("still there");
    assert_eq!(revoked.revoked_at, Some(Timestamp(4)));
    let failed = command.write(|tx| -> Result<(), _> {
        tx.create_tenant("b", Timestamp(4))?;
        Err(StoreError::Internal("on purpose".to_owned()))
    });
    assert_eq!(failed, Err(StoreError::Internal("on purpose".to_owned())));
    assert_eq!(server.read(|reader| reader.tenants()).len(), 1);
}

#[test]
fn a_command_makes_the_store_where_no_server_runs() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("deeper/data");
    let command = try_open(&path, Purpose::Admin).expect("makes it");
    let tenant = command.tenant("a");
    // A server may start while the command still runs.
    let server = open(&path);
    assert_eq!(only_tenant(&server), tenant);
    command.store().close();
    add(&server, tenant, 1);
}

#[test]
fn what_is_not_a_data_file_is_refused_and_left_alone() {
    let foreign = |text: &str| {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("other.db");
        rusqlite::Connection::open(&path).expect("opens").execute_batch(text).expect("made");
        fs::read(path).expect("read")
    };
    let garbage = b"this is no database at all, but it is longer than one hundred bytes; ".repeat(50);
    for (bytes, what) in [
        (garbage, "garbage"),
        (foreign("CREATE TABLE notes (text)"), "another program's file"),
        (foreign("CREATE TABLE groups (id); PRAGMA application_id = 7"), "another program's marked file"),
        (b"SQLite format 3\0".to_vec(), "a header cut off"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("rosterd.db");
        fs::write(&path, &bytes).expect("written");
        for purpose in [Purpose::Serve, Purpose::Admin] {
            let refused = refusal(directory.path(), purpose);
            assert!(matches!(refused, StoreError::Corrupt(_) | StoreError::Schema(_)), "{what}: {refused:?}");
        }
        assert_eq!(fs::read(&path).expect("read"), bytes, "{what}");
    }
}

#[test]
fn a_damaged_file_is_an_error_never_a_panic() {
    let directory = tempfile::tempdir().expect("a directory");
    let desk = open(directory.path());
    let tenant = desk.tenant("a");
    (1..=200).for_each(|number| add(&desk, tenant, number));
    drop(desk);
    let path = directory.path().join("rosterd.db");
    let whole = fs::read(&path).expect("read");
    // Every page in turn but the first; and the file cut off after every page.
    for page in 1..whole.len() / 4096 {
        let mut bytes = whole.clone();
        bytes[page * 4096..(page + 1) * 4096].fill(0xA5);
        for bytes in [&bytes[..], &whole[..page * 4096]] {
            fs::write(&path, bytes).expect("written");
            let Ok(desk) = try_open(directory.path(), Purpose::Serve) else { continue };
            let mut seen = 0;
            let read = desk.store().read(&mut |reader| {
                for number in 1..=200 {
                    let key = store::conformance::key(&format!("K{number}"));
                    seen += reader.find(tenant, &key)?.len();
                }
                Ok(())
            });
            assert!(read.is_err() || seen <= 200);
            if let Err(error) = read {
                assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
            }
        }
    }
}

#[cfg(unix)]
#[test]
fn the_files_are_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("data");
    let desk = open(&path);
    desk.tenant("a");
    let mode = |path: &std::path::Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for file in fs::read_dir(&path).expect("listed").flatten() {
        assert_eq!(mode(&file.path()), 0o600, "{}", file.path().display());
    }
}

#[test]
fn a_place_that_cannot_be_a_data_directory_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("file");
    fs::write(&path, "").expect("written");
    let refused = refusal(&path, Purpose::Serve);
    assert!(matches!(&refused, StoreError::Unavailable(text) if text.contains("file")), "{refused:?}");
}

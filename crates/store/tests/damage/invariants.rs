//! Rows that are what was written, and do not fit together.

use std::fmt::Write as _;

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;

use crate::{check, filled, findings, tamper};

/// The checksum as it is documented, made by other means than the engine's.
fn row_checksum(values: &[ValueRef<'_>]) -> i32 {
    let mut bytes = Vec::new();
    let end = values.iter().rposition(|value| *value != ValueRef::Null).map_or(0, |last| last + 1);
    for value in &values[..end] {
        match value {
            ValueRef::Null => bytes.push(0),
            ValueRef::Integer(number) => {
                bytes.push(1);
                bytes.extend(number.to_le_bytes());
            }
            ValueRef::Real(_) => panic!("no column is a real"),
            ValueRef::Text(text) | ValueRef::Blob(text) => {
                bytes.push(if matches!(value, ValueRef::Text(_)) { 3 } else { 4 });
                bytes.extend((text.len() as u64).to_le_bytes());
                bytes.extend(*text);
            }
        }
    }
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    (!crc).cast_signed()
}

const GROUP: &str =
    "row_checksum(tenant, id, parent_id, source, key, name, description, photo_url, created_at,
    updated_at, archived_at, revision, language, company, department, office, notes, options)";
const ADDRESS: &str =
    "row_checksum(tenant, group_id, id, code, type, country, gender, icp, is_default, notes,
    first_name, middle_name, last_name, street, number, number_extension, postal_code, city,
    region, phone, mobile, email, company, url)";

/// Changes a file of its own with statements that know `row_checksum`, then checks it.
fn found_after(sql: &str) -> Vec<String> {
    let directory = tempfile::tempdir().expect("a directory");
    filled(directory.path());
    let db = Connection::open(directory.path().join("rosterd.db")).expect("opens");
    db.create_scalar_function("row_checksum", -1, FunctionFlags::SQLITE_UTF8, |context| {
        let values: Vec<ValueRef<'_>> = (0..context.len()).map(|column| context.get_raw(column)).collect();
        Ok(row_checksum(&values))
    })
    .expect("registered");
    db.execute_batch(sql).expect("changed");
    drop(db);
    findings(directory.path())
}

#[test]
fn a_whole_store_has_nothing_to_find() {
    let directory = tempfile::tempdir().expect("a directory");
    filled(directory.path());
    let (verified, found) = check(directory.path(), None).expect("checked");
    assert_eq!((found, verified.notes), (Vec::new(), Vec::new()));
    let names: Vec<&str> = verified.tenants.iter().map(|tenant| &*tenant.name).collect();
    assert_eq!(names, ["zoo", "ant", "empty"]);
    assert_eq!(verified.tenants.iter().map(|tenant| tenant.levels).collect::<Vec<_>>(), [2, 2, 0]);
    let store = store::open(directory.path(), &store::Options::new(store::Purpose::Admin)).expect("opens");
    for tenant in verified.tenants {
        let expected =
            store::digest::digest(&*store, tenant.id, store::moving::PortionSize::default(), &mut |_| ());
        assert_eq!(tenant.digested, expected.expect("read"));
    }
}

#[test]
fn the_checksum_is_what_is_written_of_it() {
    assert_eq!(found_after(&format!("UPDATE groups SET checksum = {GROUP}")), [""; 0]);
    assert_eq!(found_after(&format!("UPDATE addresses SET checksum = {ADDRESS}")), [""; 0]);
}

/// What is changed, and what is then among the findings.
fn cases() -> Vec<(String, &'static [&'static str])> {
    let group = |change: &str| format!("UPDATE groups SET {change}; UPDATE groups SET checksum = {GROUP};");
    let address =
        |change: &str| format!("UPDATE addresses SET {change}; UPDATE addresses SET checksum = {ADDRESS};");
    let tenant = |change: &str| {
        format!(
            "UPDATE tenants SET {change}; UPDATE tenants SET checksum =
             row_checksum(id, name, created_at, revision, next_id, extra_refs, next_attribute_id, next_address_id);"
        )
    };
    vec![
        (group("parent_id = 999 WHERE tenant = 1 AND id = 7"), &["groups | zoo | group 7 | its parent 999 is not there"]),
        (
            group("parent_id = 30 WHERE tenant = 1 AND id = 1"),
            &["groups | zoo | group 30 | the groups above it run in a circle"],
        ),
        (
            group("archived_at = NULL WHERE tenant = 1 AND id = 3 AND archived_at IS NOT NULL OR tenant = 1 AND id = 3"),
            &[],
        ),
        (
            group("archived_at = 9 WHERE tenant = 1 AND id = 1"),
            &["groups | zoo | group 7 | lives below group 1, which is archived"],
        ),
        (group("fold = fold + 1 WHERE tenant = 1 AND id = 1"), &["groups | zoo | group 1 (key \"Straße\") | is not found by its key"]),
        (group("revision = 1000 WHERE tenant = 2 AND id = 7"), &["groups | ant | group 7 (key null) | has revision 1000"]),
        (group("options = 'what' WHERE tenant = 2 AND id = 2"), &["groups | ant | group 2 (key \"A\") | a stored options is not one"]),
        (
            "DELETE FROM groups WHERE tenant = 1 AND id = 2".to_owned(),
            &["extra_refs | zoo | key \"a\" of group 2 | there is no group 2"],
        ),
        (
            "DELETE FROM groups WHERE tenant = 1 AND id = 5; DELETE FROM groups WHERE tenant = 1 AND id = 30".to_owned(),
            &[
                "addresses | zoo | address 1 of group 5 | there is no group 5",
                "attribute_values | zoo | value of attribute 2 of group 30, language \"FR\" | there is no group 30",
            ],
        ),
        (
            "DELETE FROM attributes WHERE tenant = 2 AND id = 2".to_owned(),
            &["attribute_values | ant | value of attribute 2 of group 30, language \"FR\" | there is no attribute 2"],
        ),
        (
            "UPDATE extra_refs SET source = 'T', key = 'A', fold = (SELECT fold FROM extra_refs WHERE key = 'A' LIMIT 1)
             WHERE tenant = 1 AND id = 2 AND position = 1;
             UPDATE extra_refs SET checksum = row_checksum(tenant, source, key, id, position)"
                .to_owned(),
            &["groups | zoo | group 2 | a pair of source and key of it belongs to group 2 as well"],
        ),
        (tenant("extra_refs = extra_refs - 1 WHERE id = 1"), &["tenants | zoo | tenant 1 | counts"]),
        (tenant("next_address_id = 2 WHERE id = 1"), &["addresses | zoo | address 2 of group 5 | its id was never assigned"]),
        (tenant("next_attribute_id = 2 WHERE id = 1"), &["attributes | zoo | attribute 2 | its id was never assigned"]),
        (tenant("revision = 1 WHERE id = 1"), &["groups | zoo | group 40 (key null) | has revision"]),
        (address("code = 'c', is_default = 1, type = 'invoice'"), &["the group has another address with the code \"c\"", "the group has another default address of type invoice"]),
        ("DELETE FROM tenants WHERE id = 2".to_owned(), &["groups | #2 | group 7 (key null) | there is no such tenant", "access_keys | #2 | access key \"2-1\" | there is no such tenant"]),
        ("CREATE TABLE more (x)".to_owned(), &["sqlite_schema |  | more | is not what this version makes"]),
        ("DROP INDEX groups_fold".to_owned(), &["sqlite_schema |  | groups_fold | is not what this version makes"]),
        ("UPDATE schema_migrations SET hash = zeroblob(32) WHERE number = 3".to_owned(), &["schema_migrations |  |  | migration 3"]),
    ]
}

#[test]
fn what_does_not_fit_together_is_named() {
    let mut wrong = String::new();
    for (sql, expected) in cases() {
        let found = found_after(&sql);
        for line in expected {
            if !found.iter().any(|found| found.contains(line)) {
                writeln!(wrong, "{sql}: {line} is not among {found:#?}").expect("written");
            }
        }
        if expected.is_empty() != found.is_empty() {
            writeln!(wrong, "{sql}: {found:#?}").expect("written");
        }
    }
    assert_eq!(wrong, "");
}

/// Every table, whatever was changed in its rows, and only the rows that were changed.
#[test]
fn a_row_that_is_not_what_was_written_is_named() {
    for (table, change, expected) in [
        (
            "tenants",
            "name = name || 'x' WHERE id = 3",
            "tenants |  | tenant 3 (\"emptyx\") | is not what was written",
        ),
        (
            "groups",
            "name = 'other' WHERE tenant = 1 AND id = 1",
            "groups | zoo | group 1 (key \"Straße\") | is not what was written",
        ),
        (
            "groups",
            "tenant = 3 WHERE tenant = 1 AND id = 9",
            "groups | empty | group 9 (key null) | is not what was written",
        ),
        (
            "extra_refs",
            "key = 'zz' WHERE tenant = 1 AND position = 1",
            "extra_refs | zoo | key \"zz\" of group 2 | is not what was written",
        ),
        ("attributes", "units = 'zz' WHERE tenant = 1 AND id = 1", "attributes | zoo | attribute 1 ("),
        (
            "attribute_values",
            "value = 'zz' WHERE tenant = 1 AND group_id = 30",
            "attribute_values | zoo | value of attribute 2 of group 30, language \"FR\" | is not",
        ),
        (
            "addresses",
            "city = 'zz' WHERE tenant = 2 AND id = 1",
            "addresses | ant | address 1 of group 5 | is not what was written",
        ),
        (
            "access_keys",
            "scopes = 'groups:write' WHERE id = '1-1'",
            "access_keys | zoo | access key \"1-1\" | is not what was written",
        ),
        ("runs", "created = created + 1 WHERE tenant = 1", "runs | zoo | run "),
        ("runs", "failures = x'00' WHERE tenant = 1", "its failures are not what was written"),
        (
            "stored_answers",
            "status = 200 + status WHERE tenant = 1",
            "stored_answers | zoo | answer to the idempotency key",
        ),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        filled(directory.path());
        tamper(directory.path(), &["UPDATE ", table, " SET ", change].concat());
        let found = findings(directory.path());
        assert!(found.iter().any(|line| line.contains(expected)), "{table} {change}: {found:#?}");
        let (_, of_others) = check(directory.path(), Some("ant")).expect("checked");
        let is_of_ant = expected.contains("| ant |");
        assert_eq!(of_others.iter().any(|finding| finding.tenant.is_some()), is_of_ant, "{of_others:#?}");
    }
}

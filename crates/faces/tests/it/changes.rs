//! The feed of changes.

use directory::{ChangePlace, Changes, GroupId, GroupView};
use faces::groups::{ChangesQuery, Refusal, write_changes, write_events};
use serde_json::Value;

use super::world;

fn place(revision: i64, id: i64) -> ChangePlace {
    ChangePlace { revision, group: GroupId::new(id).expect("an id") }
}

#[track_caller]
fn check_refused(refusal: Result<ChangesQuery, Refusal>, expected: &str, text: &str) {
    match refusal {
        Err(Refusal::Validation { reason, detail, field, .. }) => {
            assert_eq!(format!("{} {}", reason.as_str(), field.expect("a field")), expected);
            assert!(detail.contains(text), "{detail}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn queries() {
    let check = |query: &str, after: ChangePlace, limit: usize| {
        let query = ChangesQuery::parse(Some(query)).expect("a good query");
        assert_eq!((query.after, query.limit), (after, limit));
    };
    let end = ChangePlace::end_of;
    check("", end(0), 100);
    check("since=0", end(0), 100);
    check("limit=1&since=4711", end(4711), 1);
    check("since=4711-77&limit=1000", place(4711, 77), 1000);
    check("since=%347%311-9007199254740991", end(4711), 100);
    check("since=9223372036854775807", end(i64::MAX), 100);
    let refused = |query: &str, expected: &str, text: &str| {
        check_refused(ChangesQuery::parse(Some(query)), expected, text);
    };
    for wrong in [
        "",
        "-",
        "-1",
        "-1-1",
        "+1",
        "1-",
        "1-0",
        "1-01",
        "1--1",
        "1-+1",
        "1-1-1",
        "1e3",
        "1.0",
        "x",
        "1-x",
        "%201",
        "1%20",
        "%D9%A1",
        "9223372036854775808",
        "1-9007199254740992",
        "\u{661}",
        "%00",
        "null",
    ] {
        refused(&format!("since={wrong}"), "INVALID_PARAMETER since", "such as 4711-77");
    }
    for wrong in ["0", "-1", "1001", "", "x"] {
        refused(&format!("limit={wrong}"), "INVALID_PARAMETER limit", "from 1 to 1000");
    }
    refused("since=1&since=1", "INVALID_PARAMETER since", "only once");
    refused("archived=any", "INVALID_PARAMETER archived", "the parameters are since and limit");
    refused("cursor=1", "INVALID_PARAMETER cursor", "the parameters are since and limit");
}

#[test]
fn queries_of_streams() {
    let check = |query: &str, ids: &[&[u8]], after: ChangePlace| {
        assert_eq!(ChangesQuery::of_stream(Some(query), ids).expect("a good query").after, after);
    };
    check("", &[], ChangePlace::end_of(0));
    check("since=3", &[], ChangePlace::end_of(3));
    check("since=3", &[b"4711-77"], place(4711, 77));
    check("since=4711", &[b"3"], ChangePlace::end_of(3));
    let refused = |query: &str, ids: &[&[u8]], expected: &str, text: &str| {
        check_refused(ChangesQuery::of_stream(Some(query), ids), expected, text);
    };
    for wrong in [&b""[..], b"x", b" 1", b"1-0", b"\xff", b"1, 2"] {
        refused("", &[wrong], "INVALID_PARAMETER Last-Event-ID", "such as 4711-77");
    }
    refused("", &[b"1", b"1"], "INVALID_PARAMETER Last-Event-ID", "only once");
    refused("since=x", &[b"1"], "INVALID_PARAMETER since", "such as 4711-77");
    refused("limit=1", &[], "INVALID_PARAMETER limit", "the only one is since");
}

#[test]
fn a_place_above_the_revision() {
    let of_page = ChangesQuery::parse(Some("since=9")).expect("a good query");
    check_refused(Err(of_page.ahead()), "INVALID_CURSOR since", "Start again without it");
    let of_stream = ChangesQuery::of_stream(Some("since=1"), &[b"9"]).expect("a good query");
    check_refused(Err(of_stream.ahead()), "INVALID_CURSOR Last-Event-ID", "above the latest revision");
}

fn changes(next: ChangePlace) -> Changes {
    let mut one = world::group(17, "", "g-17", None);
    one.revision = 4710;
    let mut other = world::group(GroupId::MAX.get(), "S", "g-18", None);
    other.revision = 4711;
    other.name = directory::Name::from_stored("two\r\nlines\rand\u{2028}more");
    let views = [one, other].map(|group| GroupView { group, parent_key: None }).into();
    Changes { views, next, more: true }
}

#[test]
fn pages() {
    for (next, text) in [(place(4711, 18), "4711-18"), (ChangePlace::end_of(4711), "4711")] {
        let page: Value = serde_json::from_slice(&write_changes(&changes(next))).expect("JSON");
        assert_eq!((&page["nextSince"], &page["more"]), (&text.into(), &true.into()));
        assert_eq!(page["groups"].as_array().map(Vec::len), Some(2));
        assert_eq!(page.as_object().map(serde_json::Map::len), Some(3));
        // What is handed out is taken back.
        let query = ChangesQuery::parse(Some(&format!("since={text}"))).expect("a position");
        assert_eq!(query.after, next);
    }
}

#[test]
fn events() {
    let all = changes(ChangePlace::end_of(0));
    let text = String::from_utf8(write_events(&all)).expect("UTF-8");
    let page: Value = serde_json::from_slice(&write_changes(&all)).expect("JSON");
    // Lines end as the standard says: CR, LF, or both.
    let lines: Vec<&str> = text.split(['\r', '\n']).collect();
    assert_eq!((lines.len(), lines[0], lines[1], lines[3]), (9, "event: group", "id: 4710-17", ""));
    // The largest id ends its revision.
    assert_eq!((lines[4], lines[5], &lines[7..]), ("event: group", "id: 4711", &["", ""][..]));
    for (line, group) in [(lines[2], &page["groups"][0]), (lines[6], &page["groups"][1])] {
        let data = line.strip_prefix("data: ").expect("data");
        assert_eq!(serde_json::from_str::<Value>(data).expect("JSON"), *group);
    }
}

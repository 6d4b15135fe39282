//! What is wrong with single records. Every check sends a good record along, which must stay good.

use std::time::Instant;

use directory::{LookupKey, ParentKey, Patch};
use faces::groups::limits::MAX_FAULTS_NAMED;
use faces::groups::{Handling, MAX_UNKNOWN_NAMED, Mode, Reading, read};
use serde_json::Value;

use super::world;

const GOOD: &str = r#"{"externalReferenceId":"ok-1","name":"Good one"}"#;

fn body(record: &str) -> String {
    format!("{{\"groups\":[{record},{GOOD}]}}")
}

fn reading(record: &str, handling: Handling) -> Reading {
    let reading = read(body(record).as_bytes(), handling).expect("a batch");
    assert!(reading.records[1].is_ok());
    reading
}

/// The answer's result of this record, as it would be against an empty directory.
fn result(record: &str, handling: Handling) -> Value {
    let reply = world::answer(body(record).as_bytes(), handling, Mode::Apply);
    let mut answer: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(answer["results"][1]["status"], "created");
    answer["results"][0].take()
}

/// The faults of a result: `CODE field` or `REASON field`.
fn faults(result: &Value) -> Vec<String> {
    let errors = result["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    errors
        .iter()
        .map(|error| {
            let cause = if error["code"] == "VALIDATION_ERROR" { &error["reason"] } else { &error["code"] };
            format!("{} {}", text(cause), text(&error["field"]))
        })
        .collect()
}

#[track_caller]
fn check(record: &str, expected: &[&str]) {
    assert_eq!(faults(&result(record, Handling::Lenient)), expected, "{record:.200}");
}

/// Checks a record with these members beside a good key and name.
#[track_caller]
fn check_field(members: &str, expected: &[&str]) {
    check(&format!(r#"{{"externalReferenceId":"bad-1","name":"n",{members}}}"#), expected);
}

/// Checks a record with this key, in JSON.
#[track_caller]
fn check_key(key: &str, expected: &[&str]) {
    check(&format!(r#"{{"externalReferenceId":{key},"name":"n"}}"#), expected);
}

/// Checks a record with this name, in JSON.
#[track_caller]
fn check_name(name: &str, expected: &[&str]) {
    check(&format!(r#"{{"externalReferenceId":"bad-1","name":{name}}}"#), expected);
}

fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

/// This many members that the contract does not know.
fn members(count: usize) -> String {
    let members: Vec<String> = (0..count).map(|at| format!(r#""k{at}":{at}"#)).collect();
    members.join(",")
}

#[test]
fn not_an_object() {
    for record in ["null", "7", "-1e400", "true", "\"x\"", "\"\\ud800\"", "[]", "[\"a\",\"b\"]"] {
        check(record, &["NOT_AN_OBJECT -"]);
    }
    check(&nested(100_000), &["NOT_AN_OBJECT -"]);
    assert_eq!(result("[]", Handling::Lenient).get("externalReferenceId"), None);
}

#[test]
fn keys() {
    let canonical = ["KEY_NOT_CANONICAL externalReferenceId"];
    let missing = ["REQUIRED_FIELD_MISSING externalReferenceId"];
    check("{}", &missing);
    check(r#"{"name":"n"}"#, &missing);
    check_key("null", &missing);
    check_key("\"\"", &["EMPTY externalReferenceId"]);
    for wrong in ["846452", "1e400", "false", "[]", "{}", "[\"a\"]"] {
        check_key(wrong, &["WRONG_TYPE externalReferenceId"]);
    }
    check_key(&format!("\"{}\"", "k".repeat(64)), &[]);
    check_key(&format!("\"{}\"", "k".repeat(65)), &["TOO_LONG externalReferenceId"]);
    check_key(&format!("\"{}\"", "\u{1F600}".repeat(64)), &[]);
    check_key(&format!("\"{}\"", "\\ud83d\\ude00".repeat(65)), &["TOO_LONG externalReferenceId"]);
    check_key(&format!("\"{}\"", "\u{958}".repeat(40)), &["TOO_LONG externalReferenceId"]);
    check_key(&format!("\"{}\"", "e\u{301}".repeat(50)), &[]);
    for text in
        [" a", "a ", "\u{A0}a", "a\u{3000}", "a\\u0000b", "a\\tb", "g\u{200B}1", "g\u{AD}1", "g\u{FEFF}1"]
    {
        check_key(&format!("\"{text}\""), &canonical);
    }
    for text in ["k\u{FFFF}", "\u{FDD0}", "a\u{FFFD}", "\u{202E}a", "\\u200f"] {
        check_key(&format!("\"{text}\""), &canonical);
    }
    check_key(r#""\ud800""#, &["INVALID_STRING externalReferenceId"]);
    for text in
        ["../../etc/passwd", "a%2Fb", "a?b#c", "'; DROP TABLE groups;--", "%", "_", "\u{FB01}", "p\u{430}ris"]
    {
        check_key(&format!("\"{text}\""), &[]);
    }
}

#[test]
fn names() {
    for wrong in ["5", "true", "{}", "[]", "1e400", &nested(100_000)] {
        check_name(wrong, &["WRONG_TYPE name"]);
    }
    check_name("null", &["FIELD_NOT_CLEARABLE name"]);
    check_name("\"\"", &["EMPTY name"]);
    check_name("\" \u{A0}\u{3000}\"", &["BLANK name"]);
    for text in ["a\\u0000b", "a\\tb", "a\\nb", "a\u{7F}b", "a\u{85}b"] {
        check_name(&format!("\"{text}\""), &["INVALID_CHARACTER name"]);
    }
    for text in [r"\ud800", r"\udc00", r"\udc00\ud800", r"a\ud83dx", r"\ud83d\n"] {
        check_name(&format!("\"{text}\""), &["INVALID_STRING name"]);
    }
    check_name(&format!("\"{}\"", "x".repeat(256)), &["TOO_LONG name"]);
    for text in [r"\ud83d\ude00", "\u{FFFF}\u{FDD0}", &"x".repeat(255), &"\u{1F600}".repeat(255)] {
        check_name(&format!("\"{text}\""), &[]);
    }
    let reading = reading(r#"{"externalReferenceId":"a","n\u0061me":"\ud83d\ude00"}"#, Handling::Lenient);
    let name = reading.records[0].as_ref().expect("good").name.as_ref().expect("a name");
    assert_eq!(name.as_str(), "\u{1F600}");
}

#[test]
fn other_fields() {
    check_field(r#""externalReferenceType":null"#, &["FIELD_NOT_CLEARABLE externalReferenceType"]);
    check_field(r#""externalReferenceType":"""#, &["EMPTY externalReferenceType"]);
    check_field(r#""externalReferenceType":7"#, &["WRONG_TYPE externalReferenceType"]);
    check_field(&format!(r#""externalReferenceType":"{}""#, "t".repeat(30)), &[]);
    check_field(
        &format!(r#""externalReferenceType":"{}""#, "t".repeat(31)),
        &["TOO_LONG externalReferenceType"],
    );
    check_field(r#""externalReferenceType":" a""#, &["KEY_NOT_CANONICAL externalReferenceType"]);
    check_field(r#""description":null"#, &[]);
    check_field(r#""description":"""#, &[]);
    check_field(r#""description":"a\n\tb""#, &[]);
    check_field(r#""description":"a\u0000""#, &["INVALID_CHARACTER description"]);
    check_field(&format!(r#""description":"{}""#, "d".repeat(256)), &["TOO_LONG description"]);
}

#[test]
fn parents() {
    let parent = |text: &str| {
        let record =
            format!(r#"{{"externalReferenceId":"c","name":"n","parentExternalReferenceId":"{text}"}}"#);
        let record = reading(&record, Handling::Lenient).records.swap_remove(0);
        record.map(|directive| directive.parent).map_err(|rejection| rejection.failures)
    };
    for length in [65, 255] {
        assert_eq!(parent(&"p".repeat(length)), Ok(Patch::Set(ParentKey::Unmatchable { length })));
    }
    // Counted after NFC, as every key is.
    assert_eq!(parent(&"\u{958}".repeat(40)), Ok(Patch::Set(ParentKey::Unmatchable { length: 80 })));
    let (long, inner) = ("p".repeat(100), format!("{} {}", "p".repeat(50), "p".repeat(50)));
    assert_eq!(parent(&inner), Ok(Patch::Set(ParentKey::Unmatchable { length: 101 })));
    for wrong in [
        format!(" {long}"),
        format!("{long}\u{3000}"),
        format!("{long}\\u0000{long}"),
        format!("{long}\u{200B}"),
    ] {
        check_field(
            &format!(r#""parentExternalReferenceId":"{wrong}""#),
            &["KEY_NOT_CANONICAL parentExternalReferenceId"],
        );
    }
    check_field(
        &format!(r#""parentExternalReferenceId":"{}""#, "p".repeat(256)),
        &["TOO_LONG parentExternalReferenceId"],
    );
    check_field(r#""parentExternalReferenceId":"""#, &["EMPTY parentExternalReferenceId"]);
    check_field(r#""parentExternalReferenceId":5"#, &["WRONG_TYPE parentExternalReferenceId"]);
    check_field(r#""parentExternalReferenceId":null"#, &[]);
    check_field(
        r#""parentExternalReferenceId":"nope""#,
        &["PARENT_GROUP_NOT_FOUND parentExternalReferenceId"],
    );
}

#[test]
fn urls() {
    for (url, reason) in [
        ("javascript:alert(1)", "URL_SCHEME"),
        ("data:image/svg+xml,<svg onload=alert(1)>", "URL_SCHEME"),
        ("file:///etc/passwd", "URL_SCHEME"),
        ("//cdn.example.com/x.png", "INVALID_URL"),
        ("/logo.png", "INVALID_URL"),
        ("https://a b/x", "INVALID_URL"),
        (r"https:\\\\evil.example\\x", "INVALID_URL"),
        ("https://user:pw@h/x.png", "URL_CREDENTIALS"),
        (r"https://h/\u0000", "INVALID_CHARACTER"),
        ("", "EMPTY"),
        (&format!("https://h/{}", "x".repeat(491)), "TOO_LONG"),
    ] {
        for name in ["photoUrl", "logoUrl"] {
            check_field(&format!(r#""{name}":"{url}""#), &[&format!("{reason} {name}")]);
        }
    }
    check_field(r#""photoUrl":5"#, &["WRONG_TYPE photoUrl"]);
    check_field(r#""logoUrl":{}"#, &["WRONG_TYPE logoUrl"]);
    check_field(&format!(r#""photoUrl":"https://h/{}""#, "x".repeat(490)), &[]);
    check_field(r#""logoUrl":null"#, &[]);
}

#[test]
fn one_picture_by_two_names() {
    let (one, two) = (r#""https://a.example/1.png""#, r#""https://a.example/2.png""#);
    let conflict: &[&str] = &["CONFLICTING_FIELDS photoUrl"];
    for (photo, logo, expected) in [
        (one, one, &[][..]),
        (one, r#""https://a.\u0065xample/1.png""#, &[]),
        ("null", "null", &[]),
        (one, two, conflict),
        (one, "null", conflict),
        ("null", one, conflict),
        (one, "\"x\"", &["CONFLICTING_FIELDS photoUrl", "INVALID_URL logoUrl"]),
        ("7", "8", &["WRONG_TYPE photoUrl", "WRONG_TYPE logoUrl"]),
    ] {
        check_field(&format!(r#""photoUrl":{photo},"logoUrl":{logo}"#), expected);
        check_field(&format!(r#""logoUrl":{logo},"photoUrl":{photo}"#), expected);
    }
}

#[test]
fn every_fault_is_reported() {
    let record = format!(
        r#"{{"x":{deep},"photoUrl":"ftp://h/","description":{{}},"name":"","externalReferenceType":null,
            "parentExternalReferenceId":"","\ud800":1,"logoUrl":7}}"#,
        deep = nested(33)
    );
    check(
        &record,
        &[
            "REQUIRED_FIELD_MISSING externalReferenceId",
            "INVALID_STRING -",
            "FIELD_NOT_CLEARABLE externalReferenceType",
            "EMPTY name",
            "WRONG_TYPE description",
            "EMPTY parentExternalReferenceId",
            "URL_SCHEME photoUrl",
            "WRONG_TYPE logoUrl",
            "TOO_DEEP x",
        ],
    );
}

#[test]
fn doubled_members() {
    check(r#"{"externalReferenceId":"bad-1","name":"a","name":"b"}"#, &["DUPLICATE_MEMBER name"]);
    check(r#"{"externalReferenceId":"bad-1","name":"a","na\u006de":"a"}"#, &["DUPLICATE_MEMBER name"]);
    check_field(r#""x":1,"y":2,"x":3"#, &["DUPLICATE_MEMBER x"]);
    check_field(r#""logoUrl":null,"logoUrl":null"#, &["DUPLICATE_MEMBER logoUrl"]);
    let record = r#"{"externalReferenceId":"a","externalReferenceId":"a","name":"n"}"#;
    check(record, &["DUPLICATE_MEMBER externalReferenceId"]);
    assert_eq!(result(record, Handling::Lenient).get("externalReferenceId"), None);
    let rejection = reading(record, Handling::Lenient).records.swap_remove(0).expect_err("rejected");
    assert_eq!((rejection.key, rejection.lacks_name), (None, false));
}

#[test]
fn rejections_keep_key_and_lack_of_a_name() {
    for (record, has_key, lacks_name) in [
        (r#"{"externalReferenceId":"a","description":7}"#, true, true),
        (r#"{"externalReferenceId":"a","name":null}"#, true, false),
        (r#"{"externalReferenceId":"a","name":"x","name":"x"}"#, true, false),
        (r#"{"externalReferenceId":7}"#, false, true),
        ("{}", false, true),
        ("[]", false, false),
    ] {
        let rejection = reading(record, Handling::Lenient).records.swap_remove(0).expect_err("rejected");
        assert_eq!((rejection.key.is_some(), rejection.lacks_name), (has_key, lacks_name), "{record}");
    }
}

#[test]
fn member_limit() {
    let first = |count| format!(r#"{{"externalReferenceId":"a","name":"n",{}}}"#, members(count));
    let last = |count| format!(r#"{{{},"externalReferenceId":"a","name":"n"}}"#, members(count));
    check(&first(254), &[]);
    check(&first(255), &["TOO_MANY_MEMBERS -"]);
    check(&last(300), &["TOO_MANY_MEMBERS -"]);
    let started = Instant::now();
    check(&first(100_000), &["TOO_MANY_MEMBERS -"]);
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    for (record, key) in [(first(300), Some("a")), (last(300), None)] {
        let rejection = reading(&record, Handling::Lenient).records.swap_remove(0).expect_err("rejected");
        assert_eq!(rejection.key.as_ref().map(LookupKey::to_string).as_deref(), key);
        assert!(!rejection.lacks_name);
    }
}

#[test]
fn nesting_limit() {
    check_field(&format!(r#""x":{}"#, nested(32)), &[]);
    check_field(&format!(r#""x":{}"#, nested(33)), &["TOO_DEEP x"]);
    check_field(
        &format!(r#""x":{}{}"#, r#"{"a":"#.repeat(33), "1".to_owned() + &"}".repeat(33)),
        &["TOO_DEEP x"],
    );
    check_field(r#""x":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\""#, &[]);
    check_field(&format!(r#""x":{}"#, nested(100_000)), &["TOO_DEEP x"]);
}

#[test]
fn unknown_members() {
    let warnings = |members: &str| -> Vec<String> {
        let record = format!(r#"{{"externalReferenceId":"u","name":"n",{members}}}"#);
        let result = result(&record, Handling::Lenient);
        assert_eq!(result["status"], "created", "{result}");
        let warnings = result["warnings"].as_array().expect("warnings");
        assert!(warnings.iter().all(|warning| warning["code"] == "UNKNOWN_FIELD"));
        warnings.iter().map(|warning| warning["message"].as_str().expect("a message").to_owned()).collect()
    };
    let polluted = r#""__proto__":{"archived":true},"constructor":{"prototype":{"x":1}},"prototype":1"#;
    assert_eq!(warnings(polluted).len(), 3);
    for (member, meant) in [
        ("nmae", "name"),
        ("Name", "name"),
        ("NAMES", "name"),
        ("title", "name"),
        ("desciption", "description"),
        ("external_reference_id", "externalReferenceId"),
        ("externalId", "externalReferenceId"),
        ("reference", "externalReferenceId"),
        ("externalReferenceTyp", "externalReferenceType"),
        ("parentId", "parentExternalReferenceId"),
        ("photoURL", "photoUrl"),
        ("logo", "photoUrl"),
        ("n\\u0061mee", "name"),
    ] {
        let message = warnings(&format!(r#""{member}":1"#)).swap_remove(0);
        assert!(message.ends_with(&format!("did you mean {meant}?")), "{message}");
    }
    for member in ["id", "tenantId", "archived", "deletedAt", "revision", "createdAt", "createdBy", "", "nom"]
    {
        let message = warnings(&format!(r#""{member}":1"#)).swap_remove(0);
        assert!(message.ends_with("is not a field of this contract."), "{message}");
    }
    let messages = warnings(&members(100));
    assert_eq!(messages.len(), MAX_UNKNOWN_NAMED + 1);
    assert!(messages.last().is_some_and(|last| last.starts_with("68 further members")), "{messages:?}");
}

#[test]
fn unknown_members_of_failed_and_strict_records() {
    let record = r#"{"externalReferenceId":"new-1","nmae":"n"}"#;
    let lenient = result(record, Handling::Lenient);
    assert_eq!(faults(&lenient), ["REQUIRED_FIELD_MISSING name"]);
    assert_eq!(lenient["warnings"][0]["field"], "nmae");
    let strict = result(record, Handling::Strict);
    assert_eq!(faults(&strict), ["REQUIRED_FIELD_MISSING name", "UNKNOWN_FIELD nmae"]);
    assert_eq!(strict.get("warnings"), None);
    assert_eq!(strict["errors"][1]["message"], "nmae is not a field of this contract; did you mean name?");
    let strict = result(&format!(r#"{{"name":"n",{}}}"#, members(200)), Handling::Strict);
    let faults = faults(&strict);
    assert_eq!(faults.len(), MAX_FAULTS_NAMED);
    assert_eq!(faults[0], "REQUIRED_FIELD_MISSING externalReferenceId");
}

#[test]
fn echoes_are_short() {
    let long = "x".repeat(10 << 20);
    for record in [
        format!(r#"{{"externalReferenceId":"a","name":"{long}"}}"#),
        format!(r#"{{"externalReferenceId":"a","name":"n","{long}":1}}"#),
        format!(r#"{{"externalReferenceId":"a","name":"n","{long}":1,"{long}":2}}"#),
        format!(r#"{{"externalReferenceId":"a","name":"n","photoUrl":"{long}"}}"#),
        format!(r#"{{"externalReferenceId":"a","name":"n","parentExternalReferenceId":"{long}"}}"#),
    ] {
        for handling in [Handling::Lenient, Handling::Strict] {
            let text = result(&record, handling).to_string();
            assert!(!text.contains(&"x".repeat(65)), "{text:.300}");
        }
    }
    let key = |length: usize| {
        let record = format!(r#"{{"externalReferenceId":"{}","name":"n"}}"#, "k".repeat(length));
        result(&record, Handling::Lenient)["externalReferenceId"].as_str().map(str::len)
    };
    assert_eq!(key(1024), Some(1024));
    assert_eq!(key(10 << 20), Some(1023 + '…'.len_utf8()));
}

//! Bodies that are refused as a whole.

use std::time::Instant;

use faces::groups::{BrokenJson, Handling, InvalidRequest, Refusal, read};

/// A record that is good wherever it stands.
const GOOD: &str = r#"{"externalReferenceId":"ok-1","name":"Good one"}"#;

fn refusal(body: &[u8]) -> Refusal {
    read(body, Handling::Lenient).expect_err("a refusal")
}

#[track_caller]
fn check_broken(body: impl AsRef<[u8]>, expected: BrokenJson, at: usize) {
    let refusal = refusal(body.as_ref());
    let Refusal::InvalidJson { reason, position, .. } = &refusal else { panic!("{refusal:?}") };
    assert_eq!((*reason, *position), (expected, at), "{refusal:?}");
    assert_eq!((refusal.status(), refusal.code()), (400, "INVALID_JSON"));
}

#[track_caller]
fn check_invalid(body: impl AsRef<[u8]>, expected: InvalidRequest, in_detail: &str) {
    let refusal = refusal(body.as_ref());
    let Refusal::Validation { reason, detail, .. } = &refusal else { panic!("{refusal:?}") };
    assert_eq!(*reason, expected, "{refusal:?}");
    assert!(detail.contains(in_detail), "{detail}");
    assert_eq!((refusal.status(), refusal.code()), (400, "VALIDATION_ERROR"));
}

#[test]
fn broken_json() {
    use BrokenJson::{EmptyBody, InvalidUtf8, Syntax, TooDeep, TrailingData};
    check_broken("", EmptyBody, 0);
    check_broken(" \r\n\t", EmptyBody, 4);
    check_broken(b"\xFF\xFE{\x00", InvalidUtf8, 0);
    check_broken(b"{\"groups\":[{\"name\":\"a\xFFb\"}]}", InvalidUtf8, 21);
    check_broken(b"{\"groups\":[{\"name\":\"\xED\xA0\x80\"}]}", InvalidUtf8, 20);
    check_broken(b"{\"groups\":[{\"name\":\"\xF4\x90\x80\x80\"}]}", InvalidUtf8, 20);
    check_broken("\u{FEFF}{\"groups\":[]}", Syntax, 0);
    check_broken(r#"{"groups":[{"externalReferenceId":"ok-1","name":"Good on"#, Syntax, 56);
    check_broken("{\"groups\":[{\"name\":\"a\u{1}b\"}]}", Syntax, 21);
    check_broken("{\"groups\":\n[{\"name\":\"a\nb\"}]}", Syntax, 22);
    check_broken(r#"{"groups":[{"name":"\x41"}]}"#, Syntax, 21);
    check_broken(r#"{"groups":[{"name":"\u12"}]}"#, Syntax, 25);
    check_broken("{'groups':[]}", Syntax, 1);
    check_broken("{groups:[]}", Syntax, 1);
    check_broken(r#"{"groups":[{"name":NaN}]}"#, Syntax, 19);
    check_broken(r#"{"groups":[{"name":01}]}"#, Syntax, 20);
    check_broken(r#"{"groups":[{"name":"a",}]}"#, Syntax, 23);
    check_broken("{\"groups\":\n[\n  nul]}", Syntax, 18);
    check_broken(r#"{"groups":[1"#, Syntax, 12);
    check_broken("[1,]", Syntax, 3);
    check_broken("nope", Syntax, 1);
    check_broken(format!("{{\"groups\":[{GOOD}]}} x"), TrailingData, 62);
    check_broken(format!("{{\"groups\":[{GOOD}]}}{{\"groups\":[{GOOD}]}}"), TrailingData, 61);
    check_broken("[] []", TrailingData, 3);
    check_broken(format!("{{\"x\":{}{}}}", "[".repeat(33), "]".repeat(33)), TooDeep, 5 + 32);
}

#[test]
fn not_a_batch() {
    use InvalidRequest::{
        BatchEmpty, DuplicateMember, NotAnArray, NotAnObject, RequiredFieldMissing, UnknownField,
    };
    for (body, found) in [
        ("null", "null"),
        ("[]", "an array"),
        ("\"groups\"", "a string"),
        (" 7 ", "a number"),
        ("1e400", "a number"),
        ("true", "a boolean"),
    ] {
        check_invalid(body, NotAnObject, found);
    }
    check_invalid("{}", RequiredFieldMissing, "groups is missing");
    check_invalid(r#"{"groups":{"0":{}}}"#, NotAnArray, "an object");
    check_invalid(r#"{"groups":null}"#, NotAnArray, "null");
    check_invalid(r#"{"groups":1e400}"#, NotAnArray, "a number");
    check_invalid(r#"{"groups":[]}"#, BatchEmpty, "1 to 1000");
    check_invalid(r#"{"groups":[],"gro\u0075ps":[]}"#, DuplicateMember, "groups");
    check_invalid(format!(r#"{{"groups":[{GOOD}],"dryRun":true}}"#), UnknownField, "?dryRun=true");
    check_invalid(format!(r#"{{"dry\u0052un":true,"groups":[{GOOD}]}}"#), UnknownField, "?dryRun=true");
    check_invalid(format!(r#"{{"groups":[{GOOD}],"directives":[]}}"#), UnknownField, "directives");
    check_invalid(r#"{"Groups":[]}"#, UnknownField, "did you mean groups?");
    check_invalid(r#"{"\ud800":[]}"#, UnknownField, "not a member");
    check_invalid(format!(r#"{{"{}":1}}"#, "n".repeat(1000)), UnknownField, "nnn… is not");
}

#[test]
fn batch_size() {
    let body = |count| format!("{{\"groups\":[{}]}}", vec!["[]"; count].join(","));
    assert_eq!(read(body(1000).as_bytes(), Handling::Lenient).expect("1000").records.len(), 1000);
    let refusal = refusal(body(1001).as_bytes());
    let text = String::from_utf8(refusal.body("r")).expect("UTF-8");
    assert!(text.contains(r#""reason":"BATCH_TOO_LARGE""#), "{text}");
    assert!(text.contains(r#""maxItems":1000,"min":1,"max":1000,"got":1001"#), "{text}");
}

/// Each line repairs the first fault of the one before, and the next in the documented order appears.
#[test]
fn first_fault_wins() {
    let deep = format!(r#""deep":{}{}"#, "[".repeat(33), "]".repeat(33));
    let steps: [(Vec<u8>, &str); 9] = [
        ([format!("{{{deep},\"groups\":7,\"groups\":7 x").as_bytes(), b"\xFF"].concat(), "INVALID_UTF8"),
        (format!("{{{deep},\"groups\":7,\"groups\":7 x").into(), "SYNTAX"),
        (format!("{{{deep},\"groups\":7,\"groups\":7}} x").into(), "TRAILING_DATA"),
        (format!("{{{deep},\"groups\":7,\"groups\":7}}").into(), "TOO_DEEP"),
        (r#"{"deep":[],"groups":7,"groups":7}"#.into(), "DUPLICATE_MEMBER"),
        (r#"{"deep":[],"groups":7}"#.into(), "UNKNOWN_FIELD"),
        (r#"{"groups":7}"#.into(), "NOT_AN_ARRAY"),
        (r#"{"groups":[]}"#.into(), "BATCH_EMPTY"),
        (r#"{"deep":[]}"#.into(), "UNKNOWN_FIELD"),
    ];
    for (body, reason) in steps {
        let problem = String::from_utf8(refusal(&body).body("r")).expect("UTF-8");
        assert!(problem.contains(&format!(r#""reason":"{reason}""#)), "{problem}");
    }
}

/// Neither depth nor size costs more than reading the bytes, and the stack does not grow.
#[test]
fn hostile_sizes() {
    let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
    let started = Instant::now();
    check_invalid(nested(100_000), InvalidRequest::NotAnObject, "an array");
    check_broken("[".repeat(100_000), BrokenJson::Syntax, 100_000);
    check_broken(format!(r#"{{"groups":[],"x":{}}}"#, nested(100_000)), BrokenJson::TooDeep, 17 + 32);
    check_invalid(
        format!("{{\"groups\":[{}1]}}", "1,".repeat(1_000_000)),
        InvalidRequest::BatchTooLarge,
        "1000001",
    );
    let padding = " ".repeat(8 << 20);
    let padded = format!("{padding}{{\"groups\":[{GOOD}{padding}]}}{padding}");
    assert_eq!(read(padded.as_bytes(), Handling::Lenient).expect("a batch").records.len(), 1);
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

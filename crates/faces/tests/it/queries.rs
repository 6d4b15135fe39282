//! Query strings and the header `Prefer`.

use directory::{GroupId, GroupView, Page, TenantId};
use faces::groups::{Handling, ListQuery, Mode, Refusal, UpsertQuery, handling, write_list};

use super::world;

#[test]
fn upsert() {
    let check = |query: Option<&str>, expected: Result<Mode, &str>| {
        let actual = UpsertQuery::parse(query);
        match (&actual, expected) {
            (Ok(query), Ok(mode)) => assert_eq!(query.mode, mode),
            (Err(Refusal::Validation { reason, detail, .. }), Err(text)) => {
                assert_eq!(reason.as_str(), "INVALID_PARAMETER");
                assert!(detail.contains(text), "{detail}");
            }
            _ => panic!("{query:?} gave {actual:?}"),
        }
    };
    check(None, Ok(Mode::Apply));
    check(Some(""), Ok(Mode::Apply));
    check(Some("dryRun=true"), Ok(Mode::DryRun));
    check(Some("dryRun=false"), Ok(Mode::Apply));
    check(Some("&&dry%52un=tr%75e&"), Ok(Mode::DryRun));
    check(Some("tenantId=T2&verbose&x=%zz%"), Ok(Mode::Apply));
    check(Some("run=1&driver=x"), Ok(Mode::Apply));
    for wrong in ["dryRun", "dryRun=", "dryRun=1", "dryRun=True", "dryRun=+true", "dryRun=true&dryRun=maybe"]
    {
        check(Some(wrong), Err("true or false"));
    }
    check(Some("dryRun=true&dryRun=true"), Err("only once"));
    for misspelt in [
        "dryrun=true",
        "DRYRUN=true",
        "dry_run=true",
        "dry-run=true",
        "dry+run",
        "dry=true",
        "dyrRun=1",
        "drRun=true",
        "dryRuns=true",
        "x=1&dryRunn=true",
    ] {
        check(Some(misspelt), Err("did you mean dryRun?"));
    }
}

#[test]
fn list() {
    let check = |query: &str, expected: Result<usize, &str>| {
        let actual = ListQuery::parse(Some(query), TenantId(1));
        match (&actual, expected) {
            (Ok(query), Ok(limit)) => assert_eq!(query.page, Page { after: None, limit }),
            (Err(Refusal::Validation { reason, detail, .. }), Err(text)) => {
                assert_eq!(reason.as_str(), "INVALID_PARAMETER");
                assert!(detail.contains(text), "{detail}");
            }
            _ => panic!("{query:?} gave {actual:?}"),
        }
    };
    check("", Ok(100));
    check("limit=1", Ok(1));
    check("limit=1000", Ok(1000));
    for wrong in ["0", "-1", "1001", "abc", "1e3", "", "+5", "99999999999999999999"] {
        check(&format!("limit={wrong}"), Err("from 1 to 1000"));
    }
    check("limit=5&limit=5", Err("only once"));
    check("archived=any", Err("the parameters are limit and cursor"));
    check(&format!("{}=1", "n".repeat(500)), Err("nnn… is not a parameter"));
}

#[test]
fn cursors() {
    let views: Vec<GroupView> = [17, 18]
        .map(|id| GroupView { group: world::group(id, "", &format!("g-{id}"), None), parent_key: None })
        .into();
    let cursor_of = |limit, tenant| {
        let page = write_list(&views, Page { after: None, limit }, TenantId(tenant));
        let page: serde_json::Value = serde_json::from_slice(&page).expect("JSON");
        assert_eq!(page["groups"].as_array().map(Vec::len), Some(2));
        page["nextCursor"].as_str().map(ToOwned::to_owned)
    };
    let parse = |cursor: &str, tenant| ListQuery::parse(Some(&format!("cursor={cursor}")), TenantId(tenant));
    assert_eq!(cursor_of(3, 1), None);
    let cursor = cursor_of(2, 1).expect("a full page");
    assert_eq!(parse(&cursor, 1).expect("an own cursor").page.after, GroupId::new(18));
    let mut wrong: Vec<String> =
        vec![String::new(), "0".repeat(30), cursor.to_uppercase(), cursor.clone() + "0"];
    wrong.extend((0..cursor.len()).map(|at| {
        let changed = if &cursor[at..=at] == "0" { "1" } else { "0" };
        format!("{}{changed}{}", &cursor[..at], &cursor[at + 1..])
    }));
    for cursor in wrong {
        check_foreign(&parse(&cursor, 1));
    }
    check_foreign(&parse(&cursor, 2));
}

#[track_caller]
fn check_foreign(actual: &Result<ListQuery, Refusal>) {
    let Err(Refusal::Validation { reason, .. }) = actual else { panic!("{actual:?}") };
    assert_eq!(reason.as_str(), "INVALID_CURSOR");
}

#[test]
fn prefer() {
    let strict: [&[&str]; 8] = [
        &["handling=strict"],
        &["Handling=Strict"],
        &["handling = \"strict\""],
        &["respond-async, handling=strict; x=y"],
        &["respond-async", "handling=strict"],
        &["foo=\"a, b;\\\" c\", handling=strict"],
        &["handling=strict, handling=lenient"],
        &[",, handling=strict,"],
    ];
    for values in strict {
        assert_eq!(handling(values), Handling::Strict, "{values:?}");
    }
    let lenient: [&[&str]; 8] = [
        &[],
        &[""],
        &["handling"],
        &["handling=lenient"],
        &["handling=lenient, handling=strict"],
        &["foo; handling=strict"],
        &["foo=\"x, handling=strict\""],
        &["handlings=strict"],
    ];
    for values in lenient {
        assert_eq!(handling(values), Handling::Lenient, "{values:?}");
    }
}

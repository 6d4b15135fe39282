//! Query strings and the header `Prefer`.

use directory::{
    Filter, Found, GroupId, GroupView, Life, Listed, LookupKey, Page, Place, SearchPlace, Source, Stamp,
    TenantId, Timestamp, Tree, TreePlace,
};
use faces::groups::{
    Handling, ListQuery, Mode, Refusal, TreeQuery, WriteQuery, handling, write_found, write_list, write_tree,
};

use super::world;

#[test]
fn upsert() {
    let check = |query: Option<&str>, expected: Result<Mode, &str>| {
        let actual = WriteQuery::parse(query);
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
    check(
        "q=x",
        Err(
            "the parameters are limit, cursor, search, externalReferenceType, parentExternalReferenceId, roots",
        ),
    );
    check(&format!("{}=1", "n".repeat(500)), Err("nnn… is not a parameter"));
}

#[test]
fn cursors() {
    let views: Vec<GroupView> = [17, 18]
        .map(|id| GroupView { group: world::group(id, "", &format!("g-{id}"), None), parent_key: None })
        .into();
    let cursor_of = |next: Option<i64>, tenant| {
        let listed = Listed { views: views.clone(), next: next.and_then(GroupId::new) };
        let page = write_list(&listed, &ListQuery::parse(None, TenantId(tenant)).expect("a good query"));
        let page: serde_json::Value = serde_json::from_slice(&page).expect("JSON");
        assert_eq!(page["groups"].as_array().map(Vec::len), Some(2));
        page["nextCursor"].as_str().map(ToOwned::to_owned)
    };
    let parse = |cursor: &str, tenant| ListQuery::parse(Some(&format!("cursor={cursor}")), TenantId(tenant));
    assert_eq!(cursor_of(None, 1), None);
    let cursor = cursor_of(Some(18), 1).expect("more");
    assert_eq!(parse(&cursor, 1).expect("an own cursor").page.after, GroupId::new(18));
    let mut wrong: Vec<String> =
        vec!["0".to_owned(), "0".repeat(30), cursor.to_uppercase(), cursor.clone() + "0"];
    wrong.extend((0..cursor.len()).map(|at| {
        let changed = if &cursor[at..=at] == "0" { "1" } else { "0" };
        format!("{}{changed}{}", &cursor[..at], &cursor[at + 1..])
    }));
    for cursor in wrong {
        check_foreign(&parse(&cursor, 1));
    }
    // Clients that always send one begin with an empty one.
    assert_eq!(parse("", 1).expect("the first page").page.after, None);
    check_foreign(&parse(&cursor, 2));
}

/// A list, given the rest of its query.
type List<'l> = &'l dyn Fn(&str) -> Result<ListQuery, Refusal>;

#[test]
fn cursors_of_other_lists() {
    let tenant = TenantId(1);
    let by = |number| LookupKey::Id(GroupId::new(number).expect("an id"));
    let key = |text| LookupKey::Key(directory::ReferenceKey::from_stored(text));
    let groups = |query: &str| ListQuery::parse(Some(query), tenant);
    let lists: [(&str, List<'_>); 14] = [
        ("all", &|more| groups(more)),
        ("archived", &|more| groups(&format!("archived=true{more}"))),
        ("any", &|more| groups(&format!("archived=any{more}"))),
        ("roots", &|more| groups(&format!("roots=true{more}"))),
        ("source", &|more| groups(&format!("externalReferenceType=a{more}"))),
        ("other source", &|more| groups(&format!("externalReferenceType=b{more}"))),
        ("parent", &|more| groups(&format!("parentExternalReferenceId=a{more}"))),
        ("moment", &|more| groups(&format!("updatedAfter=2026-01-01T00:00:00Z{more}"))),
        ("children", &|more| ListQuery::of_children(Some(more), tenant, &by(1))),
        ("children of another", &|more| ListQuery::of_children(Some(more), tenant, &by(2))),
        ("children by key", &|more| ListQuery::of_children(Some(more), tenant, &key("1"))),
        ("archived children", &|more| {
            ListQuery::of_children(Some(&format!("archived=true{more}")), tenant, &by(1))
        }),
        ("ancestors", &|more| ListQuery::of_ancestors(Some(more), tenant, &by(1))),
        ("another tenant", &|more| ListQuery::parse(Some(more), TenantId(2))),
    ];
    for (name, list) in lists {
        let listed = Listed { views: Vec::new(), next: GroupId::new(5) };
        let page = write_list(&listed, &list("").expect("a good query"));
        let page: serde_json::Value = serde_json::from_slice(&page).expect("JSON");
        let cursor = page["nextCursor"].as_str().expect("more");
        for (other, list) in lists {
            let answer = list(&format!("&limit=7&cursor={cursor}"));
            if name == other {
                assert_eq!(answer.expect("an own cursor").page, Page { after: GroupId::new(5), limit: 7 });
            } else {
                check_foreign(&answer);
            }
        }
    }
}

#[test]
fn trees() {
    let of = LookupKey::Id(GroupId::new(1).expect("an id"));
    let parse = |query: &str| TreeQuery::parse(Some(query), TenantId(1), &of);
    let page = parse("").expect("a good query").page;
    assert_eq!((page.depth, page.limit, page.life, page.after), (2, 100, Life::Living, None));
    assert_eq!(parse("depth=64&limit=1000&archived=any").expect("a good query").page.depth, 64);
    for wrong in ["depth=0", "depth=65", "depth=", "depth=x", "limit=0", "roots=true", "depth=1&depth=1"] {
        assert!(matches!(parse(wrong), Err(Refusal::Validation { .. })), "{wrong}");
    }
    for inhabited in [false, true] {
        let place = TreePlace { level: 64, group: GroupId::MAX, inhabited };
        let tree = Tree { groups: Vec::new(), next: Some(place) };
        let body = write_tree(&tree, &parse("depth=64").expect("a good query"));
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let cursor = body["nextCursor"].as_str().expect("more");
        let own = parse(&format!("depth=64&cursor={cursor}")).expect("an own cursor");
        assert_eq!(own.page.after, Some(place));
        for at in 0..cursor.len() {
            let changed = if &cursor[at..=at] == "0" { "1" } else { "0" };
            let changed = format!("{}{changed}{}", &cursor[..at], &cursor[at + 1..]);
            assert!(parse(&format!("depth=64&cursor={changed}")).is_err(), "{changed}");
        }
        for query in ["depth=63&", "", "depth=64&archived=any&"] {
            assert!(parse(&format!("{query}cursor={cursor}")).is_err(), "{query}");
        }
        for cursor in ["0", "001", "%C3%A9%C3%A9"] {
            assert!(parse(&format!("cursor={cursor}")).is_err(), "{cursor}");
        }
    }
}

#[test]
fn conditions() {
    let parse = |query: &str| ListQuery::parse(Some(query), TenantId(1));
    let filter = |query: &str| parse(query).unwrap_or_else(|refusal| panic!("{query}: {refusal:?}")).filter;
    let all = Filter::default();
    assert_eq!(filter("roots=false&archived=false"), all);
    assert_eq!(filter("roots=true"), Filter { place: Place::Roots, ..all.clone() });
    assert_eq!(filter("archived=true"), Filter { life: Life::Archived, ..all.clone() });
    assert_eq!(filter("archived=any"), Filter { life: Life::Any, ..all.clone() });
    let source = Some(Source::from_stored("Caf\u{e9} 1"));
    assert_eq!(filter("externalReferenceType=Cafe%CC%81+1"), Filter { source, ..all.clone() });
    let parent = parse("parentExternalReferenceId=a%2Fb&roots=false").expect("a good query").parent;
    assert_eq!(parent, Some(LookupKey::Key(directory::ReferenceKey::from_stored("a/b"))));
    for (text, milliseconds) in [
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T00:00:01.5z", 1500),
        ("1970-01-01t02:00:00%2B02:00", 0),
        ("1970-01-01T00:00:00.0019Z", 1),
        ("1969-12-31T23:59:59.9999Z", -1),
    ] {
        let updated_after = Some(Timestamp(milliseconds));
        assert_eq!(
            filter(&format!("updatedAfter={text}")),
            Filter { updated_after, ..all.clone() },
            "{text}"
        );
    }
    for (query, field) in [
        ("roots=1", "roots"),
        ("roots=", "roots"),
        ("archived=all", "archived"),
        ("archived=TRUE", "archived"),
        ("updatedAfter=", "updatedAfter"),
        ("updatedAfter=2026-01-01", "updatedAfter"),
        ("updatedAfter=2026-01-01T00:00:00", "updatedAfter"),
        ("updatedAfter=2026-01-01T00:00:00+02:00", "updatedAfter"),
        ("updatedAfter=2026-13-01T00:00:00Z", "updatedAfter"),
        ("updatedAfter=2026-01-01T00:00:00%2B02:00%5BEurope/Paris%5D", "updatedAfter"),
        ("updatedAfter=1795314720", "updatedAfter"),
        ("externalReferenceType=", "externalReferenceType"),
        ("externalReferenceType=1234567890123456789012345678901", "externalReferenceType"),
        ("parentExternalReferenceId=", "parentExternalReferenceId"),
        ("parentExternalReferenceId=%00", "parentExternalReferenceId"),
        ("roots=true&parentExternalReferenceId=a", "roots"),
        ("archived=true&archived=true", "archived"),
        ("depth=2", "depth"),
    ] {
        let refusal = parse(query).expect_err(query);
        let Refusal::Validation { reason, field: named, .. } = refusal else {
            panic!("{query}: {refusal:?}")
        };
        assert_eq!((reason.as_str(), named.as_deref()), ("INVALID_PARAMETER", Some(field)), "{query}");
    }
}

#[test]
fn searches() {
    let parse = |query: &str| ListQuery::parse(Some(query), TenantId(1));
    let words = |query: &str| {
        let query = parse(query).unwrap_or_else(|refusal| panic!("{query}: {refusal:?}"));
        let search = query.search.expect("a search");
        assert_eq!(search.limit, query.page.limit);
        search.search.words().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(words("search=%C3%89va+d%27arc&limit=7"), "arc d eva");
    assert_eq!(words("roots=true&search=HR-001"), "001 hr");
    assert_eq!(parse("limit=3").expect("a good query").search, None);
    for (query, told) in [
        ("search=", "must hold at least one letter or digit"),
        ("search", "must hold at least one letter or digit"),
        ("search=%20-%F0%9F%A6%8A", "must hold at least one letter or digit"),
        ("search=%FF", "must hold at least one letter or digit"),
        ("search=a&search=a", "only once"),
        (&format!("search={}", "a".repeat(256)), "is 256 characters long, at most 255"),
        ("search=a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q", "has 17 different words, at most 16"),
    ] {
        let refusal = parse(query).expect_err(query);
        let Refusal::Validation { reason, field, detail, .. } = refusal else { panic!("{query}") };
        assert_eq!((reason.as_str(), field.as_deref()), ("INVALID_PARAMETER", Some("search")), "{query}");
        assert!(detail.starts_with("search ") && detail.contains(told) && detail.ends_with('.'), "{detail}");
    }
    let group = GroupId::MAX;
    let until = Stamp { revision: 1 << 50, group: group.get() };
    for place in [
        SearchPlace::Word { until, word: 15, entry: "é\u{10FFFE}0".into(), group },
        SearchPlace::Word { until: Stamp::default(), word: 0, entry: "".into(), group },
        SearchPlace::Change(until),
        SearchPlace::Group(group),
    ] {
        check_search_cursor(&place);
    }
}

fn check_search_cursor(place: &SearchPlace) {
    let parse = |query: &str| ListQuery::parse(Some(query), TenantId(1));
    let found = Found { views: Vec::new(), next: Some(place.clone()) };
    let body = write_found(&found, &parse("search=b%20A").expect("a good query"));
    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    let cursor = body["nextCursor"].as_str().expect("more");
    // The same words, however they are written.
    for query in ["search=a+b", "search=%C3%81-B-a&limit=5"] {
        let own = parse(&format!("{query}&cursor={cursor}")).expect("an own cursor");
        assert_eq!(own.search.expect("a search").after.as_ref(), Some(place));
    }
    for query in ["search=a", "search=a+b+c", "search=a+b&roots=true", "search=a+b&archived=any", "limit=1"] {
        check_foreign(&parse(&format!("{query}&cursor={cursor}")));
    }
    check_foreign(&ListQuery::parse(Some(&format!("search=a+b&cursor={cursor}")), TenantId(2)));
    let mut wrong = vec![cursor.to_uppercase(), cursor[1..].to_owned(), format!("{cursor}0")];
    wrong
        .extend(["w", "é", "x00", "w%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9"].map(Into::into));
    wrong.extend((0..cursor.len()).map(|at| {
        let changed = if &cursor[at..=at] == "0" { "1" } else { "0" };
        format!("{}{changed}{}", &cursor[..at], &cursor[at + 1..])
    }));
    for cursor in wrong {
        check_foreign(&parse(&format!("search=a+b&cursor={cursor}")));
    }
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

//! Lists under conditions, children and ancestors.

use serde_json::{Value, json};

use crate::harness::{Client, GROUPS, Server, check, encode};

/// The keys of every page, one after another.
fn keys(client: &Client, path: &str, query: &str) -> Vec<String> {
    let (mut keys, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = client.get(&format!("{path}?{query}{cursor}")).send();
        assert_eq!(answer.status, 200, "{path}?{query}{cursor}: {}", answer.text());
        let page = answer.json();
        let groups = page["groups"].as_array().unwrap();
        keys.extend(groups.iter().map(|group| group["externalReferenceId"].as_str().unwrap().to_owned()));
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return keys,
        }
    }
}

/// `top` > `left`, `right` · `left` > `leaf` > `bud` · `alone`
fn plant(client: &Client) {
    let group = |key: &str, source: &str, parent: Value| {
        json!({
            "externalReferenceId": key, "externalReferenceType": source, "name": key,
            "parentExternalReferenceId": parent,
        })
    };
    let records = json!([
        group("top", "S", json!(null)),
        group("left", "S", json!("top")),
        group("right", "T", json!("top")),
        group("leaf", "T", json!("left")),
        group("alone", "S", json!(null)),
        group("bud", "S", json!("leaf")),
    ]);
    check(client, &records, &["created"; 6]);
}

#[test]
fn conditions_meet() {
    let server = Server::start();
    let client = &server.client;
    plant(client);
    let moment = client.group("top")["updatedAt"].as_str().unwrap().to_owned();
    let before = "updatedAfter=2001-01-01T00:00:00%2B02:00";
    for (query, expected) in [
        ("", &["top", "left", "right", "leaf", "alone", "bud"][..]),
        ("archived=false", &["top", "left", "right", "leaf", "alone", "bud"]),
        ("archived=any", &["top", "left", "right", "leaf", "alone", "bud"]),
        ("archived=true", &[]),
        ("roots=true", &["top", "alone"]),
        ("roots=true&externalReferenceType=S", &["top", "alone"]),
        ("roots=true&externalReferenceType=T", &[]),
        ("externalReferenceType=T", &["right", "leaf"]),
        ("externalReferenceType=nobody", &[]),
        ("parentExternalReferenceId=top", &["left", "right"]),
        ("parentExternalReferenceId=top&externalReferenceType=T", &["right"]),
        ("parentExternalReferenceId=bud", &[]),
        ("parentExternalReferenceId=nobody", &[]),
        (before, &["top", "left", "right", "leaf", "alone", "bud"]),
        (&format!("updatedAfter={moment}"), &[]),
        (&format!("{before}&roots=true"), &["top", "alone"]),
    ] {
        for limit in [1, 2, 1000] {
            assert_eq!(
                keys(client, GROUPS, &format!("limit={limit}&{query}")),
                expected,
                "{query} by {limit}"
            );
        }
    }
    check(client, &json!([{"externalReferenceId": "leaf", "name": "new"}]), &["updated name"]);
    // Within one millisecond a change is not after the first.
    let changed = client.group("leaf")["updatedAt"].as_str().unwrap().to_owned();
    let expected = if changed == moment { &[][..] } else { &["leaf"] };
    assert_eq!(keys(client, GROUPS, &format!("updatedAfter={moment}")), expected);
}

#[test]
fn children_and_ancestors() {
    let server = Server::start();
    let client = &server.client;
    plant(client);
    for (of, children, ancestors) in [
        ("top", &["left", "right"][..], &[][..]),
        ("left", &["leaf"], &["top"]),
        ("bud", &[], &["leaf", "left", "top"]),
        ("alone", &[], &[]),
    ] {
        let id = client.group(of)["id"].as_str().unwrap().to_owned();
        for path in [format!("{GROUPS}/{id}"), format!("{GROUPS}/by-reference-id/{}", encode(of))] {
            for limit in [1, 2, 1000] {
                let limit = format!("limit={limit}");
                assert_eq!(keys(client, &format!("{path}/children"), &limit), children, "{path} {limit}");
                assert_eq!(keys(client, &format!("{path}/ancestors"), &limit), ancestors, "{path} {limit}");
            }
            assert_eq!(keys(client, &format!("{path}/children"), "archived=any"), children);
            assert_eq!(keys(client, &format!("{path}/children"), "archived=true"), [""; 0]);
            let head = client.get(&format!("{path}/children")).method("HEAD").send();
            assert_eq!((head.status, head.body.len()), (200, 0));
        }
    }
    for target in
        ["1/ancestors?archived=any", "1/children?roots=true", "1/children?depth=1", "1/children?limit=0"]
    {
        let answer = client.get(&format!("{GROUPS}/{target}")).send();
        assert_eq!((answer.status, &answer.json()["reason"]), (400, &json!("INVALID_PARAMETER")), "{target}");
    }
}

#[test]
fn trees_by_levels() {
    let server = Server::start();
    let client = &server.client;
    plant(client);
    for path in [format!("{GROUPS}/1/tree"), format!("{GROUPS}/by-reference-id/top/tree")] {
        for limit in [1, 2, 1000] {
            let walk = |query: &str| keys(client, &path, &format!("limit={limit}{query}"));
            assert_eq!(walk("&depth=1"), ["left", "right"]);
            assert_eq!(walk(""), ["left", "right", "leaf"]);
            assert_eq!(walk("&depth=64&archived=any"), ["left", "right", "leaf", "bud"]);
            assert_eq!(walk("&depth=64&archived=true"), [""; 0]);
        }
    }
    let page = client.get(&format!("{GROUPS}/1/tree?depth=3")).send().json();
    let depths: Vec<&Value> =
        page["groups"].as_array().unwrap().iter().map(|group| &group["depth"]).collect();
    assert_eq!(depths, [1, 1, 2, 3]);
    // A place that has left the tree is told, not skipped.
    let first = client.get(&format!("{GROUPS}/1/tree?limit=1")).send().json();
    let next = format!("{GROUPS}/1/tree?cursor={}", first["nextCursor"].as_str().unwrap());
    assert_eq!(client.get(&next).send().status, 200);
    check(
        client,
        &json!([{"externalReferenceId": "left", "parentExternalReferenceId": null}]),
        &["updated parentExternalReferenceId"],
    );
    let answer = client.get(&next).send();
    assert_eq!((answer.status, &answer.json()["reason"]), (400, &json!("INVALID_CURSOR")));
    for wrong in ["depth=0", "depth=65", "depth=x", "level=1"] {
        assert_eq!(client.get(&format!("{GROUPS}/1/tree?{wrong}")).send().status, 400, "{wrong}");
    }
}

#[test]
fn a_cursor_belongs_to_its_list() {
    let server = Server::start();
    let client = &server.client;
    plant(client);
    let first = client.get(&format!("{GROUPS}/1/children?limit=1")).send().json();
    let cursor = first["nextCursor"].as_str().unwrap();
    let status = |target: &str| client.get(&format!("{GROUPS}{target}cursor={cursor}")).send().status;
    assert_eq!(status("/1/children?limit=5&"), 200);
    assert_eq!(status("/1/children?archived=false&"), 200);
    for other in
        ["?", "/2/children?", "/1/children?archived=any&", "/1/ancestors?", "/by-reference-id/top/children?"]
    {
        assert_eq!(status(other), 400, "{other}");
    }
}

#[test]
fn another_tenants_tree_is_nobodys() {
    let server = Server::start();
    let (one, two) = (server.new_tenant("one"), server.new_tenant("two"));
    plant(&one);
    let same = |client: &Client, target: &str| {
        let answer = client.get(&format!("{GROUPS}/{target}")).header("x-request-id", "same").send();
        (answer.status, answer.text().to_owned())
    };
    for list in ["children", "ancestors", "tree"] {
        let nobodys = same(&one, &format!("999/{list}"));
        assert_eq!(nobodys.0, 404);
        assert!(nobodys.1.contains("GROUP_NOT_FOUND"), "{}", nobodys.1);
        for subject in ["1", "x", "by-reference-id/top", "by-reference-id/%00"] {
            assert_eq!(same(&two, &format!("{subject}/{list}")), nobodys, "{subject}/{list}");
        }
    }
    assert_eq!(keys(&two, GROUPS, "parentExternalReferenceId=top"), [""; 0]);
}

/// Ids count for each tenant alone: another one has groups with the same ids, and the same keys.
#[test]
fn an_equal_tree_of_another_tenant_changes_no_list() {
    let server = Server::start();
    let (one, two) = (server.new_tenant("one"), server.new_tenant("two"));
    plant(&one);
    let lists = || {
        [
            "",
            "?roots=true",
            "?archived=any",
            "?parentExternalReferenceId=top",
            "?externalReferenceType=S",
            "/1/children",
            "/1/tree",
            "/6/ancestors",
            "/2",
            "/by-reference-id/left",
            "/changes?since=0",
        ]
        .map(|target| one.get(&format!("{GROUPS}{target}")).send().text().to_owned())
    };
    // What a search finds comes in no particular order: it is another one once the index has caught up.
    let found = || {
        let mut found = keys(&one, GROUPS, "search=le");
        found.sort_unstable();
        found
    };
    let alone = (lists(), found());
    plant(&two);
    assert_eq!((lists(), found()), alone);
    assert_eq!(keys(&two, &format!("{GROUPS}/1/children"), ""), ["left", "right"]);
}

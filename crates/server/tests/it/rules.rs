//! Rules between the records of a batch, and between a batch and what is stored.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Client, Random, Server, UPSERT, check, outcomes};

/// A record with a name, below a parent if one is given.
fn record(key: &str, parent: Option<&str>) -> Value {
    let mut record = json!({"externalReferenceId": key, "name": key});
    record.as_object_mut().unwrap().extend(parent.map(|parent| (PARENT.to_owned(), json!(parent))));
    record
}

/// A record that only moves a group.
fn to(key: &str, parent: Option<&str>) -> Value {
    json!({"externalReferenceId": key, PARENT: parent})
}

const PARENT: &str = "parentExternalReferenceId";

#[track_caller]
fn check_parents(client: &Client, expected: &[(&str, Option<&str>)]) {
    for (key, parent) in expected {
        let group = client.group(key);
        assert_eq!(group[PARENT].as_str(), *parent, "the parent of {key}");
        let id = parent.map_or(Value::Null, |parent| client.group(parent)["id"].clone());
        assert_eq!(group["parentId"], id, "the parent of {key}");
    }
}

#[test]
fn a_child_may_come_before_its_parent() {
    let server = Server::start();
    let records = json!([
        record("grandchild", Some("child")),
        record("child", Some("root")),
        record("other", Some("root")),
        record("root", None),
    ]);
    check(&server.client, &records, &["created"; 4]);
    check_parents(
        &server.client,
        &[("grandchild", Some("child")), ("child", Some("root")), ("other", Some("root")), ("root", None)],
    );
    // Ids follow the order of the records.
    assert_eq!(server.client.group("grandchild")["id"], "1");
    assert_eq!(server.client.group("root")["id"], "4");
}

#[test]
fn parents_are_judged_on_the_final_graph() {
    let server = Server::start();
    let client = &server.client;
    let tree = json!([record("r", None), record("c", Some("r")), record("g", Some("c")), record("x", None)]);
    check(client, &tree, &["created"; 4]);
    let moved = "updated parentExternalReferenceId";
    let cycle = |path: &str| format!("failed HIERARCHY_CYCLE parentExternalReferenceId path={path}");
    for (records, expected, parents) in [
        (
            // Parent and child change places.
            json!([to("r", Some("c")), to("c", None)]),
            vec![moved.to_owned(), moved.to_owned()],
            [("r", Some("c")), ("c", None), ("g", Some("c"))],
        ),
        (
            json!([to("c", Some("g"))]),
            vec![cycle("c>g>c")],
            [("r", Some("c")), ("c", None), ("g", Some("c"))],
        ),
        (
            // A cycle of two new parents; the third move is sound, and happens.
            json!([to("c", Some("x")), to("x", Some("g")), to("r", None)]),
            vec![cycle("c>x>g>c"), cycle("x>g>c>x"), moved.to_owned()],
            [("r", None), ("c", None), ("g", Some("c"))],
        ),
        (
            // What would be a cycle in either order alone.
            json!([to("c", Some("g")), to("g", Some("r"))]),
            vec![moved.to_owned(), moved.to_owned()],
            [("r", None), ("c", Some("g")), ("g", Some("r"))],
        ),
        (
            json!([to("r", None)]),
            vec!["unchanged".to_owned()],
            [("r", None), ("c", Some("g")), ("g", Some("r"))],
        ),
    ] {
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check(client, &records, &expected);
        check_parents(client, &parents);
    }
}

#[test]
fn a_parent_must_be_there_at_the_end() {
    let server = Server::start();
    let client = &server.client;
    check(client, &json!([record("root", None)]), &["created"]);
    let bad = |key: &str| json!({"externalReferenceId": key, "name": "x".repeat(256)});
    for (records, expected) in [
        (
            json!([record("a", Some("nope")), record("b", None)]),
            vec!["failed PARENT_GROUP_NOT_FOUND parentExternalReferenceId", "created"],
        ),
        (
            // A chain falls with the record it hangs from.
            json!([record("c1", Some("c2")), record("c2", Some("c3")), bad("c3")]),
            vec![
                "failed PARENT_FAILED_IN_REQUEST parentExternalReferenceId parent=1",
                "failed PARENT_FAILED_IN_REQUEST parentExternalReferenceId parent=2",
                "failed VALIDATION_ERROR/TOO_LONG name",
            ],
        ),
        (
            // The parent's record fails, but the parent is stored.
            json!([record("d", Some("root")), bad("root")]),
            vec!["created", "failed VALIDATION_ERROR/TOO_LONG name"],
        ),
        (json!([record("e", Some("e"))]), vec!["failed PARENT_IS_SELF parentExternalReferenceId"]),
        (
            json!([record("f1", Some("f2")), record("f2", Some("f1")), record("f3", Some("f1"))]),
            vec![
                "failed HIERARCHY_CYCLE parentExternalReferenceId path=f1>f2>f1",
                "failed HIERARCHY_CYCLE parentExternalReferenceId path=f2>f1>f2",
                "failed PARENT_FAILED_IN_REQUEST parentExternalReferenceId parent=0",
            ],
        ),
    ] {
        check(client, &records, &expected);
    }
    assert_eq!(client.all(100).len(), 3);
}

#[test]
fn one_record_for_each_group() {
    let server = Server::start();
    let client = &server.client;
    let duplicate = |peers: &str| format!("failed DUPLICATE_IN_REQUEST externalReferenceId peers={peers}");
    for (records, expected) in [
        (
            json!([record("d", None), record("ok", None), record("d", None)]),
            vec![duplicate("2"), "created".to_owned(), duplicate("0")],
        ),
        (
            // A record that fails for itself counts all the same, and says so first.
            json!([record("e", None), {"externalReferenceId": "e", "name": 5}]),
            vec![duplicate("1"), "failed VALIDATION_ERROR/WRONG_TYPE name".to_owned()],
        ),
        (
            // One key, written in two ways.
            json!([record("\u{ac00}", None), record("\u{1100}\u{1161}", None)]),
            vec![duplicate("1"), format!("{} canonical=\u{ac00}", duplicate("0"))],
        ),
        (
            json!([record("f", None), record("f", None), record("g", Some("f"))]),
            vec![
                duplicate("1"),
                duplicate("0"),
                "failed PARENT_FAILED_IN_REQUEST parentExternalReferenceId parent=0".to_owned(),
            ],
        ),
    ] {
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check(client, &records, &expected);
    }
    assert_eq!(client.all(100).len(), 1);
}

#[test]
fn duplicates_are_found_across_a_whole_batch() {
    let server = Server::start();
    let client = &server.client;
    let mut records: Vec<Value> = (0..1000).map(|index| record(&format!("k-{index}"), None)).collect();
    records[999] = record("k-0", None);
    let (status, answer) = client.upsert(&json!(records));
    let found = outcomes(&json!(records), status, &answer);
    assert_eq!(found[0], "failed DUPLICATE_IN_REQUEST externalReferenceId peers=999");
    assert_eq!(found[999], "failed DUPLICATE_IN_REQUEST externalReferenceId peers=0");
    assert!(found[1..999].iter().all(|outcome| outcome == "created"));

    let same = json!(vec![record("same", None); 1000]);
    let answer = client.post(UPSERT, json!({ "groups": same }).to_string()).send();
    assert_eq!(answer.json()["summary"]["failed"], 1000);
    assert!(answer.body.len() < 1 << 20, "{} bytes", answer.body.len());
}

#[test]
fn a_chain_ends_at_the_depth_limit() {
    let server = Server::start();
    let client = &server.client;
    let key = |level: usize| format!("level-{level:04}");
    let link = |level: usize| record(&key(level), (level > 1).then(|| key(level - 1)).as_deref());
    let chain: Vec<Value> = (1..=1000).rev().map(link).collect();
    let (status, answer) = client.upsert(&json!(chain));
    let found = outcomes(&json!(chain), status, &answer);
    for (outcome, level) in found.iter().zip((1..=1000).rev()) {
        let expected = match level {
            1..=64 => "created".to_owned(),
            _ => format!("failed HIERARCHY_TOO_DEEP parentExternalReferenceId level={level}"),
        };
        assert_eq!(*outcome, expected, "level {level}");
    }
    assert_eq!(client.all(1000).len(), 64);
    // A subtree counts with all that hangs below it.
    check(client, &json!([record("top", None)]), &["created"]);
    let deep = "failed HIERARCHY_TOO_DEEP parentExternalReferenceId level=65";
    check(client, &json!([to(&key(1), Some("top"))]), &[deep]);
    check(client, &json!([record("leaf", Some(&key(64)))]), &[deep]);
    check(client, &json!([record("leaf", Some(&key(63)))]), &["created"]);
}

#[test]
fn keys_are_compared_after_nfc_and_nothing_else() {
    let server = Server::start();
    let client = &server.client;
    let similar = "created +SIMILAR_REFERENCE_EXISTS externalReferenceId";
    check(client, &json!([record("caf\u{e9}", None)]), &["created"]);
    for (records, expected) in [
        (
            json!([{"externalReferenceId": "cafe\u{301}", "name": "b"}]),
            vec!["updated name canonical=caf\u{e9}"],
        ),
        (json!([record("child", Some("cafe\u{301}"))]), vec!["created"]),
        (json!([record("CAF\u{c9}", None)]), vec![similar]),
        (json!([record("fi", None), record("A", None)]), vec!["created", "created"]),
        // Compatibility forms, case, width and inner white space: told, never merged.
        (json!([record("\u{fb01}", None), record("\u{ff21}", None), record("a", None)]), vec![similar; 3]),
        (json!([record("Class 1", None)]), vec!["created"]),
        (json!([record("Class\u{a0}1", None)]), vec![similar]),
        // Another script is another key, and similar to nothing.
        (json!([record("paris", None), record("p\u{430}ris", None)]), vec!["created", "created"]),
        // A warning is for what is new.
        (json!([record("A", None)]), vec!["unchanged"]),
    ] {
        check(client, &records, &expected);
    }
    assert_eq!(client.group("caf\u{e9}")["name"], "b");
    assert_eq!(client.group("cafe\u{301}")["externalReferenceId"], "caf\u{e9}");
    assert_eq!(client.group("child")[PARENT], "caf\u{e9}");
    let (_, answer) = client.upsert(&json!([record("FI", None)]));
    let warning = &answer["results"][0]["warnings"][0];
    let existing = json!({"externalReferenceId": "fi", "externalReferenceType": null});
    assert!(
        warning["existing"] == existing || warning["existing"]["externalReferenceId"] == "\u{fb01}",
        "{warning}"
    );
}

#[test]
fn another_type_replaces_the_stored_one() {
    let server = Server::start();
    let client = &server.client;
    let group =
        |kind: &str| json!([{"externalReferenceId": "a", "externalReferenceType": kind, "name": "a"}]);
    check(client, &json!([record("a", None)]), &["created"]);
    let changed = "updated externalReferenceType +EXTERNAL_REFERENCE_TYPE_CHANGED externalReferenceType";
    // From no type at all it is news, not a conflict of two systems; the outcome is the same.
    let (status, answer) = client.upsert(&group("Ypareo"));
    assert!(outcomes(&group("Ypareo"), status, &answer)[0].starts_with("updated externalReferenceType"));
    check(client, &group("Ypareo"), &["unchanged"]);
    check(client, &group("Aurion"), &[changed]);
    assert_eq!(client.group("a")["externalReferenceType"], "Aurion");
    check(client, &json!([record("a", None)]), &["unchanged"]);
}

/// What became of each key, however the records were ordered.
fn by_key(client: &Client, records: &[Value]) -> BTreeMap<String, String> {
    let batch = json!(records);
    let (status, answer) = client.upsert(&batch);
    let keys = records.iter().map(|record| record["externalReferenceId"].as_str().unwrap().to_owned());
    let index_of = |key: &str| records.iter().position(|record| record["externalReferenceId"] == key);
    let stable = outcomes(&batch, status, &answer).into_iter().map(|outcome| {
        // Indexes name records: say which.
        match outcome.split_once(" parent=") {
            Some((before, index)) => {
                let parent = &records[index.parse::<usize>().unwrap()]["externalReferenceId"];
                assert!(index_of(parent.as_str().unwrap()).is_some());
                format!("{before} parent={parent}")
            }
            None => outcome,
        }
    });
    keys.zip(stable).collect()
}

/// The stored groups without what the order of the records decides.
fn contents(client: &Client) -> BTreeMap<String, Value> {
    let groups = client.all(1000).into_iter().map(|mut group| {
        for name in ["id", "parentId", "createdAt", "updatedAt"] {
            group.as_object_mut().unwrap().remove(name);
        }
        (group["externalReferenceId"].as_str().unwrap().to_owned(), group)
    });
    groups.collect()
}

#[test]
fn the_order_of_the_records_does_not_matter() {
    let server = Server::start();
    let mut random = Random::new();
    let mut records: Vec<Value> = (0..300)
        .map(|index| {
            let parent = (index > 0).then(|| format!("n-{}", (index - 1) / 3));
            record(&format!("n-{index}"), parent.as_deref())
        })
        .collect();
    // A failing inner node, a cycle with something below it, an orphan, a chain that is too deep.
    records[5]["name"] = json!("");
    records.extend([record("x", Some("y")), record("y", Some("x")), record("below", Some("x"))]);
    records.extend([record("orphan", Some("nobody")), record("deep-0", Some("n-299"))]);
    records
        .extend((1..80).map(|level| record(&format!("deep-{level}"), Some(&format!("deep-{}", level - 1)))));
    let mut first = None;
    for round in 0..5 {
        let client = server.new_tenant(&format!("order-{round}"));
        let found = (by_key(&client, &records), contents(&client));
        assert_eq!(*first.get_or_insert_with(|| found.clone()), found, "round {round}");
        random.shuffle(&mut records);
    }
    let (outcomes, stored) = first.unwrap();
    let failed = outcomes.values().filter(|outcome| outcome.starts_with("failed")).count();
    assert_eq!(stored.len(), records.len() - failed);
    assert_eq!(outcomes["n-16"], "failed PARENT_FAILED_IN_REQUEST parentExternalReferenceId parent=\"n-5\"");
    assert_eq!(outcomes["y"], "failed HIERARCHY_CYCLE parentExternalReferenceId path=y>x>y");
    assert!(failed > 20, "{failed}");
}

#[test]
fn a_thousand_records_in_any_order() {
    let server = Server::start();
    let mut star: Vec<Value> = (1..1000).map(|index| record(&format!("c-{index}"), Some("star"))).collect();
    star.push(record("star", None));
    Random::new().shuffle(&mut star);
    let (status, answer) = server.client.upsert(&json!(star));
    assert_eq!((status, &answer["summary"]["created"]), (200, &json!(1000)));
    let groups = server.client.all(1000);
    let center = server.client.group("star")["id"].clone();
    assert_eq!(groups.iter().filter(|group| group["parentId"] == center).count(), 999);
}

#[test]
fn failing_records_change_nothing_for_the_others() {
    let server = Server::start();
    let mut random = Random::new();
    let good: Vec<Value> = (0..50_usize)
        .map(|index| {
            record(
                &format!("g-{index}"),
                index.checked_sub(1).map(|parent| format!("g-{}", parent / 2)).as_deref(),
            )
        })
        .collect();
    let alone = server.new_tenant("alone");
    let among = server.new_tenant("among");
    assert_eq!(alone.upsert(&json!(good)).0, 200);
    let mut mixed = good.clone();
    for index in 0..40 {
        let bad = match index % 4 {
            0 => json!({"externalReferenceId": format!("b-{index}"), "name": 5}),
            1 => record(&format!("b-{index}"), Some("nobody")),
            2 => json!({"name": "no key"}),
            _ => json!(null),
        };
        mixed.insert(random.below(mixed.len() + 1), bad);
    }
    let (status, answer) = among.upsert(&json!(mixed));
    outcomes(&json!(mixed), status, &answer);
    assert_eq!((status, &answer["summary"]["created"]), (207, &json!(50)));
    assert_eq!(contents(&among), contents(&alone));
}

#[test]
fn the_depth_is_what_the_operator_says() {
    let server = Server::start_with(&["--max-depth", "2"]);
    let chain = json!([
        {"externalReferenceId": "a", "name": "n"},
        {"externalReferenceId": "b", "name": "n", "parentExternalReferenceId": "a"},
        {"externalReferenceId": "c", "name": "n", "parentExternalReferenceId": "b"},
    ]);
    let (status, answer) = server.client.upsert(&chain);
    assert_eq!(status, 207);
    assert_eq!(answer["summary"]["created"], 2);
    let error = &answer["results"][2]["errors"][0];
    assert_eq!(
        (&error["code"], &error["level"], &error["limit"]),
        (&json!("HIERARCHY_TOO_DEEP"), &json!(3), &json!(2))
    );
}

//! Nothing is written for a rehearsal, nor for what is there already: not a byte.

use serde_json::{Value, json};

use crate::harness::{Client, GROUPS, Server, UPSERT, outcomes};

fn dry_run(client: &Client, records: &Value) -> (u16, Value) {
    let answer =
        client.post(&format!("{UPSERT}?dryRun=true"), json!({ "groups": records }).to_string()).send();
    (answer.status, answer.json())
}

fn setup(client: &Client) {
    client.upsert(&json!([
        {"externalReferenceId": "root", "name": "Root"},
        {"externalReferenceId": "a", "externalReferenceType": "T", "name": "A", "description": "Text",
         "parentExternalReferenceId": "root", "photoUrl": "https://h/1.png"},
        {"externalReferenceId": "same", "name": "Same"},
    ]));
}

/// One of everything.
fn mixed() -> Value {
    json!([
        {"externalReferenceId": "child", "name": "Child", "parentExternalReferenceId": "new"},
        {"externalReferenceId": "new", "name": "New", "parentExternalReferenceId": "a"},
        {"externalReferenceId": "a", "externalReferenceType": "U", "name": "B", "description": null,
         "parentExternalReferenceId": "same", "logoUrl": "https://h/2.png"},
        {"externalReferenceId": "same", "name": "Same", "colour": "blue"},
        {"externalReferenceId": "ROOT", "name": "Similar"},
        {"externalReferenceId": "bad", "name": ""},
        {"externalReferenceId": "root", "parentExternalReferenceId": "root"},
    ])
}

#[test]
fn a_dry_run_answers_what_the_real_call_then_answers() {
    let server = Server::start();
    let client = &server.client;
    setup(client);
    let (status, mut rehearsed) = dry_run(client, &mixed());
    outcomes(&mixed(), status, &rehearsed);
    assert_eq!(rehearsed["dryRun"], true);
    assert_eq!(
        rehearsed["results"][2]["diff"],
        json!({
            "externalReferenceType": {"from": "T", "to": "U"},
            "name": {"from": "A", "to": "B"},
            "description": {"from": "Text", "to": null},
            "parentExternalReferenceId": {"from": "root", "to": "same"},
            "photoUrl": {"from": "https://h/1.png", "to": "https://h/2.png"},
        })
    );
    let (real_status, mut real) = client.upsert(&mixed());
    outcomes(&mixed(), real_status, &real);
    assert_eq!(real_status, status);
    // Alike but for what a rehearsal adds and cannot know.
    rehearsed.as_object_mut().unwrap().remove("dryRun");
    for result in rehearsed["results"].as_array_mut().unwrap() {
        result.as_object_mut().unwrap().remove("diff");
    }
    for result in real["results"].as_array_mut().unwrap() {
        if result["status"] == "created" {
            result.as_object_mut().unwrap().remove("id");
        }
    }
    assert_eq!(rehearsed, real);
}

#[test]
fn a_dry_run_writes_nothing() {
    let server = Server::start();
    let client = &server.client;
    setup(client);
    let before = (client.all(1000), server.settled_bytes(), server.cli(["tenants", "list", "--json"]));
    for _ in 0..3 {
        let (status, answer) = dry_run(client, &mixed());
        assert_eq!((status, &answer["summary"]["created"]), (207, &json!(3)));
    }
    assert_eq!(before.1, server.settled_bytes());
    assert_eq!(before, (client.all(1000), server.settled_bytes(), server.cli(["tenants", "list", "--json"])));
    // The ids that a rehearsal did not give away are still there.
    client.upsert(&json!([{"externalReferenceId": "next", "name": "Next"}]));
    assert_eq!(client.group("next")["id"], "4");
}

#[test]
fn a_dry_run_on_an_empty_tenant_writes_nothing() {
    let server = Server::start();
    let before = server.settled_bytes();
    let records = json!([{"externalReferenceId": "a", "name": "A"}]);
    let (status, answer) = dry_run(&server.client, &records);
    assert_eq!(outcomes(&records, status, &answer), ["created"]);
    assert_eq!(server.client.get(GROUPS).send().json(), json!({"groups": [], "nextCursor": null}));
    assert_eq!(server.settled_bytes(), before);
}

#[test]
fn what_is_there_already_is_not_written_again() {
    let mut server = Server::start();
    let records: Vec<Value> = (0..1000)
        .map(|index| {
            json!({
                "externalReferenceId": format!("g-{index}"), "externalReferenceType": "T",
                "name": format!("Group {index}"), "description": "Text",
                "parentExternalReferenceId": (index > 0).then(|| format!("g-{}", index / 4)),
                "photoUrl": format!("https://h/{index}.png"),
            })
        })
        .collect();
    let records = json!(records);
    let (status, answer) = server.client.upsert(&records);
    assert_eq!((status, &answer["summary"]["created"]), (200, &json!(1000)), "{answer:#}");
    let before = (server.client.all(1000), server.cli(["tenants", "list", "--json"]));
    let bytes = server.settled_bytes();
    for _ in 0..2 {
        let (status, answer) = server.client.upsert(&records);
        assert_eq!((status, &answer["summary"]["unchanged"]), (200, &json!(1000)));
    }
    assert_eq!(server.settled_bytes(), bytes);
    assert_eq!((server.client.all(1000), server.cli(["tenants", "list", "--json"])), before);
    // The same over an end, after which nothing can be on its way any more. (A clean stop would write down that
    // there was a run: decision 7.)
    server.restart();
    let bytes = server.settled_bytes();
    server.client.upsert(&records);
    server.kill9_and_restart();
    assert_eq!(server.settled_bytes(), bytes);
    assert_eq!((server.client.all(1000), server.cli(["tenants", "list", "--json"])), before);
}

#[test]
fn only_what_changes_is_stamped() {
    let server = Server::start();
    let client = &server.client;
    setup(client);
    let [root, same] = ["root", "same"].map(|key| client.group(key));
    let (_, answer) = client.upsert(&json!([
        {"externalReferenceId": "root", "name": "Root"},
        {"externalReferenceId": "a", "name": "Renamed"},
        {"externalReferenceId": "same", "name": "Same"},
    ]));
    assert_eq!(
        answer["summary"],
        json!({"total": 3, "created": 0, "updated": 1, "unchanged": 2, "failed": 0})
    );
    assert_eq!([client.group("root"), client.group("same")], [root, same]);
    let renamed = client.group("a");
    assert_eq!(renamed["revision"], 2);
    assert!(renamed["updatedAt"].as_str().unwrap() >= renamed["createdAt"].as_str().unwrap());
}

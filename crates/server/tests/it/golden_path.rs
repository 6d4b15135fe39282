//! What the server is for: groups go in, and come back as they were sent.

use serde_json::{Value, json};

use crate::harness::{Client, Server, UPSERT, check};

/// A group as it is read, but for the moments of its making.
fn timeless(mut group: Value) -> Value {
    for name in ["createdAt", "updatedAt"] {
        let moment = group.as_object_mut().unwrap().remove(name).unwrap();
        let moment = moment.as_str().unwrap();
        // RFC 3339, UTC, milliseconds.
        assert_eq!(moment.len(), "2026-01-01T00:00:00.000Z".len(), "{moment}");
        assert!(moment.ends_with('Z') && moment.as_bytes()[19] == b'.', "{moment}");
    }
    group
}

#[test]
fn one_batch_with_every_outcome() {
    let server = Server::start();
    check(
        &server.client,
        &json!([
            {"externalReferenceId": "g-0", "name": "Root"},
            {"externalReferenceId": "g-2", "name": "Old name"},
            {"externalReferenceId": "g-3", "name": "Same"},
        ]),
        &["created", "created", "created"],
    );
    let body = json!({"groups": [
        {"externalReferenceId": "g-1", "name": "New"},
        {"externalReferenceId": "g-2", "name": "New name", "parentExternalReferenceId": "g-0"},
        {"externalReferenceId": "g-3", "name": "Same", "colour": "blue"},
        {"externalReferenceId": "g-4", "name": "n".repeat(256), "photoUrl": "cdn.example.com/4.png"},
    ]});
    let answer = server.client.post(UPSERT, body.to_string()).send();
    assert_eq!(answer.status, 207);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    insta::assert_snapshot!(answer.text().replace("},{\"input", "},\n{\"input"), @r#"
    {"summary":{"total":4,"created":1,"updated":1,"unchanged":1,"failed":1},"results":[{"inputIndex":0,"externalReferenceId":"g-1","status":"created","id":"4"},
    {"inputIndex":1,"externalReferenceId":"g-2","status":"updated","id":"2","changes":["name","parentExternalReferenceId"]},
    {"inputIndex":2,"externalReferenceId":"g-3","status":"unchanged","id":"3","warnings":[{"code":"UNKNOWN_FIELD","field":"colour","message":"colour was ignored: it is not a field of this contract."}]},
    {"inputIndex":3,"externalReferenceId":"g-4","status":"failed","errors":[{"code":"VALIDATION_ERROR","reason":"TOO_LONG","field":"name","message":"name is 256 characters long, at most 255 are allowed.","length":256,"limit":255},{"code":"VALIDATION_ERROR","reason":"INVALID_URL","field":"photoUrl","message":"photoUrl must be an absolute http or https URL: it has no scheme."}]}]}
    "#);
    assert_eq!(server.client.group("g-2")["parentExternalReferenceId"], "g-0");
    assert_eq!(server.client.find("g-4").status, 404);
}

#[test]
fn a_group_reads_back_whole() {
    let server = Server::start();
    let client = &server.client;
    let full = json!({
        "externalReferenceId": "g-1", "externalReferenceType": "Ypareo", "name": " Économie \u{1F600} ",
        "description": "Two\nlines\tand a tab", "parentExternalReferenceId": "p-1",
        "photoUrl": "https://cdn.example.com/a%20b.png?x=1#y",
    });
    let records = json!([full, {"externalReferenceId": "p-1", "name": "Parent"}]);
    check(client, &records, &["created", "created"]);
    assert_eq!(
        timeless(client.group("g-1")),
        json!({
            "id": "1", "externalReferenceId": "g-1", "externalReferenceType": "Ypareo",
            "name": " Économie \u{1F600} ", "description": "Two\nlines\tand a tab", "parentId": "2",
            "parentExternalReferenceId": "p-1", "photoUrl": "https://cdn.example.com/a%20b.png?x=1#y",
            "logoUrl": "https://cdn.example.com/a%20b.png?x=1#y", "archived": false, "archivedAt": null,
            "revision": 1,
        })
    );
    assert_eq!(
        timeless(client.group("p-1")),
        json!({
            "id": "2", "externalReferenceId": "p-1", "externalReferenceType": null, "name": "Parent",
            "description": null, "parentId": null, "parentExternalReferenceId": null, "photoUrl": null,
            "logoUrl": null, "archived": false, "archivedAt": null, "revision": 1,
        })
    );
    assert_eq!(client.all(100), [client.group("g-1"), client.group("p-1")]);
}

/// Updates one group step by step, and compares what it says of some fields after each.
fn check_steps(client: &Client, steps: &[(Value, &str, Value)]) {
    for (record, outcome, fields) in steps {
        check(client, &json!([record]), &[outcome]);
        let group = client.group("g");
        for (name, value) in fields.as_object().unwrap() {
            assert_eq!(group[name], *value, "{name} after {record}");
        }
    }
}

#[test]
fn absent_keeps_null_clears_a_value_sets() {
    let server = Server::start();
    let client = &server.client;
    client.upsert(&json!([
        {"externalReferenceId": "p", "name": "Parent"},
        {"externalReferenceId": "g", "externalReferenceType": "Ypareo", "name": "Group", "description": "Text",
         "parentExternalReferenceId": "p", "photoUrl": "https://h/1.png"},
    ]));
    let g = |fields: Value| {
        let mut record = json!({"externalReferenceId": "g"});
        record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        record
    };
    let whole = json!({
        "externalReferenceType": "Ypareo", "name": "Group", "description": "Text",
        "parentExternalReferenceId": "p", "photoUrl": "https://h/1.png",
    });
    check_steps(
        client,
        &[
            (g(json!({})), "unchanged", whole.clone()),
            (g(whole.clone()), "unchanged", whole),
            (
                g(json!({"name": "Renamed"})),
                "updated name",
                json!({"name": "Renamed", "description": "Text", "photoUrl": "https://h/1.png"}),
            ),
            (
                g(json!({"description": null})),
                "updated description",
                json!({"description": null, "name": "Renamed"}),
            ),
            (g(json!({"description": null})), "unchanged", json!({"description": null})),
            (g(json!({"description": ""})), "updated description", json!({"description": ""})),
            (g(json!({"photoUrl": null})), "updated photoUrl", json!({"photoUrl": null, "logoUrl": null})),
            (
                g(json!({"parentExternalReferenceId": null})),
                "updated parentExternalReferenceId",
                json!({"parentExternalReferenceId": null, "parentId": null}),
            ),
            (
                g(json!({"name": null})),
                "failed VALIDATION_ERROR/FIELD_NOT_CLEARABLE name",
                json!({"name": "Renamed"}),
            ),
            (
                g(json!({"externalReferenceType": null})),
                "failed VALIDATION_ERROR/FIELD_NOT_CLEARABLE externalReferenceType",
                json!({"externalReferenceType": "Ypareo"}),
            ),
        ],
    );
}

#[test]
fn the_picture_has_two_names() {
    let server = Server::start();
    let client = &server.client;
    client.upsert(&json!([{"externalReferenceId": "g", "name": "Group"}]));
    let g = |photo: Value, logo: Value| {
        let mut record = json!({"externalReferenceId": "g"});
        for (name, value) in [("photoUrl", photo), ("logoUrl", logo)] {
            if value != json!("absent") {
                record[name] = value;
            }
        }
        record
    };
    let (one, two, absent) = (json!("https://h/1.png"), json!("https://h/2.png"), json!("absent"));
    let both = |url: &Value| json!({"photoUrl": url, "logoUrl": url});
    check_steps(
        client,
        &[
            (g(absent.clone(), one.clone()), "updated photoUrl", both(&one)),
            (g(one.clone(), absent.clone()), "unchanged", both(&one)),
            (g(two.clone(), two.clone()), "updated photoUrl", both(&two)),
            (g(one.clone(), two.clone()), "failed VALIDATION_ERROR/CONFLICTING_FIELDS photoUrl", both(&two)),
            (g(absent, Value::Null), "updated photoUrl", both(&Value::Null)),
            (g(Value::Null, one), "failed VALIDATION_ERROR/CONFLICTING_FIELDS photoUrl", both(&Value::Null)),
        ],
    );
}

#[test]
fn the_published_example_works() {
    let server = Server::start();
    let client = &server.client;
    let group = |number: usize, city: &str, subject: &str, logo: &str| {
        json!({
            "name": format!("Promo 2026 - {city}"),
            "externalReferenceId": format!("your-external-reference-id-00{number}"),
            "externalReferenceType": "Ypareo",
            "description": format!("First year {subject} cohort"),
            "parentExternalReferenceId": "parent-group-ref-001",
            "logoUrl": format!("https://cdn.example.com/{logo}.png"),
        })
    };
    let records =
        json!([group(1, "Paris", "economics", "logo"), group(2, "Lyon", "computer science", "logo2"),]);
    let orphan = "failed PARENT_GROUP_NOT_FOUND parentExternalReferenceId";
    check(client, &records, &[orphan, orphan]);
    check(client, &json!([{"externalReferenceId": "parent-group-ref-001", "name": "Parent"}]), &["created"]);
    check(client, &records, &["created", "created"]);
    check(client, &records, &["unchanged", "unchanged"]);
    let lyon = client.group("your-external-reference-id-002");
    for (name, value) in records[1].as_object().unwrap() {
        assert_eq!(lyon[name], *value, "{name}");
    }
    assert_eq!(lyon["photoUrl"], "https://cdn.example.com/logo2.png");
    assert_eq!(lyon["parentId"], "1");
}

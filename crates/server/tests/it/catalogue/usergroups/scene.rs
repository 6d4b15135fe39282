//! What a case finds when it begins (reliability.md §4.2), and what can be read afterwards.

use serde_json::{Value, json};

use crate::harness::Client;
use crate::usergroups::{BY_ID, bulk};

/// The usergroups of T1 of which everything is looked at.
pub(in super::super) const SHOWN: [u64; 3] = [100, 101, 102];

/// The attribute definitions of T1: name, type, parameter.
const DEFINITIONS: [(&str, &str, Option<&str>); 8] = [
    ("TXT", "text", None),
    ("LST", "list", None),
    ("ENM", "enum", Some("RED|BLUE")),
    ("ENL", "enumlist", Some("RED|BLUE")),
    ("INT", "integer", None),
    ("DEC", "decimal", None),
    ("DAT", "date", None),
    ("DTM", "datetime", None),
];

/// Makes the usergroups and the attributes of T1: 100 > 101 > 102, and 150 that was deleted.
pub(in super::super) fn fill(t1: &Client, more: &str) {
    let mut items = vec![
        json!({"id": 100}),
        json!({"id": 101, "name": "N1", "parent": {"id": 100}, "sourceId": "S-1", "source": "ERP"}),
        json!({"id": 102, "parent": {"id": 101}}),
        json!({"id": 150}),
    ];
    if more.starts_with("101 with budget") {
        let chosen = json!({"budget": "H", "inheritProductList": "N", "orderListAllowAll": "P"});
        items[1].as_object_mut().unwrap().extend(chosen.as_object().unwrap().clone());
    }
    for (name, kind, parameter) in DEFINITIONS {
        define(t1, name, kind, parameter);
    }
    if more.starts_with("101 with TXT") {
        for (item, text) in [(0, "of 100"), (1, "of 101")] {
            let value = json!([{"language": "NL", "value": text}]);
            items[item]["attributes"] =
                json!([{"name": "TXT", "class": "user", "type": "text", "value": value}]);
        }
    }
    for entry in bulk(t1, BY_ID, &items.into()) {
        assert_eq!((&entry["action"], &entry["success"]), (&json!("create"), &json!(true)), "{entry}");
    }
    assert_eq!(t1.get("/usergroups/id/150").method("DELETE").send().status, 200);
}

/// Makes those of T2.
pub(in super::super) fn fill_second(t2: &Client) {
    define(t2, "T2ATTR", "text", None);
    assert_eq!(bulk(t2, BY_ID, &json!([{"id": 900, "name": "Only in T2"}]))[0]["success"], true);
}

/// Defines an attribute of usergroups.
fn define(client: &Client, name: &str, kind: &str, parameter: Option<&str>) {
    let mut definition = json!({"name": name, "class": "user", "type": kind});
    if let Some(parameter) = parameter {
        definition["typeParam"] = parameter.into();
    }
    let answer = client.post("/attributes", definition.to_string()).send();
    assert_eq!(answer.status, 201, "{}", answer.text());
}

/// Everything that this contract shows of a usergroup.
pub(in super::super) fn shown(client: &Client, id: u64) -> Value {
    json!({
        "id": id,
        "fields": read(client, &fields_path(id)),
        "attributes": read(client, &format!("/usergroups/id/{id}/attributes?offset=100")),
        "addresses": read(client, &format!("/usergroups/id/{id}/addresses/")),
    })
}

/// Where the fields of a usergroup are read.
pub(super) fn fields_path(id: u64) -> String {
    format!("/usergroups/id/{id}?expands=sources,parent,language")
}

fn read(client: &Client, path: &str) -> Value {
    let answer = client.get(path).send();
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()["data"].take()
}

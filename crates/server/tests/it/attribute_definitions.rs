//! Contract 2: definitions of attributes.

use serde_json::{Value, json};

use crate::attributes::{define, shows, text, tree};
use crate::harness::Server;
use crate::usergroups::{BY_ID, bulk, entries, error};

#[test]
fn definitions() {
    let server = Server::start();
    let client = &server.client;
    tree(client);
    let body = json!({
        "name": "COLOR", "class": "user", "type": "enum", "typeParam": "COLORS", "group": "g", "isHidden": true,
        "descriptions": [text("nl", "Kleur"), text("EN", "Color")], "units": [text("NL", "kg")],
    });
    let created = client.post("/v2/attributes/", body.to_string()).send();
    assert_eq!(created.status, 201, "{}", created.text());
    let shown = json!({
        "class": "user", "descriptions": [text("EN", "Color"), text("NL", "Kleur")], "group": "g", "id": 1,
        "isHidden": true, "isPublic": true, "isSearchable": false, "isSystem": false, "name": "COLOR",
        "type": "enum", "typeParam": "COLORS", "units": [text("NL", "kg")], "value": "",
    });
    assert_eq!(created.json(), json!({"data": shown, "messages": ["Attribute created"], "total": 1}));
    for path in
        ["/attributes/id/1", "/attributes/name/COLOR", "/v2/attributes/name/COLOR?attributeClass=user"]
    {
        let found = client.get(path).send();
        assert_eq!(found.json(), json!({"data": shown, "messages": [], "total": 1}), "{path}");
    }
    let again = error(&client.post("/attributes", body.to_string()).send());
    assert_eq!(
        (again.0, again.1, again.2.as_str()),
        (400, 10017, "PayloadValidationError ATTRIBUTE_EXISTS - name -")
    );
    // A name is unique in its class.
    let product = json!({"name": "COLOR", "class": "product", "type": "text"});
    assert_eq!(client.post("/attributes", product.to_string()).send().json()["data"]["id"], 2);
    assert_eq!(error(&client.get("/attributes/name/COLOR").send()).1, 10017);
    let patch = |path: &str, body: Value| client.post(path, body.to_string()).method("PATCH").send();
    let changed = patch(
        "/attributes/name/COLOR?attributeClass=user",
        json!({"descriptions": [text("EN", "Colour"), text("NL", "")], "isHidden": false, "units": null, "group": ""}),
    );
    assert_eq!(changed.status, 200, "{}", changed.text());
    let changed = changed.json();
    assert_eq!(changed["messages"], json!(["Attribute updated"]));
    assert_eq!(changed["data"]["descriptions"], json!([text("EN", "Colour")]));
    assert_eq!((&changed["data"]["units"], &changed["data"]["isHidden"]), (&json!([]), &json!(false)));
}

#[test]
fn definitions_that_cannot_be() {
    let server = Server::start();
    let client = &server.client;
    define(client, "COLOR", "enum", &json!({"typeParam": "COLORS"}));
    let patch = |path: &str, body: Value| client.post(path, body.to_string()).method("PATCH").send();
    for (body, code, words) in [
        (json!({"name": "OTHER"}), 10017, "PayloadValidationError FIELD_IMMUTABLE - name -"),
        (json!({"class": "product"}), 10017, "PayloadValidationError FIELD_IMMUTABLE - class -"),
        (json!({"type": "text"}), 10017, "PayloadValidationError FIELD_IMMUTABLE - type -"),
        (json!({"value": "RED"}), 10017, "PayloadValidationError VALIDATION_ERROR NOT_FOR_TYPE value -"),
        (json!({"typeParam": ""}), 10007, "SchemaValidationException REQUIRED_FIELD_MISSING - typeParam -"),
        (json!({"id": 2}), 10007, "SchemaValidationException VALIDATION_ERROR UNKNOWN_FIELD id #"),
        (
            json!({"isPublic": "Y"}),
            10007,
            "SchemaValidationException VALIDATION_ERROR WRONG_TYPE isPublic #/isPublic",
        ),
        (
            json!({"units": [{"value": "x"}]}),
            10007,
            "SchemaValidationException VALIDATION_ERROR REQUIRED_FIELD_MISSING units[0].language #/units",
        ),
    ] {
        let (status, found, found_words, message) = error(&patch("/attributes/id/1", body.clone()));
        assert_eq!((status, found), (400, code), "{body}: {message}");
        assert!(found_words.starts_with(words.trim_end_matches('-').trim()), "{body}: {found_words}");
    }
    for (body, message) in [
        (json!({"class": "user", "type": "text"}), "#: required key [name] not found"),
        (json!({"name": "X", "type": "text"}), "#: required key [class] not found"),
        (json!({"name": "X", "class": "user"}), "#: required key [type] not found"),
        (
            json!({"name": "x", "class": "user", "type": "text"}),
            "#/name: must hold nothing but A-Z, 0-9 and _",
        ),
        (json!({"name": "X", "class": "user", "type": "enum"}), "required key [typeParam] not found"),
    ] {
        let (status, code, _, found) = error(&client.post("/attributes", body.to_string()).send());
        assert_eq!((status, code, found.as_str()), (400, 10007, message), "{body}");
    }
}

#[test]
fn deleting_a_definition_takes_its_values_along() {
    let server = Server::start();
    let client = &server.client;
    tree(client);
    define(client, "COLOR", "enum", &json!({"typeParam": "COLORS"}));
    bulk(client, BY_ID, &json!([{"id": 1, "attributes": [{"id": 1, "value": "RED"}]}]));
    assert_eq!(shows(client, 4), json!({"COLOR": ["RED", true]}));
    let deleted = client.get("/attributes/id/1").method("DELETE").send();
    assert_eq!(
        (deleted.status, deleted.json()),
        (200, json!({"data": {}, "messages": ["Attribute deleted"]}))
    );
    assert_eq!(shows(client, 4), json!({}));
    let gone = error(&client.get("/attributes/id/1").send());
    assert_eq!((gone.0, gone.1, gone.3.as_str()), (404, 14001, "Attribute with id [1] not found."));
    assert_eq!(define(client, "COLOR", "text", &json!({})), 2, "ids are never used again");
    let key = error(&client.get("/attributes/sourceId/1").send());
    assert_eq!(
        (key.1, key.3.as_str()),
        (10006, "Invalid lookup key [sourceId], key must contain one of the following values: [id,name,]")
    );
    for path in ["/attributes/id/x", "/attributes/id/0", "/attributes/name/color"] {
        assert_eq!(error(&client.get(path).method("DELETE").send()).1, 14001, "{path}");
    }
}

#[test]
fn definitions_in_bulk() {
    let server = Server::start();
    let client = &server.client;
    let send = |path: &str, body: &Value| entries(&client.post(path, body.to_string()).send());
    let items = json!([
        {"id": 0, "name": "A", "class": "user", "type": "text"},
        {"id": 644, "value": 5},
        {"id": 0, "name": "B", "class": "user", "type": "integer", "value": 5},
    ]);
    let told = send("/attributes/bulk/id", &items);
    assert_eq!(told[0], json!({"action": "create", "id": 1, "key": 0, "lookupKey": "id", "success": true}));
    assert_eq!(
        told[1],
        json!({"action": "update", "key": 644, "lookupKey": "id", "success": false,
            "error": "Attribute with id [644] not found.", "errorCode": "ATTRIBUTE_NOT_FOUND"})
    );
    let told = send("/v2/attributes/bulk/id", &json!([{"id": 2, "value": "x"}, {"id": 1, "group": "g"}]));
    assert_eq!(told[0]["error"], "Invalid value provided. Attribute type is [integer].");
    assert_eq!(told[1], json!({"action": "update", "id": 1, "key": 1, "lookupKey": "id", "success": true}));
    let names = json!([
        {"name": "A", "class": "user", "group": "g"},
        {"name": "C", "class": "product", "type": "date", "value": "2026-01-31"},
        {"name": "D", "class": "user"},
    ]);
    let told = send("/attributes/bulk/name", &names);
    assert_eq!(told[0]["message"], "Unchanged");
    assert_eq!(
        told[1],
        json!({"action": "create", "id": 3, "key": "C", "lookupKey": "name", "success": true})
    );
    assert_eq!(
        (&told[2]["errorCode"], &told[2]["field"]),
        (&json!("REQUIRED_FIELD_MISSING"), &json!("type"))
    );
    let same = json!([{"name": "A", "class": "user"}, {"name": "A", "class": "user"}]);
    assert!(
        send("/attributes/bulk/name", &same).iter().all(|told| told["errorCode"] == "DUPLICATE_IN_REQUEST")
    );
    for (path, body, code) in [
        ("/attributes/bulk/id", json!({}), 10007),
        ("/attributes/bulk/id", json!([]), 10007),
        ("/attributes/bulk/id", json!([{"name": "A"}]), 10016),
        ("/attributes/bulk/id", json!([{"id": "1"}]), 10007),
        ("/attributes/bulk/name", json!([{"name": "A"}]), 10016),
        ("/attributes/bulk/name", json!([{"name": "A", "class": "user", "id": 1}]), 10007),
        ("/attributes/bulk/name", json!(vec![json!({"name": "A", "class": "user"}); 1001]), 10017),
        ("/attributes/bulk/class", json!([]), 10006),
    ] {
        assert_eq!(error(&client.post(path, body.to_string()).send()).1, code, "{path} {body}");
    }
}

#[test]
fn definitions_are_rehearsed_and_written_once() {
    let server = Server::start();
    let client = &server.client;
    let new = json!([{"name": "E", "class": "user", "type": "text"}]).to_string();
    let rehearsed = client.post("/attributes/bulk/name?dryRun=true", new.clone()).send().json();
    assert_eq!((&rehearsed["data"][0]["action"], &rehearsed["dryRun"]), (&json!("create"), &json!(true)));
    let once = |body: &str| client.post("/attributes/bulk/name", body).header("Idempotency-Key", "k").send();
    let first = once(&new);
    assert_eq!(first.json()["data"][0]["action"], "create", "{}", first.text());
    let again = once(&new);
    assert_eq!((again.text(), again.header("idempotent-replayed")), (first.text(), Some("true")));
    assert_eq!(once("[]").status, 400);
    let other = json!([{"name": "F", "class": "user", "type": "text"}]).to_string();
    assert_eq!(once(&other).json()["error"]["errorCode"], "IDEMPOTENCY_KEY_REUSED");
}

#[test]
fn definitions_are_searched() {
    let server = Server::start();
    let client = &server.client;
    define(client, "A", "text", &json!({"group": "g"}));
    define(client, "B", "integer", &json!({}));
    let product = json!({"name": "C", "class": "product", "type": "date"});
    assert_eq!(client.post("/attributes", product.to_string()).send().status, 201);
    define(client, "E", "text", &json!({}));
    let search = |body: Value| client.post("/attributes/search", body.to_string()).send().json();
    let found = search(json!({"class": "user", "page": 1, "offset": 2}));
    let names: Vec<&str> =
        found["data"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["A", "B"]);
    assert_eq!((&found["itemsFound"], &found["pages"], &found["total"]), (&json!(3), &json!(2), &json!(2)));
    for (body, count) in [
        (json!({}), 4),
        (json!({"name": "C"}), 1),
        (json!({"type": "text"}), 2),
        (json!({"group": "g"}), 1),
        (json!({"name": "C", "class": "user"}), 0),
    ] {
        assert_eq!(search(body.clone())["itemsFound"], count, "{body}");
    }
    for (body, code) in
        [(json!({"offset": 101}), 10015), (json!({"class": "x"}), 10007), (json!({"x": 1}), 10007)]
    {
        assert_eq!(error(&client.post("/attributes/search", body.to_string()).send()).1, code, "{body}");
    }
}

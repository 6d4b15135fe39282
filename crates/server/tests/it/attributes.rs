//! Contract 2: values of attributes, and what is inherited.

use serde_json::{Value, json};

use crate::harness::{Answer, Client, Server};
use crate::usergroups::{BY_ID, bulk, entries, error};

/// Creates a definition of class user, and gives its id.
#[track_caller]
pub(crate) fn define(client: &Client, name: &str, kind: &str, more: &Value) -> u64 {
    let mut body = json!({"name": name, "class": "user", "type": kind});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = client.post("/attributes", body.to_string()).send();
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["data"]["id"].as_u64().unwrap()
}

fn put_raw(client: &Client, group: u64, body: &Value) -> Answer {
    client.post(&format!("/usergroups/id/{group}/attributes"), body.to_string()).send()
}

/// Sends entries for a usergroup; what became of each.
#[track_caller]
fn put(client: &Client, group: u64, body: &Value) -> Vec<Value> {
    entries(&put_raw(client, group, body))
}

/// The same, where all of them are to be done.
#[track_caller]
fn put_all(client: &Client, group: u64, body: &Value) {
    for entry in put(client, group, body) {
        assert_eq!(entry["success"], true, "{entry}");
    }
}

/// What a usergroup shows, by name: the value, and whether it is inherited.
#[track_caller]
pub(crate) fn shows(client: &Client, group: u64) -> Value {
    let answer = client.get(&format!("/usergroups/id/{group}/attributes?offset=100")).send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let data = answer.json()["data"].as_array().unwrap().clone();
    let entry = |entry: Value| {
        let shown = match entry.get("inherited") {
            Some(inherited) => json!([entry["value"], inherited]),
            None => entry["value"].clone(),
        };
        (entry["name"].as_str().unwrap().to_owned(), shown)
    };
    Value::Object(data.into_iter().map(entry).collect())
}

/// 1 > 2 > 3 > 4, and 5 beside them.
pub(crate) fn tree(client: &Client) {
    let items = json!([
        {"id": 1}, {"id": 2, "parent": {"id": 1}}, {"id": 3, "parent": {"id": 2}},
        {"id": 4, "parent": {"id": 3}}, {"id": 5},
    ]);
    assert!(bulk(client, BY_ID, &items).iter().all(|entry| entry["success"] == true));
}

pub(crate) fn text(language: &str, value: &str) -> Value {
    json!({"language": language, "value": value})
}

#[test]
fn inheritance() {
    let server = Server::start();
    let client = &server.client;
    tree(client);
    define(client, "MOTTO", "text", &json!({}));
    define(client, "TAGS", "list", &json!({}));
    define(client, "LIMIT", "integer", &json!({"value": 7}));
    define(client, "NOTHING", "decimal", &json!({}));
    assert_eq!(shows(client, 4), json!({"LIMIT": [7, true]}));
    let by_name = |name: &str, kind: &str, value: Value| json!({"name": name, "class": "user", "type": kind, "value": value});
    put_all(
        client,
        1,
        &json!([
            by_name("MOTTO", "text", json!([text("NL", "boven"), text("de", "oben")])),
            by_name("LIMIT", "integer", json!(1)),
        ]),
    );
    put_all(
        client,
        3,
        &json!([
            by_name("MOTTO", "text", json!([text("NL", "midden")])),
            by_name("TAGS", "list", json!([{"language": "NL", "values": ["a", "b"]}])),
        ]),
    );
    let part = |language: &str, value: &str, inherited: bool| json!({"language": language, "value": value, "inherited": inherited});
    let tags = |inherited: bool| json!([{"language": "NL", "values": ["a", "b"], "inherited": inherited}]);
    assert_eq!(
        shows(client, 4),
        json!({
            "MOTTO": [part("DE", "oben", true), part("NL", "midden", true)],
            "TAGS": tags(true),
            "LIMIT": [1, true],
        })
    );
    assert_eq!(
        shows(client, 3),
        json!({
            "MOTTO": [part("DE", "oben", true), part("NL", "midden", false)],
            "TAGS": tags(false),
            "LIMIT": [1, true],
        })
    );
    assert_eq!(shows(client, 2)["MOTTO"], json!([part("DE", "oben", true), part("NL", "boven", true)]));
    assert_eq!(shows(client, 1)["LIMIT"], json!([1, false]));
    assert_eq!(shows(client, 5), json!({"LIMIT": [7, true]}));
    // What goes lets the next one show again.
    put_all(
        client,
        3,
        &json!([by_name("MOTTO", "text", json!([text("NL", "")])), {"name": "TAGS", "class": "user", "type": "list"}]),
    );
    assert_eq!(
        shows(client, 4),
        json!({"MOTTO": [part("DE", "oben", true), part("NL", "boven", true)], "LIMIT": [1, true]})
    );
    // Who moves inherits from somebody else at once.
    put_all(client, 5, &json!([by_name("LIMIT", "integer", json!(5))]));
    let moved =
        client.post("/v2/usergroups/id/4", json!({"parent": {"id": 5}}).to_string()).method("PATCH").send();
    assert_eq!(moved.status, 200, "{}", moved.text());
    assert_eq!(shows(client, 4), json!({"LIMIT": [5, true]}));
}

#[test]
fn values_of_every_type() {
    let server = Server::start();
    let client = &server.client;
    tree(client);
    for (name, kind, sent, shown) in [
        (
            "A_TEXT",
            "text",
            json!([text("nl", "x\ty")]),
            json!([{"language": "NL", "value": "x\ty", "inherited": false}]),
        ),
        (
            "A_LIST",
            "list",
            json!([{"language": "NL", "values": ["x"]}]),
            json!([{"language": "NL", "values": ["x"], "inherited": false}]),
        ),
        ("A_PLAIN", "text", json!("x"), json!([{"language": "", "value": "x", "inherited": false}])),
        ("AN_ENUM", "enum", json!("RED"), json!(["RED", false])),
        ("AN_ENUMLIST", "enumlist", json!(["RED", "BLUE"]), json!([["RED", "BLUE"], false])),
        ("AN_INTEGER", "integer", json!(-5), json!([-5, false])),
        ("A_DECIMAL", "decimal", json!(1.50), json!([1.5, false])),
        ("A_DATE", "date", json!("2024-02-29"), json!(["2024-02-29", false])),
        (
            "A_MOMENT",
            "datetime",
            json!("2026-01-01T00:30:00.500+01:00"),
            json!(["2025-12-31T23:30:00.5Z", false]),
        ),
    ] {
        let more = if kind.starts_with("enum") { json!({"typeParam": "COLORS"}) } else { json!({}) };
        let id = define(client, name, kind, &more);
        let entry = json!([{"id": id, "type": kind, "value": sent}]);
        let done = put(client, 1, &entry);
        assert_eq!(
            done,
            [json!({"action": "put", "id": id, "key": id, "lookupKey": "id", "success": true})],
            "{name}"
        );
        assert_eq!(shows(client, 1)[name], shown, "{name}");
        assert_eq!(put(client, 1, &entry)[0]["message"], "Unchanged", "{name}");
        let gone = json!([{"id": id, "type": kind, "value": null}]);
        assert_eq!(put(client, 1, &gone)[0]["action"], "delete", "{name}");
        assert_eq!(shows(client, 1).get(name), None, "{name}");
        assert_eq!(put(client, 1, &gone)[0]["message"], "Unchanged", "{name}");
        put_all(client, 1, &entry);
    }
    // Other words for the same values change nothing.
    let same = json!([
        {"name": "A_DECIMAL", "class": "user", "value": 15e-1},
        {"name": "AN_INTEGER", "class": "user", "value": -5.0},
        {"name": "A_MOMENT", "class": "user", "value": "2025-12-31T23:30:00.50z"},
        {"name": "A_TEXT", "class": "user", "value": [text("NL", "x\ty")]},
        {"name": "A_TEXT", "class": "product", "value": []},
    ]);
    let done = put(client, 1, &same);
    assert!(done[..4].iter().all(|entry| entry["message"] == "Unchanged"), "{done:?}");
    assert_eq!(done[4]["reason"], "ATTRIBUTE_NOT_FOUND");
}

#[test]
fn an_entry_fails_alone_and_an_item_as_a_whole() {
    let server = Server::start();
    let client = &server.client;
    tree(client);
    let good = define(client, "GOOD", "text", &json!({}));
    let entries = json!([
        {"id": good, "type": "text", "value": [text("NL", "x")]},
        {"id": 999, "type": "text", "value": []},
        {"name": "NONE", "class": "user", "type": "text", "value": []},
    ]);
    let told = put(client, 1, &entries);
    assert_eq!(told[0]["success"], true);
    assert_eq!(
        told[1],
        json!({"action": "put", "key": 999, "lookupKey": "id", "success": false,
            "error": "Attribute with id [999] not found.", "errorCode": "VALIDATION_ERROR",
            "reason": "ATTRIBUTE_NOT_FOUND"})
    );
    assert_eq!(told[2]["error"], "Attribute with name [NONE] and class [user] not found.");
    assert_eq!(shows(client, 1)["GOOD"][0]["value"], "x");
    // In an item of a bulk call one bad entry fails the item, whole.
    let items = json!([
        {"id": 2, "name": "new", "attributes": entries},
        {"id": 3, "name": "new", "attributes": [{"id": good, "value": [text("NL", "y")]}]},
        {"id": 77, "attributes": [{"id": good, "value": 5}]},
        {"id": 78, "attributes": [{"id": good, "value": [text("NL", "z")]}]},
    ]);
    let told = bulk(client, BY_ID, &items);
    assert_eq!(
        told[0],
        json!({"action": "update", "key": 2, "lookupKey": "id", "success": false, "errorCode": "VALIDATION_ERROR",
            "reason": "ATTRIBUTE_NOT_FOUND", "field": "attributes[1]",
            "error": "Attribute with id [999] not found.; Attribute with name [NONE] and class [user] not found."})
    );
    assert_eq!((&told[1]["success"], &told[3]["success"]), (&json!(true), &json!(true)));
    assert_eq!(told[2]["reason"], "WRONG_TYPE");
    assert_eq!(told[2]["error"], "Invalid value provided. Attribute type is [text].");
    assert_eq!(client.get("/usergroups/id/2").send().json()["data"]["name"], "");
    assert_eq!(client.get("/usergroups/id/77").send().status, 404);
    assert_eq!(shows(client, 2)["GOOD"][0], json!({"language": "NL", "value": "x", "inherited": true}));
    assert_eq!(shows(client, 78)["GOOD"][0]["value"], "z");
    assert_eq!(bulk(client, BY_ID, &json!([items[1], items[3]]))[1]["message"], "Unchanged");
    // Directives never list attributes, and a rehearsal writes nothing.
    let guarded = json!({
        "usergroups": [{"id": 3, "name": "other", "attributes": [{"id": good, "value": [text("NL", "w")]}]}],
        "directives": {"skipIfNotEmpty": ["name"]},
    });
    let rehearsed = client.post(&format!("{BY_ID}?dryRun=true"), guarded.to_string()).send();
    assert_eq!(rehearsed.json()["data"][0]["success"], true, "{}", rehearsed.text());
    assert_eq!(shows(client, 3)["GOOD"][0]["value"], "y");
    assert_eq!(client.post(BY_ID, guarded.to_string()).send().status, 200);
    assert_eq!(shows(client, 3)["GOOD"][0]["value"], "w");
    assert_eq!(client.get("/usergroups/id/3").send().json()["data"]["name"], "new");
}

#[test]
fn bad_input() {
    let server = Server::start();
    let client = &server.client;
    tree(client);
    define(client, "T", "text", &json!({}));
    define(client, "L", "list", &json!({}));
    define(client, "E", "enum", &json!({"typeParam": "X"}));
    define(client, "I", "integer", &json!({}));
    define(client, "S", "enum", &json!({"typeParam": "RED|BLUE"}));
    define(client, "D", "date", &json!({}));
    let long = "x".repeat(8193);
    let long_list = vec!["x"; 8193];
    let of = |name: &str, value: Value| json!({"name": name, "class": "user", "value": value});
    // What is wrong with a value is told of its entry.
    for (entry, reason) in [
        (of("T", json!(["x"])), "WRONG_TYPE"),
        (of("L", json!("x")), "WRONG_TYPE"),
        (of("T", json!([1])), "WRONG_TYPE"),
        (of("T", json!(true)), "WRONG_TYPE"),
        (of("T", json!({"language": "NL"})), "WRONG_TYPE"),
        (of("T", json!([{"language": "NL", "values": ["x"]}])), "WRONG_TYPE"),
        (of("T", json!([text("N", "x")])), "INVALID_LANGUAGE"),
        (of("T", json!([text("NL", "x"), text("nl", "y")])), "DUPLICATE_MEMBER"),
        (of("T", json!([text("NL", "\u{0}")])), "INVALID_CHARACTER"),
        (of("T", json!([text("NL", &long)])), "TOO_LONG"),
        (of("L", json!([{"language": "NL", "values": ["x", ""]}])), "EMPTY"),
        (of("L", json!([{"language": "NL", "values": long_list}])), "TOO_LONG"),
        (of("L", json!([text("NL", "x")])), "WRONG_TYPE"),
        (of("E", json!(["x"])), "WRONG_TYPE"),
        (of("I", json!("5")), "WRONG_TYPE"),
        (of("I", json!(9_007_199_254_740_992_i64)), "OUT_OF_RANGE"),
        (of("I", json!(5.5)), "OUT_OF_RANGE"),
        (of("D", json!("2023-02-29")), "INVALID_DATE"),
        (of("D", json!("")), "INVALID_DATE"),
        (of("S", json!("GREEN")), "NOT_IN_ENUM"),
        (of("S", json!("red")), "NOT_IN_ENUM"),
        (of("S", json!("RED|BLUE")), "NOT_IN_ENUM"),
        (json!({"name": "T", "class": "user", "type": "list"}), "TYPE_MISMATCH"),
        (json!({"id": 1, "name": "L", "class": "user", "value": "x"}), "AMBIGUOUS_ATTRIBUTE"),
        (json!({"id": 1, "name": "NONE", "class": "user", "value": "x"}), "AMBIGUOUS_ATTRIBUTE"),
    ] {
        let told = &put(client, 1, &json!([entry]))[0];
        assert_eq!((&told["success"], &told["reason"]), (&json!(false), &json!(reason)), "{entry}");
        assert_eq!(told["errorCode"], "VALIDATION_ERROR", "{entry}");
    }
    let twice = json!([of("T", json!([text("NL", "x")])), of("T", json!([]))]);
    assert!(put(client, 1, &twice).iter().all(|told| told["reason"] == "SAME_ATTRIBUTE"));
    assert_eq!(shows(client, 1), json!({}));
}

#[test]
fn bad_form_refuses_the_call() {
    let server = Server::start();
    let client = &server.client;
    tree(client);
    define(client, "T", "text", &json!({}));
    for (body, code, pointer) in [
        (json!({}), 10007, "#"),
        (json!([]), 10007, "#"),
        (json!(5), 10007, "#"),
        (json!([5]), 10007, "#/0"),
        (json!([{"value": 5}]), 10016, "#/0"),
        (json!([{"name": "T", "value": []}]), 10016, "#/0"),
        (json!([{"id": "1", "value": []}]), 10007, "#/0"),
        (json!([{"id": 0, "value": []}]), 10007, "#/0"),
        (json!([{"name": "t", "class": "user"}]), 10007, "#/0"),
        (json!([{"name": "T", "class": "users"}]), 10007, "#/0"),
        (json!([{"id": 1, "type": "string"}]), 10007, "#/0"),
        (json!([{"id": 1, "colour": 1}]), 10007, "#/0"),
        (json!([{"id": 1, "value": [{"value": "x"}]}]), 10007, "#/0"),
        (json!([{"id": 1, "value": [{"language": "NL"}]}]), 10007, "#/0"),
        (json!([{"id": 1, "value": [{"language": "NL", "value": 5}]}]), 10007, "#/0"),
        (json!([{"id": 1, "value": [{"language": "NL", "value": "x", "inherited": true}]}]), 10007, "#/0"),
    ] {
        let (status, found, words, messages) = error(&put_raw(client, 1, &body));
        assert_eq!((status, found), (400, code), "{body}: {messages}");
        assert!(words.ends_with(pointer), "{body}: {words}");
        if body.is_array() && body != json!([]) {
            // The same in an item of a bulk call.
            let item = json!({"usergroups": [{"id": 1, "attributes": body}]});
            let (status, found, ..) = error(&client.post(BY_ID, item.to_string()).send());
            assert_eq!((status, found), (400, code), "{body}");
        }
    }
    assert_eq!(shows(client, 1), json!({}));
    let many: Vec<Value> = (1..=201).map(|id| json!({"id": id})).collect();
    assert_eq!(error(&put_raw(client, 1, &json!(many))).1, 10017);
}

#[test]
fn pages_and_owners_that_are_not_there() {
    let server = Server::start();
    let client = &server.client;
    tree(client);
    let (status, code, _, message) = error(&put_raw(client, 12256, &json!([{"id": 1}])));
    assert_eq!((status, code), (404, 20007));
    assert_eq!(message, "Parent resource [Usergroup] with id [12256] not found");
    for path in ["/usergroups/id/12256/attributes", "/v2/usergroups/sourceId/none/attributes"] {
        assert_eq!(error(&client.get(path).send()).1, 20007, "{path}");
    }
    assert_eq!(error(&client.get("/usergroups/name/1/attributes").send()).1, 10006);
    for query in ["page=0", "page=x", "offset=0", "offset=101", "offset=-1"] {
        assert_eq!(
            error(&client.get(&format!("/usergroups/id/1/attributes?{query}")).send()).1,
            10015,
            "{query}"
        );
    }
}

#[test]
fn a_usergroup_has_values_of_200_attributes() {
    let server = Server::start();
    let client = &server.client;
    tree(client);
    let names: Vec<Value> = (0..201)
        .map(|number| json!({"name": format!("N{number}"), "class": "user", "type": "integer"}))
        .collect();
    let answer = client.post("/attributes/bulk/name", json!(names).to_string()).send();
    assert!(entries(&answer).iter().all(|entry| entry["action"] == "create" && entry["success"] == true));
    let entry =
        |number: usize, value: Value| json!({"name": format!("N{number}"), "class": "user", "value": value});
    let most: Vec<Value> = (0..200).map(|number| entry(number, json!(number))).collect();
    put_all(client, 1, &json!(most));
    assert_eq!(put(client, 1, &json!([entry(200, json!(1))]))[0]["reason"], "TOO_MANY_ATTRIBUTES");
    let item = json!([{"id": 1, "attributes": [entry(200, json!(1))]}]);
    assert_eq!(bulk(client, BY_ID, &item)[0]["reason"], "TOO_MANY_ATTRIBUTES");
    put_all(client, 1, &json!([entry(200, json!(1)), entry(0, Value::Null), entry(1, json!(5))]));
    // Pages in order of ids.
    let page = client.get("/usergroups/id/4/attributes?page=17").send().json();
    let facts = ["start", "end", "page", "pages", "total", "offset", "itemsFound"]
        .map(|name| page[name].as_u64().unwrap());
    assert_eq!(facts, [193, 200, 17, 17, 8, 12, 200]);
    assert_eq!(
        page["data"][7],
        json!({"id": 201, "name": "N200", "type": "integer", "class": "user", "value": 1, "inherited": true})
    );
}

#[test]
fn values_are_written_once_and_recorded() {
    let server = Server::start();
    let client = &server.client;
    tree(client);
    let id = define(client, "N", "integer", &json!({}));
    let body = |value: u64| json!([{"id": id, "value": value}]).to_string();
    let path = "/usergroups/id/1/attributes";
    let first = client.post(path, body(1)).header("Idempotency-Key", "k").send();
    assert!(first.header("rosterd-run-id").is_some());
    client.post(path, body(2)).send();
    let again = client.post(path, body(1)).header("Idempotency-Key", "k").send();
    assert_eq!((again.text(), again.header("idempotent-replayed")), (first.text(), Some("true")));
    assert_eq!(shows(client, 1), json!({"N": [2, false]}));
    let rehearsed = client.post(&format!("{path}?dryRun=true"), body(3)).send();
    assert_eq!(entries_of_rehearsal(&rehearsed)[0]["success"], true);
    assert_eq!(shows(client, 1), json!({"N": [2, false]}));
    let runs = client.get("/v3/runs").send().json();
    assert!(runs.to_string().contains("\"attributes\""), "{runs}");
    // Deleted usergroups have nothing to show.
    assert_eq!(client.get("/usergroups/id/5").method("DELETE").send().status, 200);
    assert_eq!(error(&client.get("/usergroups/id/5/attributes").send()).1, 20007);
    assert_eq!(error(&put_raw(client, 5, &json!([{"id": id, "value": 1}]))).1, 20007);
}

fn entries_of_rehearsal(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.json()["dryRun"], true, "{}", answer.text());
    answer.json()["data"].as_array().unwrap().clone()
}

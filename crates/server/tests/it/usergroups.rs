//! Contract 2: usergroups by bulk and one by one.

use serde_json::{Value, json};

use crate::harness::{Answer, Client, Server};

pub(crate) const BY_ID: &str = "/usergroups/bulk/id";
pub(crate) const BY_SOURCE_ID: &str = "/usergroups/bulk/sourceId";

#[track_caller]
pub(crate) fn bulk(client: &Client, path: &str, items: &Value) -> Vec<Value> {
    let answer = client.post(path, json!({ "usergroups": items }).to_string()).send();
    entries(&answer)
}

#[track_caller]
pub(crate) fn entries(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("return-format"), Some("application/json"));
    let body = answer.json();
    let data = body["data"].as_array().unwrap().clone();
    assert_eq!((&body["messages"], &body["total"]), (&json!(["Completed"]), &json!(data.len())));
    data
}

/// The published parts of an error, and ours.
#[track_caller]
pub(crate) fn error(answer: &Answer) -> (u16, u64, String, String) {
    assert_eq!(answer.header("return-format"), Some("application/json"));
    assert!(answer.header("x-request-id").is_some());
    let error = &answer.json()["error"];
    assert_eq!(error["status"], answer.status, "{}", answer.text());
    assert_eq!(error["moreInfo"], format!("/errors/{}", error["code"]));
    let words = ["type", "errorCode", "reason", "field", "pointer"];
    let words = words.map(|name| error[name].as_str().unwrap_or("-").to_owned()).join(" ");
    let messages: Vec<&str> =
        error["messages"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    (answer.status, error["code"].as_u64().unwrap(), words, messages.join("; "))
}

pub(crate) fn fields(client: &Client, id: u64) -> Value {
    let answer = client.get(&format!("/usergroups/id/{id}?expands=sources,parent,language")).send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].clone()
}

#[test]
fn bulk_by_id_creates_with_that_id_then_updates_then_leaves_alone() {
    let server = Server::start();
    let client = &server.client;
    let items = json!([
        {"id": 2002, "name": "Child", "parent": {"id": 2001}},
        {"id": 2001, "name": "Top", "language": "nl", "company": "Acme", "notes": "a\nb", "budget": "H",
         "sourceId": "A-9", "source": "ERP"},
        {"id": 2003},
    ]);
    let created = bulk(client, BY_ID, &items);
    assert_eq!(
        created[1],
        json!({"action": "create", "id": 2001, "key": 2001, "lookupKey": "id", "success": true})
    );
    assert!(created.iter().all(|entry| entry["action"] == "create" && entry["success"] == true));
    assert_eq!(
        fields(client, 2001),
        json!({
            "authorizeId": "", "budget": "H", "budgetInherit": "Y", "company": "Acme", "defaultobjectId": "",
            "department": "", "id": 2001, "inheritOrderList": "Y", "inheritProductList": "Y", "language": "NL",
            "name": "Top", "notes": "a\nb", "office": "", "orderListAllowAll": "U", "orderListManagerId": "",
            "parent": null, "sources": [{"source": "ERP", "sourceId": "A-9"}], "userManagerId": "",
        })
    );
    assert_eq!(fields(client, 2002)["parent"], json!({"id": 2001, "source": "ERP", "sourceId": "A-9"}));
    assert_eq!(
        (&fields(client, 2003)["name"], &fields(client, 2003)["language"]),
        (&json!(""), &Value::Null)
    );
    for entry in bulk(client, BY_ID, &items) {
        assert_eq!((&entry["action"], &entry["message"]), (&json!("update"), &json!("Unchanged")), "{entry}");
    }
    // Only what is sent changes; null and "" clear.
    let changed = bulk(
        client,
        "/v2/usergroups/bulk/id",
        &json!([{"id": 2001, "name": null, "company": "", "language": null}]),
    );
    assert_eq!(
        changed[0],
        json!({"action": "update", "id": 2001, "key": 2001, "lookupKey": "id", "success": true})
    );
    let stored = fields(client, 2001);
    let cleared = ["name", "company", "language", "budget", "notes"].map(|name| stored[name].clone());
    assert_eq!(cleared, [json!(""), json!(""), Value::Null, json!("H"), json!("a\nb")]);
}

#[test]
fn bulk_by_source_id_finds_parents_by_either_key() {
    let server = Server::start();
    let client = &server.client;
    let items = json!([
        {"sourceId": "c", "source": "ERP", "parent": {"sourceId": "b"}},
        {"sourceId": "b", "source": "ERP", "parent": {"sourceId": "a", "source": "ERP"}},
        {"sourceId": "a", "source": "ERP", "name": "A"},
    ]);
    let created = bulk(client, BY_SOURCE_ID, &items);
    assert_eq!(
        created[2],
        json!({"action": "create", "id": created[2]["id"], "key": "a", "lookupKey": "sourceId", "success": true})
    );
    let id = |entry: usize| created[entry]["id"].as_u64().unwrap();
    assert_eq!(fields(client, id(0))["parent"]["id"], id(1));
    let moved = json!([{"sourceId": "c", "source": "ERP", "parent": {"id": id(2)}}]);
    assert_eq!(bulk(client, BY_SOURCE_ID, &moved)[0]["success"], true);
    assert_eq!(fields(client, id(0))["parent"]["id"], id(2));
    let cycle =
        bulk(client, BY_SOURCE_ID, &json!([{"sourceId": "a", "source": "ERP", "parent": {"sourceId": "b"}}]));
    assert_eq!((&cycle[0]["errorCode"], &cycle[0]["field"]), (&json!("HIERARCHY_CYCLE"), &json!("parent")));
}

#[expect(clippy::too_many_lines, reason = "one table")]
#[test]
fn items_fail_alone() {
    let server = Server::start();
    let client = &server.client;
    bulk(
        client,
        BY_ID,
        &json!([
            {"id": 100}, {"id": 101, "parent": {"id": 100}, "sourceId": "S-1", "source": "ERP"}, {"id": 102}, {"id": 150},
        ]),
    );
    assert_eq!(client.get("/usergroups/id/150").method("DELETE").send().status, 200);
    for (item, action, code, reason, field, text) in [
        (
            json!({"id": 102, "parent": {"id": 7}}),
            "update",
            "PARENT_GROUP_NOT_FOUND",
            "",
            "parent",
            "Parent usergroup with id [7] not found",
        ),
        (
            json!({"id": 7, "parent": {"sourceId": "X"}}),
            "create",
            "PARENT_GROUP_NOT_FOUND",
            "",
            "parent",
            "Parent usergroup with sourceId [X] not found",
        ),
        (
            json!({"id": 101, "parent": {"id": 101}}),
            "update",
            "PARENT_IS_SELF",
            "",
            "parent",
            "Usergroup with id [101] cannot be its own parent",
        ),
        (
            json!({"id": 102, "sourceId": "S-1", "source": "ERP"}),
            "update",
            "CONFLICT",
            "SOURCE_ID_TAKEN",
            "sourceId",
            "Usergroup already exists",
        ),
        (
            json!({"id": 150, "name": "x"}),
            "update",
            "ARCHIVED_GROUP_EXISTS",
            "",
            "id",
            "Usergroup with id [150] is deleted; it is not restored by this",
        ),
        (
            json!({"id": 102, "parent": {"id": 150}}),
            "update",
            "ARCHIVED_PARENT_GROUP",
            "",
            "parent",
            "Parent usergroup with id [150] is deleted",
        ),
        (
            json!({"id": 102, "parent": {"id": 100, "sourceId": "S-1", "source": "ERP"}}),
            "update",
            "VALIDATION_ERROR",
            "AMBIGUOUS_PARENT",
            "parent",
            "parent means two groups: its id one, its reference another",
        ),
        (
            json!({"id": 102, "parent": {"id": 101, "sourceId": "nope"}}),
            "update",
            "PARENT_GROUP_NOT_FOUND",
            "",
            "parent",
            "Parent usergroup with id [101] not found",
        ),
    ] {
        let answered =
            bulk(client, BY_ID, &json!([item, {"id": 102, "parent": {"id": 101, "sourceId": "S-1"}}]));
        let entry = &answered[0];
        let found = ["action", "errorCode", "reason", "field", "error"]
            .map(|name| entry[name].as_str().unwrap_or(""));
        if item["id"] == 102 {
            // Both items mean one group.
            assert_eq!(found[1], "DUPLICATE_IN_REQUEST");
            let alone = bulk(client, BY_ID, &json!([item]));
            let found = ["action", "errorCode", "reason", "field", "error"]
                .map(|name| alone[0][name].as_str().unwrap_or(""));
            assert_eq!(found, [action, code, reason, field, text], "{item}");
        } else {
            assert_eq!(found, [action, code, reason, field, text], "{item}");
            assert_eq!(answered[1]["success"], true);
        }
        assert_eq!((&entry["success"], entry.get("id")), (&json!(false), None));
    }
    let twice = bulk(client, BY_ID, &json!([{"id": 6001}, {"id": 6001}]));
    assert_eq!((&twice[0]["errorCode"], &twice[0]["peers"]), (&json!("DUPLICATE_IN_REQUEST"), &json!([1])));
}

#[test]
fn one_usergroup_is_created_read_updated_and_deleted() {
    let server = Server::start();
    let client = &server.client;
    let sent = json!({"name": "Buyers", "sourceId": "B-1", "source": "ERP", "budget": "Y"});
    let created = client.post("/usergroups/", sent.to_string()).send();
    assert_eq!(created.status, 201, "{}", created.text());
    let body = created.json();
    let id = body["data"]["id"].as_u64().unwrap();
    let mut expected = sent.clone();
    expected["id"] = id.into();
    assert_eq!(body, json!({"data": expected, "messages": ["Usergroup created"], "total": 1}));
    let taken = error(&client.post("/v2/usergroups", sent.to_string()).send());
    assert_eq!(
        (taken.0, taken.1, taken.2.as_str()),
        (400, 20004, "UsergroupExists CONFLICT SOURCE_ID_TAKEN sourceId -")
    );
    // Without a key each is a new one.
    let [first, second] =
        [(); 2].map(|()| client.post("/usergroups", "{}").send().json()["data"]["id"].clone());
    assert_ne!(first, second);
    let answer = client.post("/usergroups", r#"{"name":"other","sourceId":"B-1","source":"CRM"}"#).send();
    assert_eq!(answer.status, 201);
    let several = error(&client.get("/usergroups/sourceId/B-1").send());
    assert_eq!((several.0, several.1), (400, 20005));
    let one = client.get("/usergroups/sourceId/B-1?source=ERP").send();
    assert_eq!((&one.json()["data"]["id"], one.json()["data"].get("sources")), (&json!(id), None));
    let path = format!("/usergroups/id/{id}");
    let patched = client
        .post(&path, r#"{"name":"Purchasers","parent":{"sourceId":"B-1","source":"CRM"}}"#)
        .method("PATCH")
        .send();
    assert_eq!(
        patched.json(),
        json!({"data": {"id": id, "name": "Purchasers", "parent": {"sourceId": "B-1", "source": "CRM"}}, "messages": ["Usergroup updated"], "total": 1})
    );
    let cycle = client
        .post("/usergroups/sourceId/B-1?source=CRM", format!(r#"{{"parent":{{"id":{id}}}}}"#))
        .method("PATCH")
        .send();
    let cycle = error(&cycle);
    assert_eq!(
        (cycle.0, cycle.1, cycle.2.as_str()),
        (400, 10017, "PayloadValidationError HIERARCHY_CYCLE - parent -")
    );
    let root = error(&client.post(&path, r#"{"parent":null}"#).method("PATCH").send());
    assert_eq!((root.1, root.3.as_str()), (10007, "#/parent: expected type: Object, found: Null"));
    let deleted = client.get(&path).method("DELETE").send();
    assert_eq!(
        (deleted.status, deleted.json()),
        (200, json!({"data": {}, "messages": ["Usergroup deleted"]}))
    );
    for method in ["GET", "DELETE"] {
        let gone = error(&client.get(&path).method(method).send());
        assert_eq!((gone.0, gone.1, gone.3), (404, 20006, format!("Usergroup with id [{id}] not found")));
    }
    let gone = error(&client.post(&path, "{}").method("PATCH").send());
    assert_eq!((gone.0, gone.1), (404, 20006));
    // Its key stays reserved.
    assert_eq!(error(&client.post("/usergroups", sent.to_string()).send()).1, 20004);
    let parent = client.post("/usergroups", r#"{"name":"x","parent":{"id":77}}"#).send();
    let parent = error(&parent);
    assert_eq!(
        (parent.0, parent.1, parent.2.as_str()),
        (400, 10017, "PayloadValidationError PARENT_GROUP_NOT_FOUND - parent -")
    );
    let children = error(&client.get("/usergroups/sourceId/none").send());
    assert_eq!((children.1, children.3.as_str()), (20006, "Usergroup with sourceId [none] not found"));
    assert_eq!(
        error(&client.get("/usergroups/name/none").send()).3,
        "Invalid lookup key [name], key must contain one of the following values: [id,sourceId,]"
    );
}

#[test]
fn a_search_has_numbered_pages() {
    let server = Server::start();
    let client = &server.client;
    let items: Vec<Value> = (1..=30)
        .map(|id| json!({"id": id, "name": format!("Gröup {id}"), "parent": {"id": 100}, "sourceId": id.to_string(), "source": if id % 2 == 0 { "ERP" } else { "CRM" }}))
        .chain([json!({"id": 100, "name": "Top"})])
        .collect();
    bulk(client, BY_ID, &json!(items));
    let search = |body: Value| client.post("/usergroups/search", body.to_string()).send();
    let found = search(json!({"name": "grou", "page": 3})).json();
    let ids: Vec<u64> =
        found["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [25, 26, 27, 28, 29, 30]);
    let numbers = ["start", "end", "page", "pages", "total", "offset", "itemsFound"]
        .map(|name| found[name].as_u64().unwrap());
    assert_eq!((numbers, &found["messages"]), ([25, 30, 3, 3, 6, 12, 30], &json!([])));
    for (body, count) in [
        (json!({}), 31),
        (json!({"parent": {"id": 100}}), 30),
        (json!({"parent": {"id": 77}}), 0),
        (json!({"parent": null}), 1),
        (json!({"source": "ERP"}), 15),
        (json!({"source": "ERP", "name": "GROUP 1", "offset": 100}), 5),
        (json!({"updatedAfter": "2001-01-01T00:00:00Z"}), 31),
        (json!({"updatedAfter": "2999-01-01T00:00:00Z"}), 0),
    ] {
        assert_eq!(search(body.clone()).json()["itemsFound"], count, "{body}");
    }
    for (body, code) in [
        (json!({"page": 0}), 10015),
        (json!({"offset": 101}), 10015),
        (json!({"offset": "12"}), 10015),
        (json!({"page": -1}), 10015),
        (json!({"colour": 1}), 10007),
        (json!({"updatedAfter": "yesterday"}), 10007),
    ] {
        let found = error(&search(body.clone()));
        assert_eq!((found.0, found.1), (400, code), "{body}");
    }
}

#[test]
fn both_faces_show_one_world() {
    let server = Server::start();
    let client = &server.client;
    assert_eq!(client.upsert(&json!([{"externalReferenceId": "a", "externalReferenceType": "ERP", "name": "A", "description": "d"}])).0, 200);
    let id: u64 = client.group("a")["id"].as_str().unwrap().parse().unwrap();
    assert_eq!((&fields(client, id)["name"], &fields(client, id)["notes"]), (&json!("A"), &json!("")));
    let items = json!([{"sourceId": "a", "source": "ERP", "name": "B", "notes": "n"}, {"sourceId": "b", "source": "ERP", "name": "b", "parent": {"sourceId": "a"}}]);
    assert_eq!(bulk(client, BY_SOURCE_ID, &items)[0]["action"], "update");
    let group = client.group("a");
    assert_eq!((&group["name"], &group["description"]), (&json!("B"), &json!("d")));
    assert_eq!(client.group("b")["parentExternalReferenceId"], "a");
    let again = client
        .upsert(&json!([{"externalReferenceId": "b", "name": "b", "parentExternalReferenceId": "a"}]))
        .1;
    assert_eq!(again["summary"]["unchanged"], 1);
    assert_eq!(client.get("/v3/groups/by-reference-id/b").method("DELETE").send().status, 204);
    assert_eq!(client.get("/usergroups/sourceId/b").send().status, 404);
    assert_eq!(client.get("/usergroups/sourceId/a").method("DELETE").send().status, 200);
    assert_eq!(client.group("a")["archived"], true);
    // A reference whose system was never named has the empty source.
    assert_eq!(client.upsert(&json!([{"externalReferenceId": "c", "name": "c"}])).0, 200);
    let unnamed = bulk(client, BY_SOURCE_ID, &json!([{"sourceId": "c", "source": "", "name": "c"}]));
    assert_eq!(unnamed[0]["message"], "Unchanged");
    assert_eq!(client.get("/usergroups/sourceId/c?source=").send().status, 200);
    // Names may be empty here, and are shown there.
    bulk(client, BY_ID, &json!([{"id": 900}]));
    assert_eq!(client.get("/v3/groups/900").send().json()["name"], "");
}

#[test]
fn bulk_calls_are_rehearsed_done_once_and_recorded() {
    let server = Server::start();
    let client = &server.client;
    let body = json!({"usergroups": [{"id": 1, "name": "n"}, {"sourceId": "x", "source": "y", "id": 2, "parent": {"id": 77}}]}).to_string();
    let rehearsed = client.post("/usergroups/bulk/id?dryRun=true", body.clone()).send().json();
    assert_eq!((&rehearsed["dryRun"], &rehearsed["data"][0]["action"]), (&json!(true), &json!("create")));
    assert_eq!(client.get("/usergroups/id/1").send().status, 404);
    let once = || client.post(BY_ID, body.clone()).header("idempotency-key", "k").send();
    let (first, second) = (once(), once());
    assert_eq!((first.text(), second.header("idempotent-replayed")), (second.text(), Some("true")));
    assert_eq!(second.header("content-type"), Some("application/json"));
    let run = client.get(&format!("/v3/runs/{}", first.header("rosterd-run-id").unwrap())).send().json();
    assert_eq!((&run["face"], &run["operation"]), (&json!("usergroups"), &json!("bulk-id")));
    assert_eq!(run["failures"][0]["errors"][0]["code"], "PARENT_GROUP_NOT_FOUND");
    assert_eq!(run["failures"][0]["record"]["sourceId"], "x");
    let created = client.post("/usergroups", r#"{"name":"one"}"#).header("idempotency-key", "c").send();
    let again = client.post("/usergroups", r#"{"name":"one"}"#).header("idempotency-key", "c").send();
    assert_eq!((created.status, created.text()), (again.status, again.text()));
}

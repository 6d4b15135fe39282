//! One group created or changed by a call of its own.

use serde_json::{Value, json};

use crate::harness::{Answer, Client, GROUPS, Server, check};

fn create(client: &Client, record: &Value) -> Answer {
    client.post(GROUPS, record.to_string()).send()
}

fn patch(client: &Client, place: &str, record: &Value) -> Answer {
    client.post(&format!("{GROUPS}/{place}"), record.to_string()).method("PATCH").send()
}

/// Status, code, reason and field of a problem.
#[track_caller]
fn problem(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem = answer.json();
    assert_eq!(problem["requestId"], answer.header("x-request-id").unwrap());
    let words = ["code", "reason", "field"].map(|name| problem[name].as_str().unwrap_or("-").to_owned());
    (answer.status, words.join(" "))
}

#[test]
fn a_group_is_created_then_updated_then_left_alone() {
    let server = Server::start();
    let client = &server.client;
    let record = json!({"externalReferenceId": "a", "name": "A", "photoUrl": "https://example.org/a"});
    let created = create(client, &record);
    assert_eq!((created.status, created.header("location")), (201, Some("/v3/groups/1")));
    assert_eq!(
        (created.header("etag"), created.header("content-type")),
        (Some("\"1-1\""), Some("application/json"))
    );
    assert_eq!(created.json(), client.group("a"));
    let same = create(client, &record);
    assert_eq!((same.status, same.header("location"), same.header("etag")), (200, None, Some("\"1-1\"")));
    let changed = create(client, &json!({"externalReferenceId": "a", "photoUrl": null}));
    assert_eq!((changed.status, changed.header("etag")), (200, Some("\"1-2\"")));
    assert_eq!(
        (changed.json()["photoUrl"].clone(), changed.json()["name"].clone()),
        (Value::Null, json!("A"))
    );
    let patched = patch(client, "1", &json!({"description": "d"}));
    assert_eq!((patched.status, &patched.json()["description"]), (200, &json!("d")));
    let patched =
        patch(client, "by-reference-id/a", &json!({"externalReferenceId": "a", "description": "d"}));
    assert_eq!((patched.status, patched.header("etag")), (200, Some("\"1-3\"")), "nothing changed");
    assert_eq!(patched.json(), client.group("a"));
}

#[test]
fn warnings_stand_beside_the_group() {
    let server = Server::start();
    let client = &server.client;
    create(client, &json!({"externalReferenceId": "HR-1", "externalReferenceType": "A", "name": "n"}));
    let answer = create(client, &json!({"externalReferenceId": "hr-1", "name": "n", "nmae": 1}));
    let codes: Vec<Value> =
        answer.json()["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].clone()).collect();
    assert_eq!(
        (answer.status, codes),
        (201, vec![json!("SIMILAR_REFERENCE_EXISTS"), json!("UNKNOWN_FIELD")])
    );
    // The source of the key is told by the key, also where the path has an id.
    for place in ["1", "by-reference-id/HR-1"] {
        let answer = patch(client, place, &json!({"externalReferenceType": place}));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["warnings"][0]["code"], "EXTERNAL_REFERENCE_TYPE_CHANGED");
        assert_eq!(client.group("HR-1")["externalReferenceType"], place);
    }
    let strict = client.post(GROUPS, json!({"externalReferenceId": "x", "name": "n", "y": 1}).to_string());
    let strict = strict.header("prefer", "handling=strict").send();
    assert_eq!(problem(&strict), (400, "VALIDATION_ERROR UNKNOWN_FIELD y".into()));
}

#[test]
fn what_fails_is_a_problem_with_every_fault() {
    let server = Server::start();
    let client = &server.client;
    check(
        client,
        &json!([
            {"externalReferenceId": "a", "name": "A"},
            {"externalReferenceId": "b", "name": "B", "parentExternalReferenceId": "a"},
            {"externalReferenceId": "z", "name": "Z"},
        ]),
        &["created", "created", "created"],
    );
    assert_eq!(client.get("/v3/groups/3").method("DELETE").send().status, 204);
    let long = "x".repeat(256);
    for (record, status, words) in [
        (json!({"externalReferenceId": "c"}), 400, "REQUIRED_FIELD_MISSING - name"),
        (json!({"name": "n"}), 400, "REQUIRED_FIELD_MISSING - externalReferenceId"),
        (json!({"externalReferenceId": "c", "name": long}), 400, "VALIDATION_ERROR TOO_LONG name"),
        (
            json!({"externalReferenceId": "z", "name": "n"}),
            409,
            "ARCHIVED_GROUP_EXISTS - externalReferenceId",
        ),
        (
            json!({"externalReferenceId": "a", "parentExternalReferenceId": "a"}),
            422,
            "PARENT_IS_SELF - parentExternalReferenceId",
        ),
        (
            json!({"externalReferenceId": "a", "parentExternalReferenceId": "nobody"}),
            422,
            "PARENT_GROUP_NOT_FOUND - parentExternalReferenceId",
        ),
        (
            json!({"externalReferenceId": "a", "parentExternalReferenceId": "z"}),
            422,
            "ARCHIVED_PARENT_GROUP - parentExternalReferenceId",
        ),
        (
            json!({"externalReferenceId": "a", "parentExternalReferenceId": "b"}),
            422,
            "HIERARCHY_CYCLE - parentExternalReferenceId",
        ),
    ] {
        assert_eq!(problem(&create(client, &record)), (status, words.into()), "{record}");
    }
    let both = create(client, &json!({"externalReferenceId": "c", "description": 5}));
    assert_eq!(both.json()["errors"].as_array().unwrap().len(), 2);
    for (body, words) in [
        ("[]", "VALIDATION_ERROR NOT_AN_OBJECT -"),
        ("", "INVALID_JSON EMPTY_BODY -"),
        ("{} {}", "INVALID_JSON TRAILING_DATA -"),
        (r#" {"externalReferenceId":"c","name":"n","name":"n"}"#, "VALIDATION_ERROR DUPLICATE_MEMBER name"),
    ] {
        assert_eq!(problem(&client.post(GROUPS, body).send()), (400, words.into()), "{body}");
    }
    assert_eq!(client.all(10).len(), 2);
}

#[test]
fn an_update_is_of_the_group_of_its_path() {
    let server = Server::start();
    let client = &server.client;
    let record = |key: &str| json!({"externalReferenceId": key, "name": key});
    check(client, &json!([record("a"), record("b"), record("z")]), &["created", "created", "created"]);
    assert_eq!(client.get("/v3/groups/3").method("DELETE").send().status, 204);
    for (place, record, status, words) in [
        ("9", json!({"name": "n"}), 404, "GROUP_NOT_FOUND - -"),
        ("x", json!({"name": "n"}), 404, "GROUP_NOT_FOUND - -"),
        ("by-reference-id/nobody", json!({"name": "n"}), 404, "GROUP_NOT_FOUND - -"),
        ("3", json!({"name": "n"}), 409, "ARCHIVED_GROUP_EXISTS - externalReferenceId"),
        (
            "1",
            json!({"externalReferenceId": "b"}),
            400,
            "VALIDATION_ERROR CONFLICTING_FIELDS externalReferenceId",
        ),
        (
            "by-reference-id/a",
            json!({"externalReferenceId": null}),
            400,
            "VALIDATION_ERROR FIELD_NOT_CLEARABLE externalReferenceId",
        ),
        ("1", json!({"name": null}), 400, "VALIDATION_ERROR FIELD_NOT_CLEARABLE name"),
    ] {
        assert_eq!(problem(&patch(client, place, &record)), (status, words.into()), "{place} {record}");
    }
    assert_eq!(client.group("a")["revision"], 1);
}

#[test]
fn only_the_state_that_was_read_is_changed() {
    let server = Server::start();
    let client = &server.client;
    check(client, &json!([{"externalReferenceId": "a", "name": "A"}]), &["created"]);
    let ask = |method: &str, place: &str, condition: (&str, &str), name: &str| {
        let body = json!({"externalReferenceId": "a", "name": name}).to_string();
        let target = format!("{GROUPS}{place}");
        let exchange = if method == "DELETE" { client.get(&target) } else { client.post(&target, body) };
        exchange.method(method).header(condition.0, condition.1).send()
    };
    for stale in ["\"1-2\"", "\"2-1\"", "W/\"1-1\"", "1-1", "\"x\"", "\"\""] {
        for (method, place) in [("PATCH", "/1"), ("POST", ""), ("DELETE", "/1"), ("POST", "/1/restore")] {
            let answer = ask(method, place, ("if-match", stale), "new");
            assert_eq!(problem(&answer), (412, "PRECONDITION_FAILED - -".into()), "{method} {place} {stale}");
        }
    }
    assert_eq!(ask("PATCH", "/1", ("if-match", "\"x-1\", \"1-1\""), "B").status, 200);
    assert_eq!(ask("PATCH", "/1", ("if-match", "\"1-1\""), "C").status, 412);
    assert_eq!(ask("PATCH", "/by-reference-id/a", ("if-match", "\"1-2\""), "C").status, 200);
    assert_eq!(ask("PATCH", "/1", ("if-match", "*"), "D").status, 200);
    assert_eq!(ask("POST", "", ("if-none-match", "*"), "E").status, 412);
    assert_eq!(problem(&ask("POST", "", ("if-none-match", "\"1-1\""), "E")).0, 400);
    assert_eq!(client.group("a")["name"], "D");
    let other = client.post(GROUPS, json!({"externalReferenceId": "b", "name": "n"}).to_string());
    assert_eq!(other.clone().header("if-match", "*").send().status, 412);
    assert_eq!(other.header("if-none-match", "*").send().status, 201);
    assert_eq!(ask("DELETE", "/1", ("if-match", "\"1-4\""), "").status, 204);
}

#[test]
fn of_many_who_read_one_state_one_changes_it() {
    let server = Server::start();
    let client = &server.client;
    check(client, &json!([{"externalReferenceId": "a", "name": "A"}]), &["created"]);
    for revision in 1..20 {
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let ask = |name: usize| {
                let body = json!({"name": format!("{revision}-{name}")}).to_string();
                let exchange = client.post("/v3/groups/1", body).method("PATCH");
                exchange.header("if-match", format!("\"1-{revision}\"")).send().status
            };
            let asked: Vec<_> = (0..4).map(|name| scope.spawn(move || ask(name))).collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 3, "{statuses:?}");
    }
}

#[test]
fn a_single_write_is_done_once_for_a_key() {
    let server = Server::start();
    let client = &server.client;
    let ask = |record: &Value| client.post(GROUPS, record.to_string()).header("idempotency-key", "k").send();
    let record = json!({"externalReferenceId": "a", "name": "A"});
    let first = ask(&record);
    assert_eq!(first.status, 201);
    assert_eq!(patch(client, "1", &json!({"name": "B"})).status, 200);
    let again = ask(&record);
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(client.group("a")["name"], "B");
    assert_eq!(ask(&json!({"externalReferenceId": "a", "name": "C"})).status, 422);
    let rehearsed = client
        .post(&format!("{GROUPS}?dryRun=true"), json!({"externalReferenceId": "b", "name": "n"}).to_string())
        .send();
    assert_eq!((rehearsed.status, &rehearsed.json()["dryRun"]), (200, &json!(true)));
    assert_eq!(client.find("b").status, 404);
}

#[test]
fn who_may_only_read_does_not_write() {
    let server = Server::start();
    check(&server.client, &json!([{"externalReferenceId": "a", "name": "A"}]), &["created"]);
    let (_, reader) = server.new_key("default", "groups:read");
    for (method, target) in [
        ("POST", "/v3/groups"),
        ("PATCH", "/v3/groups/1"),
        ("DELETE", "/v3/groups/1"),
        ("POST", "/v3/groups/1/restore"),
        ("DELETE", "/v3/groups/by-reference-id/a"),
        ("POST", "/v3/groups/batch-archive"),
        ("POST", "/v3/groups/batch-restore"),
    ] {
        let answer = reader.post(target, "{}").method(method).send();
        assert_eq!(problem(&answer), (403, "FORBIDDEN MISSING_SCOPE -".into()), "{method} {target}");
    }
}

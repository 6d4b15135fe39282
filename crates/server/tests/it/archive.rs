//! Archiving and restoring, one by one and in batches.

use serde_json::{Value, json};

use crate::harness::{Answer, Client, GROUPS, Server, check, describe, encode};

const ARCHIVE: &str = "/v3/groups/batch-archive";
const RESTORE: &str = "/v3/groups/batch-restore";

/// A server with `a` > `b` > `c`, and `d` alone.
fn chain() -> Server {
    let server = Server::start();
    let below = |key: &str, parent: Option<&str>| json!({"externalReferenceId": key, "name": key, "parentExternalReferenceId": parent});
    let records = json!([below("a", None), below("b", Some("a")), below("c", Some("b")), below("d", None)]);
    check(&server.client, &records, &["created"; 4]);
    server
}

fn delete(client: &Client, key: &str, query: &str) -> Answer {
    client.get(&format!("{GROUPS}/by-reference-id/{}{query}", encode(key))).method("DELETE").send()
}

fn restore(client: &Client, key: &str) -> Answer {
    client.get(&format!("{GROUPS}/by-reference-id/{}/restore", encode(key))).method("POST").send()
}

/// Sends keys; gives the status and a line for each.
fn batch(client: &Client, target: &str, keys: &Value) -> (u16, Vec<String>) {
    let answer = client.post(target, json!({ "externalReferenceIds": keys }).to_string()).send();
    let body = answer.json();
    let results = body["results"].as_array().unwrap_or_else(|| panic!("{body:#}"));
    for (index, (result, key)) in results.iter().zip(keys.as_array().unwrap()).enumerate() {
        assert_eq!(result["inputIndex"], index);
        assert_eq!(result.get("externalReferenceId"), Some(key).filter(|key| key.is_string()));
        assert_eq!(result.get("id").is_none(), result["status"] == "failed");
    }
    let count = |status: &str| results.iter().filter(|result| result["status"] == *status).count();
    let done = if target.starts_with(ARCHIVE) { "archived" } else { "restored" };
    let summary = json!({
        "total": results.len(), done: count(done), "unchanged": count("unchanged"), "failed": count("failed"),
    });
    assert_eq!(body["summary"], summary);
    (answer.status, results.iter().map(describe).collect())
}

fn code(answer: &Answer) -> (u16, String) {
    let problem = answer.json();
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(problem["status"], answer.status);
    assert_eq!(problem["requestId"], answer.header("x-request-id").unwrap());
    assert_eq!(problem["errors"][0]["code"], problem["code"]);
    (answer.status, problem["code"].as_str().unwrap().to_owned())
}

fn living(client: &Client) -> Vec<String> {
    client.all(1000).iter().map(|group| group["externalReferenceId"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_archived_is_out_of_the_way_and_comes_back() {
    let server = chain();
    let client = &server.client;
    let before = client.group("d");
    let answer = delete(client, "d", "");
    assert_eq!((answer.status, answer.body.len(), answer.header("content-type")), (204, 0, None));
    let archived = client.group("d");
    assert_eq!((&archived["archived"], &archived["revision"]), (&json!(true), &json!(2)));
    assert_eq!(archived["archivedAt"], archived["updatedAt"]);
    assert_eq!(answer.header("etag"), Some("\"4-2\""));
    assert_eq!(living(client), ["a", "b", "c"]);
    // Again is no change, and no revision.
    assert_eq!(delete(client, "d", "").status, 204);
    assert_eq!(client.group("d"), archived);
    // The key stays taken, and nothing else brings it back.
    check(
        client,
        &json!([{"externalReferenceId": "d", "name": "new"}]),
        &["failed ARCHIVED_GROUP_EXISTS externalReferenceId"],
    );
    check(
        client,
        &json!([{"externalReferenceId": "e", "name": "e", "parentExternalReferenceId": "d"}]),
        &["failed ARCHIVED_PARENT_GROUP parentExternalReferenceId"],
    );
    let answer = restore(client, "d");
    assert_eq!((answer.status, answer.header("etag")), (200, Some("\"4-3\"")));
    let restored = answer.json();
    assert_eq!(restored, client.group("d"));
    for member in ["id", "name", "archived", "archivedAt", "createdAt"] {
        assert_eq!(restored[member], before[member], "{member}");
    }
    assert_eq!(restored["revision"], 3);
    let again = restore(client, "d");
    assert_eq!((again.status, again.json()), (200, restored));
}

#[test]
fn living_children_keep_a_group() {
    let server = chain();
    let client = &server.client;
    let answer = delete(client, "a", "");
    assert_eq!(code(&answer), (409, "GROUP_HAS_CHILDREN".into()));
    assert_eq!(answer.json()["errors"][0]["children"], 1);
    assert_eq!(living(client), ["a", "b", "c", "d"]);
    assert_eq!(delete(client, "a", "?cascade=true").status, 204);
    assert_eq!(living(client), ["d"]);
    let revisions: Vec<Value> = ["a", "b", "c"].map(|key| client.group(key)["revision"].clone()).into();
    assert_eq!(revisions, [2, 2, 2], "one batch, one revision");
    // Restoring goes from the top.
    let answer = restore(client, "b");
    assert_eq!(code(&answer), (422, "ARCHIVED_PARENT_GROUP".into()));
    assert_eq!((restore(client, "a").status, restore(client, "b").status), (200, 200));
    // An archived child keeps nobody.
    assert_eq!(delete(client, "b", "").status, 204);
    assert_eq!(delete(client, "a", "?cascade=false").status, 204);
    assert_eq!(living(client), ["d"]);
}

#[test]
fn batches_have_no_order() {
    let server = chain();
    let client = &server.client;
    assert_eq!(
        batch(client, ARCHIVE, &json!(["a", "d", "b"])),
        (
            207,
            vec![
                "failed GROUP_HAS_CHILDREN externalReferenceId".into(),
                "archived".into(),
                "failed GROUP_HAS_CHILDREN externalReferenceId".into(),
            ]
        )
    );
    assert_eq!(
        batch(client, ARCHIVE, &json!(["a", "c", "d", "b"])).1,
        ["archived", "archived", "unchanged", "archived"]
    );
    assert_eq!(
        batch(client, RESTORE, &json!(["c", "a", "nobody"])).1,
        [
            "failed ARCHIVED_PARENT_GROUP externalReferenceId"
                .replace("externalReferenceId", "parentExternalReferenceId"),
            "restored".into(),
            "failed GROUP_NOT_FOUND externalReferenceId".into(),
        ]
    );
    assert_eq!(
        batch(client, RESTORE, &json!(["c", "b", "a"])),
        (200, vec!["restored".into(), "restored".into(), "unchanged".into()])
    );
    let (status, lines) = batch(client, ARCHIVE, &json!(["a", 5, null, " a", "d", "d", "x".repeat(65), ""]));
    assert_eq!(status, 207);
    assert_eq!(
        lines,
        [
            "failed GROUP_HAS_CHILDREN externalReferenceId",
            "failed VALIDATION_ERROR/WRONG_TYPE externalReferenceId",
            "failed VALIDATION_ERROR/WRONG_TYPE externalReferenceId",
            "failed VALIDATION_ERROR/KEY_NOT_CANONICAL externalReferenceId",
            "failed DUPLICATE_IN_REQUEST externalReferenceId peers=5",
            "failed DUPLICATE_IN_REQUEST externalReferenceId peers=4",
            "failed VALIDATION_ERROR/TOO_LONG externalReferenceId",
            "failed VALIDATION_ERROR/EMPTY externalReferenceId",
        ]
    );
}

#[test]
fn subtrees_are_counted_and_rehearsed() {
    let server = chain();
    let client = &server.client;
    let ask = |query: &str| {
        let body = json!({ "externalReferenceIds": ["b", "a"] }).to_string();
        client.post(&format!("{ARCHIVE}?cascade=true{query}"), body).send().json()
    };
    let rehearsed = ask("&dryRun=true");
    assert_eq!(rehearsed["dryRun"], true);
    assert_eq!(living(client), ["a", "b", "c", "d"]);
    let done = ask("");
    assert_eq!((&done["summary"], &done["results"]), (&rehearsed["summary"], &rehearsed["results"]));
    assert_eq!(done["results"][0]["descendants"], 1, "c, below b");
    assert_eq!(done["results"][1]["descendants"], 0, "b is a record of its own");
    assert_eq!(living(client), ["d"]);
    let alone = client.get(&format!("{GROUPS}/4?dryRun=true")).method("DELETE").send();
    assert_eq!((alone.status, &alone.json()["results"][0]["status"]), (200, &json!("archived")));
    assert_eq!(living(client), ["d"]);
}

#[test]
fn broken_lists_of_keys() {
    let server = chain();
    let client = &server.client;
    let ask = |body: &str| {
        let answer = client.post(ARCHIVE, body).send();
        let problem = answer.json();
        (answer.status, problem["reason"].as_str().unwrap().to_owned(), problem["field"].clone())
    };
    let list = json!("externalReferenceIds");
    for (body, reason, field) in [
        ("{}", "REQUIRED_FIELD_MISSING", &list),
        (r#"{"externalReferenceIds":[]}"#, "BATCH_EMPTY", &list),
        (r#"{"externalReferenceIds":"a"}"#, "NOT_AN_ARRAY", &list),
        (r#"{"groups":["a"]}"#, "UNKNOWN_FIELD", &json!("groups")),
        (r#"{"externalReferenceIds":["a"],"cascade":true}"#, "UNKNOWN_FIELD", &json!("cascade")),
        (r#"{"externalReferenceIds":["a"],"externalReferenceIds":["b"]}"#, "DUPLICATE_MEMBER", &list),
        (r#"["a"]"#, "NOT_AN_OBJECT", &Value::Null),
        ("", "EMPTY_BODY", &Value::Null),
    ] {
        assert_eq!(ask(body), (400, reason.to_owned(), field.clone()), "{body}");
    }
    let keys = |count: usize| {
        let keys: Vec<String> = (0..count).map(|number| format!("n-{number}")).collect();
        json!({ "externalReferenceIds": keys }).to_string()
    };
    assert_eq!(client.post(ARCHIVE, keys(1000)).send().status, 207);
    assert_eq!(ask(&keys(1001)).1, "BATCH_TOO_LARGE");
    let wrong = client.get(&format!("{GROUPS}/1?cascade=yes")).method("DELETE").send();
    assert_eq!((wrong.status, &wrong.json()["field"]), (400, &json!("cascade")));
    assert_eq!(living(client), ["a", "b", "c", "d"]);
}

#[test]
fn archiving_is_done_once_for_a_key() {
    let server = chain();
    let client = &server.client;
    let ask = |key: &str, target: &str| {
        let answer = client.get(target).method("DELETE").header("idempotency-key", key).send();
        (answer.status, answer.header("idempotent-replayed").is_some())
    };
    assert_eq!(ask("k", "/v3/groups/4"), (204, false));
    assert_eq!(restore(client, "d").status, 200);
    assert_eq!(ask("k", "/v3/groups/4"), (204, true));
    assert_eq!(living(client), ["a", "b", "c", "d"], "what was done before is told, not done");
    assert_eq!(ask("k", "/v3/groups/3"), (422, false));
    // A failure is an answer too.
    assert_eq!(ask("j", "/v3/groups/1"), (409, false));
    assert_eq!(delete(client, "c", "").status, 204);
    assert_eq!(delete(client, "b", "").status, 204);
    assert_eq!(ask("j", "/v3/groups/1"), (409, true));
    assert_eq!(ask("i", "/v3/groups/1"), (204, false));
}

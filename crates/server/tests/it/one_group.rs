//! One group, by its id and by its key.

use serde_json::{Value, json};

use crate::harness::{Answer, Client, GROUPS, Server, check};

fn by_id(client: &Client, id: &str) -> Answer {
    client.get(&format!("{GROUPS}/{id}")).send()
}

#[test]
fn a_group_is_the_same_by_either_name() {
    let server = Server::start();
    let client = &server.client;
    check(client, &json!([{"externalReferenceId": "a/b é", "name": "A"}]), &["created"]);
    let (one, other) = (by_id(client, "1"), client.find("a/b é"));
    assert_eq!((one.status, one.text()), (200, other.text()));
    assert_eq!(one.header("etag"), Some("\"1-1\""));
    assert_eq!(one.header("etag"), other.header("etag"));
    assert_eq!(one.header("cache-control"), Some("private, no-cache"));
    let head = client.get(&format!("{GROUPS}/1")).method("HEAD").send();
    assert_eq!((head.status, head.header("etag")), (200, Some("\"1-1\"")));
}

#[test]
fn who_has_the_state_is_told_so() {
    let server = Server::start();
    let client = &server.client;
    check(client, &json!([{"externalReferenceId": "a", "name": "A"}]), &["created"]);
    let ask = |tag: &str| {
        let answer = client.get(&format!("{GROUPS}/1")).header("if-none-match", tag).send();
        assert!(answer.header("etag").is_some());
        (answer.status, answer.body.is_empty())
    };
    for known in ["\"1-1\"", "W/\"1-1\"", "\"x\", \"1-1\"", "*"] {
        assert_eq!(ask(known), (304, true), "{known}");
    }
    for unknown in ["\"1-2\"", "1-1", "", "\"2-1\""] {
        assert_eq!(ask(unknown), (200, false), "{unknown}");
    }
    let by_reference = client.by_reference("a").header("if-none-match", "\"1-1\"").send();
    assert_eq!(by_reference.status, 304);
    // What changes nothing leaves the tag; what changes something gives a new one.
    check(client, &json!([{"externalReferenceId": "a", "name": "A"}]), &["unchanged"]);
    assert_eq!(ask("\"1-1\""), (304, true));
    check(client, &json!([{"externalReferenceId": "a", "name": "B"}]), &["updated name"]);
    assert_eq!(ask("\"1-1\""), (200, false));
    assert_eq!(ask("\"1-2\""), (304, true));
}

#[test]
fn what_is_no_id_is_no_group() {
    let server = Server::start();
    let (one, two) = (server.new_tenant("one"), server.new_tenant("two"));
    check(&one, &json!([{"externalReferenceId": "a", "name": "A"}]), &["created"]);
    let same = |client: &Client, id: &str| {
        let answer = client.get(&format!("{GROUPS}/{id}")).header("x-request-id", "same").send();
        (answer.status, answer.text().to_owned())
    };
    let (status, nobodys) = same(&one, "2");
    let problem: Value = serde_json::from_str(&nobodys).unwrap();
    assert_eq!((status, &problem["code"]), (404, &json!("GROUP_NOT_FOUND")));
    for id in
        ["0", "01", "-1", "+1", "1.0", "1e0", "x", "%20", "%FF", "9007199254740992", &"9".repeat(40), "a"]
    {
        assert_eq!(same(&one, id), (404, nobodys.clone()), "{id}");
    }
    assert_eq!(by_id(&one, "9007199254740991").status, 404);
    assert_eq!((by_id(&one, "1").status, by_id(&one, "%31").status), (200, 200));
    // Another tenant's group is nobody's.
    assert_eq!(same(&two, "1"), (404, nobodys));
}

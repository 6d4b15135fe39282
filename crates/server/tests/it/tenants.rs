//! Tenants and keys, made and taken away beside a running server.

use serde_json::{Value, json};

use crate::harness::{GROUPS, Server, check, finish, rosterd};

#[test]
fn tenants_are_created_and_listed() {
    let server = Server::start();
    assert_eq!(server.cli(["tenants", "create", "school-1"]), "created tenant school-1\n");
    let created: Value =
        serde_json::from_str(&server.cli(["tenants", "create", "school-2", "--json"])).unwrap();
    assert_eq!((&created["name"], &created["revision"]), (&json!("school-2"), &json!(0)));
    let listed: Value = serde_json::from_str(&server.cli(["tenants", "list", "--json"])).unwrap();
    let names: Vec<&Value> =
        listed["tenants"].as_array().unwrap().iter().map(|tenant| &tenant["name"]).collect();
    assert_eq!(names, ["default", "school-1", "school-2"]);
    let table = server.cli(["tenants", "list"]);
    assert!(table.contains("TENANT") && table.contains("school-1"), "{table}");
    for (arguments, code, told) in [
        (["tenants", "create", "school-1"], 1, "there is a tenant \"school-1\" already"),
        (["tenants", "create", "School"], 1, "cannot be a tenant's name"),
        (["tenants", "create", ""], 1, "cannot be a tenant's name"),
        (["tenants", "list", "extra"], 2, "unexpected argument"),
    ] {
        let (found, stdout, stderr) = server.try_cli(arguments);
        assert_eq!((found, stdout.as_str()), (Some(code), ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(told), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_new_key_is_honoured_at_once() {
    let server = Server::start();
    server.cli(["tenants", "create", "school"]);
    let printed = server.cli([
        "keys",
        "create",
        "--tenant",
        "school",
        "--scopes",
        "groups:write,groups:read",
        "--json",
    ]);
    let key: Value = serde_json::from_str(printed.trim_end()).unwrap();
    let names: Vec<&String> = key.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert_eq!((&key["tenant"], &key["scopes"]), (&json!("school"), &json!(["groups:read", "groups:write"])));
    let text = key["key"].as_str().unwrap();
    assert!(text.starts_with(&format!("rosterd_{}_", key["id"].as_str().unwrap())), "{printed}");
    let school = server.client.with_key(text);
    check(&school, &json!([{"externalReferenceId": "a", "name": "A"}]), &["created"]);
    // Without --json the key alone is on stdout, for a file or a pipe.
    let plain = server.cli(["keys", "create", "--tenant", "school"]);
    assert_eq!(server.client.with_key(plain.trim_end()).group("a")["name"], "A");
}

#[test]
fn a_revoked_key_is_refused_at_once() {
    let mut server = Server::start();
    let (id, client) = server.new_key("default", "groups:read");
    assert_eq!(client.get(GROUPS).send().status, 200);
    assert_eq!(server.cli(["keys", "revoke", &id]), format!("revoked key {id}\n"));
    assert_eq!(client.get(GROUPS).send().status, 401);
    server.restart();
    assert_eq!(server.client.with_key(client.key).get(GROUPS).send().status, 401);
    assert_eq!(server.client.get(GROUPS).send().status, 200);
}

#[test]
fn no_secret_is_shown_twice() {
    let server = Server::start();
    server.cli(["tenants", "create", "school"]);
    let (id, one) = server.new_key("default", "groups:read");
    let (other_id, other) = server.new_key("school", "admin");
    server.cli(["keys", "revoke", &id]);
    let shown = [
        server.cli(["keys", "list"]),
        server.cli(["keys", "list", "--json"]),
        server.cli(["keys", "list", "--tenant", "school", "--json"]),
        server.cli(["tenants", "list", "--json"]),
        server.process.log(),
    ];
    for client in [&one, &other] {
        let secret = client.key.split('_').nth(2).unwrap();
        assert!(shown.iter().all(|text| !text.contains(secret)), "{shown:?}");
    }
    let listed: Value = serde_json::from_str(&shown[1]).unwrap();
    let keys = listed["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 3);
    let revoked = keys.iter().find(|key| key["id"] == *id).unwrap();
    assert_eq!((&revoked["tenant"], &revoked["scopes"]), (&json!("default"), &json!(["groups:read"])));
    assert!(revoked["revokedAt"].is_string() && revoked["createdAt"].is_string(), "{revoked}");
    let listed: Value = serde_json::from_str(&shown[2]).unwrap();
    assert_eq!(listed["keys"].as_array().unwrap().len(), 1);
    assert_eq!((&listed["keys"][0]["id"], &listed["keys"][0]["revokedAt"]), (&json!(other_id), &Value::Null));
}

#[test]
fn what_cannot_be_is_told() {
    let server = Server::start();
    for (arguments, code, told) in [
        (vec!["keys", "create", "--tenant", "nowhere"], 1, "there is no tenant \"nowhere\""),
        (vec!["keys", "list", "--tenant", "nowhere"], 1, "there is no tenant \"nowhere\""),
        (
            vec!["keys", "create", "--scopes", "groups:rule"],
            2,
            "the scopes are groups:read, groups:write, admin",
        ),
        (vec!["keys", "create", "--scopes", ""], 2, "the scopes are groups:read, groups:write, admin"),
        (vec!["keys", "revoke", "0123456789abcdef"], 1, "there is no key \"0123456789abcdef\""),
        (vec!["keys", "revoke"], 2, "required"),
    ] {
        let (found, stdout, stderr) = match arguments[..] {
            [one, two] => server.try_cli([one, two]),
            [one, two, three] => server.try_cli([one, two, three]),
            [one, two, three, four] => server.try_cli([one, two, three, four]),
            _ => unreachable!(),
        };
        assert_eq!((found, stdout.as_str()), (Some(code), ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(told), "{arguments:?}: {stderr}");
    }
}

#[test]
fn tenants_never_meet() {
    let server = Server::start();
    let (one, two) = (server.new_tenant("one"), server.new_tenant("two"));
    let shared = |name: &str| json!([{"externalReferenceId": "shared", "name": name}]);
    check(&one, &shared("One's"), &["created"]);
    // Another tenant's key is free here, and resembles nothing.
    check(&two, &json!([{"externalReferenceId": "SHARED", "name": "n"}]), &["created"]);
    check(&two, &shared("Two's"), &["created +SIMILAR_REFERENCE_EXISTS externalReferenceId"]);
    check(&one, &json!([{"externalReferenceId": "only-one", "name": "n"}]), &["created"]);
    assert_eq!(
        (&one.group("shared")["name"], &two.group("shared")["name"]),
        (&json!("One's"), &json!("Two's"))
    );
    // Ids and revisions count for each tenant alone.
    assert_eq!((&one.group("only-one")["id"], &one.group("only-one")["revision"]), (&json!("2"), &json!(2)));
    assert_eq!(server.client.all(10), Vec::<Value>::new());
    assert_eq!((one.all(10).len(), two.all(10).len()), (2, 2));

    // What only another tenant has is what nobody has.
    let [theirs, nobodys] = ["only-one", "on1y-one"].map(|key| {
        let found =
            two.get(&format!("/v3/groups/by-reference-id/{key}")).header("x-request-id", "same").send();
        let child = json!([{"externalReferenceId": "c", "name": "n", "parentExternalReferenceId": key}]);
        (found.status, found.text().to_owned(), two.upsert(&child))
    });
    assert_eq!(theirs, nobodys);
    assert_eq!(theirs.0, 404);
    assert_eq!(theirs.2.1["results"][0]["errors"][0]["code"], "PARENT_GROUP_NOT_FOUND");
    check(&two, &shared("Renamed"), &["updated name"]);
    assert_eq!(one.group("shared")["name"], "One's");
}

#[test]
fn a_mistyped_data_directory_is_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let typo = directory.path().join("typo");
    for arguments in [["keys", "list"], ["tenants", "list"], ["keys", "create"]] {
        let (code, stdout, stderr) = finish(rosterd().args(arguments).arg("--data-dir").arg(&typo));
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(stderr.contains("there is no data in") && stderr.contains("--data-dir"), "{stderr}");
        assert!(!typo.exists(), "{arguments:?} made it");
    }
}

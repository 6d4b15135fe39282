//! The audit log: keys, whoever is turned away, and every batch, each in a line without secrets.

use serde_json::{Value, json};

use crate::harness::{Client, Exchange, GROUPS, OAuthClient, Server, UPSERT, finish, rosterd};

const PLANTED: &str = "planted-secret";

/// The audit lines in a log.
fn lines(log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["target"] == "audit").collect()
}

/// The one audit line of a request.
fn line_of(server: &Server, exchange: &Exchange, id: &str) -> Value {
    exchange.clone().with("x-request-id", id).send();
    let line = server.process.wait_for("what is to be audited", |log| {
        lines(log).into_iter().find(|line| line["request_id"] == id)
    });
    assert_eq!(lines(&server.process.log()).iter().filter(|line| line["request_id"] == id).count(), 1);
    line
}

fn public(client: &Client) -> &str {
    client.key.split('_').nth(1).unwrap()
}

/// A line without what is different each time.
fn told(mut line: Value) -> Value {
    let members = line.as_object_mut().unwrap();
    for name in ["timestamp", "level", "target"] {
        assert!(members.remove(name).is_some_and(|value| value.is_string()), "{name}");
    }
    line
}

#[test]
fn whoever_is_turned_away_is_told_of() {
    let server = Server::start();
    let (id, revoked) = server.new_key("default", "groups:read");
    server.cli(["keys", "revoke", &id]);
    let good = &server.client;
    let unknown = good.with_key(Server::start().client.key);
    let failed = |request: &str, reason: &str, key_id: Option<&str>| {
        let mut line = json!({
            "message": "authentication.failed", "request_id": request, "peer": "127.0.0.1", "reason": reason,
        });
        if let Some(key_id) = key_id {
            line["key_id"] = json!(key_id);
        }
        line
    };
    for (request, exchange, expected) in [
        ("r1", good.get(GROUPS).without("authorization"), failed("r1", "NO_KEY", None)),
        ("r2", good.get(GROUPS).with("authorization", "Basic eDp5"), failed("r2", "NO_KEY", None)),
        ("r3", good.with_key(PLANTED).get(GROUPS), failed("r3", "MALFORMED", None)),
        ("r4", unknown.get(GROUPS), failed("r4", "UNKNOWN", Some(public(&unknown)))),
        ("r5", revoked.post(UPSERT, "{"), failed("r5", "REVOKED", Some(&id))),
    ] {
        assert_eq!(told(line_of(&server, &exchange, request)), expected);
    }
    let (id, reader) = server.new_key("default", "groups:read");
    let line = line_of(&server, &reader.post(UPSERT, "{"), "r6");
    assert_eq!(
        told(line),
        json!({
            "message": "authorization.failed", "request_id": "r6", "peer": "127.0.0.1", "tenant": 1, "key_id": id,
            "scope": "groups:write",
        })
    );
    // A key of the right form with another secret; a form that is right shows no part of the secret.
    let log = server.process.log();
    for key in [&unknown.key, &revoked.key, &reader.key] {
        let secret = key.split('_').nth(2).unwrap();
        assert!(!log.contains(secret));
    }
    assert!(!log.contains(PLANTED));
}

#[test]
fn tokens_are_told_of() {
    let server = Server::start();
    let known = OAuthClient::create(&server, "default", "groups:read,groups:write");
    let told_of = |request: &str, rest: Value| {
        let mut line = json!({ "request_id": request, "peer": "127.0.0.1" });
        line.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        line
    };
    let refused = |error: &str| json!({ "message": "token.refused", "error": error });
    let denied = |reason: &str, key_id: &str| json!({ "message": "token.refused", "error": "invalid_client", "reason": reason, "key_id": key_id });
    let key = OAuthClient {
        id: public(&server.client).to_owned(),
        secret: server.client.key.clone(),
        ..known.clone()
    };
    let stranger = OAuthClient::create(&Server::start(), "default", "groups:read");
    let stranger = OAuthClient { server: known.server.clone(), ..stranger };
    let mistyped = OAuthClient { secret: PLANTED.to_owned(), ..known.clone() };
    let issued =
        json!({ "message": "token.issued", "tenant": 1, "key_id": known.id, "scopes": "groups:read" });
    for (request, exchange, expected) in [
        ("t1", known.ask(&[("scope", "groups:read")]), issued),
        ("t2", known.ask(&[("scope", PLANTED)]), refused("invalid_scope")),
        ("t3", known.ask(&[("client_id", PLANTED)]), refused("invalid_request")),
        ("t4", known.ask(&[]).with("authorization", format!("Bearer {PLANTED}")), refused("invalid_client")),
        ("t5", key.ask(&[]), denied("WRONG_KIND", &key.id)),
        ("t6", stranger.ask(&[]), denied("UNKNOWN", &stranger.id)),
    ] {
        assert_eq!(told(line_of(&server, &exchange, request)), told_of(request, expected));
    }
    let malformed = json!({ "message": "token.refused", "error": "invalid_client", "reason": "MALFORMED" });
    assert_eq!(told(line_of(&server, &mistyped.ask(&[]), "t7")), told_of("t7", malformed));
    let failed =
        |reason: &str| json!({ "message": "authentication.failed", "reason": reason, "key_id": known.id });
    // Who sends the secret itself is told the same as everybody; the log says what it was.
    let sent = server.client.with_key(&known.secret).get(GROUPS);
    assert_eq!(told(line_of(&server, &sent, "t8")), told_of("t8", failed("WRONG_KIND")));
    let signed_in = known.sign_in(&[]);
    server.cli(["keys", "revoke", &known.id]);
    assert_eq!(told(line_of(&server, &signed_in.get(GROUPS), "t9")), told_of("t9", failed("REVOKED")));
    assert_eq!(told(line_of(&server, &known.ask(&[]), "t10")), told_of("t10", denied("REVOKED", &known.id)));
    let log = server.process.log();
    for secret in [&known.secret, &stranger.secret, &signed_in.key] {
        let secret = secret.rsplit('_').next().unwrap();
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    assert!(!log.contains(PLANTED) && !log.contains(known.secret.split('_').nth(2).unwrap()));
}

#[test]
fn every_batch_is_told_of() {
    let server = Server::start_logging("off");
    let client = &server.client;
    let body = json!({"groups": [
        {"externalReferenceId": "a", "name": PLANTED, "description": PLANTED},
        {"externalReferenceId": PLANTED, "name": ""},
    ]})
    .to_string();
    let dry = format!("{UPSERT}?dryRun=true");
    let expected = |request: &str, line: &Value, counts: [u32; 3], revision: u32, dry_run: bool| {
        let [created, unchanged, failed] = counts;
        json!({
            "message": "run", "request_id": request, "peer": "127.0.0.1", "run_id": line["run_id"], "tenant": 1,
            "key_id": public(client), "face": "groups", "operation": "batch-upsert", "revision": revision,
            "dry_run": dry_run, "total": 2, "created": created, "updated": 0, "unchanged": unchanged,
            "archived": 0, "restored": 0, "failed": failed, "replayed": false,
        })
    };
    let key = |exchange: Exchange| exchange.header("idempotency-key", PLANTED);
    for (request, exchange, counts, revision, dry_run) in [
        ("b1", client.post(&dry, body.clone()), [1, 0, 1], 0, true),
        ("b2", key(client.post(UPSERT, body.clone())), [1, 0, 1], 1, false),
        ("b3", client.post(UPSERT, body.clone()), [0, 1, 1], 1, false),
    ] {
        let line = told(line_of(&server, &exchange, request));
        assert_eq!(line["run_id"].as_str().unwrap().len(), 32);
        assert_eq!(line, expected(request, &line, counts, revision, dry_run));
        let run = client.get(&format!("/v3/runs/{}", line["run_id"].as_str().unwrap())).send().json();
        assert_eq!((&run["revision"], &run["summary"]["failed"]), (&line["revision"], &line["failed"]));
    }
    let first = lines(&server.process.log()).into_iter().find(|line| line["request_id"] == "b2").unwrap();
    let again = line_of(&server, &key(client.post(UPSERT, body.clone())), "b4");
    assert_eq!(
        told(again),
        json!({
            "message": "run", "request_id": "b4", "peer": "127.0.0.1", "run_id": first["run_id"], "tenant": 1,
            "key_id": public(client), "replayed": true,
        })
    );
    // What is refused is no run.
    client.post(UPSERT, "{").header("x-request-id", "b5").send();
    line_of(&server, &client.get(GROUPS).without("authorization"), "b6");
    let log = server.process.log();
    assert!(!log.contains(PLANTED) && !log.contains("\"b5\""), "{log}");
    // Nothing else is logged, as was asked for; what is to be audited is.
    assert!(!log.contains("\"message\":\"request\""), "{log}");
}

#[test]
fn keys_that_come_and_go_are_told_of_where_the_command_runs() {
    let server = Server::start();
    let first = lines(&server.process.log());
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(
        told(first[0].clone()),
        json!({
            "message": "key.created", "key_id": public(&server.client), "kind": "key", "tenant": 1, "tenant_name": "default",
            "scopes": "groups:read groups:write admin",
        })
    );
    let (code, printed, stderr) = server.try_cli(["keys", "create", "--scopes", "groups:read", "--json"]);
    assert_eq!(code, Some(0));
    let key: Value = serde_json::from_str(&printed).unwrap();
    let created = lines(&stderr);
    assert_eq!(
        created.iter().cloned().map(told).collect::<Vec<_>>(),
        [json!({
            "message": "key.created", "key_id": key["id"], "kind": "key", "tenant": 1, "tenant_name": "default",
            "scopes": "groups:read",
        })]
    );
    assert!(!stderr.contains(key["key"].as_str().unwrap().split('_').nth(2).unwrap()));
    let revoke = || server.try_cli(["keys", "revoke", key["id"].as_str().unwrap(), "--json"]);
    let (_, _, stderr) = revoke();
    let revoked: Vec<Value> = lines(&stderr).into_iter().map(told).collect();
    assert_eq!(revoked, [json!({"message": "key.revoked", "key_id": key["id"], "tenant": 1})]);
    // What did not happen is not told.
    let (code, _, stderr) = revoke();
    assert_eq!((code, lines(&stderr).len()), (Some(1), 0));
    let (_, _, stderr) = server.try_cli(["keys", "list"]);
    assert_eq!(stderr, "");
    let (_, _, stderr) = finish(rosterd().arg("openapi"));
    assert_eq!(stderr, "");
}

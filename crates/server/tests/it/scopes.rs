//! Which scope opens which call, and that nothing of another tenant can be told from nothing.

use serde_json::{Value, json};

use crate::harness::{Answer, Client, Exchange, GROUPS, OAuthClient, Server, UPSERT};

/// Every call that needs a key, and the scope that opens it. No scope opens what another one does. In an order
/// in which all can be done.
const CALLS: [(&str, &str, &str); 43] = [
    ("GET", "/v3/groups", "groups:read"),
    ("POST", "/v3/groups", "groups:write"),
    ("PATCH", "/v3/groups/{id}", "groups:write"),
    ("DELETE", "/v3/groups/{id}", "groups:write"),
    ("POST", "/v3/groups/{id}/restore", "groups:write"),
    ("PATCH", "/v3/groups/by-reference-id/{externalReferenceId}", "groups:write"),
    ("DELETE", "/v3/groups/by-reference-id/{externalReferenceId}", "groups:write"),
    ("POST", "/v3/groups/by-reference-id/{externalReferenceId}/restore", "groups:write"),
    ("POST", "/v3/groups/batch-archive", "groups:write"),
    ("POST", "/v3/groups/batch-restore", "groups:write"),
    ("GET", "/v3/groups/changes", "groups:read"),
    ("GET", STREAM, "groups:read"),
    ("POST", "/v3/groups/batch-upsert", "groups:write"),
    ("GET", "/v3/groups/{id}", "groups:read"),
    ("GET", "/v3/groups/{id}/children", "groups:read"),
    ("GET", "/v3/groups/{id}/ancestors", "groups:read"),
    ("GET", "/v3/groups/{id}/tree", "groups:read"),
    ("GET", "/v3/groups/by-reference-id/{externalReferenceId}", "groups:read"),
    ("GET", "/v3/groups/by-reference-id/{externalReferenceId}/children", "groups:read"),
    ("GET", "/v3/groups/by-reference-id/{externalReferenceId}/ancestors", "groups:read"),
    ("GET", "/v3/groups/by-reference-id/{externalReferenceId}/tree", "groups:read"),
    ("GET", "/v3/runs", "groups:read"),
    ("POST", "/usergroups", "groups:write"),
    ("POST", "/usergroups/search", "groups:read"),
    ("POST", "/usergroups/bulk/id", "groups:write"),
    ("POST", "/usergroups/bulk/sourceId", "groups:write"),
    ("GET", USERGROUP, "groups:read"),
    ("PATCH", USERGROUP, "groups:write"),
    ("POST", ADDRESSES, "groups:write"),
    ("GET", ADDRESSES, "groups:read"),
    ("POST", BULK_ADDRESSES, "groups:write"),
    ("PATCH", ADDRESS, "groups:write"),
    ("DELETE", ADDRESS, "groups:write"),
    ("GET", VALUES, "groups:read"),
    ("POST", VALUES, "groups:write"),
    ("DELETE", USERGROUP, "groups:write"),
    ("POST", "/attributes", "groups:write"),
    ("POST", "/attributes/search", "groups:read"),
    ("POST", "/attributes/bulk/id", "groups:write"),
    ("POST", "/attributes/bulk/name", "groups:write"),
    ("GET", ATTRIBUTE, "groups:read"),
    ("PATCH", ATTRIBUTE, "groups:write"),
    ("DELETE", ATTRIBUTE, "groups:write"),
];
const VALUES: &str = "/usergroups/{lookupKey}/{lookupValue}/attributes";
const ATTRIBUTE: &str = "/attributes/{lookupKey}/{lookupValue}";
const USERGROUP: &str = "/usergroups/{lookupKey}/{lookupValue}";
const ADDRESSES: &str = "/usergroups/{lookupKey}/{lookupValue}/addresses";
const BULK_ADDRESSES: &str = "/usergroups/{lookupKey}/{lookupValue}/addresses/bulk";
const ADDRESS: &str = "/usergroups/{lookupKey}/{lookupValue}/addresses/{addressId}";
/// The one that does not end.
const STREAM: &str = "/v3/groups/changes/stream";
/// The one that needs a run.
const RUN: (&str, &str, &str) = ("GET", "/v3/runs/{id}", "groups:read");

fn calls() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    CALLS.into_iter().chain([RUN])
}

fn call(client: &Client, method: &str, path: &str, run: &str) -> Exchange {
    let id = if path == RUN.1 { run } else { "1" };
    let target = path.replace("{id}", id).replace("{externalReferenceId}", "a");
    let target = target.replace("{lookupKey}", "id").replace("{lookupValue}", "1");
    let target = target.replace("{addressId}", "1");
    let record = json!({"externalReferenceId": "a", "name": "A"});
    let body = match path {
        UPSERT => json!({ "groups": [record] }),
        "/v3/groups/batch-archive" | "/v3/groups/batch-restore" => json!({ "externalReferenceIds": ["a"] }),
        "/usergroups/search" => json!({}),
        "/usergroups/bulk/id" => json!({ "usergroups": [{ "id": 7 }] }),
        "/usergroups/bulk/sourceId" => json!({ "usergroups": [{ "sourceId": "b", "source": "S" }] }),
        ADDRESSES | BULK_ADDRESSES | ADDRESS => address_body(path),
        VALUES => json!([{ "id": 1 }]),
        ATTRIBUTE => json!({ "group": "g" }),
        "/attributes/search" => json!({}),
        "/attributes/bulk/id" => json!([{ "id": 1 }]),
        "/attributes" => json!({ "name": "A", "class": "user", "type": "text" }),
        "/attributes/bulk/name" => json!([{ "name": "B", "class": "user", "type": "text" }]),
        _ if path.starts_with("/usergroups") => json!({ "name": "A" }),
        _ => record,
    };
    let body = body.to_string();
    if method == "GET" { client.get(&target) } else { client.post(&target, body).method(method) }
}

/// What can be sent there, any number of times.
fn address_body(path: &str) -> Value {
    let address = json!({"type": "home", "street": "Kade", "city": "Lent", "country": "NL"});
    match path {
        BULK_ADDRESSES => json!({ "addresses": [address] }),
        _ => address,
    }
}

#[test]
fn each_call_is_opened_by_its_scope_alone() {
    each_call_is_opened(|server, scope| server.new_key("default", scope).1);
}

#[test]
fn each_call_is_opened_by_the_scope_of_a_token_alone() {
    each_call_is_opened(|server, scope| OAuthClient::create(server, "default", scope).sign_in(&[]));
    each_call_is_opened(|server, scope| {
        OAuthClient::create(server, "default", "groups:read,groups:write,admin").sign_in(&[("scope", scope)])
    });
}

/// By those who have its scope, and by nobody else.
fn each_call_is_opened(with: impl Fn(&Server, &str) -> Client) {
    let server = Server::start();
    let first = json!({"groups": [{"externalReferenceId": "a", "name": "A"}]}).to_string();
    let run = server.client.post(UPSERT, first).send().header("rosterd-run-id").unwrap().to_owned();
    let scopes = ["groups:read", "groups:write", "admin"];
    let clients = scopes.map(|scope| with(&server, scope));
    for (method, path, needed) in calls() {
        for (scope, client) in scopes.iter().zip(&clients) {
            let exchange = call(client, method, path, &run);
            if *scope == needed && path == STREAM {
                assert_eq!(exchange.method("HEAD").send().status, 200);
                continue;
            }
            let answer = exchange.send();
            if *scope == needed {
                assert!(
                    [200, 201, 204].contains(&answer.status),
                    "{method} {path} with {scope}: {}",
                    answer.text()
                );
                continue;
            }
            assert_eq!(
                (answer.status, code(&answer).as_str()),
                (403, "FORBIDDEN"),
                "{method} {path} with {scope}"
            );
            let problem = answer.json();
            if problem.get("error").is_none() {
                assert_eq!(
                    (&problem["reason"], &problem["scope"]),
                    (&json!("MISSING_SCOPE"), &json!(needed))
                );
            }
        }
        let answer = call(&server.client, method, path, &run).without("authorization").send();
        assert_eq!((answer.status, code(&answer).as_str()), (401, "UNAUTHENTICATED"), "{method} {path}");
    }
}

/// The stable code, in whichever form the contract has it.
fn code(answer: &Answer) -> String {
    let problem = answer.json();
    let code = problem["error"].get("errorCode").unwrap_or(&problem["code"]);
    code.as_str().unwrap().to_owned()
}

/// A call that is added to the description must be added here.
#[test]
fn no_call_is_forgotten() {
    let server = Server::start();
    let document = server.client.get("/openapi.json").send().json();
    let mut described: Vec<(String, String)> = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["security"] != json!([]) {
                described.push((method.to_uppercase(), path.clone()));
            }
        }
    }
    let mut listed: Vec<(String, String)> =
        calls().map(|(method, path, _)| (method.to_owned(), path.to_owned())).collect();
    described.sort();
    listed.sort();
    assert_eq!(described, listed);
}

/// All of an answer but for what no two have in common: when it was, which run it was, what is left to ask for,
/// and what was asked for, if it is repeated.
fn told(answer: &Answer, asked: &str) -> (u16, Vec<(String, String)>, String) {
    let mut headers = answer.headers().to_vec();
    headers.retain(|(name, _)| !["date", "rosterd-run-id", "ratelimit"].contains(&name.as_str()));
    (answer.status, headers, answer.text().replace(&format!("[{asked}]"), "_"))
}

#[test]
fn what_another_tenant_has_is_as_if_there_were_none() {
    let server = Server::start();
    let (one, two) = (server.new_tenant("one"), server.new_tenant("two"));
    let records: Value =
        (0..20).map(|number| json!({"externalReferenceId": format!("t2-{number}"), "name": "n"})).collect();
    let body = json!({ "groups": records }).to_string();
    let run = two.post(UPSERT, body).send().header("rosterd-run-id").unwrap().to_owned();
    let id = two.group("t2-19")["id"].as_str().unwrap().to_owned();
    let attribute = json!({ "name": "A", "class": "user", "type": "text" }).to_string();
    assert_eq!(two.post("/attributes", attribute).send().status, 201);
    let mut tried = 0;
    for (method, path, _) in calls() {
        let body = match path {
            ADDRESSES | BULK_ADDRESSES | ADDRESS => Some(address_body(path)),
            VALUES => Some(json!([{ "id": 1 }])),
            ATTRIBUTE => Some(json!({ "group": "g" })),
            _ => (method == "PATCH").then(|| json!({ "name": "n" })),
        };
        let path =
            path.replace("{lookupKey}", "id").replace("{lookupValue}", "{id}").replace("{addressId}", "1");
        let Some((start, rest)) = path.split_once('{') else { continue };
        let (name, end) = rest.split_once('}').unwrap();
        let (theirs, nobodys) = match name {
            _ if path == *RUN.1 => (run.as_str(), "019aa9c6f3007b1f0e2c94d85a6b3f17"),
            "id" if path.starts_with("/attributes") => ("1", "9007199254740991"),
            "id" => (id.as_str(), "9007199254740991"),
            _ => ("t2-1", "t3-1"),
        };
        let ask = |client: &Client, name: &str| {
            let target = format!("{start}{name}{end}");
            let exchange = match &body {
                Some(body) if method != "GET" && method != "DELETE" => client.post(&target, body.to_string()),
                _ => client.get(&target),
            };
            exchange.method(method).header("x-request-id", "same").send()
        };
        assert!([200, 201, 204].contains(&ask(&two, theirs).status), "{method} {path}");
        let (found, nothing) = (ask(&one, theirs), ask(&one, nobodys));
        assert_eq!(found.status, 404, "{path}");
        let (found, nothing) = (told(&found, theirs), told(&nothing, nobodys));
        // What is as long as what was asked for.
        let unmeasured = |told: &(u16, Vec<(String, String)>, String)| {
            let mut headers = told.1.clone();
            headers.retain(|(name, _)| name != "content-length");
            (told.0, headers, told.2.clone())
        };
        assert_eq!(unmeasured(&found), unmeasured(&nothing), "{path}");
        let repeated = path.starts_with("/usergroups") || path.starts_with("/attributes");
        assert!(repeated || found == nothing, "{path}");
        tried += 1;
    }
    assert_eq!(tried, 28);
    assert_eq!(one.get(GROUPS).send().json()["groups"], json!([]));
}

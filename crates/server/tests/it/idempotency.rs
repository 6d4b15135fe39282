//! A write that is done once for its key (rules §8).

use serde_json::{Value, json};

use crate::harness::{Answer, Exchange, Server, UPSERT};

const KEY: &str = "idempotency-key";

fn body(names: &[(&str, &str)]) -> String {
    let record = |(key, name): &(&str, &str)| json!({"externalReferenceId": key, "name": name});
    json!({ "groups": names.iter().map(record).collect::<Vec<Value>>() }).to_string()
}

fn replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

/// The refusal's status, code and reason.
fn refusal(exchange: &Exchange) -> (u16, String) {
    let answer = exchange.send();
    let problem = answer.json();
    (answer.status, format!("{} {}", problem["code"], problem["reason"]).replace('"', ""))
}

#[test]
fn the_first_answer_is_given_again() {
    let mut server = Server::start();
    let send = |server: &Server| {
        server.client.post(UPSERT, body(&[("a", "A"), ("b", "")])).header(KEY, "k-1").send()
    };
    let first = send(&server);
    assert_eq!((first.status, replayed(&first)), (207, false));
    let before = server.client.group("a");
    // Another client changes the group in between: the key still stands for what was done.
    server.client.upsert(&json!([{"externalReferenceId": "a", "name": "Other"}]));
    for restart in [Server::restart, Server::kill9_and_restart] {
        let again = send(&server);
        assert_eq!((again.status, replayed(&again)), (207, true));
        assert_eq!(again.body, first.body);
        restart(&mut server);
    }
    assert!(replayed(&send(&server)));
    let after = server.client.group("a");
    assert_eq!(
        (&before["name"], &after["name"], &after["revision"]),
        (&json!("A"), &json!("Other"), &json!(2))
    );
}

#[test]
fn an_unchanged_batch_is_remembered_too() {
    let server = Server::start();
    let client = &server.client;
    client.upsert(&json!([{"externalReferenceId": "a", "name": "A"}]));
    let unchanged = client.post(UPSERT, body(&[("a", "A")])).header(KEY, "nightly");
    assert_eq!(unchanged.send().json()["summary"]["unchanged"], 1);
    client.upsert(&json!([{"externalReferenceId": "a", "name": "B"}]));
    assert!(replayed(&unchanged.send()));
    assert_eq!(client.group("a")["name"], "B");
}

#[test]
fn a_key_stands_for_one_request() {
    let server = Server::start();
    let client = &server.client;
    assert_eq!(client.post(UPSERT, body(&[("a", "A")])).header(KEY, "k").send().status, 200);
    let reused = (422, "IDEMPOTENCY_KEY_REUSED null".to_owned());
    for other in [
        client.post(UPSERT, body(&[("a", "B")])),
        client.post(UPSERT, format!(" {}", body(&[("a", "A")]))),
        client.post(UPSERT, body(&[("a", "A")])).header("prefer", "handling=strict"),
        client.post(&format!("{UPSERT}?dryRun=false"), body(&[("a", "A")])),
    ] {
        assert_eq!(refusal(&other.header(KEY, "k")), reused);
    }
    assert_eq!(client.group("a")["revision"], 1);
    // Another tenant's key of the same name is another key, and a rehearsal takes none.
    let other = server.new_tenant("other");
    assert!(!replayed(&other.post(UPSERT, body(&[("a", "A")])).header(KEY, "k").send()));
    let rehearsal =
        client.post(&format!("{UPSERT}?dryRun=true"), body(&[("a", "C")])).header(KEY, "k").send();
    assert_eq!((rehearsal.status, replayed(&rehearsal)), (200, false));
}

#[test]
fn a_refused_request_does_not_use_its_key() {
    let server = Server::start();
    let client = &server.client;
    for (sent, status) in [("{".to_owned(), 400), (body(&[]), 400), (body(&[("a", "A")]), 200)] {
        assert_eq!(client.post(UPSERT, sent).header(KEY, "k").send().status, status);
    }
    assert_eq!(client.group("a")["name"], "A");
}

#[test]
fn what_is_no_key_is_refused() {
    let server = Server::start();
    let post = || server.client.post(UPSERT, body(&[("a", "A")]));
    let refused = (400, "VALIDATION_ERROR INVALID_IDEMPOTENCY_KEY".to_owned());
    let (long, longest) = ("k".repeat(256), "k".repeat(255));
    for bad in [
        post().header(KEY, ""),
        post().header(KEY, "a b"),
        post().header(KEY, "a\tb"),
        post().header(KEY, long),
        post().header(KEY, "a").header(KEY, "a"),
    ] {
        assert_eq!(refusal(&bad), refused);
    }
    assert_eq!(server.client.find("a").status, 404);
    assert_eq!(post().header(KEY, longest).send().status, 200);
}

/// Many at once with one key: one is done, each other is told that one's answer or that it is under way.
#[test]
fn at_once_it_is_done_once() {
    let server = Server::start();
    let names: Vec<(String, &str)> = (0..500).map(|number| (format!("g-{number}"), "n")).collect();
    let names: Vec<(&str, &str)> = names.iter().map(|(key, name)| (key.as_str(), *name)).collect();
    let post = server.client.post(UPSERT, body(&names)).header(KEY, "k");
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| post.send())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let done: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(done.iter().filter(|answer| !replayed(answer)).count(), 1);
    assert!(done.iter().all(|answer| answer.json()["summary"]["created"] == 500));
    for busy in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!((busy.status, &busy.json()["code"]), (409, &json!("IDEMPOTENCY_KEY_IN_USE")));
        assert!(busy.header("retry-after").is_some());
    }
    assert!(replayed(&post.send()));
    assert_eq!(server.client.group("g-0")["revision"], 1);
}

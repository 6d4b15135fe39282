//! A key stands for one request, whichever server it comes to.

use std::thread;

use serde_json::json;

use super::Pair;
use crate::harness::{Answer, Exchange, UPSERT};

const KEY: &str = "idempotency-key";
/// What comes in between is over soon.
const ATTEMPTS: usize = 1000;
const KEYS: usize = 12;
/// Clients of each server that send the same.
const CLIENTS: usize = 3;

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

/// Sends it until it is not under way at the same server.
#[track_caller]
fn insist(exchange: &Exchange) -> Answer {
    for _ in 0..ATTEMPTS {
        let answer = exchange.send();
        if answer.status != 409 {
            return answer;
        }
        assert!(answer.text().contains("IDEMPOTENCY_KEY_IN_USE"), "{}", answer.text());
    }
    panic!("it is under way for ever")
}

/// What clients of both servers are told that send this at once: one has it done, all others are told its answer.
#[track_caller]
fn at_once(pair: &Pair, make: impl Fn(&crate::harness::Client) -> Exchange) -> Answer {
    let exchanges: Vec<Exchange> = (0..CLIENTS).flat_map(|_| pair.clients()).map(make).collect();
    let mut answers: Vec<Answer> = thread::scope(|scope| {
        let asking: Vec<_> = exchanges.iter().map(|exchange| scope.spawn(|| insist(exchange))).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    answers.sort_by_key(is_replayed);
    let first = answers.remove(0);
    assert!(!is_replayed(&first), "nobody had it done: {}", first.text());
    for again in &answers {
        assert!(is_replayed(again), "done twice: {} {}", again.status, again.text());
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(again.header("rosterd-run-id"), first.header("rosterd-run-id"));
    }
    first
}

#[test]
fn at_once_through_both_it_is_done_once() {
    let Some(pair) = Pair::start() else { return };
    for number in 0..KEYS {
        let group = |index: usize| json!({"externalReferenceId": format!("{number}-{index}"), "name": "n"});
        let body = json!({ "groups": (0..50).map(group).collect::<Vec<_>>() }).to_string();
        let key = format!("k-{number}");
        let answer = at_once(&pair, |client| client.post(UPSERT, body.clone()).header(KEY, &key));
        assert_eq!((answer.status, &answer.json()["summary"]["created"]), (200, &json!(50)));
    }
    for client in pair.clients() {
        let newest = client.group(&format!("{}-0", KEYS - 1));
        assert_eq!(newest["revision"], KEYS, "each key took one revision");
        assert_eq!(client.get("/v3/runs").send().json()["runs"].as_array().unwrap().len(), KEYS);
    }
}

/// An unchanged batch moves no revision: only its answer tells the other server.
#[test]
fn what_changes_nothing_is_done_once_too() {
    let Some(pair) = Pair::start() else { return };
    let body = json!({"groups": [{"externalReferenceId": "a", "name": "A"}]}).to_string();
    pair.clients()[0].post(UPSERT, body.clone()).send();
    for number in 0..KEYS {
        let key = format!("k-{number}");
        let answer = at_once(&pair, |client| client.post(UPSERT, body.clone()).header(KEY, &key));
        assert_eq!(answer.json()["summary"]["unchanged"], 1);
    }
}

#[test]
fn definitions_are_made_once() {
    let Some(pair) = Pair::start() else { return };
    for number in 0..KEYS {
        let body =
            json!({"name": format!("A{number}"), "class": "user", "type": "text", "group": "g"}).to_string();
        let key = format!("k-{number}");
        let answer = at_once(&pair, |client| client.post("/attributes", body.clone()).header(KEY, &key));
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}

#[test]
fn a_key_that_the_other_server_knows_stands_for_its_request() {
    let Some(pair) = Pair::start() else { return };
    let [one, other] = pair.clients();
    let body = |name: &str| json!({"groups": [{"externalReferenceId": "a", "name": name}]}).to_string();
    assert_eq!(one.post(UPSERT, body("A")).header(KEY, "k").send().status, 200);
    let reused = other.post(UPSERT, body("B")).header(KEY, "k").send();
    assert_eq!((reused.status, &reused.json()["code"]), (422, &json!("IDEMPOTENCY_KEY_REUSED")));
    assert_eq!(other.group("a")["name"], "A");
}

//! What two servers owe each other while nothing happens to their database.

use std::collections::BTreeMap;
use std::thread;

use serde_json::json;
use store::cluster::database;

use super::Pair;
use crate::harness::UPSERT;

const ROUNDS: usize = 30;

/// A client that has lost patience with one server asks the other one: the batch is done once all the same, and
/// everybody is told the one answer, or that it is under way.
#[test]
fn one_key_on_both_servers_is_done_once() {
    let Some(database) = database() else { return };
    let pair = Pair::start(database.url());
    let clients = pair.clients();
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for round in 1..=ROUNDS {
        let record = |index: usize| json!({"externalReferenceId": format!("g{index}"), "name": format!("round {round}")});
        let body = json!({ "groups": (0..50).map(record).collect::<Vec<_>>() }).to_string();
        let answers = thread::scope(|scope| {
            let sent = (0..8).map(|number| {
                let post = clients[number % 2].post(UPSERT, body.clone());
                let post = post.header("idempotency-key", format!("round-{round}"));
                scope.spawn(move || post.send())
            });
            let sent: Vec<_> = sent.collect();
            sent.into_iter().map(|sent| sent.join().unwrap()).collect::<Vec<_>>()
        });
        let done: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        let first = |answer: &&&crate::harness::Answer| answer.header("idempotent-replayed").is_none();
        assert_eq!(done.iter().filter(first).count(), 1, "{answers:#?}");
        assert!(done.iter().all(|answer| answer.body == done[0].body), "{answers:#?}");
        for answer in &answers {
            let word = match answer.status {
                200 if answer.header("idempotent-replayed").is_some() => "told again".to_owned(),
                200 => "done".to_owned(),
                status => format!("{status} {}", answer.json()["code"]),
            };
            *said.entry(word).or_default() += 1;
        }
        assert_eq!(clients[0].group("g0")["revision"], round);
    }
    eprintln!("{said:?}");
    let known = ["done", "told again", "409 \"IDEMPOTENCY_KEY_IN_USE\""];
    assert!(said.keys().all(|word| known.contains(&word.as_str())), "{said:?}");
}

//! Several clients at once: as if one had come after the other.

use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use crate::harness::{Client, Server, check, measured, outcomes, rounds};

/// The servers that two clients ask: one, or two on one database, where there is one.
fn on_one_and_on_two(test: impl Fn([&Client; 2], &str)) {
    let server = Server::start_with(&UNLIMITED);
    test([&server.client; 2], "one server");
    if let Some(database) = store::cluster::database() {
        let server = Server::start_on_with(database.url(), &UNLIMITED);
        let beside = server.beside_with(database.url(), &UNLIMITED);
        test([&server.client, &beside.client], "two servers on PostgreSQL");
    }
}

const UNLIMITED: [&str; 4] = ["--requests-per-minute", "0", "--records-per-minute", "0"];

/// Has two clients do something at the same moment; what each got.
fn at_once<T: Send>(one: impl FnOnce() -> T + Send, other: impl FnOnce() -> T + Send) -> [T; 2] {
    let start = Barrier::new(2);
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            start.wait();
            other()
        });
        start.wait();
        [one(), other.join().unwrap()]
    })
}

fn outcome(client: &Client, record: &Value) -> String {
    let records = json!([record]);
    let (status, answer) = client.upsert(&records);
    outcomes(&records, status, &answer).remove(0)
}

#[test]
fn opposing_moves_never_build_a_cycle() {
    on_one_and_on_two(|clients, servers| {
        let moves = rounds(100);
        oppose(clients, moves);
        measured(&format!("{servers}: {moves} pairs of opposing moves"));
    });
}

fn oppose([client, other]: [&Client; 2], rounds: usize) {
    check(
        client,
        &json!([{"externalReferenceId": "a", "name": "A"}, {"externalReferenceId": "b", "name": "B"}]),
        &["created", "created"],
    );
    let below = |client: &Client, key: &str, parent: Option<&str>| {
        outcome(client, &json!({"externalReferenceId": key, "parentExternalReferenceId": parent}))
    };
    let mut winners = [0, 0];
    for _ in 0..rounds {
        let moves = at_once(|| below(client, "a", Some("b")), || below(other, "b", Some("a")));
        let won = moves.iter().position(|outcome| outcome == "updated parentExternalReferenceId").unwrap();
        let (loser, path) = if won == 0 { ("b", "b>a>b") } else { ("a", "a>b>a") };
        let lost = format!("failed HIERARCHY_CYCLE parentExternalReferenceId path={path}");
        assert_eq!(moves[1 - won], lost);
        assert_eq!(client.group(loser)["parentId"], Value::Null);
        winners[won] += 1;
        let winner = if won == 0 { "a" } else { "b" };
        assert_eq!(below(client, winner, None), "updated parentExternalReferenceId");
    }
    eprintln!("who came first: {winners:?}");
}

#[test]
fn a_key_is_created_once() {
    let server = Server::start();
    let client = &server.client;
    for round in 0..50 {
        let create =
            |name: &str| outcome(client, &json!({"externalReferenceId": format!("k-{round}"), "name": name}));
        let found = at_once(|| create("one"), || create("other"));
        let created = found.iter().position(|outcome| outcome == "created").unwrap();
        assert_eq!(found[1 - created], "updated name");
        // Who came second has the last word.
        assert_eq!(client.group(&format!("k-{round}"))["name"], ["other", "one"][created]);
    }
    let groups = client.all(1000);
    assert_eq!(groups.len(), 50);
    let ids: Vec<u64> = groups.iter().map(|group| group["id"].as_str().unwrap().parse().unwrap()).collect();
    assert!(ids.is_sorted_by(|one, next| one < next));
}

#[test]
fn a_batch_that_builds_below_another_sees_it_or_not() {
    let server = Server::start();
    let client = &server.client;
    for round in 0..50 {
        let (parent, child) = (format!("p-{round}"), format!("c-{round}"));
        let found = at_once(
            || outcome(client, &json!({"externalReferenceId": parent, "name": "n"})),
            || {
                outcome(
                    client,
                    &json!({"externalReferenceId": child, "name": "n", "parentExternalReferenceId": parent}),
                )
            },
        );
        assert_eq!(found[0], "created");
        match found[1].as_str() {
            "created" => assert_eq!(client.group(&child)["parentId"], client.group(&parent)["id"]),
            failed => assert_eq!(failed, "failed PARENT_GROUP_NOT_FOUND parentExternalReferenceId"),
        }
    }
}

#[test]
fn updates_of_different_fields_never_undo_each_other() {
    on_one_and_on_two(|clients, servers| {
        let each = rounds(300) / clients.len();
        count_up(clients, each);
        measured(&format!("{servers}: {} increments of fields of one group", each * clients.len()));
    });
}

/// Each counts up its own field, and reads its own writes; nobody ever sees anything go back.
fn count_up([client, other]: [&Client; 2], most: usize) {
    check(client, &json!([{"externalReferenceId": "g", "name": "0", "description": "0"}]), &["created"]);
    let count = |client: &Client, field: &str| {
        let mut seen = [0, 0, 0];
        for number in 1..=most {
            let record = json!({"externalReferenceId": "g", field: number.to_string()});
            assert_eq!(outcome(client, &record), format!("updated {field}"));
            let group = client.group("g");
            assert_eq!(group[field], number.to_string());
            let text = |name: &str| group[name].as_str().unwrap().parse::<u64>().unwrap();
            let now = [text("name"), text("description"), group["revision"].as_u64().unwrap()];
            assert!(now.iter().zip(seen).all(|(now, seen)| *now >= seen), "{now:?} after {seen:?}");
            seen = now;
        }
    };
    at_once(|| count(client, "name"), || count(other, "description"));
    let (group, last) = (client.group("g"), json!(most.to_string()));
    assert_eq!((&group["name"], &group["description"]), (&last, &last));
    assert_eq!(group["revision"], 2 * most + 1, "one revision for each batch that wrote");
}

#[test]
fn batches_that_overlap_end_as_one_of_their_orders() {
    let server = Server::start();
    let client = &server.client;
    let batch = |name: &str| {
        json!(
            (0..200)
                .map(|index| json!({"externalReferenceId": format!("k-{index}"), "name": name}))
                .collect::<Vec<_>>()
        )
    };
    for round in 0..10 {
        let names = [format!("one {round}"), format!("other {round}")];
        at_once(
            || assert_eq!(client.upsert(&batch(&names[0])).0, 200),
            || assert_eq!(client.upsert(&batch(&names[1])).0, 200),
        );
        let groups = client.all(1000);
        assert_eq!(groups.len(), 200);
        let last = groups[0]["name"].as_str().unwrap();
        assert!(names.iter().any(|name| name == last));
        assert!(
            groups.iter().all(|group| group["name"] == last && group["revision"] == groups[0]["revision"])
        );
    }
}

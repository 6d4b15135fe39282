//! Who follows the changes at one server is told what is written through the other.

use std::thread;

use serde_json::{Value, json};
use store::cluster::{PgBouncer, bouncer_available};

use super::{DATABASE, Pair};
use crate::harness::{Client, Events, Server};

const STREAM: &str = "/v3/groups/changes/stream";
const BATCHES: usize = 20;
const RECORDS: usize = 5;

fn follow(client: &Client) -> Events {
    Events::begin(&client.get(&format!("{STREAM}?since=0"))).unwrap()
}

fn records(writer: usize, batch: usize) -> Value {
    let record = |index: usize| {
        let key = format!("{writer}-{}", (batch + index) % (2 * RECORDS));
        json!({"externalReferenceId": key, "name": format!("{writer} {batch}")})
    };
    (0..RECORDS).map(record).collect()
}

/// Batches go through both servers at once, and who follows at either ends with what is stored: everything in the
/// order of revisions, nothing twice, nothing left out.
fn misses_nothing(clients: [&Client; 2]) {
    let last = thread::scope(|scope| {
        let followers = clients.map(|client| scope.spawn(move || hear_until_the_end(client)));
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let client = clients[writer % 2];
                scope.spawn(move || {
                    for batch in 0..BATCHES {
                        assert_eq!(client.upsert(&records(writer, batch)).0, 200);
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        assert_eq!(clients[0].upsert(&json!([{"externalReferenceId": "end", "name": "end"}])).0, 200);
        followers.map(|follower| follower.join().unwrap())
    });
    let stored = clients[1].all(1000);
    for mut heard in last {
        heard.sort_by_key(|group| group["id"].as_str().unwrap().parse::<u64>().unwrap());
        assert_eq!(heard, stored);
    }
}

/// What somebody knows in the end who hears nothing but the stream.
fn hear_until_the_end(client: &Client) -> Vec<Value> {
    let (mut known, mut last): (Vec<Value>, _) = (Vec::new(), (0, 0));
    let mut events = follow(client);
    loop {
        let group = events.next().unwrap().group;
        let place =
            (group["revision"].as_u64().unwrap(), group["id"].as_str().unwrap().parse::<u64>().unwrap());
        assert!(place > last, "{place:?} after {last:?}");
        last = place;
        known.retain(|before| before["id"] != group["id"]);
        let is_end = group["name"] == "end";
        known.push(group);
        if is_end {
            return known;
        }
    }
}

#[test]
fn who_follows_misses_nothing_that_the_other_server_writes() {
    let Some(pair) = Pair::start() else { return };
    misses_nothing(pair.clients());
}

/// Hints do not arrive there: who follows looks by itself.
#[test]
fn who_follows_misses_nothing_behind_a_pooler() {
    if !bouncer_available() {
        return;
    }
    let Some(pair) = Pair::start() else { return };
    let bouncer = PgBouncer::in_front_of(&pair.cluster);
    let servers = [(); 2].map(|()| pair.servers[0].beside(&bouncer.url(DATABASE)));
    misses_nothing(servers.each_ref().map(|server: &Server| &server.client));
}

//! `kill -9` at any moment: what was acknowledged is there, and no batch is there in part.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;

use serde_json::{Value, json};

use crate::harness::{Client, Exchange, Random, Server, UPSERT, rounds};

/// `ROSTERD_TEST_ROUNDS` asks for more.
const ROUNDS: usize = 12;
const WRITERS: usize = 4;
const BATCH: usize = 100;

/// A batch that was sent: its name, and whether it was acknowledged.
pub(crate) type Sent = (String, bool);

/// New groups whose keys, names and descriptions tell to which batch they belong.
pub(crate) fn batch(name: &str) -> Value {
    let record = |index: usize| {
        json!({
            "externalReferenceId": format!("{name}-{index}"), "name": format!("{name} name {index}"),
            "description": name,
            // A tree, so that parents and children are written together.
            "parentExternalReferenceId": (index > 0).then(|| format!("{name}-{}", (index - 1) / 5)),
        })
    };
    json!((0..BATCH).map(record).collect::<Vec<_>>())
}

/// Sends batch after batch until the server is gone; tells of each one that was acknowledged.
pub(crate) fn write_until_the_end(
    client: &Client,
    writer: &str,
    acknowledged: &mpsc::Sender<()>,
) -> Vec<Sent> {
    let mut sent = Vec::new();
    loop {
        let name = format!("{writer}-b{}", sent.len());
        let Ok((status, answer)) = client.try_upsert(&batch(&name)) else {
            sent.push((name, false));
            return sent;
        };
        assert_eq!((status, &answer["summary"]["created"]), (200, &json!(BATCH)), "{answer:#}");
        sent.push((name, true));
        // The one who counts stops listening when it has heard enough.
        let _ = acknowledged.send(());
    }
}

/// Not at an acknowledgement, but somewhere after it: the time is about that of a batch, since those who are told at
/// once also go on at once, and what happens to them next happens to all in one moment.
fn kill_somewhere(server: &mut Server, random: &mut Random) {
    for _ in 0..random.below(2_000_000) {
        std::hint::spin_loop();
    }
    server.kill9_and_restart();
}

#[test]
fn what_was_acknowledged_survives_and_no_batch_is_there_in_part() {
    let mut server = Server::start();
    let mut random = Random::new();
    let mut sent: Vec<Sent> = Vec::new();
    for round in 0..rounds(ROUNDS) {
        let enough = random.below(3 * WRITERS) + 1;
        let (acknowledge, acknowledged) = mpsc::channel();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (client, acknowledge) = (server.client.clone(), acknowledge.clone());
                let name = format!("r{round}-w{writer}");
                thread::spawn(move || write_until_the_end(&client, &name, &acknowledge))
            })
            .collect();
        drop(acknowledge);
        assert_eq!(acknowledged.iter().take(enough).count(), enough, "the writers ended early");
        kill_somewhere(&mut server, &mut random);
        sent.extend(writers.into_iter().flat_map(|writer| writer.join().unwrap()));
        check_stored(&server.client, &sent);
    }
    // It is a server like any other: the same batches again find everything, or complete it.
    for (name, acknowledged) in &sent {
        let (status, answer) = server.client.upsert(&batch(name));
        let unchanged = answer["summary"]["unchanged"].as_u64();
        assert_eq!(status, 200);
        assert!(unchanged == Some(100) || (!acknowledged && unchanged == Some(0)), "{name}: {answer:#}");
    }
}

pub(crate) fn check_stored(client: &Client, sent: &[Sent]) {
    let mut stored: BTreeMap<String, usize> = BTreeMap::new();
    let mut ids = BTreeMap::new();
    for group in client.all(1000) {
        let key = group["externalReferenceId"].as_str().unwrap();
        let (name, index) = key.rsplit_once('-').unwrap();
        let index: usize = index.parse().unwrap();
        assert_eq!(group["name"], format!("{name} name {index}"));
        assert_eq!(group["description"], name);
        let parent = (index > 0).then(|| format!("{name}-{}", (index - 1) / 5));
        assert_eq!(group["parentExternalReferenceId"].as_str(), parent.as_deref());
        *stored.entry(name.to_owned()).or_default() += 1;
        assert_eq!(ids.insert(group["id"].to_string(), key.to_owned()), None, "an id twice");
    }
    for (name, acknowledged) in sent {
        let found = stored.remove(name).unwrap_or(0);
        assert!(
            found == BATCH || (found == 0 && !acknowledged),
            "{found} records of {name}, acknowledged: {acknowledged}"
        );
    }
    assert_eq!(stored, BTreeMap::new(), "groups that nobody sent");
}

/// Sends batch after batch, each with a key of its own, until the server is gone; the one that was not answered.
fn write_with_keys(client: &Client, writer: &str, acknowledged: &mpsc::Sender<()>) -> Exchange {
    for number in 0.. {
        let name = format!("{writer}-k{number}");
        let body = json!({"groups": batch(&name)}).to_string();
        let request = client.post(UPSERT, body).header("idempotency-key", &name);
        let Ok(answer) = request.try_send() else { return request };
        assert_eq!(answer.json()["summary"]["created"], BATCH, "{}", answer.text());
        let _ = acknowledged.send(());
    }
    unreachable!("the numbers do not end")
}

/// Whether the first one was done or not: whoever sends it again is told what it did.
#[test]
fn a_key_is_kept_with_what_was_done_for_it_or_neither_is() {
    let mut server = Server::start();
    let mut random = Random::new();
    let mut replayed = 0;
    for round in 0..rounds(ROUNDS) {
        let (acknowledge, acknowledged) = mpsc::channel();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (client, acknowledge) = (server.client.clone(), acknowledge.clone());
                thread::spawn(move || write_with_keys(&client, &format!("r{round}-w{writer}"), &acknowledge))
            })
            .collect();
        drop(acknowledge);
        acknowledged.iter().nth(random.below(WRITERS)).unwrap();
        kill_somewhere(&mut server, &mut random);
        for writer in writers {
            let again = writer.join().unwrap().with_address(server.client.address).send();
            assert_eq!((again.status, &again.json()["summary"]["created"]), (200, &json!(BATCH)));
            replayed += usize::from(again.header("idempotent-replayed").is_some());
        }
    }
    eprintln!("{replayed} of {} requests without an answer had been done", rounds(ROUNDS) * WRITERS);
}

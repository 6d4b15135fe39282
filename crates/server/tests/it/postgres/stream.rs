//! A stream of batches through several servers, and what must be stored after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Answer, Client, UPSERT};

const WRITERS: usize = 4;
const RECORDS: usize = 20;
/// Each writer writes to so many sets of groups in turn: first it creates them, then it changes each of them.
const SETS: usize = 3;
/// A batch that is refused for so long is lost.
const GUARD: Duration = Duration::from_mins(2);
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// Writers that go on until there is enough.
pub(super) struct Stream {
    writers: Vec<JoinHandle<Written>>,
    acknowledged: Receiver<()>,
    enough: Arc<AtomicBool>,
}

/// What one writer was told.
struct Written {
    writer: usize,
    batches: usize,
    /// Answers that were none, as status and code, or as what went wrong with the connection.
    refused: BTreeMap<String, usize>,
}

impl Stream {
    pub(super) fn start(clients: &[Client; 2]) -> Self {
        let (acknowledge, acknowledged) = channel();
        let enough = Arc::new(AtomicBool::new(false));
        let writers = (0..WRITERS).map(|writer| {
            let (clients, enough, acknowledge) = (clients.clone(), Arc::clone(&enough), acknowledge.clone());
            thread::spawn(move || write(writer, &clients, &enough, &acknowledge))
        });
        Self { writers: writers.collect(), acknowledged, enough }
    }

    /// Waits until so many more batches have been acknowledged.
    #[track_caller]
    pub(super) fn go_on(&self, batches: usize) {
        let come = self.acknowledged.iter().take(batches).count();
        assert_eq!(come, batches, "a writer gave up");
    }

    /// Ends the stream and compares what both servers show with what was acknowledged. How often batches were
    /// refused on the way, by what was said.
    #[track_caller]
    pub(super) fn end(self, clients: &[Client; 2]) -> BTreeMap<String, usize> {
        self.enough.store(true, Ordering::SeqCst);
        let written: Vec<Written> = self.writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        for client in clients {
            check(client, &written);
        }
        let mut refused = BTreeMap::new();
        for (said, times) in written.into_iter().flat_map(|written| written.refused) {
            *refused.entry(said).or_default() += times;
        }
        eprintln!("refused on the way: {refused:?}");
        refused
    }
}

/// The idempotency key of a batch.
fn name(writer: usize, batch: usize) -> String {
    format!("w{writer}-b{batch}")
}

/// The external key of a record.
fn key(writer: usize, batch: usize, record: usize) -> String {
    format!("w{writer}-s{}-{record}", batch % SETS)
}

/// Records that tell which batch was the last to write them.
fn body(writer: usize, batch: usize) -> String {
    let record = |index: usize| {
        json!({
            "externalReferenceId": key(writer, batch, index), "name": format!("name {index}"),
            "description": name(writer, batch),
            "parentExternalReferenceId": (index > 0).then(|| key(writer, batch, (index - 1) / 5)),
        })
    };
    json!({ "groups": (0..RECORDS).map(record).collect::<Vec<_>>() }).to_string()
}

fn write(writer: usize, clients: &[Client], enough: &AtomicBool, acknowledge: &Sender<()>) -> Written {
    let mut written = Written { writer, batches: 0, refused: BTreeMap::new() };
    while !enough.load(Ordering::SeqCst) || written.batches < SETS {
        let batch = written.batches;
        let answer = send(writer, batch, clients, &mut written.refused);
        // Content that is new each time: had it been applied twice, the second answer would say so.
        let what = if batch < SETS { "created" } else { "updated" };
        assert_eq!(answer.json()["summary"][what], RECORDS, "{}: {}", name(writer, batch), answer.text());
        written.batches += 1;
        // The one who counts stops listening when it has heard enough.
        let _ = acknowledge.send(());
    }
    written
}

/// Sends a batch to one server after the other until one has done it.
fn send(writer: usize, batch: usize, clients: &[Client], refused: &mut BTreeMap<String, usize>) -> Answer {
    let start = Instant::now();
    let (key, body) = (name(writer, batch), body(writer, batch));
    for client in clients.iter().cycle().skip(writer + batch) {
        let sent = client.post(UPSERT, body.clone()).header("idempotency-key", &key).try_send();
        let said = match sent {
            Ok(answer) if answer.status == 200 => return answer,
            Ok(answer) => {
                let known = [409, 503].contains(&answer.status) && answer.header("retry-after").is_some();
                assert!(known, "{key}: {} {}", answer.status, answer.text());
                format!("{} {}", answer.status, answer.json()["code"].as_str().unwrap())
            }
            Err(error) => format!("{:?}", error.kind()),
        };
        assert!(start.elapsed() < GUARD, "{key} is still refused: {said}");
        *refused.entry(said).or_default() += 1;
        sleep(TRY_AGAIN);
    }
    unreachable!("the servers are asked in turn, for ever")
}

/// Every batch was done once, and the last one of each set is what is there.
#[track_caller]
fn check(client: &Client, written: &[Written]) {
    let revisions = revisions(client);
    let sent: BTreeSet<String> =
        written.iter().flat_map(|one| (0..one.batches).map(|batch| name(one.writer, batch))).collect();
    assert_eq!(revisions.keys().cloned().collect::<BTreeSet<_>>(), sent, "runs are those of the batches");
    let all: BTreeSet<u64> = revisions.values().copied().collect();
    let expected: BTreeSet<u64> = (1..=sent.len() as u64).collect();
    assert_eq!(all, expected, "each batch has one revision of its own");
    let mut stored: BTreeMap<String, Value> = BTreeMap::new();
    for group in client.all(1000) {
        let key = group["externalReferenceId"].as_str().unwrap().to_owned();
        assert_eq!(stored.insert(key, group), None, "a reference twice");
    }
    for one in written {
        for batch in one.batches - SETS..one.batches {
            for record in 0..RECORDS {
                let group = stored.remove(&key(one.writer, batch, record));
                let group = group.unwrap_or_else(|| panic!("{} is lost", key(one.writer, batch, record)));
                let last = name(one.writer, batch);
                assert_eq!(
                    (&group["description"], &group["revision"]),
                    (&json!(last), &json!(revisions[&last]))
                );
                let parent = (record > 0).then(|| key(one.writer, batch, (record - 1) / 5));
                assert_eq!(group["parentExternalReferenceId"].as_str(), parent.as_deref());
            }
        }
    }
    assert!(stored.is_empty(), "groups that nobody sent: {stored:?}");
}

/// The revision of each batch's run, by its idempotency key.
#[track_caller]
fn revisions(client: &Client) -> BTreeMap<String, u64> {
    let (mut found, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let answer = client.get(&format!("/v3/runs?limit=100{cursor}")).send();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        for run in page["runs"].as_array().unwrap() {
            let key = run["idempotencyKey"].as_str().unwrap_or_else(|| panic!("{run}")).to_owned();
            let revision = run["revision"].as_u64().unwrap();
            assert_eq!(found.insert(key, revision), None, "two runs of one batch: {run}");
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

//! Promises about batches, held over the socket to random batches, on both engines: records are independent of each
//! other, their order does not matter, the same batch twice is as good as once.
//!
//! A few cases in the suite; `ROSTERD_TEST_ROUNDS` asks for more, `just promises` for as many as a release has to show.

mod independence;
mod order;
mod records;
mod repetition;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use rig::Connection;
use serde_json::{Value, json};

use crate::harness::{GROUPS, Random, Server, UPSERT};

const WORKERS: usize = 8;
/// Rates are not what is tested, and a tree reaches six levels sooner than 64.
const OPTIONS: [&str; 6] = ["--requests-per-minute", "0", "--records-per-minute", "0", "--max-depth", "6"];

/// On the embedded engine, then on PostgreSQL, where there is one. How many cases a test makes of it is its matter.
fn on_both_engines(test: impl Fn(&Server, &str)) {
    test(&Server::start_with(&OPTIONS), "embedded");
    if let Some(database) = store::cluster::database() {
        test(&Server::start_on_with(database.url(), &OPTIONS), "PostgreSQL");
    }
}

/// Does so many pieces of work, several at once, each with choices of its own.
fn share(pieces: usize, work: impl Fn(usize, Random) + Sync) {
    let (next, seed) = (AtomicUsize::new(0), Random::new().next());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS.min(pieces) {
            scope.spawn(|| {
                loop {
                    let piece = next.fetch_add(1, Ordering::Relaxed);
                    if piece >= pieces {
                        return;
                    }
                    let mut random = Random::from_seed(seed.wrapping_add(piece as u64));
                    work(piece, Random::from_seed(random.next()));
                }
            });
        }
    });
}

/// A tenant of one's own, and a connection to it that stays.
struct Directory(Connection);

impl Directory {
    fn new(server: &Server, name: &str) -> Self {
        let client = server.new_tenant(name);
        Self(Connection::new(client.address, client.key))
    }

    /// Sends records; what each was told.
    fn send(&mut self, records: &[Value]) -> Vec<Value> {
        let body = json!({ "groups": records }).to_string();
        let reply = self.0.send("POST", UPSERT, None, Some(&body)).unwrap();
        assert!([200, 207].contains(&reply.status), "{} {} to {body}", reply.status, reply.body);
        let mut answer: Value = serde_json::from_str(&reply.body).unwrap();
        let Value::Array(results) = answer["results"].take() else { panic!("{body}") };
        assert_eq!(results.len(), records.len());
        results
    }

    fn archive(&mut self, key: &str) {
        let reply = self.0.send("DELETE", &format!("{GROUPS}/by-reference-id/{key}"), None, None).unwrap();
        assert_eq!(reply.status, 204);
    }

    fn get(&mut self, target: &str) -> String {
        let reply = self.0.get(target).unwrap();
        assert_eq!(reply.status, 200, "{target}: {}", reply.body);
        reply.body
    }

    /// Everything that lists show, archived groups too, byte for byte.
    fn listed(&mut self) -> Vec<String> {
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{GROUPS}?archived=any&limit=1000{cursor}"));
            let next = serde_json::from_str::<Value>(&page).unwrap()["nextCursor"].take();
            pages.push(page);
            cursor.clear();
            match next.as_str() {
                Some(next) => write!(cursor, "&cursor={next}").unwrap(),
                None => return pages,
            }
        }
    }

    /// The groups by their keys, without ids, which the order of the records decides, and without times.
    fn groups(&mut self) -> BTreeMap<String, Value> {
        let mut groups = BTreeMap::new();
        for page in self.listed() {
            let mut page: Value = serde_json::from_str(&page).unwrap();
            for group in page["groups"].as_array_mut().unwrap() {
                let members = group.as_object_mut().unwrap();
                for name in ["id", "parentId", "createdAt", "updatedAt", "archivedAt"] {
                    members.remove(name);
                }
                let key = group["externalReferenceId"].as_str().unwrap().to_owned();
                assert_eq!(groups.insert(key, group.take()), None);
            }
        }
        groups
    }
}

/// What became of a record, without its place and without an assigned id: other records are named by their keys.
fn told(result: &Value, records: &[Value]) -> Value {
    let mut told = result.clone();
    let members = told.as_object_mut().unwrap();
    members.remove("inputIndex");
    members.remove("id");
    for error in members.get_mut("errors").and_then(Value::as_array_mut).into_iter().flatten() {
        // The sentence says the same, with places in it.
        error.as_object_mut().unwrap().remove("message");
        let key = |place: &Value| {
            records[usize::try_from(place.as_u64().unwrap()).unwrap()]["externalReferenceId"].clone()
        };
        if let Some(parent) = error.get_mut("parentIndex") {
            *parent = key(parent);
        }
        for peer in error.get_mut("peers").and_then(Value::as_array_mut).into_iter().flatten() {
            *peer = key(peer);
        }
    }
    told
}

/// Whether a record was done, if only by finding that there was nothing to do.
fn is_done(result: &Value) -> bool {
    result["status"] != "failed"
}

//! The order of the records does not matter, and no size of a batch shows how it is cut inside.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::records::Records;
use super::{Directory, is_done, on_both_engines, share, told};
use crate::harness::{Random, Server, measured, rounds};

/// Around whatever anybody would cut a batch into.
const SIZES: [usize; 16] = [1, 2, 99, 100, 101, 199, 200, 201, 255, 256, 257, 499, 500, 501, 999, 1000];

/// Random batches of random sizes are shuffled in the store's tests, behind planner and engines: `differential::order`.
#[test]
fn shuffled_batches_of_every_edge_do_the_same() {
    on_both_engines(|server, engine| {
        // Each shuffle needs a tenant that has not seen the others.
        let shuffles = rounds(1);
        let done = AtomicUsize::new(0);
        share(SIZES.len(), |place, random| {
            done.fetch_add(live(server, SIZES[place], random, shuffles), Ordering::Relaxed);
        });
        // One that fails high up in its tree takes most of its batch with it, but not in all of them.
        let (done, all) = (done.into_inner(), SIZES.iter().sum::<usize>());
        assert!(done * 4 > all, "only {done} of {all} were done");
        measured(&format!("{engine}: {shuffles} shuffles of batches of {} sizes", SIZES.len()));
    });
}

/// How many records of the batch were done.
fn live(server: &Server, size: usize, random: Random, shuffles: usize) -> usize {
    let mut records = Records::new(random);
    let [before, mut batch] = records.tree(size);
    let first = outcome(server, &format!("order-{size}-0"), &before, &batch);
    for shuffle in 1..=shuffles {
        records.random.shuffle(&mut batch);
        let found = outcome(server, &format!("order-{size}-{shuffle}"), &before, &batch);
        let differs = differing(&first, &found);
        assert!(
            differs.is_empty(),
            "shuffle {shuffle} of {size}: {differs:#?}\nof {}\nafter {}",
            json!(batch),
            json!(before)
        );
    }
    first.0.values().flatten().filter(|told| is_done(told)).count()
}

/// What two orders of a batch came to where it is not the same.
fn differing(first: &Outcome, found: &Outcome) -> Vec<String> {
    let told = first.0.iter().filter(|(key, told)| found.0.get(*key) != Some(*told));
    let told = told.map(|(key, told)| format!("{key}: {} and {}", json!(told), json!(found.0.get(key))));
    let kept = first.1.keys().chain(found.1.keys()).filter(|key| first.1.get(*key) != found.1.get(*key));
    told.chain(kept.map(|key| format!("{key}: {} and {}", json!(first.1.get(key)), json!(found.1.get(key)))))
        .collect()
}

/// What became of each key, and what is stored.
type Outcome = (BTreeMap<String, Vec<Value>>, BTreeMap<String, Value>);

fn outcome(server: &Server, tenant: &str, before: &[Value], batch: &[Value]) -> Outcome {
    let mut directory = Directory::new(server, tenant);
    directory.send(before);
    let mut outcomes: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (record, result) in batch.iter().zip(directory.send(batch)) {
        let key = record["externalReferenceId"].as_str().unwrap().to_owned();
        outcomes.entry(key).or_default().push(told(&result, batch));
    }
    // Records of one key all fail, in the order in which they stand.
    for told in outcomes.values_mut() {
        told.sort_by_key(Value::to_string);
    }
    (outcomes, directory.groups())
}

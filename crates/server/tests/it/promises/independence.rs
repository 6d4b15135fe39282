//! A record that fails changes nothing but its own outcome.

use serde_json::{Value, json};

use super::records::Records;
use super::{Directory, is_done, on_both_engines, share, told};
use crate::harness::{Random, Server, measured, rounds};

/// Cases of which each finds what the ones before it have stored.
const A_LIFE: usize = 200;

/// Two tenants that hold the same get the same batch, the second one with bad records among it: what the others are
/// told, and what is stored, is the same.
#[test]
fn records_that_fail_change_nothing_for_the_others() {
    on_both_engines(|server, engine| {
        let cases = rounds(60);
        let lives = cases.div_ceil(A_LIFE);
        share(lives, |life, random| live(server, life, random, A_LIFE.min(cases - life * A_LIFE)));
        measured(&format!("{engine}: {cases} batches with and without bad records"));
    });
}

fn live(server: &Server, life: usize, random: Random, cases: usize) {
    let mut both = ["alone", "among"].map(|name| Directory::new(server, &format!("{name}-{life}")));
    for directory in &mut both {
        assert!(directory.send(&Records::ground()).iter().all(is_done));
        directory.archive("arch");
    }
    let [mut alone, mut among] = both;
    let (mut records, mut done, mut tried) = (Records::new(random), 0, 0);
    for case in 0..cases {
        let good = records.batch();
        let mixed = mix(&mut records, &good);
        let (places, sent): (Vec<Option<usize>>, Vec<Value>) = mixed.into_iter().unzip();
        let (expected, found) = (alone.send(&good), among.send(&sent));
        for (place, result) in places.iter().zip(&found) {
            let Some(place) = place else {
                assert!(!is_done(result), "case {case} of life {life}: {result} of {}", json!(sent));
                continue;
            };
            let (expected, found) = (told(&expected[*place], &good), told(result, &sent));
            assert_eq!(expected, found, "case {case} of life {life}: {}", json!(sent));
            (done, tried) = (done + usize::from(is_done(result)), tried + 1);
        }
        assert_eq!(alone.groups(), among.groups(), "after case {case} of life {life}: {}", json!(sent));
    }
    assert!(done * 2 > tried, "only {done} of {tried} good records were done");
}

/// The records of a batch, each with its place in it, and at random places between them bad ones.
fn mix(records: &mut Records, good: &[Value]) -> Vec<(Option<usize>, Value)> {
    let mut mixed: Vec<_> = good.iter().cloned().enumerate().map(|(place, it)| (Some(place), it)).collect();
    for _ in 0..=records.random.below(4) {
        for bad in records.bad() {
            mixed.insert(records.random.below(mixed.len() + 1), (None, bad));
        }
    }
    mixed
}

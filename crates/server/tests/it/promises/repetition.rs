//! The same batch twice is as good as once.

use serde_json::{Value, json};

use super::records::Records;
use super::{Directory, is_done, on_both_engines, share};
use crate::harness::{GROUPS, Random, Server, measured, rounds};

/// Cases of which each finds what the ones before it have stored.
const A_LIFE: usize = 100;

/// The second answer says so, and neither lists nor the feed of changes show any difference: no revision, no event, no
/// time moves.
#[test]
fn the_same_batch_again_changes_nothing() {
    on_both_engines(|server, engine| {
        let cases = rounds(60);
        let lives = cases.div_ceil(A_LIFE);
        share(lives, |life, random| live(server, life, random, A_LIFE.min(cases - life * A_LIFE)));
        measured(&format!("{engine}: {cases} batches sent twice"));
    });
}

fn live(server: &Server, life: usize, random: Random, cases: usize) {
    let mut directory = Directory::new(server, &format!("twice-{life}"));
    let (mut records, mut written) = (Records::new(random), 0);
    for case in 0..cases {
        let batch = records.batch();
        let first = directory.send(&batch);
        let before = everything(&mut directory);
        let second = directory.send(&batch);
        assert_eq!(before, everything(&mut directory), "case {case} of life {life}: {}", json!(batch));
        for (first, second) in first.iter().zip(&second) {
            let expected = again(first);
            assert_eq!(expected, again(second), "case {case} of life {life}: {}", json!(batch));
            assert!(["failed", "unchanged"].iter().any(|status| second["status"] == *status), "{second}");
        }
        written += first.iter().filter(|it| is_done(it) && it["status"] != "unchanged").count();
    }
    assert!(written > cases, "only {written} records of {cases} batches changed something");
}

/// What a result says that the next one has to say too: which group, or why not.
fn again(result: &Value) -> [&Value; 2] {
    [&result["id"], &result["errors"]]
}

/// Lists, and the feed from its beginning, byte for byte.
fn everything(directory: &mut Directory) -> Vec<String> {
    let mut pages = directory.listed();
    pages.push(directory.get(&format!("{GROUPS}/changes?since=0&limit=1000")));
    pages
}

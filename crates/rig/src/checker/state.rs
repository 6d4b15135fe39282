//! What is stored in the end, against what must be.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::told::shorten;
use crate::history::{Found, timeless};
use crate::oracle::Oracle;
use crate::tally::Tally;

/// Compares everything.
pub(super) fn compare(oracle: &Oracle, found: &Found, tally: &mut Tally) {
    let [expected, stored] = [&oracle.groups(), &found.groups].map(|groups| by_id(groups));
    let ids: BTreeSet<i64> = expected.keys().chain(stored.keys()).copied().collect();
    let mut torn = BTreeMap::new();
    for id in ids {
        let (expected, stored) = (expected.get(&id), stored.get(&id));
        if expected == stored {
            continue;
        }
        // Each group says which revision wrote it last. One that does not say the right one was missed by a batch
        // whose run is there, or reached by one whose run is not.
        match (expected.map(revision), stored.map(revision)) {
            (Some(due), Some(said)) if due == said => {
                let [due, said] = [expected, stored].map(|group| text(group));
                tally.wrong(format!("group {id} is {said} for {due}"));
            }
            (due, said) => {
                torn.insert(due.max(said), id);
            }
        }
    }
    for (revision, id) in torn {
        let revision = revision.map_or_else(String::new, |revision| revision.to_string());
        tally.halve(format!("revision {revision}: group {id} is not as its batch left it"));
    }
    for (read, shown) in &found.shown {
        let due = oracle.show(read);
        // A group that differs was counted.
        if *shown != due && tally.is_clean() {
            let [said, due] = [shown, &due].map(|shown| format!("{} {}", shown.status, shorten(&shown.body)));
            tally.wrong(format!("in the end, {} shows {said} for {due}", read.target()));
        }
    }
}

fn by_id(groups: &[Value]) -> BTreeMap<i64, Value> {
    // Contract 1 says ids as texts.
    let id = |group: &Value| group["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_default();
    groups.iter().map(|group| (id(group), timeless(group))).collect()
}

fn revision(group: &Value) -> i64 {
    group["revision"].as_i64().unwrap_or_default()
}

fn text(group: Option<&Value>) -> String {
    group.map_or_else(|| "not there".to_owned(), |group| shorten(&group.to_string()))
}

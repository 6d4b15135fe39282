//! Random records.

use serde_json::{Value, json};

use crate::harness::Random;

const PARENT: &str = "parentExternalReferenceId";
/// Keys among which a batch chooses. They move on slowly, so that there are always some that are new.
const KEYS: usize = 24;
const BATCHES_A_KEY: usize = 3;
const MOST: usize = 12;

/// Batches that meet what earlier ones have stored.
pub(super) struct Records {
    pub(super) random: Random,
    batches: usize,
    bad: usize,
}

impl Records {
    pub(super) fn new(random: Random) -> Self {
        Self { random, batches: 0, bad: 0 }
    }

    fn key(&mut self) -> String {
        format!("k-{}", self.batches / BATCHES_A_KEY + self.random.below(KEYS))
    }

    /// A few records of different groups: new ones, moves, changes of single fields, nothing new; and some that fail.
    pub(super) fn batch(&mut self) -> Vec<Value> {
        let (mut keys, mut records) = (Vec::new(), Vec::new());
        for _ in 0..=self.random.below(MOST) {
            let key = self.key();
            if !keys.contains(&key) {
                records.push(self.record(&key));
                keys.push(key);
            }
        }
        self.batches += 1;
        records
    }

    fn record(&mut self, key: &str) -> Value {
        let mut record = json!({"externalReferenceId": key});
        if self.random.below(10) > 0 {
            record["name"] = json!(self.random.one_of(&["one", "two", "three"]));
        }
        for (field, value) in [("description", "text"), ("photoUrl", "https://example.org/a")] {
            match self.random.below(4) {
                0 => record[field] = Value::Null,
                1 => record[field] = json!(value),
                _ => {}
            }
        }
        match self.random.below(20) {
            0 => record[PARENT] = json!("nobody"),
            1 | 2 => record[PARENT] = Value::Null,
            3..12 => record[PARENT] = json!(self.key()),
            _ => {}
        }
        if self.random.below(8) == 0 {
            record["externalReferenceType"] = json!(self.random.one_of(&["S", "T"]));
        }
        record
    }

    /// What [`Self::bad`] is about, and no batch.
    pub(super) fn ground() -> Vec<Value> {
        let level = |level: usize| {
            let parent = (level > 1).then(|| format!("deep-{}", level - 1));
            json!({"externalReferenceId": format!("deep-{level}"), "name": "n", PARENT: parent})
        };
        let mut ground: Vec<Value> = (1..=6).map(level).collect();
        ground.extend(["arch", "still"].map(|key| json!({"externalReferenceId": key, "name": "n"})));
        ground
    }

    /// Records that fail, whatever stands beside them that is no bad one: groups of their own, or of the ground.
    pub(super) fn bad(&mut self) -> Vec<Value> {
        self.bad += 1;
        let key = format!("b-{}", self.bad);
        let with = |field: &str, value: Value| {
            let mut record = json!({"externalReferenceId": key, "name": "bad"});
            record[field] = value;
            vec![record]
        };
        let below = |name: &str, parent: &str| json!({"externalReferenceId": name, "name": "bad", "description": "bad", PARENT: parent});
        let (x, y) = (format!("{key}-x"), format!("{key}-y"));
        match self.random.below(18) {
            0 => vec![self.random.one_of(&["null", "5", r#""text""#, "[]"]).parse().unwrap()],
            1 => vec![json!({"name": "no key"})],
            2 => with("name", json!(5)),
            3 => with("name", json!("")),
            4 => with("name", json!("n".repeat(256))),
            5 => with("photoUrl", json!("javascript:alert(1)")),
            6 => vec![json!({"externalReferenceId": key})],
            7 => with(PARENT, json!("nobody")),
            8 => with(PARENT, json!(key)),
            9 => vec![below(&key, "still"), below(&key, "still")],
            10 => vec![below(&x, &y), below(&y, &x), below(&key, &x)],
            11 => with(PARENT, json!("deep-6")),
            12 => vec![below("arch", "still")],
            13 => with(PARENT, json!("arch")),
            14 => vec![json!({"externalReferenceId": "still", "name": 5, "description": "touched"})],
            15 => with("externalReferenceId", json!("k".repeat(65))),
            16 => vec![json!({"externalReferenceId": "deep-1", "description": "touched", PARENT: "deep-3"})],
            _ => with("externalReferenceId", json!("")),
        }
    }

    /// Records of a tree that is mostly well: so many, and before them some of the same groups.
    pub(super) fn tree(&mut self, size: usize) -> [Vec<Value>; 2] {
        let mut record = |number: usize| {
            let mut record = self.record(&format!("t-{number}"));
            record["name"] = json!(self.random.one_of(&["one", "two"]));
            match self.random.below(100) {
                0 => record["name"] = json!(""),
                1 => record[PARENT] = json!(format!("t-{}", self.random.below(size))),
                2 => record["externalReferenceId"] = json!(format!("t-{}", self.random.below(size))),
                _ if number == 0 => record[PARENT] = Value::Null,
                _ => record[PARENT] = json!(format!("t-{}", (number - 1) / 8)),
            }
            record
        };
        let before = (0..size).step_by(2).map(&mut record).collect();
        [before, (0..size).map(record).collect()]
    }
}

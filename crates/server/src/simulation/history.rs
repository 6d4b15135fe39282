//! What the clients of a world have seen.

use std::collections::BTreeMap;

use rig::history::{Found, Operation};
use serde_json::Value;

/// Everything, in the order in which it was told.
#[derive(Default)]
pub(super) struct History {
    pub(super) operations: Vec<Operation>,
    /// A number that grows.
    pub(super) moment: u64,
    /// What was found in the end.
    pub(super) found: Found,
    /// Groups as the feed of changes showed them last.
    pub(super) followed: BTreeMap<i64, Value>,
}

impl History {
    pub(super) fn now(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }
}

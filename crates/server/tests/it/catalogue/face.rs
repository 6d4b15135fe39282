//! The two contracts, as far as the runner tells them apart.

use serde_json::{Value, json};

use super::recipes;
use crate::harness::{Answer, UPSERT};
use crate::usergroups::BY_ID;

/// In whose words a case is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    /// Contract 1: `A` in the catalogue.
    Groups,
    /// Contract 2: `B`.
    Usergroups,
}

impl Face {
    /// The number of the contract.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Groups => 1,
            Self::Usergroups => 2,
        }
    }

    /// Where batches are sent.
    pub(super) const fn target(self) -> &'static str {
        match self {
            Self::Groups => UPSERT,
            Self::Usergroups => BY_ID,
        }
    }

    /// The group at the top of the fixture, as a path.
    pub(super) const fn root(self) -> &'static str {
        match self {
            Self::Groups => "/v3/groups/g-root",
            Self::Usergroups => "/usergroups/id/100",
        }
    }

    /// A batch that nothing is wrong with.
    pub(super) const fn body_ok(self) -> &'static str {
        match self {
            Self::Groups => r#"{"groups":[{"externalReferenceId":"ok-1","name":"Good one"}]}"#,
            Self::Usergroups => r#"{"usergroups":[{"id":5001,"name":"Good one"}]}"#,
        }
    }

    /// So many plain records, of keys that the fixture has not.
    pub(super) fn numbered(self, count: usize) -> Vec<Value> {
        match self {
            Self::Groups => recipes::numbered(count),
            Self::Usergroups => {
                (0..count).map(|number| json!({"id": 10_000 + number, "name": "n"})).collect()
            }
        }
    }

    pub(super) fn batch(self, records: &[Value]) -> Vec<u8> {
        match self {
            Self::Groups => recipes::batch(records),
            Self::Usergroups => json!({ "usergroups": records }).to_string().into(),
        }
    }

    /// Our stable code in the answer to a request that is refused.
    pub(super) fn code(self, answer: &Answer) -> Value {
        let body = answer.json();
        match self {
            Self::Groups => body["code"].clone(),
            Self::Usergroups => body["error"]["errorCode"].clone(),
        }
    }

    /// The first record in the answer to a batch, by its key.
    pub(super) fn first_key(self, answer: &Answer) -> Value {
        let body = answer.json();
        match self {
            Self::Groups => body["results"][0]["externalReferenceId"].clone(),
            Self::Usergroups => body["data"][0]["key"].clone(),
        }
    }

    /// The key of a record that is sent.
    pub(super) fn key_of(self, record: &Value) -> Value {
        match self {
            Self::Groups => record["externalReferenceId"].clone(),
            Self::Usergroups => record["id"].clone(),
        }
    }
}

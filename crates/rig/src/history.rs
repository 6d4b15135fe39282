//! What was asked and answered, and what is found afterwards.

use serde::Deserialize;
use serde_json::Value;

use crate::workload::{Asked, Read};

/// An answer as it came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: String,
    /// The run that it tells of: the header `Rosterd-Run-Id`.
    pub run: Option<String>,
    /// Whether it is the answer to an earlier request: the header `Idempotent-Replayed`.
    pub is_replay: bool,
}

/// What became of a request, as far as its sender knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It was done.
    Answered(Reply),
    /// It was not done, for the time being.
    Refused(String),
    /// Maybe it was done: nothing came back, or that nobody knows.
    Silent(String),
    /// Only a part of it was sent: it cannot have been done.
    Fragment(String),
    /// It was answered as nothing should be.
    Strange(String),
}

impl Fate {
    /// What an answer means to its request.
    pub fn of(asked: &Asked, answer: std::io::Result<Reply>) -> Self {
        let reply = match answer {
            Ok(reply) => reply,
            Err(error) => return Self::Silent(format!("no answer: {:?}", error.kind())),
        };
        let said = || {
            let said: Value = serde_json::from_str(&reply.body).unwrap_or_default();
            let code = said["code"].as_str().or_else(|| said["error"]["errorCode"].as_str());
            format!("{} {}", reply.status, code.unwrap_or(&reply.body))
        };
        match (asked, reply.status) {
            (Asked::Write(_), 200 | 207) | (Asked::Read(_), 200 | 404 | 409) => Self::Answered(reply),
            (Asked::Write(_), 503) if reply.body.contains("OUTCOME_UNKNOWN") => Self::Silent(said()),
            (_, 408 | 409 | 429 | 503) => Self::Refused(said()),
            _ => Self::Strange(said()),
        }
    }
}

/// A request, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What was asked.
    pub asked: Asked,
    /// Before it was sent: a number that grows with the time, for all clients.
    pub began: u64,
    /// After its answer was there; on the same scale.
    pub ended: u64,
    /// What became of it.
    pub fate: Fate,
}

/// A run that is found afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Its id.
    pub id: String,
    /// The idempotency key of its batch.
    pub idempotency_key: Option<String>,
    /// The call, in the contract's word.
    pub operation: String,
    /// The revision that it made, or that it saw.
    pub revision: i64,
    /// How many records came to what.
    pub summary: Summary,
}

/// How many records of a run came to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Summary {
    /// All of them.
    pub total: u32,
    /// Groups that are new.
    pub created: u32,
    /// Groups that are changed.
    pub updated: u32,
    /// Groups that are archived.
    pub archived: u32,
    /// Groups that are restored.
    pub restored: u32,
}

impl Run {
    /// Whether its batch wrote something.
    pub const fn wrote(&self) -> bool {
        let Summary { created, updated, archived, restored, .. } = self.summary;
        created + updated + archived + restored > 0
    }
}

/// What is found when nothing moves any more.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// At least every run that was not there when the last history was settled.
    pub runs: Vec<Run>,
    /// Every group, as contract 1 shows it.
    pub groups: Vec<Value>,
    /// What else was read.
    pub shown: Vec<(Read, Shown)>,
}

impl Found {
    /// What is to be read once the groups are known.
    pub fn questions(groups: &[Value]) -> Vec<Read> {
        let living = groups.iter().filter(|group| group["archivedAt"].is_null());
        let ids = living.filter_map(|group| group["id"].as_str()?.parse().ok());
        ids.flat_map(|id| [Read::Usergroup(id), Read::Addresses(id), Read::Attributes(id)]).collect()
    }
}

/// An answer to a request that reads, without what differs each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its status.
    pub status: u16,
    /// Its body, unless it is an error.
    pub body: String,
}

impl Shown {
    /// What this answer shows.
    pub fn of(read: &Read, status: u16, body: &str) -> Self {
        let parsed = || serde_json::from_str::<Value>(body).unwrap_or_default();
        let body = match read {
            _ if status != 200 => String::new(),
            Read::Group(_) | Read::Reference(_) => timeless(&parsed()).to_string(),
            Read::Everything => {
                let groups: Vec<Value> =
                    parsed()["groups"].as_array().into_iter().flatten().map(timeless).collect();
                Value::from(groups).to_string()
            }
            Read::Usergroup(_) | Read::Addresses(_) | Read::Attributes(_) => body.to_owned(),
        };
        Self { status, body }
    }
}

/// A group without its times; of its archiving there stays whether it is archived.
pub(crate) fn timeless(group: &Value) -> Value {
    let mut group = group.clone();
    if let Some(members) = group.as_object_mut() {
        let archived = members.get("archivedAt").is_some_and(|at| !at.is_null());
        members.retain(|name, _| !["createdAt", "updatedAt", "archivedAt"].contains(&name.as_str()));
        members.insert("archived".to_owned(), archived.into());
    }
    group
}

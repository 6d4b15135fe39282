//! The records as requests of a contract, with what their answers have to say.

use std::fmt::Write as _;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::records::{Record, Shape, Version};

/// A contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Face {
    /// `POST /v3/groups/batch-upsert`.
    Groups,
    /// `POST /usergroups/bulk/id`.
    Usergroups,
}

/// What is asked of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// None of them is there.
    #[value(name = "first")]
    #[serde(rename = "first load")]
    First,
    /// All are there as they are sent.
    #[value(name = "unchanged")]
    #[serde(rename = "nothing changed")]
    Unchanged,
    /// Ten of a thousand have another name.
    #[value(name = "changed")]
    #[serde(rename = "1 % changed")]
    Changed,
    /// All have another parent, but for those right below the root.
    #[value(name = "moves")]
    #[serde(rename = "moves")]
    Moves,
    /// Batches in which half of the names are new; with each, ten groups and a page are read.
    #[value(name = "mixed")]
    #[serde(rename = "mixed with reads")]
    Mixed,
}

impl Phase {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::First => "first load",
            Self::Unchanged => "nothing changed",
            Self::Changed => "1 % changed",
            Self::Moves => "moves",
            Self::Mixed => "mixed with reads",
        }
    }

    /// What the records are when it has been carried out.
    fn after(self, before: Version) -> Version {
        match self {
            Self::First | Self::Unchanged => before,
            Self::Changed => Version { is_changed: true, ..before },
            Self::Moves => Version { is_moved: true, ..before },
            Self::Mixed => Version { is_mixed: true, ..before },
        }
    }
}

/// What an answer has to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Expected {
    /// How many records were created, updated and unchanged; none failed.
    Counts { created: usize, updated: usize, unchanged: usize },
    /// A text that is in it.
    Text(String),
}

/// A request, without what belongs to a connection.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) expected: Expected,
    /// Records it writes; none of a request that reads.
    pub(crate) records: usize,
    /// The request that has to be answered before it is sent.
    pub(crate) after: Option<usize>,
}

impl Request {
    /// As it goes over the wire.
    pub(crate) fn bytes(&self, host: &str, key: &str) -> Vec<u8> {
        let Self { method, path, body, .. } = self;
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n");
        if !body.is_empty() {
            let length = body.len();
            // Writing into a text cannot fail.
            let _ = write!(head, "content-type: application/json\r\ncontent-length: {length}\r\n");
        }
        [head.as_bytes(), b"\r\n", body.as_bytes()].concat()
    }
}

/// What a tenant is sent: the numbers of its records, in batches.
#[derive(Debug, Clone)]
pub(crate) struct Load<'s> {
    pub(crate) shape: &'s Shape,
    pub(crate) face: Face,
    /// Numbers of records, a batch each, with its beginning and its end.
    pub(crate) batches: Vec<[u64; 2]>,
    /// All records that there will be, with those that are there already.
    pub(crate) tree: u64,
}

impl<'s> Load<'s> {
    /// So many records from this number on.
    pub(crate) fn new(shape: &'s Shape, face: Face, [first, count]: [u64; 2], batch: u64) -> Self {
        let tree = first + count;
        let starts = (first..tree).step_by(usize::try_from(batch).unwrap_or(usize::MAX));
        Self { shape, face, batches: starts.map(|start| [start, (start + batch).min(tree)]).collect(), tree }
    }

    /// Some of the batches with which so many groups came: others in each round, spread over all of them.
    pub(crate) fn of_stored(self, stored: u64, batch: u64, round: u64) -> Self {
        let all = (stored / batch).max(1);
        let wanted = (self.batches.len() as u64).min(all);
        let stride = all / wanted;
        let starts = (0..wanted).map(|place| (place * stride + round % stride) * batch);
        Self { batches: starts.map(|start| [start, (start + batch).min(self.tree)]).collect(), ..self }
    }

    /// The request of a phase for the batch at this place, of records that are so before. What has to be there
    /// before it is known where all batches are sent in their order.
    pub(crate) fn request(&self, place: usize, phase: Phase, before: Version) -> Request {
        let [start, end] = self.batches[place];
        let after = phase.after(before);
        let (mut items, mut updated) = (String::with_capacity(256 * 1024), 0);
        for number in start..end {
            let record = self.shape.record(number, self.tree, after);
            updated += usize::from(before != after && self.shape.record(number, self.tree, before) != record);
            if number > start {
                items.push(',');
            }
            match self.face {
                Face::Groups => self.put_group(&mut items, &record),
                Face::Usergroups => self.put_usergroup(&mut items, &record),
            }
        }
        let (path, list) = match self.face {
            Face::Groups => ("/v3/groups/batch-upsert", "groups"),
            Face::Usergroups => ("/usergroups/bulk/id", "usergroups"),
        };
        let records = usize::try_from(end - start).unwrap_or(usize::MAX);
        let expected = match phase {
            Phase::First => Expected::Counts { created: records, updated: 0, unchanged: 0 },
            _ => Expected::Counts { created: 0, updated, unchanged: records - updated },
        };
        let body = format!("{{\"{list}\":[{items}]}}");
        let after = if phase == Phase::First { self.batch_of_parents(place) } else { None };
        Request { method: "POST", path: path.to_owned(), body, expected, records, after }
    }

    /// The batch that brings the last of a batch's parents, if these are not there, and not in the batch itself.
    fn batch_of_parents(&self, place: usize) -> Option<usize> {
        let parent = self.shape.parent(self.batches[place][1] - 1)?;
        let before = self.batches[..place].partition_point(|[start, _]| *start <= parent);
        before.checked_sub(1)
    }

    /// All requests of a phase, in the order in which they are sent.
    pub(crate) fn requests(&self, phase: Phase, before: Version) -> (Vec<Request>, Version) {
        let mut requests = Vec::new();
        for place in 0..self.batches.len() {
            requests.push(self.request(place, phase, before));
            if phase == Phase::Mixed {
                self.put_reads(&mut requests, place);
            }
        }
        (requests, phase.after(before))
    }

    fn put_reads(&self, requests: &mut Vec<Request>, place: usize) {
        let [start, end] = self.batches[place];
        let read = |method, path, body, text| {
            let expected = Expected::Text(text);
            Request { method, path, body, expected, records: 0, after: None }
        };
        for step in 0..10 {
            let number = start + step * (end - start) / 10;
            let (key, id) = (self.shape.key(number), self.shape.id(number));
            let path = match self.face {
                Face::Groups => format!("/v3/groups/by-reference-id/{key}"),
                Face::Usergroups => format!("/usergroups/id/{id}"),
            };
            // Names end with the number, whatever their version.
            requests.push(read("GET", path, String::new(), format!(" {number} v")));
        }
        let (method, path, body) = match self.face {
            Face::Groups => ("GET", "/v3/groups?limit=100", ""),
            Face::Usergroups => ("POST", "/usergroups/search", r#"{"page":1,"offset":100}"#),
        };
        requests.push(read(method, path.to_owned(), body.to_owned(), "\"name\":".to_owned()));
    }

    fn put_group(&self, items: &mut String, record: &Record) {
        let Record { key, name, description, url, .. } = record;
        let parent =
            record.parent.map_or("null".to_owned(), |parent| format!("\"{}\"", self.shape.key(parent)));
        let _ = write!(
            items,
            r#"{{"externalReferenceId":"{key}","name":"{name}","description":"{description}","photoUrl":"{url}","parentExternalReferenceId":{parent}}}"#
        );
    }

    /// The contract has no URL: another text takes its place, so that there is as much to store.
    fn put_usergroup(&self, items: &mut String, record: &Record) {
        let Record { name, description, url, .. } = record;
        let id = self.shape.id(record.number);
        let _ = write!(items, r#"{{"id":{id},"name":"{name}","notes":"{description}","company":"{url}""#);
        if let Some(parent) = record.parent {
            let _ = write!(items, r#","parent":{{"id":{}}}"#, self.shape.id(parent));
        }
        items.push('}');
    }
}

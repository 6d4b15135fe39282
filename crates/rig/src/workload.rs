//! Random requests to both contracts: creates, updates, moves, archiving, restoring, retries, reads.

use faces::usergroups::By;
use serde_json::{Map, Value, json};

use crate::Random;

/// How requests are chosen.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// So many external keys; some of them in two spellings.
    pub keys: usize,
    /// So many ids of contract 2.
    pub ids: usize,
    /// A batch has at most so many records.
    pub records: usize,
    /// So many requests of ten read.
    pub reads: usize,
    /// So many writes of ten have an idempotency key.
    pub keyed: usize,
}

impl Shape {
    /// Few groups, so that batches are about the same ones; nothing but writes.
    pub const NARROW: Self = Self { keys: 7, ids: 12, records: 6, reads: 0, keyed: 0 };
    /// More groups, longer batches, and everything else that clients do.
    pub const WIDE: Self = Self { keys: 60, ids: 40, records: 16, reads: 3, keyed: 8 };
}

/// A call that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Contract 1: upserts.
    Upsert,
    /// Contract 1: archiving, with everything below.
    Archive,
    /// Contract 1: restoring.
    Restore,
    /// Contract 2: a bulk call by id or source id.
    Bulk(By),
}

impl Call {
    /// Where it is sent.
    pub const fn target(self) -> &'static str {
        match self {
            Self::Upsert => "/v3/groups/batch-upsert",
            Self::Archive => "/v3/groups/batch-archive?cascade=true",
            Self::Restore => "/v3/groups/batch-restore",
            Self::Bulk(By::Id) => "/usergroups/bulk/id",
            Self::Bulk(By::SourceId) => "/v2/usergroups/bulk/sourceId",
        }
    }

    /// Its name among the runs.
    pub const fn operation(self) -> &'static str {
        match self {
            Self::Upsert => "batch-upsert",
            Self::Archive => "batch-archive",
            Self::Restore => "batch-restore",
            Self::Bulk(By::Id) => "bulk-id",
            Self::Bulk(By::SourceId) => "bulk-sourceId",
        }
    }
}

/// A request that writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// What is called.
    pub call: Call,
    /// The body.
    pub body: String,
    /// The idempotency key.
    pub key: Option<String>,
}

/// A request that reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Read {
    /// Contract 1: the group of this id.
    Group(i64),
    /// Contract 1: the group of this key.
    Reference(String),
    /// Contract 1: every group, archived ones too. They fit into one page.
    Everything,
    /// Contract 2: the usergroup of this id.
    Usergroup(i64),
    /// Contract 2: its addresses.
    Addresses(i64),
    /// Contract 2: the attributes that it shows.
    Attributes(i64),
}

impl Read {
    /// Where it is sent.
    pub fn target(&self) -> String {
        match self {
            Self::Group(id) => format!("/v3/groups/{id}"),
            Self::Reference(key) => format!("/v3/groups/by-reference-id/{key}"),
            Self::Everything => "/v3/groups?limit=1000&archived=any".to_owned(),
            Self::Usergroup(id) => format!("/usergroups/id/{id}?expands=sources,language"),
            Self::Addresses(id) => format!("/usergroups/id/{id}/addresses"),
            Self::Attributes(id) => format!("/usergroups/id/{id}/attributes"),
        }
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// One that writes.
    Write(Write),
    /// One that reads.
    Read(Read),
}

/// The requests of one client.
#[derive(Debug, Clone)]
pub struct Workload {
    random: Random,
    shape: Shape,
    /// What its idempotency keys begin with.
    name: String,
    sent: usize,
}

impl Workload {
    /// The requests of this seed. No other workload on the same tenant has this name.
    pub fn new(name: impl Into<String>, seed: u64, shape: Shape) -> Self {
        Self { random: Random::from_seed(seed), shape, name: name.into(), sent: 0 }
    }

    /// The source of its choices.
    pub const fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// The next request.
    pub fn request(&mut self) -> Asked {
        self.sent += 1;
        if self.random.below(10) < self.shape.reads {
            return Asked::Read(self.read());
        }
        // Upserts mostly.
        let by_id = Call::Bulk(By::Id);
        let call = match self.random.below(11) {
            0..3 => Call::Upsert,
            3..6 => by_id,
            6..9 => Call::Bulk(By::SourceId),
            9 => Call::Archive,
            _ => Call::Restore,
        };
        let body = body(&mut self.random, self.shape, call);
        let keyed = self.random.below(10) < self.shape.keyed;
        let key = keyed.then(|| format!("{}-{}", self.name, self.sent));
        Asked::Write(Write { call, body, key })
    }

    fn read(&mut self) -> Read {
        let id = i64::try_from(1 + self.random.below(self.shape.ids)).unwrap_or(1);
        match self.random.below(12) {
            0..4 => Read::Group(id),
            4..8 => Read::Reference(key(&mut self.random, self.shape)),
            8..11 => Read::Usergroup(id),
            _ => Read::Everything,
        }
    }
}

/// The bodies of the requests that define the attributes of the workload, in order, for `POST /attributes`.
pub fn definitions() -> impl Iterator<Item = String> {
    ATTRIBUTES
        .into_iter()
        .map(|(_, name, kind)| json!({"name": name, "class": "user", "type": kind}).to_string())
}

/// Id, name and type of each attribute.
pub(crate) const ATTRIBUTES: [(i64, &str, &str); 2] = [(1, "MOTTO", "text"), (2, "COUNT", "integer")];

fn body(random: &mut Random, shape: Shape, call: Call) -> String {
    let count = 1 + random.below(shape.records);
    let mut each =
        |make: &mut dyn FnMut(&mut Random) -> Value| -> Value { (0..count).map(|_| make(random)).collect() };
    let (member, records) = match call {
        Call::Upsert => ("groups", each(&mut |random| group(random, shape))),
        Call::Archive | Call::Restore => {
            ("externalReferenceIds", each(&mut |random| key(random, shape).into()))
        }
        Call::Bulk(by) => ("usergroups", each(&mut |random| usergroup(random, shape, by))),
    };
    let mut body = json!({ member: records });
    if let Call::Bulk(_) = call {
        body["directives"] = directives(random);
    }
    body.to_string()
}

fn word(random: &mut Random, words: &[&str]) -> Value {
    random.one_of(words).into()
}

fn key(random: &mut Random, shape: Shape) -> String {
    let number = random.below(shape.keys);
    // Some differ in case alone.
    if random.below(8) == 0 { format!("K{number}") } else { format!("k{number}") }
}

/// Adds a member three times in five.
fn maybe(random: &mut Random, record: &mut Map<String, Value>, name: &str, value: Value) {
    if random.below(5) < 3 {
        record.insert(name.to_owned(), value);
    }
}

fn group(random: &mut Random, shape: Shape) -> Value {
    let mut record = Map::new();
    record.insert("externalReferenceId".into(), key(random, shape).into());
    let source = word(random, &["S", "T"]);
    if random.below(4) == 0 {
        record.insert("externalReferenceType".into(), source);
    }
    record.insert("name".into(), word(random, &["one", "two"]));
    let description = if random.below(3) == 0 { Value::Null } else { word(random, &["", "d"]) };
    maybe(random, &mut record, "description", description);
    let parent = if random.below(5) == 0 { Value::Null } else { key(random, shape).into() };
    maybe(random, &mut record, "parentExternalReferenceId", parent);
    record.into()
}

fn usergroup(random: &mut Random, shape: Shape, by: By) -> Value {
    let mut item = Map::new();
    let reference = [("sourceId", key(random, shape).into()), ("source", word(random, &["S", "T"]))];
    let reference = reference.map(|(name, value)| (name.to_owned(), value));
    match by {
        By::Id => {
            item.insert("id".into(), (random.below(shape.ids) + 1).into());
            if random.below(4) == 0 {
                item.extend(reference);
            }
        }
        By::SourceId => item.extend(reference),
    }
    let name = if random.below(5) == 0 { Value::Null } else { word(random, &["one", "two"]) };
    maybe(random, &mut item, "name", name);
    for (field, words) in
        [("language", ["NL", "de"]), ("company", ["", "c"]), ("notes", ["n", "m"]), ("budget", ["H", "Y"])]
    {
        let value = word(random, &words);
        maybe(random, &mut item, field, value);
    }
    let mut parent = Map::new();
    if random.below(2) == 0 {
        parent.insert("id".into(), (random.below(shape.ids) + 1).into());
    }
    if parent.is_empty() || random.below(4) == 0 {
        parent.insert("sourceId".into(), key(random, shape).into());
        let source = word(random, &["S", "T"]);
        maybe(random, &mut parent, "source", source);
    }
    maybe(random, &mut item, "parent", parent.into());
    if random.below(4) == 0 {
        let count = 1 + random.below(2);
        item.insert("addresses".into(), (0..count).map(|_| address(random)).collect());
    }
    if random.below(4) == 0 {
        item.insert("attributes".into(), json!([attribute(random)]));
    }
    item.into()
}

fn address(random: &mut Random) -> Value {
    let mut address = Map::new();
    for (name, words) in [
        ("code", ["a", "b", "c"]),
        ("type", ["delivery", "home", "home"]),
        ("street", ["Kade", "Markt", "Kade"]),
        ("isDefault", ["Y", "N", "N"]),
    ] {
        address.insert(name.into(), word(random, &words));
    }
    address.extend([("city".into(), json!("Lent")), ("country".into(), json!("NL"))]);
    address.into()
}

/// A value of one of the two attributes that there are, or of one that there is not; sometimes a wrong one.
fn attribute(random: &mut Random) -> Value {
    match random.below(6) {
        0 => json!({"name": "NONE", "class": "user", "value": 1}),
        1 => json!({"name": "COUNT", "class": "user", "value": "one"}),
        2 => json!({"name": "COUNT", "class": "user"}),
        3 => json!({"id": 2, "value": random.below(2)}),
        _ => {
            let (language, value) = (word(random, &["NL", "DE"]), word(random, &["x", "y", ""]));
            json!({"id": 1, "type": "text", "value": [{"language": language, "value": value}]})
        }
    }
}

fn directives(random: &mut Random) -> Value {
    let fields = json!(["name", "notes", "budget", "parent", "company"]);
    match random.below(6) {
        0 => json!({ "skipIfNotEmpty": fields }),
        1 => json!([{"operation": "skipMoveOnUpdate", "fields": []}]),
        2 => json!([{"operation": "skipCreate"}, {"operation": "mergeTranslationsOnUpdate"}]),
        _ => json!([]),
    }
}

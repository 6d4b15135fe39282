//! Random batches through both faces at once, against the reference engine: every answer carries its run, every
//! run its revision, so what happened can be told again one batch after another, and each answer compared.

use std::thread;

use directory::model::{Line, Localised};
use directory::{
    AttributeClass, AttributeDefinition, AttributeFlags, AttributeId, AttributeName, AttributeType, Batch,
    DefinitionWrite, Filter, GroupView, Intent, LookupKey, NumberedPage, Page, PlanContext, Reach, TenantId,
    Terms, needs, needs_hierarchy, plan,
};
use faces::groups::{self, Handling, Mode};
use faces::usergroups::{self, Above, By, Expanded, Numbered};
use serde_json::{Map, Value, json};
use store::conformance::{Desk, TestStore};
use store::memory::Memory;

use crate::harness::{Client, Random, Server};

/// Batches that each client sends.
const BATCHES: usize = 40;
const CLIENTS: usize = 4;
const KEYS: usize = 7;
const IDS: usize = 12;

/// The calls, and what they are to the oracle.
const CALLS: [&str; 5] = [
    "/v3/groups/batch-upsert",
    "/v3/groups/batch-archive?cascade=true",
    "/v3/groups/batch-restore",
    "/usergroups/bulk/id",
    "/v2/usergroups/bulk/sourceId",
];

/// A batch that was answered.
struct Told {
    call: usize,
    body: String,
    answer: String,
    revision: i64,
    wrote: bool,
}

fn pick(random: &mut Random, words: &[&str]) -> String {
    words[random.below(words.len())].to_owned()
}

fn key(random: &mut Random) -> String {
    let number = random.below(KEYS);
    // Some differ in case alone.
    if random.below(8) == 0 { format!("K{number}") } else { format!("k{number}") }
}

/// Adds a member three times in five.
fn maybe(random: &mut Random, record: &mut Map<String, Value>, name: &str, value: Value) {
    if random.below(5) < 3 {
        record.insert(name.to_owned(), value);
    }
}

fn group(random: &mut Random) -> Value {
    let mut record = Map::new();
    record.insert("externalReferenceId".into(), key(random).into());
    let source = pick(random, &["S", "T"]);
    if random.below(4) == 0 {
        record.insert("externalReferenceType".into(), source.into());
    }
    let name = pick(random, &["one", "two"]);
    record.insert("name".into(), name.into());
    let description = if random.below(3) == 0 { Value::Null } else { pick(random, &["", "d"]).into() };
    maybe(random, &mut record, "description", description);
    let parent = if random.below(5) == 0 { Value::Null } else { key(random).into() };
    maybe(random, &mut record, "parentExternalReferenceId", parent);
    record.into()
}

fn usergroup(random: &mut Random, by: By) -> Value {
    let mut item = Map::new();
    let reference = [("sourceId", key(random)), ("source", pick(random, &["S", "T"]))];
    match by {
        By::Id => {
            item.insert("id".into(), (random.below(IDS) + 1).into());
            if random.below(4) == 0 {
                item.extend(reference.map(|(name, value)| (name.to_owned(), value.into())));
            }
        }
        By::SourceId => item.extend(reference.map(|(name, value)| (name.to_owned(), value.into()))),
    }
    let name = if random.below(5) == 0 { Value::Null } else { pick(random, &["one", "two"]).into() };
    maybe(random, &mut item, "name", name);
    for (field, words) in
        [("language", ["NL", "de"]), ("company", ["", "c"]), ("notes", ["n", "m"]), ("budget", ["H", "Y"])]
    {
        let value = pick(random, &words);
        maybe(random, &mut item, field, value.into());
    }
    let mut parent = Map::new();
    if random.below(2) == 0 {
        parent.insert("id".into(), (random.below(IDS) + 1).into());
    }
    if parent.is_empty() || random.below(4) == 0 {
        parent.insert("sourceId".into(), key(random).into());
        let source = pick(random, &["S", "T"]);
        maybe(random, &mut parent, "source", source.into());
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
        address.insert(name.into(), pick(random, &words).into());
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
            let (language, value) = (pick(random, &["NL", "DE"]), pick(random, &["x", "y", ""]));
            json!({"id": 1, "type": "text", "value": [{"language": language, "value": value}]})
        }
    }
}

/// Defines the attributes on both sides, each under a revision of its own.
fn define(client: &Client, desk: &Desk, tenant: TenantId) {
    for (number, name, kind) in [(1, "MOTTO", AttributeType::Text), (2, "COUNT", AttributeType::Integer)] {
        let sent = json!({"name": name, "class": "user", "type": kind.as_str()}).to_string();
        assert_eq!(client.post("/attributes", sent).send().status, 201);
        let definition = AttributeDefinition {
            id: AttributeId::new(number).unwrap(),
            name: AttributeName::parse(name).unwrap(),
            class: AttributeClass::User,
            kind,
            type_param: Line::default(),
            descriptions: Localised::new(),
            units: Localised::new(),
            group: Line::default(),
            default: None,
            flags: AttributeFlags::default(),
        };
        let write = DefinitionWrite::Create(definition);
        desk.write(move |tx| tx.apply_definitions(tenant, std::slice::from_ref(&write))).unwrap();
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

fn body(random: &mut Random, call: usize) -> String {
    let count = 1 + random.below(6);
    let mut each =
        |make: &mut dyn FnMut(&mut Random) -> Value| -> Value { (0..count).map(|_| make(random)).collect() };
    let body = match call {
        0 => json!({ "groups": each(&mut group) }),
        1 | 2 => json!({ "externalReferenceIds": each(&mut |random| key(random).into()) }),
        3 => json!({ "usergroups": each(&mut |random| usergroup(random, By::Id)) }),
        _ => json!({ "usergroups": each(&mut |random| usergroup(random, By::SourceId)) }),
    };
    let mut body = body;
    if call >= 3 {
        body["directives"] = directives(random);
    }
    body.to_string()
}

fn send(client: &Client, random: &mut Random) -> Told {
    // Upserts mostly.
    let call = [0, 3, 4, 0, 3, 4, 0, 3, 4, 1, 2][random.below(11)];
    let body = body(random, call);
    let answer = client.post(CALLS[call], body.clone()).send();
    assert!([200, 207].contains(&answer.status), "{}: {}", CALLS[call], answer.text());
    let run = client.get(&format!("/v3/runs/{}", answer.header("rosterd-run-id").unwrap())).send().json();
    let done =
        ["created", "updated", "archived", "restored"].map(|name| run["summary"][name].as_u64().unwrap_or(0));
    Told {
        call,
        body,
        answer: answer.text().to_owned(),
        revision: run["revision"].as_i64().unwrap(),
        wrote: done.iter().sum::<u64>() > 0,
    }
}

/// What the oracle answers to a batch, and whether it wrote.
fn replay(desk: &Desk, tenant: TenantId, told: &Told) -> (String, bool) {
    let body = told.body.as_bytes();
    let archive = Intent::Archive(Reach::Subtree);
    let (intent, terms, records, notes, by) = match told.call {
        0..3 => {
            let reading =
                if told.call == 0 { groups::read(body, Handling::Lenient) } else { groups::read_keys(body) };
            let reading = reading.unwrap();
            let intent = [Intent::Upsert, archive, Intent::Restore][told.call];
            (intent, Terms::default(), reading.records, reading.notes, None)
        }
        call => {
            let by = [By::Id, By::SourceId][call - 3];
            let reading = usergroups::read_bulk(body, by, Handling::Lenient).unwrap();
            (Intent::Upsert, reading.terms, reading.records, Vec::new(), Some(by))
        }
    };
    let batch = Batch::new(tenant, records).unwrap().intending(intent).under(terms);
    let planned = desk.read(|reader| {
        let mut seen = reader.load(tenant, &needs(&batch))?;
        reader.load_hierarchy(tenant, &needs_hierarchy(&batch, &seen), &mut seen)?;
        let mut ids = seen.free_ids.source(&batch);
        Ok(plan(&batch, &seen, &mut PlanContext { ids: &mut ids, depth_limit: 64 }))
    });
    if !planned.writes.is_empty() {
        assert_eq!(desk.apply(tenant, 1, &planned.writes).unwrap(), told.revision);
    }
    let reply = match by {
        None => groups::write(&notes, &batch, &planned.outcome, Mode::Apply),
        Some(by) => usergroups::write_bulk(&batch, &planned.outcome, by, Mode::Apply),
    };
    (String::from_utf8(reply.body).unwrap(), !planned.writes.is_empty())
}

/// A group without its times.
fn timeless(group: &Value) -> Value {
    let mut group = group.clone();
    for name in ["createdAt", "updatedAt", "archivedAt"] {
        group.as_object_mut().unwrap().remove(name);
    }
    group
}

/// What contract 2 shows of a living group: itself, its addresses, its values of attributes.
fn check_usergroup(client: &Client, desk: &Desk, tenant: TenantId, view: &GroupView) {
    let id = view.group.id;
    let expanded = Expanded { sources: true, parent: Above::NotAsked, language: true };
    let whole = desk.read(|reader| reader.find(tenant, &LookupKey::Id(id))).remove(0);
    let addresses = desk.read(|reader| reader.addresses(tenant, id, None));
    let page = Numbered::parse(None, None).unwrap();
    let values = desk.read(|reader| reader.values(tenant, id, NumberedPage { skip: 0, limit: 12 }));
    for (path, expected) in [
        ("?expands=sources,language", usergroups::write_usergroup(&whole, &expanded)),
        ("/addresses", usergroups::write_list(&addresses)),
        ("/attributes", usergroups::write_shown(&values, page)),
    ] {
        let found = client.get(&format!("/usergroups/id/{id}{path}")).send();
        assert_eq!(found.text(), String::from_utf8(expected.body).unwrap(), "{path} of {id}");
    }
}

#[test]
fn both_faces_at_once_do_what_the_oracle_does() {
    do_what_the_oracle_does(&[&Server::start().client]);
}

/// The oracle knows of one server, and of no engine.
#[test]
fn two_servers_on_one_database_do_what_the_oracle_does() {
    let Some(database) = store::cluster::database() else { return };
    let server = Server::start_on(database.url());
    let beside = server.beside(database.url());
    do_what_the_oracle_does(&[&server.client, &beside.client]);
}

/// Several clients at once, each at one of these servers of one store.
fn do_what_the_oracle_does(servers: &[&Client]) {
    let desk = Desk::new(TestStore { store: Box::new(Memory::new()), keep: None });
    let tenant = desk.tenant("oracle");
    define(servers[0], &desk, tenant);
    let mut random = Random::new();
    let seeds: Vec<u64> = (0..CLIENTS).map(|_| random.next()).collect();
    let mut told: Vec<Told> = thread::scope(|scope| {
        let clients = seeds.into_iter().zip(servers.iter().cycle()).map(|(seed, client)| {
            scope.spawn(move || {
                let mut random = Random::from_seed(seed);
                (0..BATCHES).map(|_| send(client, &mut random)).collect::<Vec<_>>()
            })
        });
        let clients: Vec<_> = clients.collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    // A batch that wrote made its revision; one that did not saw it.
    told.sort_by_key(|told| (told.revision, !told.wrote));
    for told in &told {
        let (answer, wrote) = replay(&desk, tenant, told);
        assert_eq!(told.answer, answer, "{} {}", CALLS[told.call], told.body);
        assert_eq!(told.wrote, wrote, "{} {}", CALLS[told.call], told.body);
    }
    let everything = Filter { life: directory::Life::Any, ..Filter::default() };
    let page = Page { after: None, limit: 1000 };
    let views = desk.read(|reader| reader.list(tenant, &everything, page)).views;
    let expected: Vec<Value> = views
        .iter()
        .map(|view| timeless(&serde_json::from_slice(&groups::write_group(view)).unwrap()))
        .collect();
    let found: Vec<Value> = servers[0].all_with(1000, "&archived=any").iter().map(timeless).collect();
    assert_eq!(found, expected);
    for view in views.iter().filter(|view| !view.group.is_archived()) {
        check_usergroup(servers[0], &desk, tenant, view);
    }
    let wrote = told.iter().filter(|told| told.wrote).count();
    assert!(wrote > told.len() / 5, "only {wrote} of {} wrote", told.len());
}

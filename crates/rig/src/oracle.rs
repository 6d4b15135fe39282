//! The reference engine behind both contracts: what must be answered, and what must be stored.

use directory::model::{Line, Localised};
use directory::{
    AttributeClass, AttributeDefinition, AttributeFlags, AttributeId, AttributeName, AttributeType, Batch,
    DefinitionWrite, Filter, GroupId, GroupView, Intent, Life, LookupKey, NumberedPage, Page, PlanContext,
    Reach, ReferenceKey, TenantId, Timestamp, Write as Deed, needs, needs_hierarchy, plan,
};
use faces::groups::{self, Handling, Mode};
use faces::usergroups::{self, Above, Expanded, Numbered};
use serde_json::{Value, json};
use store::memory::Memory;
use store::{Reader, StoreError, Turn};

use crate::history::Shown;
use crate::workload::{ATTRIBUTES, Call, Read, Write};

/// All groups of a tenant fit into one page.
const PAGE: usize = 1000;

/// One tenant in the reference engine.
#[derive(Debug)]
pub(crate) struct Oracle {
    memory: Memory,
    tenant: TenantId,
    /// The tenant's, which is asked for far more often than it changes: every look into the engine copies it.
    revision: i64,
}

/// What a request comes to at the oracle's revision.
pub(crate) struct Planned {
    writes: Vec<Deed>,
    pub(crate) answer: String,
}

impl Planned {
    pub(crate) fn writes(&self) -> bool {
        !self.writes.is_empty()
    }
}

impl Oracle {
    /// A tenant that has the attributes of the workload, each under a revision of its own.
    pub(crate) fn new() -> Self {
        let memory = Memory::new();
        let tenant = store::write(&memory, |tx| tx.create_tenant("oracle", Timestamp(1)));
        let tenant = tenant.expect("the store writes").expect("a new tenant").id;
        for (id, name, kind) in ATTRIBUTES {
            let write = DefinitionWrite::Create(definition(id, name, kind));
            let written =
                store::write(&memory, move |tx| tx.apply_definitions(tenant, std::slice::from_ref(&write)));
            written.expect("the store writes");
        }
        let mut oracle = Self { memory, tenant, revision: 0 };
        oracle.look();
        oracle
    }

    /// Another one that has come as far.
    pub(crate) fn fork(&self) -> Self {
        Self { memory: self.memory.fork(), tenant: self.tenant, revision: self.revision }
    }

    fn read<T>(&self, job: impl FnMut(&mut dyn Reader) -> Result<T, StoreError>) -> T {
        store::read(&self.memory, job).expect("the store reads")
    }

    pub(crate) const fn revision(&self) -> i64 {
        self.revision
    }

    fn look(&mut self) {
        self.revision = self.read(|reader| reader.revision(self.tenant));
    }

    /// What a request comes to; nothing is done. A body that is refused as a whole is a defect of the workload.
    pub(crate) fn plan(&self, asked: &Write) -> Planned {
        let (tenant, body) = (self.tenant, asked.body.as_bytes());
        let known = "the workload knows the contracts";
        let (batch, notes, by) = match asked.call {
            Call::Upsert | Call::Archive | Call::Restore => {
                let (intent, reading) = match asked.call {
                    Call::Archive => (Intent::Archive(Reach::Subtree), groups::read_keys(body)),
                    Call::Restore => (Intent::Restore, groups::read_keys(body)),
                    Call::Upsert | Call::Bulk(_) => (Intent::Upsert, groups::read(body, Handling::Lenient)),
                };
                let reading = reading.expect(known);
                (Batch::new(tenant, reading.records).expect(known).intending(intent), reading.notes, None)
            }
            Call::Bulk(by) => {
                let reading = usergroups::read_bulk(body, by, Handling::Lenient).expect(known);
                let batch = Batch::new(tenant, reading.records).expect(known);
                (batch.intending(Intent::Upsert).under(reading.terms), Vec::new(), Some(by))
            }
        };
        let planned = self.read(|reader| {
            let mut seen = reader.load(tenant, &needs(&batch))?;
            reader.load_hierarchy(tenant, &needs_hierarchy(&batch, &seen), &mut seen)?;
            let mut ids = seen.free_ids.source(&batch);
            Ok(plan(&batch, &seen, &mut PlanContext { ids: &mut ids, depth_limit: directory::DEPTH_LIMIT }))
        });
        let reply = match by {
            None => groups::write(&notes, &batch, &planned.outcome, Mode::Apply),
            Some(by) => usergroups::write_bulk(&batch, &planned.outcome, by, Mode::Apply),
        };
        Planned { writes: planned.writes, answer: text(reply.body) }
    }

    /// Does what was planned at this revision, and makes the next one.
    pub(crate) fn apply(&mut self, planned: &Planned) {
        let (tenant, writes) = (self.tenant, planned.writes.clone());
        let applied = store::write_for(&self.memory, Turn::Of(tenant), move |tx| {
            tx.apply(tenant, &writes, Timestamp(1), None)
        });
        applied.expect("what was planned for this revision can be applied");
        self.look();
    }

    /// Every group, as contract 1 shows it.
    pub(crate) fn groups(&self) -> Vec<Value> {
        let everything = Filter { life: Life::Any, ..Filter::default() };
        let page = Page { after: None, limit: PAGE };
        let views = self.read(|reader| reader.list(self.tenant, &everything, page)).views;
        views.iter().map(|view| serde_json::from_slice(&groups::write_group(view)).expect("JSON")).collect()
    }

    /// The answer to a request that reads.
    pub(crate) fn show(&self, read: &Read) -> Shown {
        let tenant = self.tenant;
        let (status, body) = match read {
            Read::Group(id) => self.group(&LookupKey::Id(group_id(*id))),
            Read::Reference(key) => {
                self.group(&LookupKey::Key(ReferenceKey::parse(key).expect("a good key")))
            }
            Read::Everything => (200, json!({ "groups": self.groups() }).to_string()),
            Read::Usergroup(id) => self.living(*id).map_or((404, String::new()), |view| {
                let expanded = Expanded { sources: true, parent: Above::NotAsked, language: true };
                (200, text(usergroups::write_usergroup(&view, &expanded).body))
            }),
            Read::Addresses(id) => {
                let addresses = self.read(|reader| reader.addresses(tenant, group_id(*id), None));
                (200, text(usergroups::write_list(&addresses).body))
            }
            Read::Attributes(id) => {
                let page = NumberedPage { skip: 0, limit: 12 };
                let values = self.read(|reader| reader.values(tenant, group_id(*id), page));
                let first = Numbered::parse(None, None).expect("the first page");
                (200, text(usergroups::write_shown(&values, first).body))
            }
        };
        Shown::of(read, status, &body)
    }

    fn group(&self, key: &LookupKey) -> (u16, String) {
        let mut found = self.read(|reader| reader.find(self.tenant, key));
        match (found.pop(), found.len()) {
            (None, _) => (404, String::new()),
            (Some(view), 0) => (200, text(groups::write_group(&view))),
            _ => (409, String::new()),
        }
    }

    fn living(&self, id: i64) -> Option<GroupView> {
        let found = self.read(|reader| reader.find(self.tenant, &LookupKey::Id(group_id(id))));
        found.into_iter().find(|view| !view.group.is_archived())
    }
}

fn text(body: Vec<u8>) -> String {
    String::from_utf8(body).expect("the faces write UTF-8")
}

fn group_id(id: i64) -> GroupId {
    GroupId::new(id).expect("a good id")
}

fn definition(id: i64, name: &str, kind: &str) -> AttributeDefinition {
    let known = "the attributes of the workload are good ones";
    AttributeDefinition {
        id: AttributeId::new(id).expect(known),
        name: AttributeName::parse(name).expect(known),
        class: AttributeClass::User,
        kind: [AttributeType::Text, AttributeType::Integer]
            .into_iter()
            .find(|found| found.as_str() == kind)
            .expect(known),
        type_param: Line::default(),
        descriptions: Localised::new(),
        units: Localised::new(),
        group: Line::default(),
        default: None,
        flags: AttributeFlags::default(),
    }
}

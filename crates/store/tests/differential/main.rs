//! The engines against the reference engine: random batches, planned and applied on each, must
//! lead to the same snapshots, plans, answers and groups.

mod attributes;
mod generate;
mod moving;
mod order;
mod service;

use std::cell::Cell;
use std::collections::BTreeSet;

use directory::write::Content;
use directory::{
    Address, AddressType, AttributeDefinition, Batch, ChangePlace, Changes, Code, DefinitionFilter,
    EffectiveValue, ExternalReference, Filter, GroupId, GroupView, IdOrigin, Life, Listed, LookupKey, Name,
    Needs, Numbered, NumberedPage, Page, Search, SearchPage, Slice, Sliced, TenantId, Terms, Timestamp, Tree,
    TreePage, Write,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use store::conformance::{Desk, TestStore};
use store::memory::Memory;
use store::{Durability, Location, Options, Purpose, Reader, Spread, StoreError, cluster};

use generate::{Step, steps};
use service::{Run, run};

/// Tenants of one case.
const TENANTS: usize = 2;

/// What can be read of a tenant: its revision, lists, trees, single groups, changes, attributes and addresses.
type State = (i64, Vec<Listed>, Vec<Tree>, Vec<GroupView>, Vec<Changes>, Shown, Vec<Address>);

/// Definitions, and what groups show of them.
type Shown = (Numbered<AttributeDefinition>, Vec<Numbered<EffectiveValue>>);

/// A store with the tenants of one case.
struct Side<'d> {
    desk: &'d Desk,
    tenants: Vec<TenantId>,
}

impl<'d> Side<'d> {
    fn new(desk: &'d Desk) -> Self {
        let count = desk.read(|reader| reader.tenants()).len();
        let add = |number| {
            let name = format!("tenant {number}");
            let added = desk.write(move |tx| tx.create_tenant(&name, Timestamp(0)));
            added.expect("written").expect("a new name").id
        };
        let side = Self { desk, tenants: (count..count + TENANTS).map(add).collect() };
        for tenant in &side.tenants {
            service::define(desk, *tenant, attributes::first());
        }
        side
    }

    /// Does one step, and tells everything that was seen, planned and written.
    fn step(&self, step: &Step, at: i64) -> (Option<Run>, i64) {
        let tenant = self.tenants[step.tenant() % TENANTS];
        let run = match step {
            Step::Batch { intent, records, entries_apart, .. } => {
                let batch = Batch::new(tenant, records.clone()).expect("not empty, not too large");
                let terms = Terms { entries_apart: *entries_apart, ..Terms::default() };
                let batch = batch.intending(*intent).under(terms);
                Some(run(self.desk, &batch, Timestamp(at)))
            }
            Step::Several { references, .. } => {
                self.add_several(tenant, references, at);
                None
            }
            Step::Definitions { records, .. } => Some(service::define(self.desk, tenant, records.clone())),
        };
        (run, self.desk.read(|reader| reader.revision(tenant)))
    }

    /// Adds a group with those of the references that are free.
    fn add_several(&self, tenant: TenantId, references: &[ExternalReference], at: i64) {
        let distinct: BTreeSet<&ExternalReference> = references.iter().collect();
        let free = |reference: &&ExternalReference| {
            let key = LookupKey::Reference((*reference).clone());
            self.desk.read(|reader| reader.find(tenant, &key)).is_empty()
        };
        let references: Vec<ExternalReference> = distinct.into_iter().filter(free).cloned().collect();
        let needs = Needs { fresh_ids: 1, ..Needs::default() };
        let (id, _) = self.desk.read(|reader| reader.load(tenant, &needs)).free_ids.0[0];
        let content = Content {
            name: Name::from_stored("several"),
            description: None,
            parent: None,
            photo_url: None,
            details: None,
        };
        let id = GroupId::new(id).expect("free ids are good ids");
        let (values, addresses, id_origin) = (Vec::new(), Vec::new(), IdOrigin::Assigned);
        let write = Write::Create { id, id_origin, references, content, values, addresses };
        self.desk.apply(tenant, at, &[write]).expect("nothing is taken");
    }

    /// Everything that can be read.
    fn state(&self) -> Vec<(State, Vec<Vec<GroupView>>, Vec<Sliced>)> {
        let read = |tenant: &TenantId| {
            self.desk.read(|reader| {
                let mut listed = Vec::new();
                for filter in generate::filters() {
                    for limit in [3, 1000] {
                        listed.push(reader.list(*tenant, &filter, Page { after: None, limit })?);
                    }
                }
                let mut trees = Vec::new();
                for number in 1..60 {
                    let id = GroupId::new(number).expect("a good id");
                    for (life, depth, limit) in [(Life::Any, 9, 1), (Life::Living, 2, 2), (Life::Any, 9, 99)]
                    {
                        let mut page = TreePage { life, depth, after: None, limit };
                        while let Some(tree) = reader.tree(*tenant, id, page)? {
                            page.after = tree.next;
                            trees.push(tree);
                            if page.after.is_none() {
                                break;
                            }
                        }
                    }
                    for limit in [1, 1000] {
                        listed.push(reader.ancestors(*tenant, id, Page { after: None, limit })?);
                    }
                }
                let mut found = Vec::new();
                for key in generate::every_key() {
                    found.extend(reader.find(*tenant, &key)?);
                }
                let changed = changes(reader, *tenant)?;
                let (shown, kept) = (shown(reader, *tenant)?, addresses(reader, *tenant)?);
                Ok((reader.revision(*tenant)?, listed, trees, found, changed, shown, kept))
            })
        };
        let told = |tenant: &TenantId| (read(tenant), self.searched(*tenant), self.sliced(*tenant));
        self.tenants.iter().map(told).collect()
    }

    /// Everything that is found, in the order of ids: engines go their own ways. Each page in a view of its
    /// own, as callers get them.
    fn searched(&self, tenant: TenantId) -> Vec<Vec<GroupView>> {
        let walk = |text: &str, filter: &Filter, limit: usize| {
            let search = Search::parse(text).expect("a good search");
            let (mut page, mut found) = (SearchPage { search, after: None, limit }, Vec::new());
            loop {
                let part = self.desk.read(|reader| reader.search(tenant, filter, &page));
                let part = part.expect("its own place");
                assert!(part.views.len() <= limit);
                found.extend(part.views);
                page.after = part.next;
                if page.after.is_none() {
                    break;
                }
            }
            found.sort_by_key(|view| view.group.id);
            found
        };
        let filters = generate::filters();
        let several = filters.iter().step_by(7).zip([1, 2, 1000].into_iter().cycle());
        let each = |text| several.clone().map(move |(filter, limit)| walk(text, filter, limit));
        generate::SEARCHES.into_iter().flat_map(each).collect()
    }

    /// Pages by their numbers: the first one, one in the middle and those around the end, and of lists with more
    /// conditions the first one of some.
    fn sliced(&self, tenant: TenantId) -> Vec<Sliced> {
        let slice = |name, skip, limit| Slice { name, skip, limit };
        self.desk.read(|reader| {
            let mut pages = Vec::new();
            for filter in generate::filters().iter().filter(|filter| is_plain(filter)) {
                let first = reader.slice(tenant, filter, &slice(None, 0, 3))?;
                let total = first.total;
                pages.push(first);
                for (skip, limit) in [(total / 2, 2), (total.saturating_sub(1), 3), (total, 1)] {
                    pages.push(reader.slice(tenant, filter, &slice(None, skip, limit))?);
                }
            }
            let several =
                generate::filters().into_iter().step_by(7).zip(generate::SEARCHES.into_iter().cycle());
            for (filter, text) in several {
                let name = Search::parse(text).expect("a good search");
                pages.push(reader.slice(tenant, &filter, &slice(None, 1, 1000))?);
                pages.push(reader.slice(tenant, &filter, &slice(Some(name), 0, 1000))?);
            }
            Ok(pages)
        })
    }
}

/// Whether a filter asks for nothing but place and life.
fn is_plain(filter: &Filter) -> bool {
    filter.source.is_none() && filter.updated_after.is_none()
}

/// Every definition, and what every group shows, in pages of several sizes.
fn shown(reader: &mut dyn Reader, tenant: TenantId) -> Result<Shown, StoreError> {
    let all = NumberedPage { skip: 0, limit: 100 };
    let mut pages = Vec::new();
    for group in (1..60).filter_map(GroupId::new) {
        for page in [all, NumberedPage { skip: 0, limit: 1 }, NumberedPage { skip: 1, limit: 2 }] {
            pages.push(reader.values(tenant, group, page)?);
        }
    }
    Ok((reader.definitions(tenant, &DefinitionFilter::default(), all)?, pages))
}

/// The feed from its start and from every revision, in pages of several sizes.
fn changes(reader: &mut dyn Reader, tenant: TenantId) -> Result<Vec<Changes>, StoreError> {
    let (revision, mut pages) = (reader.revision(tenant)?, Vec::new());
    for limit in [1, 3, 1000] {
        for start in 0..=revision + 1 {
            let mut at = ChangePlace::end_of(start);
            while let Some(page) = reader.changes(tenant, at, limit)? {
                (at, pages) = (page.next, [pages, vec![page]].concat());
                if pages.last().is_some_and(|page| !page.more) {
                    break;
                }
            }
        }
    }
    Ok(pages)
}

/// Every address.
fn addresses(reader: &mut dyn Reader, tenant: TenantId) -> Result<Vec<Address>, StoreError> {
    let mut found = Vec::new();
    for group in (1..60).filter_map(GroupId::new) {
        for kind in [None, Some(AddressType::Delivery), Some(AddressType::Home)] {
            found.extend(reader.addresses(tenant, group, kind)?);
        }
    }
    Ok(found)
}

fn memory() -> Desk {
    Desk::new(TestStore { store: Box::new(Memory::new()), keep: None })
}

fn sqlite() -> Desk {
    let directory = tempfile::tempdir().expect("a directory");
    let store = store::open(directory.path(), &Options::new(Purpose::Serve)).expect("opens");
    Desk::new(TestStore { store, keep: Some(Box::new(directory)) })
}

/// The number of cases: `PROPTEST_CASES`, or 256.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// The steps of random cases lead to the same on the reference engine and on this one, as often as this.
fn does_the_same(engine: &Desk, cases: u32) {
    let config = ProptestConfig { cases, ..config() };
    let alike = Cell::new(0);
    proptest!(config, |(steps in steps())| {
        let memory = memory();
        moving::number_alike(engine, &memory);
        let (left, right) = (Side::new(&memory), Side::new(engine));
        // Every other one again, which finds what it wrote.
        let twice = (1..).zip(&steps).flat_map(|it| std::iter::repeat_n(it, if it.0 % 2 == 0 { 2 } else { 1 }));
        for (at, step) in twice {
            let (told, mut found) = (left.step(step, at), right.step(step, at));
            if let (Step::Batch { records, .. }, Some(told), Some(found)) = (step, &told.0, &mut found.0) {
                alike.set(alike.get() + service::look_in_full(found, told, records));
            }
            prop_assert_eq!(told, found);
        }
        prop_assert_eq!(left.state(), right.state());
        moving::hold_the_same(&left, &right)?;
    });
    assert!(alike.get() > 0, "no record was told to be alike");
}

#[test]
fn both_engines_do_the_same() {
    // Opening a file takes longer than a case: one for all of them, with tenants of their own.
    does_the_same(&sqlite(), config().cases);
}

#[test]
fn postgres_does_the_same() {
    does_the_same_on_postgres(None);
}

/// Stands in for Citus.
#[test]
fn postgres_does_the_same_on_partitions() {
    does_the_same_on_postgres(Some(Spread::Partitions(4)));
}

/// On a database of its own, where there is a server.
fn postgres(spread: Option<Spread>) -> Option<Desk> {
    let database = cluster::database()?;
    let location: Location = database.url().parse().expect("a location");
    store::migrate(&location, spread).expect("migrated");
    let options = Options { durability: Durability::Waived, ..Options::new(Purpose::Serve) };
    let store = store::open_at(&location, &options).expect("opens");
    Some(Desk::new(TestStore { store, keep: Some(Box::new(database)) }))
}

fn does_the_same_on_postgres(spread: Option<Spread>) {
    let Some(desk) = postgres(spread) else { return };
    // Each step and each look is a round trip or more.
    does_the_same(&desk, config().cases / 16);
}

/// The comparison has teeth: batches of the generator do create, change, move, archive and refuse.
#[test]
fn the_batches_reach_everything() {
    let mut runner = TestRunner::deterministic();
    let mut kinds = BTreeSet::new();
    for _ in 0..400 {
        let steps = steps().new_tree(&mut runner).expect("a value").current();
        let memory = memory();
        let side = Side::new(&memory);
        for (at, step) in (1..).zip(&steps) {
            if let (Some(run), _) = side.step(step, at) {
                kinds.extend(run.kinds());
            }
        }
    }
    let special = [
        "created",
        "updated",
        "archived",
        "archived with others",
        "restored",
        "unchanged",
        "similar",
        "source changed",
        "put",
        "deleted",
        "defined",
        "redefined",
        "undefined",
        "address created",
        "address updated",
        "address unchanged",
        "address deleted",
        "address failed",
    ];
    // Values are good, and no condition is set: that is decided on what a snapshot holds anyway.
    let impossible = [Code::Validation, Code::PreconditionFailed];
    let codes = Code::ALL.into_iter().filter(|code| !impossible.contains(code)).map(Code::as_str);
    for expected in special.into_iter().chain(codes) {
        assert!(kinds.contains(expected), "{expected} is not among {kinds:?}");
    }
}

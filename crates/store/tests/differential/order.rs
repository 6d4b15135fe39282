//! Batches of any size, in any order and twice, behind planner and engine: shuffled they come to the same, and the
//! second time they change nothing of what is stored.
//!
//! A few in the suite. `PROPTEST_CASES` says how many batches, `ROSTERD_TEST_ROUNDS` how many orders of each;
//! `just promises` asks for as many as a release has to show.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use directory::{
    Batch, Description, Directive, ExternalReference, Failure, Filter, Life, LookupKey, Name, Outcome, Page,
    ParentKey, Patch, Record, RecordOutcome, RecordResult, ReferenceKey, Rejection, Source, TenantId,
    Timestamp,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use store::conformance::Desk;
use store::digest::digest;
use store::moving::PortionSize;
use store::{Reader, StoreError, Turn};

use crate::service::{self, run};

/// Of the same kind as a request's.
const MOST: usize = 1000;
const CHILDREN: usize = 11;
const WORKERS: u32 = 4;
/// For the digest: the whole tenant at once.
const WHOLE: PortionSize = PortionSize { items: 10_000, bytes: 1 << 24 };

/// What is asked for by a variable, or what is usual.
fn asked(variable: &str, usual: u32) -> u32 {
    std::env::var(variable).map_or(usual, |text| text.parse().expect("a number"))
}

/// What is there before, and the batch.
type Case = (Vec<Record>, Vec<Record>);

/// A tree that is mostly well, of at most so many records, and an older one of some of the same groups.
fn case(most: usize) -> impl Strategy<Value = Case> {
    (1..=most).prop_flat_map(|size| {
        let record = |number: usize| record(number, size);
        let before = (0..size).step_by(2).map(record).collect::<Vec<_>>();
        (before, (0..size).map(record).collect::<Vec<_>>())
    })
}

fn named(number: usize) -> LookupKey {
    LookupKey::Key(ReferenceKey::from_stored(&format!("k{number}")))
}

/// The record of a place in a heap, which now and then is another one, below another one, or none.
fn record(number: usize, size: usize) -> impl Strategy<Value = Record> {
    let usual = number.checked_sub(1).map_or(Patch::Clear, |above| Patch::Set(named(above / CHILDREN)));
    let parent = prop_oneof![
        60 => Just(usual),
        4 => Just(Patch::Keep),
        1 => Just(Patch::Clear),
        1 => (0..=size).prop_map(|other| Patch::Set(named(other))),
    ];
    let key = prop_oneof![80 => Just(number), 1 => 0..size].prop_map(named);
    let fault = || vec![Failure::ParentIsSelf];
    let description = select(vec![Patch::Keep, Patch::Clear, Patch::Set(Description::from_stored("text"))]);
    let source = prop_oneof![9 => Just(None), 1 => select(&["S", "T"][..]).prop_map(|it| Some(Source::from_stored(it)))];
    let name = select(&["one", "two"][..]).prop_map(Name::from_stored);
    (key, parent, name, description, source, 0..80u8).prop_map(
        move |(key, parent, name, description, source, dice)| {
            if dice == 0 {
                return Err(Rejection { key: Some(key), lacks_name: false, failures: fault() });
            }
            let parent = match parent {
                Patch::Keep => Patch::Keep,
                Patch::Clear => Patch::Clear,
                Patch::Set(key) => Patch::Set(ParentKey::Key(key)),
            };
            Ok(Directive { parent, name: Some(name), description, source, ..Directive::new(key) })
        },
    )
}

fn key_of(record: &Record) -> &LookupKey {
    match record {
        Ok(directive) => &directive.key,
        Err(rejection) => rejection.key.as_ref().expect("each has one"),
    }
}

/// What a record was told, without assigned ids; other records are named by their keys instead of their places.
fn told(records: &[Record], outcome: &RecordOutcome) -> String {
    let result = match &outcome.result {
        RecordResult::Created { .. } => "created".to_owned(),
        RecordResult::Updated { changes, .. } => format!("updated {changes:?}"),
        RecordResult::Failed(failures) => {
            let failures = failures.iter().map(|failure| match failure {
                // With more than ten others, which ten are named does depend on the order.
                Failure::DuplicateInRequest { others, .. } => format!("{others} duplicates"),
                Failure::ParentFailedInRequest { parent } => format!("below {:?}", key_of(&records[*parent])),
                other => format!("{other:?}"),
            });
            format!("failed {:?}", failures.collect::<Vec<_>>())
        }
        other => format!("{other:?}"),
    };
    format!("{result} {:?}", outcome.warnings)
}

/// What became of a batch: what was told of each key, and every group under its reference.
#[derive(Debug, PartialEq, Eq)]
struct Came {
    told: BTreeMap<String, Vec<String>>,
    stored: BTreeMap<String, String>,
}

impl Came {
    /// What this outcome and what can be read now come to.
    fn to<R: Reader + ?Sized>(reader: &mut R, batch: &Batch, outcome: &Outcome) -> Result<Self, StoreError> {
        let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (record, outcome) in batch.records.iter().zip(&outcome.records) {
            said.entry(format!("{:?}", key_of(record))).or_default().push(told(&batch.records, outcome));
        }
        for told in said.values_mut() {
            told.sort();
        }
        Ok(Self { told: said, stored: stored(reader, batch.tenant)? })
    }
}

/// Every group under its reference, without ids.
fn stored<R: Reader + ?Sized>(
    reader: &mut R,
    tenant: TenantId,
) -> Result<BTreeMap<String, String>, StoreError> {
    let filter = Filter { life: Life::Any, ..Filter::default() };
    let (mut groups, mut page) = (BTreeMap::new(), Page { after: None, limit: 1000 });
    loop {
        let listed = reader.list(tenant, &filter, page)?;
        for view in listed.views {
            let (group, parent) = (view.group, view.parent_key);
            let name = |references: &[ExternalReference]| format!("{references:?}");
            let content = (&group.name, &group.description, group.revision, group.updated_at, parent);
            let known = groups.insert(name(&group.references), format!("{content:?}"));
            assert_eq!(known, None, "two groups of one reference");
        }
        page.after = listed.next;
        if page.after.is_none() {
            return Ok(groups);
        }
    }
}

/// Does a batch and takes it back; what it came to.
fn rehearse(desk: &Desk, batch: &Batch) -> Came {
    let (came, keep) = (Arc::new(Mutex::new(None)), batch.clone());
    let tell = Arc::clone(&came);
    let taken_back = desk.write_for::<()>(Turn::Of(batch.tenant), move |tx| {
        let (_, plan, looked) = service::look(tx, &keep)?;
        if !plan.writes.is_empty() {
            tx.apply(keep.tenant, &plan.writes, Timestamp(2), looked.as_ref())?;
        }
        *tell.lock().expect("nobody panicked") = Some(Came::to(tx, &keep, &plan.outcome)?);
        Err(StoreError::Internal("taken back".to_owned()))
    });
    assert!(matches!(&taken_back, Err(StoreError::Internal(text)) if text == "taken back"), "{taken_back:?}");
    came.lock().expect("nobody panicked").take().expect("it was done")
}

/// A tenant that holds something.
fn tenant(desk: &Desk, before: Vec<Record>) -> TenantId {
    let number = desk.read(|reader| reader.tenants()).len();
    let added = desk.write(move |tx| tx.create_tenant(&format!("t{number}"), Timestamp(0)));
    let tenant = added.expect("written").expect("a new name").id;
    run(desk, &Batch::new(tenant, before).expect("not too large"), Timestamp(1));
    tenant
}

fn config(cases: u32) -> ProptestConfig {
    // What fails is large: it is told as it is before long.
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() }
}

/// So many batches, each in so many orders.
fn order_does_not_matter(desk: &Desk, batches: u32, orders: u32) {
    let with_orders = case(MOST).prop_flat_map(move |(before, records)| {
        let shuffled = Just(records.clone()).prop_shuffle();
        (Just(before), Just(records), vec(shuffled, orders as usize))
    });
    proptest!(config(batches), |((before, records, orders) in with_orders)| {
        let tenant = tenant(desk, before);
        let came = |records| rehearse(desk, &Batch::new(tenant, records).expect("not too large"));
        let expected = came(records);
        for records in orders {
            prop_assert_eq!(&expected, &came(records));
        }
    });
}

/// So many batches, each done twice.
fn twice_is_once(desk: &Desk, batches: u32) {
    let number = std::cell::Cell::new(0);
    proptest!(config(batches), |((before, records) in case(MOST / 5))| {
        let tenant = tenant(desk, before);
        let batch = Batch::new(tenant, records).expect("not too large");
        let digest = || digest(desk.store(), tenant, WHOLE, &mut |_| ()).expect("read");
        let first = run(desk, &batch, Timestamp(2));
        let (before, revision) = (digest(), desk.read(|reader| reader.revision(tenant)));
        number.set(number.get() + usize::from(first.has_written()));
        let second = run(desk, &batch, Timestamp(3));
        prop_assert!(!second.has_written());
        prop_assert_eq!(before, digest());
        prop_assert_eq!(revision, desk.read(|reader| reader.revision(tenant)));
    });
    assert!(number.get() > 0, "no batch wrote anything");
}

/// Shares batches among workers with a store each: one has one writer.
fn share(batches: u32, work: impl Fn(&Desk, u32) + Sync) {
    std::thread::scope(|scope| {
        for worker in 0..WORKERS.min(batches) {
            let (share, work) = (batches / WORKERS + u32::from(worker < batches % WORKERS), &work);
            scope.spawn(move || work(&crate::sqlite(), share));
        }
    });
}

/// Says what it was held to; `scripts/promises` reads it.
#[expect(clippy::print_stderr, reason = "told to whoever reads the test's output")]
fn measured(what: &str) {
    eprintln!("measured: {what}");
}

#[test]
fn order_does_not_matter_on_the_embedded_engine() {
    let (batches, orders) = (asked("PROPTEST_CASES", 6), asked("ROSTERD_TEST_ROUNDS", 3));
    share(batches, |desk, share| order_does_not_matter(desk, share, orders));
    measured(&format!("embedded, behind the planner: {orders} shuffles of each of {batches} batches"));
}

/// Each order is many round trips.
#[test]
fn order_does_not_matter_on_postgres() {
    let Some(desk) = crate::postgres(None) else { return };
    let (batches, orders) =
        (asked("PROPTEST_CASES", 20).div_ceil(10), asked("ROSTERD_TEST_ROUNDS", 20).div_ceil(10));
    order_does_not_matter(&desk, batches, orders);
    measured(&format!("PostgreSQL, behind the planner: {orders} shuffles of each of {batches} batches"));
}

#[test]
fn twice_is_once_on_the_embedded_engine() {
    let batches = asked("PROPTEST_CASES", 40);
    share(batches, twice_is_once);
    measured(&format!(
        "embedded, behind the planner: {batches} batches done twice, by the digest of all rows"
    ));
}

#[test]
fn twice_is_once_on_postgres() {
    let Some(desk) = crate::postgres(None) else { return };
    let batches = asked("PROPTEST_CASES", 40).div_ceil(10);
    twice_is_once(&desk, batches);
    measured(&format!(
        "PostgreSQL, behind the planner: {batches} batches done twice, by the digest of all rows"
    ));
}

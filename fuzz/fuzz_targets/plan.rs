//! Batches over a small space of keys against small directories, so that records collide: the laws of the
//! planner that `crates/directory/tests/laws` holds over random input, here with input that coverage leads.

#![no_main]

#[path = "../../crates/directory/tests/laws/defined.rs"]
mod defined;
#[path = "../../crates/directory/tests/laws/world.rs"]
#[expect(dead_code, reason = "shared with the laws, which use all of it")]
mod world;

use std::collections::HashSet;

use arbitrary::{Arbitrary, Result, Unstructured};
use directory::*;
use libfuzzer_sys::fuzz_target;
use world::{TENANT, World};

/// Small, so that small trees reach it.
const DEPTH_LIMIT: usize = 5;
const KEYS: usize = 14;
const KINDS: [Kind; 3] = [Kind::Key, Kind::Reference, Kind::Id];
const SOURCES: [&str; 3] = ["", "A", "B"];
const INTENTS: [Intent; 7] = [
    Intent::Upsert,
    Intent::Upsert,
    Intent::Upsert,
    Intent::Update,
    Intent::Archive(Reach::Itself),
    Intent::Archive(Reach::Subtree),
    Intent::Restore,
];

fuzz_target!(|input: Input| {
    let Input { world, batch } = input;
    let (after, first) = applied(&world, &batch);
    one_result_a_record(&batch, &first);
    the_same_again_changes_nothing(&after, &batch, &first);
    a_forest_within_its_depth(&world, &after);
    the_order_changes_nothing(&world, &batch, &first);
});

fn applied(world: &World, batch: &Batch) -> (World, Plan) {
    let plan = world.plan(batch, DEPTH_LIMIT);
    let mut after = world.clone();
    after.apply(&plan.writes);
    (after, plan)
}

fn one_result_a_record(batch: &Batch, plan: &Plan) {
    assert_eq!(plan.outcome.records.len(), batch.records.len());
    let done = plan.outcome.records.iter().filter(|outcome| {
        !matches!(
            outcome.result,
            RecordResult::Unchanged { .. } | RecordResult::Skipped | RecordResult::Failed(_)
        )
    });
    assert_eq!(done.count(), plan.writes.len());
    let ids: HashSet<GroupId> = plan.writes.iter().map(id_of).collect();
    assert_eq!(ids.len(), plan.writes.len(), "each group is written once");
}

fn id_of(write: &Write) -> GroupId {
    match write {
        Write::Create { id, .. }
        | Write::Update { id, .. }
        | Write::Archive { id, .. }
        | Write::Restore { id } => *id,
    }
}

fn the_same_again_changes_nothing(after: &World, batch: &Batch, first: &Plan) {
    let second = after.plan(batch, DEPTH_LIMIT);
    assert_eq!(second.writes, vec![]);
    for (first, second) in first.outcome.records.iter().zip(&second.outcome.records) {
        match (&first.result, &second.result) {
            (RecordResult::Failed(first), RecordResult::Failed(second)) => assert_eq!(first, second),
            (
                RecordResult::Created { id }
                | RecordResult::Updated { id, .. }
                | RecordResult::Archived { id, .. }
                | RecordResult::Restored { id }
                | RecordResult::Unchanged { id },
                RecordResult::Unchanged { id: again },
            ) => assert_eq!(id, again),
            (first, second) => panic!("{first:?} became {second:?}"),
        }
    }
}

fn a_forest_within_its_depth(before: &World, after: &World) {
    for group in after.groups.values() {
        let level = after.level(group.id);
        assert!(level.is_some_and(|level| level <= DEPTH_LIMIT), "{} on level {level:?}", group.id);
        let moved = before.groups.get(&group.id).is_none_or(|before| before.parent != group.parent);
        if let (true, Some(parent)) = (moved, group.parent) {
            assert!(!after.groups[&parent].is_archived(), "{} moved below an archived group", group.id);
        }
        for reference in &group.references {
            assert_eq!(after.find(&LookupKey::Reference(reference.clone())), vec![group.id]);
        }
    }
}

/// Assigned ids and numbers of other records aside.
fn the_order_changes_nothing(world: &World, batch: &Batch, plan: &Plan) {
    let records = batch.records.iter().rev().cloned().collect();
    let (_, reversed) = applied(world, &Batch { records, ..batch.clone() });
    let told = |outcome: &RecordOutcome| match &outcome.result {
        RecordResult::Failed(failures) => {
            format!("{:?}", failures.iter().map(Failure::code).collect::<Vec<_>>())
        }
        RecordResult::Created { .. } => "created".to_owned(),
        other => format!("{other:?}"),
    };
    for (one, other) in plan.outcome.records.iter().zip(reversed.outcome.records.iter().rev()) {
        assert_eq!(told(one), told(other));
    }
}

#[derive(Debug)]
struct Input {
    world: World,
    batch: Batch,
}

/// How the records of one batch name their groups. A face uses one kind in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Key,
    Reference,
    Id,
}

impl<'a> Arbitrary<'a> for Input {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let world = world(bytes)?;
        let kind = *bytes.choose(&KINDS)?;
        let count = bytes.int_in_range(1..=16)?;
        let intent = *bytes.choose(&INTENTS)?;
        let of_fields = matches!(intent, Intent::Upsert | Intent::Update);
        let record = |bytes: &mut _| match of_fields {
            true => record(bytes, kind),
            false => lookup_key(bytes, kind).map(|key| Ok(Directive::new(key))),
        };
        let records = (0..count).map(|_| record(bytes)).collect::<Result<Vec<_>>>()?;
        let batch = Batch::new(TENANT, records).expect("not empty, not too large");
        Ok(Self { world, batch: batch.intending(intent) })
    }
}

/// A forest no deeper than [`DEPTH_LIMIT`], some groups archived, some without a reference, some with two.
fn world(bytes: &mut Unstructured<'_>) -> Result<World> {
    let mut world = World { next_id: bytes.int_in_range(0..=40)?, ..World::default() };
    let counter = world.next_id;
    world.next_id = 0;
    let (mut taken, mut archived) = (HashSet::new(), Vec::new());
    for _ in 0..bytes.int_in_range(0..=21)? {
        let mut references = Vec::new();
        for _ in 0..bytes.int_in_range(0..=2)? {
            let pair = (bytes.choose_index(SOURCES.len())?, bytes.choose_index(KEYS)?);
            if taken.insert(pair) {
                references.push((SOURCES[pair.0], key_text(pair.1)));
            }
        }
        let ids: Vec<GroupId> = world.groups.keys().copied().collect();
        let parent = if ids.is_empty() || bytes.ratio(1, 5)? { None } else { Some(*bytes.choose(&ids)?) };
        let parent = parent.filter(|id| world.level(*id).is_some_and(|level| level < DEPTH_LIMIT));
        let borrowed: Vec<_> = references.iter().map(|(source, key)| (*source, key.as_str())).collect();
        let id = world.add(&borrowed, parent);
        if bytes.ratio(1, 10)? {
            archived.push(id);
        }
    }
    // Archived last: living groups may lie below.
    archived.into_iter().for_each(|id| world.archive(id));
    // Given ids may lie above the counter; the counter may lie anywhere.
    world.next_id = counter;
    Ok(world)
}

/// Keys 0 and 1 differ only by case.
fn key_text(number: usize) -> String {
    if number == 1 { "K0".to_owned() } else { format!("k{number}") }
}

fn lookup_key(bytes: &mut Unstructured<'_>, kind: Kind) -> Result<LookupKey> {
    if kind == Kind::Id {
        return Ok(LookupKey::Id(GroupId::new(bytes.int_in_range(1..=44)?).expect("small")));
    }
    let key = ReferenceKey::from_stored(&key_text(bytes.choose_index(KEYS)?));
    if kind == Kind::Key {
        return Ok(LookupKey::Key(key));
    }
    let source = Source::from_stored(bytes.choose(&SOURCES)?);
    Ok(LookupKey::Reference(ExternalReference { source, key }))
}

/// A parent is named like the groups themselves, and in any way where ids are given (see the laws).
fn parent_key(bytes: &mut Unstructured<'_>, kind: Kind) -> Result<ParentKey> {
    if bytes.ratio(1, 30)? {
        return Ok(ParentKey::Unmatchable { length: 70 });
    }
    let kind = if kind == Kind::Id { *bytes.choose(&KINDS)? } else { kind };
    lookup_key(bytes, kind).map(ParentKey::Key)
}

fn patch<'a, T>(
    bytes: &mut Unstructured<'a>,
    value: impl FnOnce(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Patch<T>> {
    Ok(match bytes.int_in_range(0..=6)? {
        0 | 1 => Patch::Keep,
        2 => Patch::Clear,
        _ => Patch::Set(value(bytes)?),
    })
}

fn text(bytes: &mut Unstructured<'_>) -> Result<String> {
    Ok(format!("text {}", bytes.int_in_range(0..=2)?))
}

fn record(bytes: &mut Unstructured<'_>, kind: Kind) -> Result<Record> {
    if bytes.ratio(1, 13)? {
        let fault = Failure::Validation { field: Some(Field::PhotoUrl), fault: Fault::UrlScheme };
        let key = if bytes.arbitrary()? { Some(lookup_key(bytes, kind)?) } else { None };
        return Ok(Err(Rejection { key, lacks_name: bytes.arbitrary()?, failures: vec![fault] }));
    }
    let key = lookup_key(bytes, kind)?;
    let renamed = kind == Kind::Key && bytes.ratio(1, 5)?;
    let source = if renamed { Some(Source::from_stored(bytes.choose(&SOURCES[1..])?)) } else { None };
    let name = if bytes.ratio(4, 5)? { Some(Name::from_stored(text(bytes)?)) } else { None };
    Ok(Ok(Directive {
        source,
        name,
        description: patch(bytes, |bytes| text(bytes).map(Description::from_stored))?,
        parent: patch(bytes, |bytes| parent_key(bytes, kind))?,
        photo_url: patch(bytes, |_| Ok(PhotoUrl::from_stored("https://example.org/a")))?,
        ..Directive::new(key)
    }))
}

//! The laws: total, one to one, order-free, idempotent, silent rejection, sufficient, acyclic.

use std::collections::{BTreeMap, HashSet};

use directory::model::JsonType;
use directory::*;
use proptest::prelude::*;

use crate::defined::attributes;
use crate::generate::{DEPTH_LIMIT, batch, lives, moves, world};
use crate::world::World;

pub(crate) fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn any_batch() -> impl Strategy<Value = Batch> {
    prop_oneof![batch(), moves(), lives()]
}

fn applied(world: &World, batch: &Batch) -> (World, Plan) {
    let plan = world.plan(batch, DEPTH_LIMIT);
    let mut after = world.clone();
    after.apply(&plan.writes);
    (after, plan)
}

/// A field's value as a text; empty where it has none.
fn value(group: &Group, field: &Field) -> String {
    let details = group.details.as_deref().cloned().unwrap_or_default();
    match field {
        Field::Name => group.name.as_str().to_owned(),
        Field::Description => group.description.as_ref().map_or("", |text| text.as_str()).to_owned(),
        Field::Parent => group.parent.map(|id| id.to_string()).unwrap_or_default(),
        Field::References if group.references.is_empty() => String::new(),
        Field::References => format!("{:?}", group.references),
        Field::Detail(Detail::Company) => details.company.as_str().to_owned(),
        Field::Detail(Detail::Budget) => details.options.budget.letter().to_string(),
        other => panic!("{other:?} is not generated"),
    }
}

fn key_of(record: &Record) -> Option<&LookupKey> {
    match record {
        Ok(directive) => Some(&directive.key),
        Err(rejection) => rejection.key.as_ref(),
    }
}

/// What a record was told, without what may depend on the order: assigned ids, and the numbers of other
/// records, which are named by their keys instead.
fn told(batch: &Batch, plan: &Plan, index: usize) -> String {
    let outcome = &plan.outcome.records[index];
    let told = match &outcome.result {
        RecordResult::Created { .. } => "created".to_owned(),
        RecordResult::Updated { changes, .. } => {
            let changes = changes.iter().map(|change| (&change.field, &change.from, &change.to));
            format!("updated {:?}", changes.collect::<Vec<_>>())
        }
        RecordResult::Archived { id, descendants } => format!("archived {id} and {descendants} below"),
        RecordResult::Restored { id } => format!("restored {id}"),
        RecordResult::Skipped => "skipped".to_owned(),
        RecordResult::Unchanged { id } => format!("unchanged {id}"),
        RecordResult::Failed(failures) => format!(
            "failed {:?}",
            failures
                .iter()
                .map(|failure| {
                    match failure {
                        // With more than ten others, which ten are named does depend on the order.
                        Failure::DuplicateInRequest { others, .. } => format!("{others} duplicates"),
                        Failure::ParentFailedInRequest { parent } => {
                            format!("below {:?}", key_of(&batch.records[*parent]))
                        }
                        other => format!("{other:?}"),
                    }
                })
                .collect::<Vec<_>>()
        ),
    };
    let addresses = outcome.addresses.iter().map(|address| match address {
        AddressOutcome::Created { .. } => "created".to_owned(),
        other => format!("{other:?}"),
    });
    let addresses: Vec<String> = addresses.collect();
    format!("{told} {:?} {:?} {addresses:?}", outcome.warnings, outcome.values)
}

/// The directory with each group under its references or, having none, its id; assigned ids taken out.
fn by_name(world: &World) -> BTreeMap<String, String> {
    let name = |id: GroupId| {
        let references = &world.groups[&id].references;
        if references.is_empty() { id.to_string() } else { format!("{references:?}") }
    };
    let entry = |group: &Group| {
        let of_life = (group.archived_at, world.values.get(&group.id));
        let state = (&group.name, &group.description, group.parent.map(name), &group.photo_url, of_life);
        let mut addresses: Vec<_> =
            world.addresses(group.id).iter().map(|address| format!("{:?}", address.content)).collect();
        addresses.sort();
        let state = (state, addresses);
        (name(group.id), format!("{state:?}"))
    };
    world.groups.values().map(entry).collect()
}

/// The same without what groups on a cycle are called: a reference that the batch adds can be their first.
fn unnamed(failures: &[Failure]) -> Vec<Failure> {
    let mut failures = failures.to_vec();
    for failure in &mut failures {
        if let Failure::HierarchyCycle { path } = failure {
            path.steps.iter_mut().for_each(String::clear);
        }
    }
    failures
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn one_result_a_record_and_at_most_one_write(world in world(), batch in any_batch()) {
        let plan = world.plan(&batch, DEPTH_LIMIT);
        prop_assert_eq!(plan.outcome.records.len(), batch.records.len());
        let done = |outcome: &&RecordOutcome| {
            !matches!(
                outcome.result,
                RecordResult::Unchanged { .. } | RecordResult::Skipped | RecordResult::Failed(_)
            )
        };
        prop_assert_eq!(plan.outcome.records.iter().filter(done).count(), plan.writes.len());
        let ids: HashSet<GroupId> = plan.writes.iter().map(|write| match write {
            Write::Create { id, .. }
            | Write::Update { id, .. }
            | Write::Archive { id, .. }
            | Write::Restore { id } => *id,
        }).collect();
        prop_assert_eq!(ids.len(), plan.writes.len());
    }

    #[test]
    fn the_order_of_the_records_changes_nothing(
        (world, batch, order) in (world(), any_batch()).prop_flat_map(|(world, batch)| {
            let order: Vec<usize> = (0..batch.records.len()).collect();
            (Just(world), Just(batch), Just(order).prop_shuffle())
        })
    ) {
        let records = order.iter().map(|index| batch.records[*index].clone()).collect();
        let shuffled = Batch { records, ..batch.clone() };
        let (after, plan) = applied(&world, &batch);
        let (after_shuffled, plan_shuffled) = applied(&world, &shuffled);
        for (place, index) in order.iter().enumerate() {
            prop_assert_eq!(told(&batch, &plan, *index), told(&shuffled, &plan_shuffled, place));
        }
        prop_assert_eq!(by_name(&after), by_name(&after_shuffled));
    }

    #[test]
    fn the_same_batch_again_changes_nothing(world in world(), batch in any_batch()) {
        let (after, first) = applied(&world, &batch);
        let second = after.plan(&batch, DEPTH_LIMIT);
        prop_assert_eq!(&second.writes, &vec![]);
        for (first, second) in first.outcome.records.iter().zip(&second.outcome.records) {
            match (&first.result, &second.result) {
                (RecordResult::Failed(first), RecordResult::Failed(second)) => {
                    prop_assert_eq!(unnamed(first), unnamed(second));
                }
                (
                    RecordResult::Created { id }
                    | RecordResult::Updated { id, .. }
                    | RecordResult::Archived { id, .. }
                    | RecordResult::Restored { id }
                    | RecordResult::Unchanged { id },
                    RecordResult::Unchanged { id: again },
                ) => prop_assert_eq!(id, again),
                (RecordResult::Skipped, RecordResult::Skipped) => {}
                (first, second) => prop_assert!(false, "{:?} became {:?}", first, second),
            }
            prop_assert_eq!(first.addresses.len(), second.addresses.len());
            for (first, second) in first.addresses.iter().zip(&second.addresses) {
                let (AddressOutcome::Created { id }
                | AddressOutcome::Updated { id }
                | AddressOutcome::Unchanged { id }) = first
                else {
                    prop_assert_eq!(first, second);
                    continue;
                };
                prop_assert_eq!(second, &AddressOutcome::Unchanged { id: *id });
            }
        }
    }

    #[test]
    fn a_rejected_record_changes_nothing(world in world(), batch in any_batch()) {
        let (after, plan) = applied(&world, &batch);
        for (record, outcome) in batch.records.iter().zip(&plan.outcome.records) {
            if let (Some(key), RecordResult::Failed(_)) = (key_of(record), &outcome.result) {
                let before = world.find(key);
                prop_assert_eq!(&before, &after.find(key), "groups of {:?}", key);
                // With an ambiguous key, another record may well mean one of these groups by another key.
                if let [id] = before[..] {
                    let mut stored = after.groups[&id].clone();
                    if batch.intent == Intent::Archive(Reach::Subtree) {
                        // It may have been archived with what another record means.
                        let before = &world.groups[&id];
                        (stored.archived_at, stored.revision) = (before.archived_at, before.revision);
                    }
                    prop_assert_eq!(&world.groups[&id], &stored);
                    prop_assert_eq!(world.values.get(&id), after.values.get(&id));
                    prop_assert_eq!(world.addresses(id), after.addresses(id));
                }
            }
        }
    }

    #[test]
    fn records_that_cannot_be_read_do_not_touch_the_others(world in world(), batch in any_batch(), bad in 0..4usize) {
        let unreadable = Rejection {
            key: None,
            lacks_name: true,
            failures: vec![Failure::Validation { field: None, fault: Fault::NotAnObject(JsonType::Null) }],
        };
        let mut records = vec![Err(unreadable); bad];
        records.extend(batch.records.iter().cloned());
        let more = Batch { records, ..batch.clone() };
        let (after, plan) = applied(&world, &batch);
        let (after_more, plan_more) = applied(&world, &more);
        for index in 0..batch.records.len() {
            prop_assert_eq!(told(&batch, &plan, index), told(&more, &plan_more, index + bad));
        }
        prop_assert_eq!(after, after_more);
    }

    #[test]
    fn nothing_is_looked_at_that_was_not_asked_for(world in world(), batch in any_batch()) {
        let seen = world.snapshot(&batch);
        let mut more = seen.clone();
        for group in world.groups.values() {
            let references = group.references.iter().flat_map(|reference| {
                [LookupKey::Key(reference.key.clone()), LookupKey::Reference(reference.clone())]
            });
            for key in references.chain([LookupKey::Id(group.id)]) {
                more.matches.insert(key.clone(), world.find(&key));
            }
            more.groups.insert(group.id, group.clone());
            world.add_ancestors(group.id, &mut more);
            world.add_addresses(group.id, &mut more);
        }
        for definition in attributes() {
            more.attributes.insert(AttributeKey::Id(definition.id), definition);
        }
        let planned = |seen: &Snapshot| {
            let ids = &mut seen.free_ids.source(&batch);
            plan(&batch, seen, &mut PlanContext { ids, depth_limit: DEPTH_LIMIT })
        };
        prop_assert_eq!(planned(&seen), planned(&more));
    }

    #[test]
    fn other_free_ids_change_nothing_but_assigned_ids(world in world(), batch in any_batch(), later in 0..4i64) {
        let seen = world.snapshot(&batch);
        let with = |ids: &FreeIds| {
            plan(&batch, &seen, &mut PlanContext { ids: &mut ids.source(&batch), depth_limit: DEPTH_LIMIT })
        };
        let first = seen.free_ids.0.first().map_or(1, |(first, _)| *first);
        let others = FreeIds(vec![(first + later, first + later + 1), (first + 7, first + 100)]);
        let mut planned = with(&seen.free_ids);
        planned.reassign(&mut others.source(&batch));
        prop_assert_eq!(&planned, &with(&others));
        planned.reassign(&mut seen.free_ids.source(&batch));
        prop_assert_eq!(planned, with(&seen.free_ids));
    }

    #[test]
    fn what_is_stored_stays_a_forest_within_its_depth(world in world(), batch in any_batch()) {
        let (after, _) = applied(&world, &batch);
        for group in after.groups.values() {
            let level = after.level(group.id);
            prop_assert!(level.is_some_and(|level| level <= DEPTH_LIMIT), "{} on level {level:?}", group.id);
            let moved = world.groups.get(&group.id).is_none_or(|before| before.parent != group.parent);
            if let (true, Some(parent)) = (moved, group.parent) {
                prop_assert!(!after.groups[&parent].is_archived(), "{} moved below an archived group", group.id);
            }
            let lives_below_archived = |world: &World, group: &Group| {
                let parent = group.parent.map(|parent| &world.groups[&parent]);
                !group.is_archived() && parent.is_some_and(Group::is_archived)
            };
            if lives_below_archived(&after, group) {
                let before = &world.groups[&group.id];
                prop_assert!(lives_below_archived(&world, before), "{} lives below an archived group", group.id);
            }
            for reference in &group.references {
                let owners = after.find(&LookupKey::Reference(reference.clone()));
                prop_assert_eq!(owners, vec![group.id]);
            }
        }
    }

    #[test]
    fn terms_hold(world in world(), batch in batch()) {
        let (after, plan) = applied(&world, &batch);
        for (id, before) in &world.groups {
            let after = &after.groups[id];
            for field in &batch.terms.keep {
                let (kept, now) = (value(before, field), value(after, field));
                prop_assert!(kept.is_empty() || kept == now, "{:?} of {}: {} became {}", field, id, kept, now);
            }
            prop_assert!(!batch.terms.keep_place || before.parent == after.parent, "{} moved", id);
        }
        let skipped = plan.outcome.records.iter().any(|record| record.result == RecordResult::Skipped);
        if batch.terms.no_create && batch.intent == Intent::Upsert {
            prop_assert_eq!(world.groups.len(), after.groups.len());
        } else {
            prop_assert!(!skipped);
        }
        // What is suppressed is told, and only where something stored is kept.
        for (record, outcome) in batch.records.iter().zip(&plan.outcome.records) {
            let told = outcome.warnings.iter().any(|warning| matches!(warning, Warning::Suppressed { .. }));
            let stored = key_of(record).is_some_and(|key| !world.find(key).is_empty());
            prop_assert!(!told || stored);
        }
    }

    #[test]
    fn terms_do_not_act_on_what_is_created(batch in batch()) {
        let terms = Terms { no_create: false, ..batch.terms.clone() };
        let plain = Terms { nameless: terms.nameless, entries_apart: terms.entries_apart, ..Terms::default() };
        let (held, held_plan) = applied(&World::default(), &batch.clone().under(terms));
        let (free, free_plan) = applied(&World::default(), &batch.clone().under(plain));
        prop_assert_eq!(held, free);
        prop_assert_eq!(held_plan, free_plan);
    }

    #[test]
    fn what_is_archived_is_counted_and_can_be_restored(world in world(), batch in lives()) {
        let (after, plan) = applied(&world, &batch);
        let archived: Vec<GroupId> =
            world.groups.keys().copied().filter(|id| !world.groups[id].is_archived() && after.groups[id].is_archived()).collect();
        let told = |outcome: &RecordOutcome| match outcome.result {
            RecordResult::Archived { descendants, .. } => 1 + descendants,
            _ => 0,
        };
        prop_assert_eq!(plan.outcome.records.iter().map(told).sum::<usize>(), archived.len());
        let sound = world.groups.values().all(|group| {
            group.is_archived() || group.parent.is_none_or(|parent| !world.groups[&parent].is_archived())
        });
        if archived.is_empty() || !sound {
            return Ok(());
        }
        let records = archived.iter().map(|id| Ok(Directive::new(LookupKey::Id(*id)))).collect();
        let back = Batch::new(batch.tenant, records).expect("a small batch").intending(Intent::Restore);
        let (mut restored, _) = applied(&after, &back);
        for id in archived {
            restored.groups.get_mut(&id).expect("stored").revision = world.groups[&id].revision;
        }
        prop_assert_eq!(restored.groups, world.groups);
    }

    #[test]
    fn no_record_fails_to_live_or_to_be_archived_without_a_reason(world in world(), batch in lives()) {
        let (after, plan) = applied(&world, &batch);
        for (record, outcome) in batch.records.iter().zip(&plan.outcome.records) {
            let (Ok(directive), RecordResult::Failed(failures)) = (record, &outcome.result) else { continue };
            let group = world.find(&directive.key).first().map(|id| &world.groups[id]);
            match &failures[0] {
                Failure::GroupHasChildren { children } => {
                    prop_assert_eq!(*children, after.living_children(group.expect("stored").id));
                    prop_assert!(*children > 0);
                }
                Failure::ArchivedParentGroup | Failure::ParentFailedInRequest { .. } => {
                    let parent = group.and_then(|group| group.parent).expect("a parent");
                    prop_assert!(after.groups[&parent].is_archived());
                }
                Failure::GroupNotFound => prop_assert!(group.is_none()),
                Failure::DuplicateInRequest { .. } | Failure::AmbiguousGroupIdentifier { .. } => {}
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn no_record_fails_for_the_tree_without_a_reason(world in world(), batch in moves()) {
        let (after, plan) = applied(&world, &batch);
        for (record, outcome) in batch.records.iter().zip(&plan.outcome.records) {
            let (Ok(directive), RecordResult::Failed(failures)) = (record, &outcome.result) else { continue };
            let Patch::Set(ParentKey::Key(parent)) = &directive.parent else { continue };
            match &failures[0] {
                Failure::HierarchyTooDeep { level, limit } => prop_assert!(level > limit),
                Failure::HierarchyCycle { path } => {
                    prop_assert_eq!(&path.steps[0], &directive.key.to_string());
                    prop_assert!(path.steps.len() > 1);
                }
                Failure::ParentGroupNotFound { .. } => prop_assert!(world.find(parent).is_empty() && after.find(parent).is_empty()),
                Failure::ParentFailedInRequest { parent } => {
                    prop_assert!(matches!(plan.outcome.records[*parent].result, RecordResult::Failed(_)));
                }
                _ => {}
            }
        }
    }
}

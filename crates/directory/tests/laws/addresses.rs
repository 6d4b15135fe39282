//! Laws of addresses, for entries of every kind; and what each of their rules says.

use std::collections::BTreeSet;

use directory::model::{Country, Lines};
use directory::*;
use proptest::prelude::*;

use crate::generate::{DEPTH_LIMIT, any_addresses};
use crate::laws::config;
use crate::world::{TENANT, World};

/// A group with three addresses, two of them with a code.
fn stored() -> (World, GroupId) {
    let mut world = World::default();
    let group = world.add(&[("", "g")], None);
    world.add_address(group, None, true);
    world.add_address(group, Some("a"), false);
    world.add_address(group, Some("b"), false);
    let other = world.add(&[("", "h")], None);
    world.add_address(other, Some("a"), true);
    (world, group)
}

fn batch(entries: Vec<AddressDirective>, terms: Terms) -> Batch {
    let directive = Directive { addresses: entries, ..Directive::new(World::key("g")) };
    let batch = Batch::new(TENANT, vec![Ok(directive)]).expect("one record");
    batch.intending(Intent::Update).under(terms)
}

fn applied(world: &World, batch: &Batch) -> (World, RecordOutcome) {
    let mut plan = world.plan(batch, DEPTH_LIMIT);
    let mut after = world.clone();
    after.apply(&plan.writes);
    (after, plan.outcome.records.remove(0))
}

fn apart() -> Terms {
    Terms { entries_apart: true, ..Terms::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn codes_are_unique_and_each_type_has_one_default(entries in any_addresses(), entries_apart in any::<bool>()) {
        let (world, group) = stored();
        let terms = Terms { entries_apart, ..Terms::default() };
        let (after, outcome) = applied(&world, &batch(entries.clone(), terms));
        let addresses = after.addresses(group);
        let codes: Vec<_> = addresses.iter().filter_map(|address| address.content.code.as_ref()).collect();
        prop_assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
        let defaults: Vec<_> =
            addresses.iter().filter(|address| address.content.is_default).map(|address| address.content.kind).collect();
        prop_assert_eq!(defaults.iter().collect::<BTreeSet<_>>().len(), defaults.len());
        prop_assert!(addresses.len() <= Address::MOST);
        for address in &addresses {
            let lines = &address.content.lines;
            let required = [AddressLine::Street, AddressLine::City];
            prop_assert!(required.iter().all(|line| !lines.get(*line).as_str().is_empty()));
        }
        // One outcome for each entry, or none at all.
        let failed = matches!(outcome.result, RecordResult::Failed(_));
        prop_assert_eq!(outcome.addresses.len(), if failed { 0 } else { entries.len() });
        prop_assert!(!(failed && entries_apart));
        // The other group has nothing to do with it.
        for (key, address) in world.addresses.iter().filter(|((of, _), _)| *of != group) {
            prop_assert_eq!(after.addresses.get(key), Some(address));
        }
    }

    #[test]
    fn a_record_fails_exactly_if_an_entry_does(entries in any_addresses()) {
        let (world, group) = stored();
        let (_, told_apart) = applied(&world, &batch(entries.clone(), apart()));
        let (after, whole) = applied(&world, &batch(entries, Terms::default()));
        let failures: Vec<_> = told_apart.addresses.iter().filter_map(|entry| match entry {
            AddressOutcome::Failed { failures, .. } => Some(failures.clone()),
            _ => None,
        }).flatten().collect();
        if let RecordResult::Failed(mut told) = whole.result {
            prop_assert!(!told.is_empty());
            told.retain(|failure| !failures.contains(failure));
            prop_assert_eq!(told, vec![]);
            prop_assert_eq!(world.addresses(group), after.addresses(group));
        } else {
            prop_assert_eq!(failures, vec![]);
        }
    }

    #[test]
    fn the_order_of_entries_changes_nothing(
        (entries, order) in any_addresses().prop_flat_map(|entries| {
            let order: Vec<usize> = (0..entries.len()).collect();
            (Just(entries), Just(order).prop_shuffle())
        })
    ) {
        let (world, group) = stored();
        let shuffled = order.iter().map(|index| entries[*index].clone()).collect();
        let contents = |world: &World| {
            let mut all: Vec<_> =
                world.addresses(group).iter().map(|address| format!("{:?}", address.content)).collect();
            all.sort();
            all
        };
        let (straight, _) = applied(&world, &batch(entries, apart()));
        let (mixed, _) = applied(&world, &batch(shuffled, apart()));
        prop_assert_eq!(contents(&straight), contents(&mixed));
    }
}

fn full(key: AddressKey) -> AddressPatch {
    let mut lines = Lines::default();
    for line in [AddressLine::Street, AddressLine::City] {
        *lines.get_mut(line) = Patch::Set(line.parse("x").expect("a line"));
    }
    let country = Some(Country::parse("NL").expect("a country"));
    AddressPatch { kind: Some(AddressType::Delivery), country, lines, ..AddressPatch::new(key) }
}

fn put(patch: AddressPatch) -> AddressDirective {
    AddressDirective::Put(Box::new(patch))
}

fn code(text: &str) -> AddressKey {
    AddressKey::Code(AddressCode::from_stored(text))
}

fn id(number: i64) -> AddressId {
    AddressId::new(number).expect("a good id")
}

/// What becomes of the entries when each is told apart, in a word.
fn told(entries: Vec<AddressDirective>) -> Vec<String> {
    let (world, _) = stored();
    let (_, outcome) = applied(&world, &batch(entries, apart()));
    let told = |outcome: &AddressOutcome| match outcome {
        AddressOutcome::Created { id } => format!("created {id}"),
        AddressOutcome::Updated { id } => format!("updated {id}"),
        AddressOutcome::Unchanged { id } => format!("unchanged {id}"),
        AddressOutcome::Deleted { id } => format!("deleted {id}"),
        AddressOutcome::Failed { failures, .. } => match &failures[0] {
            Failure::Validation { fault, .. } => fault.reason().to_owned(),
            other => format!("{} {:?}", other.code().as_str(), other.field()),
        },
    };
    outcome.addresses.iter().map(told).collect()
}

#[test]
fn each_rule_of_entries() {
    let default = |patch: AddressPatch| AddressPatch { is_default: Some(true), ..patch };
    let named = |key, text| AddressPatch { code: Patch::Set(AddressCode::from_stored(text)), ..full(key) };
    let field = |field: AddressField| format!("{:?}", Some(Field::Address(0, field)));
    let cases: Vec<(Vec<AddressDirective>, Vec<String>)> = vec![
        (vec![put(full(code("a"))), put(full(code("z")))], vec!["updated 2".into(), "created 5".into()]),
        (vec![put(AddressPatch::new(code("a")))], vec!["unchanged 2".into()]),
        (
            vec![put(AddressPatch::new(code("z")))],
            vec![format!("REQUIRED_FIELD_MISSING {}", field(AddressField::Type))],
        ),
        (
            vec![put(full(code("a"))), put(full(code("a"))), put(full(code("b")))],
            vec![
                format!("VALIDATION_ERROR {}", field(AddressField::Code)),
                format!("VALIDATION_ERROR {:?}", Some(Field::Address(1, AddressField::Code))),
                "updated 3".into(),
            ],
        ),
        (
            vec![put(default(full(code("a")))), put(default(full(code("b"))))],
            vec!["CONFLICTING_FIELDS".into(), "CONFLICTING_FIELDS".into()],
        ),
        (
            vec![put(full(AddressKey::Id(id(4))))],
            vec![format!("ADDRESS_NOT_FOUND {}", field(AddressField::Whole))],
        ),
        (vec![AddressDirective::Delete(id(1))], vec!["deleted 1".into()]),
        (
            vec![AddressDirective::Delete(id(4))],
            vec![format!("ADDRESS_NOT_FOUND {}", field(AddressField::Whole))],
        ),
        (vec![put(named(AddressKey::Id(id(1)), "a"))], vec!["CODE_TAKEN".into()]),
        (vec![put(named(AddressKey::Id(id(2)), "a"))], vec!["updated 2".into()]),
        (vec![put(named(AddressKey::New, "b"))], vec!["CODE_TAKEN".into()]),
        (
            vec![put(full(AddressKey::New)), put(full(AddressKey::New))],
            vec!["created 5".into(), "created 6".into()],
        ),
    ];
    for (entries, expected) in cases {
        assert_eq!(told(entries.clone()), expected, "{entries:?}");
    }
    let many: Vec<_> = (0..48).map(|_| put(full(AddressKey::New))).collect();
    let outcomes = told(many);
    assert_eq!((outcomes[46].as_str(), outcomes[47].as_str()), ("created 51", "TOO_MANY_ENTRIES"));
}

/// The stored default steps back, by whichever way the new one comes; other types keep theirs.
#[test]
fn a_new_default_unsets_the_old_one() {
    let (mut world, group) = stored();
    let invoice =
        AddressPatch { kind: Some(AddressType::Invoice), ..AddressPatch::new(AddressKey::Id(id(3))) };
    let defaults = |world: &World| {
        let defaults = world.addresses(group).into_iter().filter(|address| address.content.is_default);
        defaults.map(|address| (address.id.get(), address.content.kind)).collect::<Vec<_>>()
    };
    assert_eq!(defaults(&world), [(1, AddressType::Delivery)]);
    let invoice = AddressPatch { is_default: Some(true), ..invoice };
    (world, _) = applied(&world, &batch(vec![put(invoice)], Terms::default()));
    assert_eq!(defaults(&world), [(1, AddressType::Delivery), (3, AddressType::Invoice)]);
    let revision = world.revision;
    let again = AddressPatch { is_default: Some(true), ..AddressPatch::new(code("b")) };
    let (same, outcome) = applied(&world, &batch(vec![put(again)], Terms::default()));
    assert_eq!((outcome.result, same.revision), (RecordResult::Unchanged { id: group }, revision));
    // By its type alone.
    let moved = AddressPatch { kind: Some(AddressType::Delivery), ..AddressPatch::new(code("b")) };
    let (world, outcome) = applied(&world, &batch(vec![put(moved)], Terms::default()));
    assert_eq!(defaults(&world), [(3, AddressType::Delivery)]);
    assert!(matches!(outcome.result, RecordResult::Updated { .. }));
    assert_eq!(world.groups[&group].revision, world.revision);
}

#[test]
fn countries_and_types_are_those_of_their_lists() {
    assert_eq!(Country::parse("NL").map(|country| country.to_string()), Ok("NL".to_owned()));
    for wrong in ["", "N", "nl", "Nl", "NLD", "UK", "XX", "EU", " NL", "N L", "A ", "Z "] {
        assert_eq!(Country::parse(wrong), Err(Fault::NotACountry), "{wrong}");
    }
    let letters = || 'A'..='Z';
    let all = letters().flat_map(|first| letters().map(move |second| format!("{first}{second}")));
    assert_eq!(all.filter(|code| Country::parse(code).is_ok()).count(), 249);
    for kind in AddressType::ALL {
        assert_eq!(AddressType::parse(kind.as_str()), Ok(kind));
    }
    assert!(AddressType::parse("Delivery").is_err());
    assert_eq!(AddressLine::Street.parse(" "), Err(Fault::Blank));
    assert_eq!(AddressLine::City.parse(""), Err(Fault::Empty));
    assert!(AddressLine::Phone.parse("").is_ok() && AddressLine::Phone.parse("\u{7}").is_err());
    assert_eq!(AddressId::parse("7"), AddressId::new(7));
    assert!(["", "0", "07", "+7", "9007199254740992"].iter().all(|text| AddressId::parse(text).is_none()));
}

//! Random directories and random hostile batches over a small space of keys, so that records collide.

use directory::model::{Choice, Country, Language, Line, Lines, Notes};
use directory::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::attributes::patches;
use crate::world::{TENANT, World};

/// Small, so that random trees reach it.
pub(crate) const DEPTH_LIMIT: usize = 5;
const KEYS: usize = 14;
const SOURCES: [&str; 3] = ["", "A", "B"];

/// How the records of one batch name their groups. A face uses one kind in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Key,
    Reference,
    Id,
}

/// A directory with a forest no deeper than [`DEPTH_LIMIT`], some groups archived, some without a
/// reference, some with two, some keys in two sources.
pub(crate) fn world() -> impl Strategy<Value = World> {
    let group = (
        vec((0..SOURCES.len(), 0..KEYS), 0..3),
        option::weighted(0.8, any::<prop::sample::Index>()),
        0..10u8,
    );
    (vec(group, 0..22), 0..40i64).prop_map(|(groups, next_id)| {
        let mut world = World { next_id, ..World::default() };
        let mut taken = std::collections::HashSet::new();
        let mut archived = Vec::new();
        for (references, parent, dice) in groups {
            let ids: Vec<GroupId> = world.groups.keys().copied().collect();
            let parent = parent.filter(|_| !ids.is_empty()).map(|index| ids[index.index(ids.len())]);
            let parent = parent.filter(|id| world.level(*id).is_some_and(|level| level < DEPTH_LIMIT));
            let references: Vec<_> = references.into_iter().filter(|pair| taken.insert(*pair)).collect();
            let names: Vec<_> =
                references.iter().map(|(source, key)| (SOURCES[*source], key_text(*key))).collect();
            let borrowed: Vec<_> = names.iter().map(|(source, key)| (*source, key.as_str())).collect();
            let id = world.add(&borrowed, parent);
            if dice < 2 {
                archived.push(id);
            }
        }
        // Archived last: living groups may lie below.
        for id in archived {
            world.archive(id);
        }
        let ids: Vec<GroupId> = world.groups.keys().copied().collect();
        for (index, code) in [None, Some("a"), Some("b"), None, Some("d")].into_iter().enumerate() {
            if let Some(group) = ids.get(index % ids.len().clamp(1, 3)) {
                world.add_address(*group, code, index < 2);
            }
        }
        // Given ids may lie above the counter; the counter may lie anywhere.
        world.next_id = next_id;
        world
    })
}

/// Keys 0 and 1 differ only by case.
fn key_text(number: usize) -> String {
    if number == 1 { "K0".to_owned() } else { format!("k{number}") }
}

fn lookup_key(kind: Kind) -> BoxedStrategy<LookupKey> {
    let key = (0..KEYS).prop_map(|number| ReferenceKey::from_stored(&key_text(number)));
    let source = prop::sample::select(&SOURCES[..]).prop_map(Source::from_stored);
    match kind {
        Kind::Key => key.prop_map(LookupKey::Key).boxed(),
        Kind::Reference => (source, key)
            .prop_map(|(source, key)| LookupKey::Reference(ExternalReference { source, key }))
            .boxed(),
        Kind::Id => (1..45i64).prop_map(|id| LookupKey::Id(GroupId::new(id).expect("small"))).boxed(),
    }
}

/// A parent is named like the groups themselves, and by references where ids are given: a key that is
/// ambiguous only among records of which some fail, or an id that one batch assigns, would be found by the
/// next batch.
fn parent_key(kind: Kind) -> BoxedStrategy<ParentKey> {
    let key = match kind {
        Kind::Key => lookup_key(Kind::Key),
        Kind::Reference => lookup_key(Kind::Reference),
        Kind::Id => prop_oneof![lookup_key(Kind::Reference), lookup_key(Kind::Id)].boxed(),
    };
    prop_oneof![
        30 => key.prop_map(ParentKey::Key),
        1 => Just(ParentKey::Unmatchable { length: 70 }),
    ]
    .boxed()
}

fn patch<T: Clone + std::fmt::Debug + 'static>(value: BoxedStrategy<T>) -> impl Strategy<Value = Patch<T>> {
    prop_oneof![2 => Just(Patch::Keep), 1 => Just(Patch::Clear), 4 => value.prop_map(Patch::Set)]
}

fn directive(kind: Kind) -> impl Strategy<Value = Directive> {
    let source = if kind == Kind::Reference { 0 } else { 2 };
    let text = |count: u8| (0..count).prop_map(|number| format!("text {number}"));
    (
        lookup_key(kind),
        (0..10u8, prop::sample::select(&SOURCES[1..]))
            .prop_map(move |(dice, name)| (dice < source).then(|| Source::from_stored(name))),
        option::weighted(0.8, text(3).prop_map(Name::from_stored)),
        patch(text(2).prop_map(Description::from_stored).boxed()),
        patch(parent_key(kind)),
        patch(Just(PhotoUrl::from_stored("https://example.org/a")).boxed()),
        option::weighted(0.3, details()),
        vec(reference(), 0..2),
        (option::weighted(0.2, lookup_key(Kind::Reference)), patches()),
        prop_oneof![3 => Just(Vec::new()), 1 => addresses()],
    )
        .prop_map(
            move |(
                key,
                source,
                name,
                description,
                parent,
                photo_url,
                details,
                references,
                (too, values),
                addresses,
            )| {
                Directive {
                    key,
                    source: source.filter(|_| kind == Kind::Key || references.is_empty()),
                    name,
                    description,
                    parent,
                    parent_too: too.filter(|_| kind == Kind::Id),
                    photo_url,
                    details: details.map(Box::new),
                    references: if kind == Kind::Id { references } else { Vec::new() },
                    values,
                    addresses,
                }
            },
        )
}

/// Entries that can be repeated: each names its address by a code, or by an id that is all that is asked.
pub(crate) fn addresses() -> impl Strategy<Value = Vec<AddressDirective>> {
    let code = || prop::sample::select(&["a", "b", "c", "d"][..]).prop_map(AddressCode::from_stored);
    let put = move || address_patch(code().prop_map(AddressKey::Code).boxed());
    let id = || (1..6i64).prop_map(|number| AddressId::new(number).expect("small"));
    let by_id = (address_patch(id().prop_map(AddressKey::Id).boxed()), patch(code().boxed()))
        .prop_map(|(patch, code)| AddressPatch { code, ..patch });
    prop_oneof![
        6 => vec(put().prop_map(|patch| AddressDirective::Put(Box::new(patch))), 0..6),
        1 => by_id.prop_map(|patch| vec![AddressDirective::Put(Box::new(patch))]),
    ]
}

/// Entries of every kind, also those that no request can repeat.
pub(crate) fn any_addresses() -> impl Strategy<Value = Vec<AddressDirective>> {
    let key = prop_oneof![
        Just(AddressKey::New),
        (1..6i64).prop_map(|number| AddressKey::Id(AddressId::new(number).expect("small"))),
    ];
    let code = prop::sample::select(&["a", "b", "c", "d"][..]).prop_map(AddressCode::from_stored);
    let other = (address_patch(key.boxed()), patch(code.boxed()))
        .prop_map(|(patch, code)| AddressDirective::Put(Box::new(AddressPatch { code, ..patch })));
    let delete =
        (1..6i64).prop_map(|number| AddressDirective::Delete(AddressId::new(number).expect("small")));
    (addresses(), vec(prop_oneof![3 => other, 1 => delete], 0..5))
        .prop_map(|(some, more)| [some, more].concat())
        .prop_shuffle()
}

fn address_patch(key: BoxedStrategy<AddressKey>) -> impl Strategy<Value = AddressPatch> {
    let line = || patch(prop::sample::select(&["x", "y"][..]).prop_map(Line::from_stored).boxed());
    let kind = option::weighted(0.8, prop::sample::select(&AddressType::ALL[..2]));
    let country = option::weighted(0.9, Just(Country::parse("NL").expect("a country")));
    (key, kind, country, option::of(any::<bool>()), line(), line(), line()).prop_map(
        |(key, kind, country, is_default, street, city, region)| {
            let mut lines = Lines::default();
            // Most have both of the lines that a create needs.
            let street = if street == Patch::Clear { Patch::Set(Line::from_stored("z")) } else { street };
            *lines.get_mut(AddressLine::Street) = street;
            *lines.get_mut(AddressLine::City) = city;
            *lines.get_mut(AddressLine::Region) = region;
            AddressPatch { kind, country, is_default, lines, ..AddressPatch::new(key) }
        },
    )
}

fn reference() -> impl Strategy<Value = ExternalReference> {
    let source = prop::sample::select(&SOURCES[..]).prop_map(Source::from_stored);
    let key = (0..KEYS).prop_map(|number| ReferenceKey::from_stored(&key_text(number)));
    (source, key).prop_map(|(source, key)| ExternalReference { source, key })
}

fn details() -> impl Strategy<Value = DetailsPatch> {
    let line = || patch(prop::sample::select(&["", "x"][..]).prop_map(Line::from_stored).boxed());
    let notes = patch(prop::sample::select(&["", "x"][..]).prop_map(Notes::from_stored).boxed());
    let language = patch(Just(Language::parse("nl").expect("a language")).boxed());
    let letters = option::of(prop::sample::select(&["Y", "N"][..]));
    (language, line(), line(), notes, letters).prop_map(|(language, company, office, notes, letter)| {
        DetailsPatch {
            language,
            company,
            office,
            notes,
            budget: letter.map(|letter| Choice::parse(letter).expect("a letter")),
            ..DetailsPatch::default()
        }
    })
}

/// What a batch does not do; mostly nothing of that.
fn terms() -> impl Strategy<Value = Terms> {
    let fields = prop::sample::subsequence(
        vec![
            Field::Name,
            Field::Description,
            Field::Parent,
            Field::References,
            Field::Detail(Detail::Company),
            Field::Detail(Detail::Budget),
        ],
        0..4,
    );
    let some =
        (fields, any::<[bool; 4]>()).prop_map(|(keep, [keep_place, no_create, nameless, entries_apart])| {
            Terms { keep, keep_place, no_create, nameless, entries_apart }
        });
    prop_oneof![3 => Just(Terms::default()), 2 => some]
}

fn record(kind: Kind) -> impl Strategy<Value = Record> {
    let fault = Failure::Validation { field: Some(Field::PhotoUrl), fault: Fault::UrlScheme };
    let rejection = (option::of(lookup_key(kind)), any::<bool>())
        .prop_map(move |(key, lacks_name)| Err(Rejection { key, lacks_name, failures: vec![fault.clone()] }));
    prop_oneof![12 => directive(kind).prop_map(Ok), 1 => rejection]
}

/// 1–16 records of one kind.
pub(crate) fn batch() -> impl Strategy<Value = Batch> {
    let kind = prop_oneof![3 => Just(Kind::Key), 1 => Just(Kind::Reference), 1 => Just(Kind::Id)];
    let records = kind.prop_flat_map(|kind| vec(record(kind), 1..17));
    let intent = prop_oneof![4 => Just(Intent::Upsert), 1 => Just(Intent::Update)];
    (records, intent, terms()).prop_map(|(records, intent, terms)| {
        Batch::new(TENANT, records).expect("not empty, not too large").intending(intent).under(terms)
    })
}

/// Batches that archive or restore.
pub(crate) fn lives() -> impl Strategy<Value = Batch> {
    let kind = prop_oneof![1 => Just(Kind::Key), 1 => Just(Kind::Id)];
    let records = kind.prop_flat_map(|kind| vec((lookup_key(kind), 0..20u8), 1..17));
    let intent = prop::sample::select(&LIVES[..]);
    (records, intent).prop_map(|(records, intent)| {
        let fault = || vec![Failure::Validation { field: Some(Field::Key), fault: Fault::Empty }];
        let record = |(key, dice)| match dice {
            0 => Err(Rejection { key: Some(key), lacks_name: true, failures: fault() }),
            _ => Ok(Directive::new(key)),
        };
        let records = records.into_iter().map(record).collect();
        Batch::new(TENANT, records).expect("not empty, not too large").intending(intent)
    })
}

const LIVES: [Intent; 3] = [Intent::Archive(Reach::Itself), Intent::Archive(Reach::Subtree), Intent::Restore];

/// Batches of nothing but moves within a small tree: cycles, swaps and depths in plenty.
pub(crate) fn moves() -> impl Strategy<Value = Batch> {
    let record = (lookup_key(Kind::Key), patch(parent_key(Kind::Key))).prop_map(|(key, parent)| {
        Ok(Directive { name: Some(Name::from_stored("moved")), parent, ..Directive::new(key) })
    });
    vec(record, 1..17).prop_map(|records| {
        let mut seen = std::collections::HashSet::new();
        let distinct =
            |record: &Record| record.as_ref().is_ok_and(|directive| seen.insert(directive.key.clone()));
        let records = records.into_iter().filter(distinct).collect();
        Batch::new(TENANT, records).expect("not empty, not too large")
    })
}

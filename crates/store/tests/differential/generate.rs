//! Random batches over a small space of keys, so that records collide with each other and with what is
//! stored.

use directory::model::{Choice, Country, Language, Line, Lines};
use directory::{
    AddressCode, AddressDirective, AddressId, AddressKey, AddressLine, AddressPatch, AddressType,
    DefinitionRecord, Description, DetailsPatch, Directive, ExternalReference, Filter, GroupId, Intent, Life,
    LookupKey, Name, ParentKey, Patch, PhotoUrl, Place, Reach, Record, ReferenceKey, Rejection, Source,
    Timestamp,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::attributes::{definitions, entries};

const KEYS: [&str; 12] = ["a", "A", "b", "c", "d", "e", "f", "g", "h", "Stra\u{DF}e", "strasse", "a b"];
/// Accents, ligatures and scripts, so that searches have something to overlook.
const NAMES: [&str; 6] = ["one", "two Öne", "STRASSE-a", "b \u{FB01}", "東京 A", "g\u{308}e"];
const SOURCES: [&str; 3] = ["", "S", "T"];
/// Small ids meet assigned ones; the largest must break nothing.
const IDS: [i64; 8] = [1, 2, 3, 7, 12, 20, 41, (1 << 53) - 1];

/// One thing that happens to a tenant.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A request.
    Batch { tenant: usize, intent: Intent, records: Vec<Record>, entries_apart: bool },
    /// A group with several references is added, which no face can do yet; taken ones are left out.
    Several { tenant: usize, references: Vec<ExternalReference> },
    /// Definitions of attributes.
    Definitions { tenant: usize, records: Vec<DefinitionRecord> },
}

impl Step {
    /// Which tenant of the case.
    pub(crate) fn tenant(&self) -> usize {
        match self {
            Self::Batch { tenant, .. } | Self::Several { tenant, .. } | Self::Definitions { tenant, .. } => {
                *tenant
            }
        }
    }
}

/// What happens in one case.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let upsert = prop_oneof![5 => Just(Intent::Upsert), 1 => Just(Intent::Update)];
    let batch = (0..2usize, upsert, batch(), prop::bool::weighted(0.8)).prop_map(
        |(tenant, intent, records, entries_apart)| Step::Batch { tenant, intent, records, entries_apart },
    );
    let life = select(vec![
        Intent::Archive(Reach::Itself),
        Intent::Archive(Reach::Itself),
        Intent::Archive(Reach::Subtree),
        Intent::Restore,
        Intent::Restore,
    ]);
    let life = (0..2usize, life, vec(life_key(), 1..9)).prop_map(|(tenant, intent, keys)| {
        let records = keys.into_iter().map(|key| Ok(Directive::new(key))).collect();
        Step::Batch { tenant, intent, records, entries_apart: false }
    });
    let addresses = (0..2usize, vec((life_key(), vec(address(), 1..4)), 1..4), prop::bool::weighted(0.8));
    let addresses = addresses.prop_map(|(tenant, records, entries_apart)| {
        let directive = |(key, addresses)| Ok(Directive { addresses, ..Directive::new(key) });
        let records = records.into_iter().map(directive).collect();
        Step::Batch { tenant, intent: Intent::Update, records, entries_apart }
    });
    let several = (0..2usize, vec(reference(), 2..4))
        .prop_map(|(tenant, references)| Step::Several { tenant, references });
    let definitions =
        (0..2usize, definitions()).prop_map(|(tenant, records)| Step::Definitions { tenant, records });
    vec(prop_oneof![10 => batch, 3 => life, 5 => addresses, 1 => several, 1 => definitions], 8..16)
}

/// Every key that a batch can name.
pub(crate) fn every_key() -> Vec<LookupKey> {
    let keys = KEYS.iter().map(|text| ReferenceKey::from_stored(text));
    let references = keys.clone().flat_map(|key| {
        SOURCES.map(|source| {
            LookupKey::Reference(ExternalReference { source: Source::from_stored(source), key: key.clone() })
        })
    });
    let ids = (1..60).chain([IDS[7]]).filter_map(GroupId::new).map(LookupKey::Id);
    keys.clone().map(LookupKey::Key).chain(references).chain(ids).collect()
}

/// A key that is likely to mean something.
fn life_key() -> impl Strategy<Value = LookupKey> {
    let key = select(&KEYS[..]).prop_map(|text| LookupKey::Key(ReferenceKey::from_stored(text)));
    let id = (1..13i64).prop_filter_map("a good id", |number| GroupId::new(number).map(LookupKey::Id));
    prop_oneof![key, id]
}

/// Every kind of list.
pub(crate) fn filters() -> Vec<Filter> {
    let parent = |number| Place::Below(GroupId::new(number).expect("a good id"));
    let mut filters = Vec::new();
    for place in [Place::Anywhere, Place::Roots, parent(1), parent(2), parent(7)] {
        for life in [Life::Living, Life::Archived, Life::Any] {
            for source in [None, Some(Source::from_stored("")), Some(Source::from_stored("S"))] {
                for updated_after in [None, Some(Timestamp(5))] {
                    filters.push(Filter { place, life, source: source.clone(), updated_after });
                }
            }
        }
    }
    filters
}

/// What is searched for.
pub(crate) const SEARCHES: [&str; 10] =
    ["o", "one", "two one", "stra\u{DF}e", "A", "b a", "fi", "京", "\u{E9} G", "s e v"];

/// How the records of one batch name their groups. A face uses one kind in a request.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Key,
    Reference,
    Id,
}

fn reference() -> impl Strategy<Value = ExternalReference> {
    let source = select(&SOURCES[..]).prop_map(Source::from_stored);
    let key = select(&KEYS[..]).prop_map(ReferenceKey::from_stored);
    (source, key).prop_map(|(source, key)| ExternalReference { source, key })
}

fn lookup_key(kind: Kind) -> BoxedStrategy<LookupKey> {
    let key = select(&KEYS[..]).prop_map(ReferenceKey::from_stored);
    match kind {
        Kind::Key => key.prop_map(LookupKey::Key).boxed(),
        Kind::Reference => reference().prop_map(LookupKey::Reference).boxed(),
        Kind::Id => {
            select(&IDS[..]).prop_map(|id| LookupKey::Id(GroupId::new(id).expect("a good id"))).boxed()
        }
    }
}

fn any_key() -> impl Strategy<Value = LookupKey> {
    prop_oneof![lookup_key(Kind::Key), lookup_key(Kind::Reference), lookup_key(Kind::Id)]
}

fn patch<T: Clone + std::fmt::Debug + 'static>(value: BoxedStrategy<T>) -> impl Strategy<Value = Patch<T>> {
    prop_oneof![3 => Just(Patch::Keep), 1 => Just(Patch::Clear), 4 => value.prop_map(Patch::Set)]
}

fn directive(kind: Kind) -> impl Strategy<Value = Directive> {
    let parent = prop_oneof![9 => lookup_key(kind), 3 => any_key()].prop_map(ParentKey::Key).boxed();
    (
        lookup_key(kind),
        option::weighted(0.3, select(&SOURCES[1..]).prop_map(Source::from_stored)),
        option::weighted(0.9, select(&NAMES[..]).prop_map(Name::from_stored)),
        patch(select(&["", "text"][..]).prop_map(Description::from_stored).boxed()),
        patch(parent),
        patch(Just(PhotoUrl::from_stored("https://example.org/a")).boxed()),
        option::weighted(0.2, details()),
        (vec(reference(), 0..3), entries()),
        prop_oneof![9 => Just(Vec::new()), 1 => vec(address(), 1..4)],
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
                (references, values),
                addresses,
            )| {
                // Faces let a source be given only where groups are named by the key alone.
                let source = source.filter(|_| matches!(kind, Kind::Key));
                let references = if matches!(kind, Kind::Id) { references } else { Vec::new() };
                let details = details.map(Box::new);
                Directive {
                    key,
                    source,
                    name,
                    description,
                    parent,
                    parent_too: None,
                    photo_url,
                    details,
                    references,
                    values,
                    addresses,
                }
            },
        )
}

/// An entry of the addresses, mostly of one that is there or can be created.
fn address() -> impl Strategy<Value = AddressDirective> {
    let id = || (1..7i64).prop_map(|number| AddressId::new(number).expect("a good id"));
    let code = || select(&["a", "b", "c"][..]).prop_map(AddressCode::from_stored);
    let key = prop_oneof![
        6 => code().prop_map(AddressKey::Code),
        1 => Just(AddressKey::New),
        2 => id().prop_map(AddressKey::Id),
    ];
    let line = || patch(select(&["x", "\u{e9}"][..]).prop_map(Line::from_stored).boxed());
    let kind = option::weighted(0.9, select(&AddressType::ALL[..]));
    let flag = || option::weighted(0.2, any::<bool>());
    let put = (key, kind, flag(), flag(), line(), option::weighted(0.2, line()));
    let put = put.prop_map(|(key, kind, is_default, icp, city, region)| {
        let mut lines = Lines::default();
        *lines.get_mut(AddressLine::Street) = Patch::Set(Line::from_stored("s"));
        *lines.get_mut(AddressLine::City) =
            if city == Patch::Keep { city } else { Patch::Set(Line::from_stored("c")) };
        *lines.get_mut(AddressLine::Region) = region.unwrap_or_default();
        let country = Country::parse("NL").ok();
        let patch = AddressPatch { kind, country, is_default, icp, lines, ..AddressPatch::new(key) };
        AddressDirective::Put(Box::new(patch))
    });
    prop_oneof![8 => put, 1 => id().prop_map(AddressDirective::Delete)]
}

fn details() -> impl Strategy<Value = DetailsPatch> {
    let line = patch(select(&["", "x"][..]).prop_map(Line::from_stored).boxed());
    let language =
        patch(select(&["nl", "DE"][..]).prop_map(|text| Language::parse(text).expect("two letters")).boxed());
    let letter = option::of(select(&["Y", "N"][..]).prop_map(|text| Choice::parse(text).expect("a letter")));
    (line, language, letter).prop_map(|(company, language, budget)| DetailsPatch {
        company,
        language,
        budget,
        ..DetailsPatch::default()
    })
}

fn batch() -> impl Strategy<Value = Vec<Record>> {
    let kind = prop_oneof![4 => Just(Kind::Key), 2 => Just(Kind::Reference), 1 => Just(Kind::Id)];
    kind.prop_flat_map(|kind| {
        let failure = directory::Failure::ParentIsSelf;
        let rejection = option::of(lookup_key(kind))
            .prop_map(move |key| Err(Rejection { key, lacks_name: false, failures: vec![failure.clone()] }));
        vec(prop_oneof![12 => directive(kind).prop_map(Ok), 1 => rejection], 1..9)
    })
}

//! Random entries of attributes, and random definitions.

use directory::model::Line;
use directory::{
    AttributeClass, AttributeId, AttributeKey, AttributeName, AttributeType, DefinitionPatch,
    DefinitionRecord, Patch, RawPart, RawPartValue, RawValue, ValuePatch,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const NAMES: [&str; 5] = ["TEXT", "LIST", "COUNT", "OTHER", "NONE"];

fn name(text: &str) -> AttributeName {
    AttributeName::parse(text).expect("a good name")
}

/// What each tenant begins with: ids 1 to 3.
pub(crate) fn first() -> Vec<DefinitionRecord> {
    let kinds = [AttributeType::Text, AttributeType::List, AttributeType::Integer];
    let record = |(text, kind): (&str, AttributeType)| {
        let default = match kind {
            AttributeType::Integer => Patch::Set(RawValue::Number("7".into())),
            _ => Patch::Keep,
        };
        let (name, class) = (Some(name(text)), Some(AttributeClass::User));
        DefinitionRecord::Create(DefinitionPatch {
            name,
            class,
            kind: Some(kind),
            default,
            ..DefinitionPatch::default()
        })
    };
    NAMES.into_iter().zip(kinds).map(record).collect()
}

fn key() -> impl Strategy<Value = AttributeKey> {
    let id = (1..6i64).prop_filter_map("a good id", |number| AttributeId::new(number).map(AttributeKey::Id));
    let class = prop_oneof![5 => Just(AttributeClass::User), 1 => Just(AttributeClass::Product)];
    let named =
        (select(&NAMES[..]), class).prop_map(|(text, class)| AttributeKey::Name { name: name(text), class });
    prop_oneof![2 => id, 1 => named]
}

fn part() -> impl Strategy<Value = RawPart> {
    let texts = select(&["x", "y"][..]);
    let value = prop_oneof![
        1 => Just(RawPartValue::Nothing),
        3 => texts.clone().prop_map(|text| RawPartValue::Text(text.into())),
        2 => vec(texts.prop_map(Into::into), 0..3).prop_map(RawPartValue::List),
    ];
    (select(&["NL", "DE"][..]), value)
        .prop_map(|(language, value)| RawPart { language: language.into(), value })
}

/// The entries of a record: mostly none. Most are good, or nearly every record would fail.
pub(crate) fn entries() -> impl Strategy<Value = Vec<ValuePatch>> {
    let of = |number: i64, value: RawValue| {
        let attribute = AttributeKey::Id(AttributeId::new(number).expect("a good id"));
        ValuePatch { attribute, too: None, kind: None, value: Some(value) }
    };
    let text = (select(&["NL", "DE"][..]), select(&["", "x", "y"][..])).prop_map(move |(language, text)| {
        let value = RawPartValue::Text(text.into());
        of(1, RawValue::Localised(vec![RawPart { language: language.into(), value }]))
    });
    let count = select(&["1", "2", "2.0"][..]).prop_map(move |text| of(3, RawValue::Number(text.into())));
    let gone = (1..4i64).prop_map(move |number| ValuePatch { value: None, ..of(number, RawValue::Other) });
    let value = prop_oneof![
        1 => Just(RawValue::Text("x".into())),
        2 => select(&["1", "1.5"][..]).prop_map(|text| RawValue::Number(text.into())),
        4 => vec(part(), 0..3).prop_map(RawValue::Localised),
    ];
    let any = (key(), option::weighted(0.8, value)).prop_map(|(attribute, value)| ValuePatch {
        attribute,
        too: None,
        kind: None,
        value,
    });
    let entry = prop_oneof![4 => text, 3 => count, 2 => gone, 1 => any];
    prop_oneof![2 => Just(Vec::new()), 2 => vec(entry, 1..3)]
}

/// What is asked of definitions at once.
pub(crate) fn definitions() -> impl Strategy<Value = Vec<DefinitionRecord>> {
    let patch = (
        option::weighted(0.5, select(AttributeType::ALL)),
        option::weighted(0.2, select(&["", "x"][..]).prop_map(Line::from_stored)),
        select(vec![
            Patch::Keep,
            Patch::Keep,
            Patch::Clear,
            Patch::Set(RawValue::Number("8".into())),
            Patch::Set(RawValue::Number("1e1".into())),
        ]),
        option::of(any::<bool>()),
    );
    let patch = patch.prop_map(|(kind, group, default, is_hidden)| DefinitionPatch {
        kind,
        group,
        default,
        is_hidden,
        ..DefinitionPatch::default()
    });
    let class = prop_oneof![5 => Just(AttributeClass::User), 1 => Just(AttributeClass::Product)];
    let upsert = (select(&NAMES[..]), class, patch.clone())
        .prop_map(|(text, class, patch)| DefinitionRecord::Upsert { name: name(text), class, patch });
    let update = (key(), patch).prop_map(|(key, patch)| DefinitionRecord::Update(key, patch));
    vec(prop_oneof![4 => upsert, 2 => update, 1 => key().prop_map(DefinitionRecord::Delete)], 1..4)
}

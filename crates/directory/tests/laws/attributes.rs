//! Attributes: what values may look like, what entries of records do, and what definitions may become.

use directory::model::{Language, Line};
use directory::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::defined::{attributes, definition, id, name};
use crate::generate::DEPTH_LIMIT;
use crate::laws::config;
use crate::world::{TENANT, World};

fn raw(text: &str) -> Box<str> {
    text.into()
}

fn value() -> impl Strategy<Value = RawValue> {
    let item = prop::sample::select(&["", "x", "y", "\u{0}"][..]).prop_map(raw);
    let part_value = prop_oneof![
        1 => Just(RawPartValue::Nothing),
        3 => prop::sample::select(&["", "x", "y"][..]).prop_map(|text| RawPartValue::Text(raw(text))),
        3 => vec(prop::sample::select(&["x", "y"][..]).prop_map(raw), 0..3).prop_map(RawPartValue::List),
    ];
    let part = (prop::sample::select(&["NL", "nl", "DE", "FR", "E"][..]), part_value)
        .prop_map(|(language, value)| RawPart { language: raw(language), value });
    prop_oneof![
        1 => item.clone().prop_map(RawValue::Text),
        2 => prop::sample::select(&["1", "2", "1.0", "1.5"][..]).prop_map(|text| RawValue::Number(raw(text))),
        1 => vec(item, 0..2).prop_map(RawValue::List),
        6 => vec(part, 0..3).prop_map(RawValue::Localised),
        1 => Just(RawValue::Other),
    ]
}

fn patch() -> impl Strategy<Value = ValuePatch> {
    let text = prop::sample::select(&["TEXT", "LIST", "CHOICE", "COUNT", "NONE"][..]);
    let class =
        prop::sample::select(&[AttributeClass::User, AttributeClass::User, AttributeClass::Product][..]);
    let key = prop_oneof![
        5 => (1..6i64).prop_map(|number| AttributeKey::Id(id(number))),
        1 => Just(AttributeKey::Id(id(77))),
        2 => (text, class).prop_map(|(text, class)| AttributeKey::Name { name: name(text), class }),
    ];
    let kind = option::weighted(0.1, prop::sample::select(AttributeType::ALL));
    let good = prop_oneof![
        Just((
            1,
            RawValue::Localised(vec![RawPart { language: raw("NL"), value: RawPartValue::Text(raw("x")) }])
        )),
        Just((
            2,
            RawValue::Localised(vec![RawPart {
                language: raw("DE"),
                value: RawPartValue::List(vec![raw("x")])
            }])
        )),
        Just((3, RawValue::Text(raw("x")))),
        Just((4, RawValue::Number(raw("1e1")))),
    ]
    .prop_map(|(number, value)| ValuePatch {
        too: None,
        attribute: AttributeKey::Id(id(number)),
        kind: None,
        value: Some(value),
    });
    let any = (key, kind, option::weighted(0.8, value())).prop_map(|(attribute, kind, value)| ValuePatch {
        attribute,
        too: None,
        kind,
        value,
    });
    prop_oneof![3 => good, 2 => any]
}

/// The entries of one record: mostly none.
pub(crate) fn patches() -> impl Strategy<Value = Vec<ValuePatch>> {
    prop_oneof![3 => Just(Vec::new()), 2 => vec(patch(), 1..4)]
}

fn one_group() -> World {
    let mut world = World::default();
    world.add(&[("", "a")], None);
    world
}

fn of_a(values: Vec<ValuePatch>, apart: bool) -> Batch {
    let directive = Directive { values, ..Directive::new(World::key("a")) };
    let terms = Terms { entries_apart: apart, ..Terms::default() };
    Batch::new(TENANT, vec![Ok(directive)]).expect("a small batch").under(terms)
}

proptest! {
    #![proptest_config(config())]

    /// Entries that are left out alone leave the others as they are.
    #[test]
    fn entries_are_independent_where_they_are_apart(patches in vec(patch(), 1..8)) {
        let (world, batch) = (one_group(), of_a(patches.clone(), true));
        let plan = world.plan(&batch, DEPTH_LIMIT);
        let outcome = &plan.outcome.records[0];
        prop_assert_eq!(outcome.values.len(), patches.len());
        prop_assert!(!matches!(outcome.result, RecordResult::Failed(_)));
        let good = |value: &ValueOutcome| !matches!(value, ValueOutcome::Failed(_));
        let rest = patches.iter().zip(&outcome.values).filter(|(_, value)| good(value));
        let rest: Vec<ValuePatch> = rest.map(|(patch, _)| patch.clone()).collect();
        let of_rest = world.plan(&of_a(rest, false), DEPTH_LIMIT);
        prop_assert_eq!(&of_rest.writes, &plan.writes);
        let told: Vec<&ValueOutcome> = outcome.values.iter().filter(|value| good(value)).collect();
        prop_assert_eq!(of_rest.outcome.records[0].values.iter().collect::<Vec<_>>(), told);
        // Together, one bad entry fails the record.
        let whole = world.plan(&of_a(patches, false), DEPTH_LIMIT);
        let failed = matches!(whole.outcome.records[0].result, RecordResult::Failed(_));
        prop_assert_eq!(failed, !outcome.values.iter().all(good));
        prop_assert!(!failed || whole.writes.is_empty());
    }

    /// Only the languages that are given change, and none is lost.
    #[test]
    fn languages_that_are_not_given_stay(first in patches(), second in patches()) {
        let mut world = one_group();
        let plan = world.plan(&of_a(first, true), DEPTH_LIMIT);
        world.apply(&plan.writes);
        let before = world.values.clone();
        let plan = world.plan(&of_a(second.clone(), true), DEPTH_LIMIT);
        world.apply(&plan.writes);
        for (attribute, parts) in before.values().flatten() {
            for (language, text) in parts {
                let now = world.values.values().next().and_then(|of| of.get(attribute)?.get(language));
                let given = second.iter().any(|patch| gives(patch, *attribute, *language));
                prop_assert!(given || now == Some(text), "{:?} {:?}", attribute, language);
            }
        }
    }

    /// A group shows its own value, else that of the nearest group above it, else the default; each language
    /// on its own.
    #[test]
    fn what_is_shown_is_the_nearest(line in vec(vec((0..4usize, 0..3u8), 0..4), 0..5), default in any::<bool>()) {
        let languages = [None, Some("NL"), Some("DE"), Some("FR")].map(|text| text.map(|text| Language::parse(text).expect("good")));
        let parts = |level: &Vec<(usize, u8)>| -> Parts {
            level.iter().map(|(at, text)| (languages[*at], ValueText::from_stored(text.to_string()))).collect()
        };
        let line: Vec<Parts> = line.iter().map(parts).collect();
        let mut attribute = attributes()[3].clone();
        attribute.default = default.then(|| ValueText::from_stored("9"));
        let shown = effective(&attribute, &line).map(|shown| shown.parts).unwrap_or_default();
        for language in languages {
            let nearest = line.iter().position(|parts| parts.contains_key(&language));
            let expected = nearest.map(|level| {
                (line[level][&language].clone(), if level == 0 { Origin::Own } else { Origin::Above })
            });
            let by_default = language.is_none() && line.iter().all(Parts::is_empty) && default;
            let expected = expected.or(by_default.then(|| (ValueText::from_stored("9"), Origin::Default)));
            prop_assert_eq!(shown.get(&language), expected.as_ref());
        }
    }
}

/// Whether an entry speaks of this part.
fn gives(patch: &ValuePatch, attribute: AttributeId, language: Option<Language>) -> bool {
    let means = match &patch.attribute {
        AttributeKey::Id(id) => *id == attribute,
        AttributeKey::Name { name, class } => {
            attributes().iter().any(|it| it.id == attribute && it.name == *name && it.class == *class)
        }
    };
    let speaks = match &patch.value {
        Some(RawValue::Localised(parts)) => {
            parts.iter().any(|part| Language::parse(&part.language).ok() == language)
        }
        _ => true,
    };
    means && speaks
}

/// What is stored of what was sent; empty where that is no value.
#[track_caller]
fn check(parse: impl Fn(&str) -> Result<ValueText, Fault>, sent: &str, stored: &str) {
    let found = parse(sent);
    assert_eq!(found.as_ref().map_or("", ValueText::as_str), stored, "{sent:?}");
}

#[test]
fn numbers_have_one_form() {
    for (sent, stored) in [
        ("0", "0"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("5", "5"),
        ("5.0", "5"),
        ("1e3", "1000"),
        ("1200e-2", "12"),
        ("-9007199254740991", "-9007199254740991"),
        ("9007199254740992", ""),
        ("5.5", ""),
        ("1e400", ""),
        ("1e99999999999999999999", ""),
        ("", ""),
    ] {
        check(ValueText::integer, sent, stored);
    }
    for (sent, stored) in [
        ("1.50", "1.5"),
        ("1.5", "1.5"),
        ("15e-1", "1.5"),
        ("0.15E+1", "1.5"),
        ("-0.000", "0"),
        ("-12.340", "-12.34"),
        ("0.000001", "0.000001"),
        ("1e-6", "0.000001"),
        ("100000000000000000000", "100000000000000000000"),
        ("123456789012345", "123456789012345"),
        ("0.123456789012345", "0.123456789012345"),
        ("123456789012345678901234567890.123", "123456789012345678901234567890.123"),
        ("1E-30", "0.000000000000000000000000000001"),
        ("12345678901234567890123456789012345678901", ""),
        ("1e41", ""),
        ("1e-9223372036854775808", ""),
        ("1e9223372036854775807", ""),
    ] {
        check(ValueText::decimal, sent, stored);
    }
}

#[test]
fn dates_and_texts_have_one_form() {
    for (sent, stored) in [
        ("2024-02-29", "2024-02-29"),
        ("2000-02-29", "2000-02-29"),
        ("1900-02-29", ""),
        ("2023-02-29", ""),
        ("2023-04-31", ""),
        ("2023-13-01", ""),
        ("0000-01-01", ""),
        ("0001-01-01", "0001-01-01"),
        ("2023-1-01", ""),
        ("2023-01-01T00:00:00Z", ""),
        ("2023-01-0\u{661}", ""),
        ("", ""),
    ] {
        check(ValueText::date, sent, stored);
    }
    for (sent, stored) in [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31t12:00:00z", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00.120+00:00", "2026-01-31T12:00:00.12Z"),
        ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z"),
        ("2024-02-28T23:30:00-01:00", "2024-02-29T00:30:00Z"),
        ("2025-12-31T23:59:59-23:59", "2026-01-01T23:58:59Z"),
        ("0001-01-01T00:00:00+00:01", ""),
        ("9999-12-31T23:59:00-00:01", ""),
        ("2026-01-31T12:00:00", ""),
        ("2026-01-31 12:00:00Z", ""),
        ("2026-01-31T24:00:00Z", ""),
        ("2026-01-31T12:60:00Z", ""),
        ("2026-12-31T23:59:60Z", ""),
        ("2026-01-31T12:00:00.Z", ""),
        ("2026-01-31T12:00:00.1234567890Z", ""),
        ("2026-01-31T12:00:00+0100", ""),
        ("2026-01-31T12:00:00+24:00", ""),
        ("2026-01-31T12:00:00Zx", ""),
        ("2026-01-31T12:00:00.5", ""),
        ("", ""),
    ] {
        check(ValueText::date_time, sent, stored);
    }
    for (sent, stored) in [("a\tb\nc\r", "a\tb\nc\r"), ("\u{0}", ""), ("\u{1F}", ""), ("\u{85}", "")] {
        check(ValueText::text, sent, stored);
    }
    let long = "\u{1F600}".repeat(ValueText::MAX_CHARACTERS);
    check(ValueText::text, &long, &long);
    check(ValueText::text, &format!("{long}x"), "");
    assert!(ValueText::list(["a", "b"]).is_ok_and(|list| list.items().eq(["a", "b"])));
    assert!(ValueText::list(["a", ""]).is_err() && ValueText::list([long.as_str(), "b"]).is_err());
}

#[test]
fn a_group_has_values_of_so_many_attributes() {
    let limit = AttributeDefinition::MAX_OF_GROUP;
    let key = World::key("a");
    let entry = |number: usize, value: Option<&str>| ValuePatch {
        too: None,
        attribute: AttributeKey::Id(id(i64::try_from(number).expect("small") + 1)),
        kind: None,
        value: value.map(|text| RawValue::Number(raw(text))),
    };
    let told = |stored: usize, entries: Vec<ValuePatch>| {
        let (world, batch) = (one_group(), of_a(entries, true));
        let mut seen = world.snapshot(&batch);
        for patch in batch.records.iter().flatten().flat_map(|directive| &directive.values) {
            let AttributeKey::Id(number) = patch.attribute else { continue };
            let kind = AttributeType::Integer;
            let definition =
                AttributeDefinition { id: number, ..definition(1, "N", AttributeClass::User, kind) };
            seen.attributes.insert(patch.attribute.clone(), definition);
        }
        let own = (0..stored).map(|number| {
            let part = (None, ValueText::from_stored("0"));
            (id(i64::try_from(number).expect("small") + 1), Parts::from([part]))
        });
        let group = world.find(&key)[0];
        seen.values.insert(group, OwnValues { attributes: stored, values: own.collect() });
        let ids = &mut seen.free_ids.source(&batch);
        let plan = plan(&batch, &seen, &mut PlanContext { ids, depth_limit: DEPTH_LIMIT });
        let words = plan.outcome.records[0].values.iter().map(|value| match value {
            ValueOutcome::Put(_) => "put",
            ValueOutcome::Deleted(_) => "deleted",
            ValueOutcome::Unchanged(_) => "unchanged",
            ValueOutcome::Failed(Failure::Validation { fault, .. }) => fault.reason(),
            ValueOutcome::Failed(_) => "failed",
        });
        words.collect::<Vec<_>>()
    };
    let one = Some("1");
    assert_eq!(
        told(limit - 1, vec![entry(limit, one), entry(limit + 1, one)]),
        ["put", "TOO_MANY_ATTRIBUTES"]
    );
    assert_eq!(told(limit, vec![entry(0, one), entry(limit, one)]), ["put", "TOO_MANY_ATTRIBUTES"]);
    // What goes makes room, wherever it stands.
    assert_eq!(told(limit, vec![entry(limit, one), entry(0, None)]), ["put", "deleted"]);
    assert_eq!(
        told(limit, vec![entry(limit, None), entry(limit + 1, one)]),
        ["unchanged", "TOO_MANY_ATTRIBUTES"]
    );
    // More than allowed is no reason to keep it.
    assert_eq!(told(limit + 5, vec![entry(0, None), entry(1, one)]), ["deleted", "put"]);
}

fn definitions() -> impl Strategy<Value = Vec<DefinitionRecord>> {
    let text = || prop::sample::select(&["TEXT", "COUNT", "NEW", "OTHER"][..]).prop_map(name);
    let class = || prop::sample::select(AttributeClass::ALL);
    let key = prop_oneof![
        prop::sample::select(&[1, 2, 3, 4, 5, 77][..]).prop_map(|number| AttributeKey::Id(id(number))),
        (text(), class()).prop_map(|(name, class)| AttributeKey::Name { name, class }),
    ];
    let line = || option::weighted(0.3, prop::sample::select(&["", "x"][..]).prop_map(Line::from_stored));
    let lines = (any::<bool>(), prop::sample::select(&["", "x"][..])).prop_map(|(clear, text)| LinesPatch {
        clear,
        lines: vec![(Language::parse("NL").expect("good"), Line::from_stored(text))],
    });
    let patch = (
        option::weighted(0.5, text()),
        option::weighted(0.5, class()),
        option::weighted(0.7, prop::sample::select(AttributeType::ALL)),
        line(),
        option::weighted(0.3, lines),
        line(),
        option::weighted(0.3, option::of(value())),
        option::of(any::<bool>()),
    );
    let patch = patch
        .prop_map(|(name, class, kind, type_param, lines, group, default, is_hidden)| {
            let default = default.map_or(Patch::Keep, |value| value.map_or(Patch::Clear, Patch::Set));
            let descriptions = lines.unwrap_or_default();
            DefinitionPatch {
                name,
                class,
                kind,
                type_param,
                descriptions,
                group,
                default,
                is_hidden,
                ..DefinitionPatch::default()
            }
        })
        .boxed();
    let record = prop_oneof![
        patch.clone().prop_map(DefinitionRecord::Create),
        (key.clone(), patch.clone()).prop_map(|(key, patch)| DefinitionRecord::Update(key, patch)),
        (text(), class(), patch).prop_map(|(name, class, patch)| DefinitionRecord::Upsert {
            name,
            class,
            patch
        }),
        key.prop_map(DefinitionRecord::Delete),
    ];
    vec(record, 1..6)
}

/// What is seen of these definitions.
fn seen(stored: &[AttributeDefinition], next_id: i64, batch: &DefinitionBatch) -> DefinitionSnapshot {
    let known = needs_definitions(batch).into_iter().filter_map(|key| {
        let means = |it: &&AttributeDefinition| match &key {
            AttributeKey::Id(id) => it.id == *id,
            AttributeKey::Name { name, class } => it.name == *name && it.class == *class,
        };
        stored.iter().find(means).map(|found| (key.clone(), found.clone()))
    });
    DefinitionSnapshot { revision: 0, known: known.collect(), count: stored.len(), next_id }
}

fn after(stored: &[AttributeDefinition], writes: &[DefinitionWrite]) -> Vec<AttributeDefinition> {
    let mut stored = stored.to_vec();
    for write in writes {
        match write {
            DefinitionWrite::Create(new) => stored.push(new.clone()),
            DefinitionWrite::Update(new) => {
                let place = stored.iter_mut().find(|it| it.id == new.id).expect("it is stored");
                assert_ne!(place, new, "nothing is written that is stored");
                *place = new.clone();
            }
            DefinitionWrite::Delete(id) => stored.retain(|it| it.id != *id),
        }
    }
    stored
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn definitions_stay_unique_and_what_never_changes_stays(records in definitions()) {
        let batch = DefinitionBatch { tenant: TENANT, records };
        let before = attributes();
        let plan = plan_definitions(&batch, &seen(&before, 6, &batch));
        prop_assert_eq!(plan.outcomes.len(), batch.records.len());
        let after = after(&before, &plan.writes);
        let mut names: Vec<_> = after.iter().map(|it| (&it.name, it.class)).collect();
        names.sort();
        names.dedup();
        prop_assert_eq!(names.len(), after.len());
        for it in &after {
            let old = before.iter().find(|old| old.id == it.id);
            prop_assert!(old.is_none_or(|old| (&old.name, old.class, old.kind) == (&it.name, it.class, it.kind)));
            prop_assert_eq!(it.kind.has_parameter(), !it.type_param.as_str().is_empty());
            prop_assert!(it.default.is_none() || it.kind.has_default());
        }
        // The same again writes nothing: what was created is there, what was deleted is not.
        let again = plan_definitions(&batch, &seen(&after, 6 + i64::try_from(after.len()).expect("small"), &batch));
        for (first, second) in plan.outcomes.iter().zip(&again.outcomes) {
            let settled = match (first, second) {
                (
                    DefinitionOutcome::Created(first)
                    | DefinitionOutcome::Updated(first)
                    | DefinitionOutcome::Unchanged(first),
                    DefinitionOutcome::Unchanged(second),
                ) => first == second,
                (
                    DefinitionOutcome::Created(_),
                    DefinitionOutcome::Failed(DefinitionFailure::Exists { .. }),
                )
                | (DefinitionOutcome::Deleted(_), DefinitionOutcome::Failed(DefinitionFailure::NotFound))
                | (DefinitionOutcome::Failed(_), _) => true,
                _ => false,
            };
            prop_assert!(settled, "{:?} became {:?}", first, second);
        }
    }
}

#[test]
fn the_rules_of_definitions() {
    let patch = |kind| DefinitionPatch { kind, ..DefinitionPatch::default() };
    let new = |text: &str, kind| {
        let (name, class) = (Some(name(text)), Some(AttributeClass::User));
        DefinitionRecord::Create(DefinitionPatch { name, class, ..patch(kind) })
    };
    let of = |number, patch| DefinitionRecord::Update(AttributeKey::Id(id(number)), patch);
    let text = Some(AttributeType::Text);
    let check = |records: Vec<DefinitionRecord>, expected: &[&str]| {
        let batch = DefinitionBatch { tenant: TENANT, records };
        let plan = plan_definitions(&batch, &seen(&attributes(), 6, &batch));
        let told = plan.outcomes.iter().map(|outcome| match outcome {
            DefinitionOutcome::Created(_) => "created",
            DefinitionOutcome::Updated(_) => "updated",
            DefinitionOutcome::Unchanged(_) => "unchanged",
            DefinitionOutcome::Deleted(_) => "deleted",
            DefinitionOutcome::Failed(failure) => failure.code(),
        });
        assert_eq!(told.collect::<Vec<_>>(), expected, "{batch:?}");
    };
    check(vec![new("NEW", text), new("NEW2", None)], &["created", "REQUIRED_FIELD_MISSING"]);
    check(vec![new("NEW", Some(AttributeType::Enum))], &["REQUIRED_FIELD_MISSING"]);
    check(vec![new("TEXT", text)], &["ATTRIBUTE_EXISTS"]);
    check(vec![new("NEW", text), new("NEW", text)], &["DUPLICATE_IN_REQUEST", "DUPLICATE_IN_REQUEST"]);
    check(vec![DefinitionRecord::Create(patch(text))], &["REQUIRED_FIELD_MISSING"]);
    check(vec![of(1, patch(text)), of(9, patch(text))], &["unchanged", "ATTRIBUTE_NOT_FOUND"]);
    check(vec![of(1, patch(Some(AttributeType::List)))], &["FIELD_IMMUTABLE"]);
    let by_name = AttributeKey::Name { name: name("COUNT"), class: AttributeClass::User };
    check(
        vec![of(4, patch(None)), DefinitionRecord::Delete(by_name)],
        &["DUPLICATE_IN_REQUEST", "DUPLICATE_IN_REQUEST"],
    );
    let default = |value| DefinitionPatch { default: Patch::Set(value), ..DefinitionPatch::default() };
    check(
        vec![of(4, default(RawValue::Number(raw("5.0")))), of(1, default(RawValue::Text(raw("x"))))],
        &["updated", "VALIDATION_ERROR"],
    );
    check(vec![of(4, default(RawValue::Text(raw("5"))))], &["VALIDATION_ERROR"]);
    let hidden = DefinitionPatch { is_hidden: Some(true), ..DefinitionPatch::default() };
    check(vec![of(2, hidden), of(3, DefinitionPatch::default())], &["updated", "unchanged"]);
    let param =
        |text| DefinitionPatch { type_param: Some(Line::from_stored(text)), ..DefinitionPatch::default() };
    check(
        vec![of(3, param("")), of(1, param("X")), of(2, param(""))],
        &["REQUIRED_FIELD_MISSING", "VALIDATION_ERROR", "unchanged"],
    );
}

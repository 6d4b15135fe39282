//! Attributes: definitions, values of groups, and what groups show.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use directory::model::{Language, Line};
use directory::{
    AttributeClass, AttributeDefinition, AttributeFlags, AttributeId, AttributeKey, AttributeName,
    AttributeType, DefinitionFilter, DefinitionWrite, LookupKey, Needs, NumberedPage, Origin, TenantId,
    ValueText, ValueWrite, Write,
};

use super::Case;
use super::desk::{Desk, below, create, id, update};
use crate::StoreError;

pub(super) const CASES: &[Case] = &[
    ("a definition is found by id and by name in its class, as it was written", found),
    ("ids of attributes are never used again", ids),
    ("definitions that are not as a write takes them to be are a conflict", conflicts),
    ("definitions are listed in order of ids, in pages, by every condition", listed),
    ("values are written with their group and found by what was asked for", values),
    ("a value that is not there cannot be taken away", missing),
    ("a group shows the nearest value, each language on its own, else the default", shown),
    ("what a group shows changes when it moves", moved),
    ("what a group shows comes in pages in order of ids", pages),
    ("archived groups show and hand down what they have", archived),
    ("a definition goes with all its values", deleted),
    ("nothing of attributes crosses tenants", tenants),
];

fn attribute(number: i64) -> AttributeId {
    AttributeId::new(number).expect("a good id")
}

fn name(text: &str) -> AttributeName {
    AttributeName::parse(text).expect("a good name")
}

fn language(text: &str) -> Option<Language> {
    (!text.is_empty()).then(|| Language::parse(text).expect("a language"))
}

pub(super) fn definition(number: i64, text: &str, kind: AttributeType) -> AttributeDefinition {
    AttributeDefinition {
        id: attribute(number),
        name: name(text),
        class: AttributeClass::User,
        kind,
        type_param: Line::default(),
        descriptions: BTreeMap::new(),
        units: BTreeMap::new(),
        group: Line::default(),
        default: None,
        flags: AttributeFlags::default(),
    }
}

pub(super) fn define(desk: &Desk, tenant: TenantId, writes: Vec<DefinitionWrite>) -> Result<i64, StoreError> {
    desk.write(move |tx| tx.apply_definitions(tenant, &writes))
}

/// Attributes 1 to 4: a text, a list, a whole number with the default 7, and a text for products.
pub(super) fn some(desk: &Desk, tenant: TenantId) -> Vec<AttributeDefinition> {
    let mut count = definition(3, "COUNT", AttributeType::Integer);
    count.default = Some(ValueText::from_stored("7"));
    let mut product = definition(4, "TEXT", AttributeType::Text);
    product.class = AttributeClass::Product;
    let all = vec![
        definition(1, "TEXT", AttributeType::Text),
        definition(2, "LIST", AttributeType::List),
        count,
        product,
    ];
    define(desk, tenant, all.iter().cloned().map(DefinitionWrite::Create).collect()).expect("written");
    all
}

pub(super) fn value(number: i64, of: &str, text: &str) -> ValueWrite {
    let value = (!text.is_empty()).then(|| ValueText::from_stored(text));
    ValueWrite { attribute: attribute(number), language: language(of), value }
}

/// Writes values of a group that is stored below this parent.
pub(super) fn put(desk: &Desk, tenant: TenantId, group: i64, parent: Option<i64>, values: Vec<ValueWrite>) {
    write(desk, tenant, group, parent, values).expect("written");
}

fn write(
    desk: &Desk,
    tenant: TenantId,
    group: i64,
    parent: Option<i64>,
    values: Vec<ValueWrite>,
) -> Result<i64, StoreError> {
    let Write::Update { id, first, content, reference, added, .. } = update(group, "name", parent) else {
        unreachable!("an update")
    };
    let addresses = Vec::new();
    desk.apply(tenant, 5, &[Write::Update { id, first, content, reference, added, values, addresses }])
}

const ALL: NumberedPage = NumberedPage { skip: 0, limit: 1000 };

/// What a group shows: attribute, language, text and origin.
fn shows(desk: &Desk, tenant: TenantId, group: i64) -> Vec<(i64, String, String, Origin)> {
    let found = desk.read(|reader| reader.values(tenant, id(group), ALL));
    assert_eq!(found.total, found.items.len());
    let of_one = found.items.into_iter().flat_map(|shown| {
        let id = shown.attribute.id.get();
        shown.parts.into_iter().map(move |(language, (text, origin))| {
            let language = language.map(|language| language.to_string()).unwrap_or_default();
            (id, language, text.as_str().to_owned(), origin)
        })
    });
    of_one.collect()
}

fn shown_as(number: i64, language: &str, text: &str, origin: Origin) -> (i64, String, String, Origin) {
    (number, language.to_owned(), text.to_owned(), origin)
}

fn found(desk: &Desk) {
    let tenant = desk.tenant("a");
    let mut whole = definition(5, "ALL_OF_IT", AttributeType::Enum);
    whole.type_param = Line::from_stored("LIST");
    whole.descriptions = [("NL", "één"), ("DE", "ein\tX")]
        .map(|(of, text)| (language(of).expect("one"), Line::from_stored(text)))
        .into();
    whole.units =
        [("NL", "kg")].map(|(of, text)| (language(of).expect("one"), Line::from_stored(text))).into();
    whole.group = Line::from_stored("here");
    whole.default = Some(ValueText::from_stored("x"));
    whole.flags = AttributeFlags { is_public: false, is_searchable: true, is_system: false, is_hidden: true };
    let mut all = some(desk, tenant);
    let revision = define(desk, tenant, vec![DefinitionWrite::Create(whole.clone())]).expect("written");
    assert_eq!(revision, desk.read(|reader| reader.revision(tenant)));
    all.push(whole);
    let by_name = |it: &AttributeDefinition| AttributeKey::Name { name: it.name.clone(), class: it.class };
    let keys: HashSet<AttributeKey> =
        all.iter().flat_map(|it| [AttributeKey::Id(it.id), by_name(it)]).collect();
    let others = [
        AttributeKey::Id(attribute(9)),
        AttributeKey::Name { name: name("LIST"), class: AttributeClass::Product },
        AttributeKey::Name { name: name("NONE"), class: AttributeClass::User },
    ];
    let asked: HashSet<AttributeKey> = keys.iter().cloned().chain(others).collect();
    let seen = desk.read(|reader| reader.load_definitions(tenant, &asked));
    assert_eq!((seen.revision, seen.count, seen.next_id), (2, 5, 6));
    assert_eq!(seen.known.len(), 10);
    for it in &all {
        assert_eq!((&seen.known[&AttributeKey::Id(it.id)], &seen.known[&by_name(it)]), (it, it));
    }
}

fn ids(desk: &Desk) {
    let tenant = desk.tenant("a");
    some(desk, tenant);
    define(desk, tenant, vec![DefinitionWrite::Delete(attribute(4))]).expect("written");
    let seen = desk.read(|reader| reader.load_definitions(tenant, &HashSet::new()));
    assert_eq!((seen.count, seen.next_id, seen.revision), (3, 5, 2));
    let next = DefinitionWrite::Create(definition(5, "NEXT", AttributeType::Text));
    define(desk, tenant, vec![next]).expect("written");
    assert_eq!(desk.read(|reader| reader.load_definitions(tenant, &HashSet::new())).next_id, 6);
}

fn conflicts(desk: &Desk) {
    let tenant = desk.tenant("a");
    let all = some(desk, tenant);
    let other_kind = AttributeDefinition { kind: AttributeType::Date, ..all[0].clone() };
    let before = desk.read(|reader| reader.definitions(tenant, &DefinitionFilter::default(), ALL));
    let good = || DefinitionWrite::Create(definition(8, "GOOD", AttributeType::Text));
    for bad in [
        DefinitionWrite::Create(definition(9, "TEXT", AttributeType::Text)),
        DefinitionWrite::Create(definition(1, "OTHER", AttributeType::Text)),
        DefinitionWrite::Update(definition(9, "NONE", AttributeType::Text)),
        DefinitionWrite::Update(other_kind),
        DefinitionWrite::Delete(attribute(9)),
    ] {
        let fate = define(desk, tenant, vec![good(), bad.clone()]);
        assert!(matches!(fate, Err(StoreError::Conflict(_))), "{bad:?}: {fate:?}");
    }
    assert_eq!(desk.read(|reader| reader.definitions(tenant, &DefinitionFilter::default(), ALL)), before);
    assert_eq!(desk.read(|reader| reader.revision(tenant)), 1);
}

fn listed(desk: &Desk) {
    let tenant = desk.tenant("a");
    let mut all = some(desk, tenant);
    all[1].group = Line::from_stored("here");
    define(desk, tenant, vec![DefinitionWrite::Update(all[1].clone())]).expect("written");
    let none = DefinitionFilter::default();
    let check = |filter: &DefinitionFilter, skip, limit, numbers: &[i64], total| {
        let listed = desk.read(|reader| reader.definitions(tenant, filter, NumberedPage { skip, limit }));
        let found: Vec<i64> = listed.items.iter().map(|it| it.id.get()).collect();
        assert_eq!((found.as_slice(), listed.total), (numbers, total), "{filter:?} {skip} {limit}");
    };
    assert_eq!(desk.read(|reader| reader.definitions(tenant, &none, ALL)).items, all);
    check(&none, 0, 3, &[1, 2, 3], 4);
    check(&none, 3, 3, &[4], 4);
    check(&none, 4, 3, &[], 4);
    let by_name = DefinitionFilter { name: Some(name("TEXT")), ..none.clone() };
    check(&by_name, 0, 9, &[1, 4], 2);
    check(&DefinitionFilter { class: Some(AttributeClass::Product), ..by_name }, 0, 9, &[4], 1);
    check(&DefinitionFilter { kind: Some(AttributeType::List), ..none.clone() }, 0, 9, &[2], 1);
    check(&DefinitionFilter { group: Some(Line::from_stored("here")), ..none }, 0, 9, &[2], 1);
}

fn values(desk: &Desk) {
    let tenant = desk.tenant("a");
    let all = some(desk, tenant);
    let Write::Create { id: new, id_origin, references, content, .. } = create(1, &[("S", "A")]) else {
        unreachable!("a create")
    };
    let values = vec![value(1, "NL", "x"), value(1, "DE", "y"), value(3, "", "5")];
    desk.apply(
        tenant,
        2,
        &[
            Write::Create { id: new, id_origin, references, content, values, addresses: Vec::new() },
            create(2, &[]),
        ],
    )
    .expect("written");
    put(desk, tenant, 1, None, vec![value(1, "NL", ""), value(1, "FR", "z"), value(3, "", "6")]);
    let asked: BTreeSet<AttributeKey> = [1, 2, 9].map(|number| AttributeKey::Id(attribute(number))).into();
    let keys = vec![LookupKey::Id(id(1)), LookupKey::Id(id(2)), LookupKey::Id(id(3))];
    let asked_of = keys.iter().map(|key| (key.clone(), asked.clone())).collect();
    let needs = Needs { keys, values: asked_of, ..Needs::default() };
    let seen = desk.read(|reader| reader.load(tenant, &needs));
    assert_eq!(seen.revision, 3);
    assert_eq!(seen.attributes.len(), 2);
    assert_eq!(seen.attributes[&AttributeKey::Id(attribute(2))], all[1]);
    let own = &seen.values[&id(1)];
    let text = |text: &str| ValueText::from_stored(text);
    assert_eq!(own.attributes, 2);
    let parts = [(language("DE"), text("y")), (language("FR"), text("z"))];
    assert_eq!(own.values, BTreeMap::from([(attribute(1), parts.into())]));
    assert_eq!((seen.values[&id(2)].attributes, seen.values[&id(2)].values.len()), (0, 0));
    assert!(!seen.values.contains_key(&id(3)));
    assert_eq!(desk.all(tenant)[0].revision, 3, "the group is stamped");
}

fn missing(desk: &Desk) {
    let tenant = desk.tenant("a");
    some(desk, tenant);
    desk.apply(tenant, 2, &[create(1, &[])]).expect("written");
    let fate = write(desk, tenant, 1, None, vec![value(1, "NL", "x"), value(1, "DE", "")]);
    assert!(matches!(fate, Err(StoreError::Conflict(_))), "{fate:?}");
    assert_eq!(shows(desk, tenant, 1), [shown_as(3, "", "7", Origin::Default)]);
}

/// 1 > 2 > 3, and 4 beside them.
fn tree(desk: &Desk) -> TenantId {
    let tenant = desk.tenant("a");
    some(desk, tenant);
    desk.apply(tenant, 2, &[create(1, &[]), below(1, 2), below(2, 3), create(4, &[])]).expect("written");
    tenant
}

fn shown(desk: &Desk) {
    let tenant = tree(desk);
    put(desk, tenant, 1, None, vec![value(1, "NL", "top"), value(1, "DE", "oben"), value(3, "", "1")]);
    put(desk, tenant, 2, Some(1), vec![value(1, "NL", "middle"), value(2, "FR", "a\u{1F}b")]);
    put(desk, tenant, 3, Some(2), vec![value(3, "", "3")]);
    assert_eq!(
        shows(desk, tenant, 3),
        [
            shown_as(1, "DE", "oben", Origin::Above),
            shown_as(1, "NL", "middle", Origin::Above),
            shown_as(2, "FR", "a\u{1F}b", Origin::Above),
            shown_as(3, "", "3", Origin::Own),
        ]
    );
    assert_eq!(
        shows(desk, tenant, 2),
        [
            shown_as(1, "DE", "oben", Origin::Above),
            shown_as(1, "NL", "middle", Origin::Own),
            shown_as(2, "FR", "a\u{1F}b", Origin::Own),
            shown_as(3, "", "1", Origin::Above),
        ]
    );
    assert_eq!(shows(desk, tenant, 4), [shown_as(3, "", "7", Origin::Default)]);
    assert_eq!(shows(desk, tenant, 9), []);
    // What goes lets the next one show again.
    put(desk, tenant, 3, Some(2), vec![value(3, "", "")]);
    assert_eq!(shows(desk, tenant, 3)[3], shown_as(3, "", "1", Origin::Above));
}

fn moved(desk: &Desk) {
    let tenant = tree(desk);
    put(desk, tenant, 2, Some(1), vec![value(1, "NL", "of 2")]);
    put(desk, tenant, 4, None, vec![value(1, "NL", "of 4"), value(3, "", "4")]);
    let text = |group| shows(desk, tenant, group).into_iter().map(|(.., text, _)| text).collect::<Vec<_>>();
    assert_eq!(text(3), ["of 2", "7"]);
    desk.apply(tenant, 6, &[update(3, "name", Some(4))]).expect("written");
    assert_eq!(text(3), ["of 4", "4"]);
    desk.apply(tenant, 7, &[update(3, "name", None)]).expect("written");
    assert_eq!(text(3), ["7"]);
}

fn pages(desk: &Desk) {
    let tenant = tree(desk);
    put(desk, tenant, 1, None, vec![value(1, "NL", "x"), value(1, "DE", "y"), value(2, "NL", "z")]);
    let page = |skip, limit| {
        let found = desk.read(|reader| reader.values(tenant, id(3), NumberedPage { skip, limit }));
        let numbers: Vec<_> = found.items.iter().map(|it| (it.attribute.id.get(), it.parts.len())).collect();
        (numbers, found.total)
    };
    assert_eq!(page(0, 1), (vec![(1, 2)], 3));
    assert_eq!(page(1, 1), (vec![(2, 1)], 3));
    assert_eq!(page(1, 9), (vec![(2, 1), (3, 1)], 3));
    assert_eq!(page(3, 9), (vec![], 3));
}

fn archived(desk: &Desk) {
    let tenant = tree(desk);
    put(desk, tenant, 1, None, vec![value(3, "", "1")]);
    desk.archive(tenant, 6, &[3, 2, 1]);
    assert_eq!(shows(desk, tenant, 1), [shown_as(3, "", "1", Origin::Own)]);
    assert_eq!(shows(desk, tenant, 3), [shown_as(3, "", "1", Origin::Above)]);
}

fn deleted(desk: &Desk) {
    let tenant = tree(desk);
    put(desk, tenant, 1, None, vec![value(1, "NL", "x"), value(3, "", "1")]);
    put(desk, tenant, 2, Some(1), vec![value(1, "DE", "y")]);
    let before: Vec<i64> = desk.all(tenant).iter().map(|group| group.revision).collect();
    define(desk, tenant, vec![DefinitionWrite::Delete(attribute(1))]).expect("written");
    assert_eq!(shows(desk, tenant, 3), [shown_as(3, "", "1", Origin::Above)]);
    let after: Vec<i64> = desk.all(tenant).iter().map(|group| group.revision).collect();
    assert_eq!(before, after, "groups are not stamped");
    // One of the same name later is another one.
    define(desk, tenant, vec![DefinitionWrite::Create(definition(5, "TEXT", AttributeType::Text))])
        .expect("written");
    assert_eq!(shows(desk, tenant, 1), [shown_as(3, "", "1", Origin::Own)]);
}

fn tenants(desk: &Desk) {
    let tenant = tree(desk);
    put(desk, tenant, 1, None, vec![value(1, "NL", "x"), value(3, "", "1")]);
    let other = desk.tenant("b");
    desk.apply(other, 2, &[create(1, &[]), below(1, 2)]).expect("written");
    assert_eq!(shows(desk, other, 2), []);
    let asked: HashSet<AttributeKey> = [AttributeKey::Id(attribute(1))].into();
    let seen = desk.read(|reader| reader.load_definitions(other, &asked));
    assert_eq!((seen.known.len(), seen.count, seen.next_id), (0, 0, 1));
    assert!(define(desk, other, vec![DefinitionWrite::Delete(attribute(1))]).is_err());
    define(desk, other, vec![DefinitionWrite::Create(definition(1, "TEXT", AttributeType::Text))])
        .expect("written");
    define(desk, other, vec![DefinitionWrite::Delete(attribute(1))]).expect("written");
    assert_eq!(shows(desk, tenant, 1).len(), 2);
}

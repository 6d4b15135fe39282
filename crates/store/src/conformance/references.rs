//! Groups with none, one or several references.

use directory::{LookupKey, Write};

use super::Case;
use super::desk::{Desk, create, id, key, reference, rename, update};
use crate::StoreError;

pub(super) const CASES: &[Case] = &[
    ("a group is found by each of its references", several),
    ("a key can mean several groups", ambiguous),
    ("a reference is replaced in its place", replaced),
    ("references are added behind those that are there", added),
    ("references change hands within one plan", swapped),
    ("a taken reference is a conflict", taken),
    ("a missing reference or group is a conflict", missing),
];

fn several(desk: &Desk) {
    let tenant = desk.tenant("a");
    let pairs = [("S", "A"), ("T", "B"), ("", "C"), ("U", "A")];
    desk.apply(tenant, 2, &[create(1, &pairs), create(2, &[]), create(3, &[("S", "D")])]).expect("applied");
    let expected: Vec<_> = pairs.iter().map(|(source, key)| reference(source, key)).collect();
    for asked in ["A", "B", "C"] {
        let seen = desk.load(tenant, &[key(asked)]);
        assert_eq!(seen.matches[&key(asked)], [id(1)], "{asked}");
        assert_eq!(seen.groups[&id(1)].references, expected, "{asked}");
    }
    for pair in expected {
        let asked = LookupKey::Reference(pair);
        assert_eq!(desk.load(tenant, std::slice::from_ref(&asked)).matches[&asked], [id(1)], "{asked:?}");
    }
    let seen = desk.load(tenant, &[LookupKey::Reference(reference("T", "A")), key("b")]);
    assert!(seen.matches.is_empty());
    assert_eq!(seen.similar[&key("b")], [reference("T", "B")]);
    let references: Vec<usize> = desk.all(tenant).iter().map(|group| group.references.len()).collect();
    assert_eq!(references, [4, 0, 1]);
}

fn ambiguous(desk: &Desk) {
    let tenant = desk.tenant("a");
    let writes = [create(3, &[("S", "A")]), create(1, &[("T", "A")]), create(2, &[("S", "B"), ("U", "A")])];
    desk.apply(tenant, 2, &writes).expect("applied");
    let exact = LookupKey::Reference(reference("T", "A"));
    let seen = desk.load(tenant, &[key("A"), exact.clone(), LookupKey::Id(id(3)), LookupKey::Id(id(9))]);
    assert_eq!(seen.matches[&key("A")], [id(1), id(2), id(3)]);
    assert_eq!(seen.matches[&exact], [id(1)]);
    assert_eq!(seen.matches[&LookupKey::Id(id(3))], [id(3)]);
    assert_eq!((seen.matches.len(), seen.groups.len()), (3, 3));
}

fn replaced(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 2, &[create(1, &[("", "A"), ("T", "B")])]).expect("applied");
    desk.apply(tenant, 3, &[rename(1, ("", "A"), ("S", "A"))]).expect("applied");
    desk.apply(tenant, 4, &[rename(1, ("T", "B"), ("U", "C"))]).expect("applied");
    let seen = desk.load(tenant, &[key("A"), key("B"), key("C")]);
    assert_eq!(seen.groups[&id(1)].references, [reference("S", "A"), reference("U", "C")]);
    assert!(seen.matches.contains_key(&key("C")) && !seen.matches.contains_key(&key("B")));
}

fn added(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 2, &[create(1, &[]), create(2, &[("S", "B")])]).expect("applied");
    let add = |number: i64, pairs: &[(&str, &str)]| {
        let Write::Update { id, first, content, .. } = update(number, "name", None) else {
            unreachable!("an update")
        };
        let added = pairs.iter().map(|(source, key)| reference(source, key)).collect();
        let (values, addresses) = (Vec::new(), Vec::new());
        desk.apply(
            tenant,
            3,
            &[Write::Update { id, first, content, reference: None, added, values, addresses }],
        )
    };
    add(1, &[("S", "A"), ("T", "A")]).expect("applied");
    add(2, &[("T", "C")]).expect("applied");
    add(2, &[("U", "D")]).expect("applied");
    let seen = desk.load(tenant, &[key("A"), key("C"), key("D"), key("B")]);
    assert_eq!(seen.groups[&id(1)].references, [reference("S", "A"), reference("T", "A")]);
    assert_eq!(
        seen.groups[&id(2)].references,
        [reference("S", "B"), reference("T", "C"), reference("U", "D")]
    );
    // One of another group is a conflict, and nothing of it is kept.
    assert!(matches!(add(1, &[("V", "E"), ("U", "D")]), Err(StoreError::Conflict(_))));
    assert!(desk.load(tenant, &[key("E")]).matches.is_empty());
}

fn swapped(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 2, &[create(1, &[("S", "A")]), create(2, &[("T", "A")])]).expect("applied");
    let swap = [rename(1, ("S", "A"), ("T", "A")), rename(2, ("T", "A"), ("S", "A"))];
    desk.apply(tenant, 3, &swap).expect("applied");
    let asked = LookupKey::Reference(reference("S", "A"));
    assert_eq!(desk.load(tenant, std::slice::from_ref(&asked)).matches[&asked], [id(2)]);
}

fn conflicts(desk: &Desk, tenant: directory::TenantId, writes: &[Write]) {
    let before = (desk.all(tenant), desk.read(|reader| reader.revision(tenant)));
    let fate = desk.apply(tenant, 9, writes);
    assert!(matches!(fate, Err(StoreError::Conflict(_))), "{writes:?}: {fate:?}");
    assert_eq!((desk.all(tenant), desk.read(|reader| reader.revision(tenant))), before, "{writes:?}");
}

fn taken(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 2, &[create(1, &[("S", "A"), ("T", "B")]), create(2, &[("S", "C")])])
        .expect("applied");
    for writes in [
        vec![create(3, &[("S", "D")]), create(4, &[("S", "A")])],
        vec![create(3, &[("T", "B")])],
        vec![create(3, &[("U", "E"), ("S", "A")])],
        vec![create(3, &[("U", "E"), ("U", "E")])],
        vec![create(3, &[("U", "E")]), create(4, &[("U", "E")])],
        vec![rename(2, ("S", "C"), ("S", "A"))],
        vec![rename(2, ("S", "C"), ("T", "B"))],
        vec![create(3, &[("S", "D")]), create(2, &[("S", "E")])],
        vec![create(3, &[]), create(3, &[])],
    ] {
        conflicts(desk, tenant, &writes);
    }
    // Another source, case or form is another reference.
    let writes = [create(3, &[("T", "A")]), create(4, &[("S", "a")]), create(5, &[("S", "\u{FF21}")])];
    desk.apply(tenant, 3, &writes).expect("applied");
}

fn missing(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 2, &[create(1, &[("S", "A")]), create(2, &[("S", "B")])]).expect("applied");
    conflicts(desk, tenant, &[rename(3, ("S", "A"), ("S", "C"))]);
    conflicts(desk, tenant, &[rename(1, ("S", "B"), ("S", "C"))]);
}

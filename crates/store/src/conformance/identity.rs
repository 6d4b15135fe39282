//! Which stored reference a key means (rules §1).

use directory::{GroupId, LookupKey, Snapshot};

use super::Case;
use super::desk::{Desk, create, id, key, reference};

pub(super) const CASES: &[Case] = &[
    ("keys mean what they are, nothing that looks alike", alike),
    ("archived groups are found and stay reserved", archived),
    ("similar references are few and in order", few_similar),
    ("similar references are for records, not for parents", similar_is_for_own_keys),
];

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Meant,
    Similar,
    Nothing,
}

fn found(seen: &Snapshot, asked: &LookupKey) -> Found {
    match (seen.matches.contains_key(asked), seen.similar.contains_key(asked)) {
        (true, false) => Found::Meant,
        (false, true) => Found::Similar,
        (false, false) => Found::Nothing,
        (true, true) => panic!("{asked:?} is both"),
    }
}

fn alike(desk: &Desk) {
    for (number, (stored, asked, expected)) in [
        ("HR-001", "HR-001", Found::Meant),
        ("HR-001", "hr-001", Found::Similar),
        ("HR-001", "HR-01", Found::Nothing),
        ("HR 001", "HR001", Found::Similar),
        ("HR 001", "HR\u{3000}001", Found::Similar),
        ("\u{FF28}R-001", "HR-001", Found::Similar),
        ("caf\u{E9}", "cafe\u{301}", Found::Meant),
        ("caf\u{E9}", "cafe", Found::Nothing),
        ("Stra\u{DF}e", "STRASSE", Found::Similar),
        ("\u{FB01}t", "fit", Found::Similar),
        ("x'; DROP TABLE groups; --", "x'; DROP TABLE groups; --", Found::Meant),
        ("%", "_", Found::Nothing),
    ]
    .into_iter()
    .enumerate()
    {
        let name: &'static str = format!("tenant {number}").leak();
        let tenant = desk.tenant(name);
        desk.apply(tenant, 2, &[create(1, &[("S", stored)])]).expect("applied");
        let seen = desk.load(tenant, &[key(asked)]);
        assert_eq!(found(&seen, &key(asked)), expected, "{stored:?} asked as {asked:?}");
    }
}

fn archived(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 2, &[create(1, &[("S", "A")])]).expect("applied");
    desk.archive(tenant, 3, &[1]);
    let seen = desk.load(tenant, &[key("A"), key("a")]);
    assert_eq!(seen.matches[&key("A")], [id(1)]);
    assert!(seen.groups[&id(1)].is_archived());
    assert_eq!(seen.similar[&key("a")], [reference("S", "A")]);
    assert_eq!(desk.ids(tenant), []);
    let again = desk.apply(tenant, 4, &[create(2, &[("S", "A")])]);
    assert!(matches!(again, Err(crate::StoreError::Conflict(_))), "{again:?}");
}

fn few_similar(desk: &Desk) {
    let tenant = desk.tenant("a");
    let stored = [("S", "AbC"), ("S", "ABC"), ("R", "abC"), ("T", "aBc"), ("S", "other")];
    let writes: Vec<_> = (1..).zip(stored).map(|(number, pair)| create(number, &[pair])).collect();
    desk.apply(tenant, 2, &writes).expect("applied");
    let asked = LookupKey::Reference(reference("Z", "abc"));
    let seen = desk.load(tenant, std::slice::from_ref(&asked));
    assert_eq!(seen.similar[&asked], [reference("R", "abC"), reference("S", "ABC"), reference("S", "AbC")]);
    // The same key in another source is not similar, it is the same.
    let asked = LookupKey::Reference(reference("Z", "other"));
    assert_eq!(found(&desk.load(tenant, std::slice::from_ref(&asked)), &asked), Found::Nothing);
    let no_ids: Vec<GroupId> = seen.groups.into_keys().collect();
    assert_eq!(no_ids, []);
}

fn similar_is_for_own_keys(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 2, &[create(1, &[("S", "A")])]).expect("applied");
    let needs = directory::Needs { keys: vec![key("a")], ..directory::Needs::default() };
    let seen = desk.read(|reader| reader.load(tenant, &needs));
    assert_eq!(found(&seen, &key("a")), Found::Nothing);
}

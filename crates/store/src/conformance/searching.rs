//! Searches. An engine may be behind with an index, or have none: the answers are the same.

use std::collections::BTreeSet;

use directory::{
    Filter, IdOrigin, Life, Place, Search, SearchPage, SearchPlace, Source, Stamp, TenantId, Timestamp, Write,
};

use super::Case;
use super::desk::{Desk, below, content, id, reference, rename, update};

pub(super) const CASES: &[Case] = &[
    ("a text finds by beginnings of words, of name and keys", words),
    ("what was written before a search is found by it, and what was replaced is not", at_once),
    ("a search combines with every other condition", filters),
    ("pages of a search hold every group once", pages),
    ("groups that do not change meanwhile are on one page", changes_meanwhile),
    ("a search is bound to its tenant", other_tenants),
    ("a search within a write sees what was written", within_a_write),
];

/// Every page of a search, one after another: ids in order.
///
/// # Panics
/// When a group comes twice.
pub(super) fn found(desk: &Desk, tenant: TenantId, filter: &Filter, text: &str, limit: usize) -> Vec<i64> {
    let mut ids = BTreeSet::new();
    let mut after = None;
    loop {
        let (page, next) = page(desk, tenant, filter, text, limit, after);
        for number in page {
            assert!(ids.insert(number), "{number} twice in {text:?}");
        }
        match next {
            None => return ids.into_iter().collect(),
            next => after = next,
        }
    }
}

fn page(
    desk: &Desk,
    tenant: TenantId,
    filter: &Filter,
    text: &str,
    limit: usize,
    after: Option<SearchPlace>,
) -> (Vec<i64>, Option<SearchPlace>) {
    let page = SearchPage { search: Search::parse(text).expect("a good search"), after, limit };
    let found = desk.read(|reader| reader.search(tenant, filter, &page)).expect("its own place");
    assert!(found.views.len() <= limit);
    (found.views.iter().map(|view| view.group.id.get()).collect(), found.next)
}

#[track_caller]
fn check(desk: &Desk, tenant: TenantId, filter: &Filter, text: &str, expected: &[i64]) {
    for limit in [1, 2, 1000] {
        assert_eq!(found(desk, tenant, filter, text, limit), expected, "{text:?} {filter:?} by {limit}");
    }
}

/// A create with a name.
fn named(number: i64, name: &str, references: &[(&str, &str)]) -> Write {
    let references = references.iter().map(|(source, key)| reference(source, key)).collect();
    Write::Create {
        id: id(number),
        id_origin: IdOrigin::Assigned,
        references,
        content: content(name, None),
        values: Vec::new(),
        addresses: Vec::new(),
    }
}

fn words(desk: &Desk) {
    let tenant = desk.tenant("a");
    let writes = [
        named(1, "Éva Kovács", &[("S", "HR-001")]),
        named(2, "Goethestraße", &[("", "hr-002"), ("T", "Zweit 7")]),
        named(3, "EVA", &[]),
        named(4, "東京大学", &[("S", "HRX")]),
        named(5, "🦊", &[("S", "🦊")]),
    ];
    desk.apply(tenant, 2, &writes).expect("applied");
    for (text, expected) in [
        ("eva", &[1, 3][..]),
        ("ÉVA", &[1, 3]),
        ("e", &[1, 3]),
        ("kov e", &[1]),
        ("ova", &[]),
        ("goethestrasse", &[2]),
        ("hr", &[1, 2, 4]),
        ("hr-0", &[1, 2]),
        ("HR001", &[1]),
        ("hr-001 hr", &[1]),
        ("001 002", &[]),
        // The second reference counts too.
        ("zweit7", &[2]),
        ("7 goethe", &[2]),
        ("京大", &[4]),
        ("x", &[]),
        ("\u{10FFFF}a", &[]),
        ("99999999999999999999", &[]),
    ] {
        check(desk, tenant, &Filter::default(), text, expected);
    }
}

fn at_once(desk: &Desk) {
    let tenant = desk.tenant("a");
    let all = Filter::default();
    for number in 1..=30 {
        let key = format!("K{number}");
        desk.apply(tenant, number, &[named(number, "before", &[("S", &key)])]).expect("applied");
        assert_eq!(found(desk, tenant, &all, &format!("before k{number}"), 10), [number]);
        desk.apply(tenant, number, &[update(number, "after", None)]).expect("applied");
        assert_eq!(found(desk, tenant, &all, "before", 10), [0; 0]);
        assert_eq!(found(desk, tenant, &all, "after", 10).len(), usize::try_from(number).expect("small"));
    }
    desk.apply(tenant, 50, &[rename(7, ("S", "K7"), ("S", "other"))]).expect("applied");
    assert_eq!(found(desk, tenant, &all, "k7", 10), [0; 0]);
    assert_eq!(found(desk, tenant, &all, "oth", 10), [7]);
    desk.archive(tenant, 60, &[7]);
    assert_eq!(found(desk, tenant, &all, "oth", 10), [0; 0]);
    assert_eq!(found(desk, tenant, &Filter { life: Life::Any, ..all }, "oth", 10), [7]);
}

fn filters(desk: &Desk) {
    let tenant = desk.tenant("a");
    let writes = [
        named(1, "red", &[("S", "A")]),
        named(2, "red", &[("T", "B"), ("S", "C")]),
        below(1, 3),
        below(1, 4),
    ];
    desk.apply(tenant, 10, &writes).expect("applied");
    let writes =
        [update(3, "Red blue", Some(1)), update(4, "red", Some(1)), named(5, "blue", &[("S", "red")])];
    desk.apply(tenant, 20, &writes).expect("applied");
    desk.archive(tenant, 30, &[2, 4]);
    let all = Filter::default();
    let any = Filter { life: Life::Any, ..all.clone() };
    let source = |text: &str| Some(Source::from_stored(text));
    for (filter, expected) in [
        (all.clone(), &[1, 3, 5][..]),
        (any.clone(), &[1, 2, 3, 4, 5]),
        (Filter { life: Life::Archived, ..all.clone() }, &[2, 4]),
        (Filter { place: Place::Roots, ..any.clone() }, &[1, 2, 5]),
        (Filter { place: Place::Roots, ..all.clone() }, &[1, 5]),
        (Filter { place: Place::Below(id(1)), ..all.clone() }, &[3]),
        (Filter { place: Place::Below(id(1)), life: Life::Archived, ..all.clone() }, &[4]),
        (Filter { place: Place::Below(id(9)), ..any.clone() }, &[]),
        (Filter { source: source("S"), ..any.clone() }, &[1, 5]),
        (Filter { source: source("T"), ..any.clone() }, &[2]),
        (Filter { updated_after: Some(Timestamp(10)), ..any.clone() }, &[2, 3, 4, 5]),
        (Filter { updated_after: Some(Timestamp(20)), ..any.clone() }, &[2, 4]),
    ] {
        check(desk, tenant, &filter, "re", expected);
    }
    check(desk, tenant, &any, "red blue", &[3, 5]);
    let page = SearchPage { search: Search::parse("red blue").expect("good"), after: None, limit: 9 };
    let views = desk.read(|reader| reader.search(tenant, &all, &page)).expect("from the start").views;
    assert_eq!(views.len(), 2);
    let child = views.iter().find(|view| view.group.id == id(3)).expect("found");
    assert_eq!(child.parent_key, Some(reference("S", "A").key));
    let page = SearchPage { search: Search::parse("b").expect("good"), after: None, limit: 9 };
    let views = desk.read(|reader| reader.search(tenant, &any, &page)).expect("from the start").views;
    let two = views.iter().find(|view| view.group.id == id(2)).expect("found");
    assert_eq!(two.group.references, [reference("T", "B"), reference("S", "C")]);
}

fn pages(desk: &Desk) {
    let tenant = desk.tenant("a");
    let all = Filter::default();
    // Several entries of one group begin with the same letter.
    let name = |number: i64| if number % 3 == 0 { "alpha alpine" } else { "beta alpha" };
    for chunk in [1..=150, 151..=300, 301..=320] {
        let key = |number: i64| format!("a-{number}");
        let writes: Vec<Write> =
            chunk.map(|number| named(number, name(number), &[("", &key(number))])).collect();
        desk.apply(tenant, 2, &writes).expect("applied");
    }
    let every: Vec<i64> = (1..=320).collect();
    let thirds: Vec<i64> = every.iter().copied().filter(|number| number % 3 == 0).collect();
    for limit in [7, 100, 128, 129, 320, 1000] {
        assert_eq!(found(desk, tenant, &all, "a", limit), every, "{limit}");
        assert_eq!(found(desk, tenant, &all, "alpha alpi", limit), thirds, "{limit}");
        assert_eq!(found(desk, tenant, &all, "a-31", limit).len(), 11, "{limit}");
    }
}

fn changes_meanwhile(desk: &Desk) {
    let tenant = desk.tenant("a");
    let all = Filter::default();
    let writes: Vec<Write> = (1..=60).map(|number| named(number, "word", &[])).collect();
    desk.apply(tenant, 1, &writes).expect("applied");
    let (mut seen, mut after, mut turn) = (Vec::new(), None, 0);
    loop {
        let (ids, next) = page(desk, tenant, &all, "wo", 7, after);
        seen.extend(ids);
        turn += 1;
        // Some of those before and behind the place change, so that they are found, or no more.
        let name = if turn % 2 == 0 { "wolf" } else { "bear" };
        let writes = [update(turn, name, None), update(61 - turn, name, None)];
        desk.apply(tenant, 1 + turn, &writes).expect("applied");
        after = next;
        if after.is_none() {
            break;
        }
        assert!(turn < 40, "no end");
    }
    for number in turn + 1..=60 - turn {
        assert_eq!(seen.iter().filter(|id| **id == number).count(), 1, "{number} in {seen:?}");
    }
}

fn other_tenants(desk: &Desk) {
    let (one, two) = (desk.tenant("a"), desk.tenant("b"));
    desk.apply(one, 1, &[named(1, "shared", &[("S", "K")]), named(2, "one", &[])]).expect("applied");
    desk.apply(two, 1, &[named(1, "shared two", &[("S", "K")])]).expect("applied");
    let all = Filter::default();
    for (tenant, text, expected) in [
        (one, "shared", &[1][..]),
        (one, "two", &[]),
        (one, "o", &[2]),
        (two, "two", &[1]),
        (two, "o", &[]),
        (two, "k", &[1]),
        (TenantId(99), "k", &[]),
    ] {
        check(desk, tenant, &all, text, expected);
    }
}

fn within_a_write(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 1, &[named(1, "one", &[])]).expect("applied");
    let seen = desk.write(move |tx| {
        tx.apply(tenant, &[named(2, "one two", &[]), update(1, "three", None)], Timestamp(2), None)?;
        let page = SearchPage { search: Search::parse("one").expect("good"), after: None, limit: 9 };
        let found = tx.search(tenant, &Filter::default(), &page)?.expect("from the start");
        Ok(found.views.iter().map(|view| view.group.id.get()).collect::<Vec<_>>())
    });
    assert_eq!(seen, Ok(vec![2]));
    // Any engine takes a place in the order of changes.
    let after = Some(SearchPlace::Change(Stamp { revision: 2, group: 1 }));
    assert_eq!(page(desk, tenant, &Filter::default(), "t", 9, after).0, [2]);
}

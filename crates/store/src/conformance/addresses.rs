//! Addresses of groups.

use directory::model::{Country, Gender, Line, Lines, Notes};
use directory::{
    Address, AddressCode, AddressContent, AddressId, AddressLine, AddressType, AddressWrite, Needs, TenantId,
    Write,
};

use super::Case;
use super::desk::{Desk, create, id, key, update};
use crate::StoreError;

pub(super) const CASES: &[Case] = &[
    ("addresses are read as they were written", whole),
    ("addresses are replaced and removed, and the others stay", changed),
    ("a plan sees the addresses of the groups that it asks for", seen),
    ("ids of addresses are not handed out again", ids),
    ("addresses that are not as a write takes them to be are a conflict", missing),
    ("addresses belong to their tenant and group", apart),
];

fn number(number: i64) -> AddressId {
    AddressId::new(number).expect("a good id")
}

pub(super) fn address(id: i64, kind: AddressType, street: &str) -> Address {
    let mut lines = Lines::default();
    *lines.get_mut(AddressLine::Street) = Line::from_stored(street);
    let content = AddressContent {
        code: None,
        kind,
        country: Country::parse("NL").expect("a country"),
        gender: Gender::last(),
        icp: false,
        is_default: false,
        lines,
        notes: Notes::default(),
    };
    Address { id: number(id), content }
}

/// An address with something in every place.
pub(super) fn full(id: i64) -> Address {
    let mut lines = Lines::default();
    for line in AddressLine::ALL {
        *lines.get_mut(line) = Line::from_stored(format!("\u{e9} {line:?}"));
    }
    let content = AddressContent {
        code: Some(AddressCode::from_stored("11234")),
        gender: Gender::parse("F").expect("a gender"),
        country: Country::parse("DE").expect("a country"),
        icp: true,
        is_default: true,
        lines,
        notes: Notes::from_stored("two\nlines"),
        ..address(id, AddressType::Home, "").content
    };
    Address { id: number(id), content }
}

pub(super) fn add(address: &Address) -> AddressWrite {
    AddressWrite::Add(Box::new(address.clone()))
}

fn replace(address: &Address) -> AddressWrite {
    AddressWrite::Replace(Box::new(address.clone()))
}

pub(super) fn creating(group: i64, writes: Vec<AddressWrite>) -> Write {
    match create(group, &[("S", &format!("K{group}"))]) {
        Write::Create { id, id_origin, references, content, .. } => {
            let values = Vec::new();
            Write::Create { id, id_origin, references, content, values, addresses: writes }
        }
        other => other,
    }
}

pub(super) fn updating(group: i64, writes: Vec<AddressWrite>) -> Write {
    match update(group, "name", None) {
        Write::Update { id, first, content, reference, added, .. } => {
            let values = Vec::new();
            Write::Update { id, first, content, reference, added, values, addresses: writes }
        }
        other => other,
    }
}

fn all(desk: &Desk, tenant: TenantId, group: i64) -> Vec<Address> {
    desk.read(|reader| reader.addresses(tenant, id(group), None))
}

fn whole(desk: &Desk) {
    let tenant = desk.tenant("a");
    let addresses = [full(1), address(2, AddressType::Invoice, "s")];
    desk.apply(tenant, 2, &[creating(1, addresses.iter().map(add).collect())]).expect("applied");
    assert_eq!(all(desk, tenant, 1), addresses);
    for (kind, expected) in [
        (AddressType::Home, &addresses[..1]),
        (AddressType::Invoice, &addresses[1..]),
        (AddressType::Delivery, &[]),
    ] {
        assert_eq!(desk.read(|reader| reader.addresses(tenant, id(1), Some(kind))), expected, "{kind:?}");
    }
}

fn changed(desk: &Desk) {
    let tenant = desk.tenant("a");
    let first = [1, 2, 3].map(|number| address(number, AddressType::Delivery, "s"));
    desk.apply(tenant, 2, &[creating(1, first.iter().map(add).collect())]).expect("applied");
    let writes = vec![AddressWrite::Remove(number(1)), replace(&full(3)), add(&full(9))];
    let revision = desk.apply(tenant, 3, &[updating(1, writes)]).expect("applied");
    assert_eq!(all(desk, tenant, 1), [first[1].clone(), full(3), full(9)]);
    // The group changes with them, and keeps them through what else happens to it.
    assert_eq!(desk.all(tenant)[0].revision, revision);
    desk.apply(tenant, 4, &[update(1, "other", None)]).expect("applied");
    desk.archive(tenant, 5, &[1]);
    assert_eq!(all(desk, tenant, 1).len(), 3);
    let emptied = replace(&address(3, AddressType::Invoice, "t"));
    desk.apply(tenant, 6, &[Write::Restore { id: id(1) }]).expect("applied");
    desk.apply(tenant, 7, &[updating(1, vec![emptied])]).expect("applied");
    assert_eq!(all(desk, tenant, 1)[1], address(3, AddressType::Invoice, "t"));
}

fn seen(desk: &Desk) {
    let tenant = desk.tenant("a");
    let see = |asked: &[&str]| {
        let keys = ["K1", "K2", "K3"].map(key).to_vec();
        let addresses_of = asked.iter().map(|text| key(text)).collect();
        let needs = Needs { keys, addresses_of, ..Needs::default() };
        desk.read(|reader| reader.load(tenant, &needs))
    };
    assert!(see(&["K1"]).addresses.is_empty());
    let writes = [
        creating(1, vec![add(&full(2)), add(&full(1))]),
        creating(2, vec![add(&full(3))]),
        creating(3, vec![]),
    ];
    desk.apply(tenant, 2, &writes).expect("applied");
    let found = see(&["K1", "K3"]).addresses;
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [(id(1), vec![full(1), full(2)])]);
    assert!(see(&[]).addresses.is_empty());
}

fn ids(desk: &Desk) {
    let tenant = desk.tenant("a");
    let next = || desk.read(|reader| reader.load(tenant, &Needs::default())).next_address.get();
    assert_eq!(next(), 1);
    desk.apply(tenant, 2, &[creating(1, vec![add(&full(1)), add(&full(4))])]).expect("applied");
    assert_eq!(next(), 5);
    let removed = [1, 4].map(|id| AddressWrite::Remove(number(id)));
    desk.apply(tenant, 3, &[updating(1, removed.to_vec())]).expect("applied");
    assert_eq!((next(), all(desk, tenant, 1)), (5, vec![]));
}

fn missing(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 2, &[creating(1, vec![add(&full(1))]), creating(2, vec![])]).expect("applied");
    for writes in [
        vec![add(&full(1))],
        vec![replace(&full(2))],
        vec![AddressWrite::Remove(number(2))],
        vec![add(&full(5)), AddressWrite::Remove(number(2))],
    ] {
        let fate = desk.apply(tenant, 3, &[updating(1, writes.clone())]);
        assert!(matches!(fate, Err(StoreError::Conflict(_))), "{writes:?}: {fate:?}");
    }
    // That of another group is not there either.
    let fate = desk.apply(tenant, 3, &[updating(2, vec![replace(&full(1))])]);
    assert!(matches!(fate, Err(StoreError::Conflict(_))));
    assert_eq!((all(desk, tenant, 1), all(desk, tenant, 2)), (vec![full(1)], vec![]));
    assert_eq!(desk.read(|reader| reader.revision(tenant)), 1);
}

fn apart(desk: &Desk) {
    let (left, right) = (desk.tenant("a"), desk.tenant("b"));
    desk.apply(left, 2, &[creating(1, vec![add(&full(1))]), creating(2, vec![])]).expect("applied");
    desk.apply(right, 2, &[creating(1, vec![add(&full(2))])]).expect("applied");
    assert_eq!(all(desk, left, 2), []);
    assert_eq!((all(desk, left, 1), all(desk, right, 1)), (vec![full(1)], vec![full(2)]));
}

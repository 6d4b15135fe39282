//! Nothing crosses tenants.

use directory::{Needs, TenantId, Timestamp};

use super::Case;
use super::desk::{Desk, create, give, id, key};
use crate::StoreError;

pub(super) const CASES: &[Case] = &[
    ("tenants have unique names and are listed by them", names),
    ("the same ids and references live side by side", side_by_side),
    ("a tenant that does not exist is an empty one", unknown),
];

fn names(desk: &Desk) {
    let (zoo, ant) = (desk.tenant("zoo"), desk.tenant("Ant"));
    let taken = desk.write(|tx| tx.create_tenant("zoo", Timestamp(9))).expect("the store writes");
    assert_eq!(taken, None);
    let tenants = desk.read(|reader| reader.tenants());
    let seen: Vec<_> =
        tenants.iter().map(|tenant| (tenant.id, tenant.name.as_str(), tenant.created_at)).collect();
    assert_eq!(seen, [(ant, "Ant", Timestamp(1)), (zoo, "zoo", Timestamp(1))]);
    assert_eq!(desk.read(|reader| reader.tenant_by_name("zoo")).map(|tenant| tenant.id), Some(zoo));
    assert_eq!(desk.read(|reader| reader.tenant_by_name("ZOO")), None);
}

fn side_by_side(desk: &Desk) {
    let (left, right) = (desk.tenant("left"), desk.tenant("right"));
    desk.apply(left, 2, &[create(1, &[("S", "A")]), give(5)]).expect("applied");
    desk.apply(left, 3, &[create(2, &[("S", "B"), ("T", "C")])]).expect("applied");
    let before = desk.all(left);
    assert_eq!(desk.ids(right), []);
    let needs = Needs {
        keys: vec![key("A"), key("C"), key("b")],
        own_keys: [key("b")].into_iter().collect(),
        fresh_ids: 4,
        ..Needs::default()
    };
    let seen = desk.read(|reader| reader.load(right, &needs));
    assert_eq!((seen.revision, seen.matches.len(), seen.similar.len()), (0, 0, 0));
    assert_eq!(seen.free_ids.0, [(1, 4)]);
    desk.apply(right, 4, &[create(1, &[("S", "A")])]).expect("applied");
    desk.archive(right, 5, &[1]);
    assert_eq!(desk.read(|reader| reader.revision(right)), 2);
    assert_eq!(desk.read(|reader| reader.revision(left)), 2);
    assert_eq!(desk.all(left), before);
    assert!(!desk.load(left, &[key("A")]).groups[&id(1)].is_archived());
    assert_eq!(desk.hierarchy(right, &[2], &[]).ancestors.len(), 0);
    let revisions: Vec<i64> =
        desk.read(|reader| reader.tenants()).iter().map(|tenant| tenant.revision).collect();
    assert_eq!(revisions, [2, 2]);
}

fn unknown(desk: &Desk) {
    let nobody = TenantId(77);
    let seen = desk.load(nobody, &[key("A")]);
    assert_eq!((seen.revision, seen.groups.len(), seen.free_ids.0), (0, 0, vec![(1, 1)]));
    assert_eq!(desk.ids(nobody), []);
    assert_eq!(desk.read(|reader| reader.revision(nobody)), 0);
    assert!(matches!(desk.apply(nobody, 2, &[create(1, &[])]), Err(StoreError::Internal(_))));
}

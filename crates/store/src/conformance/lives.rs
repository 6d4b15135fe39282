//! Archiving and restoring (rules §5).

use directory::{Failure, HierarchyNeeds, LookupKey, Reach, Snapshot, TenantId, Timestamp, Write};

use super::Case;
use super::desk::{Desk, below, create, id, update};
use crate::StoreError;

pub(super) const CASES: &[Case] = &[
    ("archiving stamps the group alone, restoring too", alone),
    ("a subtree is archived as a whole, what is archived already keeps its time", subtree),
    ("living children and descendants are counted", counted),
    ("what is not as a write takes it to be is a conflict", conflicts),
    ("ancestors tell whether they live", ancestors),
];

fn archive(number: i64, reach: Reach) -> Write {
    Write::Archive { id: id(number), reach }
}

fn restore(number: i64) -> Write {
    Write::Restore { id: id(number) }
}

/// When each group was archived, and its revision.
fn lives(desk: &Desk, tenant: TenantId, numbers: &[i64]) -> Vec<(Option<i64>, i64)> {
    let keys: Vec<LookupKey> = numbers.iter().map(|number| LookupKey::Id(id(*number))).collect();
    let seen = desk.load(tenant, &keys);
    let life = |number: &i64| {
        let group = &seen.groups[&id(*number)];
        let stamped = group.updated_at == Timestamp(group.revision * 10);
        assert!(stamped, "group {number} has the revision {} and {:?}", group.revision, group.updated_at);
        (group.archived_at.map(|at| at.0), group.revision)
    };
    numbers.iter().map(life).collect()
}

fn alone(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 10, &[create(1, &[("S", "A")]), below(1, 2), below(1, 3)]).expect("applied");
    assert_eq!(desk.apply(tenant, 20, &[archive(2, Reach::Itself), update(3, "kept", Some(1))]), Ok(2));
    assert_eq!(lives(desk, tenant, &[1, 2, 3]), [(None, 1), (Some(20), 2), (None, 2)]);
    assert_eq!(desk.ids(tenant), [1, 3]);
    assert_eq!(desk.apply(tenant, 30, &[restore(2)]), Ok(3));
    assert_eq!(lives(desk, tenant, &[1, 2, 3]), [(None, 1), (None, 3), (None, 2)]);
    assert_eq!(desk.ids(tenant), [1, 2, 3]);
}

fn subtree(desk: &Desk) {
    let (tenant, other) = (desk.tenant("a"), desk.tenant("b"));
    // 1 ─ 2 ─ 4 ─ 6     7
    //   └ 3 ─ 5
    let writes =
        [create(1, &[]), below(1, 2), below(1, 3), below(2, 4), below(3, 5), below(4, 6), create(7, &[])];
    for tenant in [tenant, other] {
        desk.apply(tenant, 10, &writes).expect("applied");
    }
    desk.apply(tenant, 20, &[archive(4, Reach::Itself)]).expect("applied");
    desk.apply(tenant, 30, &[archive(2, Reach::Subtree)]).expect("applied");
    // Also what lives below an archived group.
    assert_eq!(
        lives(desk, tenant, &[1, 2, 3, 4, 5, 6, 7]),
        [(None, 1), (Some(30), 3), (None, 1), (Some(20), 2), (None, 1), (Some(30), 3), (None, 1)]
    );
    // Subtrees within one another, named in any order.
    desk.apply(tenant, 40, &[archive(3, Reach::Subtree), archive(1, Reach::Subtree)]).expect("applied");
    assert_eq!(
        lives(desk, tenant, &[1, 2, 3, 5, 7]),
        [(Some(40), 4), (Some(30), 3), (Some(40), 4), (Some(40), 4), (None, 1)]
    );
    assert_eq!(desk.ids(other).len(), 7);
}

fn counted(desk: &Desk) {
    let tenant = desk.tenant("a");
    let leaves = i64::try_from(Failure::MAX_CHILDREN).expect("small") + 5;
    let many = (0..leaves).map(|leaf| below(2, 10 + leaf));
    let writes: Vec<Write> =
        [create(1, &[]), below(1, 2), below(1, 3), below(3, 4)].into_iter().chain(many).collect();
    desk.apply(tenant, 10, &writes).expect("applied");
    desk.apply(tenant, 20, &[archive(3, Reach::Itself), archive(10, Reach::Itself)]).expect("applied");
    let count = |children: &[i64], descendants: &[i64]| {
        let ids = |numbers: &[i64]| numbers.iter().copied().map(id).collect();
        let needs = HierarchyNeeds {
            children_of: ids(children),
            descendants_of: ids(descendants),
            ..HierarchyNeeds::default()
        };
        let mut seen = Snapshot::default();
        desk.read(|reader| reader.load_hierarchy(tenant, &needs, &mut seen));
        let counts = |numbers: &[i64], found: &foldhash::HashMap<_, usize>| {
            numbers.iter().map(|number| found[&id(*number)]).collect::<Vec<_>>()
        };
        (counts(children, &seen.children), counts(descendants, &seen.descendants))
    };
    let living = usize::try_from(leaves).expect("small") - 1;
    assert_eq!(count(&[1, 2, 3, 4], &[]), (vec![1, Failure::MAX_CHILDREN, 1, 0], vec![]));
    assert_eq!(count(&[], &[1]), (vec![], vec![living + 2]));
    assert_eq!(count(&[], &[2, 1, 4]), (vec![], vec![living, 0, 0]));
}

fn conflicts(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 10, &[create(1, &[]), create(2, &[])]).expect("applied");
    desk.apply(tenant, 20, &[archive(2, Reach::Itself)]).expect("applied");
    for wrong in [
        archive(2, Reach::Itself),
        archive(2, Reach::Subtree),
        archive(3, Reach::Itself),
        archive(3, Reach::Subtree),
        restore(1),
        restore(3),
    ] {
        let told = desk.apply(tenant, 30, &[update(1, "changed", None), wrong.clone()]);
        assert!(matches!(told, Err(StoreError::Conflict(_))), "{wrong:?}: {told:?}");
    }
    assert_eq!(lives(desk, tenant, &[1, 2]), [(None, 1), (Some(20), 2)]);
}

fn ancestors(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 10, &[create(1, &[]), below(1, 2), below(2, 3)]).expect("applied");
    desk.apply(tenant, 20, &[archive(2, Reach::Itself)]).expect("applied");
    let seen = desk.hierarchy(tenant, &[3], &[]);
    let archived = [1, 2, 3].map(|number| seen.ancestors[&id(number)].archived);
    assert_eq!(archived, [false, true, false]);
}

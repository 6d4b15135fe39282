//! Ancestors and heights.

use super::Case;
use super::desk::{Desk, below, create, id, reference, update};

pub(super) const CASES: &[Case] = &[
    ("ancestors are named up to the root", ancestors),
    ("heights of a deep chain with movers inside movers", chain),
    ("the height of a wide star", star),
    ("heights of a bushy tree", bush),
    ("archived groups are part of the tree", archived),
    ("moved groups count where they are now", moved),
];

fn heights(desk: &Desk, tenant: directory::TenantId, movers: &[i64]) -> Vec<usize> {
    let seen = desk.hierarchy(tenant, &[], movers);
    assert_eq!(seen.heights.len(), movers.len());
    movers.iter().map(|number| seen.heights[&id(*number)]).collect()
}

fn ancestors(desk: &Desk) {
    let tenant = desk.tenant("a");
    let writes = [below(2, 3), below(1, 2), create(1, &[("S", "A"), ("T", "B")]), below(3, 4), below(2, 5)];
    desk.apply(tenant, 2, &writes).expect("applied");
    let seen = desk.hierarchy(tenant, &[4, 5, 3], &[]);
    let mut found: Vec<_> = seen
        .ancestors
        .iter()
        .map(|(id, ancestor)| (id.get(), ancestor.parent.map(directory::GroupId::get)))
        .collect();
    found.sort_unstable();
    assert_eq!(found, [(1, None), (2, Some(1)), (3, Some(2)), (4, Some(3)), (5, Some(2))]);
    assert_eq!(seen.ancestors[&id(1)].key, Some(reference("S", "A").key));
    assert_eq!(seen.ancestors[&id(2)].key, None);
}

fn chain(desk: &Desk) {
    let tenant = desk.tenant("a");
    let mut writes = vec![create(1, &[])];
    writes.extend((2..=64).map(|number| below(number - 1, number)));
    writes.reverse();
    desk.apply(tenant, 2, &writes).expect("applied");
    assert_eq!(heights(desk, tenant, &[1]), [64]);
    assert_eq!(heights(desk, tenant, &[64, 33, 1, 34]), [1, 1, 32, 30]);
    assert_eq!(desk.hierarchy(tenant, &[64], &[]).ancestors.len(), 64);
}

fn star(desk: &Desk) {
    let tenant = desk.tenant("a");
    let mut writes = vec![create(1, &[])];
    writes.extend((2..=500).map(|number| below(1, number)));
    writes.push(below(250, 501));
    desk.apply(tenant, 2, &writes).expect("applied");
    assert_eq!(heights(desk, tenant, &[1]), [3]);
    assert_eq!(heights(desk, tenant, &[1, 250]), [2, 2]);
    let every: Vec<i64> = (1..=501).collect();
    assert!(heights(desk, tenant, &every).iter().all(|height| *height == 1));
}

fn bush(desk: &Desk) {
    let tenant = desk.tenant("a");
    // 1 ─ 2 ─ 4 ─ 7 ─ 9      8 is a tree of its own
    //   └ 3 ─ 5 ─ 6
    let writes = [
        create(1, &[]),
        below(1, 2),
        below(1, 3),
        below(2, 4),
        below(3, 5),
        below(5, 6),
        below(4, 7),
        create(8, &[]),
        below(7, 9),
    ];
    desk.apply(tenant, 2, &writes).expect("applied");
    for (movers, expected) in [
        (vec![1], vec![5]),
        (vec![1, 4], vec![4, 3]),
        (vec![1, 4, 5], vec![2, 3, 2]),
        (vec![2, 3], vec![4, 3]),
        (vec![3, 2, 1], vec![3, 4, 1]),
        (vec![8, 9, 6], vec![1, 1, 1]),
    ] {
        assert_eq!(heights(desk, tenant, &movers), expected, "{movers:?}");
    }
}

fn archived(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 2, &[create(1, &[]), below(1, 2), below(2, 3)]).expect("applied");
    desk.archive(tenant, 3, &[2]);
    assert_eq!(heights(desk, tenant, &[1]), [3]);
    assert_eq!(desk.hierarchy(tenant, &[3], &[]).ancestors.len(), 3);
}

fn moved(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 2, &[create(1, &[]), create(2, &[]), below(1, 3), below(3, 4)]).expect("applied");
    desk.apply(tenant, 3, &[update(3, "moved", Some(2)), update(1, "renamed", None)]).expect("applied");
    assert_eq!(heights(desk, tenant, &[1]), [1]);
    assert_eq!(heights(desk, tenant, &[2]), [3]);
    desk.apply(tenant, 4, &[update(3, "a root", None)]).expect("applied");
    assert_eq!(heights(desk, tenant, &[2]), [1]);
    assert_eq!(desk.hierarchy(tenant, &[4], &[]).ancestors[&id(3)].parent, None);
}

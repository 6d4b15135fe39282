//! Ids that are assigned and ids that are given.

use directory::{FreeIds, GroupId, Needs, TenantId};

use super::Case;
use super::desk::{Desk, create, give};

pub(super) const CASES: &[Case] = &[
    ("free ids lie between and above given ones", between),
    ("the largest id breaks nothing", largest),
    ("only assigned ids move the counter", counter),
];

fn free(desk: &Desk, tenant: TenantId, wanted: usize) -> Vec<(i64, i64)> {
    let needs = Needs { fresh_ids: wanted, ..Needs::default() };
    let FreeIds(ranges) = desk.read(|reader| reader.load(tenant, &needs)).free_ids;
    ranges
}

fn between(desk: &Desk) {
    let tenant = desk.tenant("a");
    assert_eq!(free(desk, tenant, 3), [(1, 3)]);
    desk.apply(tenant, 2, &[give(2), give(4), give(5)]).expect("applied");
    assert_eq!(free(desk, tenant, 1), [(1, 1)]);
    assert_eq!(free(desk, tenant, 4), [(1, 1), (3, 3), (6, 7)]);
    assert_eq!(free(desk, tenant, 0), []);
}

fn largest(desk: &Desk) {
    let tenant = desk.tenant("a");
    let largest = GroupId::MAX.get();
    desk.apply(tenant, 2, &[give(largest), create(1, &[])]).expect("applied");
    assert_eq!(free(desk, tenant, 1000), [(2, 1001)]);
    desk.apply(tenant, 3, &[create(2, &[])]).expect("applied");
    assert_eq!(desk.ids(tenant), [1, 2, largest]);
}

fn counter(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 2, &[create(3, &[]), create(7, &[]), give(100)]).expect("applied");
    assert_eq!(free(desk, tenant, 2), [(8, 9)]);
    // A failed write moves nothing.
    desk.apply(tenant, 3, &[create(20, &[]), create(3, &[])]).expect_err("taken");
    assert_eq!(free(desk, tenant, 2), [(8, 9)]);
}

//! Limits that servers share.

use std::time::{Duration, Instant};

use directory::TenantId;

use super::Case;
use super::desk::Desk;
use crate::{Claim, Lease, Metered, ReadFor};

pub(super) const CASES: &[Case] = &[
    ("a store that nobody shares gives all that is asked for", alone),
    ("no more is given than a limit has, and no less", given_once),
    ("what comes back can be taken again", back),
    ("each key has its own limits, and each limit its own bucket", apart),
];

/// In a minute. One flows in every six seconds.
const LIMIT: u32 = 10;

fn claim(tenant: TenantId, [least, most, back]: [u32; 3]) -> Claim<'static> {
    Claim { tenant, key_id: "k", metered: Metered::Requests, limit: LIMIT, least, most, back }
}

fn lease(desk: &Desk, claim: &Claim<'_>) -> Lease {
    // As a server does it: behind a look for the key.
    let looked = crate::read_for(desk.store(), ReadFor::Keys, |reader| reader.access_key(claim.key_id));
    looked.expect("the store reads");
    desk.store().lease(claim).expect("the store answers soon")
}

/// How many may have flown in since.
fn flown_in(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_secs() / 6 + 1).expect("a test takes no years")
}

fn alone(desk: &Desk) {
    let tenant = desk.tenant("t");
    if !desk.store().is_shared() {
        for _ in 0..3 {
            assert_eq!(lease(desk, &claim(tenant, [1, LIMIT, 0])).granted, LIMIT);
        }
    }
}

fn given_once(desk: &Desk) {
    let tenant = desk.tenant("t");
    if !desk.store().is_shared() {
        return;
    }
    let start = Instant::now();
    let first = lease(desk, &claim(tenant, [1, 4, 0]));
    assert_eq!((first.granted, first.until_full.as_secs()), (4, 24));
    // More than is left, all or none.
    assert_eq!(lease(desk, &claim(tenant, [10, 10, 0])).granted, 0);
    // As many of a block as are left.
    let rest = lease(desk, &claim(tenant, [1, 10, 0]));
    assert!((6..=6 + flown_in(start)).contains(&rest.granted), "{rest:?}");
    let mut all = 4 + rest.granted;
    for _ in 0..20 {
        let more = lease(desk, &claim(tenant, [1, 1, 0]));
        assert!(more.until_full <= Duration::from_mins(1), "{more:?}");
        all += more.granted;
    }
    assert!((10..=10 + flown_in(start)).contains(&all), "{all}");
}

fn back(desk: &Desk) {
    let tenant = desk.tenant("t");
    if !desk.store().is_shared() {
        return;
    }
    let start = Instant::now();
    assert_eq!(lease(desk, &claim(tenant, [1, 10, 0])).granted, 10);
    let again = lease(desk, &claim(tenant, [1, 10, 7])).granted;
    assert!((7..=7 + flown_in(start)).contains(&again), "{again}");
    // A bucket holds no more than its limit, whatever comes back.
    assert_eq!(lease(desk, &claim(tenant, [1, 10, 1000])).granted, 10);
    let none = lease(desk, &claim(tenant, [1, 10, 0])).granted;
    assert!(none <= flown_in(start), "{none}");
}

fn apart(desk: &Desk) {
    let (tenant, other) = (desk.tenant("t"), desk.tenant("u"));
    let first = claim(tenant, [1, 10, 0]);
    for claim in [
        first,
        Claim { key_id: "l", ..first },
        Claim { metered: Metered::Records, ..first },
        Claim { tenant: other, ..first },
    ] {
        assert_eq!(lease(desk, &claim).granted, 10);
    }
}

//! The feed of changes.

use directory::{ChangePlace, Changes, GroupId, TenantId};

use super::Case;
use super::desk::{Desk, below, create, id, reference, update};

pub(super) const CASES: &[Case] = &[
    ("the feed shows every group once, at its latest revision", latest),
    ("pages of the feed follow each other without gaps, also within a revision", pages),
    ("the feed goes on where it ended, and shows what came since", going_on),
    ("a place above the tenant's revision is none", ahead),
    ("what was passed is never written behind", in_order),
];

const START: ChangePlace = ChangePlace::end_of(0);

fn page(desk: &Desk, tenant: TenantId, after: ChangePlace, limit: usize) -> Changes {
    let changes = desk.read(|reader| reader.changes(tenant, after, limit)).expect("a place that was reached");
    assert!(changes.views.len() <= limit);
    assert!(changes.next >= after, "never backwards");
    if changes.more {
        assert!(changes.next > after, "it goes on");
        assert_eq!(changes.views.len(), limit);
        assert_eq!(changes.views.last().map(ChangePlace::after), Some(changes.next));
    }
    changes
}

/// Revision and id of what is shown, and where the feed goes on.
fn walk(desk: &Desk, tenant: TenantId, after: ChangePlace, limit: usize) -> (Vec<(i64, i64)>, ChangePlace) {
    let (mut at, mut shown) = (after, Vec::new());
    loop {
        let changes = page(desk, tenant, at, limit);
        shown.extend(changes.views.iter().map(|view| (view.group.revision, view.group.id.get())));
        at = changes.next;
        if !changes.more {
            return (shown, at);
        }
    }
}

fn latest(desk: &Desk) {
    let tenant = desk.tenant("a");
    let other = desk.tenant("b");
    assert_eq!(walk(desk, tenant, START, 10), (vec![], START));
    desk.apply(tenant, 10, &[create(1, &[("S", "A")]), below(1, 2), below(2, 3)]).expect("applied");
    desk.apply(other, 10, &[create(7, &[])]).expect("applied");
    desk.apply(tenant, 20, &[update(1, "new", None), create(4, &[("S", "B"), ("T", "C")])]).expect("applied");
    desk.archive(tenant, 30, &[3]);
    let (shown, end) = walk(desk, tenant, START, 1000);
    assert_eq!(shown, [(1, 2), (2, 1), (2, 4), (3, 3)]);
    assert_eq!(end, ChangePlace::end_of(3));
    assert_eq!(walk(desk, other, START, 1000), (vec![(1, 7)], ChangePlace::end_of(1)));
    let views = page(desk, tenant, START, 1000).views;
    assert_eq!(views[0].parent_key, Some(reference("S", "A").key));
    assert_eq!(views[1].group.name.as_str(), "new");
    assert_eq!(views[2].group.references, [reference("S", "B"), reference("T", "C")]);
    let living: Vec<bool> = views.iter().map(|view| !view.group.is_archived()).collect();
    assert_eq!(living, [true, true, true, false]);
    let unknown = TenantId(99);
    assert_eq!(walk(desk, unknown, START, 10), (vec![], START));
}

fn pages(desk: &Desk) {
    let tenant = desk.tenant("a");
    let other = desk.tenant("b");
    let many: Vec<_> = (1..=30).map(|number| create(number, &[])).collect();
    desk.apply(tenant, 10, &many).expect("applied");
    desk.apply(other, 10, &many).expect("applied");
    for number in [4, 17, 9] {
        desk.apply(tenant, 20, &[update(number, "new", None)]).expect("applied");
    }
    let (all, end) = walk(desk, tenant, START, 1000);
    assert_eq!((all.len(), &all[27..]), (30, &[(2, 4), (3, 17), (4, 9)][..]));
    for limit in [1, 2, 7, 26, 27, 28, 29, 30, 31] {
        assert_eq!(walk(desk, tenant, START, limit), (all.clone(), end), "{limit}");
    }
    // From every place, also from one that shows nothing itself.
    for (at, (revision, number)) in all.iter().enumerate() {
        let place = ChangePlace { revision: *revision, group: id(*number) };
        assert_eq!(walk(desk, tenant, place, 4).0, all[at + 1..], "{place:?}");
    }
    let within = ChangePlace { revision: 1, group: id(17) };
    assert_eq!(walk(desk, tenant, within, 100).0[0], (1, 18));
    let beyond = ChangePlace { revision: 1, group: GroupId::MAX };
    assert_eq!(walk(desk, tenant, beyond, 100).0, all[27..]);
    let full = page(desk, tenant, START, 30);
    assert_eq!((full.more, full.next), (false, ChangePlace::end_of(4)));
    assert!(page(desk, tenant, START, 29).more);
}

fn going_on(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 10, &[create(1, &[]), create(2, &[]), create(3, &[])]).expect("applied");
    let first = page(desk, tenant, START, 2);
    // A group that was shown changes again, and one that was not yet.
    desk.apply(tenant, 20, &[update(1, "new", None), update(3, "new", None)]).expect("applied");
    let (shown, end) = walk(desk, tenant, first.next, 2);
    assert_eq!(shown, [(2, 1), (2, 3)]);
    assert_eq!(walk(desk, tenant, end, 2), (vec![], end));
    // A revision all of whose groups have moved on shows nothing, and is passed all the same.
    desk.apply(tenant, 30, &[update(1, "again", None), update(3, "again", None)]).expect("applied");
    assert_eq!(walk(desk, tenant, first.next, 1000).0, [(3, 1), (3, 3)]);
    assert_eq!(walk(desk, tenant, ChangePlace::end_of(3), 5), (vec![], ChangePlace::end_of(3)));
}

fn ahead(desk: &Desk) {
    let tenant = desk.tenant("a");
    let at = |revision: i64, number: i64| {
        let place = ChangePlace { revision, group: id(number) };
        desk.read(|reader| reader.changes(tenant, place, 10)).map(|changes| changes.views.len())
    };
    assert_eq!((at(0, 1), at(1, 1)), (Some(0), None));
    desk.apply(tenant, 10, &[create(1, &[]), create(2, &[])]).expect("applied");
    assert_eq!(
        (at(0, 1), at(1, 1), at(1, 99), at(2, 1), at(i64::MAX, 1)),
        (Some(2), Some(1), Some(0), None, None)
    );
}

fn in_order(desk: &Desk) {
    let tenant = desk.tenant("a");
    // Jobs that wait together are committed together, each under a revision of its own.
    let waiting: Vec<_> = (1..=40)
        .map(|number| {
            let write = [create(number, &[])];
            desk.submit(crate::Turn::Of(tenant), move |tx| {
                tx.apply(tenant, &write, directory::Timestamp(1), None)
            })
            .expect("queued")
        })
        .collect();
    let (mut at, mut shown) = (START, Vec::new());
    for fate in waiting {
        let revision = fate.recv().expect("told").expect("applied");
        let (more, next) = walk(desk, tenant, at, 3);
        (shown, at) = ([shown, more].concat(), next);
        assert!(at >= ChangePlace::end_of(revision), "what was acknowledged is shown");
    }
    assert_eq!(shown, (1..=40).map(|number| (number, number)).collect::<Vec<_>>());
}

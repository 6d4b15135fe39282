//! The read side.

use directory::{
    Filter, GroupView, Life, LookupKey, Page, Place, Source, TenantId, Timestamp, TreePage, TreePlace,
};

use super::Case;
use super::desk::{Desk, below, create, id, key, reference};

pub(super) const CASES: &[Case] = &[
    ("pages follow each other without gaps", pages),
    ("groups come with the first key of their parent", parents),
    ("a list shows what meets every condition", filters),
    ("the groups above a group, nearest first", ancestors),
    ("a tree, level by level, in pages of any size", trees),
    ("a key finds all groups it means, archived ones included", find),
    ("a read sees one moment, and what was written before it", one_moment),
    ("a read that fails or panics leaves the store as it was", failing_reads),
];

fn page(desk: &Desk, tenant: TenantId, after: Option<i64>, limit: usize) -> Vec<i64> {
    let page = Page { after: after.map(id), limit };
    desk.read(|reader| reader.list(tenant, &Filter::default(), page))
        .views
        .iter()
        .map(|view| view.group.id.get())
        .collect()
}

fn pages(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 2, &[7, 3, 5, 1, 9].map(|number| create(number, &[]))).expect("applied");
    desk.archive(tenant, 3, &[5]);
    for (after, limit, expected) in [
        (None, 1000, vec![1, 3, 7, 9]),
        (None, 2, vec![1, 3]),
        (Some(3), 2, vec![7, 9]),
        (Some(4), 1, vec![7]),
        (Some(9), 2, vec![]),
    ] {
        assert_eq!(page(desk, tenant, after, limit), expected, "{limit} after {after:?}");
    }
}

fn parents(desk: &Desk) {
    let tenant = desk.tenant("a");
    let writes = [create(1, &[("S", "A"), ("T", "B")]), below(1, 2), below(2, 3)];
    desk.apply(tenant, 2, &writes).expect("applied");
    desk.archive(tenant, 3, &[1]);
    let seen = |view: &GroupView| (view.group.id.get(), view.parent_key.clone());
    let expected = [(2, Some(reference("S", "A").key)), (3, None)];
    let listed: Vec<_> = desk
        .read(|reader| reader.list(tenant, &Filter::default(), Page { after: None, limit: 9 }))
        .views
        .iter()
        .map(seen)
        .collect();
    assert_eq!(listed, expected);
    let found: Vec<_> =
        desk.read(|reader| reader.find(tenant, &LookupKey::Id(id(2)))).iter().map(seen).collect();
    assert_eq!(found, expected[..1]);
}

fn filters(desk: &Desk) {
    let tenant = desk.tenant("a");
    let other = desk.tenant("b");
    let writes = [create(1, &[("S", "A")]), create(2, &[("T", "B"), ("S", "C")]), below(1, 3), below(1, 4)];
    desk.apply(tenant, 10, &writes).expect("applied");
    desk.apply(tenant, 20, &[below(3, 5), create(6, &[("S", "D")]), create(7, &[("", "E")])])
        .expect("applied");
    desk.apply(other, 20, &[create(1, &[("S", "A")]), below(1, 2)]).expect("applied");
    desk.archive(tenant, 30, &[4, 6]);
    let all = Filter::default();
    let any = Filter { life: Life::Any, ..all.clone() };
    let archived = Filter { life: Life::Archived, ..all.clone() };
    let source = |text: &str| Some(Source::from_stored(text));
    let since = |at: i64| Some(Timestamp(at));
    let one = Place::Below(id(1));
    for (filter, expected) in [
        (all.clone(), vec![1, 2, 3, 5, 7]),
        (any.clone(), vec![1, 2, 3, 4, 5, 6, 7]),
        (archived.clone(), vec![4, 6]),
        (Filter { place: Place::Roots, ..all.clone() }, vec![1, 2, 7]),
        (Filter { place: Place::Roots, ..any.clone() }, vec![1, 2, 6, 7]),
        (Filter { place: Place::Roots, ..archived.clone() }, vec![6]),
        (Filter { place: one, ..all.clone() }, vec![3]),
        (Filter { place: one, ..any.clone() }, vec![3, 4]),
        (Filter { place: one, ..archived.clone() }, vec![4]),
        (Filter { place: Place::Below(id(7)), ..any.clone() }, vec![]),
        (Filter { place: Place::Below(id(99)), ..any.clone() }, vec![]),
        // By the first reference, which is the one that is shown.
        (Filter { source: source("S"), ..any.clone() }, vec![1, 6]),
        (Filter { source: source("T"), ..any.clone() }, vec![2]),
        (Filter { source: source("s"), ..any.clone() }, vec![]),
        (Filter { updated_after: since(10), ..all.clone() }, vec![5, 7]),
        (Filter { updated_after: since(9), ..all.clone() }, vec![1, 2, 3, 5, 7]),
        // Archiving is a change.
        (Filter { updated_after: since(29), ..any.clone() }, vec![4, 6]),
        (Filter { updated_after: since(30), ..any.clone() }, vec![]),
        (
            Filter { place: Place::Roots, source: source("S"), updated_after: since(10), life: Life::Any },
            vec![6],
        ),
    ] {
        for limit in [1, 2, 1000] {
            assert_eq!(walk(desk, tenant, &filter, limit), expected, "{filter:?} by {limit}");
        }
    }
    let views = desk.read(|reader| reader.list(tenant, &archived, Page { after: None, limit: 9 })).views;
    assert_eq!(views[0].parent_key, Some(reference("S", "A").key));
}

/// Every page of a list, one after another.
fn walk(desk: &Desk, tenant: TenantId, filter: &Filter, limit: usize) -> Vec<i64> {
    let (mut page, mut ids) = (Page { after: None, limit }, Vec::new());
    loop {
        let listed = desk.read(|reader| reader.list(tenant, filter, page));
        assert!(listed.views.len() <= limit);
        ids.extend(listed.views.iter().map(|view| view.group.id.get()));
        page.after = listed.next;
        if page.after.is_none() {
            return ids;
        }
    }
}

fn ancestors(desk: &Desk) {
    let tenant = desk.tenant("a");
    let other = desk.tenant("b");
    let writes = [create(1, &[("S", "A")]), below(1, 2), below(2, 3), below(3, 4), below(1, 5)];
    desk.apply(tenant, 2, &writes).expect("applied");
    desk.apply(other, 2, &[create(9, &[]), below(9, 4)]).expect("applied");
    desk.archive(tenant, 3, &[2]);
    let line = |of: i64, after: Option<i64>, limit: usize| {
        let page = Page { after: after.map(id), limit };
        let listed = desk.read(|reader| reader.ancestors(tenant, id(of), page));
        let ids: Vec<i64> = listed.views.iter().map(|view| view.group.id.get()).collect();
        (ids, listed.next.map(directory::GroupId::get))
    };
    assert_eq!(line(4, None, 10), (vec![3, 2, 1], None));
    assert_eq!(line(4, None, 3), (vec![3, 2, 1], None));
    assert_eq!(line(4, None, 2), (vec![3, 2], Some(2)));
    assert_eq!(line(4, Some(2), 2), (vec![1], None));
    assert_eq!(line(1, None, 2), (vec![], None));
    assert_eq!(line(9, None, 2), (vec![], None));
    let page = Page { after: None, limit: 9 };
    let views = desk.read(|reader| reader.ancestors(tenant, id(3), page)).views;
    assert!(views[0].group.is_archived());
    assert_eq!(views[0].parent_key, Some(reference("S", "A").key));
    assert_eq!(views[1].group.references, [reference("S", "A")]);
}

fn trees(desk: &Desk) {
    let tenant = desk.tenant("a");
    let other = desk.tenant("b");
    // Ids run against the levels.
    let writes = [
        create(50, &[("S", "A")]),
        below(50, 40),
        below(50, 41),
        below(41, 30),
        below(40, 31),
        below(40, 32),
        below(30, 20),
        below(32, 21),
        below(21, 10),
        create(60, &[]),
    ];
    desk.apply(tenant, 2, &writes).expect("applied");
    desk.apply(other, 2, &[create(50, &[]), below(50, 99)]).expect("applied");
    desk.archive(tenant, 3, &[40, 32]);
    let levels = |depth: usize, life: Life, limit: usize| {
        let (mut page, mut found) = (TreePage { life, depth, after: None, limit }, Vec::new());
        loop {
            let tree = desk.read(|reader| reader.tree(tenant, id(50), page)).expect("the place is there");
            assert!(tree.groups.len() <= limit);
            found.extend(tree.groups.iter().map(|(level, view)| (*level, view.group.id.get())));
            page.after = tree.next;
            if page.after.is_none() {
                return found;
            }
        }
    };
    let all = [(1, 40), (1, 41), (2, 31), (2, 32), (2, 30), (3, 21), (3, 20), (4, 10)];
    for limit in [1, 2, 3, 5, 1000] {
        assert_eq!(levels(1, Life::Any, limit), all[..2], "{limit}");
        assert_eq!(levels(2, Life::Any, limit), all[..5], "{limit}");
        assert_eq!(levels(3, Life::Any, limit), all[..7], "{limit}");
        assert_eq!(levels(64, Life::Any, limit), all, "{limit}");
        // Archived groups are walked through, also where they are not shown.
        let living = [(1, 41), (2, 31), (2, 30), (3, 21), (3, 20), (4, 10)];
        assert_eq!(levels(64, Life::Living, limit), living, "{limit}");
        assert_eq!(levels(64, Life::Archived, limit), [(1, 40), (2, 32)], "{limit}");
    }
    let page = |after| TreePage { life: Life::Any, depth: 9, after, limit: 9 };
    let tree = |of: i64, after| desk.read(|reader| reader.tree(tenant, id(of), page(after)));
    assert_eq!(tree(60, None), Some(directory::Tree::default()));
    assert_eq!(tree(99, None), Some(directory::Tree::default()));
    assert_eq!(tree(50, None).expect("from the start").groups[0].1.parent_key, Some(reference("S", "A").key));
    // A place that was never there, or is no longer.
    let place = |level, group| Some(TreePlace { level, group: id(group), inhabited: true });
    for (of, after) in [(50, place(1, 60)), (60, place(1, 40)), (50, place(1, 10)), (50, place(1, 99))] {
        assert_eq!(tree(of, after), None, "{of} {after:?}");
    }
}

fn find(desk: &Desk) {
    let tenant = desk.tenant("a");
    let writes = [create(2, &[("S", "A")]), create(1, &[("T", "B"), ("U", "A")]), create(3, &[("S", "a")])];
    desk.apply(tenant, 2, &writes).expect("applied");
    desk.archive(tenant, 3, &[2]);
    for (asked, expected) in [
        (key("A"), vec![1, 2]),
        (key("a"), vec![3]),
        (key("C"), vec![]),
        (LookupKey::Reference(reference("U", "A")), vec![1]),
        (LookupKey::Reference(reference("V", "A")), vec![]),
        (LookupKey::Id(id(2)), vec![2]),
        (LookupKey::Id(id(4)), vec![]),
    ] {
        let views = desk.read(|reader| reader.find(tenant, &asked));
        let found: Vec<i64> = views.iter().map(|view| view.group.id.get()).collect();
        assert_eq!(found, expected, "{asked:?}");
    }
    let views = desk.read(|reader| reader.find(tenant, &key("B")));
    assert_eq!(views[0].group.references, [reference("T", "B"), reference("U", "A")]);
}

fn one_moment(desk: &Desk) {
    let tenant = desk.tenant("a");
    for number in 1..=20 {
        desk.apply(tenant, number, &[create(number, &[])]).expect("applied");
        desk.read(|reader| {
            // What was told to be done is seen, also after another write during this read.
            assert_eq!(reader.revision(tenant)?, number);
            if number % 5 == 0 {
                let page = Page { after: None, limit: 1000 };
                assert_eq!(
                    reader.list(tenant, &Filter::default(), page)?.views.len(),
                    usize::try_from(number).expect("small")
                );
            }
            Ok(())
        });
    }
    let (first, second) = desk.read(|reader| {
        let first = reader.revision(tenant)?;
        desk.apply(tenant, 99, &[create(99, &[])])?;
        Ok((first, reader.revision(tenant)?))
    });
    assert_eq!((first, second), (20, 20));
    assert_eq!(desk.read(|reader| reader.revision(tenant)), 21);
}

fn failing_reads(desk: &Desk) {
    let tenant = desk.tenant("a");
    // More often than there are connections.
    for _ in 0..20 {
        let failed = desk.store().read(&mut |_| Err(crate::StoreError::Internal("no".to_owned())));
        assert_eq!(failed, Err(crate::StoreError::Internal("no".to_owned())));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            desk.read(|reader| -> Result<(), _> {
                reader.revision(tenant)?;
                panic!("on purpose")
            });
        }));
        assert!(panicked.is_err());
    }
    assert_eq!(desk.read(|reader| reader.revision(tenant)), 0);
    assert_eq!(desk.apply(tenant, 2, &[create(1, &[])]), Ok(1));
    assert_eq!(desk.read(|reader| reader.revision(tenant)), 1);
}

//! The read side.

use directory::{GroupView, LookupKey, Page, TenantId};

use super::Case;
use super::desk::{Desk, below, create, id, key, reference};

pub(super) const CASES: &[Case] = &[
    ("pages follow each other without gaps", pages),
    ("groups come with the first key of their parent", parents),
    ("a key finds all groups it means, archived ones included", find),
    ("a read sees one moment, and what was written before it", one_moment),
    ("a read that fails or panics leaves the store as it was", failing_reads),
];

fn page(desk: &Desk, tenant: TenantId, after: Option<i64>, limit: usize) -> Vec<i64> {
    let page = Page { after: after.map(id), limit };
    desk.read(|reader| reader.list(tenant, page)).iter().map(|view| view.group.id.get()).collect()
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
    let listed: Vec<_> =
        desk.read(|reader| reader.list(tenant, Page { after: None, limit: 9 })).iter().map(seen).collect();
    assert_eq!(listed, expected);
    let found: Vec<_> =
        desk.read(|reader| reader.find(tenant, &LookupKey::Id(id(2)))).iter().map(seen).collect();
    assert_eq!(found, expected[..1]);
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
                assert_eq!(reader.list(tenant, page)?.len(), usize::try_from(number).expect("small"));
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

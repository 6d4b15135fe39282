//! Everything moves from one store to another, and stays what it is. A suite of its own, because it takes two stores,
//! which may be of different engines.

mod filled;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use directory::{AttributeId, AttributeType, DefinitionWrite, Group, Needs, TenantId, Timestamp, Write};

use self::filled::{access_key, answer};
pub use self::filled::{everything, told};
use super::desk::{Desk, create, id, rename, update};
use super::{TestStore, addresses, attributes};
use crate::copying::{CopyError, Phase, Progress, copy, unfinished};
use crate::digest::{Digested, digest};
use crate::moving::{Item, ItemPlace, Kind, Portion, PortionSize};
use crate::{AccessKey, Store, StoreError, Turn};

/// A case of two stores, and its name.
type Pair = (&'static str, fn(&Desk, &Desk));

/// Runs every case on a store of each kind, empty both.
///
/// # Panics
/// When a case fails; all others have run then.
pub fn run(from: &dyn Fn() -> TestStore, to: &dyn Fn() -> TestStore) {
    let failed: Vec<&str> = CASES
        .iter()
        .filter(|(_, case)| {
            catch_unwind(AssertUnwindSafe(|| case(&Desk::new(from()), &Desk::new(to())))).is_err()
        })
        .map(|(name, _)| *name)
        .collect();
    assert!(failed.is_empty(), "nothing moves as it should: {failed:?}");
}

const CASES: &[Pair] = &[
    ("a copy holds and answers the same", whole),
    ("portions of every size are one stream, and say whether there is more", portions),
    ("a portion can be put again, and a copy stops and goes on anywhere", again),
    ("a copy is brought up to date with all that has changed", mended),
    ("a portion takes away what is not in it, and nothing else", cleared),
    ("ordinary writes go on after a copy", goes_on),
    ("a store that holds something is not copied into, nor is an unfinished copy copied", refused),
    ("a change of anything is a change of the digest", digests),
    ("a source that is written to all the time is told of", unsettled),
    ("names and keys of other tenants are not taken by a portion", taken),
    ("a copy and its marks are there or not", marks),
];

const MOST: PortionSize = PortionSize { items: 1000, bytes: 1 << 20 };

/// One item at a time.
const LEAST: PortionSize = PortionSize { items: 1, bytes: 1 };

fn small(items: usize) -> PortionSize {
    PortionSize { items, ..MOST }
}

/// Copies everything, in portions of this size.
///
/// # Panics
/// When it cannot be copied.
pub fn moved(from: &dyn Store, to: &dyn Store, most: PortionSize) -> Vec<Digested> {
    copy(from, to, "a store", most, &mut |_| ControlFlow::Continue(())).expect("copied").tenants
}

/// The digests of all tenants.
///
/// # Panics
/// When the store cannot be read.
pub fn digested(store: &dyn Store, most: PortionSize) -> Vec<Digested> {
    let mut tenants = crate::read(store, |reader| reader.tenants()).expect("read");
    tenants.sort_by_key(|tenant| tenant.id);
    let of = |id: TenantId| digest(store, id, most, &mut |_| ()).expect("read").expect("a tenant");
    tenants.into_iter().map(|tenant| of(tenant.id)).collect()
}

fn all(desk: &Desk, tenant: TenantId) -> Portion {
    desk.read(|reader| reader.portion(tenant, None, MOST)).expect("a tenant")
}

fn put(desk: &Desk, portion: &Portion) -> Result<(), StoreError> {
    let portion = portion.clone();
    desk.write_for(Turn::Of(portion.head.tenant.id), move |tx| {
        tx.set_copy_mark(None, Some("a test"))?;
        tx.put(&portion)
    })
}

fn whole(from: &Desk, to: &Desk) {
    let tenants = everything(from);
    let copied = moved(from.store(), to.store(), MOST);
    assert_eq!(copied, digested(from.store(), MOST));
    assert_eq!(copied, digested(to.store(), MOST));
    for tenant in tenants {
        assert_eq!(told(from, tenant), told(to, tenant));
        assert_eq!(all(from, tenant), all(to, tenant));
    }
    let counts: Vec<_> = copied.iter().map(|tenant| tenant.counts).collect();
    assert_eq!(counts, [[5, 3, 41, 3, 3], [5, 3, 41, 3, 3], [0; 5]]);
    assert!(copied.iter().all(|tenant| tenant.is_settled));
    // Not even two tenants with the same things have one digest.
    assert_ne!(copied[0].digest, copied[1].digest);
    assert_eq!(to.read(|reader| reader.copy_mark(None)), None);
    assert_eq!(to.read(|reader| reader.copy_mark(Some(tenants[0]))), None);
}

fn portions(desk: &Desk, _: &Desk) {
    let [tenant, ..] = everything(desk);
    let expected = all(desk, tenant);
    assert!(!expected.more && expected.after.is_none());
    let of_all = digested(desk.store(), MOST);
    for most in
        [LEAST, small(1), small(7), small(54), small(55), small(56), PortionSize { bytes: 1000, ..MOST }]
    {
        let (mut items, mut after) = (Vec::new(), None::<ItemPlace>);
        loop {
            let portion = desk.read(|reader| reader.portion(tenant, after.as_ref(), most)).expect("a tenant");
            assert_eq!((&portion.head, &portion.after), (&expected.head, &after));
            assert!(portion.items.len() <= most.items && !portion.items.is_empty());
            assert_eq!(portion.more, items.len() + portion.items.len() < expected.items.len());
            after = portion.until();
            items.extend(portion.items);
            if after.is_none() {
                break;
            }
        }
        assert_eq!(items, expected.items, "{most:?}");
        assert_eq!(digested(desk.store(), most), of_all);
    }
    let places: Vec<ItemPlace> = expected.items.iter().map(Item::place).collect();
    assert!(places.is_sorted());
    let kinds: std::collections::BTreeSet<Kind> = places.iter().map(ItemPlace::kind).collect();
    assert_eq!(kinds.len(), Kind::ALL.len());
    // A place need not be that of something that is there.
    let behind = ItemPlace::Group(id(44));
    let rest = desk.read(|reader| reader.portion(tenant, Some(&behind), MOST)).expect("a tenant");
    assert_eq!(rest.items, expected.items[expected.items.len() - 7..]);
    assert_eq!(desk.read(|reader| reader.portion(TenantId(77), None, MOST)), None);
}

/// Stopped after each portion in turn, and each portion put twice.
fn again(from: &Desk, to: &Desk) {
    let tenants = everything(from);
    let (mut told_of, mut stops) = (Vec::new(), 0);
    loop {
        let mut left = 2;
        let mut watch = |progress: &Progress<'_>| {
            told_of.push((progress.number, progress.phase));
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let result = copy(from.store(), to.store(), "here", small(9), &mut watch);
        if stops == 0 {
            // The tenant that has not even begun does not make a whole directory of the others.
            assert_eq!(unfinished(to.store()), Ok(Some("here".to_owned())));
        }
        // Checking begins anew: it can only end in one go.
        if told_of.last().is_some_and(|(_, phase)| *phase == Phase::Checking) {
            break;
        }
        assert_eq!(result, Err(CopyError::Stopped));
        stops += 1;
        assert!(stops < 100, "it does not get on");
    }
    assert!(stops > 2, "{stops}");
    let copied = copy(from.store(), to.store(), "here", small(9), &mut |_| ControlFlow::Continue(()));
    let copied = copied.expect("goes on");
    assert!(copied.is_resumed);
    assert_eq!(copied.tenants, digested(from.store(), MOST));
    for tenant in tenants {
        let mut after = None;
        loop {
            let portion =
                from.read(|reader| reader.portion(tenant, after.as_ref(), small(9))).expect("there");
            assert_eq!((put(to, &portion), put(to, &portion)), (Ok(()), Ok(())));
            after = portion.until();
            if after.is_none() {
                break;
            }
        }
    }
    assert_eq!(copied.tenants, digested(to.store(), MOST));
}

/// What was copied is changed behind the back of the copy, in every kind.
fn mended(from: &Desk, to: &Desk) {
    let [tenant, other, _] = everything(from);
    let mut portions = 0;
    let mut watch = |progress: &Progress<'_>| {
        portions += usize::from(progress.phase == Phase::Copying && progress.number == 2);
        if portions == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    assert_eq!(copy(from.store(), to.store(), "x", small(11), &mut watch), Err(CopyError::Stopped));
    for tenant in [tenant, other] {
        change(from, tenant);
    }
    from.tenant("later");
    moved(from.store(), to.store(), small(11));
    assert_eq!(digested(from.store(), MOST), digested(to.store(), MOST));
    for tenant in [tenant, other] {
        assert_eq!(told(from, tenant), told(to, tenant));
    }
    assert_eq!(to.read(|reader| reader.tenants()).len(), 4);
}

/// A change of every kind: a reference that wanders, a name of an attribute that comes again, what is gone.
fn change(desk: &Desk, tenant: TenantId) {
    let apply = |writes: &[Write]| desk.apply(tenant, 20, writes).expect("applied");
    apply(&[rename(1, ("S", "Stra\u{DF}e"), ("S", "other")), update(39, "new", None)]);
    apply(&[create(41, &[("S", "Stra\u{DF}e"), ("U", "1")])]);
    let first = AttributeId::new(1).expect("a good id");
    attributes::define(desk, tenant, vec![DefinitionWrite::Delete(first)]).expect("written");
    let text = attributes::definition(7, "TEXT", AttributeType::Text);
    attributes::define(desk, tenant, vec![DefinitionWrite::Create(text)]).expect("written");
    let gone = directory::AddressWrite::Remove(addresses::full(1).id);
    desk.apply(tenant, 21, &[addresses::updating(5, vec![gone])]).expect("applied");
    desk.write(move |tx| tx.forget_runs(tenant, Timestamp(1), 1)).expect("written");
    let revoked = access_key(tenant, 1).id;
    desk.write(move |tx| tx.revoke_access_key(&revoked, Timestamp(9))).expect("written");
    let (key, answer) = (access_key(tenant, 4), answer(tenant, 0));
    desk.write(move |tx| {
        tx.create_access_key(&key)?;
        tx.keep_answer(&answer, Timestamp(1))
    })
    .expect("written");
}

fn cleared(from: &Desk, to: &Desk) {
    let [tenant, ..] = everything(from);
    moved(from.store(), to.store(), MOST);
    let before = all(to, tenant);
    // Nothing at all between two places of every kind, and at either end.
    for (after, until) in [(0, 3), (3, 8), (8, 30), (30, 49), (49, 52), (4, 50), (51, 54)] {
        let place = |at: usize| at.checked_sub(1).map(|at| before.items[at].place());
        let kept = before.items[until].clone();
        let (head, items) = (before.head.clone(), vec![kept]);
        put(to, &Portion { head, after: place(after), items, more: true }).expect("put");
        let expected: Vec<Item> =
            before.items[..after].iter().chain(&before.items[until..]).cloned().collect();
        assert_eq!(all(to, tenant).items, expected, "{after} to {until}");
        put(to, &before).expect("put");
    }
    let empty = Portion { items: Vec::new(), ..before.clone() };
    put(to, &empty).expect("put");
    assert_eq!(all(to, tenant), empty);
    put(to, &before).expect("put");
    assert_eq!(digested(from.store(), MOST), digested(to.store(), MOST));
}

fn goes_on(from: &Desk, to: &Desk) {
    let [tenant, _, empty] = everything(from);
    moved(from.store(), to.store(), small(10));
    for desk in [from, to] {
        let needs = Needs { fresh_ids: 2, ..Needs::default() };
        let seen = desk.read(|reader| reader.load(tenant, &needs));
        assert_eq!((seen.free_ids.0, seen.next_address.get()), (vec![(41, 42)], 4));
        let revision = desk.apply(tenant, 30, &[create(41, &[("S", "new"), ("T", "new")])]);
        assert_eq!(revision, Ok(seen.revision + 1));
        let address = addresses::add(&addresses::full(4));
        desk.apply(tenant, 31, &[addresses::updating(41, vec![address])]).expect("applied");
        let next = attributes::definition(7, "NEXT", AttributeType::Text);
        attributes::define(desk, tenant, vec![DefinitionWrite::Create(next)]).expect("written");
        let taken = [create(42, &[("T", "A")])];
        assert!(matches!(desk.apply(tenant, 32, &taken), Err(StoreError::Conflict(_))));
        assert_eq!(desk.apply(empty, 33, &[create(1, &[("S", "A")])]), Ok(1));
        assert_eq!(desk.tenant("fourth"), TenantId(empty.0 + 1));
        let again = answer(tenant, 2);
        let kept = desk.write(move |tx| tx.keep_answer(&again, Timestamp(1)));
        assert!(matches!(kept, Err(StoreError::Conflict(_))));
    }
    assert_eq!(digested(from.store(), MOST), digested(to.store(), MOST));
    assert_eq!(told(from, tenant), told(to, tenant));
}

fn refused(from: &Desk, to: &Desk) {
    let go = |_: &Progress<'_>| ControlFlow::Continue(());
    let copy = |from: &Desk, to: &Desk, watch: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>| {
        copy(from.store(), to.store(), "name", MOST, watch)
    };
    everything(from);
    let other = to.tenant("other");
    let before = digested(to.store(), MOST);
    assert_eq!(copy(from, to, &mut { go }), Err(CopyError::NotEmpty(1)));
    assert_eq!(copy(from, from, &mut { go }), Err(CopyError::NotEmpty(3)));
    assert_eq!((digested(to.store(), MOST), unfinished(to.store())), (before, Ok(None)));
    // As if it were the beginning of a copy of something else.
    to.write(|tx| tx.set_copy_mark(None, Some("elsewhere"))).expect("written");
    let others = CopyError::Other { from: "elsewhere".to_owned(), tenant: "other".to_owned() };
    assert_eq!(copy(from, to, &mut { go }), Err(others));
    assert_eq!(copy(to, from, &mut { go }), Err(CopyError::Unfinished("elsewhere".to_owned())));
    assert_eq!(to.read(|reader| reader.tenants()).iter().map(|it| it.id).collect::<Vec<_>>(), [other]);
}

/// One change after another, each taken back before the next.
fn digests(from: &Desk, to: &Desk) {
    let [tenant, ..] = everything(from);
    moved(from.store(), to.store(), MOST);
    let before = all(to, tenant);
    let digest = |desk: &Desk| digested(desk.store(), MOST)[0].digest;
    let (first, mut seen) = (digest(to), BTreeMap::new());
    seen.insert(first.to_string(), "nothing");
    let mut check = |what: &'static str, change: &dyn Fn(&mut Portion)| {
        let mut changed = before.clone();
        change(&mut changed);
        put(to, &changed).expect("put");
        assert_eq!(all(to, tenant), changed, "{what}");
        let twin = seen.insert(digest(to).to_string(), what);
        assert_eq!(twin, None, "{what}");
        put(to, &before).expect("put");
        assert_eq!(digest(to), first);
    };
    check("created", &|it| it.head.tenant.created_at = Timestamp(2));
    check("name", &|it| it.head.tenant.name.push('x'));
    check("revision", &|it| it.head.tenant.revision += 1);
    check("next group", &|it| it.head.next_group += 1);
    check("next attribute", &|it| it.head.next_attribute += 1);
    check("next address", &|it| it.head.next_address = it.head.next_address.next());
    for at in 0..before.items.len() {
        check("missing", &|it| drop(it.items.remove(at)));
        // Only the first of them is told apart from the others by its name.
        inside(&mut check, at, &before);
    }
}

/// Makes a change, looks whether the digest tells, and takes it back.
type Check<'c> = dyn FnMut(&'static str, &dyn Fn(&mut Portion)) + 'c;

/// A field of a group, and a change of it.
type Field = (&'static str, fn(&mut Group));

const FIELDS: [Field; 8] = [
    ("archived", |group| group.archived_at = Some(Timestamp(77))),
    ("group created", |group| group.created_at = Timestamp(77)),
    ("group revision", |group| group.revision = 77),
    ("parent", |group| group.parent = None),
    ("group name", |group| group.name = directory::Name::from_stored("77")),
    ("photo", |group| group.photo_url = None),
    ("details", |group| group.details = None),
    ("references", |group| drop(group.references.pop())),
];

/// A change inside an item of each kind, where the item at this place is the first of its kind.
fn inside(check: &mut Check<'_>, at: usize, before: &Portion) {
    let item = &before.items[at];
    let is_first = at == 0 || before.items[at - 1].place().kind() != item.place().kind();
    if !is_first {
        return;
    }
    match item {
        Item::Definition(_) => check("flag", &|it| {
            if let Item::Definition(definition) = &mut it.items[at] {
                definition.flags.is_hidden = true;
            }
        }),
        Item::AccessKey(_) => check("revoked", &|it| {
            if let Item::AccessKey(key) = &mut it.items[at] {
                key.revoked_at = Some(Timestamp(1));
            }
        }),
        Item::Group(_) => {
            for (what, change) in FIELDS {
                check(what, &|it| {
                    if let Item::Group(moved) = &mut it.items[at + 1] {
                        change(&mut moved.group);
                    }
                });
            }
            check("value", &|it| {
                if let Item::Group(moved) = &mut it.items[at] {
                    moved.values.clear();
                }
            });
            check("order", &|it| {
                if let Item::Group(moved) = &mut it.items[at + 1] {
                    moved.group.references.swap(1, 2);
                }
            });
            check("description", &|it| {
                if let Item::Group(moved) = &mut it.items[at + 1] {
                    moved.group.description = None;
                }
            });
            check("updated", &|it| {
                if let Item::Group(moved) = &mut it.items[at] {
                    moved.group.updated_at = Timestamp(77);
                }
            });
            check("address", &|it| {
                if let Item::Group(moved) = &mut it.items[at + 4] {
                    moved.addresses[0].content.is_default = false;
                }
            });
        }
        Item::Run(_) => check("failures", &|it| {
            if let Item::Run(recorded) = &mut it.items[at] {
                recorded.failures.push(0);
            }
        }),
        Item::Answer(_) => check("body", &|it| {
            if let Item::Answer(answer) = &mut it.items[at] {
                answer.body.push(0);
            }
        }),
    }
}

/// A write between any two looks; when there is no more of them, the same call makes it whole.
fn unsettled(from: &Desk, to: &Desk) {
    let [tenant, ..] = everything(from);
    let mut at = 40;
    let mut watch = |_: &Progress<'_>| {
        at += 1;
        from.apply(tenant, at, &[update(1, &format!("{at}"), None)]).expect("applied");
        ControlFlow::Continue(())
    };
    let moved_on = CopyError::Moved("zoo".to_owned());
    assert_eq!(copy(from.store(), to.store(), "x", MOST, &mut watch), Err(moved_on));
    assert_eq!(unfinished(to.store()), Ok(Some("x".to_owned())));
    moved(from.store(), to.store(), MOST);
    assert_eq!(digested(from.store(), MOST), digested(to.store(), MOST));
    assert_eq!(unfinished(to.store()), Ok(None));
}

fn taken(from: &Desk, to: &Desk) {
    let [tenant, other, _] = everything(from);
    moved(from.store(), to.store(), MOST);
    let before = digested(to.store(), MOST);
    let mut portion = all(from, tenant);
    portion.head.tenant.id = TenantId(77);
    assert!(matches!(put(to, &portion), Err(StoreError::Conflict(_))));
    let mut portion = all(from, tenant);
    let foreign = Item::AccessKey(AccessKey { tenant, ..access_key(other, 1) });
    let at = portion.items.iter().position(|item| item.place() > foreign.place()).expect("groups");
    portion.items.insert(at, foreign);
    assert!(matches!(put(to, &portion), Err(StoreError::Conflict(_))));
    assert_eq!(digested(to.store(), MOST), before);
}

fn marks(desk: &Desk, _: &Desk) {
    let (left, right) = (desk.tenant("left"), desk.tenant("right"));
    let set = |of, mark: Option<&'static str>| desk.write(move |tx| tx.set_copy_mark(of, mark));
    let seen = || [None, Some(left), Some(right)].map(|of| desk.read(|reader| reader.copy_mark(of)));
    assert_eq!(seen(), [None, None, None]);
    for (of, mark) in
        [(Some(left), Some("1")), (None, Some("all")), (Some(left), Some("2")), (Some(right), None)]
    {
        assert_eq!(set(of, mark), Ok(()));
    }
    assert_eq!(seen(), [Some("all".to_owned()), Some("2".to_owned()), None]);
    let given_up: Result<(), StoreError> = desk.write(move |tx| {
        tx.set_copy_mark(Some(left), None)?;
        Err(StoreError::Internal("given up".to_owned()))
    });
    assert!(given_up.is_err());
    assert_eq!((set(None, None), seen()), (Ok(()), [None, Some("2".to_owned()), None]));
}

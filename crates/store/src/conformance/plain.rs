//! Records that say all there is of a plain group: whether a group is told to be stored just so.

use directory::{
    Batch, Description, Directive, GroupId, LookupKey, Name, ParentKey, Patch, PhotoUrl, Snapshot, Source,
    TenantId, Write, needs,
};

use super::Case;
use super::desk::{Desk, content, id, key, reference, update};

pub(super) const CASES: &[Case] = &[
    ("what is just as a record says is not looked at", just_as_it_says),
    ("what is not just as a record says is looked at", not_just_as_it_says),
    ("what becomes of a group is seen by its hash", what_becomes_of_it),
    ("a further reference like the key is looked at", further_references),
];

/// The group 2, below the group 1, and what says just what is stored of it.
fn stored(desk: &Desk) -> TenantId {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 2, &[create(1, "P", None), create(2, "A", Some(1))]).expect("applied");
    tenant
}

fn create(number: i64, key: &str, parent: Option<i64>) -> Write {
    let write = super::desk::create(number, &[("S", key)]);
    let Write::Create { id, id_origin, references, values, addresses, .. } = write else { unreachable!() };
    let content = directory::write::Content {
        description: Some(Description::from_stored("text")),
        photo_url: Some(PhotoUrl::from_stored("https://example.org/a")),
        ..content("name", parent)
    };
    Write::Create { id, id_origin, references, content, values, addresses }
}

fn says() -> Directive {
    Directive {
        source: Some(Source::from_stored("S")),
        name: Some(Name::from_stored("name")),
        description: Patch::Set(Description::from_stored("text")),
        parent: Patch::Set(ParentKey::Key(key("P"))),
        photo_url: Patch::Set(PhotoUrl::from_stored("https://example.org/a")),
        ..Directive::new(key("A"))
    }
}

fn look(desk: &Desk, tenant: TenantId, directive: &Directive) -> Snapshot {
    let batch = Batch::new(tenant, vec![Ok(directive.clone())]).expect("one record");
    desk.read(|reader| reader.load(tenant, &needs(&batch)))
}

/// Whether a group was told to be just so. Engines that always look do not tell anything.
fn told(seen: &Snapshot) -> Option<GroupId> {
    seen.alike.first().copied().flatten()
}

fn just_as_it_says(desk: &Desk) {
    let tenant = stored(desk);
    let by_reference =
        Directive { source: None, ..Directive::new(LookupKey::Reference(reference("S", "A"))) };
    let says_it_otherwise = Directive { key: by_reference.key, source: None, ..says() };
    for directive in [says(), says_it_otherwise] {
        let seen = look(desk, tenant, &directive);
        if seen.alike.is_empty() {
            assert_eq!(seen.matches.get(&directive.key), Some(&vec![id(2)]));
        } else {
            assert_eq!(seen.alike, [Some(id(2))], "{directive:?}");
            assert!(!seen.groups.contains_key(&id(2)), "{directive:?}");
        }
    }
}

fn not_just_as_it_says(desk: &Desk) {
    let tenant = stored(desk);
    desk.apply(tenant, 3, &[create(3, "Q", None)]).expect("applied");
    let says = says();
    for other in [
        Directive { source: None, ..says.clone() },
        Directive { source: Some(Source::from_stored("T")), ..says.clone() },
        Directive { name: Some(Name::from_stored("Name")), ..says.clone() },
        Directive { description: Patch::Keep, ..says.clone() },
        Directive { description: Patch::Clear, ..says.clone() },
        Directive { description: Patch::Set(Description::from_stored("")), ..says.clone() },
        Directive { photo_url: Patch::Keep, ..says.clone() },
        Directive { parent: Patch::Keep, ..says.clone() },
        Directive { parent: Patch::Set(ParentKey::Key(key("Q"))), ..says.clone() },
        Directive { parent: Patch::Set(ParentKey::Key(key("nobody"))), ..says.clone() },
    ] {
        let seen = look(desk, tenant, &other);
        assert_eq!(told(&seen), None, "{other:?}");
        assert_eq!(seen.matches.get(&other.key), Some(&vec![id(2)]), "{other:?}");
        assert!(seen.groups.contains_key(&id(2)), "{other:?}");
    }
    let similar = Directive { key: key("a"), ..says };
    let seen = look(desk, tenant, &similar);
    assert_eq!((told(&seen), seen.matches.get(&similar.key)), (None, None));
    assert_eq!(seen.similar.get(&similar.key), Some(&vec![reference("S", "A")]));
}

fn what_becomes_of_it(desk: &Desk) {
    let tenant = stored(desk);
    desk.archive(tenant, 3, &[2]);
    let archived = look(desk, tenant, &says());
    assert_eq!(told(&archived), None);
    assert!(archived.groups[&id(2)].is_archived());
    desk.apply(tenant, 4, &[Write::Restore { id: id(2) }]).expect("applied");
    let as_stored = |seen: &Snapshot| told(seen) == Some(id(2)) || seen.groups.contains_key(&id(2));
    assert!(as_stored(&look(desk, tenant, &says())));
    // Whoever writes says by which reference the group is known from then on.
    for (name, first) in [("other", Some(reference("S", "A"))), ("another", None)] {
        let Write::Update { id, content, reference, added, values, addresses, .. } = update(2, name, Some(1))
        else {
            unreachable!("an update")
        };
        let write = Write::Update { id, first, content, reference, added, values, addresses };
        desk.apply(tenant, 5, &[write]).expect("applied");
        assert_eq!(told(&look(desk, tenant, &says())), None, "{name}");
        let bare = Directive { description: Patch::Clear, photo_url: Patch::Clear, ..says() };
        let renamed = Directive { name: Some(Name::from_stored(name)), ..bare };
        assert!(as_stored(&look(desk, tenant, &renamed)), "{name}");
    }
}

fn further_references(desk: &Desk) {
    let tenant = stored(desk);
    let second = super::desk::create(3, &[("S", "B"), ("T", "A")]);
    desk.apply(tenant, 3, &[second]).expect("applied");
    let seen = look(desk, tenant, &says());
    assert_eq!(told(&seen), None);
    assert_eq!(seen.matches.get(&key("A")), Some(&vec![id(2), id(3)]));
}

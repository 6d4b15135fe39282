//! Revisions and times (rules §9).

use directory::model::{Language, Line, Notes, Options};
use directory::{Description, Details, Group, GroupId, IdOrigin, Name, PhotoUrl, TenantId, Timestamp, Write};

use super::Case;
use super::desk::{Desk, create, id, key, update};

pub(super) const CASES: &[Case] = &[
    ("each batch takes the next revision and stamps what it wrote", revisions),
    ("every field comes back as it was written", fields),
    ("two batches of one transaction take two revisions", two_in_one),
];

fn stamps(desk: &Desk, tenant: TenantId) -> Vec<(i64, i64, i64, i64)> {
    let stamp = |group: &Group| (group.id.get(), group.created_at.0, group.updated_at.0, group.revision);
    desk.all(tenant).iter().map(stamp).collect()
}

fn revisions(desk: &Desk) {
    let tenant = desk.tenant("a");
    assert_eq!(desk.read(|reader| reader.revision(tenant)), 0);
    let first = [create(1, &[("S", "A")]), create(2, &[]), create(3, &[])];
    assert_eq!(desk.apply(tenant, 10, &first), Ok(1));
    assert_eq!(desk.apply(tenant, 20, &[update(2, "changed", None), create(4, &[])]), Ok(2));
    assert_eq!(stamps(desk, tenant), [(1, 10, 10, 1), (2, 10, 20, 2), (3, 10, 10, 1), (4, 20, 20, 2)]);
    assert_eq!(desk.archive(tenant, 30, &[3]), 3);
    let seen = desk.load(tenant, &[directory::LookupKey::Id(id(3)), key("A")]);
    assert_eq!(seen.revision, 3);
    let archived = &seen.groups[&id(3)];
    assert_eq!(
        (archived.archived_at, archived.updated_at.0, archived.revision),
        (Some(Timestamp(30)), 30, 3)
    );
    assert_eq!(seen.groups[&id(1)].revision, 1);
}

fn fields(desk: &Desk) {
    let tenant = desk.tenant("a");
    let text = "tab\t, newline\n, \"quotes\", \u{1F600}, \\";
    let content =
        |name: &str, description: Option<&str>, url: Option<&str>, parent| directory::write::Content {
            name: Name::from_stored(name),
            description: description.map(Description::from_stored),
            parent,
            photo_url: url.map(PhotoUrl::from_stored),
            details: description.map(|notes| Box::new(details(notes))),
        };
    let full = content(text, Some(""), Some("https://example.org/"), Some(id(1)));
    let given = Write::Create {
        id: id(2),
        id_origin: IdOrigin::Given,
        references: Vec::new(),
        content: full.clone(),
        values: Vec::new(),
        addresses: Vec::new(),
    };
    desk.apply(tenant, 2, &[create(1, &[]), given]).expect("applied");
    let empty = content("x", None, None, None);
    for expected in [full.clone(), empty, full] {
        let group = desk.all(tenant).pop().expect("two groups");
        let stored = directory::write::Content {
            name: group.name,
            description: group.description,
            parent: group.parent,
            photo_url: group.photo_url,
            details: group.details,
        };
        assert_eq!(stored, expected);
        let next = if expected.parent.is_some() {
            content("x", None, None, None)
        } else {
            content(text, Some(""), Some("https://example.org/"), GroupId::new(1))
        };
        let update = Write::Update {
            id: id(2),
            first: None,
            content: next,
            reference: None,
            added: Vec::new(),
            values: Vec::new(),
            addresses: Vec::new(),
        };
        desk.apply(tenant, 3, &[update]).expect("applied");
    }
}

/// Every detail with a value of its own.
fn details(notes: &str) -> Details {
    let letters = "NNNHA";
    Details {
        language: Language::parse("nl").ok(),
        company: Line::from_stored("company"),
        department: Line::from_stored("department \u{E9}"),
        office: Line::from_stored("office"),
        notes: Notes::from_stored(notes),
        options: Options::from_stored(letters).expect("letters"),
    }
}

fn two_in_one(desk: &Desk) {
    let tenant = desk.tenant("a");
    let revisions = desk.write(move |tx| {
        let first = tx.apply(tenant, &[create(1, &[("S", "A")])], Timestamp(5), None)?;
        // It reads what it wrote.
        let seen = tx.load(tenant, &directory::Needs { keys: vec![key("A")], ..Default::default() })?;
        assert_eq!((seen.revision, seen.groups.len()), (1, 1));
        let second = tx.apply(tenant, &[update(1, "changed", None)], Timestamp(6), None)?;
        Ok((first, second))
    });
    assert_eq!(revisions, Ok((1, 2)));
    assert_eq!(stamps(desk, tenant), [(1, 5, 6, 2)]);
}

//! Pages by their numbers.

use directory::write::Content;
use directory::{
    Filter, IdOrigin, Life, Name, Place, Search, Slice, Sliced, Source, TenantId, Timestamp, Write,
};

use super::Case;
use super::desk::{Desk, below, create, id, reference};

pub(super) const CASES: &[Case] = &[
    ("a page by its number holds its groups, and all are counted", slices),
    ("every page of every list holds what it must, whatever is archived between", every_page),
    ("names are looked at behind the first thousands too", many),
];

fn slices(desk: &Desk) {
    let tenant = desk.tenant("a");
    let other = desk.tenant("b");
    let writes: Vec<Write> = (1..=7)
        .map(|number| named(create(number, &[]), if number % 2 == 0 { "Gr\u{f6}n Haus" } else { "blau" }))
        .collect();
    desk.apply(tenant, 10, &writes).expect("applied");
    desk.apply(tenant, 20, &[below(4, 8)]).expect("applied");
    desk.apply(other, 20, &[create(1, &[])]).expect("applied");
    desk.archive(tenant, 30, &[2]);
    let in_place = |place| Filter { place, ..Filter::default() };
    let any = Filter { life: Life::Any, ..Filter::default() };
    let late = Filter { updated_after: Some(Timestamp(10)), ..Filter::default() };
    for (filter, name, skip, limit, expected, total) in [
        (Filter::default(), None, 0, 3, vec![1, 3, 4], 7),
        (Filter::default(), None, 3, 3, vec![5, 6, 7], 7),
        (Filter::default(), None, 6, 3, vec![8], 7),
        (Filter::default(), None, 9, 3, vec![], 7),
        (Filter::default(), Some("gron h"), 0, 9, vec![4, 6], 2),
        (any, Some("GR\u{d6}N"), 1, 1, vec![4], 3),
        (in_place(Place::Roots), Some("bl"), 0, 9, vec![1, 3, 5, 7], 4),
        (in_place(Place::Below(id(4))), None, 0, 9, vec![8], 1),
        (in_place(Place::Below(id(99))), None, 0, 9, vec![], 0),
        (late, None, 0, 9, vec![8], 1),
    ] {
        let name = name.map(|text| Search::parse(text).expect("words"));
        let slice = Slice { name, skip, limit };
        let found = desk.read(|reader| reader.slice(tenant, &filter, &slice));
        assert_eq!((ids(&found), found.total), (expected, total), "{filter:?} {slice:?}");
    }
}

/// The same group by another name.
fn named(mut write: Write, name: &str) -> Write {
    if let Write::Create { content, .. } = &mut write {
        content.name = Name::from_stored(name);
    }
    write
}

fn ids(found: &Sliced) -> Vec<i64> {
    found.views.iter().map(|view| view.group.id.get()).collect()
}

/// What is known of a group that was written.
#[derive(Clone, Copy)]
struct Written {
    number: i64,
    parent: Option<i64>,
    source: &'static str,
    name: &'static str,
    at: i64,
    archived: bool,
}

impl Written {
    /// Parents 1, 2 and 3, of which the last has none below it, and others of every kind.
    fn new(number: i64) -> Self {
        let parent = if number <= 3 { None } else { [None, Some(1), Some(2)][mixed(number, 3)] };
        Self {
            number,
            parent,
            source: ["S", "T"][mixed(number + 1, 2)],
            name: ["one", "two one", "three"][mixed(number + 2, 3)],
            at: if number <= 20 { 10 } else { 20 },
            archived: false,
        }
    }

    fn write(&self) -> Write {
        Write::Create {
            id: id(self.number),
            id_origin: IdOrigin::Assigned,
            references: vec![reference(self.source, &format!("K-{}", self.number))],
            content: Content {
                name: Name::from_stored(self.name),
                description: None,
                parent: self.parent.map(id),
                photo_url: None,
                details: None,
            },
            values: Vec::new(),
            addresses: Vec::new(),
        }
    }

    fn passes(&self, filter: &Filter, name: Option<&str>) -> bool {
        let lies_there = match filter.place {
            Place::Anywhere => true,
            Place::Roots => self.parent.is_none(),
            Place::Below(parent) => self.parent == Some(parent.get()),
        };
        lies_there
            && filter.life.admits(self.archived)
            && filter.source.as_ref().is_none_or(|source| source.as_str() == self.source)
            && filter.updated_after.is_none_or(|after| self.at > after.0)
            && name.is_none_or(|name| self.name.split(' ').any(|word| word.starts_with(name)))
    }
}

/// A number below the end, in no order.
fn mixed(number: i64, end: usize) -> usize {
    usize::try_from(number.wrapping_mul(2_654_435_761) >> 7 & 0xFFFF).expect("small") % end
}

/// Every kind of list, with and without conditions that only the row of a group answers.
fn filters() -> Vec<(Filter, Option<&'static str>)> {
    let mut filters = Vec::new();
    let below = |parent| Place::Below(id(parent));
    for place in [Place::Anywhere, Place::Roots, below(1), below(2), below(3), below(99)] {
        for life in [Life::Living, Life::Archived, Life::Any] {
            let filter = Filter { place, life, source: None, updated_after: None };
            let source = Some(Source::from_stored("S"));
            let updated_after = Some(Timestamp(10));
            filters.extend([
                (filter.clone(), Some("o")),
                (Filter { source: source.clone(), ..filter.clone() }, None),
                (Filter { updated_after, ..filter.clone() }, None),
                (Filter { source, updated_after, ..filter.clone() }, Some("one")),
                (filter, None),
            ]);
        }
    }
    filters
}

/// Which groups are archived.
type Rule = fn(i64) -> bool;

fn every_page(desk: &Desk) {
    // None, some here and there, a run of them, most, and all.
    let archived: [(&str, Rule); 5] = [
        ("a", |_| false),
        ("b", |number| [1, 9, 22, 40].contains(&number)),
        ("c", |number| (10..=17).contains(&number)),
        ("d", |number| number % 8 != 5),
        ("e", |_| true),
    ];
    for (name, is_archived) in archived {
        let tenant = desk.tenant(name);
        let mut groups: Vec<Written> = (1..=40).map(Written::new).collect();
        for at in [10, 20] {
            let writes: Vec<Write> =
                groups.iter().filter(|group| group.at == at).map(Written::write).collect();
            desk.apply(tenant, at, &writes).expect("applied");
        }
        for group in groups.iter_mut().filter(|group| is_archived(group.number)) {
            (group.archived, group.at) = (true, 30);
        }
        let archived = groups.iter().filter(|group| group.archived).map(|group| group.number);
        desk.archive(tenant, 30, &archived.collect::<Vec<_>>());
        for (filter, text) in filters() {
            let wanted: Vec<i64> =
                groups.iter().filter(|group| group.passes(&filter, text)).map(|group| group.number).collect();
            pages_hold(desk, tenant, &filter, text, &wanted);
        }
    }
}

/// Every page of this list, one behind its end and one far behind it, which still count all.
fn pages_hold(desk: &Desk, tenant: TenantId, filter: &Filter, text: Option<&str>, wanted: &[i64]) {
    let name = text.map(|text| Search::parse(text).expect("words"));
    desk.read(|reader| {
        for limit in [3, 7, 1000] {
            let pages = wanted.len() / limit + 2;
            for skip in (0..pages).map(|page| page * limit).chain([usize::MAX]) {
                let slice = Slice { name: name.clone(), skip, limit };
                let found = reader.slice(tenant, filter, &slice)?;
                let expected: Vec<i64> = wanted.iter().copied().skip(skip).take(limit).collect();
                assert_eq!((ids(&found), found.total), (expected, wanted.len()), "{filter:?} {slice:?}");
            }
        }
        Ok(())
    });
}

fn many(desk: &Desk) {
    let tenant = desk.tenant("a");
    let every = |numbers: std::ops::RangeInclusive<i64>| -> Vec<Write> {
        let name = |number| if number % 1000 == 0 { "rare" } else { "common" };
        numbers.map(|number| named(create(number, &[]), name(number))).collect()
    };
    for part in 0..5 {
        desk.apply(tenant, 10, &every(part * 1000 + 1..=(part + 1) * 1000)).expect("applied");
    }
    desk.archive(tenant, 20, &[1, 2000, 4999]);
    for (text, skip, limit, expected, total) in [
        (Some("rare"), 0, 9, vec![1000, 3000, 4000, 5000], 4),
        (Some("rare"), 3, 9, vec![5000], 4),
        (Some("common"), 4100, 2, vec![4106, 4107], 4993),
        (None, 4995, 9, vec![4998, 5000], 4997),
    ] {
        let slice = Slice { name: text.map(|text| Search::parse(text).expect("words")), skip, limit };
        let found = desk.read(|reader| reader.slice(tenant, &Filter::default(), &slice));
        assert_eq!((ids(&found), found.total), (expected, total), "{slice:?}");
    }
}

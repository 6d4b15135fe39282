//! The index at every stage of its life, with a thread's work done by hand: nothing depends on when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use directory::write::Content;
use directory::{
    ExternalReference, Filter, Found, Group, GroupId, IdOrigin, Life, Name, Page, Place, Reach, ReferenceKey,
    Search, SearchPage, SearchPlace, Source, Stamp, TenantId, Timestamp, Words, Write,
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::file;
use super::find::{MOST_LOOKED_AT, search};
use super::follow::{Follower, Left, Most, Trouble, Wake};
use super::index::{Condition, Index};
use crate::StoreError;
use crate::sqlite::connection::{self, Role};
use crate::sqlite::files::DataDir;
use crate::sqlite::readers::View;
use crate::sqlite::tenants::Counters;
use crate::sqlite::{apply, read, ready, tenants};

const TENANT: TenantId = TenantId(1);

/// A data file, an index that follows it when it is told to, and a reader.
struct Bench {
    _directory: TempDir,
    data: Connection,
    reader: Connection,
    index: Arc<Index>,
    follower: Follower,
    time: i64,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let dir = DataDir::prepare(directory.path()).expect("usable");
        let data = connection::open(&dir.data_file(), Role::Writer).expect("opens");
        ready(&data).expect("migrates");
        for name in ["a", "b"] {
            tenants::create(&data, name, Timestamp(0)).expect("created");
        }
        let open = || connection::open(&dir.data_file(), Role::Answers).expect("opens");
        let wake = Arc::<Wake>::default();
        let index = Arc::new(Index::new(dir.search_file(), Arc::clone(&wake)));
        let mut follower = Follower::new(open(), Arc::clone(&index), wake, 10);
        follower.open().expect("a new index");
        Self { _directory: directory, reader: open(), data, index, follower, time: 0 }
    }

    fn write(&mut self, writes: &[Write]) {
        self.time += 1;
        self.data.execute_batch("BEGIN").expect("begun");
        apply::apply(&self.data, TENANT, writes, Timestamp(self.time), None, None).expect("applied");
        self.data.execute_batch("COMMIT").expect("committed");
    }

    fn archive(&mut self, id: i64) {
        let sql = "SELECT 1 FROM groups WHERE tenant = ?1 AND id = ?2 AND archived_at IS NULL";
        let mut select = self.data.prepare(sql).expect("prepared");
        let lives = select.exists((TENANT.0, id)).expect("looked up");
        drop(select);
        if lives {
            self.write(&[Write::Archive { id: group_id(id), reach: Reach::Itself }]);
        }
    }

    fn step(&mut self, most: usize) -> Left {
        self.follower.step(Most::Of(most)).ok().expect("the index gets on")
    }

    fn follow(&mut self) {
        while self.step(7) == Left::More {}
    }

    fn page(
        &self,
        filter: &Filter,
        text: &str,
        limit: usize,
        after: Option<SearchPlace>,
    ) -> Result<Option<Found>, StoreError> {
        let _view = View::begin(&self.reader).expect("begun");
        let page = SearchPage { search: parse(text), after, limit };
        search(&self.reader, Some(&self.index), TENANT, filter, &page)
    }

    /// Every page: ids in order, each once.
    fn found(&self, filter: &Filter, text: &str, limit: usize) -> BTreeSet<i64> {
        let (mut ids, mut after) = (BTreeSet::new(), None);
        loop {
            let found = self.page(filter, text, limit, after).expect("searched").expect("its own place");
            for view in found.views {
                assert!(ids.insert(view.group.id.get()), "{} twice in {text:?}", view.group.id);
            }
            after = found.next;
            if after.is_none() {
                return ids;
            }
        }
    }

    /// What has to be found, one group after another.
    fn expected(&self, filter: &Filter, text: &str) -> BTreeMap<i64, Stamp> {
        let page = Page { after: None, limit: 100_000 };
        let groups = read::list(&self.data, TENANT, filter, page).expect("listed").views;
        let search = parse(text);
        let found = groups.iter().filter(|view| search.finds(&words(&view.group)));
        found
            .map(|view| {
                let (group, revision) = (view.group.id.get(), view.group.revision);
                (group, Stamp { revision, group })
            })
            .collect()
    }

    #[track_caller]
    fn check(&self, filter: &Filter, text: &str, limit: usize) {
        let expected: BTreeSet<i64> = self.expected(filter, text).into_keys().collect();
        assert_eq!(self.found(filter, text, limit), expected, "{text:?} {filter:?} by {limit}");
    }

    /// Whether a search for this starts in the index, and up to where that has come.
    fn indexed_until(&self, text: &str) -> Option<Stamp> {
        let found = self.page(&Filter::default(), text, 1, None).expect("searched").expect("from the start");
        match found.next {
            Some(SearchPlace::Word { until, .. }) => Some(until),
            _ => None,
        }
    }
}

fn parse(text: &str) -> Search {
    Search::parse(text).expect("a good search")
}

fn words(group: &Group) -> Words {
    let mut words = Words::default();
    words.add_name(group.name.as_str());
    group.references.iter().for_each(|reference| words.add_key(reference.key.as_str()));
    words
}

fn group_id(number: i64) -> GroupId {
    GroupId::new(number).expect("a good id")
}

fn content(name: &str, parent: Option<i64>) -> Content {
    Content {
        name: Name::from_stored(name),
        description: None,
        parent: parent.map(group_id),
        photo_url: None,
        details: None,
    }
}

fn create(number: i64, name: &str, keys: &[&str], parent: Option<i64>) -> Write {
    let reference =
        |key: &&str| ExternalReference { source: Source::unnamed(), key: ReferenceKey::from_stored(key) };
    Write::Create {
        id: group_id(number),
        id_origin: IdOrigin::Assigned,
        references: keys.iter().map(reference).collect(),
        content: content(name, parent),
        values: Vec::new(),
        addresses: Vec::new(),
    }
}

fn update(number: i64, name: &str, parent: Option<i64>) -> Write {
    Write::Update {
        id: group_id(number),
        first: None,
        content: content(name, parent),
        reference: None,
        added: Vec::new(),
        values: Vec::new(),
        addresses: Vec::new(),
    }
}

/// `splitmix64`, the same choices in every run.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let first = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let second = (first ^ (first >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((second ^ (second >> 31)) % u64::try_from(bound).expect("small")).expect("small")
    }

    fn among<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn name(&mut self) -> String {
        const WORDS: [&str; 10] = ["a", "Áb", "abc", "B", "ba", "ß", "SSa", "c-b", "大b", "🦊"];
        (0..=self.below(3)).map(|_| self.among(&WORDS)).collect::<Vec<_>>().join(" ")
    }
}

const TEXTS: [&str; 10] = ["a", "ab", "b a", "ss", "b", "abc b c", "大", "k-1", "k1 a", "nobody"];

fn filters() -> Vec<Filter> {
    let place = |place| Filter { place, life: Life::Any, ..Filter::default() };
    vec![
        Filter::default(),
        Filter { life: Life::Any, ..Filter::default() },
        Filter { life: Life::Archived, ..Filter::default() },
        place(Place::Roots),
        place(Place::Below(group_id(1))),
        Filter { updated_after: Some(Timestamp(20)), ..Filter::default() },
    ]
}

/// A walk that goes on while other things happen.
struct Walk {
    filter: Filter,
    text: &'static str,
    expected: BTreeMap<i64, Stamp>,
    after: Option<SearchPlace>,
    seen: Vec<i64>,
}

impl Walk {
    fn start(bench: &Bench, filter: Filter, text: &'static str) -> Self {
        let expected = bench.expected(&filter, text);
        Self { filter, text, expected, after: None, seen: Vec::new() }
    }

    /// Reads one page; at the end everything that has not changed must have come once.
    fn go_on(&mut self, bench: &Bench, limit: usize) -> bool {
        let found = bench.page(&self.filter, self.text, limit, self.after.take());
        let found = found.expect("searched").expect("its own place");
        self.seen.extend(found.views.iter().map(|view| view.group.id.get()));
        self.after = found.next;
        if self.after.is_some() {
            return true;
        }
        let now = bench.expected(&self.filter, self.text);
        for (id, stamp) in &self.expected {
            if now.get(id) == Some(stamp) {
                let times = self.seen.iter().filter(|seen| *seen == id).count();
                assert_eq!(times, 1, "{id} in {:?} {:?}", self.text, self.filter);
            }
        }
        false
    }
}

#[test]
fn searches_are_right_at_every_step_of_the_index() {
    for seed in 0..12 {
        let (mut bench, mut choices, filters) = (Bench::new(), Choices(seed), filters());
        let (mut next, mut walks) = (1, Vec::new());
        for _ in 0..60 {
            match choices.below(10) {
                0..=2 => {
                    let parent = (next > 1 && choices.below(2) == 0).then_some(1);
                    let writes: Vec<Write> = (next..=next + i64::try_from(choices.below(6)).expect("small"))
                        .map(|number| {
                            let keys = [format!("K-{number}"), format!("more {number}")];
                            let keys: Vec<&str> =
                                keys[..choices.below(3)].iter().map(String::as_str).collect();
                            create(number, &choices.name(), &keys, parent)
                        })
                        .collect();
                    next += i64::try_from(writes.len()).expect("small");
                    bench.write(&writes);
                }
                3..=5 if next > 1 => {
                    let number = 1 + i64::try_from(choices.below(usize::try_from(next - 1).expect("small")))
                        .expect("small");
                    let parent = (number > 1 && choices.below(2) == 0).then_some(1);
                    bench.write(&[update(number, &choices.name(), parent)]);
                }
                6 if next > 3 => bench.archive(next - 2),
                _ => drop(bench.step(1 + choices.below(4))),
            }
            bench.check(
                &choices.among(&filters.iter().collect::<Vec<_>>()).clone(),
                choices.among(&TEXTS),
                3,
            );
            if walks.len() < 4 {
                walks.push(Walk::start(
                    &bench,
                    filters[choices.below(filters.len())].clone(),
                    choices.among(&TEXTS),
                ));
            }
            let limit = 1 + choices.below(4);
            walks.retain_mut(|walk| walk.go_on(&bench, limit));
        }
        bench.follow();
        for filter in &filters {
            for text in TEXTS {
                bench.check(filter, text, 2);
            }
        }
    }
}

#[test]
fn an_index_that_has_caught_up_is_used() {
    let mut bench = Bench::new();
    bench.write(&[create(1, "one", &["A"], None), create(2, "one two", &["B"], None)]);
    assert_eq!(bench.indexed_until("one"), None);
    assert_eq!(bench.step(1), Left::More);
    assert_eq!(bench.indexed_until("one"), Some(Stamp { revision: 1, group: 1 }));
    bench.follow();
    let all_of = |revision| Stamp { revision, group: GroupId::MAX.get() };
    assert_eq!(bench.indexed_until("one"), Some(all_of(1)));
    bench.write(&[update(2, "three", None)]);
    assert_eq!(bench.indexed_until("one"), Some(all_of(1)));
    bench.follow();
    // What a group has no more is taken out of the index.
    let view = bench.index.view(TENANT).expect("usable");
    let entries = view.entries(&("".into(), 0), 99).expect("read");
    let shown: Vec<(&str, i64)> = entries.iter().map(|(word, id)| (&**word, *id)).collect();
    assert_eq!(shown, [("a", 1), ("b", 2), ("one", 1), ("three", 2)]);
    assert_eq!((view.until(), view.count("", 3), view.count("o", 3)), (all_of(2), Some(3), Some(1)));
    drop(view);
    // A revision that changes nothing is taken in too.
    let counters = Counters::next(&bench.data, TENANT).expect("counted");
    counters.store(&bench.data, TENANT).expect("stored");
    bench.follow();
    assert_eq!(bench.index.view(TENANT).expect("usable").until(), all_of(3));
    assert_eq!(bench.index.view(TenantId(2)).expect("usable").until(), Stamp::default());
}

#[test]
fn the_rarest_word_or_the_shortest_list_is_followed() {
    let mut bench = Bench::new();
    let name = |number: i64| if number % 40 == 0 { "common rare" } else { "common other" };
    let writes: Vec<Write> =
        (1..=400).map(|number| create(number, name(number), &[], (number > 395).then_some(1))).collect();
    bench.write(&writes);
    bench.follow();
    let way = |filter: &Filter, text: &str| {
        let found = bench.page(filter, text, 1, None).expect("searched").expect("from the start");
        match found.next.expect("more") {
            SearchPlace::Word { entry, .. } => entry.to_string(),
            SearchPlace::Change(_) => "changes".to_owned(),
            SearchPlace::Group(_) => "list".to_owned(),
        }
    };
    let all = Filter::default();
    let below = Filter { place: Place::Below(group_id(1)), ..all.clone() };
    for (filter, text, expected) in [
        (&all, "common rare", "rare"),
        (&all, "common other", "other"),
        (&all, "oth", "other"),
        (&below, "common", "list"),
        (&below, "common rare", "list"),
        (&Filter { place: Place::Roots, ..all.clone() }, "common", "list"),
        (&Filter { place: Place::Roots, ..all.clone() }, "common rare", "rare"),
    ] {
        assert_eq!(way(filter, text), expected, "{text}");
    }
    bench.index.is_now(Condition::Absent);
    assert_eq!(way(&below, "common"), "list");
    assert_eq!(way(&all, "common"), "changes");
}

#[test]
fn a_page_looks_at_no_more_than_it_may() {
    let mut bench = Bench::new();
    let name = |number: i64| if number % 2 == 0 { "even number" } else { "uneven number" };
    let many = i64::try_from(2 * MOST_LOOKED_AT + 1).expect("small");
    let writes: Vec<Write> = (1..=many).map(|number| create(number, name(number), &[], None)).collect();
    bench.write(&writes);
    let sizes = |bench: &Bench, text: &str| {
        let (mut sizes, mut after) = (Vec::new(), None);
        loop {
            let found = bench.page(&Filter::default(), text, 1000, after);
            let found = found.expect("searched").expect("its own place");
            sizes.push(found.views.len());
            after = found.next;
            if after.is_none() {
                return sizes;
            }
        }
    };
    // Without an index, group by group; then by the word that fewer have.
    assert_eq!(sizes(&bench, "even uneven"), [0, 0, 0]);
    while bench.step(1000) == Left::More {}
    assert_eq!(sizes(&bench, "even uneven"), [0, 0]);
    assert_eq!(sizes(&bench, "nu even"), [1000, 0]);
    assert_eq!(sizes(&bench, "nobody"), [0]);
}

#[test]
fn a_damaged_index_is_done_without_and_made_anew() {
    let mut bench = Bench::new();
    let writes: Vec<Write> =
        (1..=50).map(|number| create(number, "some words", &[&format!("K{number}")], None)).collect();
    bench.write(&writes);
    bench.follow();
    let found = bench.page(&Filter::default(), "some", 10, None).expect("searched").expect("a page");
    let place = found.next.expect("more");
    let broken = Connection::open(bench.index.file()).expect("opens");
    broken.execute_batch("DROP TABLE words").expect("broken");
    // From the start the search finds all, in the midst it cannot go on.
    bench.check(&Filter::default(), "some", 10);
    assert_eq!(bench.page(&Filter::default(), "some", 10, Some(place.clone())), Ok(None));
    bench.write(&[update(1, "other words", None)]);
    assert!(matches!(bench.follower.step(Most::Of(9)), Err(Trouble::Passing(_))));
    bench.check(&Filter::default(), "some", 10);
    bench.index.is_now(Condition::Damaged);
    bench.check(&Filter::default(), "some", 10);
    assert_eq!(bench.step(9), Left::More);
    // It does not hold what the walk has seen in the one before.
    assert_eq!(bench.page(&Filter::default(), "some", 10, Some(place.clone())), Ok(None));
    bench.follow();
    bench.check(&Filter::default(), "some", 10);
    let rest = bench.page(&Filter::default(), "some", 100, Some(place)).expect("searched").expect("goes on");
    assert_eq!(rest.views.len(), 40);
}

/// It is never synced: what the machine had not written when it went down is not there, in whatever order.
#[test]
fn an_index_of_another_boot_is_made_anew() {
    let mut bench = Bench::new();
    bench.write(&[create(1, "one", &[], None)]);
    bench.follow();
    let open = |bench: &Bench| {
        let index = file::open(bench.index.file(), &bench.data).expect("opens");
        index.query_row("SELECT count(*) FROM words", (), |row| row.get::<_, i64>(0)).expect("counted")
    };
    assert_eq!(open(&bench), 1);
    let written = Connection::open(bench.index.file()).expect("opens");
    written.execute("UPDATE boot SET id = 'another'", ()).expect("changed");
    drop(written);
    assert_eq!(open(&bench), 0);
    let written = Connection::open(bench.index.file()).expect("opens");
    written.execute("DELETE FROM boot", ()).expect("changed");
    drop(written);
    assert_eq!(open(&bench), 0);
}

#[test]
fn an_index_without_room_is_late_and_nothing_else() {
    let mut bench = Bench::new();
    let limit = |bench: &Bench, pages: i64| {
        let file = bench.follower.file().expect("open");
        file.pragma_update(None, "max_page_count", pages).expect("set");
    };
    limit(&bench, 8);
    let name = |number: i64| format!("word{number} {}", "x".repeat(200));
    let writes: Vec<Write> = (1..=300).map(|number| create(number, &name(number), &[], None)).collect();
    bench.write(&writes);
    assert!(matches!(bench.follower.step(Most::Of(999)), Err(Trouble::Passing(StoreError::Full))));
    bench.check(&Filter::default(), "word2", 100);
    limit(&bench, 1_000_000);
    bench.follow();
    bench.check(&Filter::default(), "word2", 100);
    assert!(bench.indexed_until("word2").is_some());
}

#[test]
fn an_index_that_is_ahead_of_a_view_is_not_used() {
    let mut bench = Bench::new();
    bench.write(&[create(1, "before", &[], None)]);
    bench.follow();
    let reader = connection::open(bench.data.path().expect("a file").as_ref(), Role::Answers).expect("opens");
    let view = View::begin(&reader).expect("begun");
    assert_eq!(Counters::load(&reader, TENANT).expect("read").revision, 1);
    bench.write(&[update(1, "after", None)]);
    bench.follow();
    let page = SearchPage { search: parse("before"), after: None, limit: 9 };
    let found = search(&reader, Some(&bench.index), TENANT, &Filter::default(), &page);
    assert_eq!(found.expect("searched").expect("a page").views.len(), 1);
    drop(view);
    bench.check(&Filter::default(), "before", 9);
    bench.check(&Filter::default(), "after", 9);
}

#[test]
fn every_walk_goes_along_its_index() {
    let bench = Bench::new();
    let steps = |db: &Connection, sql: &str| {
        let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("prepared");
        let values = rusqlite::params_from_iter(std::iter::repeat_n(1, explain.parameter_count()));
        let rows = explain.query_map(values, |row| row.get::<_, String>("detail")).expect("explained");
        rows.collect::<Result<Vec<_>, _>>().expect("texts")
    };
    let changes = steps(&bench.data, include_str!("../sql/changes.sql"));
    assert_eq!(changes, ["SEARCH groups USING INDEX groups_revision (tenant=? AND (revision,id)>(?,?))"]);
    for (sql, index) in [
        (include_str!("../sql/count_children.sql"), "groups_children (tenant=? AND parent_id=?)"),
        (include_str!("../sql/count_roots.sql"), "groups_roots (tenant=?)"),
        (include_str!("../sql/count_archived.sql"), "groups_archived (tenant=?)"),
    ] {
        let found = steps(&bench.data, sql);
        assert!(found[1].starts_with("SEARCH groups USING") && found[1].ends_with(index), "{found:?}");
    }
    let file = bench.follower.file().expect("open");
    let entries =
        "SELECT word, id FROM words WHERE tenant = ?1 AND (word, id) > (?2, ?3) ORDER BY word, id LIMIT ?4";
    assert_eq!(steps(file, entries), ["SEARCH words USING PRIMARY KEY (tenant=? AND (word,id)>(?,?))"]);
}

/// What is copied into the file does not come in the order of revisions: a follower that went along would pass
/// places behind which something appears later.
#[test]
fn a_copy_under_way_is_not_taken_in() {
    let mut bench = Bench::new();
    bench.data.execute("INSERT INTO copies (tenant, mark) VALUES (0, 'x')", ()).expect("marked");
    bench.write(&[create(1, "a", &[], None), create(2, "a", &[], None)]);
    assert_eq!((bench.step(7), bench.indexed_until("a")), (Left::Nothing, None));
    bench.check(&Filter::default(), "a", 1);
    bench.data.execute("DELETE FROM copies", ()).expect("finished");
    bench.follow();
    assert_eq!(bench.indexed_until("a").map(|until| until.revision), Some(1));
    bench.check(&Filter::default(), "a", 1);
}

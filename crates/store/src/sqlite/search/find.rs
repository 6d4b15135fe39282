//! A search: candidates from the index or from a list, each judged by its stored row.

use std::cmp::Reverse;

use directory::search::entry;
use directory::{
    Filter, Found, Group, GroupId, Life, Place, Search, SearchPage, SearchPlace, Stamp, TenantId, Words,
};
use rusqlite::{Connection, Row};

use super::index::{Entry, Index, View};
use crate::StoreError;
use crate::sqlite::load::extra_references;
use crate::sqlite::read::{complete, statement, walk, with_parents};
use crate::sqlite::rows::{self, Rows};
use crate::sqlite::tenants::Counters;

/// How many groups are looked at for one page at most.
pub(super) const MOST_LOOKED_AT: usize = 1000;
/// How far is counted when the shortest way is chosen.
const MOST_COUNTED: usize = 1024;
/// Entries that are fetched from the index at once.
const FETCHED: usize = 128;

pub(in crate::sqlite) fn search(
    db: &Connection,
    index: Option<&Index>,
    tenant: TenantId,
    filter: &Filter,
    page: &SearchPage,
) -> Result<Option<Found>, StoreError> {
    // First the index: the data file is read afterwards, so it holds at least as much.
    let view = index.and_then(|index| index.view(tenant));
    let counters = Counters::load(db, tenant)?;
    // Unless this view of the data file began earlier.
    let view = view.filter(|view| view.until().revision <= counters.revision);
    let mut hunt = Hunt::new(db, tenant, filter, page, &counters);
    let way = match &page.after {
        Some(place) => Way::from(place),
        None => hunt.shortest_way(view.as_ref())?,
    };
    let next = match way {
        Way::Changes(after) => hunt.along_changes(after)?,
        Way::List(after) => hunt.along_list(after)?,
        Way::Words { until, word, after } => {
            let Some(view) = view.filter(|view| view.until() >= until) else { return Ok(None) };
            match hunt.along_words(&view, until, word, after)? {
                Walked::Stopped(place) => Some(place),
                Walked::Through => hunt.along_changes(until)?,
                Walked::Lost if page.after.is_some() => return Ok(None),
                Walked::Lost => {
                    hunt = Hunt::new(db, tenant, filter, page, &counters);
                    hunt.along_changes(Stamp::default())?
                }
            }
        }
    };
    let views = complete(db, tenant, with_parents(db, tenant, hunt.groups)?)?;
    Ok(Some(Found { views, next }))
}

/// Where candidates come from, and behind which of them the page starts.
enum Way {
    Words { until: Stamp, word: usize, after: Entry },
    Changes(Stamp),
    List(i64),
}

impl From<&SearchPlace> for Way {
    fn from(place: &SearchPlace) -> Self {
        match place {
            SearchPlace::Word { until, word, entry, group } => {
                Self::Words { until: *until, word: *word, after: (entry.clone(), group.get()) }
            }
            SearchPlace::Change(stamp) => Self::Changes(*stamp),
            SearchPlace::Group(id) => Self::List(id.get()),
        }
    }
}

/// How a walk along the index ended.
enum Walked {
    /// The page is full, or enough was looked at.
    Stopped(SearchPlace),
    /// Nothing is left there.
    Through,
    /// The index failed, or the place is none.
    Lost,
}

/// The making of one page.
struct Hunt<'h> {
    db: &'h Connection,
    tenant: TenantId,
    filter: &'h Filter,
    search: &'h Search,
    limit: usize,
    has_extra_references: bool,
    looked_at: usize,
    /// Those of the group that is looked at.
    words: Words,
    rows: Rows,
    groups: Vec<Group>,
}

impl<'h> Hunt<'h> {
    fn new(
        db: &'h Connection,
        tenant: TenantId,
        filter: &'h Filter,
        page: &'h SearchPage,
        counters: &Counters,
    ) -> Self {
        Self {
            db,
            tenant,
            filter,
            search: &page.search,
            limit: page.limit,
            has_extra_references: counters.extra_refs > 0,
            looked_at: 0,
            words: Words::default(),
            rows: Rows::of(tenant),
            groups: Vec::new(),
        }
    }

    /// Along the word that the fewest entries begin with, or along the list of the filter if that is shorter.
    fn shortest_way(&self, view: Option<&View<'_>>) -> Result<Way, StoreError> {
        let shortest = view.and_then(|view| self.rarest_word(view));
        let (most, way) = shortest.unwrap_or((usize::MAX, Way::Changes(Stamp::default())));
        let is_shorter = self.has_list() && (most == usize::MAX || self.count_listed(most)? < most);
        Ok(if is_shorter { Way::List(0) } else { way })
    }

    /// How many entries there are on the way along the best word; counted only where there is a choice.
    fn rarest_word(&self, view: &View<'_>) -> Option<(usize, Way)> {
        let mut words: Vec<(usize, &str)> = self.search.words().enumerate().collect();
        // Of words that are all common, the longest one may be less so.
        words.sort_by_key(|(_, wanted)| Reverse(wanted.len()));
        let (mut best, mut fewest) = (*words.first()?, MOST_COUNTED);
        if words.len() > 1 || self.has_list() {
            for word in words {
                let found = view.count(word.1, fewest)?;
                if found < fewest {
                    (best, fewest) = (word, found);
                }
            }
        }
        let (word, wanted) = best;
        Some((fewest, Way::Words { until: view.until(), word, after: (entry(wanted).into(), 0) }))
    }

    /// Whether the filter has an index that leaves groups out.
    fn has_list(&self) -> bool {
        self.filter.place != Place::Anywhere || self.filter.life == Life::Archived
    }

    /// How long the list of the filter is, counted up to a number.
    fn count_listed(&self, most: usize) -> Result<usize, StoreError> {
        let sql = match self.filter.place {
            Place::Below(_) => include_str!("../sql/count_children.sql"),
            Place::Roots => include_str!("../sql/count_roots.sql"),
            Place::Anywhere => include_str!("../sql/count_archived.sql"),
        };
        let mut select = self.db.prepare_cached(sql)?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let count: i64 = match self.filter.place {
            Place::Below(parent) => {
                select.query_row((self.tenant.0, most, parent.get()), |row| row.get(0))?
            }
            Place::Roots | Place::Anywhere => select.query_row((self.tenant.0, most), |row| row.get(0))?,
        };
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Goes on along the entries of one word. A group is found at the first of its entries that begin with
    /// the word, and only if it has not changed since the walk began: the others come afterwards.
    fn along_words(
        &mut self,
        view: &View<'_>,
        until: Stamp,
        word: usize,
        after: Entry,
    ) -> Result<Walked, StoreError> {
        let search = self.search;
        let Some(wanted) = search.words().nth(word) else { return Ok(Walked::Lost) };
        let mut select = self.db.prepare_cached(include_str!("../sql/by_id.sql"))?;
        let mut last = after;
        loop {
            let Some(entries) = view.entries(&last, FETCHED) else { return Ok(Walked::Lost) };
            let is_end = entries.len() < FETCHED;
            for found in entries {
                if !found.0.starts_with(entry(wanted)) {
                    return Ok(Walked::Through);
                }
                let mut rows = select.query((self.tenant.0, found.1))?;
                if let Some(row) = rows.next()?
                    && rows::stamp(row)? <= until
                {
                    self.consider(row, |words| words.first_entry(wanted) == Some(&found.0))?;
                }
                drop(rows);
                self.looked_at += 1;
                last = found;
                if self.is_full() {
                    let Some(group) = GroupId::new(last.1) else { return Ok(Walked::Lost) };
                    return Ok(Walked::Stopped(SearchPlace::Word { until, word, entry: last.0, group }));
                }
            }
            if is_end {
                return Ok(Walked::Through);
            }
        }
    }

    /// Goes on through the groups that changed after a moment.
    fn along_changes(&mut self, after: Stamp) -> Result<Option<SearchPlace>, StoreError> {
        let mut select = self.db.prepare_cached(include_str!("../sql/changes.sql"))?;
        let mut found = select.query((self.tenant.0, after.revision, after.group))?;
        while let Some(row) = found.next()? {
            self.consider(row, |_| true)?;
            self.looked_at += 1;
            if self.is_full() {
                return Ok(Some(SearchPlace::Change(rows::stamp(row)?)));
            }
        }
        Ok(None)
    }

    /// Goes on through the list of the filter.
    fn along_list(&mut self, after: i64) -> Result<Option<SearchPlace>, StoreError> {
        let mut select = self.db.prepare_cached(statement(self.filter))?;
        let mut found = walk(&mut select, self.tenant, self.filter, after)?;
        while let Some(row) = found.next()? {
            self.consider(row, |_| true)?;
            self.looked_at += 1;
            if self.is_full() {
                return Ok(Some(SearchPlace::Group(rows::id(row)?)));
            }
        }
        Ok(None)
    }

    const fn is_full(&self) -> bool {
        self.groups.len() >= self.limit || self.looked_at >= MOST_LOOKED_AT
    }

    /// Takes the group of a row if it meets every condition.
    fn consider(&mut self, row: &Row<'_>, belongs: impl FnOnce(&Words) -> bool) -> Result<(), StoreError> {
        if !rows::lies_in(row, self.filter.place)? || !rows::passes(row, self.filter)? {
            return Ok(());
        }
        rows::words(row, &mut self.words)?;
        if self.has_extra_references {
            for reference in extra_references(self.db, self.tenant, rows::id(row)?)? {
                self.words.add_key(reference.key.as_str());
            }
        }
        if belongs(&self.words) && self.search.finds(&self.words) {
            self.groups.push(self.rows.group(row, None)?);
        }
        Ok(())
    }
}

//! A search: each group of a list, or of all in the order of changes, is judged by its stored row. This engine
//! keeps no index of words.

use directory::{
    Filter, Found, Group, GroupId, Life, Place, Search, SearchPage, SearchPlace, Stamp, TenantId, Words,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::link::Link;
use super::read::{MOST_LOOKED_AT, bound, chunk, complete, extra_references};
use super::rows::{self, Rows};
use super::tenants;
use crate::StoreError;

/// How many rows are fetched first, and how many times as many then.
const FETCHED: usize = 256;
const GROWTH: usize = 4;

pub(super) fn search(
    link: &mut Link,
    tenant: TenantId,
    filter: &Filter,
    page: &SearchPage,
) -> Result<Option<Found>, StoreError> {
    let mut way = match &page.after {
        None if has_list(filter) => Way::List(0),
        None => Way::Changes(Stamp::default()),
        Some(SearchPlace::Change(stamp)) => Way::Changes(*stamp),
        Some(SearchPlace::Group(id)) => Way::List(id.get()),
        // Of another engine.
        Some(SearchPlace::Word { .. }) => return Ok(None),
    };
    let has_extra_references = tenants::counters(link, tenant)?.extra_refs > 0;
    let mut hunt = Hunt {
        tenant,
        filter,
        search: &page.search,
        limit: page.limit,
        has_extra_references,
        looked_at: 0,
        words: Words::default(),
        rows: Rows::default(),
        groups: Vec::new(),
    };
    let next = hunt.along(link, &mut way)?;
    Ok(Some(Found { views: complete(link, tenant, hunt.groups)?, next }))
}

/// Whether the filter has an index that leaves groups out.
fn has_list(filter: &Filter) -> bool {
    filter.place != Place::Anywhere || filter.life == Life::Archived
}

/// Where candidates come from, and behind which of them it goes on.
enum Way {
    Changes(Stamp),
    List(i64),
}

impl Way {
    /// The way that is left behind a row.
    fn behind(&self, row: &Row) -> Result<Self, StoreError> {
        Ok(match self {
            Self::Changes(_) => Self::Changes(rows::stamp(row)?),
            Self::List(_) => Self::List(rows::id(row)?.get()),
        })
    }

    fn place(&self, row: &Row) -> Result<SearchPlace, StoreError> {
        Ok(match self {
            Self::Changes(_) => SearchPlace::Change(rows::stamp(row)?),
            Self::List(_) => SearchPlace::Group(rows::id(row)?),
        })
    }
}

/// The making of one page.
struct Hunt<'h> {
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

impl Hunt<'_> {
    /// Goes along to the end, or to the place where the page is full or enough was looked at.
    fn along(&mut self, link: &mut Link, way: &mut Way) -> Result<Option<SearchPlace>, StoreError> {
        let mut wanted = FETCHED;
        loop {
            wanted = wanted.min(MOST_LOOKED_AT - self.looked_at);
            let found = self.fetch(link, way, wanted)?;
            let extra = self.extra_words(link, &found)?;
            for row in &found {
                self.consider(row, &extra)?;
                self.looked_at += 1;
                if self.groups.len() >= self.limit || self.looked_at >= MOST_LOOKED_AT {
                    return way.place(row).map(Some);
                }
            }
            let Some(last) = found.last().filter(|_| found.len() >= wanted) else { return Ok(None) };
            *way = way.behind(last)?;
            wanted *= GROWTH;
        }
    }

    fn fetch(&self, link: &mut Link, way: &Way, most: usize) -> Result<Vec<Row>, StoreError> {
        match way {
            Way::List(after) => chunk(link, self.tenant, self.filter, *after, most),
            Way::Changes(after) => {
                let most = bound(most);
                let place = [
                    (&self.tenant.0 as _, Type::INT8),
                    (&after.revision as _, Type::INT8),
                    (&after.group as _, Type::INT8),
                    (&most as _, Type::INT8),
                ];
                link.rows(include_str!("sql/changes.sql"), &place)
            }
        }
    }

    /// The references of some groups that their rows do not show.
    fn extra_words(&self, link: &mut Link, found: &[Row]) -> Result<Extra, StoreError> {
        if !self.has_extra_references || found.is_empty() {
            return Ok(Extra::new());
        }
        let ids = found.iter().map(|row| Ok(rows::id(row)?.get())).collect::<Result<Vec<_>, StoreError>>()?;
        extra_references(link, self.tenant, &ids)
    }

    /// Takes the group of a row if it meets every condition.
    fn consider(&mut self, row: &Row, extra: &Extra) -> Result<(), StoreError> {
        if !rows::lies_in(row, self.filter.place)? || !rows::passes(row, self.filter)? {
            return Ok(());
        }
        rows::words(row, &mut self.words)?;
        for reference in extra.get(&rows::id(row)?).into_iter().flatten() {
            self.words.add_key(reference.key.as_str());
        }
        if self.search.finds(&self.words) {
            self.groups.push(self.rows.group(row, None)?);
        }
        Ok(())
    }
}

/// Second and further references.
type Extra = std::collections::HashMap<GroupId, Vec<directory::ExternalReference>>;

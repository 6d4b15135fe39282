//! Pages by their numbers. The database counts the groups and finds the page. Where a text is searched for, only the
//! names leave it; of no group but those of the page anything else does.

use directory::{Filter, GroupId, Life, Place, Search, Slice, Sliced, Source, TenantId, Words};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::{bound, views};
use crate::StoreError;
use crate::postgres::failure::damaged;
use crate::postgres::link::{Link, Parameter};
use crate::postgres::rows;

/// How many names are fetched at once where all of them are looked at.
const FETCHED: usize = 4096;

pub(in crate::postgres) fn slice(
    link: &mut Link,
    tenant: TenantId,
    filter: &Filter,
    slice: &Slice,
) -> Result<Sliced, StoreError> {
    let asked = Asked::new(tenant, filter);
    let (ids, total) = match &slice.name {
        None => listed(link, &asked, slice)?,
        Some(search) => named(link, &asked, slice, search)?,
    };
    let mut found = views(link, tenant, &ids)?;
    Ok(Sliced { views: ids.iter().filter_map(|id| found.remove(id)).collect(), total })
}

/// The ids of the page and how many groups there are on all pages.
fn listed(link: &mut Link, asked: &Asked<'_>, slice: &Slice) -> Result<(Vec<GroupId>, usize), StoreError> {
    // Indexes tell how many there are and how many of them are archived; who lives, the rows alone.
    let is_difference = asked.archived == Some(false) && !asked.needs_rows();
    let all = if is_difference { None } else { asked.archived };
    let (all, left_out) = (asked.totals(&all), asked.totals(&Some(true)));
    let (skip, most) = (bound(slice.skip), bound(slice.limit));
    let page = asked.page(&0, &skip, &most);
    let [page, all, left_out] = link.each([
        Some((asked.page_sql(), &page)),
        Some((asked.total_sql(), &all)),
        is_difference.then_some((asked.total_sql(), &left_out)),
    ])?;
    let total = count(&all)?.checked_sub(count(&left_out)?).ok_or_else(|| damaged("number"))?;
    Ok((page.iter().map(rows::id).collect::<Result<_, _>>()?, total))
}

/// The same of those whose name a text finds.
fn named(
    link: &mut Link,
    asked: &Asked<'_>,
    slice: &Slice,
    search: &Search,
) -> Result<(Vec<GroupId>, usize), StoreError> {
    let (mut after, mut ids, mut total, mut words) = (0, Vec::new(), 0, Words::default());
    loop {
        let found = link.rows(asked.page_sql(), &asked.page(&after, &0, &bound(FETCHED)))?;
        for row in &found {
            words.clear();
            words.add_name(rows::text(row, 1)?.unwrap_or_default());
            if !search.finds(&words) {
                continue;
            }
            if total >= slice.skip && ids.len() < slice.limit {
                ids.push(rows::id(row)?);
            }
            total += 1;
        }
        let Some(last) = found.last().filter(|_| found.len() >= FETCHED) else { return Ok((ids, total)) };
        after = rows::id(last)?.get();
    }
}

/// What a statement counted; nothing where it was not asked.
fn count(rows: &[Row]) -> Result<usize, StoreError> {
    let Some(row) = rows.first() else { return Ok(0) };
    usize::try_from(row.try_get::<_, i64>(0)?).map_err(|_| damaged("number"))
}

/// A filter as statements take it.
struct Asked<'f> {
    tenant: i64,
    place: Place,
    parent: i64,
    archived: Option<bool>,
    source: Option<&'f str>,
    updated_after: Option<i64>,
}

impl<'f> Asked<'f> {
    fn new(tenant: TenantId, filter: &'f Filter) -> Self {
        Self {
            tenant: tenant.0,
            place: filter.place,
            parent: if let Place::Below(parent) = filter.place { parent.get() } else { 0 },
            archived: match filter.life {
                Life::Living => Some(false),
                Life::Archived => Some(true),
                Life::Any => None,
            },
            source: filter.source.as_ref().map(Source::as_str),
            updated_after: filter.updated_after.map(|after| after.0),
        }
    }

    const fn needs_rows(&self) -> bool {
        self.source.is_some() || self.updated_after.is_some()
    }

    const fn total_sql(&self) -> &'static str {
        match self.place {
            Place::Anywhere => include_str!("../sql/total_anywhere.sql"),
            Place::Roots => include_str!("../sql/total_roots.sql"),
            Place::Below(_) => include_str!("../sql/total_children.sql"),
        }
    }

    const fn page_sql(&self) -> &'static str {
        match self.place {
            Place::Anywhere => include_str!("../sql/slice_anywhere.sql"),
            Place::Roots => include_str!("../sql/slice_roots.sql"),
            Place::Below(_) => include_str!("../sql/slice_children.sql"),
        }
    }

    /// What the statement that counts takes.
    fn totals<'p>(&'p self, archived: &'p (dyn ToSql + Sync)) -> Vec<Parameter<'p>> {
        self.values(Vec::new(), archived)
    }

    /// What the statement that finds the page takes.
    fn page<'p>(&'p self, after: &'p i64, skip: &'p i64, most: &'p i64) -> Vec<Parameter<'p>> {
        self.values(vec![(after, Type::INT8), (skip, Type::INT8), (most, Type::INT8)], &self.archived)
    }

    fn values<'p>(
        &'p self,
        range: Vec<Parameter<'p>>,
        archived: &'p (dyn ToSql + Sync),
    ) -> Vec<Parameter<'p>> {
        let mut values: Vec<Parameter<'p>> = vec![(&self.tenant, Type::INT8)];
        values.extend(range);
        values.push((archived, Type::BOOL));
        values.push((&self.source, Type::TEXT));
        values.push((&self.updated_after, Type::INT8));
        if matches!(self.place, Place::Below(_)) {
            values.push((&self.parent, Type::INT8));
        }
        values
    }
}

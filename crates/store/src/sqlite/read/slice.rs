//! Pages by their numbers. Where indexes can tell they count the groups and lead to the page, whose rows alone are
//! read; a condition that only a row can answer is asked of every group in the place of the filter.

use directory::{Filter, Group, Life, Place, Slice, Sliced, TenantId, Words};
use rusqlite::{Connection, Row};

use super::{complete, statement, walk, with_parents};
use crate::StoreError;
use crate::sqlite::errors::damaged;
use crate::sqlite::rows::{self, Rows};

pub(in crate::sqlite) fn slice(
    db: &Connection,
    tenant: TenantId,
    filter: &Filter,
    slice: &Slice,
) -> Result<Sliced, StoreError> {
    let needs_rows = filter.source.is_some() || filter.updated_after.is_some() || slice.name.is_some();
    let found = if needs_rows { judged } else { listed };
    let (groups, total) = found(db, tenant, filter, slice)?;
    Ok(Sliced { views: complete(db, tenant, with_parents(db, tenant, groups)?)?, total })
}

/// How many groups lie in a place.
struct Totals {
    all: usize,
    archived: usize,
}

impl Totals {
    fn of(db: &Connection, tenant: TenantId, place: Place) -> Result<Self, StoreError> {
        let mut select = db.prepare_cached(total(place))?;
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let (all, archived): (i64, i64) = match place {
            Place::Below(parent) => select.query_row((tenant.0, parent.get()), read)?,
            Place::Anywhere | Place::Roots => select.query_row((tenant.0,), read)?,
        };
        let number = |count: i64| usize::try_from(count).map_err(|_| damaged("number"));
        Ok(Self { all: number(all)?, archived: number(archived)? })
    }

    fn with(&self, life: Life) -> Result<usize, StoreError> {
        match life {
            Life::Any => Ok(self.all),
            Life::Archived => Ok(self.archived),
            Life::Living => self.all.checked_sub(self.archived).ok_or_else(index_damaged),
        }
    }
}

/// The groups of the page and how many there are on all pages, told by the indexes.
fn listed(
    db: &Connection,
    tenant: TenantId,
    filter: &Filter,
    slice: &Slice,
) -> Result<(Vec<Group>, usize), StoreError> {
    let totals = Totals::of(db, tenant, filter.place)?;
    let total = totals.with(filter.life)?;
    let expected = total.saturating_sub(slice.skip).min(slice.limit);
    if expected == 0 {
        return Ok((Vec::new(), total));
    }
    // Where all are wanted, none has to be looked up.
    let archived = (total < totals.all).then_some(filter.life == Life::Archived);
    let mut select = db.prepare_cached(page(filter))?;
    let bound = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let (skip, most) = (bound(slice.skip), bound(expected));
    let mut found = match (filter.place, filter.life) {
        (Place::Below(parent), _) => select.query((tenant.0, skip, most, archived, parent.get()))?,
        (Place::Anywhere, Life::Archived) => select.query((tenant.0, skip, most))?,
        (Place::Anywhere | Place::Roots, _) => select.query((tenant.0, skip, most, archived))?,
    };
    let (mut rows, mut groups) = (Rows::of(tenant), Vec::with_capacity(expected));
    while let Some(row) = found.next()? {
        groups.push(rows.group(row, None)?);
        // The row has its checksum: where it says something else, the index is wrong.
        if !rows::lies_in(row, filter.place)? || !filter.life.admits(rows::is_archived(row)?) {
            return Err(index_damaged());
        }
    }
    if groups.len() == expected { Ok((groups, total)) } else { Err(index_damaged()) }
}

/// The same, told by the rows.
fn judged(
    db: &Connection,
    tenant: TenantId,
    filter: &Filter,
    slice: &Slice,
) -> Result<(Vec<Group>, usize), StoreError> {
    let mut select = db.prepare_cached(statement(filter))?;
    let mut found = walk(&mut select, tenant, filter, 0)?;
    let (mut rows, mut groups, mut total, mut words) = (Rows::of(tenant), Vec::new(), 0, Words::default());
    while let Some(row) = found.next()? {
        if !rows::passes(row, filter)? || !rows::is_named(row, slice.name.as_ref(), &mut words)? {
            continue;
        }
        if total >= slice.skip && groups.len() < slice.limit {
            groups.push(rows.group(row, None)?);
        }
        total += 1;
    }
    Ok((groups, total))
}

fn index_damaged() -> StoreError {
    damaged("index of groups")
}

fn total(place: Place) -> &'static str {
    match place {
        Place::Below(_) => include_str!("../sql/total_children.sql"),
        Place::Roots => include_str!("../sql/total_roots.sql"),
        Place::Anywhere => include_str!("../sql/total_anywhere.sql"),
    }
}

fn page(filter: &Filter) -> &'static str {
    match (filter.place, filter.life) {
        (Place::Below(_), _) => include_str!("../sql/slice_children.sql"),
        (Place::Roots, _) => include_str!("../sql/slice_roots.sql"),
        (Place::Anywhere, Life::Archived) => include_str!("../sql/slice_archived.sql"),
        (Place::Anywhere, Life::Living | Life::Any) => include_str!("../sql/slice_anywhere.sql"),
    }
}

#[cfg(test)]
mod tests;

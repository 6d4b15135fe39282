//! Every row of a table that can be read, whatever lies between.

use rusqlite::types::Value;
use rusqlite::{Connection, Row};

use super::is_damage;
use super::rows::{Key, Table, Taker};
use crate::StoreError;
use crate::verify::Facts;

/// Tells of every row of a table, and of those that cannot be read.
pub(super) fn walk(db: &Connection, table: &Table, facts: &mut Facts<'_>) -> Result<(), StoreError> {
    let mut taker = Taker::new(db);
    match table.key {
        Key::Row(column) => Numbered { db, table, column }.walk(&mut taker, facts),
        Key::Columns(columns) => from_both_ends(db, table, columns, &mut taker, facts),
    }
}

/// A table whose rows have numbers: behind a row that cannot be read, the next one is looked for.
struct Numbered<'n> {
    db: &'n Connection,
    table: &'n Table,
    /// The column with the number.
    column: usize,
}

impl Numbered<'_> {
    fn walk(&self, taker: &mut Taker<'_>, facts: &mut Facts<'_>) -> Result<(), StoreError> {
        let (mut start, mut gaps) = (0, Vec::new());
        loop {
            let mut last = None;
            let walked = self.read(start, &mut |row| {
                last = Some(row.get::<_, i64>(self.column)?);
                taker.take(self.table, row, facts)
            });
            let error = match walked {
                Ok(()) => break,
                Err(error) if is_damage(&error) => error,
                Err(error) => return Err(error),
            };
            let behind = last.map_or(start, |last| last.saturating_add(1));
            let next = self.next_readable(behind);
            gaps.push((behind, next.map_or(i64::MAX, |next| next - 1)));
            let until = next.map_or_else(|| "the end".to_owned(), |next| format!("row number {next}"));
            let before = last.map_or_else(|| "the beginning".to_owned(), |last| format!("row number {last}"));
            let problem = format!("rows between {before} and {until} cannot be read: {error}");
            facts.find(self.table.name, None, String::new(), problem);
            match next {
                Some(next) if next > start => start = next,
                _ => break,
            }
        }
        if gaps.is_empty() { Ok(()) } else { taker.name_lost(self.table, &gaps, facts) }
    }

    fn read(
        &self,
        start: i64,
        each: &mut dyn FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut select = self.db.prepare(self.table.sql)?;
        let mut rows = select.query([start])?;
        while let Some(row) = rows.next()? {
            each(row)?;
        }
        Ok(())
    }

    /// The number of the first row from here on that can be read, if there is one.
    fn first(&self, start: i64) -> Result<Option<i64>, StoreError> {
        let mut select = self.db.prepare(self.table.sql)?;
        let mut rows = select.query([start])?;
        Ok(rows.next()?.map(|row| row.get(self.column)).transpose()?)
    }

    /// The number of the first row behind damage: leaps ahead until something is read, then halves back.
    fn next_readable(&self, lost: i64) -> Option<i64> {
        let (mut damaged, mut leap) = (lost, 1i64);
        let mut found = loop {
            let probe = lost.saturating_add(leap);
            match self.first(probe) {
                Ok(found) => break found.map(|found| (probe, found)),
                Err(_) if probe == i64::MAX => return None,
                Err(_) => (damaged, leap) = (probe, leap.saturating_mul(2)),
            }
        };
        let mut readable = found.map_or(lost.saturating_add(leap), |(probe, _)| probe);
        while readable - damaged > 1 {
            let middle = damaged + (readable - damaged) / 2;
            match self.first(middle) {
                Ok(next) => {
                    readable = middle;
                    found = next.map(|next| (middle, next)).or(found);
                }
                Err(_) => damaged = middle,
            }
        }
        found.map(|(_, next)| next)
    }
}

/// A table that lies in the order of its key: read from its beginning, and if that does not reach the end, from there.
fn from_both_ends(
    db: &Connection,
    table: &Table,
    key: &[usize],
    taker: &mut Taker<'_>,
    facts: &mut Facts<'_>,
) -> Result<(), StoreError> {
    let mut last: Option<Vec<Value>> = None;
    let forwards = read_ordered(db, table.sql, &mut |row| {
        last = Some(values(row, key)?);
        taker.take(table, row, facts)?;
        Ok(true)
    });
    let error = match forwards {
        Ok(()) => return Ok(()),
        Err(error) if is_damage(&error) => error,
        Err(error) => return Err(error),
    };
    let mut first: Option<Vec<Value>> = None;
    let backwards = read_ordered(db, &table.sql.replace(" ASC", " DESC"), &mut |row| {
        let place = values(row, key)?;
        if last.as_ref() == Some(&place) {
            return Ok(false);
        }
        first = Some(place);
        taker.take(table, row, facts)?;
        Ok(true)
    });
    match backwards {
        Err(error) if !is_damage(&error) => return Err(error),
        _ => {}
    }
    let [behind, until] =
        [last, first].map(|place| place.map_or_else(|| "the end".to_owned(), |place| shown(&place)));
    let problem = format!("rows between {behind} and {until} cannot be read: {error}");
    facts.find(table.name, None, String::new(), problem);
    Ok(())
}

fn read_ordered(
    db: &Connection,
    sql: &str,
    each: &mut dyn FnMut(&Row<'_>) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let mut select = db.prepare(sql)?;
    let mut rows = select.query(())?;
    while let Some(row) = rows.next()? {
        if !each(row)? {
            return Ok(());
        }
    }
    Ok(())
}

fn values(row: &Row<'_>, columns: &[usize]) -> Result<Vec<Value>, StoreError> {
    Ok(columns.iter().map(|column| row.get(*column)).collect::<Result<_, _>>()?)
}

fn shown(place: &[Value]) -> String {
    let texts: Vec<String> = place.iter().map(|value| crate::sqlite::checksum::shown(value.into())).collect();
    format!("({})", texts.join(", "))
}

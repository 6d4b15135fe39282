//! Rows that are sent to the server together, as one array a column: for `unnest`, or to be copied.

use std::borrow::Cow;
use std::pin::pin;

use directory::TenantId;
use tokio_postgres::Row;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use super::link::{Link, Parameter};
use crate::StoreError;

/// A text or null.
pub(super) type Text<'v> = Option<Cow<'v, str>>;

/// One column.
enum Column<'v> {
    Number(Vec<Option<i64>>),
    Small(Vec<i32>),
    Text(Vec<Text<'v>>),
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Small,
    Text,
}

/// Rows, column by column.
pub(super) struct Columns<'v> {
    columns: Vec<Column<'v>>,
    rows: usize,
}

/// A row that is being added: its values, in the order of the columns.
pub(super) struct NewRow<'c, 'v> {
    columns: std::slice::IterMut<'c, Column<'v>>,
}

impl<'v> Columns<'v> {
    pub(super) fn new(kinds: &[Kind], capacity: usize) -> Self {
        let columns = kinds.iter().map(|kind| match kind {
            Number => Column::Number(Vec::with_capacity(capacity)),
            Small => Column::Small(Vec::with_capacity(capacity)),
            Words => Column::Text(Vec::with_capacity(capacity)),
        });
        Self { columns: columns.collect(), rows: 0 }
    }

    /// Adds a row: a value for each column.
    pub(super) fn row(&mut self, fill: impl FnOnce(&mut NewRow<'_, 'v>)) {
        let mut row = NewRow { columns: self.columns.iter_mut() };
        fill(&mut row);
        debug_assert!(row.columns.next().is_none(), "a row has a value for each column");
        self.rows += 1;
    }

    pub(super) const fn len(&self) -> usize {
        self.rows
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The tenant, the columns as arrays, then further values.
    fn values<'p>(&'p self, tenant: &'p TenantId, more: &'p [Parameter<'p>]) -> Vec<Parameter<'p>> {
        let mut values: Vec<Parameter<'p>> = vec![(&tenant.0, Type::INT8)];
        values.extend(self.columns.iter().map(|column| match column {
            Column::Number(numbers) => (numbers as _, Type::INT8_ARRAY),
            Column::Small(numbers) => (numbers as _, Type::INT4_ARRAY),
            Column::Text(texts) => (texts as _, Type::TEXT_ARRAY),
        }));
        values.extend(more.iter().cloned());
        values
    }

    /// Runs a statement with the tenant, the columns and further values; how many rows it changes.
    pub(super) fn run(
        &self,
        link: &mut Link,
        sql: &'static str,
        tenant: TenantId,
        more: &[Parameter<'_>],
    ) -> Result<u64, StoreError> {
        link.run(sql, &self.values(&tenant, more))
    }

    /// The rows of such a statement.
    pub(super) fn rows(
        &self,
        link: &mut Link,
        sql: &'static str,
        tenant: TenantId,
    ) -> Result<Vec<Row>, StoreError> {
        link.rows(sql, &self.values(&tenant, &[]))
    }

    /// Copies the rows, with the tenant as their first column.
    pub(super) fn copy(
        &self,
        link: &mut Link,
        sql: &'static str,
        tenant: TenantId,
    ) -> Result<(), StoreError> {
        let mut types = vec![Type::INT8];
        types.extend(self.columns.iter().map(|column| match column {
            Column::Number(_) => Type::INT8,
            Column::Small(_) => Type::INT4,
            Column::Text(_) => Type::TEXT,
        }));
        link.round(async |client| {
            let rows = match client.kept(sql, &[]) {
                Some(statement) => client.copy_in(&statement).await?,
                None => client.copy_in(sql).await?,
            };
            let mut writer = pin!(BinaryCopyInWriter::new(rows, &types));
            let mut row: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(types.len());
            for number in 0..self.rows {
                row.clear();
                row.push(&tenant.0);
                row.extend(self.columns.iter().map(|column| -> &(dyn ToSql + Sync) {
                    match column {
                        Column::Number(numbers) => &numbers[number],
                        Column::Small(numbers) => &numbers[number],
                        Column::Text(texts) => &texts[number],
                    }
                }));
                writer.as_mut().write(&row).await?;
            }
            writer.finish().await.map(drop)
        })
    }
}

impl<'v> NewRow<'_, 'v> {
    pub(super) fn number(&mut self, value: Option<i64>) {
        match self.columns.next() {
            Some(Column::Number(numbers)) => numbers.push(value),
            _ => unexpected(Number),
        }
    }

    pub(super) fn small(&mut self, value: i32) {
        match self.columns.next() {
            Some(Column::Small(numbers)) => numbers.push(value),
            _ => unexpected(Small),
        }
    }

    pub(super) fn text(&mut self, value: Text<'v>) {
        match self.columns.next() {
            Some(Column::Text(texts)) => texts.push(value),
            _ => unexpected(Words),
        }
    }
}

/// A defect: every test of the statement finds it.
fn unexpected(kind: Kind) -> ! {
    unreachable!("this row has no column of kind {kind:?} here")
}

use Kind::{Number, Small, Text as Words};

/// Groups: all but what they are archived at.
pub(super) fn groups<'v>(capacity: usize) -> Columns<'v> {
    let identity = [Number, Number, Words, Words, Number, Words, Words, Words, Number, Number, Number];
    Columns::new(&[&identity[..], &[Words; 6], &[Number]].concat(), capacity)
}

/// Groups with all that they are.
pub(super) fn moved<'v>(capacity: usize) -> Columns<'v> {
    let identity = [Number, Number, Words, Words, Number, Words, Words, Words];
    Columns::new(&[&identity[..], &[Number; 4], &[Words; 6], &[Number]].concat(), capacity)
}

/// Groups, attributes, languages and values.
pub(super) fn values<'v>() -> Columns<'v> {
    Columns::new(&[Number, Number, Words, Words], 0)
}

/// What replaces the content of groups.
pub(super) fn updates<'v>() -> Columns<'v> {
    Columns::new(&[&[Number, Number, Words, Words, Words][..], &[Words; 6], &[Number]].concat(), 0)
}

/// Groups and references that they have.
pub(super) fn references<'v>() -> Columns<'v> {
    Columns::new(&[Number, Words, Words], 0)
}

/// Groups and their inline references, with the numbers of these.
pub(super) fn inline<'v>() -> Columns<'v> {
    Columns::new(&[Number, Words, Words, Number], 0)
}

/// Groups, positions and references.
pub(super) fn extra<'v>() -> Columns<'v> {
    Columns::new(&[Number, Small, Words, Words, Number], 0)
}

/// References and their numbers.
pub(super) fn claims<'v>() -> Columns<'v> {
    Columns::new(&[Words, Words, Number], 0)
}

/// Groups alone.
pub(super) fn ids<'v>() -> Columns<'v> {
    Columns::new(&[Number], 0)
}

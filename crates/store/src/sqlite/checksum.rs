//! The checksum that every row carries: CRC-32 of its columns, written in one way that cannot be misread.
//!
//! `SQLite` does not notice a bit that has changed in what a row holds. CRC-32 notices every change of one bit, and
//! of up to 32 that lie together; it costs a few nanoseconds. It is computed here where a group is inserted and where
//! rows are read, and by the SQL function `row_checksum` where a statement changes some columns of a row. The order
//! of the columns is that of migration 12.

use std::fmt::Write as _;

use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use crate::StoreError;
use crate::sabotage::{Defect, is_on};

/// A checksum while it is made. Used again and again, it allocates once.
#[derive(Default)]
pub(super) struct Checksum {
    bytes: Vec<u8>,
    /// Nulls that are not written yet: those at the end of a row never are, so that nobody has to look at them.
    nulls: usize,
}

impl Checksum {
    pub(super) fn integer(&mut self, number: i64) -> &mut Self {
        self.open(1);
        self.bytes.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub(super) fn optional_integer(&mut self, number: Option<i64>) -> &mut Self {
        match number {
            Some(number) => self.integer(number),
            None => self.null(),
        }
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(3, text.as_bytes())
    }

    pub(super) fn optional_text(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => self.null(),
        }
    }

    pub(super) fn nulls(&mut self, count: usize) -> &mut Self {
        self.nulls += count;
        self
    }

    pub(super) fn value(&mut self, value: ValueRef<'_>) -> &mut Self {
        match value {
            ValueRef::Null => self.null(),
            ValueRef::Integer(number) => self.integer(number),
            ValueRef::Real(number) => self.bytes(2, &number.to_bits().to_le_bytes()),
            ValueRef::Text(text) => self.bytes(3, text),
            ValueRef::Blob(blob) => self.bytes(4, blob),
        }
    }

    fn null(&mut self) -> &mut Self {
        self.nulls += 1;
        self
    }

    /// Its length goes before it, so that no two rows are written alike.
    fn bytes(&mut self, kind: u8, bytes: &[u8]) -> &mut Self {
        self.open(kind);
        self.bytes.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Begins a value, behind the nulls that lie before it.
    fn open(&mut self, kind: u8) {
        if self.nulls > 0 {
            self.bytes.resize(self.bytes.len() + self.nulls, 0);
            self.nulls = 0;
        }
        self.bytes.push(kind);
    }

    /// As it is stored: four bytes with a sign take less room than without.
    pub(super) fn finish(&mut self) -> i32 {
        let sum = crc32fast::hash(&self.bytes).cast_signed();
        self.bytes.clear();
        self.nulls = 0;
        sum
    }

    /// Whether it is the one that is stored.
    pub(super) fn is(&mut self, stored: ValueRef<'_>) -> bool {
        stored == ValueRef::Integer(self.finish().into()) || is_on(Defect::UncheckedRow)
    }

    /// Adds the first columns of a row, and compares with the one behind them.
    pub(super) fn matches(&mut self, row: &Row<'_>, columns: usize) -> Result<bool, StoreError> {
        for column in 0..columns {
            self.value(row.get_ref(column)?);
        }
        Ok(self.is(row.get_ref(columns)?))
    }

    /// The same; a row that differs is damaged. `what` is told with the value of its first column, which is no secret.
    pub(super) fn check(&mut self, what: &str, row: &Row<'_>, columns: usize) -> Result<(), StoreError> {
        if self.matches(row, columns)? {
            return Ok(());
        }
        Err(mismatch(what, row.get_ref(0)?))
    }
}

/// A row that is not what was written.
#[cold]
pub(super) fn mismatch(what: &str, key: ValueRef<'_>) -> StoreError {
    StoreError::Corrupt(format!("{what} {} does not have its checksum", shown(key)))
}

/// A value for people.
pub(super) fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => format!("{:?}", String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => bytes.iter().fold(String::new(), |mut text, byte| {
            // Writing into a text cannot fail.
            _ = write!(text, "{byte:02x}");
            text
        }),
    }
}

/// Makes `row_checksum` known to a connection.
pub(super) fn register(db: &Connection) -> Result<(), StoreError> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    db.create_scalar_function("row_checksum", -1, flags, |context| {
        let mut sum = Checksum::default();
        for argument in 0..context.len() {
            sum.value(context.get_raw(argument));
        }
        Ok(sum.finish())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[ValueRef<'_>]) -> i32 {
        let mut sum = Checksum::default();
        for value in values {
            sum.value(*value);
        }
        sum.finish()
    }

    /// It is stored: it must never change.
    #[test]
    fn known_rows_keep_their_checksum() {
        use ValueRef::{Blob, Integer, Null, Real, Text};
        let values = [Null, Integer(-2), Real(0.5), Text(b"a"), Text(b""), Blob(b"a")];
        assert_eq!(of(&values), 1_515_606_241);
    }

    #[test]
    fn what_is_not_the_same_is_not_written_alike() {
        use ValueRef::{Blob, Integer, Null, Text};
        assert_eq!(of(&[Integer(0), Null]), of(&[Integer(0)]));
        let rows: [&[ValueRef<'_>]; 9] = [
            &[Null, Integer(0)],
            &[Null, Null, Integer(0)],
            &[Integer(0)],
            &[Text(b"")],
            &[Blob(b"")],
            &[Text(b"ab"), Text(b"")],
            &[Text(b"a"), Text(b"b")],
            &[Text(b""), Text(b"ab")],
            &[Text(b"a"), Text(b"b"), Null, Text(b"")],
        ];
        let sums: std::collections::BTreeSet<i32> = rows.iter().map(|row| of(row)).collect();
        assert_eq!(sums.len(), rows.len());
    }

    #[test]
    fn both_ways_to_make_one_are_the_same() {
        let db = Connection::open_in_memory().expect("opens");
        register(&db).expect("registered");
        let made: i32 = db
            .query_row("SELECT row_checksum(7, NULL, 'ä', NULL, NULL)", (), |row| row.get(0))
            .expect("computed");
        let mut sum = Checksum::default();
        assert_eq!(
            sum.integer(7).optional_integer(None).text("ä").optional_text(None).nulls(1).finish(),
            made
        );
        assert_eq!(sum.integer(7).finish(), of(&[ValueRef::Integer(7)]));
    }
}

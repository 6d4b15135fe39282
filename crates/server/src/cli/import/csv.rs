//! CSV: a header of field names, then one record a row.
//!
//! The reader is our own because of one thing: a blank cell keeps a field, a quoted empty one (`""`) sets it
//! to the empty string. The `csv` crate cannot tell them apart: `csv-core` hands out unescaped field
//! contents and their ends, and keeps to itself whether a field was quoted. The rules are those of
//! RFC 4180: cells are separated by the delimiter, a cell that starts with a quote ends with one, a quote
//! within is doubled. A quote inside an unquoted cell is an ordinary character.

mod row;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use faces::failed::{self, ERROR_FIELDS, RAW, Value};

use self::row::{Row, Scanner, read_row};
use super::face::{Face, Table};
use super::record::{Fault, InputFault, Item, Kept};
use super::text::Text;

/// The delimiters that are recognised. The first one is the default.
const DELIMITERS: [char; 3] = [',', ';', '\t'];

/// The code of a row that cannot be matched with the header.
const CSV_SHAPE: &str = "CSV_SHAPE";

/// The header of a file, and the delimiter of all its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) delimiter: char,
    /// The cells of the header as written, to be written to the failed file.
    written: Vec<String>,
    columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    /// A field of the record.
    Field(String),
    /// Added by a failed file; not sent.
    Error,
    /// Holds records that cells cannot show; a row that has one is not sent.
    Raw,
    /// Without a name, as spreadsheets leave them beside a table: must stay blank.
    Nameless,
}

/// Reads the rows below a header.
pub(super) struct Rows {
    text: Text,
    pub(super) header: Header,
    pub(super) table: Table,
}

/// What a row says of a field: the place of the column, its name, and the text, `None` for null.
pub(super) type FieldCell<'a> = (usize, &'a str, Option<&'a str>);

impl Rows {
    /// Reads the header. Without a given delimiter it is the one that makes the most known fields of it.
    pub(super) fn open(mut text: Text, delimiter: Option<char>, face: &dyn Face) -> Result<Self, InputFault> {
        let mut first = String::new();
        while first.trim().is_empty() {
            first.clear();
            if !text.read_line(&mut first)? {
                return Err(InputFault::whole("is empty: a CSV file starts with a line of field names"));
            }
        }
        let delimiter = delimiter.unwrap_or_else(|| likely_delimiter(&first, face));
        let line = text.line();
        let row = read_row(&mut text, first, delimiter)?;
        let refuse = |message| InputFault::at(line, message);
        let header = Header::new(row, delimiter, face).map_err(refuse)?;
        let table = face.table(&header.field_names()).map_err(refuse)?;
        Ok(Self { text, header, table })
    }

    /// Reads the next record; `None` at the end. Blank lines and rows of nothing but delimiters, which
    /// spreadsheets write below a table, are skipped.
    pub(super) fn next(&mut self) -> Result<Option<Item>, InputFault> {
        let mut first = String::new();
        while self.text.read_line(&mut first)? {
            let line = self.text.line();
            let row = read_row(&mut self.text, first, self.header.delimiter)?;
            if !row.is_blank() {
                return Ok(Some(self.item(line, &row)));
            }
            first = String::new();
        }
        Ok(None)
    }

    fn item(&self, line: u64, row: &Row) -> Item {
        let cells = match self.header.field_cells(row) {
            Ok(cells) => cells,
            Err(message) => {
                let content = Err((self.header.keep(row), Fault::of_record(CSV_SHAPE, message)));
                return Item { line, content, row: None };
            }
        };
        match &self.table {
            Table::Flat => Item { line, content: Ok(object(&cells)), row: None },
            Table::Nested(columns) => {
                let kept = self.header.keep_cells(row);
                match columns.object(&cells) {
                    Ok(object) => Item { line, content: Ok(object), row: Some(kept) },
                    Err(fault) => Item { line, content: Err((kept, fault)), row: None },
                }
            }
        }
    }
}

/// A record whose members are its cells.
fn object(cells: &[FieldCell<'_>]) -> String {
    let members: Vec<String> = cells
        .iter()
        .map(|(_, name, text)| format!("{}:{}", serde_json::json!(name), serde_json::json!(text)))
        .collect();
    format!("{{{}}}", members.join(","))
}

impl Header {
    fn new(row: Row, delimiter: char, face: &dyn Face) -> Result<Self, String> {
        if let Some(fault) = row.fault {
            return Err(format!("the line of field names: {fault}"));
        }
        let written: Vec<String> = row.cells.into_iter().map(|cell| cell.text).collect();
        let names = || written.iter().map(|name| name.trim());
        if names().any(|name| name.contains('\r')) {
            return Err("lines end with CR alone; save the file with CR LF or LF".to_owned());
        }
        if !names().any(|name| face.knows(name)) {
            let found = names().collect::<Vec<_>>().join(", ");
            let known = face.columns().join(", ");
            return Err(format!(
                "the first line names no known field (found: {found}; known: {known}); \
                 is the delimiter {} right?",
                display_delimiter(delimiter),
            ));
        }
        let mut seen = BTreeSet::new();
        if let Some(doubled) = names().filter(|name| !name.is_empty()).find(|name| !seen.insert(*name)) {
            return Err(format!("the column `{doubled}` is there twice"));
        }
        let columns = names().map(Column::new).collect();
        Ok(Self { delimiter, written, columns })
    }

    /// The names of the columns that hold fields, each at its place.
    fn field_names(&self) -> Vec<Option<&str>> {
        let names = self.columns.iter().map(|column| match column {
            Column::Field(name) => Some(name.as_str()),
            Column::Error | Column::Raw | Column::Nameless => None,
        });
        names.collect()
    }

    /// What a row says, or why that cannot be told.
    fn field_cells<'a>(&'a self, row: &'a Row) -> Result<Vec<FieldCell<'a>>, String> {
        if let Some(fault) = &row.fault {
            return Err(fault.clone());
        }
        // Fewer cells are fine: spreadsheets leave out trailing blank ones.
        if row.cells.len() > self.columns.len() {
            let (found, expected) = (row.cells.len(), self.columns.len());
            return Err(format!(
                "{found} cells, but {expected} columns: a cell with the delimiter {} in it must be quoted",
                display_delimiter(self.delimiter)
            ));
        }
        let mut cells = Vec::with_capacity(row.cells.len());
        for (place, (column, cell)) in self.columns.iter().zip(&row.cells).enumerate() {
            match (column, cell.value()) {
                (_, Value::Absent) | (Column::Error, _) => {}
                (Column::Raw, Value::Null | Value::Text(_)) => {
                    return Err(format!(
                        "the record in the column `{RAW}` did not fit into cells: put its fields there, repaired, \
                         and empty this one"
                    ));
                }
                (Column::Nameless, Value::Null | Value::Text(_)) => {
                    return Err(format!("column {} has a value but no name in the first line", place + 1));
                }
                (Column::Field(name), Value::Null) => cells.push((place, name.as_str(), None)),
                (Column::Field(name), Value::Text(text)) => cells.push((place, name.as_str(), Some(text))),
            }
        }
        Ok(cells)
    }

    /// The cells of a row that belong to the record, written anew.
    fn keep_cells(&self, row: &Row) -> Kept {
        let cells = self.columns.iter().enumerate().filter(|(_, column)| **column != Column::Error);
        let values = cells.map(|(place, _)| row.cells.get(place).map_or(Value::Absent, row::Cell::value));
        Kept::Row { text: self.line(values), cells: self.own_columns().count() }
    }

    /// The row as it stands, without the cells that a failed file added at its end: whatever is wrong with
    /// it is still wrong when the failed file is imported without a repair.
    fn keep(&self, row: &Row) -> Kept {
        let added = self.columns.iter().rev().take_while(|column| **column == Column::Error).count();
        let only_added_at_end =
            self.columns.iter().filter(|column| **column == Column::Error).count() == added;
        let is_widened = only_added_at_end && row.cells.len() >= self.columns.len();
        let cells = row.cells.len() - if is_widened { added } else { 0 };
        let text = match row.cells.get(cells) {
            Some(first_added) => &row.text[..first_added.start - self.delimiter.len_utf8()],
            None => row.text.trim_end_matches(['\r', '\n']),
        };
        Kept::Row { text: text.to_owned(), cells }
    }

    /// The header of the failed file.
    pub(super) fn failed_header(&self) -> String {
        let names = self.own_columns().map(|(written, _)| written).chain(ERROR_FIELDS);
        self.line(names.map(Value::Text))
    }

    /// The row of a failed file: the record as it was, with the columns that say what is wrong.
    pub(super) fn failed_row(&self, kept: &Kept, fault: &Fault) -> String {
        let added = failed::error_cells(fault.cells());
        match kept {
            Kept::Object(object) => {
                let values: BTreeMap<String, Option<String>> =
                    serde_json::from_str(object).unwrap_or_default();
                let cells = self.own_columns().map(|(_, column)| match column {
                    Column::Field(name) => match values.get(name) {
                        Some(Some(text)) => Value::Text(text),
                        Some(None) => Value::Null,
                        None => Value::Absent,
                    },
                    Column::Error | Column::Raw | Column::Nameless => Value::Absent,
                });
                self.line(cells.chain(added))
            }
            Kept::Row { text, cells } => {
                let missing = self.own_columns().count().saturating_sub(*cells);
                let padding = self.delimiter.to_string().repeat(missing + 1);
                format!("{text}{padding}{}", self.line(added.into_iter()))
            }
        }
    }

    fn own_columns(&self) -> impl Iterator<Item = (&str, &Column)> {
        let columns = self.written.iter().map(String::as_str).zip(&self.columns);
        columns.filter(|(_, column)| **column != Column::Error)
    }

    fn line<'a>(&self, cells: impl Iterator<Item = Value<'a>>) -> String {
        failed::row(cells, self.delimiter)
    }
}

impl Column {
    fn new(name: &str) -> Self {
        match name {
            "" => Self::Nameless,
            RAW => Self::Raw,
            _ if ERROR_FIELDS.contains(&name) => Self::Error,
            _ => Self::Field(name.to_owned()),
        }
    }
}

/// The delimiter for the user.
pub(super) fn display_delimiter(delimiter: char) -> String {
    if delimiter == '\t' { "tab".to_owned() } else { format!("'{delimiter}'") }
}

/// Reads a delimiter from the command line.
pub(super) fn parse_delimiter(text: &str) -> Result<char, String> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        _ if text == "tab" || text == r"\t" => Ok('\t'),
        (Some('"' | '\r' | '\n'), None) => Err("a quote or a line end cannot be the delimiter".to_owned()),
        (Some(delimiter), None) => Ok(delimiter),
        _ => Err("one character, or `tab`".to_owned()),
    }
}

fn likely_delimiter(first_line: &str, face: &dyn Face) -> char {
    let score = |delimiter: char| {
        let cells = Scanner::cells_of(first_line.trim_end_matches(['\r', '\n']), delimiter);
        let known = cells.iter().filter(|cell| face.knows(cell.text.trim())).count();
        (known, cells.len())
    };
    // Of equals `max_by_key` takes the last: reversed, that is the default.
    DELIMITERS.into_iter().rev().max_by_key(|delimiter| score(*delimiter)).unwrap_or(DELIMITERS[0])
}

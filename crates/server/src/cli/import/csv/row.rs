//! Takes the rows of a CSV file apart into cells.

use faces::failed::{NULL, Value};

use crate::cli::import::record::InputFault;
use crate::cli::import::text::Text;

/// One row: its text with all its lines, and the cells found in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// With the line end.
    pub(super) text: String,
    pub(super) cells: Vec<Cell>,
    pub(super) fault: Option<String>,
}

/// One cell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) quoting: Quoting,
    /// Where in the row's text the cell starts.
    pub(super) start: usize,
}

/// How a cell is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Quoting {
    #[default]
    Plain,
    Quoted,
}

impl Cell {
    /// Absent, null or text.
    pub(super) fn value(&self) -> Value<'_> {
        match (self.quoting, self.text.as_str()) {
            (Quoting::Plain, "") => Value::Absent,
            (Quoting::Plain, NULL) => Value::Null,
            (_, text) => Value::Text(text),
        }
    }
}

impl Row {
    /// Whether no cell says anything.
    pub(super) fn is_blank(&self) -> bool {
        let nothing_said = || self.cells.iter().all(|cell| cell.value() == Value::Absent);
        self.text.trim().is_empty() || (self.fault.is_none() && nothing_said())
    }
}

/// Reads the rest of the row that starts with this line: more lines follow while a quote is open.
pub(super) fn read_row(text: &mut Text, first_line: String, delimiter: char) -> Result<Row, InputFault> {
    let started = text.line();
    let mut row = first_line;
    let mut scanner = Scanner::new(delimiter);
    let mut done = 0;
    loop {
        let content =
            row.strip_suffix('\n').map_or(row.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
        scanner.scan(&content[done..], done);
        if scanner.state != State::Quoted {
            let fault = scanner.fault.take();
            return Ok(Row { cells: scanner.finish(), text: row, fault });
        }
        scanner.cell.text.push_str(&row[content.len()..]);
        done = row.len();
        if !text.read_line(&mut row)? {
            // Where such a row ends cannot be known, so neither it nor what follows is sent.
            return Err(InputFault::at(started, "a quote opened in this row is never closed"));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a cell.
    Start,
    Plain,
    Quoted,
    /// After a quote in a quoted cell: it closes the cell, or is the first of two.
    Closed,
}

/// Takes a row apart into cells.
pub(super) struct Scanner {
    delimiter: char,
    state: State,
    cell: Cell,
    cells: Vec<Cell>,
    fault: Option<String>,
}

impl Scanner {
    fn new(delimiter: char) -> Self {
        Self { delimiter, state: State::Start, cell: Cell::default(), cells: Vec::new(), fault: None }
    }

    /// Scans a line without its end; `offset` is its place in the row.
    fn scan(&mut self, line: &str, offset: usize) {
        for (place, character) in line.char_indices() {
            match (self.state, character) {
                (State::Start, '"') => {
                    self.cell.quoting = Quoting::Quoted;
                    self.state = State::Quoted;
                }
                (State::Quoted, '"') => self.state = State::Closed,
                (State::Closed, '"') => {
                    self.cell.text.push('"');
                    self.state = State::Quoted;
                }
                (State::Start | State::Plain | State::Closed, _) if character == self.delimiter => {
                    let start = offset + place + character.len_utf8();
                    let cell = std::mem::replace(&mut self.cell, Cell { start, ..Cell::default() });
                    self.cells.push(cell);
                    self.state = State::Start;
                }
                (State::Closed, _) => {
                    let column = self.cells.len() + 1;
                    self.fault.get_or_insert_with(|| {
                        format!(
                            "column {column}: there is text after the closing quote; \
                             a quote within a quoted cell is doubled"
                        )
                    });
                    self.cell.text.push(character);
                    self.state = State::Plain;
                }
                (State::Start, _) => {
                    self.cell.text.push(character);
                    self.state = State::Plain;
                }
                (State::Plain | State::Quoted, _) => self.cell.text.push(character),
            }
        }
    }

    /// The cells of this line on its own.
    pub(super) fn cells_of(line: &str, delimiter: char) -> Vec<Cell> {
        let mut scanner = Self::new(delimiter);
        scanner.scan(line, 0);
        scanner.finish()
    }

    fn finish(mut self) -> Vec<Cell> {
        self.cells.push(self.cell);
        self.cells
    }
}

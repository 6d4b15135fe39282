//! What travels through an import: a record of the input, and what went wrong with it.

use serde::{Deserialize, Serialize};

/// Where a record was read: the input's place in the command line, and the line it starts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    pub(super) input: usize,
    pub(super) line: u64,
}

/// A record that can be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) origin: Origin,
    /// The JSON object, on one line, as the user wrote it: parsing and writing it anew would drop doubled
    /// members and lone surrogates, which the server reports better than this client could.
    pub(super) object: String,
    /// The row of a table that the object was put together from, for the failed file; `None` where the
    /// object itself says it all.
    pub(super) row: Option<Kept>,
}

impl Record {
    /// What is kept of the record when it has failed.
    pub(super) fn kept(self) -> Kept {
        self.row.unwrap_or(Kept::Object(self.object))
    }
}

/// Why a record was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fault {
    pub(super) code: String,
    /// The exact cause, where the code has several.
    #[serde(default)]
    pub(super) reason: Box<str>,
    /// The field at fault; empty where it is the record as a whole.
    #[serde(default)]
    pub(super) field: String,
    #[serde(default)]
    pub(super) message: String,
}

impl Fault {
    /// A fault of the record as a whole.
    pub(super) fn of_record(code: &str, message: String) -> Self {
        let (reason, field) = (Box::default(), String::new());
        Self { code: code.to_owned(), reason, field, message }
    }

    /// What a failed file says of it.
    pub(super) fn cells(&self) -> [&str; faces::failed::ERROR_FIELDS.len()] {
        [&self.code, &self.reason, &self.field, &self.message]
    }

    /// One line for the user: `VALIDATION_ERROR name: is too long`.
    pub(super) fn describe(&self) -> String {
        faces::failed::describe(&self.code, &self.field, &self.message)
    }
}

/// What is kept of a failed record, to be written to the failed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kept {
    /// A JSON object on one line.
    Object(String),
    /// A row of a CSV file as it stands there: the object does not show its cells, or there is none.
    Row { text: String, cells: usize },
}

/// A record that was not done, for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) origin: Origin,
    pub(super) kept: Kept,
    pub(super) fault: Fault,
}

/// One record as a reader found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// The line it starts on, counted from 1.
    pub(super) line: u64,
    /// The object to send, or what to keep of a record that cannot be sent, and why.
    pub(super) content: Result<String, (Kept, Fault)>,
    /// See [`Record::row`].
    pub(super) row: Option<Kept>,
}

/// Why an input cannot be read (any further).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InputFault {
    pub(super) line: Option<u64>,
    pub(super) message: String,
}

impl InputFault {
    /// A fault of the input as a whole.
    pub(super) fn whole(message: impl Into<String>) -> Self {
        Self { line: None, message: message.into() }
    }

    /// A fault at a line.
    pub(super) fn at(line: u64, message: impl Into<String>) -> Self {
        Self { line: Some(line), message: message.into() }
    }

    /// The sentence for the user, with the name of the input.
    pub(super) fn describe(&self, name: &str) -> String {
        match self.line {
            Some(line) => format!("{name}:{line}: {}", self.message),
            None => format!("{name}: {}", self.message),
        }
    }
}

//! The layout in which failed records are handed out, by `rosterd import` and by the runs: the fields as
//! they were, and what is wrong. Such a file can be mended and imported; what was added is taken off then.
//!
//! Values are written as they were sent, also those that a spreadsheet would take for a formula: a guard
//! put before them would come back as a part of the value.

/// The members and columns that say what is wrong: its code, reason, field and message.
pub const ERROR_FIELDS: [&str; 4] = ["_error_code", "_error_reason", "_error_field", "_error_message"];

/// The member or column that holds the text of a record which is not one that its place can show. What
/// has it is never sent, so that importing it before it is mended reports it again.
pub const RAW: &str = "_raw";

/// The unquoted cell that stands for `null`; quoted it is two characters.
pub const NULL: &str = r"\N";

/// What a cell says of its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing.
    Absent,
    /// `null`.
    Null,
    /// This text, which may be empty.
    Text(&'a str),
}

/// A row of CSV, without a line end. Each cell reads back as the same value: absent, null, or text.
pub fn row<'a>(cells: impl Iterator<Item = Value<'a>>, delimiter: char) -> String {
    let cells: Vec<String> = cells.map(|value| cell(value, delimiter)).collect();
    cells.join(&delimiter.to_string())
}

fn cell(value: Value<'_>, delimiter: char) -> String {
    match value {
        Value::Absent => String::new(),
        Value::Null => NULL.to_owned(),
        Value::Text(text) if needs_quotes(text, delimiter) => format!("\"{}\"", text.replace('"', "\"\"")),
        Value::Text(text) => text.to_owned(),
    }
}

fn needs_quotes(text: &str, delimiter: char) -> bool {
    text.is_empty() || text == NULL || text != text.trim() || text.contains([delimiter, '"', '\r', '\n'])
}

/// The cells of [`ERROR_FIELDS`]. Empty texts are absent.
pub fn error_cells(errors: [&str; ERROR_FIELDS.len()]) -> [Value<'_>; ERROR_FIELDS.len()] {
    errors.map(|text| if text.is_empty() { Value::Absent } else { Value::Text(text) })
}

/// One fault in words: `VALIDATION_ERROR name: is too long`.
pub fn describe(code: &str, field: &str, message: &str) -> String {
    let space = if field.is_empty() { "" } else { " " };
    format!("{code}{space}{field}: {message}")
}

/// What is told of several faults as one, so that all of them can be mended at once: the message of the most
/// important one, which names the others as [`describe`] does.
pub fn combine(message: &str, others: impl Iterator<Item = String>) -> String {
    others.fold(message.to_owned(), |message, other| format!("{message}; also {other}"))
}

/// A line of NDJSON, without its end: a JSON object on one line, with the members of [`ERROR_FIELDS`] added.
pub fn line(object: &str, errors: [&str; ERROR_FIELDS.len()]) -> String {
    let members = ERROR_FIELDS.into_iter().zip(errors);
    let added: Vec<String> =
        members.map(|(name, value)| format!("\"{name}\":{}", serde_json::json!(value))).collect();
    let members = object.strip_suffix('}').unwrap_or(object);
    let comma = if members.trim_end().ends_with('{') { "" } else { "," };
    format!("{members}{comma}{}}}", added.join(","))
}

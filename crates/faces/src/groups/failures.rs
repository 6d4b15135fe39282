//! Failed records, kept with their run: written when the batch is carried out, and handed out later as JSON,
//! NDJSON or CSV.

use std::borrow::Cow;

use directory::model::JsonType;
use directory::{Failures, Outcome, RecordResult};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::fields::{Member, RULES};
use super::limits::{MAX_FAILURES, MAX_FAILURES_BYTES};
use super::read::Note;
use super::shape::{Members, Sent, decode, json_type};
use super::wire::to_json;
use super::write::error;
use crate::failed::{self, ERROR_FIELDS, RAW, Value};

/// A failed record as it is kept.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept<'a, E> {
    input_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_reference_id: Option<&'a str>,
    errors: Vec<E>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<&'a RawValue>,
    /// Its JSON text, where it is no object or one that not every reader of JSON can read.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a str>,
}

/// A failed record: its index, its key where that is a text, what was sent, and what is wrong.
pub(crate) type FailedRecord<'a, E> = (usize, Option<&'a str>, Cow<'a, str>, Vec<E>);

/// Writes what is kept of the failures of a batch: a JSON array. `body` and `notes` are those that were read,
/// the outcome is what became of them. Whole failures are left out where it would become too long.
pub fn failures(body: &[u8], notes: &[Note], outcome: &Outcome) -> Failures {
    within(MAX_FAILURES, MAX_FAILURES_BYTES, body, notes, outcome)
}

fn within(most: usize, bytes: usize, body: &[u8], notes: &[Note], outcome: &Outcome) -> Failures {
    let failed = notes.iter().zip(&outcome.records).enumerate().filter_map(|(index, (note, record))| {
        let RecordResult::Failed(found) = &record.result else { return None };
        let sent = sent(body, note.span.clone());
        let sent = match json_type(sent) {
            // Of a list of keys: as a record, it can be sent again.
            JsonType::String => Cow::Owned(format!("{{\"{}\":{sent}}}", Member::Key.rule().name)),
            _ => Cow::Borrowed(sent),
        };
        Some((index, note.key.as_deref(), sent, found.iter().map(error).collect()))
    });
    keep(most, bytes, failed)
}

/// What stands there in a body.
pub(crate) fn sent(body: &[u8], span: std::ops::Range<usize>) -> &str {
    body.get(span).and_then(|slice| str::from_utf8(slice).ok()).unwrap_or("")
}

/// The same for the records that failed, of any face: at most so many, and so many bytes.
pub(crate) fn keep<'a, E: Serialize>(
    most: usize,
    bytes: usize,
    failed: impl Iterator<Item = FailedRecord<'a, E>>,
) -> Failures {
    let (mut text, mut listed, mut omitted) = (b"[".to_vec(), 0, 0);
    for (input_index, external_reference_id, sent, errors) in failed {
        let sent = &*sent;
        let room = bytes.saturating_sub(text.len() + usize::from(listed > 0) + 1);
        let line = (listed < most && sent.len() <= room).then(|| {
            let record = is_plain(sent).then(|| serde_json::from_str(sent).ok()).flatten();
            let raw = Some(sent).filter(|sent| record.is_none() && !sent.is_empty());
            to_json(&Kept { input_index, external_reference_id, errors, record, raw }, 256 + sent.len())
        });
        let Some(line) = line.filter(|line| line.len() <= room) else {
            omitted += 1;
            continue;
        };
        if listed > 0 {
            text.push(b',');
        }
        text.extend(line);
        listed += 1;
    }
    text.push(b']');
    Failures { text, omitted }
}

/// Whether every reader of JSON can read a record, and finds an object: not so lone surrogates or `1e400`.
fn is_plain(record: &str) -> bool {
    json_type(record) == JsonType::Object && serde_json::from_str::<serde_json::Value>(record).is_ok()
}

/// The same, read again.
#[derive(Deserialize)]
struct Failed<'a> {
    #[serde(borrow)]
    errors: Vec<Error<'a>>,
    #[serde(borrow)]
    record: Option<&'a RawValue>,
    #[serde(borrow)]
    raw: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Error<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
    #[serde(borrow)]
    reason: Cow<'a, str>,
    #[serde(borrow)]
    field: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
}

impl Failed<'_> {
    fn read(kept: &[u8]) -> Option<Vec<Failed<'_>>> {
        serde_json::from_slice(kept).ok()
    }

    /// The record's JSON text, on one line: white space between tokens is all that breaks lines in JSON.
    fn text(&self) -> String {
        let text = self.record.map(RawValue::get).or(self.raw.as_deref()).unwrap_or("");
        text.replace(['\r', '\n'], " ")
    }

    /// The main fault, whose message names the others.
    fn errors(&self) -> [String; ERROR_FIELDS.len()] {
        let Some((first, others)) = self.errors.split_first() else { return Default::default() };
        let others = others.iter().map(|other| failed::describe(&other.code, &other.field, &other.message));
        let message = failed::combine(&first.message, others);
        [first.code.to_string(), first.reason.to_string(), first.field.to_string(), message]
    }
}

/// Failures as NDJSON: a line a record, as it was sent, with what is wrong. `None` where the text is not
/// what [`failures`] wrote.
pub fn failed_ndjson(kept: &[u8]) -> Option<Vec<u8>> {
    let mut lines = String::new();
    for failed in Failed::read(kept)? {
        let text = failed.text();
        let object = if text.starts_with('{') { text } else { serde_json::json!({ RAW: text }).to_string() };
        lines.push_str(&failed::line(&object, failed.errors().each_ref().map(String::as_str)));
        lines.push('\n');
    }
    Some(lines.into_bytes())
}

/// Failures as CSV: the fields of the contract, what is wrong, and between them the text of records that are
/// not made of fields with texts, if there are any. Members that the contract does not know are left out.
pub fn failed_csv(kept: &[u8]) -> Option<Vec<u8>> {
    let rows: Vec<(Cells, Failed<'_>)> =
        Failed::read(kept)?.into_iter().map(|failed| (Cells::of(&failed.text()), failed)).collect();
    let has_raw = rows.iter().any(|(cells, _)| cells.raw.is_some());
    let names = RULES.iter().map(|rule| rule.name).chain(has_raw.then_some(RAW)).chain(ERROR_FIELDS);
    let mut csv = failed::row(names.map(Value::Text), ',') + "\n";
    for (cells, failed) in &rows {
        let raw = has_raw.then(|| cells.raw.as_deref().map_or(Value::Absent, Value::Text));
        let values = cells.fields.iter().map(|field| match field {
            Cell::Absent => Value::Absent,
            Cell::Null => Value::Null,
            Cell::Text(text) => Value::Text(text),
        });
        let errors = failed.errors();
        let errors = failed::error_cells(errors.each_ref().map(String::as_str));
        csv.push_str(&failed::row(values.chain(raw).chain(errors), ','));
        csv.push('\n');
    }
    Some(csv.into_bytes())
}

/// A [`Value`] of its own.
#[derive(Default)]
enum Cell {
    #[default]
    Absent,
    Null,
    Text(String),
}

/// A record in cells.
#[derive(Default)]
struct Cells {
    /// Absent, null or text, for each of [`RULES`].
    fields: [Cell; RULES.len()],
    /// The whole record, if the cells do not say all that the contract knows of it.
    raw: Option<String>,
}

impl Cells {
    fn of(record: &str) -> Self {
        let mut cells = Self::default();
        let Some(members) = Members::read(record).ok().filter(|members| !members.too_many) else {
            cells.raw = Some(record.to_owned()).filter(|text| !text.is_empty());
            return cells;
        };
        for (cell, rule) in cells.fields.iter_mut().zip(&RULES) {
            let Some(member) = Member::of(rule.name) else { continue };
            match members.sent(member) {
                Sent::Nothing => {}
                Sent::Once("null") => *cell = Cell::Null,
                Sent::Once(json) => match decode(json).filter(|_| json_type(json) == JsonType::String) {
                    Some(text) => *cell = Cell::Text(text.into_owned()),
                    None => cells.raw = Some(record.to_owned()),
                },
                Sent::MoreThanOnce => cells.raw = Some(record.to_owned()),
            }
        }
        cells
    }
}

#[cfg(test)]
mod tests {
    use directory::{Batch, Failure, Field, GroupId, RecordOutcome, TenantId};

    use super::*;
    use crate::groups::{Handling, read};

    /// What is kept of these records, all of which fail, within these bounds: indexes and the number left out.
    fn kept(most: usize, bytes: usize, records: &[&str]) -> (Vec<u64>, u32, usize) {
        let body = format!(r#"{{"groups":[{}]}}"#, records.join(", "));
        let reading = read(body.as_bytes(), Handling::Lenient).expect("a body");
        let found = within(most, bytes, body.as_bytes(), &reading.notes, &all_failed(records.len()));
        let value: serde_json::Value = serde_json::from_slice(&found.text).expect("JSON");
        let indexes = value.as_array().expect("an array").iter();
        let indexes = indexes.map(|line| line["inputIndex"].as_u64().expect("a number")).collect();
        (indexes, found.omitted, found.text.len())
    }

    fn all_failed(count: usize) -> Outcome {
        let result = RecordResult::Failed(vec![Failure::RequiredFieldMissing(Field::Name)]);
        Outcome { records: vec![RecordOutcome::of(result); count] }
    }

    #[test]
    fn the_bounds_are_exact() {
        let records = vec![r#"{"externalReferenceId":"a"}"#; 5];
        assert_eq!(kept(5, 1 << 20, &records).1, 0);
        assert_eq!(kept(4, 1 << 20, &records).0, [0, 1, 2, 3]);
        assert_eq!(kept(4, 1 << 20, &records).1, 1);
        let (_, _, bytes) = kept(5, 1 << 20, &records);
        assert_eq!(kept(5, bytes, &records), ((0..5).collect(), 0, bytes));
        assert_eq!(kept(5, bytes - 1, &records).1, 1);
        for bytes in 0..bytes {
            let (listed, omitted, used) = kept(5, bytes, &records);
            assert!(used <= bytes.max(2) && listed.len() + omitted as usize == 5, "{bytes}: {used}");
        }
    }

    #[test]
    fn one_long_record_does_not_hide_the_others() {
        let long = format!(r#"{{"externalReferenceId":"{}"}}"#, "x".repeat(5000));
        let (listed, omitted, _) = kept(9, 2000, &["{}", &long, "{}"]);
        assert_eq!((listed, omitted), (vec![0, 2], 1));
    }

    #[test]
    fn only_failures_are_kept() {
        let body = br#"{"groups":[{"externalReferenceId":"a"},{"externalReferenceId":"b"}]}"#;
        let reading = read(body, Handling::Lenient).expect("a body");
        let batch = Batch::new(TenantId(1), reading.records).expect("a batch");
        let mut outcome = all_failed(batch.records.len());
        outcome.records[0].result = RecordResult::Unchanged { id: GroupId::MAX };
        let found = failures(body, &reading.notes, &outcome);
        assert_eq!(
            String::from_utf8(found.text).expect("UTF-8"),
            r#"[{"inputIndex":1,"externalReferenceId":"b","errors":[{"code":"REQUIRED_FIELD_MISSING","field":"name","message":"name is missing: a group that does not exist yet needs one."}],"record":{"externalReferenceId":"b"}}]"#
        );
    }

    /// A record as it comes back in NDJSON and in a row of CSV, both without what is wrong with it.
    fn check(record: &str, ndjson: &str, csv: &str) {
        let body = format!(r#"{{"groups":[{record}]}}"#);
        let reading = read(body.as_bytes(), Handling::Lenient).expect("a body");
        let kept = failures(body.as_bytes(), &reading.notes, &all_failed(1)).text;
        let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.expect("read")).expect("UTF-8");
        let wrong = r#""_error_code":"REQUIRED_FIELD_MISSING","_error_reason":"","_error_field":"name","#;
        let line = text(failed_ndjson(&kept));
        let (found, rest) = line.split_once(wrong).expect("what is wrong");
        assert_eq!((found, rest.lines().count()), (ndjson, 1), "{record}");
        let table = text(failed_csv(&kept));
        let (_, row) = table.split_once('\n').expect("a header");
        let (found, _) = row.split_once(",REQUIRED_FIELD_MISSING,,name,").expect("what is wrong");
        assert_eq!(found, csv, "{record}");
    }

    #[test]
    fn records_come_back_as_they_were_sent() {
        check(
            "{\"externalReferenceId\":\"a,b\",\n  \"name\": \"\\u00e9 \\\"q\\\"\"}",
            r#"{"externalReferenceId":"a,b",   "name": "\u00e9 \"q\"","#,
            r#""a,b",,"é ""q""",,,,"#,
        );
        check(
            r#"{"description":"","photoUrl":null,"name":"\\N","extra":[1]}"#,
            r#"{"description":"","photoUrl":null,"name":"\\N","extra":[1],"#,
            r#",,"\N","",,\N,"#,
        );
        check(r#"{"name":"=1+1"}"#, r#"{"name":"=1+1","#, ",,=1+1,,,,");
        check("{}", "{", ",,,,,,");
        // What cells cannot say.
        check("[1,\n2]", r#"{"_raw":"[1, 2]","#, r#",,,,,,,"[1, 2]""#);
        check("null", r#"{"_raw":"null","#, ",,,,,,,null");
        check(r#"{"name":5}"#, r#"{"name":5,"#, r#",,,,,,,"{""name"":5}""#);
        check(
            r#"{"name":"a","name":"b"}"#,
            r#"{"name":"a","name":"b","#,
            r#",,,,,,,"{""name"":""a"",""name"":""b""}""#,
        );
        check(r#"{"name":"\ud800"}"#, r#"{"name":"\ud800","#, r#",,,,,,,"{""name"":""\ud800""}""#);
        check(r#"{"n":1e400}"#, r#"{"n":1e400,"#, ",,,,,,");
    }

    #[test]
    fn what_a_reader_of_json_cannot_read_is_a_text() {
        let body = br#"{"groups":[{"name":"\ud800"},{"n":1e400},7,{"n":1}]}"#;
        let reading = read(body, Handling::Lenient).expect("a body");
        let kept = failures(body, &reading.notes, &all_failed(4)).text;
        let value: serde_json::Value = serde_json::from_slice(&kept).expect("JSON for every reader");
        for (index, raw) in [r#"{"name":"\ud800"}"#, r#"{"n":1e400}"#, "7"].iter().enumerate() {
            assert_eq!((&value[index]["raw"], value[index].get("record")), (&(*raw).into(), None));
        }
        assert_eq!((&value[3]["record"]["n"], value[3].get("raw")), (&1.into(), None));
    }

    #[test]
    fn other_texts_are_not_read() {
        for damaged in ["", "[", "{}", "[1]"] {
            assert_eq!((failed_csv(damaged.as_bytes()), failed_ndjson(damaged.as_bytes())), (None, None));
        }
    }
}

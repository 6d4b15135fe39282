//! NDJSON: one record a line. A line goes to the server as it stands; only what a failed file added to it
//! is taken off first.

use std::borrow::Cow;
use std::fmt;

use faces::failed::{ERROR_FIELDS, RAW};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::record::{Fault, InputFault, Item, Kept};
use super::text::Text;

/// The code of a line that is not a JSON object.
const INVALID_JSON: &str = "INVALID_JSON";

/// Reads the next record; `None` at the end. Blank lines are skipped.
pub(super) fn next(text: &mut Text) -> Result<Option<Item>, InputFault> {
    let mut line = String::new();
    while text.read_line(&mut line)? {
        let content = line.trim_matches(JSON_WHITE_SPACE);
        if !content.is_empty() {
            return Ok(Some(Item { line: text.line(), content: read(content, text.line()), row: None }));
        }
        line.clear();
    }
    Ok(None)
}

const JSON_WHITE_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// The object to send, or what is kept of a line that cannot be sent.
fn read(content: &str, line: u64) -> Result<String, (Kept, Fault)> {
    let members = match serde_json::from_str::<Members>(content) {
        Ok(members) => members.0,
        Err(error) => {
            let raw = serde_json::json!({ RAW: content }).to_string();
            let fault = Fault::of_record(INVALID_JSON, describe(&error, line));
            return Err((Kept::Object(raw), fault));
        }
    };
    let is_ours = |name: &str| ERROR_FIELDS.contains(&name);
    let object = if members.iter().any(|(name, _)| is_ours(&plain_name(name))) {
        rebuild(members.iter().filter(|(name, _)| !is_ours(&plain_name(name))))
    } else {
        content.to_owned()
    };
    if members.iter().any(|(name, _)| plain_name(name) == RAW) {
        let message = format!(
            "line {line}: was not readable in an earlier import: put the repaired record of `{RAW}` here"
        );
        return Err((Kept::Object(object), Fault::of_record(INVALID_JSON, message)));
    }
    Ok(object)
}

fn rebuild<'a>(members: impl Iterator<Item = &'a (&'a RawValue, &'a RawValue)>) -> String {
    let members: Vec<String> =
        members.map(|(name, value)| format!("{}:{}", name.get(), value.get())).collect();
    format!("{{{}}}", members.join(","))
}

/// A member's name without quotes and escapes. A name that cannot be unescaped (a lone surrogate) stays as
/// it is written: it is none of ours.
fn plain_name(name: &RawValue) -> Cow<'_, str> {
    let written = name.get();
    if written.contains('\\') {
        serde_json::from_str(written).map_or(Cow::Borrowed(written), Cow::Owned)
    } else {
        Cow::Borrowed(written.trim_matches('"'))
    }
}

/// `serde_json` counts lines from the start of what it was given, which is always line 1 here.
fn describe(error: &serde_json::Error, line: u64) -> String {
    let text = error.to_string();
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    format!("line {line}, column {}: {reason}", error.column())
}

/// The members of an object in their order, names and values as they are written, doubled ones included.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("one JSON object a line")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::UTF_8;

    use faces::failed;

    use super::{Fault, Item, Kept, next};
    use crate::cli::import::text::tests::text;

    fn items(input: &str) -> Vec<Item> {
        let mut text = text(input.as_bytes(), UTF_8);
        std::iter::from_fn(|| next(&mut text).expect("readable")).collect()
    }

    /// One line in; the object that is sent, or what is kept and the message.
    fn check(line: &str, expected: Result<&str, (&str, &str)>) {
        let items = items(line);
        let found = match &items[..] {
            [Item { content: Ok(object), .. }] => Ok(object.as_str()),
            [Item { content: Err((Kept::Object(kept), fault)), .. }] => {
                assert_eq!((fault.code.as_str(), fault.field.as_str()), ("INVALID_JSON", ""));
                Err((kept.as_str(), fault.message.as_str()))
            }
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn a_line_is_sent_as_it_stands() {
        check(r#"{"name":"a", "name":"b"}"#, Ok(r#"{"name":"a", "name":"b"}"#));
        check(r#"  {"name":"\ud800","n":1e400}  "#, Ok(r#"{"name":"\ud800","n":1e400}"#));
        check(r#"{"\ud800":1}"#, Ok(r#"{"\ud800":1}"#));
        check("{}", Ok("{}"));
    }

    #[test]
    fn what_a_failed_file_added_is_taken_off() {
        check(
            r#"{"name": "a" ,"_error_code":"X","_error_field":null, "name":"b","_error_message":"…"}"#,
            Ok(r#"{"name":"a","name":"b"}"#),
        );
        check(r#"{"\u005ferror_code":"X","b":{"_error_code":1}}"#, Ok(r#"{"b":{"_error_code":1}}"#));
    }

    #[test]
    fn a_line_that_is_no_object_is_kept_and_never_sent() {
        let kept = |raw: &str| serde_json::json!({ "_raw": raw }).to_string();
        for (line, message) in [
            (r#"{"name":}"#, "line 1, column 9: expected value"),
            ("[1]", "line 1, column 0: invalid type: sequence, expected one JSON object a line"),
            ("{} {}", "line 1, column 4: trailing characters"),
            (
                "{\"a\":\"\t\"}",
                "line 1, column 6: control character (\\u0000-\\u001F) found while parsing a string",
            ),
        ] {
            check(line, Err((&kept(line), message)));
        }
        let again = r#"{"_raw":"[1]","_error_code":"INVALID_JSON"}"#;
        let message = "line 1: was not readable in an earlier import: put the repaired record of `_raw` here";
        check(again, Err((r#"{"_raw":"[1]"}"#, message)));
    }

    #[test]
    fn blank_lines_are_skipped_and_counted() {
        let lines: Vec<u64> = items("\n \t\r\n{}\r\n\n{}").iter().map(|item| item.line).collect();
        assert_eq!(lines, [3, 5]);
    }

    #[test]
    fn a_failed_line_round_trips() {
        for object in ["{}", r#"{"a":{"b":{}}}"#, r#"{ "a": "}" }"#, "{ }"] {
            let (reason, message) = ("R".into(), "\"said\"\n".into());
            let fault = Fault { code: "X".into(), reason, field: "a".into(), message };
            let line = failed::line(object, fault.cells());
            let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            assert_eq!(value["_error_message"], "\"said\"\n", "{line}");
            assert_eq!((&value["_error_code"], &value["_error_field"]), (&"X".into(), &"a".into()));
            let [Item { content: Ok(again), .. }] = &items(&line)[..] else { panic!("{line}") };
            let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
            assert_eq!(parse(again), parse(object));
        }
    }
}

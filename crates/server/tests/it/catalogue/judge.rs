//! Whether a reaction is the one expected. Everything that is wrong is told, not only the first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde_json::Value;

use super::message::Reaction;
use super::scene::State;
use crate::harness::Answer;

/// The longest answer to a request that is refused, and the longest text about one record.
pub(super) const LONGEST_TEXT: usize = 4096;
/// The most characters of the input that an error may repeat.
const LONGEST_ECHO: usize = 64;
/// How much of a large input is looked for in errors, and in how many errors.
const LOOKED_AT: usize = 100_000;
pub(super) const ERRORS_LOOKED_AT: usize = 20;
/// Members of `expect` and of its records that have a meaning of their own; any other is a member that
/// the answer must have.
const KNOWN: [&str; 9] =
    ["status", "code", "reason", "records", "state", "header", "connection", "note", "face_b"];
const KNOWN_OF_RECORDS: [&str; 5] = ["i", "outcome", "code", "reason", "warnings"];

/// What is wrong with a reaction.
#[derive(Default)]
pub(super) struct Findings(Vec<String>);

impl Findings {
    #[expect(clippy::needless_pass_by_value, reason = "the two sides read best as they stand")]
    pub(super) fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: T, expected: T) {
        if found != expected {
            self.0.push(format!("{what}: {found:?} instead of {expected:?}"));
        }
    }

    pub(super) fn holds(&mut self, what: &str, holds: bool) {
        if !holds {
            self.0.push(what.to_owned());
        }
    }

    pub(super) fn verdict(self) -> Result<(), String> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0.join("; ")) }
    }
}

/// Compares a reaction with what the catalogue expects.
pub(super) fn judge(reaction: &Reaction, expect: &Value) -> Result<(), String> {
    let Reaction { answer, before, after, .. } = reaction;
    let mut findings = Findings::default();
    findings.same("status", Some(u64::from(answer.status)), expect["status"].as_u64());
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if expect["code"].is_string() && !is_silent(answer, expect) {
        check_problem(&mut findings, answer, &body, expect);
    }
    if expect["connection"] == "close" {
        findings.holds("the connection was not closed", reaction.closed);
    }
    check_headers(&mut findings, answer, &expect["header"]);
    let input = reaction.sent.input();
    let results = body["results"].as_array().map_or(&[][..], Vec::as_slice);
    check_records(&mut findings, results, &expect["records"]);
    match expect["state"].as_str() {
        Some("unchanged") => findings.holds("the state moved", before == after),
        Some("applied" | "others_applied") => {
            let records = input["groups"].as_array().map_or(&[][..], Vec::as_slice);
            check_applied(&mut findings, records, results, before, after);
        }
        other => findings.holds(&format!("state {other:?} is not known"), false),
    }
    check_echo(&mut findings, reaction, &input, &body);
    findings.verdict()
}

/// What hyper cannot parse, it answers itself, without a body.
pub(super) fn is_silent(answer: &Answer, expect: &Value) -> bool {
    expect["reason"] == "FRAMING" && answer.status == 400 && answer.body.is_empty()
}

fn check_problem(findings: &mut Findings, answer: &Answer, body: &Value, expect: &Value) {
    findings.same("content type", answer.header("content-type"), Some("application/problem+json"));
    findings.same("code", body["code"].as_str(), expect["code"].as_str());
    if let Some(reason) = expect["reason"].as_str() {
        findings.same("reason", body["reason"].as_str(), Some(reason));
    }
    findings.same("status in the body", body["status"].as_u64(), Some(u64::from(answer.status)));
    for name in ["type", "title", "detail", "requestId"] {
        findings.holds(&format!("no {name}"), body[name].is_string());
    }
    if body["code"] == "UNAUTHENTICATED" {
        // Whatever is wrong with a key, it is told in one and the same way.
        static FIRST: OnceLock<Value> = OnceLock::new();
        let mut body = body.clone();
        body["requestId"] = Value::Null;
        findings.same("what is said of keys", &body, FIRST.get_or_init(|| body.clone()));
    }
    findings.holds("the answer is over 4 KiB", answer.body.len() <= LONGEST_TEXT);
    for (name, value) in expect.as_object().unwrap() {
        if !KNOWN.contains(&name.as_str()) {
            findings.same(name, &body[name], value);
        }
    }
}

/// A header is a text, or a range of numbers.
pub(super) fn check_headers(findings: &mut Findings, answer: &Answer, expected: &Value) {
    for (name, value) in expected.as_object().into_iter().flatten() {
        let (found, value) = (answer.header(&name.to_lowercase()), value.as_str().unwrap());
        let range = value
            .split_once("..")
            .and_then(|(least, most)| Some(least.parse::<u32>().ok()?..=most.parse::<u32>().ok()?));
        match range {
            Some(range) => {
                let number = found.and_then(|text| text.parse().ok());
                findings
                    .holds(&format!("{name}: {found:?}"), number.is_some_and(|found| range.contains(&found)));
            }
            None => findings.same(name, found, Some(value)),
        }
    }
    for (name, value) in [("x-content-type-options", "nosniff"), ("cache-control", "no-store")] {
        let silent = answer.body.is_empty();
        findings.holds(&format!("no {name}: {value}"), silent || answer.header(name) == Some(value));
    }
    findings.same("cross-origin header", answer.header("access-control-allow-origin"), None);
}

fn check_records(findings: &mut Findings, results: &[Value], expected: &Value) {
    match expected {
        Value::Array(records) => {
            findings.same("results", results.len(), records.len());
            for record in records {
                let index = usize::try_from(record["i"].as_u64().unwrap()).unwrap();
                check_record(findings, results.get(index).unwrap_or(&Value::Null), record);
            }
        }
        Value::String(words) => {
            for phrase in words.split(", ") {
                check_phrase(findings, results, phrase);
            }
        }
        _ => {}
    }
}

fn check_record(findings: &mut Findings, result: &Value, expected: &Value) {
    let what = |name: &str| format!("{name} of record {}", expected["i"]);
    let error = &result["errors"][0];
    findings.same(&what("index"), &result["inputIndex"], &expected["i"]);
    findings.same(&what("outcome"), &result["status"], &expected["outcome"]);
    findings.same(&what("code"), &error["code"], &expected["code"]);
    if expected.get("reason").is_some() {
        findings.same(&what("reason"), &error["reason"], &expected["reason"]);
    }
    if let Some(warnings) = expected.get("warnings") {
        let codes =
            result["warnings"].as_array().into_iter().flatten().map(|warning| warning["code"].clone());
        findings.same(&what("warnings"), &codes.collect::<Value>(), warnings);
    }
    for (name, value) in expected.as_object().unwrap() {
        if !KNOWN_OF_RECORDS.contains(&name.as_str()) {
            let found = result.get(name).or_else(|| error.get(name)).unwrap_or(&Value::Null);
            findings.same(&what(name), found, value);
        }
    }
}

/// `998 created`, `1000 failed CODE`, `0 and 999 failed CODE`.
fn check_phrase(findings: &mut Findings, results: &[Value], phrase: &str) {
    let words: Vec<&str> = phrase.split(' ').collect();
    let fits = |result: &Value, outcome: &str, code: Option<&&str>| {
        result["status"] == outcome && code.is_none_or(|code| result["errors"][0]["code"] == **code)
    };
    match (words[0].parse::<usize>(), &words[..]) {
        (Ok(first), [_, "and", second, outcome, code @ ..]) => {
            for index in [first, second.parse().unwrap()] {
                let fits = results.get(index).is_some_and(|result| fits(result, outcome, code.first()));
                findings.holds(&format!("record {index} is not {outcome} {code:?}"), fits);
            }
        }
        (Ok(count), [_, outcome, code @ ..]) => {
            let found = results.iter().filter(|result| fits(result, outcome, code.first())).count();
            findings.same(phrase, found, count);
        }
        _ => findings.holds(&format!("{phrase:?} cannot be read"), false),
    }
}

type ById<'a> = BTreeMap<&'a str, &'a Value>;

fn by_id(groups: &[Value]) -> ById<'_> {
    groups.iter().map(|group| (group["id"].as_str().unwrap(), group)).collect()
}

/// Those groups moved of which the answer says so, no others, and they hold what was sent.
pub(super) fn check_applied(
    findings: &mut Findings,
    records: &[Value],
    results: &[Value],
    before: &State,
    after: &State,
) {
    findings.holds("the other tenant moved", before.t2 == after.t2);
    let (old, new) = (by_id(&before.t1), by_id(&after.t1));
    let moved: BTreeSet<&str> =
        new.iter().filter(|(id, group)| old.get(*id) != Some(group)).map(|(id, _)| *id).collect();
    let told =
        results.iter().filter(|result| ["created", "updated"].iter().any(|done| result["status"] == *done));
    let told: BTreeSet<&str> = told.map(|result| result["id"].as_str().unwrap()).collect();
    findings.same("groups that moved", &moved, &told);
    findings.holds("a group is gone", old.keys().all(|id| new.contains_key(id)));
    let last = before.t1.iter().filter_map(|group| group["revision"].as_u64()).max().unwrap_or(0);
    for id in moved {
        findings.same("revision of what moved", new[id]["revision"].as_u64(), Some(last + 1));
    }
    for (record, result) in records.iter().zip(results).filter(|(_, result)| result["status"] != "failed") {
        let Some(id) = result["id"].as_str() else { continue };
        check_stored(
            findings,
            record,
            result,
            old.get(id).copied(),
            new.get(id).copied().unwrap_or(&Value::Null),
        );
    }
}

/// A value that was sent is stored, one that was not stays.
fn check_stored(findings: &mut Findings, record: &Value, result: &Value, old: Option<&Value>, new: &Value) {
    let fields =
        ["externalReferenceType", "name", "description", "parentExternalReferenceId", "photoUrl", "logoUrl"];
    let key = result.get("canonicalKey").unwrap_or(&record["externalReferenceId"]);
    findings.same("stored key", &new["externalReferenceId"], key);
    let picture = record.get("photoUrl").or_else(|| record.get("logoUrl"));
    for name in fields {
        let sent = if name.ends_with("Url") { picture } else { record.get(name) };
        let kept = || old.map_or(&Value::Null, |old| &old[name]);
        // A parent is shown by its key in NFC.
        let other_form = name.starts_with("parent") && sent.is_some_and(|sent| !sent.to_string().is_ascii());
        if !other_form {
            findings.same(&format!("stored {name}"), &new[name], sent.unwrap_or_else(kept));
        }
    }
}

/// No error repeats more than 64 characters of what was sent, or is longer than 4 KiB.
fn check_echo(findings: &mut Findings, reaction: &Reaction, input: &Value, body: &Value) {
    let mut texts = Vec::new();
    collect(body.get("detail"), &mut texts);
    for result in body["results"].as_array().into_iter().flatten() {
        collect(result.get("errors"), &mut texts);
        collect(result.get("warnings"), &mut texts);
        if texts.len() > ERRORS_LOOKED_AT {
            break;
        }
    }
    check_texts(findings, reaction, input, &texts);
}

/// The same of texts that were found.
pub(super) fn check_texts(findings: &mut Findings, reaction: &Reaction, input: &Value, texts: &[&str]) {
    let mut sent = Vec::new();
    collect(Some(input), &mut sent);
    let raw = String::from_utf8_lossy(&reaction.sent.bytes()).into_owned();
    let mut said: Vec<String> = sent.into_iter().chain([raw.as_str()]).map(ToOwned::to_owned).collect();
    for text in &mut said {
        *text = text.chars().take(LOOKED_AT).collect();
    }
    for text in texts {
        findings.holds("a text is over 4 KiB", text.len() <= LONGEST_TEXT);
        let characters: Vec<char> = text.chars().collect();
        let echoed = characters.windows(LONGEST_ECHO + 1).map(String::from_iter);
        let echoed = echoed.into_iter().any(|window| said.iter().any(|said| said.contains(&window)));
        findings.holds(&format!("more than 64 characters of the input are repeated: {text:.200}"), !echoed);
    }
}

/// Every text in a value.
pub(super) fn collect<'v>(value: Option<&'v Value>, texts: &mut Vec<&'v str>) {
    match value {
        Some(Value::String(text)) => texts.push(text),
        Some(Value::Array(elements)) => elements.iter().for_each(|element| collect(Some(element), texts)),
        Some(Value::Object(members)) => members.values().for_each(|member| collect(Some(member), texts)),
        _ => {}
    }
}

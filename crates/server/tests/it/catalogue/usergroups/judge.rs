//! Whether an answer of contract 2 is the one expected. Everything that is wrong is told, not only the first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::super::judge::{
    ERRORS_LOOKED_AT, Findings, LONGEST_TEXT, check_headers, check_texts, collect, is_silent,
};
use super::super::message::Reaction;
use super::super::scene::{Scene, State};
use super::verify::check_stored;
use crate::harness::{Answer, Client};

/// Members of `expect` and of its records that have a meaning of their own; any other is a member that the
/// answer must have.
const KNOWN: [&str; 12] = [
    "status",
    "code",
    "reason",
    "field",
    "pointer",
    "records",
    "state",
    "header",
    "connection",
    "note",
    "face_b",
    "number",
];
const KNOWN_OF_RECORDS: [&str; 5] = ["i", "outcome", "code", "reason", "field"];
/// How many usergroups of an answer are looked up one by one.
const READ_BACK: usize = 10;

/// Compares a reaction with what the catalogue expects.
pub(in super::super) fn judge(scene: &Scene<'_>, reaction: &Reaction, expect: &Value) -> Result<(), String> {
    let (answer, expect) = (&reaction.answer, in_our_words(expect));
    let mut findings = Findings::default();
    findings.same("status", Some(u64::from(answer.status)), expect["status"].as_u64());
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if !is_silent(answer, &expect) {
        findings.same("content type", answer.header("content-type"), Some("application/json"));
        findings.same("return format", answer.header("return-format"), Some("application/json"));
        findings.holds("no x-request-id", answer.header("x-request-id").is_some_and(|id| !id.is_empty()));
        if expect["code"].is_string() {
            check_error(&mut findings, &scene.t1, answer, &body, &expect);
        }
    }
    if expect["connection"] == "close" {
        findings.holds("the connection was not closed", reaction.closed);
    }
    check_headers(&mut findings, answer, &expect["header"]);
    let input = reaction.sent.input();
    if answer.status == 200 {
        check_envelope(&mut findings, &input, &body);
    }
    let entries = body["data"].as_array().map_or(&[][..], Vec::as_slice);
    if let Some(records) = expect["records"].as_array() {
        findings.same("entries", entries.len(), records.len());
        for record in records {
            let index = usize::try_from(record["i"].as_u64().unwrap()).unwrap();
            check_entry(&mut findings, entries.get(index).unwrap_or(&Value::Null), record);
        }
    }
    match expect["state"].as_str() {
        Some("unchanged") => findings.holds("the state moved", reaction.before == reaction.after),
        Some("applied" | "others_applied") => {
            let items = input["usergroups"].as_array().map_or(&[][..], Vec::as_slice);
            check_applied(&mut findings, scene, items, entries, reaction);
        }
        other => findings.holds(&format!("state {other:?} is not known"), false),
    }
    check_echo(&mut findings, reaction, &input, &body);
    findings.verdict()
}

/// What is expected, as this contract says it: `face_b` instead of what it replaces, and what was said of a record
/// that is refused with its whole call said of the call.
fn in_our_words(expect: &Value) -> Value {
    let (mut ours, own) = (expect.clone(), &expect["face_b"]);
    ours["number"] = own.get("code").unwrap_or(&expect["status"]).clone();
    for name in ["status", "type", "state"] {
        if let Some(value) = own.get(name) {
            ours[name] = value.clone();
        }
    }
    if ours["status"] == 200 || ours["code"].is_string() {
        return ours;
    }
    let records = ours.as_object_mut().unwrap().remove("records").unwrap_or_default();
    let Some(bad) = records.as_array().and_then(|records| records.iter().find(|one| one["code"].is_string()))
    else {
        return ours;
    };
    // What is missing is a violation of the schema like any other.
    ours["code"] = "VALIDATION_ERROR".into();
    ours["reason"] = bad.get("reason").unwrap_or(&bad["code"]).clone();
    ours["pointer"] = format!("#/usergroups/{}", bad["i"]).into();
    if let Some(field) = bad.get("field") {
        ours["field"] = field_of(field);
    }
    ours
}

/// What the shared records call by the key of contract 1.
fn field_of(field: &Value) -> Value {
    if field == "externalReferenceId" { json!("id") } else { field.clone() }
}

fn check_error(findings: &mut Findings, client: &Client, answer: &Answer, body: &Value, expect: &Value) {
    let error = &body["error"];
    findings.same("members of the body", body.as_object().map(serde_json::Map::len), Some(1));
    findings.same("code", &error["code"], &expect["number"]);
    findings.same("errorCode", &error["errorCode"], &expect["code"]);
    findings.same("status in the body", error["status"].as_u64(), Some(u64::from(answer.status)));
    for name in ["reason", "field", "pointer"] {
        if expect.get(name).is_some() {
            findings.same(name, &error[name], &expect[name]);
        }
    }
    findings.holds("no type", error["type"].as_str().is_some_and(|kind| !kind.is_empty()));
    let messages = error["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let said = messages.iter().all(|message| message.as_str().is_some_and(|text| !text.is_empty()));
    findings.holds("no messages", !messages.is_empty() && said);
    check_page(findings, client, error);
    if error["errorCode"] == "UNAUTHENTICATED" {
        // Whatever is wrong with a key, it is told in one and the same way.
        static FIRST: OnceLock<Value> = OnceLock::new();
        findings.same("what is said of keys", body, FIRST.get_or_init(|| body.clone()));
    }
    findings.holds("the answer is over 4 KiB", answer.body.len() <= LONGEST_TEXT);
    for (name, value) in expect.as_object().unwrap() {
        if !KNOWN.contains(&name.as_str()) {
            findings.same(name, &error[name], value);
        }
    }
}

/// `moreInfo` leads to what this server says of the code.
fn check_page(findings: &mut Findings, client: &Client, error: &Value) {
    let path = error["moreInfo"].as_str().unwrap_or("");
    if !path.starts_with('/') {
        return findings.holds(&format!("moreInfo {path:?} does not lead into this server"), false);
    }
    let page = client.get(path).send();
    let title = format!("{} {}\n", error["code"], error["type"].as_str().unwrap_or(""));
    findings
        .holds(&format!("{path} is no page about it"), page.status == 200 && page.text().starts_with(&title));
}

/// A call that was carried out has one entry an item, in order, each with the key that was sent.
fn check_envelope(findings: &mut Findings, input: &Value, body: &Value) {
    let entries = body["data"].as_array().map_or(&[][..], Vec::as_slice);
    let items = input["usergroups"].as_array().map_or(&[][..], Vec::as_slice);
    let rest = json!({"data": [], "messages": ["Completed"], "total": items.len()});
    let mut found = body.clone();
    found["data"] = json!([]);
    findings.same("the envelope", found, rest);
    findings.same("entries", entries.len(), items.len());
    for (index, (entry, item)) in entries.iter().zip(items).enumerate() {
        let what = |name: &str| format!("{name} of entry {index}");
        findings.same(&what("key"), &entry["key"], &item["id"]);
        findings.same(&what("lookupKey"), &entry["lookupKey"], &json!("id"));
        let failed = entry["success"] == false;
        findings.same(&what("error"), entry["error"].as_str().is_some_and(|text| !text.is_empty()), failed);
        findings.same(&what("errorCode"), entry["errorCode"].is_string(), failed);
        let id = if failed || entry["action"] == "skip" { None } else { Some(&item["id"]) };
        findings.same(&what("id"), entry.get("id"), id);
        let more = ["reason", "field", "peers", "parentIndex"].iter().any(|name| entry.get(name).is_some());
        findings.holds(&what("success with a fault"), failed || !more);
    }
}

fn check_entry(findings: &mut Findings, entry: &Value, expected: &Value) {
    let what = |name: &str| format!("{name} of entry {}", expected["i"]);
    findings.same(&what("outcome"), outcome(entry), expected["outcome"].as_str());
    findings.same(&what("errorCode"), &entry["errorCode"], &expected["code"]);
    if let Some(reason) = expected.get("reason") {
        findings.same(&what("reason"), &entry["reason"], reason);
    }
    if let Some(field) = expected.get("field") {
        findings.same(&what("field"), &entry["field"], &field_of(field));
    }
    for (name, value) in expected.as_object().unwrap() {
        if !KNOWN_OF_RECORDS.contains(&name.as_str()) {
            findings.same(&what(name), &entry[name], value);
        }
    }
}

/// What became of an item, in the words of the catalogue.
fn outcome(entry: &Value) -> Option<&'static str> {
    let message = entry["message"].as_str();
    Some(match (entry["action"].as_str()?, entry["success"].as_bool()?) {
        ("create" | "update", false) => "failed",
        ("create", true) if message != Some("Unchanged") => "created",
        ("update", true) if message == Some("Unchanged") => "unchanged",
        ("update", true) => "updated",
        ("skip", true) if message == Some("Skipped: does not exist") => "skipped",
        _ => return None,
    })
}

type ById<'a> = BTreeMap<&'a str, &'a Value>;

fn by_id(groups: &[Value]) -> ById<'_> {
    groups.iter().map(|group| (group["id"].as_str().unwrap(), group)).collect()
}

/// Those usergroups moved of which the answer says so, no others, and they hold what was sent.
fn check_applied(
    findings: &mut Findings,
    scene: &Scene<'_>,
    items: &[Value],
    entries: &[Value],
    reaction: &Reaction,
) {
    let (before, after) = (&reaction.before, &reaction.after);
    findings.holds("the other tenant moved", before.t2 == after.t2);
    let (old, new) = (by_id(&before.t1), by_id(&after.t1));
    let moved = new.iter().filter(|(id, group)| old.get(*id) != Some(group)).map(|(id, _)| (*id).to_owned());
    let moved: BTreeSet<String> = moved.collect();
    let told = entries.iter().filter(|entry| matches!(outcome(entry), Some("created" | "updated")));
    let told: BTreeSet<String> = told.map(|entry| entry["id"].to_string()).collect();
    findings.same("usergroups that moved", &moved, &told);
    findings.holds("a usergroup is gone", old.keys().all(|id| new.contains_key(id)));
    let last = before.t1.iter().filter_map(|group| group["revision"].as_u64()).max().unwrap_or(0);
    for id in &moved {
        findings.same("revision of what moved", new[id.as_str()]["revision"].as_u64(), Some(last + 1));
    }
    check_details(findings, before, after, &told);
    let done = items.iter().zip(entries).filter(|(_, entry)| entry.get("id").is_some());
    for (item, entry) in done.take(READ_BACK) {
        let old = before.details.iter().find(|shown| shown["id"] == entry["id"]);
        check_stored(findings, &scene.t1, item, entry, old);
    }
}

/// What this contract shows of the others is as it was. Attributes may be inherited, so they are looked at where
/// nothing moved.
fn check_details(findings: &mut Findings, before: &State, after: &State, told: &BTreeSet<String>) {
    for (old, new) in before.details.iter().zip(&after.details) {
        if told.contains(&old["id"].to_string()) {
            continue;
        }
        for name in ["fields", "addresses"] {
            findings.same(&format!("{name} of {}", old["id"]), &new[name], &old[name]);
        }
        if told.is_empty() || old["id"] == 100 {
            findings.same(&format!("attributes of {}", old["id"]), &new["attributes"], &old["attributes"]);
        }
    }
}

/// No error repeats more than 64 characters of what was sent, or is longer than 4 KiB.
fn check_echo(findings: &mut Findings, reaction: &Reaction, input: &Value, body: &Value) {
    let mut texts = Vec::new();
    for name in ["messages", "field", "pointer"] {
        collect(body["error"].get(name), &mut texts);
    }
    for entry in body["data"].as_array().into_iter().flatten() {
        for name in ["message", "error", "field", "skipped"] {
            collect(entry.get(name), &mut texts);
        }
        if texts.len() > ERRORS_LOOKED_AT {
            break;
        }
    }
    check_texts(findings, reaction, input, &texts);
}

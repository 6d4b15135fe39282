//! What is stored after a case, read back in contract 2's words.

use serde_json::{Value, json};

use super::super::judge::Findings;
use super::super::message::Reaction;
use super::super::scene::Scene;
use super::scene::{fields_path, shown};
use crate::harness::Client;

/// The fields of an item that are shown as they are sent, and what they are when it is created without them.
const FIELDS: [(&str, &str); 10] = [
    ("name", ""),
    ("company", ""),
    ("department", ""),
    ("office", ""),
    ("notes", ""),
    ("inheritProductList", "Y"),
    ("inheritOrderList", "Y"),
    ("budgetInherit", "Y"),
    ("budget", "N"),
    ("orderListAllowAll", "U"),
];

/// A value that was sent is stored, unless it was skipped; one that was not stays.
pub(super) fn check_stored(
    findings: &mut Findings,
    client: &Client,
    item: &Value,
    entry: &Value,
    old: Option<&Value>,
) {
    let Some(id) = entry["id"].as_u64() else { return findings.holds("an id is no number", false) };
    let new = shown(client, id);
    let (fields, old_fields) = (&new["fields"], old.map(|old| &old["fields"]));
    let sent = |name: &str| item.get(name).filter(|_| !skipped(entry, name));
    findings.same("stored id", &fields["id"], &entry["id"]);
    for (name, default) in FIELDS {
        let kept = old_fields.map_or(json!(default), |old| old[name].clone());
        let expected =
            sent(name).map_or(kept, |value| if value.is_null() { json!("") } else { value.clone() });
        findings.same(&format!("stored {name}"), &fields[name], &expected);
    }
    let kept = |name: &str| old_fields.map_or(Value::Null, |old| old[name].clone());
    let language = sent("language").map_or(kept("language"), |value| {
        value.as_str().map_or(Value::Null, |text| json!(text.to_uppercase()))
    });
    findings.same("stored language", &fields["language"], &language);
    let parent = sent("parent").map_or(kept("parent")["id"].clone(), |parent| parent["id"].clone());
    findings.same("stored parent", &fields["parent"]["id"], &parent);
    let sources = sent("sourceId").map_or_else(
        || old_fields.map_or(json!([]), |old| old["sources"].clone()),
        |key| json!([{"sourceId": key, "source": item["source"]}]),
    );
    findings.same("stored sources", &fields["sources"], &sources);
    for (member, is_same) in [("attributes", is_value as fn(_, _) -> _), ("addresses", is_address)] {
        for part in item[member].as_array().into_iter().flatten() {
            let stored = new[member].as_array().is_some_and(|all| all.iter().any(|one| is_same(part, one)));
            findings.holds(&format!("{part} is not among the stored {member}: {}", new[member]), stored);
        }
        if item.get(member).is_none() {
            // What is created inherits attributes, and has no addresses.
            let none = if member == "attributes" { new[member].clone() } else { json!([]) };
            let kept = old.map_or(none, |old| old[member].clone());
            findings.same(&format!("stored {member}"), &new[member], &kept);
        }
    }
}

fn skipped(entry: &Value, name: &str) -> bool {
    entry["skipped"].as_array().is_some_and(|names| names.iter().any(|skipped| skipped == name))
}

/// Whether an attribute is shown with the value that was sent, as the usergroup's own; or, where none was sent, as
/// inherited.
fn is_value(sent: &Value, shown: &Value) -> bool {
    if shown["name"] != sent["name"] {
        return false;
    }
    let inherited = json!(sent.get("value").is_none());
    let parts = shown["value"].as_array().filter(|_| shown["type"] == "text");
    let Some(parts) = parts else {
        return shown["inherited"] == inherited
            && (sent["type"] == "datetime" || shown["value"] == sent["value"]);
    };
    let is_text = |part: &Value| sent["value"].as_str().is_none_or(|text| part["value"] == text);
    parts.iter().all(|part| part["inherited"] == inherited && is_text(part))
}

/// Whether an address is shown as it was sent; countries are shown in upper case.
fn is_address(sent: &Value, shown: &Value) -> bool {
    let kept = |name: &str, value: &Value| match value.as_str() {
        Some(country) if name == "country" => json!(country.to_uppercase()),
        _ => value.clone(),
    };
    sent.as_object().unwrap().iter().all(|(name, value)| shown[name] == kept(name, value))
}

/// What a case alone asks to be read back.
pub(in super::super) fn read_back(scene: &Scene<'_>, id: &str, reaction: &Reaction) -> Result<(), String> {
    let mut findings = Findings::default();
    match id {
        "S-030" => {
            let stored = &reaction.after.details[1]["fields"];
            let chosen = ["budget", "inheritProductList", "orderListAllowAll"].map(|name| &stored[name]);
            findings.same("what was chosen", chosen, [&json!("H"), &json!("N"), &json!("P")]);
        }
        "N-016" => {
            let answer = scene.t1.get(&fields_path(9_007_199_254_740_991)).send();
            findings.holds("its id has other digits", answer.text().contains(r#""id":9007199254740991,"#));
        }
        "I-025" => {
            let found = scene.t1.get("/v3/groups/150").send().json();
            findings.same("150 is archived", &found["archived"], &json!(true));
        }
        // Digit for digit, in JSON, or refused.
        "Y-007" if reaction.answer.json()["data"][0]["success"] == true => {
            check_shown(&mut findings, scene, &["123456789012345678901234567890.123"]);
        }
        "Y-016" => check_shown(&mut findings, scene, &["of 100"]),
        // The same instant, to the precision that is kept.
        "D-015" => {
            let moments = ["2026-02-02T20:00:00.123", "2026-02-03T10:00:00.123456789+14:00"];
            check_shown(&mut findings, scene, &moments);
        }
        _ => {}
    }
    findings.verdict()
}

/// The attributes that 101 shows hold one of these texts.
fn check_shown(findings: &mut Findings, scene: &Scene<'_>, texts: &[&str]) {
    let attributes = scene.t1.get("/usergroups/id/101/attributes?offset=100").send();
    let holds = texts.iter().any(|text| attributes.text().contains(text));
    findings.holds(&format!("none of {texts:?} is in {}", attributes.text()), holds);
}

//! Usergroups, as far as the client can tell: lookup keys, parents, one directive, refusals of a whole call.

use serde_json::{Map, Value, json};

use super::State;

type Answer = (&'static str, &'static str, String);

/// The answer to a request for this face; `None` where it is none.
pub(super) fn answer(state: &mut State, request: &str, body: &str) -> Option<Answer> {
    let target = request.strip_suffix(" HTTP/1.1")?;
    if let Some(name) = target.strip_prefix("GET /attributes/name/") {
        let kind = state.attributes.get(name.strip_suffix("?attributeClass=user")?);
        return Some(match kind {
            Some(kind) => ("200 OK", "", json!({"data": {"id": 1, "name": name, "type": kind}}).to_string()),
            None => refuse("404 Not Found", 14001, "Attribute not found."),
        });
    }
    let target = target.strip_prefix("POST /usergroups/bulk/")?;
    let (key, dry) = target.split_once("?dryRun=true").map_or((target, false), |(key, _)| (key, true));
    Some(bulk(state, key, body, dry))
}

fn refuse(status: &'static str, code: u64, message: &str) -> Answer {
    let error = json!({"code": code, "type": "T", "errorCode": "VALIDATION_ERROR", "reason": "R", "messages": [message]});
    (status, "x-request-id: r7\r\n", json!({ "error": error }).to_string())
}

fn bulk(state: &mut State, key: &str, body: &str, dry: bool) -> Answer {
    let Ok(request) = serde_json::from_str::<Value>(body) else {
        return refuse("400 Bad Request", 10005, "not JSON");
    };
    let items = request["usergroups"].as_array().expect("usergroups");
    let mut wrong = items.iter().enumerate().filter_map(|(place, item)| {
        if item[key].is_null() {
            return Some((10016, format!("#/usergroups/{place}: required key [{key}] not found")));
        }
        let colour = !item["colour"].is_null();
        colour.then(|| (10007, format!("#/usergroups/{place}: extraneous key [colour] is not permitted")))
    });
    if let Some((code, message)) = wrong.next() {
        return refuse("400 Bad Request", code, &message);
    }
    let skips = request["directives"].to_string().contains("skipCreate");
    let entries: Vec<Value> = items.iter().map(|item| entry(state, items, item, key, skips)).collect();
    if !dry {
        for (item, entry) in items.iter().zip(&entries) {
            if entry["success"] == true && entry["action"] != "skip" {
                let stored = state.usergroups.entry(item[key].to_string()).or_default();
                stored.extend(item.as_object().expect("an object").clone());
            }
        }
    }
    let total = entries.len();
    let body = json!({"data": entries, "messages": ["Completed"], "total": total});
    ("200 OK", "", body.to_string())
}

fn entry(state: &State, items: &[Value], item: &Value, key: &str, skips: bool) -> Value {
    let stored: Option<&Map<String, Value>> = state.usergroups.get(&item[key].to_string());
    let parent = &item["parent"];
    let is_parent = |group: &Value| {
        ["id", "sourceId"].iter().any(|name| !parent[*name].is_null() && group[*name] == parent[*name])
    };
    let action = if stored.is_some() { "update" } else { "create" };
    let mut entry = json!({"action": action, "key": item[key], "lookupKey": key, "success": true});
    let is_there = items.iter().any(is_parent)
        || state.usergroups.values().any(|group| is_parent(&Value::from(group.clone())));
    if stored.is_none() && skips {
        entry["action"] = "skip".into();
        entry["message"] = "Skipped: does not exist".into();
    } else if !parent.is_null() && !is_there {
        entry["success"] = false.into();
        entry["error"] = "Parent usergroup not found".into();
        entry["errorCode"] = "PARENT_GROUP_NOT_FOUND".into();
        entry["field"] = "parent".into();
    } else if item["name"] == "bad" {
        entry["success"] = false.into();
        entry["error"] = "name is wrong".into();
        entry["errorCode"] = "VALIDATION_ERROR".into();
        entry["field"] = "name".into();
    } else if let Some(stored) = stored {
        let same =
            item.as_object().expect("an object").iter().all(|(name, value)| stored.get(name) == Some(value));
        if same {
            entry["message"] = "Unchanged".into();
        }
    }
    entry
}

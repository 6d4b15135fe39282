//! The shapes of bodies.

use std::collections::BTreeSet;

use directory::model::{JsonType, KeyProblem};
use directory::{Batch, Code, Failure, Fault, GroupId};
use serde_json::{Map, Value, json};

use super::problems;
use crate::groups::fields::{Member, Null, RULES, Rule};
use crate::groups::refusal::{BrokenJson, InvalidRequest, Rate, Refusal};
use crate::groups::shape::KEYS;
use crate::groups::wire::Kind;
use crate::groups::write::{EXTERNAL_REFERENCE_TYPE_CHANGED, SIMILAR_REFERENCE_EXISTS, UNKNOWN_FIELD};

/// A reference to one of [`schemas`].
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub(super) fn schemas() -> Value {
    let mut schemas = json!({
        "BatchRequest": batch_request(),
        "KeysRequest": keys_request(),
        "Record": record(),
        "Patch": patch(),
        "BatchAnswer": batch_answer(),
        "Result": result(),
        "Warning": warning(),
        "Error": error(),
        "Group": group(),
        "WrittenGroup": written_group(),
        "GroupPage": page_of("Group"),
        "ChangePage": super::changes::schema(),
        "TreeGroup": tree_group(),
        "TreePage": page_of("TreeGroup"),
        "Problem": problem(),
    });
    for (name, schema) in super::runs::schemas().into_iter().chain(super::oauth::schemas()) {
        schemas[name] = schema;
    }
    schemas
}

/// An object with exactly these members.
pub(super) fn closed(properties: &Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn batch_request() -> Value {
    let records = json!({
        "type": "array",
        "items": reference("Record"),
        "minItems": 1,
        "maxItems": Batch::MAX_RECORDS,
    });
    closed(&json!({ "groups": records }), &["groups"])
}

fn record() -> Value {
    let properties: Map<_, _> = RULES.iter().map(|rule| (rule.name.into(), property(rule))).collect();
    json!({
        "type": "object",
        "description": "What one group is to be. Absent keeps, null clears, a value sets. Lengths are in \
            Unicode characters.",
        "properties": properties,
        "required": [Member::Key.rule().name],
    })
}

fn patch() -> Value {
    let mut patch = record();
    patch["description"] = json!("What is to change of one group. Absent keeps, null clears, a value sets.");
    if let Some(members) = patch.as_object_mut() {
        members.remove("required");
    }
    patch
}

fn keys_request() -> Value {
    let keys = json!({
        "type": "array",
        "items": property(Member::Key.rule()),
        "minItems": 1,
        "maxItems": Batch::MAX_RECORDS,
    });
    closed(&json!({ KEYS: keys }), &[KEYS])
}

/// The schema of a field's values where they are not null.
pub(super) fn of_field(member: Member) -> Value {
    let Rule { min, max, .. } = member.rule();
    json!({ "type": "string", "minLength": min, "maxLength": max })
}

fn property(rule: &Rule) -> Value {
    let mut property = json!({
        "type": if rule.null == Null::Clears { json!(["string", "null"]) } else { json!("string") },
        "minLength": rule.min,
        "maxLength": rule.max,
        "description": rule.about,
    });
    if let Some(format) = rule.format {
        property["format"] = json!(format);
    }
    property
}

fn batch_answer() -> Value {
    let counts = ["total", "created", "updated", "archived", "restored", "unchanged", "failed"];
    let summary: Map<_, _> = counts.iter().map(|name| ((*name).into(), count())).collect();
    let properties = json!({
        "dryRun": { "const": true, "description": "Nothing was written. Absent from real calls." },
        "summary": closed(&Value::Object(summary), &["total", "unchanged", "failed"]),
        "results": {
            "type": "array",
            "description": "One for each record, in the same order.",
            "items": reference("Result"),
        },
    });
    closed(&properties, &["summary", "results"])
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": Batch::MAX_RECORDS })
}

fn index() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": Batch::MAX_RECORDS - 1 })
}

fn result() -> Value {
    let changed: Vec<&str> =
        RULES.iter().map(|rule| rule.name).filter(|name| *name != Member::LogoUrl.rule().name).collect();
    let value = json!({ "type": ["string", "null"] });
    let from_to = closed(&json!({ "from": value, "to": value }), &["from", "to"]);
    let properties = json!({
        "inputIndex": index(),
        "externalReferenceId": {
            "type": "string",
            "description": "As sent. Absent where it was not a text.",
        },
        "canonicalKey": {
            "type": "string",
            "description": "The key by which the group is known, where Unicode NFC made it another than was sent.",
        },
        "status": { "enum": ["created", "updated", "archived", "restored", "unchanged", "failed"] },
        "id": id("Absent from failed records, and from groups that a dry run would create."),
        "descendants": {
            "type": "integer",
            "minimum": 0,
            "description": "With cascade=true: how many groups below were archived with it, beside those that are \
                records of their own.",
        },
        "changes": {
            "type": "array",
            "description": "The fields that an update changed.",
            "items": { "enum": changed },
        },
        "diff": {
            "type": "object",
            "description": "In a dry run: the values of the changed fields.",
            "propertyNames": { "enum": changed },
            "additionalProperties": from_to,
        },
        "warnings": { "type": "array", "items": reference("Warning") },
        "errors": {
            "type": "array",
            "description": "Every fault of the record, most important first.",
            "items": reference("Error"),
        },
    });
    closed(&properties, &["inputIndex", "status"])
}

fn id(about: &str) -> Value {
    json!({
        "type": "string",
        "pattern": "^[1-9][0-9]{0,15}$",
        "description": format!("A number from 1 to {}. {about}", GroupId::MAX),
    })
}

fn warning() -> Value {
    let existing = json!({
        "externalReferenceId": { "type": "string" },
        "externalReferenceType": { "type": ["string", "null"] },
    });
    let properties = json!({
        "code": { "enum": [UNKNOWN_FIELD, SIMILAR_REFERENCE_EXISTS, EXTERNAL_REFERENCE_TYPE_CHANGED] },
        "field": { "type": "string" },
        "message": { "type": "string" },
        "existing": closed(&existing, &["externalReferenceId", "externalReferenceType"]),
    });
    closed(&properties, &["code", "message"])
}

fn error() -> Value {
    let about = |about: &str| json!({ "type": "integer", "minimum": 0, "description": about });
    let properties = json!({
        "code": {
            "enum": Code::ALL.map(Code::as_str),
            "description": "The class of the fault, in the order of precedence.",
        },
        "reason": {
            "enum": reasons(),
            "description": "The exact cause. Only with VALIDATION_ERROR.",
        },
        "field": {
            "type": "string",
            "description": "By the name that was sent. Absent when the record as a whole is at fault.",
        },
        "message": { "type": "string" },
        "length": about("Characters found."),
        "level": about("The level that the deepest group concerned would have; a root is level 1."),
        "limit": about("What is allowed."),
        "peers": {
            "type": "array",
            "description": "The other records with the same key.",
            "items": index(),
            "maxItems": Failure::MAX_PEERS,
        },
        "path": {
            "type": "array",
            "description": "The cycle, from the record's own key to itself again.",
            "items": { "type": "string" },
            "maxItems": Failure::MAX_PATH + 1,
        },
        "omitted": about("Peers, or steps of the path, that are not listed."),
        "parentIndex": index(),
        "children": about("Living children that stay; at least this many where it is 1001."),
    });
    closed(&properties, &["code", "message"])
}

/// The reasons of a record's `VALIDATION_ERROR`.
fn reasons() -> Vec<&'static str> {
    let faults = [
        Fault::NotAnObject(JsonType::Null),
        Fault::WrongType(JsonType::Null),
        Fault::TooLong { length: 0, limit: 0 },
        Fault::Empty,
        Fault::Blank,
        Fault::InvalidCharacter('\0'),
        Fault::InvalidString,
        Fault::KeyNotCanonical(KeyProblem::OuterWhiteSpace),
        Fault::InvalidUrl(""),
        Fault::UrlScheme,
        Fault::UrlCredentials,
        Fault::NotClearable,
        Fault::Conflicting { other: "" },
        Fault::DuplicateMember,
        Fault::Unknown { suggestion: None },
        Fault::TooManyMembers { limit: 0 },
        Fault::TooDeep { limit: 0 },
    ];
    faults.iter().map(Fault::reason).collect()
}

fn group() -> Value {
    let text = json!({ "type": "string" });
    let optional = json!({ "type": ["string", "null"] });
    let moment = json!({ "type": "string", "format": "date-time" });
    let properties = json!({
        "id": id("Never used again."),
        "externalReferenceId": optional,
        "externalReferenceType": optional,
        "name": text,
        "description": optional,
        "parentId": optional,
        "parentExternalReferenceId": optional,
        "photoUrl": { "type": ["string", "null"], "format": "uri" },
        "logoUrl": { "type": ["string", "null"], "format": "uri", "description": "Always the same as photoUrl." },
        "archived": { "type": "boolean" },
        "archivedAt": { "type": ["string", "null"], "format": "date-time" },
        "createdAt": moment,
        "updatedAt": moment,
        "revision": {
            "type": "integer",
            "minimum": 1,
            "description": "Revision of the last batch that changed the group.",
        },
    });
    let members: Vec<&str> =
        properties.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    closed(&properties, &members)
}

fn written_group() -> Value {
    let mut group = group();
    group["properties"]["warnings"] = json!({
        "type": "array",
        "description": "What to look at although the write was done.",
        "items": reference("Warning"),
    });
    group
}

fn tree_group() -> Value {
    let mut group = group();
    group["properties"]["depth"] = json!({
        "type": "integer",
        "minimum": 1,
        "description": "How far below the group that was asked for: 1 for its children.",
    });
    if let Some(required) = group["required"].as_array_mut() {
        required.push("depth".into());
    }
    group
}

fn page_of(items: &str) -> Value {
    let properties = json!({
        "groups": { "type": "array", "items": reference(items) },
        "nextCursor": {
            "type": ["string", "null"],
            "description": "For the next page; null at the end.",
        },
    });
    closed(&properties, &["groups", "nextCursor"])
}

fn problem() -> Value {
    let refusals = problems::all();
    let of_records = Code::ALL.into_iter().map(Code::as_str);
    let codes: BTreeSet<&str> = refusals.iter().map(Refusal::code).chain(of_records).collect();
    let types: Vec<String> = codes.iter().map(|code| Kind(code).to_string()).collect();
    let broken = BrokenJson::ALL.into_iter().map(BrokenJson::as_str);
    let invalid = InvalidRequest::ALL.into_iter().map(InvalidRequest::as_str);
    let rates = Rate::ALL.into_iter().map(Rate::as_str);
    let number = json!({ "type": "integer", "minimum": 0 });
    let properties = json!({
        "type": { "enum": types },
        "title": { "type": "string" },
        "status": { "type": "integer", "minimum": 400, "maximum": 599 },
        "detail": { "type": "string" },
        "code": { "enum": codes },
        "reason": {
            "type": "string",
            "description": "The exact cause, where the code is a class of several.",
            "examples": broken.chain(invalid).chain(rates).collect::<Vec<_>>(),
        },
        "requestId": { "type": "string", "description": "As in the header X-Request-Id." },
        "field": { "type": "string", "description": "The member or parameter at fault." },
        "position": { "type": "integer", "minimum": 0, "description": "Bytes before what is wrong." },
        "maxItems": number,
        "min": number,
        "max": number,
        "got": number,
        "limit": number,
        "scope": { "type": "string", "description": "The scope that the API key lacks." },
        "errors": {
            "type": "array",
            "description": "Every fault of the one record that was sent, most important first.",
            "items": reference("Error"),
        },
        "retryAfter": { "type": "integer", "minimum": 1, "description": "As in the header Retry-After." },
    });
    closed(&properties, &["type", "title", "status", "detail", "code", "requestId"])
}

/// The answer of `/capabilities`: objects of numbers, by name.
pub(super) fn of_capabilities() -> Value {
    let text = json!({ "type": "string" });
    let texts = json!({ "type": "array", "items": text });
    let limit = json!({
        "type": ["integer", "object", "null"],
        "additionalProperties": { "type": "integer", "minimum": 0 },
    });
    let encodings = closed(&json!({ "accepted": texts, "answered": texts }), &["accepted", "answered"]);
    let properties = json!({
        "name": text,
        "version": text,
        "engine": text,
        "faces": texts,
        "encodings": encodings,
        "limits": { "type": "object", "additionalProperties": limit },
    });
    closed(&properties, &["name", "version", "engine", "faces", "encodings", "limits"])
}

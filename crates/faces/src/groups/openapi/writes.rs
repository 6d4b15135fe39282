//! Calls that write.

use serde_json::{Value, json};

use super::problems::{self, Refused};
use super::{Subject, condition, runs, schemas};
use crate::groups::query::{CASCADE, DRY_RUN};

/// The batch upsert.
pub(super) fn upsert_many() -> Value {
    let done = "Every record succeeded.";
    let partly = "At least one record failed; the others are done. Also when all failed.";
    json!({
        "operationId": "batchUpsertGroups",
        "tags": ["groups"],
        "summary": "Create or update up to 1000 groups",
        "description": "Each record is matched by externalReferenceId alone: an existing group is updated, \
            only the fields present in the record change; a new one is created. Records are independent, \
            parents may come anywhere in the same request, and sending the same again changes nothing. \
            An archived group is never restored.",
        "parameters": [dry_run(), prefer(), idempotency_key()],
        "requestBody": {
            "required": true,
            "description": "JSON in UTF-8, plain or with Content-Encoding: gzip.",
            "content": { "application/json": {
                "schema": schemas::reference("BatchRequest"),
                "examples": super::examples(&[
                    ("published", include_str!("../golden/published.request.json")),
                    ("mixed", include_str!("../golden/mixed.request.json")),
                ]),
            } },
        },
        "responses": of_batches(&[
            ("200", done, "BatchAnswer", &[("published", include_str!("../golden/published.response.json"))]),
            ("207", partly, "BatchAnswer", &[("mixed", include_str!("../golden/mixed.response.json"))]),
        ]),
    })
}

/// Answers to batches, each with the run that it belongs to.
fn of_batches(successes: &[super::Success<'_>]) -> Value {
    let refused = [problems::of_every_call("groups:write"), problems::of_writes()].concat();
    let mut responses = super::responses(successes, &refused);
    for (status, ..) in successes {
        responses[status]["headers"] = runs::run_id_header();
    }
    responses
}

/// The batch that archives.
pub(super) fn archive_many() -> Value {
    many(
        "batchArchiveGroups",
        "Archive up to 1000 groups",
        "A group is archived together with its children or after them, in any order of the keys: one with living \
         children that the request leaves alive fails, unless cascade=true. What is archived already is unchanged. \
         Everything is kept, and the keys stay taken.",
        &[cascade(), dry_run(), idempotency_key()],
        ("archived", json!({ "externalReferenceIds": ["g-full", "nobody"] })),
    )
}

/// The batch that restores.
pub(super) fn restore_many() -> Value {
    many(
        "batchRestoreGroups",
        "Restore up to 1000 archived groups",
        "A group is restored together with its parent or after it, in any order of the keys. What lives already is \
         unchanged.",
        &[dry_run(), idempotency_key()],
        ("unchanged", json!({ "externalReferenceIds": ["g-full", "nobody"] })),
    )
}

fn many(
    operation: &str,
    summary: &str,
    description: &str,
    parameters: &[Value],
    (status, request): (&str, Value),
) -> Value {
    let (archived, restored, unchanged) = match status {
        "archived" => (json!(1), Value::Null, 0),
        _ => (Value::Null, json!(0), 1),
    };
    let counts =
        [("archived", archived), ("restored", restored)].into_iter().filter(|(_, count)| !count.is_null());
    let mut summary_of_answer = json!({ "total": 2, "unchanged": unchanged, "failed": 1 });
    for (name, count) in counts {
        summary_of_answer[name] = count;
    }
    let answer = json!({
        "summary": summary_of_answer,
        "results": [
            { "inputIndex": 0, "externalReferenceId": "g-full", "status": status, "id": "3" },
            { "inputIndex": 1, "externalReferenceId": "nobody", "status": "failed", "errors": [{
                "code": "GROUP_NOT_FOUND",
                "field": "externalReferenceId",
                "message": "No group has this externalReferenceId.",
            }] },
        ],
    });
    let (done, partly) = ("Every key succeeded.", "At least one key failed; the others are done.");
    json!({
        "operationId": operation,
        "tags": ["groups"],
        "summary": summary,
        "description": description,
        "parameters": parameters,
        "requestBody": {
            "required": true,
            "content": { "application/json": {
                "schema": schemas::reference("KeysRequest"),
                "examples": { "one": { "value": request } },
            } },
        },
        "responses": of_batches(&[
            ("200", done, "BatchAnswer", &[]),
            ("207", partly, "BatchAnswer", &[("one", &answer.to_string())]),
        ]),
    })
}

/// The upsert of one group.
pub(super) fn upsert_one() -> Value {
    let mut responses = of_one_record(&[problems::of_bodies()].concat());
    responses["201"] = responses["200"].clone();
    responses["201"]["content"]["application/json"]["schema"] = schemas::reference("WrittenGroup");
    responses["201"]["description"] = json!("The group, which was created.");
    responses["201"]["headers"]["Location"] = json!({
        "description": "Where the group is read.",
        "schema": { "type": "string" },
        "example": "/v3/groups/1",
    });
    let record =
        json!({ "externalReferenceId": "g-new", "name": "New", "parentExternalReferenceId": "g-root" });
    json!({
        "operationId": "upsertGroup",
        "tags": ["groups"],
        "summary": "Create or update one group",
        "description": "As a batch of one. If-None-Match: * only creates, If-Match only updates.",
        "parameters": [dry_run(), prefer(), idempotency_key(), if_match(), if_none_match()],
        "requestBody": body("Record", &record),
        "responses": responses,
    })
}

/// The update of one group.
pub(super) fn update_one(operation: &str, subject: Subject) -> Value {
    json!({
        "operationId": operation,
        "tags": ["groups"],
        "summary": format!("Update one group by its {}", subject.name()),
        "description": "Only the fields present change. externalReferenceId, if it is there, must be the group's own.",
        "parameters": [subject.parameter(), dry_run(), prefer(), idempotency_key(), if_match()],
        "requestBody": body("Patch", &json!({ "description": "Everybody" })),
        "responses": of_one_record(&[problems::of_bodies(), problems::of_one_group()].concat()),
    })
}

/// Archives one group.
pub(super) fn archive_one(operation: &str, subject: Subject) -> Value {
    let mut responses = of_one_record(&problems::of_one_group());
    responses["204"] = json!({
        "description": "The group is archived, now or before.",
        "headers": responses["200"]["headers"].clone(),
    });
    responses["200"] = json!({
        "description": "A dry run: what would become of it.",
        "content": { "application/json": { "schema": schemas::reference("BatchAnswer") } },
    });
    json!({
        "operationId": operation,
        "tags": ["groups"],
        "summary": format!("Archive one group by its {}", subject.name()),
        "description": "Everything is kept, and the key stays taken. A group with living children is refused, unless \
            cascade=true archives all below it too.",
        "parameters": [subject.parameter(), cascade(), dry_run(), idempotency_key(), if_match()],
        "responses": responses,
    })
}

/// Restores one group.
pub(super) fn restore_one(operation: &str, subject: Subject) -> Value {
    json!({
        "operationId": operation,
        "tags": ["groups"],
        "summary": format!("Restore one archived group by its {}", subject.name()),
        "description": "Only the group itself; its parent must live. A group that lives stays as it is.",
        "parameters": [subject.parameter(), dry_run(), idempotency_key(), if_match()],
        "responses": of_one_record(&problems::of_one_group()),
    })
}

fn body(schema: &str, example: &Value) -> Value {
    json!({
        "required": true,
        "description": "JSON in UTF-8, plain or with Content-Encoding: gzip.",
        "content": { "application/json": { "schema": schemas::reference(schema), "example": example } },
    })
}

/// Answers of a call that writes one group.
fn of_one_record(refusals: &[Refused]) -> Value {
    let group = include_str!("../golden/group.json");
    let all = [
        &problems::of_every_call("groups:write")[..],
        &problems::of_writes_without_body(),
        &problems::of_records(),
        refusals,
    ];
    let mut responses = super::responses(
        &[("200", "The group as it is now.", "WrittenGroup", &[("group", group)])],
        &all.concat(),
    );
    responses["200"]["headers"] = super::entity_tag();
    responses["200"]["headers"]["Rosterd-Run-Id"] = runs::run_id_header()["Rosterd-Run-Id"].clone();
    let rehearsed = schemas::reference("BatchAnswer");
    let schema = &mut responses["200"]["content"]["application/json"]["schema"];
    *schema = json!({ "anyOf": [schema.take(), rehearsed], "description": "In a dry run a batch's answer." });
    responses
}

fn dry_run() -> Value {
    condition(
        DRY_RUN,
        "true answers what the call would do, in the form of a batch's answer with the differences, and writes \
         nothing.",
        &json!({ "type": "boolean", "default": false }),
    )
}

fn cascade() -> Value {
    let mut parameter = condition(
        CASCADE,
        "true archives everything below the group too.",
        &json!({ "type": "boolean", "default": false }),
    );
    parameter["example"] = json!("true");
    parameter
}

fn header(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "header", "description": description, "schema": schema })
}

fn prefer() -> Value {
    let about =
        "handling=strict fails records that have unknown members; without it they are done, with warnings.";
    let mut parameter = header("Prefer", about, &json!({ "type": "string" }));
    parameter["example"] = json!("handling=strict");
    parameter
}

pub(super) fn idempotency_key() -> Value {
    header(
        "Idempotency-Key",
        "1 to 255 visible ASCII characters of the caller's choice. The same request with the same key is done once; \
         sent again, it gets the first answer again, with the header Idempotent-Replayed: true.",
        &json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" }),
    )
}

fn if_match() -> Value {
    header(
        "If-Match",
        "Entity tags, or *: the call is refused with 412 unless the group's tag is among them.",
        &json!({ "type": "string" }),
    )
}

fn if_none_match() -> Value {
    header(
        "If-None-Match",
        "Only *: the call is refused with 412 if the group is stored.",
        &json!({ "const": "*" }),
    )
}

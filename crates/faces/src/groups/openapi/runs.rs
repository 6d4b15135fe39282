//! The calls that show what was done.

use serde_json::{Value, json};

use super::problems::Refused;
use super::{condition, limit, next, problems, responses};
use crate::groups::refusal::Refusal;
use crate::runs::{DRY_RUN, FAILED, FORMAT, IDEMPOTENCY_KEY};

const RUN: &str = include_str!("../golden/run.json");
/// A failed record as the run keeps it.
const FAILURE: &str = r#"{"inputIndex":2,"externalReferenceId":"g-3","errors":[{"code":"REQUIRED_FIELD_MISSING",
    "field":"name","message":"name is missing: a group that does not exist yet needs one."}],
    "record":{"externalReferenceId":"g-3"}}"#;

/// The header of every answer to a batch that was carried out.
pub(super) fn run_id_header() -> Value {
    json!({ "Rosterd-Run-Id": {
        "description": "The run under which the batch can be looked up. A repeated answer names the first run.",
        "schema": { "type": "string", "pattern": "^[0-9a-f]{32}$" },
        "example": "019aa9c6f3007b1f0e2c94d85a6b3f17",
    } })
}

pub(super) fn list() -> Value {
    let page = format!(r#"{{"runs":[{RUN}],"nextCursor":null}}"#);
    let boolean = json!({ "type": "boolean", "default": false });
    let refusals = [problems::of_every_call("groups:read"), problems::of_lists()].concat();
    json!({
        "operationId": "listRuns",
        "tags": ["runs"],
        "summary": "List the batches that were carried out",
        "description": "Newest first. Only a nextCursor of null ends the list. Runs are forgotten after some days, \
            30 unless whoever runs the server says otherwise.",
        "parameters": [
            limit(),
            next(),
            condition(FAILED, "true lists only runs of which at least one record failed.", &boolean),
            condition(
                DRY_RUN,
                "true lists only dry runs, false only others.",
                &json!({ "enum": ["true", "false", "any"], "default": "any" }),
            ),
            condition(
                IDEMPOTENCY_KEY,
                "Only the runs that came with this key.",
                &json!({ "type": "string" }),
            ),
        ],
        "responses": responses(&[("200", "One page of runs.", "RunPage", &[("page", &page)])], &refusals),
    })
}

pub(super) fn one() -> Value {
    let whole = RUN.trim_end().trim_end_matches('}');
    let run = format!(r#"{whole},"failures":[{FAILURE}]}}"#);
    let asks = "format must be json, csv or ndjson.";
    let refusals = [Refusal::RunNotFound, Refusal::parameter(FORMAT, asks)];
    let mut responses = responses(
        &[("200", "The run.", "RunWithFailures", &[("run", &run)])],
        &[problems::of_every_call("groups:read"), refusals.iter().cloned().map(Refused::from).collect()]
            .concat(),
    );
    for media in ["text/csv", "application/x-ndjson"] {
        responses["200"]["content"][media] = json!({ "schema": { "type": "string" } });
    }
    json!({
        "operationId": "getRun",
        "tags": ["runs"],
        "summary": "Read one run with its failed records",
        "description": "As csv or ndjson: only the failed records, as they were sent, with _error_code, _error_reason, \
            _error_field and _error_message. Mended, such a file can be imported as it is. In CSV an empty cell is \
            an absent field, a quoted empty one an empty text, and \\N null; the column _raw, if there is one, holds \
            records that cells cannot show. Values are not guarded against spreadsheets that run formulas.",
        "parameters": [
            {
                "name": "id",
                "in": "path",
                "required": true,
                "description": "The run's id, as in the header Rosterd-Run-Id.",
                "schema": { "type": "string" },
                "example": "019aa9c6f3007b1f0e2c94d85a6b3f17",
            },
            condition(
                FORMAT,
                "How the run is shown.",
                &json!({ "enum": ["json", "csv", "ndjson"], "default": "json" }),
            ),
        ],
        "responses": responses,
    })
}

/// The shapes of bodies.
pub(super) fn schemas() -> [(&'static str, Value); 4] {
    let failures = json!({ "type": "array", "items": super::schemas::reference("FailedRecord") });
    let mut with_failures = run();
    with_failures["properties"]["failures"] = failures;
    if let Some(required) = with_failures["required"].as_array_mut() {
        required.push("failures".into());
    }
    let page = json!({
        "runs": { "type": "array", "items": super::schemas::reference("Run") },
        "nextCursor": { "type": ["string", "null"], "description": "For the next page; null at the end." },
    });
    [
        ("Run", run()),
        ("RunWithFailures", with_failures),
        ("RunPage", super::schemas::closed(&page, &["runs", "nextCursor"])),
        ("FailedRecord", failed_record()),
    ]
}

fn run() -> Value {
    let count = json!({ "type": "integer", "minimum": 0 });
    let counts = ["total", "created", "updated", "unchanged", "archived", "restored", "failed"];
    let summary: serde_json::Map<_, _> =
        counts.iter().map(|name| ((*name).to_owned(), count.clone())).collect();
    let properties = json!({
        "id": { "type": "string", "pattern": "^[0-9a-f]{32}$", "description": "Sorts by time." },
        "face": { "type": "string", "description": "The interface by which it came in." },
        "operation": { "type": "string", "description": "What was asked for, such as batch-upsert." },
        "keyId": { "type": "string", "description": "The public id of the API key." },
        "startedAt": { "type": "string", "format": "date-time" },
        "revision": {
            "type": "integer",
            "minimum": 0,
            "description": "The tenant's revision at which the answer holds: the run's own, if it wrote.",
        },
        "dryRun": { "type": "boolean" },
        "idempotencyKey": { "type": ["string", "null"] },
        "summary": super::schemas::closed(&Value::Object(summary), &counts),
        "failuresOmitted": {
            "type": "integer",
            "minimum": 1,
            "description": "How many failed records were too many or too long to be kept. Absent if none.",
        },
    });
    let required =
        ["id", "face", "operation", "keyId", "startedAt", "revision", "dryRun", "idempotencyKey", "summary"];
    super::schemas::closed(&properties, &required)
}

fn failed_record() -> Value {
    let properties = json!({
        "inputIndex": { "type": "integer", "minimum": 0 },
        "externalReferenceId": { "type": "string" },
        "errors": { "type": "array", "items": super::schemas::reference("Error") },
        "record": { "type": "object", "description": "The record as it was sent." },
        "raw": {
            "type": "string",
            "description": "In its place: the text of a record that is no object, or not readable for every reader \
                of JSON.",
        },
    });
    super::schemas::closed(&properties, &["inputIndex", "errors"])
}

//! The description of this face for programs (`OpenAPI` 3.1), made from the tables that the reader and
//! the writers use: a limit, code or reason cannot be described otherwise than it is.

mod problems;
mod schemas;

use serde_json::{Map, Value, json};

use super::limits::{DEFAULT_PAGE, MAX_PAGE};
use super::query::{CURSOR, DRY_RUN, LIMIT};
use super::refusal::Refusal;

/// The path of the batch upsert.
const UPSERT: &str = "/v3/groups/batch-upsert";

/// The `OpenAPI` document of a server of this version.
pub fn openapi(version: &str) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "rosterd",
            "version": version,
            "description": "A group directory with bulk upsert. Every answer carries the header \
                X-Request-Id. Requests that are refused as a whole are answered with a problem (RFC 9457) \
                and change nothing.",
        },
        "security": [{ "apiKey": [] }],
        "tags": [
            { "name": "groups", "description": "The groups of the tenant that the API key belongs to." },
            { "name": "operation", "description": "For those who run the server." },
        ],
        "paths": {
            UPSERT: { "post": upsert() },
            "/v3/groups": { "get": list() },
            "/v3/groups/by-reference-id/{externalReferenceId}": { "get": by_reference() },
            "/healthz": { "get": health() },
            "/readyz": { "get": readiness() },
            "/version": { "get": version_of_server(version) },
            "/metrics": { "get": metrics() },
            "/openapi.json": { "get": description() },
        },
        "components": {
            "securitySchemes": {
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key of one tenant: Authorization: Bearer <key>.",
                },
            },
            "schemas": schemas::schemas(),
        },
    })
}

fn upsert() -> Value {
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
        "parameters": [
            {
                "name": DRY_RUN,
                "in": "query",
                "description": "true answers what the call would do, with the differences, and writes nothing.",
                "schema": { "type": "boolean", "default": false },
            },
            {
                "name": "Prefer",
                "in": "header",
                "description": "handling=strict fails records that have unknown members; without it they \
                    are done, with warnings.",
                "schema": { "type": "string" },
                "example": "handling=strict",
            },
        ],
        "requestBody": {
            "required": true,
            "description": "JSON in UTF-8, plain or with Content-Encoding: gzip.",
            "content": { "application/json": {
                "schema": schemas::reference("BatchRequest"),
                "examples": examples(&[
                    ("published", include_str!("golden/published.request.json")),
                    ("mixed", include_str!("golden/mixed.request.json")),
                ]),
            } },
        },
        "responses": responses(
            &[
                ("200", done, "BatchAnswer", &[("published", include_str!("golden/published.response.json"))]),
                ("207", partly, "BatchAnswer", &[("mixed", include_str!("golden/mixed.response.json"))]),
            ],
            &[problems::of_every_call("groups:write"), problems::of_writes()].concat(),
        ),
    })
}

fn list() -> Value {
    let group = include_str!("golden/group.json");
    let page = format!(r#"{{"groups":[{group}],"nextCursor":null}}"#);
    json!({
        "operationId": "listGroups",
        "tags": ["groups"],
        "summary": "List living groups",
        "description": "In the order of their ids. A page that is full comes with a cursor to the next.",
        "parameters": [
            {
                "name": LIMIT,
                "in": "query",
                "description": "The most groups to return.",
                "schema": { "type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE },
            },
            {
                "name": CURSOR,
                "in": "query",
                "description": "The nextCursor of the page before.",
                "schema": { "type": "string" },
            },
        ],
        "responses": responses(
            &[("200", "One page of groups.", "GroupPage", &[("page", &page)])],
            &[problems::of_every_call("groups:read"), problems::of_lists()].concat(),
        ),
    })
}

fn by_reference() -> Value {
    json!({
        "operationId": "getGroupByReferenceId",
        "tags": ["groups"],
        "summary": "Read one group by its externalReferenceId",
        "parameters": [{
            "name": "externalReferenceId",
            "in": "path",
            "required": true,
            "description": "The key, percent-encoded, a slash too.",
            "schema": { "type": "string" },
            "example": "g-full",
        }],
        "responses": responses(
            &[("200", "The group.", "Group", &[("group", include_str!("golden/group.json"))])],
            &[problems::of_every_call("groups:read"), problems::of_one_group()].concat(),
        ),
    })
}

fn health() -> Value {
    let up = json!({ "status": "ok" });
    open("health", "Whether the process is up", &json!({ "200": told("It is.", &up) }))
}

fn readiness() -> Value {
    let mut answers = problems::responses(&problems::of_readiness());
    let ready = json!({ "status": "ready", "store": "ok" });
    answers.insert("200".into(), told("Requests will be served.", &ready));
    open("readiness", "Whether requests will be served", &Value::Object(answers))
}

fn version_of_server(version: &str) -> Value {
    let here = json!({ "name": "rosterd", "version": version });
    open("version", "What runs here", &json!({ "200": told("Name and version of the server.", &here) }))
}

/// A response that is an object of texts, like this example.
fn told(description: &str, example: &Value) -> Value {
    let schema = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    json!({
        "description": description,
        "content": { "application/json": { "schema": schema, "example": example } },
    })
}

fn metrics() -> Value {
    let content = json!({ "text/plain": { "schema": { "type": "string" } } });
    let answers = json!({ "200": { "description": "Prometheus text format.", "content": content } });
    open("metrics", "Measurements", &answers)
}

fn description() -> Value {
    let content = json!({ "application/json": { "schema": { "type": "object" } } });
    open("openapi", "This document", &json!({ "200": { "description": "OpenAPI 3.1.", "content": content } }))
}

/// An operation that needs no API key.
fn open(id: &str, summary: &str, answers: &Value) -> Value {
    json!({
        "operationId": id,
        "tags": ["operation"],
        "summary": summary,
        "security": [],
        "responses": answers,
    })
}

/// Status, description, schema, examples.
type Success<'a> = (&'static str, &'static str, &'static str, &'a [(&'static str, &'a str)]);

fn responses(successes: &[Success<'_>], refusals: &[Refusal]) -> Value {
    let mut all = problems::responses(refusals);
    for (status, description, schema, texts) in successes {
        let content = json!({ "application/json": {
            "schema": schemas::reference(schema),
            "examples": examples(texts),
        } });
        all.insert((*status).into(), json!({ "description": description, "content": content }));
    }
    Value::Object(all)
}

fn examples(texts: &[(&str, &str)]) -> Value {
    let examples = texts.iter().map(|(name, text)| {
        let value: Value =
            serde_json::from_str(text).expect("the golden files are JSON, as their test shows");
        ((*name).to_owned(), json!({ "value": value }))
    });
    Value::Object(examples.collect::<Map<_, _>>())
}

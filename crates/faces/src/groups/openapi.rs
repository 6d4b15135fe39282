//! The description of this face for programs (`OpenAPI` 3.1), made from the tables that the reader and
//! the writers use: a limit, code or reason cannot be described otherwise than it is.

mod changes;
pub(crate) mod described;
mod oauth;
mod problems;
mod runs;
mod schemas;
mod writes;

use serde_json::{Map, Value, json};

use self::problems::Refused;
use super::fields::Member;
use super::limits::{DEFAULT_DEPTH, DEFAULT_PAGE, MAX_DEPTH, MAX_PAGE};
use super::listing::{ARCHIVED, CURSOR, DEPTH, LIMIT, PARENT, ROOTS, SEARCH, SOURCE, UPDATED_AFTER};
use directory::Search;

/// The `OpenAPI` document of a server of this version.
pub(crate) fn openapi(version: &str) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "rosterd",
            "version": version,
            "description": "A group directory with bulk upsert. Every answer carries the header \
                X-Request-Id. Requests that are refused as a whole are answered with a problem (RFC 9457) \
                and change nothing.",
        },
        "security": [{ "apiKey": [] }, { "oauth2": [] }],
        "tags": [
            { "name": "groups", "description": "The groups of the tenant that the API key belongs to." },
            { "name": "runs", "description": "What was done: the batches of the last days." },
            { "name": "tokens", "description": "For OAuth clients." },
            { "name": "operation", "description": "For those who run the server." },
        ],
        "paths": paths(version),
        "components": {
            "securitySchemes": {
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key of one tenant: Authorization: Bearer <key>.",
                },
                "oauth2": oauth::security_scheme(),
            },
            "headers": {
                "RateLimit": {
                    "description": "What is left of each limit of this key (r), and the seconds until all of it is \
                        there again (t), as in draft-ietf-httpapi-ratelimit-headers-11. On every answer to a good \
                        key, unless the server has no such limit. Servers that share a database share the limit; \
                        what is left is then as of a moment ago.",
                    "schema": { "type": "string" },
                    "example": "\"requests\";r=5990;t=1, \"records\";r=1199000;t=1",
                },
                "RateLimit-Policy": {
                    "description": "The limits of each key: so much (q) in so many seconds (w).",
                    "schema": { "type": "string" },
                    "example": "\"requests\";q=6000;w=60, \"records\";q=1200000;w=60",
                },
            },
            "schemas": schemas::schemas(),
        },
    })
}

fn paths(version: &str) -> Value {
    json!({
        "/v3/groups": { "get": list(), "post": writes::upsert_one() },
        "/v3/groups/batch-upsert": { "post": writes::upsert_many() },
        "/v3/groups/batch-archive": { "post": writes::archive_many() },
        "/v3/groups/batch-restore": { "post": writes::restore_many() },
        "/v3/groups/changes": { "get": changes::page() },
        "/v3/groups/changes/stream": { "get": changes::stream() },
        "/v3/groups/{id}": {
            "get": one("getGroup", Subject::Id),
            "patch": writes::update_one("updateGroup", Subject::Id),
            "delete": writes::archive_one("archiveGroup", Subject::Id),
        },
        "/v3/groups/{id}/restore": { "post": writes::restore_one("restoreGroup", Subject::Id) },
        "/v3/groups/{id}/children": { "get": children("listChildren", Subject::Id) },
        "/v3/groups/{id}/ancestors": { "get": ancestors("listAncestors", Subject::Id) },
        "/v3/groups/{id}/tree": { "get": tree("listTree", Subject::Id) },
        "/v3/groups/by-reference-id/{externalReferenceId}": {
            "get": one("getGroupByReferenceId", Subject::Reference),
            "patch": writes::update_one("updateGroupByReferenceId", Subject::Reference),
            "delete": writes::archive_one("archiveGroupByReferenceId", Subject::Reference),
        },
        "/v3/groups/by-reference-id/{externalReferenceId}/restore": {
            "post": writes::restore_one("restoreGroupByReferenceId", Subject::Reference),
        },
        "/v3/groups/by-reference-id/{externalReferenceId}/children": {
            "get": children("listChildrenByReferenceId", Subject::Reference),
        },
        "/v3/groups/by-reference-id/{externalReferenceId}/ancestors": {
            "get": ancestors("listAncestorsByReferenceId", Subject::Reference),
        },
        "/v3/groups/by-reference-id/{externalReferenceId}/tree": {
            "get": tree("listTreeByReferenceId", Subject::Reference),
        },
        "/v3/runs": { "get": runs::list() },
        "/v3/runs/{id}": { "get": runs::one() },
        "/oauth2/token": { "post": oauth::token("getToken") },
        "/v2/oauth2/token": { "post": oauth::token("getTokenV2") },
        "/healthz": { "get": health() },
        "/readyz": { "get": readiness() },
        "/version": { "get": version_of_server(version) },
        "/capabilities": { "get": capabilities() },
        "/metrics": { "get": metrics() },
        "/openapi.json": { "get": description() },
    })
}

fn list() -> Value {
    let refusals =
        [problems::of_every_call("groups:read"), problems::of_lists(), problems::of_named_parents()].concat();
    json!({
        "operationId": "listGroups",
        "tags": ["groups"],
        "summary": "List groups",
        "description": "In the order of their ids, those that meet every condition; without conditions all that \
            live. Only a nextCursor of null ends the list: where few groups of many meet the conditions, a page \
            may hold fewer than limit, even none. A cursor is good for the conditions it was handed out under. \
            With search the order is that of the words found, and groups that changed a moment ago come last.",
        "parameters": [
            limit(),
            next(),
            searched(),
            condition(SOURCE, "Only groups of this source system.", &schemas::of_field(Member::Source)),
            condition(
                PARENT,
                "Only groups directly below the one with this key; none if there is no such group.",
                &schemas::of_field(Member::Key),
            ),
            condition(
                ROOTS,
                "true lists only groups without a parent.",
                &json!({ "type": "boolean", "default": false }),
            ),
            archived(),
            condition(
                UPDATED_AFTER,
                "Only groups that changed after this moment.",
                &json!({ "type": "string", "format": "date-time" }),
            ),
        ],
        "responses": pages(&refusals),
    })
}

fn children(operation: &str, subject: Subject) -> Value {
    json!({
        "operationId": operation,
        "tags": ["groups"],
        "summary": format!("List the groups directly below one, by its {}", subject.name()),
        "description": "In the order of their ids. Paged as the list of all groups is.",
        "parameters": [subject.parameter(), limit(), next(), archived()],
        "responses": pages(&below_one()),
    })
}

fn ancestors(operation: &str, subject: Subject) -> Value {
    json!({
        "operationId": operation,
        "tags": ["groups"],
        "summary": format!("List the groups above one, by its {}", subject.name()),
        "description": "Nearest first, up to the root, archived ones included.",
        "parameters": [subject.parameter(), limit(), next()],
        "responses": pages(&below_one()),
    })
}

fn tree(operation: &str, subject: Subject) -> Value {
    let group = include_str!("golden/group.json").trim_end().trim_end_matches('}');
    let page = format!(r#"{{"groups":[{group},"depth":1}}],"nextCursor":null}}"#);
    let levels = json!({ "type": "integer", "minimum": 1, "maximum": MAX_DEPTH, "default": DEFAULT_DEPTH });
    json!({
        "operationId": operation,
        "tags": ["groups"],
        "summary": format!("List the tree below a group, by its {}", subject.name()),
        "description": "Level by level: first its children, then theirs; each with its depth below the group, \
            which is not listed itself. Within a level in the order of their parents, then of ids. The walk goes \
            through groups that archived leaves out. Paged as the list of all groups is; a cursor is refused \
            when the group it stands at has left the tree.",
        "parameters": [
            subject.parameter(),
            condition(DEPTH, "How many levels.", &levels),
            limit(),
            next(),
            archived(),
        ],
        "responses": responses(&[("200", "One page of the tree.", "TreePage", &[("page", &page)])], &below_one()),
    })
}

fn below_one() -> Vec<Refused> {
    [problems::of_every_call("groups:read"), problems::of_lists(), problems::of_one_group()].concat()
}

fn pages(refusals: &[Refused]) -> Value {
    let group = include_str!("golden/group.json");
    let page = format!(r#"{{"groups":[{group}],"nextCursor":null}}"#);
    responses(&[("200", "One page of groups.", "GroupPage", &[("page", &page)])], refusals)
}

fn limit() -> Value {
    let schema = json!({ "type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE });
    condition(LIMIT, "The most to return.", &schema)
}

fn next() -> Value {
    let schema = json!({ "type": "string", "pattern": "^([wcg]?[0-9a-f]+)?$" });
    condition(CURSOR, "The nextCursor of the page before; empty for the first page.", &schema)
}

fn archived() -> Value {
    let schema = json!({ "enum": ["false", "true", "any"], "default": "false" });
    condition(ARCHIVED, "false lists groups that live, true those that are archived, any both.", &schema)
}

fn searched() -> Value {
    json!({
        "name": SEARCH,
        "in": "query",
        "description": "Only groups that a text finds, never out of date: each of its words is the beginning of a \
            word of the name or of the externalReferenceId, whatever the case and the accents. A reference is \
            found as it is written, by its parts, and written together: hr-001, 001, hr001. In scripts that \
            put no spaces between words, any character begins a word. At least one letter or digit, at most 16 \
            words.",
        "schema": { "type": "string", "minLength": 1, "maxLength": Search::MAX_CHARACTERS },
        "example": "child",
    })
}

/// A parameter in the query.
fn condition(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

/// The read of one group, by the parameter of its path.
fn one(operation: &str, subject: Subject) -> Value {
    let mut responses = responses(
        &[("200", "The group.", "Group", &[("group", include_str!("golden/group.json"))])],
        &[problems::of_every_call("groups:read"), problems::of_one_group()].concat(),
    );
    responses["304"] =
        json!({ "description": "The group is as If-None-Match knows it.", "headers": problems::rates() });
    for status in ["200", "304"] {
        responses[status]["headers"]["ETag"] = entity_tag()["ETag"].take();
    }
    json!({
        "operationId": operation,
        "tags": ["groups"],
        "summary": format!("Read one group by its {}", subject.name()),
        "description": "Archived groups too.",
        "parameters": [
            subject.parameter(),
            {
                "name": "If-None-Match",
                "in": "header",
                "description": "Entity tags that the caller has: if the group's is among them, the answer is 304.",
                "schema": { "type": "string" },
            },
        ],
        "responses": responses,
    })
}

/// The headers of an answer that shows one group.
fn entity_tag() -> Value {
    json!({ "ETag": {
        "description": "Strong; made of the group's id and revision.",
        "schema": { "type": "string" },
        "example": "\"4-12\"",
    } })
}

/// How a path names its group.
#[derive(Debug, Clone, Copy)]
enum Subject {
    Id,
    Reference,
}

impl Subject {
    const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Reference => "externalReferenceId",
        }
    }

    fn parameter(self) -> Value {
        let description = match self {
            Self::Id => "The group's id. What is not a number from 1 to 2^53-1 is the id of no group.",
            Self::Reference => "The key, percent-encoded, a slash too.",
        };
        json!({
            "name": self.name(),
            "in": "path",
            "required": true,
            "description": description,
            "schema": { "type": "string" },
            "example": match self {
                Self::Id => "1",
                Self::Reference => "g-full",
            },
        })
    }
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

fn capabilities() -> Value {
    let example: Value = serde_json::from_str(include_str!("openapi/capabilities.json"))
        .expect("the example is JSON, as the test of all examples shows");
    let content = json!({ "application/json": { "schema": schemas::of_capabilities(), "example": example } });
    let described = "Every limit in force. A limit of null is none. Seconds, bytes and characters are whole \
        numbers; characters are those of Unicode.";
    let answers = json!({ "200": { "description": described, "content": content } });
    open("capabilities", "What this server can do, and its limits", &answers)
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

fn responses(successes: &[Success<'_>], refusals: &[Refused]) -> Value {
    let mut all = problems::responses(refusals);
    for (status, description, schema, texts) in successes {
        let content = json!({ "application/json": {
            "schema": schemas::reference(schema),
            "examples": examples(texts),
        } });
        let response =
            json!({ "description": description, "headers": problems::rates(), "content": content });
        all.insert((*status).into(), response);
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

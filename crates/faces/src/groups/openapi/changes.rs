//! The feed of changes.

use serde_json::{Value, json};

use super::problems::{self, Refused};
use super::{condition, limit, responses, schemas};
use crate::groups::changes::{ChangesQuery, LAST_EVENT_ID, SINCE};
use crate::groups::limits::{MAX_SILENCE_S, MAX_STREAMS, MAX_STREAMS_OF_ONE_KEY};

/// One page of it.
pub(super) fn page() -> Value {
    let group = include_str!("../golden/group.json");
    let page = format!(r#"{{"groups":[{group}],"nextSince":"12","more":false}}"#);
    let refusals = [problems::of_every_call("groups:read"), problems::of_lists(), of_positions()].concat();
    json!({
        "operationId": "listChanges",
        "tags": ["groups"],
        "summary": "List what has changed",
        "description": "Every group that was created, changed or archived behind a position: once, as it is now, in \
            the order of revisions, then of ids. Who applies the pages in this order and asks again with nextSince \
            ends with what there is, misses nothing that is written meanwhile, and sees nothing twice that did \
            not change twice. Groups are never deleted; those that are archived say so.",
        "parameters": [since(), limit()],
        "responses": responses(&[("200", "One page of changes.", "ChangePage", &[("page", &page)])], &refusals),
    })
}

/// All of it, and what comes.
pub(super) fn stream() -> Value {
    let group = include_str!("../golden/group.json").trim_end();
    let events = format!("retry: 1000\n\nevent: group\nid: 12-4\ndata: {group}\n\n:\n\n");
    let mut responses =
        problems::responses(&[problems::of_every_call("groups:read"), of_positions()].concat());
    // OpenAPI 3.1 has no word for a stream of events: some take the schema for the body's, some for an event's.
    let schema = json!({ "description": "id: a position, event: group, data: a group on one line." });
    let content = json!({ "text/event-stream": { "schema": schema, "example": events } });
    let about = "Server-sent events: one of type group for each changed group, with the position behind it as its id.";
    responses.insert("200".into(), json!({ "description": about, "content": content }));
    json!({
        "operationId": "followChanges",
        "tags": ["groups"],
        "summary": "Follow what changes",
        "description": format!("The same groups in the same order as server-sent events, then those that change, as \
            they do. After {MAX_SILENCE_S} s of silence comes a comment. The stream ends when the key is revoked, when \
            the server stops, and when nothing of it was read for a minute; a client that comes back with the id of \
            its last event in {LAST_EVENT_ID} goes on where it was. A key may have {MAX_STREAMS_OF_ONE_KEY} streams, a \
            server has {MAX_STREAMS}; beyond that the answer is 503 with Retry-After."),
        "parameters": [
            since(),
            {
                "name": LAST_EVENT_ID,
                "in": "header",
                "description": "The id of the last event that was seen. Wins over since.",
                "schema": { "type": "string" },
            },
        ],
        "responses": responses,
    })
}

/// The answer of one page.
pub(super) fn schema() -> Value {
    let properties = json!({
        "groups": { "type": "array", "items": schemas::reference("Group") },
        "nextSince": {
            "type": "string",
            "description": "The position behind this page: since of the next call, as it stands.",
        },
        "more": { "type": "boolean", "description": "Whether there was more behind this page." },
    });
    schemas::closed(&properties, &["groups", "nextSince", "more"])
}

fn since() -> Value {
    let about = "What was seen: a nextSince or the id of an event as it stands, or a revision, which means all up to it.";
    condition(SINCE, about, &json!({ "type": "string", "default": "0" }))
}

/// What a position can be refused for.
fn of_positions() -> Vec<Refused> {
    ChangesQuery::parse(None).map(|query| query.ahead().into()).into_iter().collect()
}

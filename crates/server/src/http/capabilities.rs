//! What this server can do, and every limit in force: each from the constant or setting that holds it, so
//! that what is published is what is enforced.

use directory::{Address, Batch};
use faces::groups::limits::{
    DEFAULT_DEPTH, DEFAULT_PAGE, MAX_DEPTH, MAX_MEMBERS, MAX_NESTING, MAX_PAGE, MAX_STREAMS,
    MAX_STREAMS_OF_ONE_KEY,
};
use faces::groups::{MAX_IDEMPOTENCY_KEY, character_limits};
use faces::oauth;
use serde_json::{Map, Value, json};

use super::admission::{READS, WRITES};
use super::body::MAX_BYTES;
use super::deadlines::DEADLINES;
use super::head::{MAX_FIELDS, MAX_HEADERS, MAX_TARGET};
use super::rates::FAILURES_PER_MINUTE;
use super::{memory, places, rates};
use crate::auth::token::LIFE_SECONDS;

/// The limits that whoever runs the server sets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) rates: rates::Limits,
    pub(crate) connections: places::Limits,
    pub(crate) max_depth: usize,
    pub(crate) idempotency_hours: u16,
    pub(crate) runs_days: u16,
}

/// The answer of `GET /capabilities`. A limit more is a line more, here and in its example in the
/// description of the API.
pub(super) fn capabilities(settings: &Settings) -> Value {
    let characters: Map<String, Value> =
        character_limits().map(|(name, most)| (name.to_owned(), most.into())).collect();
    json!({
        "name": "rosterd",
        "version": env!("CARGO_PKG_VERSION"),
        "engine": "sqlite",
        "faces": ["groups-v3", "usergroups"],
        "encodings": { "accepted": ["identity", "gzip"], "answered": ["identity", "gzip", "zstd", "br"] },
        "limits": {
            "batchRecords": Batch::MAX_RECORDS,
            "bodyBytes": MAX_BYTES,
            "recordMembers": MAX_MEMBERS,
            "jsonNesting": MAX_NESTING,
            "characters": characters,
            "usergroupAddresses": Address::MOST,
            "treeLevels": settings.max_depth,
            "idempotencyKeyCharacters": MAX_IDEMPOTENCY_KEY,
            "idempotencyHours": settings.idempotency_hours,
            "runsDays": settings.runs_days,
            "streams": MAX_STREAMS,
            "streamsPerKey": MAX_STREAMS_OF_ONE_KEY,
            "pageGroups": { "most": MAX_PAGE, "default": DEFAULT_PAGE },
            "pageLevels": { "most": MAX_DEPTH, "default": DEFAULT_DEPTH },
            "targetBytes": MAX_TARGET,
            "headerBytes": MAX_HEADERS,
            "headerFields": MAX_FIELDS,
            "headSeconds": DEADLINES.head.as_secs(),
            "bodyIdleSeconds": DEADLINES.idle.as_secs(),
            "bodyGraceSeconds": DEADLINES.grace.as_secs(),
            "bodyBytesPerSecond": DEADLINES.rate,
            "bodySeconds": DEADLINES.arrival.as_secs(),
            "waitingSeconds": DEADLINES.line.as_secs(),
            "answerIdleSeconds": DEADLINES.write.as_secs(),
            "requestsPerMinute": settings.rates.requests,
            "recordsPerMinute": settings.rates.records,
            "failedAuthenticationsPerMinute": FAILURES_PER_MINUTE,
            "tokenSeconds": LIFE_SECONDS,
            "tokenRequestBytes": oauth::MAX_BYTES,
            "writes": { "inFlight": WRITES.in_flight, "waiting": WRITES.waiting },
            "reads": { "inFlight": READS.in_flight, "waiting": READS.waiting },
            "memoryBytes": memory::BYTES,
            "connections": settings.connections.total,
            "connectionsPerAddress": settings.connections.of_one_address,
        },
    })
}

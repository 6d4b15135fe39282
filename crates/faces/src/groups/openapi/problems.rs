//! Refusals, as the description shows them: grouped by status, each with its true body as an example.

use serde_json::{Map, Value, json};

use crate::groups::limits::MAX_PAGE;
use crate::groups::listing::LIMIT;
use crate::groups::refusal::{BrokenJson, Rate, Refusal};

/// Only an example: whoever runs the server sets the limit.
const BODY_LIMIT: usize = 32 << 20;

/// What any call can be refused for.
pub(super) fn of_every_call(scope: &'static str) -> Vec<Refusal> {
    let detail = "There must be one Host header.";
    vec![
        Refusal::BadRequest { reason: "MULTIPLE_HOST", detail },
        Refusal::Unauthenticated,
        Refusal::Forbidden { scope },
        Refusal::RequestTimeout,
        Refusal::UriTooLong,
        Refusal::HeadersTooLarge,
        Refusal::ExpectationFailed,
        Refusal::Internal,
        Refusal::NotImplemented { reason: "TRANSFER_CODING" },
        Refusal::RateLimited { rate: Rate::Requests, seconds: 1 },
        Refusal::Unavailable,
        Refusal::Draining,
    ]
}

/// What batches can be refused for beyond that.
pub(super) fn of_writes() -> Vec<Refusal> {
    vec![
        Refusal::broken(BrokenJson::EmptyBody, 0, "The body is empty."),
        Refusal::batch_size(1001),
        Refusal::BadCompression,
        Refusal::PayloadTooLarge { limit: BODY_LIMIT },
        Refusal::UnsupportedMediaType,
        Refusal::UnsupportedEncoding,
        Refusal::StorageFull,
        Refusal::OutcomeUnknown,
        Refusal::IdempotencyKeyInUse,
        Refusal::IdempotencyKeyReused,
    ]
}

/// What lists can be refused for beyond that.
pub(super) fn of_lists() -> Vec<Refusal> {
    vec![Refusal::invalid_number(LIMIT, MAX_PAGE)]
}

/// What a list can be refused for where the query names a group.
pub(super) fn of_named_parents() -> Vec<Refusal> {
    vec![Refusal::AmbiguousGroup]
}

/// What the read of one group can be refused for beyond that.
pub(super) fn of_one_group() -> Vec<Refusal> {
    vec![Refusal::GroupNotFound, Refusal::AmbiguousGroup]
}

/// What a server that is not ready says.
pub(super) fn of_readiness() -> Vec<Refusal> {
    vec![Refusal::Unavailable, Refusal::Draining]
}

/// What is refused before it is known which call is meant.
fn of_no_call() -> Vec<Refusal> {
    vec![Refusal::NotFound, Refusal::MethodNotAllowed { allow: "POST" }, Refusal::ForeignOrigin]
}

/// Every refusal, once or more.
pub(super) fn all() -> Vec<Refusal> {
    let calls = [of_every_call("groups:read"), of_writes(), of_lists(), of_one_group(), of_no_call()];
    calls.into_iter().flatten().collect()
}

/// One response for each status.
pub(super) fn responses(refusals: &[Refusal]) -> Map<String, Value> {
    let mut responses = Map::new();
    for refusal in refusals {
        let body = refusal.body("0f8e5d1c9b3a4726");
        let problem: Value = serde_json::from_slice(&body).expect("a problem is JSON");
        let response =
            responses.entry(refusal.status().to_string()).or_insert_with(|| response(refusal.status()));
        let examples = &mut response["content"]["application/problem+json"]["examples"];
        examples[refusal.code()] = json!({ "summary": problem["title"], "value": problem });
    }
    responses
}

/// The header fields that tell the limits of a key.
pub(super) fn rates() -> Value {
    let field = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
    json!({ "RateLimit": field("RateLimit"), "RateLimit-Policy": field("RateLimit-Policy") })
}

fn response(status: u16) -> Value {
    let mut response = json!({
        "description": "Refused, for one of the reasons among the examples.",
        "content": { "application/problem+json": {
            "schema": super::schemas::reference("Problem"),
            "examples": {},
        } },
    });
    let header = match status {
        401 => Some(("WWW-Authenticate", "The scheme to use: Bearer.")),
        429 | 503 => Some(("Retry-After", "Seconds to wait.")),
        _ => None,
    };
    if status == 429 {
        response["headers"] = rates();
    }
    if let Some((name, about)) = header {
        response["headers"][name] = json!({ "description": about, "schema": { "type": "string" } });
    }
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A new kind of refusal does not compile until it has a number here, and is then missed in [`all`].
    const fn number(refusal: &Refusal) -> usize {
        match refusal {
            Refusal::BadRequest { .. } => 0,
            Refusal::InvalidJson { .. } => 1,
            Refusal::Validation { .. } => 2,
            Refusal::RequestTimeout => 3,
            Refusal::Unauthenticated => 4,
            Refusal::Forbidden { .. } => 5,
            Refusal::ForeignOrigin => 6,
            Refusal::NotFound => 7,
            Refusal::GroupNotFound => 8,
            Refusal::AmbiguousGroup => 9,
            Refusal::MethodNotAllowed { .. } => 10,
            Refusal::PayloadTooLarge { .. } => 11,
            Refusal::UnsupportedMediaType => 12,
            Refusal::UnsupportedEncoding => 13,
            Refusal::BadCompression => 14,
            Refusal::HeadersTooLarge => 15,
            Refusal::UriTooLong => 16,
            Refusal::ExpectationFailed => 17,
            Refusal::NotImplemented { .. } => 18,
            Refusal::Unavailable => 19,
            Refusal::Draining => 20,
            Refusal::StorageFull => 21,
            Refusal::OutcomeUnknown => 22,
            Refusal::Internal => 23,
            Refusal::IdempotencyKeyInUse => 24,
            Refusal::IdempotencyKeyReused => 25,
            Refusal::RateLimited { .. } => 26,
        }
    }

    #[test]
    fn every_refusal_is_described() {
        let described: BTreeSet<usize> = all().iter().map(number).collect();
        assert_eq!(described, (0..27).collect());
        let codes: BTreeSet<&str> = all().iter().map(Refusal::code).collect();
        assert_eq!(codes.len(), 26, "only FORBIDDEN has two causes");
    }
}

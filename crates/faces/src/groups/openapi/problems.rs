//! Refusals, as the description shows them: grouped by status, each with its true body as an example.

use directory::outcome::CyclePath;
use directory::{Failure, Fault, Field, GroupId};
use serde_json::{Map, Value, json};

use crate::groups::limits::MAX_PAGE;
use crate::groups::listing::LIMIT;
use crate::groups::query::DRY_RUN;
use crate::groups::refusal::{BrokenJson, Rate, Refusal};
use crate::groups::shape::GROUPS;
use crate::groups::write::refused_record;

/// Only an example: whoever runs the server sets the limit.
const BODY_LIMIT: usize = 32 << 20;

/// A refusal with its true body.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    status: u16,
    code: &'static str,
    body: Value,
    /// What it was made of, where it is one of a request as a whole.
    pub(super) refusal: Option<Refusal>,
}

/// Only an example of a request's id.
const REQUEST_ID: &str = "0f8e5d1c9b3a4726";

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let body = parsed(&refusal.body(REQUEST_ID));
        Self { status: refusal.status(), code: refusal.code(), body, refusal: Some(refusal) }
    }
}

fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("a problem is JSON")
}

fn refused<const N: usize>(refusals: [Refusal; N]) -> Vec<Refused> {
    refusals.into_iter().map(Refused::from).collect()
}

/// What one record that stands for itself can fail with.
pub(super) fn of_records() -> Vec<Refused> {
    let path = CyclePath { steps: vec!["a".into(), "b".into()], omitted: 0 };
    let id = GroupId::new(3).expect("a small number");
    let failures = [
        Failure::RequiredFieldMissing(Field::Name),
        Failure::Validation { field: Some(Field::Name), fault: Fault::Blank },
        Failure::AmbiguousGroupIdentifier { field: Field::Key, groups: 2 },
        Failure::GroupNotFound,
        Failure::ArchivedGroupExists { id },
        Failure::PreconditionFailed,
        Failure::ParentIsSelf,
        Failure::ParentGroupNotFound { unmatchable_length: None },
        Failure::ArchivedParentGroup,
        Failure::HierarchyCycle { path },
        Failure::HierarchyTooDeep { level: 65, limit: 64 },
        Failure::GroupHasChildren { children: 2 },
    ];
    let refused = failures.into_iter().map(|failure| {
        let code = failure.code().as_str();
        let (status, body) = refused_record(&[failure], REQUEST_ID);
        Refused { status, code, body: parsed(&body), refusal: None }
    });
    refused.collect()
}

/// What any call can be refused for.
pub(super) fn of_every_call(scope: &'static str) -> Vec<Refused> {
    let detail = "There must be one Host header.";
    refused([
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
    ])
}

/// What batches can be refused for beyond that.
pub(super) fn of_writes() -> Vec<Refused> {
    let size = refused([Refusal::batch_size(GROUPS, 1001)]);
    [of_bodies(), size, of_writes_without_body()].concat()
}

/// What calls with a body can be refused for.
pub(super) fn of_bodies() -> Vec<Refused> {
    refused([
        Refusal::broken(BrokenJson::EmptyBody, 0, "The body is empty."),
        Refusal::BadCompression,
        Refusal::PayloadTooLarge { limit: BODY_LIMIT },
        Refusal::UnsupportedMediaType,
        Refusal::UnsupportedEncoding,
    ])
}

/// What calls that write can be refused for.
pub(super) fn of_writes_without_body() -> Vec<Refused> {
    refused([
        Refusal::parameter(DRY_RUN, "dryRun must be true or false."),
        Refusal::StorageFull,
        Refusal::OutcomeUnknown,
        Refusal::IdempotencyKeyInUse,
        Refusal::IdempotencyKeyReused,
    ])
}

/// What the call for tokens can be refused for beyond its own errors.
pub(super) fn of_tokens() -> Vec<Refused> {
    let own = ["UNAUTHENTICATED", "FORBIDDEN"];
    let mut refusals = of_every_call("");
    refusals.retain(|refused| !own.contains(&refused.code));
    refusals.extend(super::oauth::refusals().map(Refused::from));
    refusals
}

/// What lists can be refused for beyond that.
pub(super) fn of_lists() -> Vec<Refused> {
    refused([Refusal::invalid_number(LIMIT, MAX_PAGE)])
}

/// What a list can be refused for where the query names a group.
pub(super) fn of_named_parents() -> Vec<Refused> {
    refused([Refusal::AmbiguousGroup])
}

/// What the read of one group can be refused for beyond that.
pub(super) fn of_one_group() -> Vec<Refused> {
    refused([Refusal::GroupNotFound, Refusal::AmbiguousGroup])
}

/// What a server that is not ready says.
pub(super) fn of_readiness() -> Vec<Refused> {
    refused([Refusal::Unavailable, Refusal::Draining])
}

/// What is refused before it is known which call is meant.
fn of_no_call() -> Vec<Refused> {
    refused([Refusal::NotFound, Refusal::MethodNotAllowed, Refusal::ForeignOrigin])
}

/// Every refusal of a request as a whole, once or more.
pub(super) fn all() -> Vec<Refusal> {
    let calls = [of_every_call("groups:read"), of_writes(), of_lists(), of_one_group(), of_no_call()];
    let refused = calls.into_iter().flatten().filter_map(|refused| refused.refusal);
    refused.chain([Refusal::RunNotFound]).collect()
}

/// One response for each status.
pub(super) fn responses(refusals: &[Refused]) -> Map<String, Value> {
    let mut responses = Map::new();
    for Refused { status, code, body, .. } in refusals {
        let response = responses.entry(status.to_string()).or_insert_with(|| response(*status));
        let examples = &mut response["content"]["application/problem+json"]["examples"];
        examples[code] = json!({ "summary": body["title"], "value": body });
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
            Refusal::MethodNotAllowed => 10,
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
            Refusal::RunNotFound => 26,
            Refusal::RateLimited { .. } => 27,
        }
    }

    #[test]
    fn every_refusal_is_described() {
        let described: BTreeSet<usize> = all().iter().map(number).collect();
        assert_eq!(described, (0..28).collect());
        let codes: BTreeSet<&str> = all().iter().map(Refusal::code).collect();
        assert_eq!(codes.len(), 27, "only FORBIDDEN has two causes");
    }
}

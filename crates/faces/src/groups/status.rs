//! What each refusal is to HTTP, to programs and to people: one table.

use std::borrow::Cow;

use directory::{Code, Intent, RecordResult};

use super::refusal::{InvalidRequest, Rate, Refusal};
use super::wire::{Problem, to_json};

/// The status of a batch that was carried out, with so many failed records.
pub(super) const fn of_batch(failed: usize) -> u16 {
    if failed == 0 { 200 } else { 207 }
}

/// The status of a record that stands for itself and was done.
pub(super) const fn of_record(result: &RecordResult, intent: Intent) -> u16 {
    match (result, intent) {
        (RecordResult::Created { .. }, _) => 201,
        (_, Intent::Archive(_)) => 204,
        _ => 200,
    }
}

/// Whether an answer of this status has a body.
pub(super) const fn has_body(status: u16) -> bool {
    status != 204
}

/// Status and title of a record that stands for itself and failed.
pub(super) const fn of_failure(code: Code) -> (u16, &'static str) {
    match code {
        Code::RequiredFieldMissing => (400, "A field is missing"),
        Code::Validation => (400, "The request is not as the contract asks"),
        Code::DuplicateInRequest => (400, "Several records for one group"),
        Code::AmbiguousGroupIdentifier => (409, "More than one group has this key"),
        Code::GroupNotFound => (404, "No such group"),
        Code::ArchivedGroupExists => (409, "The group is archived"),
        Code::AddressNotFound => (404, "No such address"),
        Code::ReferenceTaken => (409, "Another group has this key"),
        Code::PreconditionFailed => (412, "The group is in another state"),
        Code::ParentIsSelf => (422, "The group cannot be its own parent"),
        Code::ParentGroupNotFound => (422, "No such parent"),
        Code::ArchivedParentGroup => (422, "The parent is archived"),
        Code::ParentFailedInRequest => (422, "The parent failed"),
        Code::HierarchyCycle => (422, "The group would lie below itself"),
        Code::HierarchyTooDeep => (422, "The tree would become too deep"),
        Code::GroupHasChildren => (409, "Groups live below this one"),
    }
}

/// Status, code, title.
struct Line(u16, &'static str, &'static str);

impl Refusal {
    const fn line(&self) -> Line {
        match self {
            Self::BadRequest { .. } => Line(400, "BAD_REQUEST", "Not a proper HTTP request"),
            Self::InvalidJson { .. } => Line(400, "INVALID_JSON", "The body is not valid JSON"),
            Self::Validation { .. } => {
                Line(400, "VALIDATION_ERROR", "The request is not as the contract asks")
            }
            Self::BadCompression => Line(400, "BAD_COMPRESSION", "The compressed body is damaged"),
            Self::Unauthenticated => Line(401, "UNAUTHENTICATED", "Authentication required"),
            Self::Forbidden { .. } | Self::ForeignOrigin => Line(403, "FORBIDDEN", "Not allowed"),
            Self::NotFound => Line(404, "NOT_FOUND", "No such resource"),
            Self::GroupNotFound => Line(404, "GROUP_NOT_FOUND", "No such group"),
            Self::RunNotFound => Line(404, "RUN_NOT_FOUND", "No such run"),
            Self::MethodNotAllowed => Line(405, "METHOD_NOT_ALLOWED", "Method not allowed"),
            Self::RequestTimeout => Line(408, "REQUEST_TIMEOUT", "The request took too long"),
            Self::AmbiguousGroup => {
                Line(409, "AMBIGUOUS_GROUP_IDENTIFIER", "More than one group has this key")
            }
            Self::IdempotencyKeyInUse => {
                Line(409, "IDEMPOTENCY_KEY_IN_USE", "The first request with this key is under way")
            }
            Self::PayloadTooLarge { .. } => Line(413, "PAYLOAD_TOO_LARGE", "The body is too large"),
            Self::UriTooLong => Line(414, "URI_TOO_LONG", "The request target is too long"),
            Self::UnsupportedMediaType => Line(415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type"),
            Self::UnsupportedEncoding => Line(415, "UNSUPPORTED_ENCODING", "Unsupported content encoding"),
            Self::ExpectationFailed => Line(417, "EXPECTATION_FAILED", "Unknown expectation"),
            Self::IdempotencyKeyReused => {
                Line(422, "IDEMPOTENCY_KEY_REUSED", "The key belongs to another request")
            }
            Self::HeadersTooLarge => Line(431, "HEADERS_TOO_LARGE", "The header block is too large"),
            Self::RateLimited { .. } => Line(429, "RATE_LIMITED", "Too much in too short a time"),
            Self::Internal => Line(500, "INTERNAL", "Internal error"),
            Self::NotImplemented { .. } => Line(501, "NOT_IMPLEMENTED", "Not implemented"),
            Self::Unavailable => Line(503, "UNAVAILABLE", "Temporarily unavailable"),
            Self::Draining => Line(503, "DRAINING", "Shutting down"),
            Self::StorageFull => Line(503, "STORAGE_FULL", "Storage full"),
            Self::OutcomeUnknown => Line(503, "OUTCOME_UNKNOWN", "Outcome unknown"),
        }
    }

    /// The caller's sentence.
    pub(crate) fn detail(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::BadRequest { detail, .. } => detail,
            Self::InvalidJson { detail, .. } => detail,
            Self::Validation { detail, .. } => detail,
            Self::Forbidden { scope } => return format!("The API key lacks the scope {scope}.").into(),
            Self::PayloadTooLarge { limit } => {
                return format!("At most {limit} bytes, as sent and decompressed. Send fewer records.")
                    .into();
            }
            Self::RequestTimeout => "The request did not arrive in time. Nothing was done; send it again.",
            Self::Unauthenticated => "Send a valid API key as: Authorization: Bearer <key>.",
            Self::ForeignOrigin => "Requests on behalf of another site are not accepted.",
            Self::NotFound => "There is nothing at this path.",
            Self::MethodNotAllowed => "The header Allow names the methods that this resource knows.",
            Self::GroupNotFound => "No group is known by that name.",
            Self::RunNotFound => "No run is known by that id; runs are forgotten after some time.",
            Self::AmbiguousGroup => {
                "More than one group carries this externalReferenceId, each of another type."
            }
            Self::IdempotencyKeyInUse => {
                "Nothing was done twice. Send it again after the time in Retry-After."
            }
            Self::IdempotencyKeyReused => {
                "This Idempotency-Key came with another request before. Nothing was done; take a new key."
            }
            Self::UnsupportedMediaType => "Send the body as application/json in UTF-8.",
            Self::UnsupportedEncoding => "Send the body plain or with Content-Encoding: gzip.",
            Self::BadCompression => "The gzip body is damaged or cut short.",
            Self::HeadersTooLarge => "Send fewer or shorter header fields.",
            Self::UriTooLong => "Send a shorter request target.",
            Self::ExpectationFailed => "The only expectation known is 100-continue.",
            Self::NotImplemented { .. } => "This server does not do that.",
            Self::RateLimited { rate, seconds } => return too_fast(*rate, *seconds).into(),
            Self::Unavailable => "Nothing was done. Try again after the time in Retry-After.",
            Self::Draining => "This server is shutting down. Nothing was done; try again.",
            Self::StorageFull => "The server's disk is full. Nothing was done; reads keep working.",
            Self::OutcomeUnknown => {
                "The commit failed or was not answered: the batch is there wholly or not at all. Send it again; \
                 what is there already is then unchanged."
            }
            Self::Internal => "Internal error. The log has the cause under this request id.",
        })
    }

    /// The exact cause, where the code is a class of several.
    pub(crate) const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::BadRequest { reason, .. } | Self::NotImplemented { reason } => Some(reason),
            Self::InvalidJson { reason, .. } => Some(reason.as_str()),
            Self::Validation { reason, .. } => Some(reason.as_str()),
            Self::Forbidden { .. } => Some("MISSING_SCOPE"),
            Self::RateLimited { rate, .. } => Some(rate.as_str()),
            _ => None,
        }
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.line().0
    }

    /// The stable code.
    pub const fn code(&self) -> &'static str {
        self.line().1
    }

    /// The answer's body, of type `application/problem+json` (RFC 9457).
    pub fn body(&self, request_id: &str) -> Vec<u8> {
        let Line(status, code, title) = self.line();
        let detail = self.detail();
        let mut problem = Problem::new(status, code, title, &detail, request_id);
        problem.reason = self.reason();
        match self {
            Self::InvalidJson { position, .. } => problem.position = Some(*position),
            Self::Validation { reason, field, bounds, .. } => {
                problem.field = field.as_deref();
                if let Some(bounds) = bounds {
                    (problem.min, problem.max, problem.got) =
                        (Some(bounds.min), Some(bounds.max), bounds.got);
                    problem.max_items = matches!(reason, InvalidRequest::BatchTooLarge).then_some(bounds.max);
                }
            }
            Self::Forbidden { scope } => problem.scope = Some(scope),
            Self::PayloadTooLarge { limit } => problem.limit = Some(*limit),
            Self::RateLimited { seconds, .. } => problem.retry_after = Some(*seconds),
            _ => {}
        }
        to_json(&problem, 512)
    }
}

fn too_fast(rate: Rate, seconds: u64) -> String {
    let what = match rate {
        Rate::Requests => "This key has used up its requests",
        Rate::Records => "This key has used up its records: this batch does not fit into what is left",
        Rate::FailedAuthentications => "Too many keys from this address were not valid",
    };
    format!("{what}. Nothing was done; it is worth trying again in {seconds} s.")
}

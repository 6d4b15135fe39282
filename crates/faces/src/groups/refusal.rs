//! Requests that are refused as a whole.

use std::borrow::Cow;

use directory::model::JsonType;
use directory::{Batch, BatchError};

use super::fields::closest;
use super::listing::CURSOR;
use super::query::DRY_RUN;
use super::shape::GROUPS;

/// Why a request is refused as a whole; nothing of it was done, but for [`Refusal::OutcomeUnknown`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Broken HTTP: framing, a missing or doubled header.
    BadRequest {
        /// The exact cause, such as `FRAMING`.
        reason: &'static str,
        /// The caller's sentence.
        detail: &'static str,
    },
    /// The body is not one JSON text in UTF-8.
    InvalidJson {
        /// The exact cause.
        reason: BrokenJson,
        /// How many bytes come before what is wrong.
        position: usize,
        /// The caller's sentence.
        detail: Cow<'static, str>,
    },
    /// The request is not as the contract asks.
    Validation {
        /// The exact cause.
        reason: InvalidRequest,
        /// The caller's sentence.
        detail: String,
        /// The member or parameter at fault.
        field: Option<String>,
        /// The numbers allowed and found.
        bounds: Option<Bounds>,
    },
    /// The request took too long to arrive.
    RequestTimeout,
    /// No credential that this server knows.
    Unauthenticated,
    /// The credential lacks this scope.
    Forbidden {
        /// The scope it would need.
        scope: &'static str,
    },
    /// A browser asks on behalf of another site.
    ForeignOrigin,
    /// No such resource.
    NotFound,
    /// No such group.
    GroupNotFound,
    /// No such run.
    RunNotFound,
    /// A key that more than one group carries.
    AmbiguousGroup,
    /// The resource does not know the method.
    MethodNotAllowed,
    /// The first request with this idempotency key is still under way.
    IdempotencyKeyInUse,
    /// The idempotency key came with another request before.
    IdempotencyKeyReused,
    /// The body is too large, as sent or after decompression.
    PayloadTooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// The body is not `application/json`.
    UnsupportedMediaType,
    /// The body is encoded in another way than gzip.
    UnsupportedEncoding,
    /// The gzip stream is damaged.
    BadCompression,
    /// The header block is too large.
    HeadersTooLarge,
    /// The request target is too long.
    UriTooLong,
    /// An expectation other than `100-continue`.
    ExpectationFailed,
    /// Something of HTTP that this server does not do.
    NotImplemented {
        /// The exact cause, such as `TRANSFER_CODING`.
        reason: &'static str,
    },
    /// The caller asks too often.
    RateLimited {
        /// Which limit it is.
        rate: Rate,
        /// Seconds after which it is worth trying again, at least 1.
        seconds: u64,
    },
    /// The store is down or the server overloaded.
    Unavailable,
    /// The server is shutting down.
    Draining,
    /// The disk is full.
    StorageFull,
    /// The commit itself failed: the batch may be there or not.
    OutcomeUnknown,
    /// A defect of this server.
    Internal,
}

/// What is limited over time: the reasons of `RATE_LIMITED`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// Requests with one access key.
    Requests,
    /// Records of batches with one access key.
    Records,
    /// Keys from one address that were refused.
    FailedAuthentications,
}

/// The reasons of `INVALID_JSON`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenJson {
    /// Nothing was sent.
    EmptyBody,
    /// Not UTF-8.
    InvalidUtf8,
    /// Not JSON.
    Syntax,
    /// Something follows the JSON text.
    TrailingData,
    /// Nested too deeply.
    TooDeep,
}

/// The reasons of `VALIDATION_ERROR` for a request as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidRequest {
    /// The body is not an object.
    NotAnObject,
    /// `groups` is missing.
    RequiredFieldMissing,
    /// `groups` is not an array.
    NotAnArray,
    /// No records.
    BatchEmpty,
    /// Too many records.
    BatchTooLarge,
    /// A member beside `groups`.
    UnknownField,
    /// `groups` occurs more than once.
    DuplicateMember,
    /// A query parameter is wrong.
    InvalidParameter,
    /// The cursor is not one of this list.
    InvalidCursor,
    /// The header `Idempotency-Key` is not a key.
    InvalidIdempotencyKey,
}

/// What a number may be, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The least allowed.
    pub min: usize,
    /// The most allowed.
    pub max: usize,
    /// The number found, if it is one.
    pub got: Option<usize>,
}

impl Rate {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Requests, Self::Records, Self::FailedAuthentications];

    /// The reason as it stands on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "REQUESTS",
            Self::Records => "RECORDS",
            Self::FailedAuthentications => "FAILED_AUTHENTICATIONS",
        }
    }

    /// The name in the fields `RateLimit` and `RateLimit-Policy`.
    pub const fn policy(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Records => "records",
            Self::FailedAuthentications => "failed-authentications",
        }
    }
}

impl BrokenJson {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::EmptyBody, Self::InvalidUtf8, Self::Syntax, Self::TrailingData, Self::TooDeep];

    /// The reason as it stands on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmptyBody => "EMPTY_BODY",
            Self::InvalidUtf8 => "INVALID_UTF8",
            Self::Syntax => "SYNTAX",
            Self::TrailingData => "TRAILING_DATA",
            Self::TooDeep => "TOO_DEEP",
        }
    }
}

impl InvalidRequest {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::NotAnObject,
        Self::RequiredFieldMissing,
        Self::NotAnArray,
        Self::BatchEmpty,
        Self::BatchTooLarge,
        Self::UnknownField,
        Self::DuplicateMember,
        Self::InvalidParameter,
        Self::InvalidCursor,
        Self::InvalidIdempotencyKey,
    ];

    /// The reason as it stands on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAnObject => "NOT_AN_OBJECT",
            Self::RequiredFieldMissing => "REQUIRED_FIELD_MISSING",
            Self::NotAnArray => "NOT_AN_ARRAY",
            Self::BatchEmpty => "BATCH_EMPTY",
            Self::BatchTooLarge => "BATCH_TOO_LARGE",
            Self::UnknownField => "UNKNOWN_FIELD",
            Self::DuplicateMember => "DUPLICATE_MEMBER",
            Self::InvalidParameter => "INVALID_PARAMETER",
            Self::InvalidCursor => "INVALID_CURSOR",
            Self::InvalidIdempotencyKey => "INVALID_IDEMPOTENCY_KEY",
        }
    }
}

impl From<BatchError> for Refusal {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::Empty => Self::batch_size(GROUPS, 0),
            BatchError::TooLarge { records } => Self::batch_size(GROUPS, records),
        }
    }
}

impl Refusal {
    /// A query or path parameter that is wrong.
    pub fn parameter(name: &str, detail: impl Into<String>) -> Self {
        Self::invalid(InvalidRequest::InvalidParameter, Some(name), detail)
    }

    /// A number of records that no batch has.
    pub(super) fn batch_size(list: &'static str, records: usize) -> Self {
        let reason = if records == 0 { InvalidRequest::BatchEmpty } else { InvalidRequest::BatchTooLarge };
        let max = Batch::MAX_RECORDS;
        let detail = format!("{list} must hold 1 to {max} records, it holds {records}.");
        let bounds = Some(Bounds { min: 1, max, got: Some(records) });
        Self::Validation { reason, detail, field: Some(list.into()), bounds }
    }

    pub(super) fn broken(reason: BrokenJson, position: usize, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::InvalidJson { reason, position, detail: detail.into() }
    }

    /// A body that should be an object: with this list alone, or else with the fields of a group.
    pub(super) fn not_an_object(list: Option<&'static str>, found: JsonType) -> Self {
        let members =
            list.map_or_else(|| "the fields of a group".to_owned(), |list| format!("the member {list}"));
        let detail = format!("The body must be an object with {members}, it is {found}.");
        Self::invalid(InvalidRequest::NotAnObject, None, detail)
    }

    pub(super) fn list_missing(list: &'static str) -> Self {
        let detail = format!("{list} is missing: the body must be an object with an array of records there.");
        Self::invalid(InvalidRequest::RequiredFieldMissing, Some(list), detail)
    }

    pub(super) fn not_an_array(list: &'static str, found: JsonType) -> Self {
        let detail = format!("{list} must be an array of records, it is {found}.");
        Self::invalid(InvalidRequest::NotAnArray, Some(list), detail)
    }

    pub(super) fn list_doubled(list: &'static str) -> Self {
        let detail = format!("{list} occurs more than once.");
        Self::invalid(InvalidRequest::DuplicateMember, Some(list), detail)
    }

    /// The name is short enough to be repeated.
    pub(super) fn unknown_beside(list: &'static str, name: &str) -> Self {
        let advice = if name.eq_ignore_ascii_case(DRY_RUN) {
            format!("; for a rehearsal add ?{DRY_RUN}=true to the URL")
        } else if name.to_ascii_lowercase().contains("group") || closest(name, [list].into_iter()).is_some() {
            format!("; did you mean {list}?")
        } else {
            ".".into()
        };
        let detail = format!("{name} is not a member of the body, which has {list} alone{advice}");
        Self::invalid(InvalidRequest::UnknownField, Some(name), detail)
    }

    pub(super) fn invalid_number(name: &str, max: usize) -> Self {
        Self::Validation {
            reason: InvalidRequest::InvalidParameter,
            detail: format!("{name} must be a whole number from 1 to {max}."),
            field: Some(name.into()),
            bounds: Some(Bounds { min: 1, max, got: None }),
        }
    }

    /// A cursor that was not handed out for this list, or is none.
    pub fn invalid_cursor() -> Self {
        let detail =
            "The cursor is not one that this list handed out under these conditions. Start again without it.";
        Self::invalid(InvalidRequest::InvalidCursor, Some(CURSOR), detail)
    }

    pub(super) fn invalid(reason: InvalidRequest, field: Option<&str>, detail: impl Into<String>) -> Self {
        Self::Validation { reason, detail: detail.into(), field: field.map(Into::into), bounds: None }
    }
}

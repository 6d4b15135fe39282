//! What each refusal of this contract is to HTTP and to programs: one table (contract 2 §2).

use directory::{Code, DefinitionFailure, Failure, Fault};

use super::refusal::Refusal;
use crate::groups::{InvalidRequest, Refusal as Shared};

/// Code and type of an error, as published; then the status, and our own code.
pub(super) struct Line(pub(super) u32, pub(super) &'static str, pub(super) u16, pub(super) &'static str);

impl Line {
    /// What a request that was carried out is answered with.
    pub(super) const DONE: u16 = 200;
    /// The same where something was created.
    pub(super) const CREATED: u16 = 201;
}

const SCHEMA: Line = Line(10007, "SchemaValidationException", 400, "VALIDATION_ERROR");
const PAYLOAD: Line = Line(10017, "PayloadValidationError", 400, "VALIDATION_ERROR");
const NOBODY: Line = Line(20006, "UsergroupNotFound", 404, "GROUP_NOT_FOUND");
const NO_PARENT: Line = Line(20007, "ParentUsergroupNotFound", 404, "GROUP_NOT_FOUND");
const NO_ATTRIBUTE: Line = Line(14001, "AttributeNotFound", 404, "ATTRIBUTE_NOT_FOUND");
const NO_ADDRESS: Line = Line(90006, "AddressNotFound", 404, "ADDRESS_NOT_FOUND");
const SEVERAL: Line = Line(20005, "UsergroupMultipleFound", 400, "AMBIGUOUS_GROUP_IDENTIFIER");

/// The published names of what HTTP itself says, by status.
pub(super) const fn by_status(status: u32) -> Option<&'static str> {
    Some(match status {
        401 => "Unauthorized",
        403 => "Forbidden",
        405 => "MethodNotAllowed",
        408 => "RequestTimeout",
        409 => "Conflict",
        413 => "PayloadTooLarge",
        414 => "UriTooLong",
        415 => "UnsupportedMediaType",
        417 => "ExpectationFailed",
        422 => "UnprocessableEntity",
        429 => "TooManyRequests",
        431 => "HeadersTooLarge",
        500 => "InternalServerError",
        501 => "NotImplemented",
        503 => "ServiceUnavailable",
        400 => "BadRequest",
        _ => return None,
    })
}

fn of_shared(shared: &Shared) -> Line {
    match shared {
        Shared::InvalidJson { .. } => Line(10005, "InvalidJSONPayload", 400, shared.code()),
        Shared::NotFound => Line(10008, "NotFound", 404, shared.code()),
        Shared::GroupNotFound => NOBODY,
        Shared::AmbiguousGroup => SEVERAL,
        Shared::Validation { reason, .. } => match reason {
            InvalidRequest::NotAnObject
            | InvalidRequest::RequiredFieldMissing
            | InvalidRequest::NotAnArray
            | InvalidRequest::BatchEmpty
            | InvalidRequest::UnknownField
            | InvalidRequest::DuplicateMember => SCHEMA,
            InvalidRequest::BatchTooLarge
            | InvalidRequest::InvalidParameter
            | InvalidRequest::InvalidCursor
            | InvalidRequest::InvalidIdempotencyKey => PAYLOAD,
        },
        shared => {
            let code = shared.status().into();
            Line(code, by_status(code).unwrap_or("Error"), shared.status(), shared.code())
        }
    }
}

/// What a record that stands for itself is told: by its main fault.
const fn of_failure(failure: &Failure) -> Line {
    match failure {
        Failure::Validation {
            fault:
                Fault::AmbiguousParent | Fault::CodeTaken | Fault::SecondDefault | Fault::TooManyEntries { .. },
            ..
        } => PAYLOAD,
        Failure::AddressNotFound { .. } => NO_ADDRESS,
        Failure::ReferenceTaken { .. } => Line(20004, "UsergroupExists", 400, Code::ReferenceTaken.as_str()),
        Failure::AmbiguousGroupIdentifier { .. } => SEVERAL,
        // What is archived is in the recycle bin: this face does not find it.
        Failure::GroupNotFound | Failure::ArchivedGroupExists { .. } => NOBODY,
        Failure::Validation { .. } | Failure::RequiredFieldMissing(_) => SCHEMA,
        Failure::AttributeNotFound { .. } => NO_ATTRIBUTE,
        Failure::DuplicateInRequest { .. }
        | Failure::DuplicateAddress { .. }
        | Failure::PreconditionFailed
        | Failure::ParentIsSelf
        | Failure::ParentGroupNotFound { .. }
        | Failure::ArchivedParentGroup
        | Failure::ParentFailedInRequest { .. }
        | Failure::HierarchyCycle { .. }
        | Failure::HierarchyTooDeep { .. }
        | Failure::GroupHasChildren { .. } => {
            Line(10017, "PayloadValidationError", 400, failure.code().as_str())
        }
    }
}

/// What a definition of an attribute that stands for itself is told.
const fn of_definition(failure: &DefinitionFailure) -> Line {
    match failure {
        DefinitionFailure::NotFound => NO_ATTRIBUTE,
        DefinitionFailure::Missing(_) => Line(10007, "SchemaValidationException", 400, failure.code()),
        DefinitionFailure::Invalid { .. }
        | DefinitionFailure::Immutable(_)
        | DefinitionFailure::Duplicate { .. }
        | DefinitionFailure::Exists { .. }
        | DefinitionFailure::TooMany { .. } => Line(10017, "PayloadValidationError", 400, failure.code()),
    }
}

impl Refusal {
    pub(super) fn line(&self) -> Line {
        match self {
            Self::Shared(shared) => of_shared(shared),
            Self::LookupKey { .. } => Line(10006, "InvalidLookupKey", 400, "VALIDATION_ERROR"),
            Self::Schema(found) if found.count == found.keyless => {
                Line(10016, "LookupKeyNotFound", 400, "VALIDATION_ERROR")
            }
            Self::Schema(_) => SCHEMA,
            Self::Page { .. } => Line(10015, "PaginatedResponseException", 400, "VALIDATION_ERROR"),
            Self::Payload { .. } => PAYLOAD,
            Self::Nobody(..) => NOBODY,
            Self::NoParent(..) => NO_PARENT,
            Self::NoAttribute(..) => NO_ATTRIBUTE,
            Self::Definition(failure, _) => of_definition(failure),
            Self::Several(_) => SEVERAL,
            Self::NoAddress { .. } => NO_ADDRESS,
            Self::Failed(failures) => failures.first().map_or(PAYLOAD, |(main, _)| of_failure(main)),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.line().2
    }

    /// Our own stable code.
    pub fn code(&self) -> &'static str {
        self.line().3
    }
}

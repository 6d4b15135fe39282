//! Requests that are refused as a whole, in the envelope of this contract (contract 2 §2).

use std::borrow::Cow;

use directory::{DefinitionFailure, Failure, GroupId, LookupKey};
use serde::Serialize;

use super::definitions;
use super::error_pages::ERROR_PAGES;
use super::fields::{ID, wire_name};
use super::schema::Violations;
use super::status::Line;
use super::write::reason_of;
use crate::groups::limits::{MAX_ECHO, shorten};
use crate::groups::wire::to_json;
use crate::groups::{Bounds, Refusal as Shared};

/// Why a request is refused as a whole; nothing of it was done, but for `OUTCOME_UNKNOWN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// For a reason that does not depend on the contract.
    Shared(Shared),
    /// The path names its key in another way than by one of these.
    LookupKey {
        /// What it says, short enough to be repeated.
        found: Box<str>,
        /// What it may say.
        known: &'static [&'static str],
    },
    /// The payload has not the form of the contract.
    Schema(Violations),
    /// The number or size of a page is not one that there can be.
    Page {
        /// `page` or `offset`.
        field: &'static str,
        /// The largest.
        max: usize,
    },
    /// The payload has the right form and cannot be done.
    Payload {
        /// The stable reason.
        reason: &'static str,
        /// The field at fault.
        field: String,
        /// The caller's sentence.
        detail: String,
        /// The numbers allowed and found.
        bounds: Option<Bounds>,
    },
    /// No usergroup has this key, in the caller's own words: key and value.
    Nobody(&'static str, String),
    /// No usergroup has this key, of which a part was asked for: key and value.
    NoParent(&'static str, String),
    /// No attribute has this key, in the caller's own words: key and value.
    NoAttribute(&'static str, String),
    /// The one definition of the request was not done: why, and what is said of it.
    Definition(DefinitionFailure, String),
    /// The usergroup has no address of this id.
    NoAddress {
        /// As it was asked for.
        id: String,
        /// The id of the usergroup.
        group: String,
    },
    /// More than one usergroup has this sourceId, each of another source.
    Several(String),
    /// The one record of the request failed: with each fault, the main one first, and what is said of it.
    Failed(Vec<(Failure, String)>),
}

impl From<Shared> for Refusal {
    fn from(shared: Shared) -> Self {
        Self::Shared(shared)
    }
}

impl From<Violations> for Refusal {
    fn from(violations: Violations) -> Self {
        Self::Schema(violations)
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Error<'a>,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the published names")]
struct Error<'a> {
    code: u32,
    messages: Vec<Cow<'a, str>>,
    more_info: String,
    status: u16,
    #[serde(rename = "type")]
    kind: &'static str,
    error_code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    got: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl Refusal {
    /// A key of the path, in the words of its caller.
    pub fn nobody(key: &LookupKey) -> Self {
        match key {
            LookupKey::Id(id) => Self::no_id(*id),
            key => Self::Nobody("sourceId", key.to_string()),
        }
    }

    /// The same of which a part was asked for.
    #[must_use]
    pub fn as_parent(self) -> Self {
        match self {
            Self::Nobody(key, value) => Self::NoParent(key, value),
            other => other,
        }
    }

    /// The usergroup has no address of this id, as it was asked for.
    pub fn no_address(id: &str, group: GroupId) -> Self {
        Self::NoAddress { id: shorten(id, MAX_ECHO).into(), group: group.to_string() }
    }

    /// No usergroup has this id.
    pub fn no_id(id: GroupId) -> Self {
        Self::Nobody("id", id.to_string())
    }

    /// The cause that does not depend on the contract, if it is one.
    pub const fn shared(&self) -> Option<&Shared> {
        match self {
            Self::Shared(shared) => Some(shared),
            _ => None,
        }
    }

    /// The answer's body, of type `application/json`.
    pub fn body(&self) -> Vec<u8> {
        let Line(code, kind, status, error_code) = self.line();
        let more_info = format!("{ERROR_PAGES}/{code}");
        let mut error = Error { code, more_info, status, kind, error_code, ..Error::default() };
        self.describe(&mut error);
        to_json(&Envelope { error }, 512)
    }

    fn describe<'a>(&'a self, error: &mut Error<'a>) {
        let mut say = |message: String| error.messages.push(message.into());
        match self {
            Self::Shared(shared) => {
                error.messages.push(shared.detail());
                error.reason = shared.reason();
                if let Shared::Validation { field, bounds, .. } = shared {
                    error.field = field.as_deref().map(Into::into);
                    (error.min, error.max, error.got) = numbers(bounds.as_ref());
                }
                if let Shared::RateLimited { seconds, .. } = shared {
                    error.retry_after = Some(*seconds);
                }
            }
            Self::LookupKey { found, known } => {
                let known: String = known.iter().flat_map(|known| [*known, ","]).collect();
                say(format!(
                    "Invalid lookup key [{found}], key must contain one of the following values: [{known}]"
                ));
                error.reason = Some("INVALID_LOOKUP_KEY");
            }
            Self::Schema(found) => {
                error.messages.extend(found.named.iter().map(|one| Cow::Borrowed(one.message.as_str())));
                let more = found.count - found.named.len();
                if more > 0 {
                    error.messages.push(format!("{more} further violations").into());
                }
                if let Some(first) = found.named.first() {
                    error.reason = Some(first.reason);
                    error.field = first.field.as_deref().map(Into::into);
                    error.pointer = Some(&first.pointer);
                    (error.min, error.max, error.got) = numbers(first.bounds.as_ref());
                }
            }
            Self::Page { field, max } => {
                say(format!("{field} must be a whole number from 1 to {max}"));
                (error.reason, error.field) = (Some("INVALID_PARAMETER"), Some((*field).into()));
                (error.min, error.max) = (Some(1), Some(*max));
            }
            Self::Payload { reason, field, detail, bounds } => {
                say(detail.clone());
                (error.reason, error.field) = (Some(*reason), Some(field.into()));
                (error.min, error.max, error.got) = numbers(bounds.as_ref());
            }
            Self::Nobody(key, value) => say(format!("Usergroup with {key} [{value}] not found")),
            Self::NoParent(key, value) => {
                say(format!("Parent resource [Usergroup] with {key} [{value}] not found"));
            }
            Self::NoAttribute(key, value) => say(format!("Attribute with {key} [{value}] not found.")),
            Self::Definition(failure, text) => {
                say(text.clone());
                error.reason = definitions::reason_of(failure);
                error.field = failure.field().map(|field| definitions::wire_name(field).into());
            }
            Self::NoAddress { id, group } => {
                say(format!("Address with id [{id}] not found for [Usergroup] with id [{group}]"));
            }
            Self::Several(value) => {
                say(format!("Multiple usergroups with sourceId [{value}] found, name its source"));
            }
            Self::Failed(failures) => {
                error.messages.extend(failures.iter().map(|(_, text)| Cow::Borrowed(text.as_str())));
                if let Some((main, _)) = failures.first() {
                    error.reason = reason_of(main);
                    error.field = main.field().map(|field| wire_name(field, ID).into());
                }
            }
        }
    }
}

fn numbers(bounds: Option<&Bounds>) -> (Option<usize>, Option<usize>, Option<usize>) {
    bounds.map_or((None, None, None), |found| (Some(found.min), Some(found.max), found.got))
}

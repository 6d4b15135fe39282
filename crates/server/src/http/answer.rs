//! How results become answers. What went wrong inside is logged here and never shown.

use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use directory::GroupView;
use faces::groups::{self, Refusal};
use faces::oauth::TokenError;
use faces::usergroups;
use store::StoreError;

use crate::service::Written;

/// A refused request on its way out; [`super::gate`] writes its body, in the words of the face that was asked.
#[derive(Debug, Clone)]
pub(super) enum Refused {
    /// For a reason that does not depend on the contract.
    Shared(Refusal),
    /// For one of contract 2.
    Usergroups(Box<usergroups::Refusal>),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Shared(refusal)
    }
}

impl From<usergroups::Refusal> for Refused {
    fn from(refusal: usergroups::Refusal) -> Self {
        Self::Usergroups(Box::new(refusal))
    }
}

impl Refused {
    /// Our stable code.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Shared(refusal) => refusal.code(),
            Self::Usergroups(refusal) => refusal.code(),
        }
    }

    /// The reason that does not depend on the contract, if it is one.
    pub(super) const fn shared(&self) -> Option<&Refusal> {
        match self {
            Self::Shared(refusal) => Some(refusal),
            Self::Usergroups(refusal) => refusal.shared(),
        }
    }
}

/// In whose words a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Those of contract 1, and of what belongs to no contract.
    Groups,
    /// Those of contract 2.
    Usergroups,
}

impl Dialect {
    /// That of this path.
    pub(super) fn of(path: &str) -> Self {
        if usergroups::serves(path) { Self::Usergroups } else { Self::Groups }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        let refusal = match &error {
            StoreError::Overloaded | StoreError::Unavailable(_) | StoreError::Locked(_) => {
                Refusal::Unavailable
            }
            StoreError::Full => Refusal::StorageFull,
            StoreError::OutcomeUnknown(_) => Refusal::OutcomeUnknown,
            StoreError::Conflict(_)
            | StoreError::Corrupt(_)
            | StoreError::Schema(_)
            | StoreError::Internal(_) => Refusal::Internal,
        };
        tracing::error!(%error, "the store could not do it");
        Self::Shared(refusal)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The finished answer to a refused request.
pub(super) fn render(refused: &Refused, dialect: Dialect, request_id: &str) -> Response {
    let (status, content_type, body) = match (refused, dialect) {
        (Refused::Shared(refusal), Dialect::Groups) => {
            (refusal.status(), "application/problem+json", refusal.body(request_id))
        }
        (Refused::Shared(refusal), Dialect::Usergroups) => {
            let refusal = usergroups::Refusal::from(refusal.clone());
            (refusal.status(), "application/json", refusal.body())
        }
        (Refused::Usergroups(refusal), _) => (refusal.status(), "application/json", refusal.body()),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [(header::CONTENT_TYPE, content_type)], body).into_response();
    if let Some(refusal) = refused.shared() {
        add_headers(refusal, request_id, response.headers_mut());
    }
    response
}

/// The headers that tell a client what to do about it. After a body that was not read to its end the
/// connection is of no further use.
fn add_headers(refusal: &Refusal, request_id: &str, headers: &mut HeaderMap) {
    let mut add =
        |name: HeaderName, value: &'static str| drop(headers.insert(name, HeaderValue::from_static(value)));
    match refusal {
        Refusal::Unauthenticated => add(header::WWW_AUTHENTICATE, "Bearer"),
        Refusal::UnsupportedEncoding => add(header::ACCEPT_ENCODING, "gzip"),
        Refusal::PayloadTooLarge { .. }
        | Refusal::RequestTimeout
        | Refusal::BadRequest { .. }
        | Refusal::HeadersTooLarge
        | Refusal::UriTooLong
        | Refusal::ExpectationFailed
        | Refusal::NotImplemented { .. } => add(header::CONNECTION, "close"),
        Refusal::OutcomeUnknown | Refusal::IdempotencyKeyInUse => add(header::RETRY_AFTER, "1"),
        Refusal::Unavailable => add(header::RETRY_AFTER, spread(request_id)),
        Refusal::RateLimited { seconds, .. } => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
        }
        Refusal::StorageFull => add(header::RETRY_AFTER, "60"),
        Refusal::Draining => {
            add(header::RETRY_AFTER, "5");
            add(header::CONNECTION, "close");
        }
        Refusal::InvalidJson { .. }
        | Refusal::Validation { .. }
        | Refusal::Forbidden { .. }
        | Refusal::ForeignOrigin
        | Refusal::NotFound
        | Refusal::MethodNotAllowed
        | Refusal::GroupNotFound
        | Refusal::RunNotFound
        | Refusal::AmbiguousGroup
        | Refusal::IdempotencyKeyReused
        | Refusal::UnsupportedMediaType
        | Refusal::BadCompression
        | Refusal::Internal => {}
    }
}

/// The answer to a write, in a face's words; with the tag of the group that it shows, and the place of one
/// that is new.
pub(super) fn of_written(written: Written, view: Option<&GroupView>) -> Response {
    let status = StatusCode::from_u16(written.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, written.body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    if status.is_client_error() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        return response;
    }
    if status != StatusCode::NO_CONTENT {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let Some(view) = view else { return response };
    if status == StatusCode::CREATED
        && let Ok(place) = HeaderValue::from_str(&format!("/v3/groups/{}", view.group.id))
    {
        headers.insert(header::LOCATION, place);
    }
    with_tag(response, &groups::entity_tag(view))
}

/// Seconds to wait, not the same for everybody: those who were refused together do not come back together.
fn spread(request_id: &str) -> &'static str {
    let sum = request_id.bytes().fold(0_u8, u8::wrapping_add);
    ["1", "2", "3"][usize::from(sum % 3)]
}

/// An answer that says which state it shows. It may be kept if it is asked for again before each use.
pub(super) fn with_tag(mut response: Response, tag: &str) -> Response {
    let headers = response.headers_mut();
    headers.extend(HeaderValue::from_str(tag).ok().map(|tag| (header::ETAG, tag)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}

/// The caller has the state of this tag already.
pub(super) fn not_modified(tag: &str) -> Response {
    with_tag(StatusCode::NOT_MODIFIED.into_response(), tag)
}

/// An answer of this type, which a browser saves under the name if it has one.
pub(super) fn download(content_type: &'static str, file_name: Option<String>, body: Vec<u8>) -> Response {
    let mut response = ([(header::CONTENT_TYPE, content_type)], body).into_response();
    let disposition = file_name.map(|name| format!("attachment; filename=\"{name}\""));
    let disposition = disposition.and_then(|text| HeaderValue::from_str(&text).ok());
    response.headers_mut().extend(disposition.map(|value| (header::CONTENT_DISPOSITION, value)));
    response
}

/// An answer in JSON.
pub(super) fn json(status: u16, body: impl Into<axum::body::Body>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

/// A token that is handed out. Nobody may keep the answer (RFC 6749 §5.1).
pub(super) fn token_granted(body: Vec<u8>) -> Response {
    let mut response = json(200, body);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// The answer to who gets no token (RFC 6749 §5.2). Every 401 says how to authenticate (RFC 9110 §11.6.1).
pub(super) fn token_refused(error: TokenError) -> Response {
    let mut response = json(error.status(), error.body());
    if error == TokenError::InvalidClient {
        let basic = HeaderValue::from_static("Basic realm=\"rosterd\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An answer that is a stream of events. Proxies that gather answers must not: an event would be late.
pub(super) fn events(body: axum::body::Body) -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/event-stream"), (HeaderName::from_static("x-accel-buffering"), "no")];
    (headers, body).into_response()
}

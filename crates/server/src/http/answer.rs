//! How results become answers. What went wrong inside is logged here and never shown.

use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use faces::groups::Refusal;
use store::StoreError;

/// A refused request on its way out; [`super::gate`] writes its body, which names the request's id.
#[derive(Debug)]
pub(super) struct Refused(pub(super) Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
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
        Self(refusal)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self.0);
        response
    }
}

/// The finished answer to a refused request.
pub(super) fn render(refusal: &Refusal, request_id: &str) -> Response {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, refusal.body(request_id)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    add_headers(refusal, request_id, headers);
    response
}

/// The headers that tell a client what to do about it. After a body that was not read to its end the
/// connection is of no further use.
fn add_headers(refusal: &Refusal, request_id: &str, headers: &mut HeaderMap) {
    let mut add =
        |name: HeaderName, value: &'static str| drop(headers.insert(name, HeaderValue::from_static(value)));
    match refusal {
        Refusal::Unauthenticated => add(header::WWW_AUTHENTICATE, "Bearer"),
        Refusal::MethodNotAllowed { allow } => add(header::ALLOW, allow),
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
        | Refusal::GroupNotFound
        | Refusal::AmbiguousGroup
        | Refusal::IdempotencyKeyReused
        | Refusal::UnsupportedMediaType
        | Refusal::BadCompression
        | Refusal::Internal => {}
    }
}

/// Seconds to wait, not the same for everybody: those who were refused together do not come back together.
fn spread(request_id: &str) -> &'static str {
    let sum = request_id.bytes().fold(0_u8, u8::wrapping_add);
    ["1", "2", "3"][usize::from(sum % 3)]
}

/// For a method that a resource does not know. Every resource so far knows one (and HEAD, where it is GET).
pub(super) async fn method_not_allowed(uri: axum::http::Uri, method: Method) -> Refused {
    let writes = uri.path() == "/v3/groups/batch-upsert";
    tracing::debug!(%method, "method not allowed");
    Refused(Refusal::MethodNotAllowed { allow: if writes { "POST" } else { "GET, HEAD" } })
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

/// An answer in JSON.
pub(super) fn json(status: u16, body: impl Into<axum::body::Body>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

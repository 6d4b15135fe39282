//! What every request passes on its way in and out: its id, its log line, its count; a panic ends here.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use faces::groups::Refusal;
use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::App;
use super::answer::{Dialect, Refused, render};
use super::unread::Unread;
use super::visit::Visit;
use super::{head, packing};
use crate::audit;
use crate::auth::random_request_id;
use crate::metrics::{Tally, count_request};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Of every answer of contract 2.
const RETURN_FORMAT: HeaderName = HeaderName::from_static("return-format");
/// The longest id that is taken over from a client.
const MAX_REQUEST_ID: usize = 128;
/// Requests that are answered while the server shuts down.
const ANSWERED_WHILE_DRAINING: [&str; 5] = ["/healthz", "/readyz", "/version", "/capabilities", "/metrics"];

/// Answers are data: a browser that is made to show one runs and loads nothing.
const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'";
/// The API pages load from this server alone; they write styles into their elements.
const PAGES: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What a handler knows for the log line. Never keys or bodies.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// The public id of the access key.
    pub(super) key_id: Option<String>,
    /// What became of the records.
    pub(super) tally: Option<Tally>,
}

/// Runs in a task of its own: when the client goes away its connection is dropped, but what its request
/// has begun goes on, and is logged and counted.
pub(super) async fn gate(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let gone = CancellationToken::new();
    // Dropped with the connection, while the request's own task goes on.
    let _here = gone.clone().drop_guard();
    let dialect = Dialect::of(request.uri().path());
    let passed = tokio::spawn(pass(app, request, next, gone, dialect)).await;
    passed.unwrap_or_else(|_| render(&Refusal::Internal.into(), dialect, "unknown"))
}

async fn pass(
    app: Arc<App>,
    request: Request,
    next: Next,
    gone: CancellationToken,
    dialect: Dialect,
) -> Response {
    let started = Instant::now();
    let request_id = request_id(request.headers());
    let visit = Visit::of(&request, &request_id, gone);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let (head, body) = request.into_parts();
    let (unread, body) = Unread::watch(body);
    let draining = app.draining.load(Ordering::Relaxed) && !ANSWERED_WHILE_DRAINING.contains(&route.as_str());
    let admitted = if draining { Err(Refusal::Draining) } else { head::check(&head) };
    let answer = async {
        match admitted {
            Ok(()) => next.run(Request::from_parts(head, body)).await,
            Err(refusal) => Refused::from(refusal).into_response(),
        }
    };
    // A handler keeps no state that a panic could leave half changed: what it shares is behind locks
    // that are taken over as they are, and transactions roll back.
    let mut response = AssertUnwindSafe(visit.spend(answer)).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(%request_id, "a handler panicked");
        Refused::from(Refusal::Internal).into_response()
    });
    packing::restore(&mut response);
    let facts = response.extensions_mut().remove::<Facts>().unwrap_or_default();
    let entry = response.extensions_mut().remove();
    let refused = response.extensions_mut().remove::<Refused>();
    if let Some(refused) = &refused {
        response = render(refused, dialect, &request_id);
    }
    let code = refused.as_ref().map(Refused::code);
    add_headers(response.headers_mut(), &request_id, &route, dialect);
    if let Some(key_id) = visit.key_id() {
        app.rates.add_fields(key_id, refused.as_ref().and_then(Refused::shared), response.headers_mut());
    }
    if unread.is_left() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let seconds = started.elapsed().as_secs_f64();
    let status = response.status().as_u16();
    count_request(&route, status, seconds);
    let tally = facts.tally.unwrap_or_default();
    let records = tally.records();
    tracing::info!(
        %request_id, %method, route, status, code, seconds,
        key_id = facts.key_id, records, failed = tally.failed,
        "request"
    );
    if let Some(entry) = entry {
        audit::run(visit.origin(), &entry);
    }
    response
}

fn add_headers(headers: &mut HeaderMap, request_id: &str, route: &str, dialect: Dialect) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, value);
    }
    if dialect == Dialect::Usergroups || route.ends_with("/oauth2/token") {
        headers.insert(RETURN_FORMAT, HeaderValue::from_static("application/json"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = if route.starts_with("/docs") { PAGES } else { NO_PAGE };
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// The client's own id if it is short and plain, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let plain = |text: &&str| {
        (1..=MAX_REQUEST_ID).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
    };
    given.filter(plain).map_or_else(random_request_id, ToOwned::to_owned)
}

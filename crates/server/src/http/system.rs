//! What operators and machines ask: health, version, metrics, the API's own description.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use faces::groups::Refusal;

use super::App;
use super::answer::{Refused, json};
use super::credentials::blocking;

/// `GET /healthz`: the process lives. Never touches the store.
pub(super) async fn healthz() -> Response {
    json(200, r#"{"status":"ok"}"#)
}

/// `GET /readyz`: the store answers, and the server is not shutting down.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<Response, Refused> {
    if app.draining.load(Ordering::Relaxed) {
        return Err(Refusal::Draining.into());
    }
    blocking(move || Ok(app.service.check()?)).await?;
    Ok(json(200, r#"{"status":"ready","store":"ok"}"#))
}

/// `GET /version`
pub(super) async fn version() -> Response {
    json(200, concat!(r#"{"name":"rosterd","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#))
}

/// `GET /capabilities`: every limit in force.
pub(super) async fn capabilities(State(app): State<Arc<App>>) -> Response {
    json(200, app.capabilities.clone())
}

/// `GET /metrics`: Prometheus text format.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render())
        .into_response()
}

/// `GET /openapi.json`
pub(super) async fn openapi(State(app): State<Arc<App>>) -> Response {
    json(200, app.openapi.clone())
}

/// `GET /errors/{code}`: what an error of contract 2 means and what to do.
pub(super) async fn error_page(Path(code): Path<String>) -> Result<Response, Refused> {
    let page = faces::usergroups::error_page(&code).ok_or(Refusal::NotFound)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], page).into_response())
}

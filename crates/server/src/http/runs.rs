//! Runs: the batches that were carried out.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use directory::RunId;
use faces::groups::Refusal;
use faces::runs::{Format, RunQuery, write_runs};
use store::StoreError;

use super::App;
use super::answer::{Refused, download, json};
use super::credentials::{admit, blocking};
use super::groups::with_facts;
use crate::auth::Scope;

/// `GET /v3/runs`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let principal = admit(&app, &headers, Scope::GroupsRead).await?;
    let tenant = principal.tenant;
    let query = RunQuery::parse(query.as_deref(), tenant)?;
    let body = blocking(move || Ok(write_runs(&app.service.runs(tenant, &query)?, &query))).await?;
    Ok(with_facts(json(200, body), principal, None))
}

/// `GET /v3/runs/{id}`
pub(super) async fn one(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let principal = admit(&app, &headers, Scope::GroupsRead).await?;
    let (tenant, format) = (principal.tenant, Format::parse(query.as_deref())?);
    let id = id.ok().and_then(|Path(id)| RunId::parse(&id)).ok_or(Refusal::RunNotFound)?;
    let body = blocking(move || {
        let recorded = app.service.run(tenant, id)?.ok_or(Refusal::RunNotFound)?;
        Ok(format.write(&recorded).ok_or_else(|| StoreError::Corrupt(format!("failures of run {id}")))?)
    })
    .await?;
    Ok(with_facts(download(format.content_type(), format.file_name(id), body), principal, None))
}

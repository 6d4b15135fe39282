//! Contract 1: the feed of changes.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use faces::groups::{self, ChangesQuery};

use super::App;
use super::answer::{Refused, events, json};
use super::connection::Endless;
use super::credentials::{admit, blocking};
use super::following::Following;
use super::groups::with_facts;
use crate::auth::Scope;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// `GET /v3/groups/changes`
pub(super) async fn page(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let principal = admit(&app, &headers, Scope::GroupsRead).await?;
    let (tenant, query) = (principal.tenant, ChangesQuery::parse(query.as_deref())?);
    let body = blocking(move || {
        let changes = app.service.changes(tenant, query.after, query.limit)?;
        Ok(groups::write_changes(&changes.ok_or_else(|| query.ahead())?))
    })
    .await?;
    Ok(with_facts(json(200, body), principal, None))
}

/// `GET /v3/groups/changes/stream`
pub(super) async fn stream(
    State(app): State<Arc<App>>,
    Extension(endless): Extension<Endless>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let principal = admit(&app, &headers, Scope::GroupsRead).await?;
    let ids: Vec<&[u8]> = headers.get_all(LAST_EVENT_ID).iter().map(HeaderValue::as_bytes).collect();
    let query = ChangesQuery::of_stream(query.as_deref(), &ids)?;
    let seat = app.followers.sit(&principal.key_id)?;
    let body = Following::new(&app.service, &principal, seat, &query).body(&query).await?;
    endless.mark();
    Ok(with_facts(events(body), principal, None))
}

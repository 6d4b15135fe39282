//! Contract 1: groups.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use directory::{Batch, LookupKey, ReferenceKey};
use faces::groups::{self, ListQuery, Mode, Refusal, UpsertQuery};

use super::App;
use super::answer::{Refused, json};
use super::body;
use super::credentials::{admit, blocking};
use super::gate::Facts;
use crate::auth::{Principal, Scope};
use crate::metrics::Tally;
use crate::service::Execution;

/// `POST /v3/groups/batch-upsert`
pub(super) async fn batch_upsert(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    let principal = admit(&app, &head.headers, Scope::GroupsWrite).await?;
    let encoding = body::check_head(&head.headers)?;
    let query = UpsertQuery::parse(head.uri.query())?;
    let bytes = body::receive(body).await?;
    let _place = app.admission.enter().await?;
    let (tenant, service) = (principal.tenant, Arc::clone(&app.service));
    let (reply, tally) = blocking(move || {
        let reading = groups::read(&body::decode(bytes, encoding)?, groups::handling(&texts(&head.headers)))?;
        let batch = Arc::new(Batch::new(tenant, reading.records).map_err(Refusal::from)?);
        let outcome = service.upsert(&batch, execution(query.mode))?;
        Ok((groups::write(&reading.notes, &batch.records, &outcome, query.mode), Tally::of(&outcome)))
    })
    .await?;
    Ok(with_facts(json(reply.status, reply.body), principal, Some(tally)))
}

/// `GET /v3/groups`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let principal = admit(&app, &headers, Scope::GroupsRead).await?;
    let tenant = principal.tenant;
    let page = ListQuery::parse(query.as_deref(), tenant)?.page;
    let views = blocking(move || Ok(app.service.list(tenant, page)?)).await?;
    Ok(with_facts(json(200, groups::write_list(&views, page, tenant)), principal, None))
}

/// `GET /v3/groups/by-reference-id/{externalReferenceId}`
pub(super) async fn by_reference(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let principal = admit(&app, &headers, Scope::GroupsRead).await?;
    let tenant = principal.tenant;
    // What cannot be a key is the key of no group.
    let key =
        path.ok().and_then(|Path(text)| ReferenceKey::parse(&text).ok()).ok_or(Refusal::GroupNotFound)?;
    let views = blocking(move || Ok(app.service.find(tenant, &LookupKey::Key(key))?)).await?;
    match &views[..] {
        [] => Err(Refusal::GroupNotFound.into()),
        [view] => Ok(with_facts(json(200, groups::write_group(view)), principal, None)),
        _ => Err(Refusal::AmbiguousGroup.into()),
    }
}

/// The preferences of a request.
fn texts(headers: &HeaderMap) -> Vec<&str> {
    headers
        .get_all(header::HeaderName::from_static("prefer"))
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect()
}

const fn execution(mode: Mode) -> Execution {
    match mode {
        Mode::Apply => Execution::Apply,
        Mode::DryRun => Execution::DryRun,
    }
}

/// An answer with what the log and the metrics are to know of it.
fn with_facts(mut response: Response, principal: Principal, tally: Option<Tally>) -> Response {
    tally.unwrap_or_default().count("groups");
    response.extensions_mut().insert(Facts { key_id: Some(principal.key_id), tally });
    response
}

//! Contract 1: groups.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use directory::{LookupKey, ReferenceKey};
use faces::groups::{self, ListQuery, Refusal};

use super::App;
use super::answer::{Refused, json};
use super::body;
use super::credentials::{admit, blocking};
use super::gate::Facts;
use super::upsert::Upsert;
use crate::auth::{Principal, Scope};
use crate::metrics::Tally;

/// `POST /v3/groups/batch-upsert`
pub(super) async fn batch_upsert(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    let principal = admit(&app, &head.headers, Scope::GroupsWrite).await?;
    let upsert = Upsert::read(&head)?;
    let bytes = body::receive(body).await?;
    let _place = app.admission.enter().await?;
    let (tenant, service) = (principal.tenant, Arc::clone(&app.service));
    let (answer, tally) = blocking(move || upsert.carry_out(&service, tenant, bytes)).await?;
    Ok(with_facts(answer, principal, tally))
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

/// An answer with what the log and the metrics are to know of it.
fn with_facts(mut response: Response, principal: Principal, tally: Option<Tally>) -> Response {
    tally.unwrap_or_default().count("groups");
    response.extensions_mut().insert(Facts { key_id: Some(principal.key_id), tally });
    response
}

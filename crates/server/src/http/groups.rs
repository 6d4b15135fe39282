//! Contract 1: groups.

use std::sync::Arc;

use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::Response;
use directory::{Found, GroupView, Listed, TenantId};
use faces::groups::{self, ListQuery, Refusal, TreeQuery};

use super::App;
use super::answer::{Refused, json, not_modified, with_tag};
use super::credentials::{admit, blocking};
use super::gate::Facts;
use super::subject::Subject;
use super::write::{Call, write};
use crate::auth::{Principal, Scope};
use crate::metrics::Tally;
use crate::service::{Named, Service};

/// `POST /v3/groups/batch-upsert`
pub(super) async fn batch_upsert(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    write(&app, request, Call::BatchUpsert).await
}

/// `POST /v3/groups/batch-archive`
pub(super) async fn batch_archive(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Refused> {
    write(&app, request, Call::BatchArchive).await
}

/// `POST /v3/groups/batch-restore`
pub(super) async fn batch_restore(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Refused> {
    write(&app, request, Call::BatchRestore).await
}

/// `POST /v3/groups`
pub(super) async fn upsert(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    write(&app, request, Call::Upsert).await
}

/// `PATCH /v3/groups/{id}`, also by reference
pub(super) async fn update(
    State(app): State<Arc<App>>,
    subject: Subject,
    request: Request,
) -> Result<Response, Refused> {
    write(&app, request, Call::Update(subject)).await
}

/// `DELETE /v3/groups/{id}`, also by reference
pub(super) async fn archive(
    State(app): State<Arc<App>>,
    subject: Subject,
    request: Request,
) -> Result<Response, Refused> {
    write(&app, request, Call::Archive(subject)).await
}

/// `POST /v3/groups/{id}/restore`, also by reference
pub(super) async fn restore(
    State(app): State<Arc<App>>,
    subject: Subject,
    request: Request,
) -> Result<Response, Refused> {
    write(&app, request, Call::Restore(subject)).await
}

/// `GET /v3/groups`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let principal = admit(&app, &headers, Scope::GroupsRead).await?;
    let tenant = principal.tenant;
    let query = ListQuery::parse(query.as_deref(), tenant)?;
    let body = blocking(move || list_page(&app.service, tenant, &query)).await?;
    Ok(with_facts(json(200, body), principal, None))
}

/// A page of the list, or of a search in it. A parent that is not there has no children.
fn list_page(service: &Service, tenant: TenantId, query: &ListQuery) -> Result<Vec<u8>, Refused> {
    let parent = query.parent.as_ref();
    let Some(search) = &query.search else {
        let found = service.list(tenant, parent, &query.filter, query.page)?;
        let listed = if found == Named::Nobody { Listed::default() } else { only(found)? };
        return Ok(groups::write_list(&listed, query));
    };
    let found = service.search(tenant, parent, &query.filter, search)?;
    let found = if found == Named::Nobody { Some(Found::default()) } else { only(found)? };
    Ok(groups::write_found(&found.ok_or_else(Refusal::invalid_cursor)?, query))
}

/// `GET /v3/groups/{id}/children`, also by reference
pub(super) async fn children(
    State(app): State<Arc<App>>,
    subject: Subject,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let principal = admit(&app, &headers, Scope::GroupsRead).await?;
    let (tenant, key) = (principal.tenant, subject.key()?);
    let query = ListQuery::of_children(query.as_deref(), tenant, &key)?;
    let body = blocking(move || {
        let listed = only(app.service.list(tenant, Some(&key), &query.filter, query.page)?)?;
        Ok(groups::write_list(&listed, &query))
    })
    .await?;
    Ok(with_facts(json(200, body), principal, None))
}

/// `GET /v3/groups/{id}/ancestors`, also by reference
pub(super) async fn ancestors(
    State(app): State<Arc<App>>,
    subject: Subject,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let principal = admit(&app, &headers, Scope::GroupsRead).await?;
    let (tenant, key) = (principal.tenant, subject.key()?);
    let query = ListQuery::of_ancestors(query.as_deref(), tenant, &key)?;
    let body = blocking(move || {
        let listed = only(app.service.ancestors(tenant, &key, query.page)?)?;
        Ok(groups::write_list(&listed, &query))
    })
    .await?;
    Ok(with_facts(json(200, body), principal, None))
}

/// `GET /v3/groups/{id}/tree`, also by reference
pub(super) async fn tree(
    State(app): State<Arc<App>>,
    subject: Subject,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let principal = admit(&app, &headers, Scope::GroupsRead).await?;
    let (tenant, key) = (principal.tenant, subject.key()?);
    let query = TreeQuery::parse(query.as_deref(), tenant, &key)?;
    let body = blocking(move || {
        let tree = only(app.service.tree(tenant, &key, query.page)?)?;
        Ok(groups::write_tree(&tree.ok_or_else(Refusal::invalid_cursor)?, &query))
    })
    .await?;
    Ok(with_facts(json(200, body), principal, None))
}

/// What belongs to the one group that a path should name.
pub(super) fn only<T>(found: Named<T>) -> Result<T, Refusal> {
    match found {
        Named::Nobody => Err(Refusal::GroupNotFound),
        Named::One(found) => Ok(found),
        Named::Several => Err(Refusal::AmbiguousGroup),
    }
}

/// `GET /v3/groups/{id}` and `GET /v3/groups/by-reference-id/{externalReferenceId}`
pub(super) async fn one(
    State(app): State<Arc<App>>,
    subject: Subject,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let principal = admit(&app, &headers, Scope::GroupsRead).await?;
    let (tenant, key) = (principal.tenant, subject.key()?);
    let views = blocking(move || Ok(app.service.find(tenant, &key)?)).await?;
    match &views[..] {
        [] => Err(Refusal::GroupNotFound.into()),
        [view] => Ok(with_facts(tagged(view, &headers), principal, None)),
        _ => Err(Refusal::AmbiguousGroup.into()),
    }
}

/// A group with its tag, or only the tag where the caller has this state already.
fn tagged(view: &GroupView, headers: &HeaderMap) -> Response {
    let tag = groups::entity_tag(view);
    if groups::is_known(&texts(headers, &header::IF_NONE_MATCH), &tag) {
        return not_modified(&tag);
    }
    with_tag(json(200, groups::write_group(view)), &tag)
}

/// The values of a header that occurs any number of times.
pub(super) fn texts<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Vec<&'h str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
}

/// An answer with what the log and the metrics are to know of it.
pub(super) fn with_facts(mut response: Response, principal: Principal, tally: Option<Tally>) -> Response {
    response.extensions_mut().insert(Facts { key_id: Some(principal.key_id), tally });
    response
}

//! Contract 2: attributes of usergroups.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Path, RawQuery, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{get, post};
use directory::{GroupView, TenantId};
use faces::usergroups::{self, AttributeBy, AttributeQuery, NamedAttribute, Numbered, Refusal};

use super::App;
use super::answer::{Refused, json};
use super::body;
use super::credentials::{admit, blocking};
use super::define::{Asked, define};
use super::groups::with_facts;
use super::usergroups::{Lookup, living, named};
use super::write::{Call, write};
use crate::auth::Scope;
use crate::service::Service;

/// The routes of attributes below a prefix.
pub(super) fn routes(prefix: &str) -> Router<Arc<App>> {
    let at = |path: &str| format!("{prefix}/attributes{path}");
    let values = format!("{prefix}/usergroups/{{lookupKey}}/{{lookupValue}}/attributes");
    Router::new()
        .route(&at(""), post(create))
        .route(&at("/"), post(create))
        .route(&at("/search"), post(search))
        .route(&at("/bulk/{lookupKey}"), post(bulk))
        .route(&at("/{lookupKey}/{lookupValue}"), get(one).patch(update).delete(delete))
        .route(&values, get(shown).post(put))
        .route(&format!("{values}/"), get(shown).post(put))
}

/// The attribute that a path names, with `attributeClass` in the query; or why it names none.
struct Attribute(Result<NamedAttribute, Refusal>);

impl<S: Send + Sync> FromRequestParts<S> for Attribute {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let [key, value] = named(parts, state, ["lookupKey", "lookupValue"]).await;
        Ok(Self(NamedAttribute::parse(&key, &value, parts.uri.query())))
    }
}

/// The one living usergroup that a path names, of which a part is asked for.
pub(super) fn owner(service: &Service, tenant: TenantId, lookup: &Lookup) -> Result<GroupView, Refused> {
    living(service, tenant, lookup).map_err(|refused| match refused {
        Refused::Usergroups(refusal) => refusal.as_parent().into(),
        shared @ Refused::Shared(_) => shared,
    })
}

/// `POST /attributes`
async fn create(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    define(&app, request, Asked::Create).await
}

/// `POST /attributes/bulk/id`, `POST /attributes/bulk/name`
async fn bulk(
    State(app): State<Arc<App>>,
    Path(lookup_key): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    define(&app, request, Asked::Bulk(AttributeBy::parse(&lookup_key)?)).await
}

/// `PATCH /attributes/{lookupKey}/{lookupValue}`
async fn update(
    State(app): State<Arc<App>>,
    named: Attribute,
    request: Request,
) -> Result<Response, Refused> {
    define(&app, request, Asked::Update(named.0?)).await
}

/// `DELETE /attributes/{lookupKey}/{lookupValue}`
async fn delete(
    State(app): State<Arc<App>>,
    named: Attribute,
    request: Request,
) -> Result<Response, Refused> {
    define(&app, request, Asked::Delete(named.0?)).await
}

/// `GET /attributes/{lookupKey}/{lookupValue}`
async fn one(State(app): State<Arc<App>>, named: Attribute, headers: HeaderMap) -> Result<Response, Refused> {
    let principal = admit(&app, &headers, Scope::GroupsRead).await?;
    let (tenant, named) = (principal.tenant, named.0?);
    let reply = blocking(move || {
        let definition = named.only(app.service.find_attributes(tenant, &named.keys)?)?;
        Ok(usergroups::write_attribute(&definition))
    })
    .await?;
    Ok(with_facts(json(reply.status, reply.body), principal, None))
}

/// `POST /attributes/search`
async fn search(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    let principal = admit(&app, &head.headers, Scope::GroupsRead).await?;
    let tenant = principal.tenant;
    let encoding = body::check_head(&head.headers)?;
    let received = body::receive(body, encoding, app.memory.hold(tenant)).await?;
    let reply = blocking(move || {
        let query = AttributeQuery::read(&received.decode()?.bytes)?;
        let found = app.service.list_attributes(tenant, &query.filter, query.page())?;
        Ok(usergroups::write_found_attributes(&found, &query))
    })
    .await?;
    Ok(with_facts(json(reply.status, reply.body), principal, None))
}

/// `POST /usergroups/{lookupKey}/{lookupValue}/attributes`
async fn put(State(app): State<Arc<App>>, lookup: Lookup, request: Request) -> Result<Response, Refused> {
    write(&app, request, Call::PutValues(lookup)).await
}

/// `GET /usergroups/{lookupKey}/{lookupValue}/attributes`
async fn shown(
    State(app): State<Arc<App>>,
    lookup: Lookup,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let principal = admit(&app, &headers, Scope::GroupsRead).await?;
    let tenant = principal.tenant;
    let page = Numbered::of_query(query.as_deref())?;
    let reply = blocking(move || {
        let group = owner(&app.service, tenant, &lookup)?.group.id;
        let values = app.service.values(tenant, group, page.into())?;
        Ok(usergroups::write_shown(&values, page))
    })
    .await?;
    Ok(with_facts(json(reply.status, reply.body), principal, None))
}

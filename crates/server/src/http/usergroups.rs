//! Contract 2: usergroups.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Path, RawQuery, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{get, post};
use directory::{GroupView, LookupKey, Sliced, TenantId};
use faces::usergroups::{self, Above, By, Expanded, Refusal, SearchQuery};

use super::App;
use super::addresses;
use super::answer::{Refused, json};
use super::body;
use super::credentials::{admit, blocking};
use super::groups::with_facts;
use super::write::{Call, write};
use crate::auth::Scope;
use crate::service::{Named, Service};

/// The routes of this contract below a prefix.
pub(super) fn routes(prefix: &str) -> Router<Arc<App>> {
    let at = |path: &str| format!("{prefix}/usergroups{path}");
    Router::new()
        .route(&at(""), post(create))
        .route(&at("/"), post(create))
        .route(&at("/search"), post(search))
        .route(&at("/bulk/{lookupKey}"), post(bulk))
        .route(&at("/{lookupKey}/{lookupValue}"), get(one).patch(update).delete(delete))
        .merge(addresses::routes(prefix))
}

/// The usergroup that a path names, with `source` in the query; or why it names none.
#[derive(Debug)]
pub(super) struct Lookup(Result<LookupKey, Refusal>);

impl Lookup {
    pub(super) fn key(&self) -> Result<LookupKey, Refusal> {
        self.0.clone()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Lookup {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let [key, value] = named(parts, state, ["lookupKey", "lookupValue"]).await;
        Ok(Self(usergroups::lookup(&key, &value, parts.uri.query())))
    }
}

/// The parts of a path that have these names; empty where it has none.
pub(super) async fn named<S: Send + Sync, const N: usize>(
    parts: &mut Parts,
    state: &S,
    names: [&str; N],
) -> [String; N] {
    let found = Path::<Vec<(String, String)>>::from_request_parts(parts, state).await;
    let mut found = found.map(|Path(found)| found).unwrap_or_default().into_iter();
    names.map(|name| found.find(|(other, _)| other == name).map(|(_, text)| text).unwrap_or_default())
}

/// The one living usergroup that a path names.
pub(super) fn living(service: &Service, tenant: TenantId, lookup: &Lookup) -> Result<GroupView, Refused> {
    let key = lookup.key()?;
    let mut found = service.find(tenant, &key)?;
    found.retain(|view| !view.group.is_archived());
    match (found.pop(), found.len()) {
        (None, _) => Err(Refusal::nobody(&key).into()),
        (Some(view), 0) => Ok(view),
        _ => Err(Refusal::Several(key.to_string()).into()),
    }
}

/// `POST /usergroups/bulk/id`, `POST /usergroups/bulk/sourceId`
async fn bulk(
    State(app): State<Arc<App>>,
    Path(lookup_key): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    write(&app, request, Call::Bulk(By::parse(&lookup_key)?)).await
}

/// `POST /usergroups`
async fn create(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    write(&app, request, Call::CreateUsergroup).await
}

/// `PATCH /usergroups/{lookupKey}/{lookupValue}`
async fn update(State(app): State<Arc<App>>, lookup: Lookup, request: Request) -> Result<Response, Refused> {
    write(&app, request, Call::UpdateUsergroup(lookup)).await
}

/// `DELETE /usergroups/{lookupKey}/{lookupValue}`
async fn delete(State(app): State<Arc<App>>, lookup: Lookup, request: Request) -> Result<Response, Refused> {
    write(&app, request, Call::DeleteUsergroup(lookup)).await
}

/// `GET /usergroups/{lookupKey}/{lookupValue}`
async fn one(
    State(app): State<Arc<App>>,
    lookup: Lookup,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let principal = admit(&app, &headers, Scope::GroupsRead).await?;
    let tenant = principal.tenant;
    let wanted = usergroups::Expand::parse(query.as_deref())?;
    let reply = blocking(move || {
        let view = living(&app.service, tenant, &lookup)?;
        let above = view.group.parent.filter(|_| wanted.parent);
        let above = above.map(|id| app.service.find(tenant, &LookupKey::Id(id))).transpose()?;
        let parent = match above.and_then(|mut found| found.pop()) {
            Some(above) => Above::Group(Box::new(above)),
            None if wanted.parent => Above::Nothing,
            None => Above::NotAsked,
        };
        let expanded = Expanded { sources: wanted.sources, parent, language: wanted.language };
        Ok(usergroups::write_usergroup(&view, &expanded))
    })
    .await?;
    Ok(with_facts(json(reply.status, reply.body), principal, None))
}

/// `POST /usergroups/search`
async fn search(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    let principal = admit(&app, &head.headers, Scope::GroupsRead).await?;
    let tenant = principal.tenant;
    let encoding = body::check_head(&head.headers)?;
    let received = body::receive(body, encoding, app.memory.hold(tenant)).await?;
    let reply = blocking(move || {
        let body = received.decode()?;
        let query = SearchQuery::read(&body.bytes)?;
        let found = match app.service.slice(tenant, query.parent.as_ref(), &query.filter, &query.slice)? {
            Named::One(found) => found,
            Named::Nobody => Sliced::default(),
            Named::Several => {
                let parent = query.parent.as_ref().map(ToString::to_string);
                return Err(Refusal::Several(parent.unwrap_or_default()).into());
            }
        };
        Ok(usergroups::write_found(&found, &query))
    })
    .await?;
    Ok(with_facts(json(reply.status, reply.body), principal, None))
}

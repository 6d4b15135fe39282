//! Contract 2: addresses of usergroups.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, RawQuery, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{get, patch, post};
use directory::{AddressId, GroupId, TenantId};
use faces::usergroups::{self, AddressCall, Reading, Refusal};

use super::App;
use super::answer::{Refused, json};
use super::attributes::owner;
use super::credentials::{admit, blocking};
use super::groups::with_facts;
use super::usergroups::{Lookup, named};
use super::write::{Call, write};
use crate::auth::Scope;
use crate::service::Service;

/// The routes of this contract below a prefix.
pub(super) fn routes(prefix: &str) -> Router<Arc<App>> {
    let at = |path: &str| format!("{prefix}/usergroups/{{lookupKey}}/{{lookupValue}}/addresses{path}");
    Router::new()
        .route(&at(""), get(list).post(create))
        .route(&at("/"), get(list).post(create))
        .route(&at("/bulk"), post(bulk))
        .route(&at("/{addressId}"), patch(update).delete(delete))
}

/// The usergroup that a path names, and what it says of one address.
pub(super) struct Addressed {
    lookup: Lookup,
    /// Empty where the path names no address.
    address: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Addressed {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let lookup = Lookup::from_request_parts(parts, state).await?;
        let [address] = named(parts, state, ["addressId"]).await;
        Ok(Self { lookup, address })
    }
}

impl Addressed {
    /// The one living usergroup, which is told as a resource above when it is not there.
    fn group(&self, service: &Service, tenant: TenantId) -> Result<GroupId, Refused> {
        Ok(owner(service, tenant, &self.lookup)?.group.id)
    }

    /// The address. What cannot be an id is that of no address.
    fn address(&self, group: GroupId) -> Result<AddressId, Refusal> {
        AddressId::parse(&self.address).ok_or_else(|| Refusal::no_address(&self.address, group))
    }

    /// Reads what a call asks of it.
    pub(super) fn read(
        &self,
        call: AddressCall,
        service: &Service,
        tenant: TenantId,
        bytes: &[u8],
    ) -> Result<Reading, Refused> {
        let group = self.group(service, tenant)?;
        Ok(match call {
            AddressCall::Create => usergroups::read_address(bytes, group)?,
            AddressCall::Bulk => usergroups::read_addresses(bytes, group)?,
            AddressCall::Update => usergroups::update_address(bytes, group, self.address(group)?)?,
            AddressCall::Delete => usergroups::delete_address(group, self.address(group)?),
        })
    }
}

/// `GET /usergroups/{lookupKey}/{lookupValue}/addresses`
async fn list(
    State(app): State<Arc<App>>,
    addressed: Addressed,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let principal = admit(&app, &headers, Scope::GroupsRead).await?;
    let (tenant, kind) = (principal.tenant, usergroups::address_type(query.as_deref())?);
    let reply = blocking(move || {
        let group = addressed.group(&app.service, tenant)?;
        Ok(usergroups::write_list(&app.service.addresses(tenant, group, kind)?))
    })
    .await?;
    Ok(with_facts(json(reply.status, reply.body), principal, None))
}

/// `POST /usergroups/{lookupKey}/{lookupValue}/addresses`
async fn create(
    State(app): State<Arc<App>>,
    addressed: Addressed,
    request: Request,
) -> Result<Response, Refused> {
    write(&app, request, Call::Address(AddressCall::Create, addressed)).await
}

/// `POST /usergroups/{lookupKey}/{lookupValue}/addresses/bulk`
async fn bulk(
    State(app): State<Arc<App>>,
    addressed: Addressed,
    request: Request,
) -> Result<Response, Refused> {
    write(&app, request, Call::Address(AddressCall::Bulk, addressed)).await
}

/// `PATCH /usergroups/{lookupKey}/{lookupValue}/addresses/{addressId}`
async fn update(
    State(app): State<Arc<App>>,
    addressed: Addressed,
    request: Request,
) -> Result<Response, Refused> {
    write(&app, request, Call::Address(AddressCall::Update, addressed)).await
}

/// `DELETE /usergroups/{lookupKey}/{lookupValue}/addresses/{addressId}`
async fn delete(
    State(app): State<Arc<App>>,
    addressed: Addressed,
    request: Request,
) -> Result<Response, Refused> {
    write(&app, request, Call::Address(AddressCall::Delete, addressed)).await
}

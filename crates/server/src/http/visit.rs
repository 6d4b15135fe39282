//! What is known of the request under way, for those parts that every request passes and no handler
//! should have to carry along: who asks, from where, and whether they are still there.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::extract::Request;
use directory::TenantId;
use tokio_util::sync::CancellationToken;

use super::admission::Place;
use crate::audit::Origin;
use crate::auth::Principal;

tokio::task_local! {
    static VISIT: Arc<Visit>;
}

/// The address that a connection comes from, as an extension of its requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// One request from its head to its answer.
pub(super) struct Visit {
    origin: Origin,
    gone: CancellationToken,
    holder: OnceLock<(TenantId, String)>,
    /// That of a read, kept until its answer is made.
    place: Mutex<Option<Place>>,
}

impl Visit {
    pub(super) fn of(request: &Request, request_id: &str, gone: CancellationToken) -> Arc<Self> {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
        let origin = Origin { request_id: request_id.to_owned(), peer };
        Arc::new(Self { origin, gone, holder: OnceLock::new(), place: Mutex::default() })
    }

    /// Does something on behalf of this request.
    pub(super) async fn spend<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        VISIT.scope(Arc::clone(self), work).await
    }

    /// Where the request comes from.
    pub(super) const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The public id of the access key, once it is known to be good.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.holder.get().map(|(_, key_id)| key_id.as_str())
    }
}

fn current() -> Option<Arc<Visit>> {
    VISIT.try_with(Arc::clone).ok()
}

/// The address of the client.
pub(super) fn peer() -> Option<IpAddr> {
    current()?.origin.peer
}

/// Where the request comes from, for what is told of it.
pub(super) fn origin() -> Origin {
    current().map(|visit| visit.origin.clone()).unwrap_or_default()
}

/// Whose request it is, once that is known.
pub(super) fn tenant() -> Option<TenantId> {
    current()?.holder.get().map(|(tenant, _)| *tenant)
}

/// The access key is good.
pub(super) fn admitted(principal: &Principal) {
    if let Some(visit) = current() {
        visit.holder.get_or_init(|| (principal.tenant, principal.key_id.clone()));
    }
}

/// Keeps a place until the request is answered.
pub(super) fn keep(place: Place) {
    if let Some(visit) = current() {
        *visit.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }
}

/// Whether the request may have changed something: it was let in by another door than that of reads.
pub(super) fn has_written() -> bool {
    current().is_some_and(|visit| {
        let reads = visit.place.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        visit.holder.get().is_some() && !reads
    })
}

/// Ends when the client has closed its connection, as far as that can be known.
pub(super) async fn gone() {
    match current() {
        Some(visit) => visit.gone.cancelled().await,
        None => std::future::pending().await,
    }
}

//! The audit log: keys that come and go, tokens, whoever is turned away, and every batch that is carried out. One
//! line each, of the target `audit`, whatever else is logged. Never secrets, bodies or keys of callers.
//!
//! What changes something is also in the store, in the transaction of what it tells of: these lines are for
//! those who collect logs, and may be missing where the process was killed.

use std::net::IpAddr;

use directory::{Counts, Run, RunId, TenantId};
use store::{AccessKey, KeyKind};
use tracing::info;

use crate::auth::{Denied, Principal, Scope};

/// Where a request comes from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    /// The id of the request.
    pub(crate) request_id: String,
    /// The address at the other end of the connection.
    pub(crate) peer: Option<IpAddr>,
}

impl Origin {
    fn peer(&self) -> Option<String> {
        self.peer.map(|peer| peer.to_canonical().to_string())
    }
}

/// A batch that was answered, as its line tells of it.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// It was carried out.
    Run(Run),
    /// It was carried out before, and its answer was given again.
    Replayed {
        /// Of the first run; none where that was not recorded.
        run: Option<RunId>,
        /// Whose groups it was about.
        tenant: TenantId,
        /// The public id of the key that sent it again.
        key_id: String,
    },
}

/// What an access key is, as it is told.
pub(crate) const fn kind(key: &AccessKey) -> &'static str {
    match key.kind {
        KeyKind::Bearer => "key",
        KeyKind::Client { .. } => "oauth",
    }
}

/// A key was made.
pub(crate) fn key_created(key: &AccessKey, tenant: &str) {
    let (key_id, kind, scopes) = (&key.id, kind(key), &key.scopes);
    info!(target: "audit", key_id, kind, tenant = key.tenant.0, tenant_name = tenant, scopes, "key.created");
}

/// A key was revoked.
pub(crate) fn key_revoked(id: &str, tenant: Option<TenantId>) {
    info!(target: "audit", key_id = id, tenant = tenant.map(|tenant| tenant.0), "key.revoked");
}

/// Somebody without a good key was turned away.
pub(crate) fn authentication_failed(origin: &Origin, denied: &Denied) {
    let (reason, key_id) = (denied.reason(), denied.key_id());
    info!(target: "audit", request_id = origin.request_id, peer = origin.peer(), reason, key_id, "authentication.failed");
}

/// Somebody whose key lacks the scope was turned away.
pub(crate) fn authorization_failed(origin: &Origin, principal: &Principal, scope: Scope) {
    let (tenant, key_id, scope) = (principal.tenant.0, &principal.key_id, scope.as_str());
    info!(target: "audit", request_id = origin.request_id, peer = origin.peer(), tenant, key_id, scope, "authorization.failed");
}

/// An OAuth client got a token.
pub(crate) fn token_issued(origin: &Origin, client: &Principal, scopes: &str) {
    let (tenant, key_id) = (client.tenant.0, &client.key_id);
    info!(target: "audit", request_id = origin.request_id, peer = origin.peer(), tenant, key_id, scopes, "token.issued");
}

/// Somebody got no token. Why a client was not known is told here alone.
pub(crate) fn token_refused(origin: &Origin, error: &str, denied: Option<&Denied>) {
    let (reason, key_id) = (denied.map(Denied::reason), denied.and_then(Denied::key_id));
    info!(target: "audit", request_id = origin.request_id, peer = origin.peer(), error, reason, key_id, "token.refused");
}

/// A batch was answered.
pub(crate) fn run(origin: &Origin, entry: &Entry) {
    let (request_id, peer) = (&origin.request_id, origin.peer());
    match entry {
        Entry::Run(run) => {
            let Counts { created, updated, unchanged, archived, restored, failed } = run.counts;
            info!(
                target: "audit", request_id, peer, run_id = %run.id, tenant = run.tenant.0, key_id = run.key_id,
                face = run.face, operation = run.operation, revision = run.revision, dry_run = run.dry_run,
                total = run.counts.total(), created, updated, unchanged, archived, restored, failed,
                replayed = false, "run"
            );
        }
        Entry::Replayed { run, tenant, key_id } => {
            let run_id = run.map(|run| run.to_string());
            info!(target: "audit", request_id, peer, run_id, tenant = tenant.0, key_id, replayed = true, "run");
        }
    }
}

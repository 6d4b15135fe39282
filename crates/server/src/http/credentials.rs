//! Who sends a request, and whether they may.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use faces::groups::Refusal;

use super::App;
use super::answer::Refused;
use super::body::single;
use super::gate::origin;
use crate::audit;
use crate::auth::{Denied, Principal, Scope};

/// The sender, if the key is good and has the scope. The tenant comes from the key alone.
pub(super) async fn admit(app: &Arc<App>, headers: &HeaderMap, scope: Scope) -> Result<Principal, Refused> {
    let presented = single(headers, &header::AUTHORIZATION, "MULTIPLE_AUTHORIZATION")?.and_then(bearer);
    let known = match presented.map(ToOwned::to_owned) {
        None => Err(Denied::NoKey),
        Some(presented) => {
            let service = Arc::clone(&app.service);
            blocking(move || Ok(service.authenticate(&presented)?)).await?
        }
    };
    let principal = known.map_err(|denied| {
        audit::authentication_failed(&origin(), &denied);
        Refusal::Unauthenticated
    })?;
    if !principal.may(scope) {
        audit::authorization_failed(&origin(), &principal, scope);
        return Err(Refusal::Forbidden { scope: scope.as_str() }.into());
    }
    Ok(principal)
}

/// The token of `Bearer TOKEN` (RFC 6750 §2.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Runs work that may wait where it may wait. A panic there is a defect, answered like any other.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request's work ended without a result");
        Err(Refused(Refusal::Internal))
    })
}

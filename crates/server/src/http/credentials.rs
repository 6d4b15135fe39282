//! Who sends a request, and whether they may.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use faces::groups::Refusal;

use super::App;
use super::admission::places_for;
use super::answer::Refused;
use super::body::{announced, single};
use super::memory::LARGE_ANSWER;
use super::visit;
use crate::audit;
use crate::auth::{Denied, Principal, Scope, claimed_id};
use crate::threads;

/// The sender, if the key is good, has the scope, and does not ask too often. The tenant comes from the key
/// alone. Reads get their place here; writes only where there would be one, before their body is read.
pub(super) async fn admit(app: &Arc<App>, headers: &HeaderMap, scope: Scope) -> Result<Principal, Refused> {
    let presented = single(headers, &header::AUTHORIZATION, "MULTIPLE_AUTHORIZATION")?.and_then(bearer);
    let Some(presented) = presented else {
        audit::authentication_failed(&visit::origin(), &Denied::NoKey);
        return Err(Refusal::Unauthenticated.into());
    };
    if scope == Scope::GroupsWrite {
        turn_away_again(app, presented, headers).await?;
    }
    let principal = identify(app, presented.to_owned()).await?;
    visit::admitted(&principal);
    count_request(app, &principal).await?;
    if !principal.may(scope) {
        audit::authorization_failed(&visit::origin(), &principal, scope);
        return Err(Refusal::Forbidden { scope: scope.as_str() }.into());
    }
    match scope {
        Scope::GroupsWrite => look_for_room(app, &principal, headers)
            .inspect_err(|_| app.turned_away.remember(presented, &principal))?,
        Scope::GroupsRead | Scope::Admin => {
            app.memory.look(principal.tenant, LARGE_ANSWER)?;
            visit::keep(app.reads.enter(principal.tenant, 1).await?);
        }
    }
    Ok(principal)
}

/// Refuses a write for which there would be no room, before its body is read.
fn look_for_room(app: &App, principal: &Principal, headers: &HeaderMap) -> Result<(), Refusal> {
    let bytes = usize::try_from(announced(headers)).unwrap_or(usize::MAX);
    app.writes.look(principal.tenant, places_for(bytes, false))?;
    app.memory.look(principal.tenant, bytes)
}

/// Refuses whoever was refused for want of room a moment ago, and would be again, without looking them up.
async fn turn_away_again(app: &Arc<App>, presented: &str, headers: &HeaderMap) -> Result<(), Refused> {
    let Some(principal) = app.turned_away.recall(presented) else { return Ok(()) };
    let Err(refusal) = look_for_room(app, &principal, headers) else { return Ok(()) };
    visit::admitted(&principal);
    count_request(app, &principal).await?;
    Err(refusal.into())
}

/// Counts a request with a good key. Now and then that is a look into the store, where other servers count too.
pub(super) async fn count_request(app: &Arc<App>, sender: &Principal) -> Result<(), Refused> {
    if let Some(counted) = app.rates.count_request(sender) {
        return Ok(counted?);
    }
    let Ok(_turn) = app.keys.turn().await else { return Ok(app.rates.count_request_alone(sender)?) };
    let (counting, sender) = (Arc::clone(app), sender.clone());
    blocking(move || Ok(counting.rates.lease_request(&sender)?)).await
}

/// Whose key it is.
async fn identify(app: &Arc<App>, presented: String) -> Result<Principal, Refused> {
    app.rates.check_failures(visit::peer(), claimed_id(&presented).as_deref())?;
    let _turn = app.keys.turn().await?;
    let service = Arc::clone(&app.service);
    let known = blocking(move || Ok(service.authenticate(&presented)?)).await?;
    known.map_err(|denied| {
        if denied.is_guess() {
            app.rates.count_failure(visit::peer());
        }
        audit::authentication_failed(&visit::origin(), &denied);
        Refusal::Unauthenticated.into()
    })
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
    threads::wait(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request's work ended without a result");
        Err(Refusal::Internal.into())
    })
}

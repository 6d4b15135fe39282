//! A call that writes definitions of attributes, on its way.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderValue, request};
use axum::response::Response;
use directory::{DefinitionBatch, DefinitionOutcome};
use faces::groups::{self, Mode, Refusal, WriteQuery};
use faces::usergroups::{self, AttributeBy, DefinitionCall, NamedAttribute};

use super::App;
use super::admission::Place;
use super::answer::{Refused, json};
use super::body::{self, Encoding, Received};
use super::credentials::{admit, blocking};
use super::groups::with_facts;
use super::write::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED, execution, fingerprint};
use crate::auth::{Principal, Scope};
use crate::service::{Fate, Once, Written};

/// What is asked of which definitions.
pub(super) enum Asked {
    /// One is created.
    Create,
    /// That of the path is updated.
    Update(NamedAttribute),
    /// That of the path is deleted.
    Delete(NamedAttribute),
    /// Many are created or updated.
    Bulk(AttributeBy),
}

/// What the head of a request asks.
struct Head {
    asked: Asked,
    /// `None` where the call has no body.
    encoding: Option<Encoding>,
    mode: Mode,
    idempotency_key: Option<String>,
    route: String,
}

impl Head {
    fn read(head: &request::Parts, asked: Asked) -> Result<Self, Refusal> {
        let keys: Vec<&[u8]> =
            head.headers.get_all(IDEMPOTENCY_KEY).iter().map(HeaderValue::as_bytes).collect();
        let has_body = !matches!(asked, Asked::Delete(_));
        Ok(Self {
            asked,
            encoding: has_body.then(|| body::check_head(&head.headers)).transpose()?,
            mode: WriteQuery::parse(head.uri.query())?.mode,
            idempotency_key: groups::idempotency_key(&keys)?,
            route: format!("{} {}", head.method, head.uri),
        })
    }
}

/// Reads, does and answers it.
pub(super) async fn define(app: &Arc<App>, request: Request, asked: Asked) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    let principal = admit(app, &head.headers, Scope::GroupsWrite).await?;
    let head = Head::read(&head, asked)?;
    let received = match head.encoding {
        Some(encoding) => Some(body::receive(body, encoding, app.memory.hold(principal.tenant)).await?),
        None => None,
    };
    let place = app.writes.enter(principal.tenant, received.as_ref().map_or(1, Received::places)).await?;
    let (app, sender) = (Arc::clone(app), principal.clone());
    let answer = blocking(move || carry_out(&app, &sender, head, received, place)).await?;
    Ok(with_facts(answer, principal, None))
}

/// Does it, and writes the answer. The place is free again when nothing is left to do.
fn carry_out(
    app: &App,
    sender: &Principal,
    head: Head,
    received: Option<Received>,
    _place: Place,
) -> Result<Response, Refused> {
    let body = received.map(Received::decode).transpose()?;
    let bytes = body.as_ref().map(|body| body.bytes.clone()).unwrap_or_default();
    let once = head.idempotency_key.map(|key| Once { key, fingerprint: fingerprint(&head.route, &bytes) });
    let tenant = sender.tenant;
    let find = |named: &NamedAttribute| -> Result<_, Refused> {
        let found = app.service.find_attributes(tenant, &named.keys)?;
        Ok(directory::AttributeKey::Id(named.only(found)?.id))
    };
    let call = match &head.asked {
        Asked::Create => DefinitionCall::Create,
        Asked::Update(named) => DefinitionCall::Update(find(named)?),
        Asked::Delete(named) => DefinitionCall::Delete(find(named)?),
        Asked::Bulk(by) => DefinitionCall::Bulk(*by),
    };
    let records = usergroups::read_definitions(&call, &bytes)?;
    app.rates.count_records(sender, records.len())?;
    let batch = Arc::new(DefinitionBatch { tenant, records });
    let (told, mode) = (Arc::clone(&batch), head.mode);
    let write = move |outcomes: &[DefinitionOutcome]| match usergroups::write_definitions(
        &call,
        &told.records,
        outcomes,
        mode,
    ) {
        Ok(reply) => Written { status: reply.status, body: reply.body },
        Err(refusal) => Written { status: refusal.status(), body: refusal.body() },
    };
    let answer = |written: Written| json(written.status, written.body);
    let (Some(once), Mode::Apply) = (once, mode) else {
        return Ok(answer(write(&app.service.define(&batch, execution(mode))?)));
    };
    match app.service.define_once(&batch, &once, write)? {
        Fate::Done(written, ()) => Ok(answer(written)),
        Fate::Replayed(written, _) => {
            let mut response = answer(written);
            response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
            Ok(response)
        }
        Fate::InUse => Err(Refusal::IdempotencyKeyInUse.into()),
        Fate::Reused => Err(Refusal::IdempotencyKeyReused.into()),
    }
}

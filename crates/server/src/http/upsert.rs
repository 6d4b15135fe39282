//! A batch upsert on its way: what its head asks, then what its body asks.

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, request};
use axum::response::Response;
use directory::{Batch, Outcome};
use faces::groups::{self, Handling, Mode, Refusal, UpsertQuery};
use sha2::{Digest as _, Sha256};

use super::App;
use super::admission::Place;
use super::answer::{Refused, json};
use super::body::{self, Encoding, Received};
use super::groups::texts;
use crate::auth::Principal;
use crate::metrics::Tally;
use crate::service::{Execution, Fate, Once, Written};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// What the head of the request asks.
pub(super) struct Upsert {
    encoding: Encoding,
    mode: Mode,
    handling: Handling,
    idempotency_key: Option<String>,
    /// Method and target: a key that comes with another one is reused.
    route: String,
}

impl Upsert {
    pub(super) fn read(head: &request::Parts) -> Result<Self, Refusal> {
        let keys: Vec<&[u8]> =
            head.headers.get_all(IDEMPOTENCY_KEY).iter().map(HeaderValue::as_bytes).collect();
        Ok(Self {
            encoding: body::check_head(&head.headers)?,
            mode: UpsertQuery::parse(head.uri.query())?.mode,
            handling: groups::handling(&texts(&head.headers, &PREFER)),
            idempotency_key: groups::idempotency_key(&keys)?,
            route: format!("{} {}", head.method, head.uri),
        })
    }

    pub(super) const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Does it, and writes the answer. The place is free again when nothing is left to do.
    pub(super) fn carry_out(
        self,
        app: &App,
        sender: &Principal,
        received: Received,
        _place: Place,
    ) -> Result<(Response, Option<Tally>), Refused> {
        let service = &app.service;
        let body = received.decode()?;
        let reading = groups::read(&body.bytes, self.handling)?;
        let batch = Arc::new(Batch::new(sender.tenant, reading.records).map_err(Refusal::from)?);
        app.rates.count_records(&sender.key_id, batch.records.len())?;
        let (records, notes, mode) = (Arc::clone(&batch), reading.notes, self.mode);
        let write = move |outcome: &Outcome| {
            let reply = groups::write(&notes, &records.records, outcome, mode);
            Written { status: reply.status, body: reply.body }
        };
        // A rehearsal writes nothing, so there is nothing to do only once.
        let (Some(key), Mode::Apply) = (&self.idempotency_key, self.mode) else {
            let outcome = service.upsert(&batch, execution(self.mode))?;
            return Ok((answer(write(&outcome)), Some(Tally::of(&outcome))));
        };
        let once = Once { key: key.clone(), fingerprint: self.fingerprint(&body.bytes) };
        match service.upsert_once(&batch, &once, write)? {
            Fate::Done(written, outcome) => Ok((answer(written), Some(Tally::of(&outcome)))),
            Fate::Replayed(written) => Ok((replayed(written), None)),
            Fate::InUse => Err(Refusal::IdempotencyKeyInUse.into()),
            Fate::Reused => Err(Refusal::IdempotencyKeyReused.into()),
        }
    }

    /// What is asked, as one number: route, way of handling, and the unpacked body.
    fn fingerprint(&self, bytes: &[u8]) -> [u8; 32] {
        let handling: &[u8] = match self.handling {
            Handling::Lenient => b"lenient",
            Handling::Strict => b"strict",
        };
        let parts = [self.route.as_bytes(), handling, bytes];
        let digest = parts.into_iter().fold(Sha256::new(), |digest, part| {
            digest.chain_update((part.len() as u64).to_be_bytes()).chain_update(part)
        });
        digest.finalize().into()
    }
}

const fn execution(mode: Mode) -> Execution {
    match mode {
        Mode::Apply => Execution::Apply,
        Mode::DryRun => Execution::DryRun,
    }
}

fn answer(written: Written) -> Response {
    json(written.status, written.body)
}

fn replayed(written: Written) -> Response {
    let mut response = answer(written);
    response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    response
}

//! A batch upsert on its way: what its head asks, then what its body asks.

use std::sync::Arc;

use axum::http::{HeaderName, HeaderValue, request};
use axum::response::Response;
use bytes::Bytes;
use directory::{Batch, Outcome, RunId};
use faces::groups::{self, Handling, Mode, Note, Refusal, UpsertQuery};
use sha2::{Digest as _, Sha256};

use super::answer::{Refused, json};
use super::body::{self, Encoding};
use super::groups::texts;
use crate::audit::Entry;
use crate::auth::Principal;
use crate::metrics::Tally;
use crate::service::{Caller, Executed, Execution, Fate, Once, Service, Written};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const RUN_ID: HeaderName = HeaderName::from_static("rosterd-run-id");
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

    /// Does it, and writes the answer.
    pub(super) fn carry_out(
        self,
        service: &Arc<Service>,
        sender: Principal,
        bytes: Bytes,
    ) -> Result<(Response, Option<Tally>), Refused> {
        let bytes = body::decode(bytes, self.encoding)?;
        let reading = groups::read(&bytes, self.handling)?;
        let batch = Arc::new(Batch::new(sender.tenant, reading.records).map_err(Refusal::from)?);
        let (records, notes, mode) = (Arc::clone(&batch), Arc::new(reading.notes), self.mode);
        let caller = caller(&sender, bytes.clone(), Arc::clone(&notes));
        let write = move |outcome: &Outcome| {
            let reply = groups::write(&notes, &records.records, outcome, mode);
            Written { status: reply.status, body: reply.body }
        };
        // A rehearsal writes nothing, so there is nothing to do only once.
        let (Some(key), Mode::Apply) = (&self.idempotency_key, self.mode) else {
            let executed = service.upsert(&batch, execution(self.mode), caller)?;
            let tally = Tally::of(&executed.outcome);
            return Ok((done(write(&executed.outcome), executed), Some(tally)));
        };
        let once = Once { key: key.clone(), fingerprint: self.fingerprint(&bytes) };
        match service.upsert_once(&batch, &once, caller, write)? {
            Fate::Done(written, executed) => {
                let tally = Tally::of(&executed.outcome);
                Ok((done(written, executed), Some(tally)))
            }
            Fate::Replayed(written, run) => Ok((replayed(written, run, sender), None)),
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

fn caller(sender: &Principal, body: Bytes, notes: Arc<Vec<Note>>) -> Caller {
    let failures = Box::new(move |outcome: &Outcome| groups::failures(&body, &notes, outcome));
    Caller { key_id: sender.key_id.clone(), face: "groups", operation: "batch-upsert", failures }
}

/// The answer to a batch that was carried out, with what the audit log is to say of it.
fn answer(written: Written, run: Option<RunId>, entry: Entry) -> Response {
    let mut response = json(written.status, written.body);
    let id = run.and_then(|id| HeaderValue::from_str(&id.to_string()).ok());
    response.headers_mut().extend(id.map(|id| (RUN_ID, id)));
    response.extensions_mut().insert(entry);
    response
}

fn done(written: Written, executed: Executed) -> Response {
    answer(written, Some(executed.run.id), Entry::Run(executed.run))
}

fn replayed(written: Written, run: Option<RunId>, sender: Principal) -> Response {
    let entry = Entry::Replayed { run, tenant: sender.tenant, key_id: sender.key_id };
    let mut response = answer(written, run, entry);
    response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    response
}

//! A write on its way: what its head asks, then what its body asks.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header, request};
use axum::response::Response;
use directory::{Batch, Expected, GroupView, Intent, LookupKey, Outcome, Record, RunId, TenantId, Terms};
use faces::groups::{self, Handling, Mode, Reading, Refusal, WriteQuery};
use faces::usergroups::{self, AddressCall, By, Single};
use sha2::{Digest as _, Sha256};

use super::App;
use super::addresses::Addressed;
use super::admission::Place;
use super::answer::{Dialect, Refused, json, of_written};
use super::attributes::owner;
use super::body::{self, Encoding, Received};
use super::credentials::{admit, blocking};
use super::groups::{only, texts, with_facts};
use super::subject::Subject;
use super::usergroups::{Lookup, living};
use super::visit;
use super::wording::{Form, Notes, Wording};
use crate::audit::Entry;
use crate::auth::{Principal, Scope};
use crate::metrics::Tally;
use crate::service::{Caller, Executed, Execution, Fate, Named, Once, Service, Show, Written};

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(super) const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const RUN_ID: HeaderName = HeaderName::from_static("rosterd-run-id");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// A call that writes.
pub(super) enum Call {
    /// A batch of upserts.
    BatchUpsert,
    /// A batch that archives.
    BatchArchive,
    /// A batch that restores.
    BatchRestore,
    /// An upsert of one group.
    Upsert,
    /// An update of the group of the path.
    Update(Subject),
    /// The group of the path is archived.
    Archive(Subject),
    /// The group of the path is restored.
    Restore(Subject),
    /// Contract 2: a bulk call.
    Bulk(By),
    /// Contract 2: a usergroup is created.
    CreateUsergroup,
    /// Contract 2: that of the path is updated.
    UpdateUsergroup(Lookup),
    /// Contract 2: that of the path is archived.
    DeleteUsergroup(Lookup),
    /// Contract 2: that of the path gets values of attributes.
    PutValues(Lookup),
    /// Contract 2: what is asked of addresses of the usergroup of the path.
    Address(AddressCall, Addressed),
}

impl Call {
    const fn has_body(&self) -> bool {
        !matches!(
            self,
            Self::Archive(_)
                | Self::Restore(_)
                | Self::DeleteUsergroup(_)
                | Self::Address(AddressCall::Delete, _)
        )
    }

    /// Its name among the runs.
    const fn operation(&self) -> &'static str {
        match self {
            Self::BatchUpsert => "batch-upsert",
            Self::BatchArchive => "batch-archive",
            Self::BatchRestore => "batch-restore",
            Self::Upsert => "upsert",
            Self::Update(_) | Self::UpdateUsergroup(_) => "update",
            Self::Archive(_) => "archive",
            Self::Restore(_) => "restore",
            Self::Bulk(By::Id) => "bulk-id",
            Self::Bulk(By::SourceId) => "bulk-sourceId",
            Self::CreateUsergroup => "create",
            Self::DeleteUsergroup(_) => "delete",
            Self::PutValues(_) => "attributes",
            Self::Address(AddressCall::Create, _) => "address-create",
            Self::Address(AddressCall::Update, _) => "address-update",
            Self::Address(AddressCall::Delete, _) => "address-delete",
            Self::Address(AddressCall::Bulk, _) => "address-bulk",
        }
    }

    const fn form(&self) -> Form {
        match self {
            Self::BatchUpsert | Self::BatchArchive | Self::BatchRestore => Form::Batch,
            Self::Upsert | Self::Update(_) | Self::Archive(_) | Self::Restore(_) => Form::Group,
            Self::Bulk(by) => Form::Bulk(*by),
            Self::CreateUsergroup => Form::Single(Single::Create),
            Self::UpdateUsergroup(_) => Form::Single(Single::Update),
            Self::DeleteUsergroup(_) => Form::Single(Single::Delete),
            Self::PutValues(_) => Form::Values,
            Self::Address(call, _) => Form::Address(*call),
        }
    }

    const fn show(&self) -> Show {
        match self.form() {
            Form::Group => Show::Group,
            Form::Batch | Form::Bulk(_) | Form::Single(_) | Form::Values | Form::Address(_) => Show::Outcome,
        }
    }

    const fn face(&self) -> &'static str {
        match self.form().dialect() {
            Dialect::Groups => "groups",
            Dialect::Usergroups => "usergroups",
        }
    }
}

/// Reads, does and answers it.
pub(super) async fn write(app: &Arc<App>, request: Request, call: Call) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    let principal = admit(app, &head.headers, Scope::GroupsWrite).await?;
    let asked = Asked::read(&head, call)?;
    let received = match asked.encoding {
        Some(encoding) => Some(body::receive(body, encoding, app.memory.hold(principal.tenant)).await?),
        None => None,
    };
    let places = received.as_ref().map_or(1, Received::places);
    let place = app.writes.enter(principal.tenant, places).await?;
    let (app, sender) = (Arc::clone(app), principal.clone());
    let face = asked.call.face();
    let (answer, tally) = blocking(move || asked.carry_out(&app, sender, received, place)).await?;
    tally.unwrap_or_default().count(face);
    Ok(with_facts(answer, principal, tally))
}

/// What the head of the request asks.
struct Asked {
    call: Call,
    /// `None` where the call has no body.
    encoding: Option<Encoding>,
    query: WriteQuery,
    handling: Handling,
    expected: Option<Expected>,
    idempotency_key: Option<String>,
    /// What tells this request from another one with the same body: method, target, and the headers that
    /// it depends on.
    route: String,
    request_id: String,
}

impl Asked {
    fn read(head: &request::Parts, call: Call) -> Result<Self, Refusal> {
        let keys: Vec<&[u8]> =
            head.headers.get_all(IDEMPOTENCY_KEY).iter().map(HeaderValue::as_bytes).collect();
        let encoding = call.has_body().then(|| body::check_head(&head.headers)).transpose()?;
        let handling = groups::handling(&texts(&head.headers, &PREFER));
        let conditions = [header::IF_MATCH, header::IF_NONE_MATCH].map(|name| texts(&head.headers, &name));
        let expected = match call.form() {
            Form::Group => groups::expected(&conditions[0], &conditions[1])?,
            Form::Batch | Form::Bulk(_) | Form::Single(_) | Form::Values | Form::Address(_) => None,
        };
        Ok(Self {
            encoding,
            query: WriteQuery::parse(head.uri.query())?,
            handling,
            idempotency_key: groups::idempotency_key(&keys)?,
            route: format!("{} {} {handling:?} {expected:?}", head.method, head.uri),
            expected,
            request_id: visit::origin().request_id,
            call,
        })
    }

    /// Does it, and writes the answer. The place is free again when nothing is left to do.
    fn carry_out(
        self,
        app: &App,
        sender: Principal,
        received: Option<Received>,
        _place: Place,
    ) -> Result<(Response, Option<Tally>), Refused> {
        let (service, tenant) = (&app.service, sender.tenant);
        let body = received.map(Received::decode).transpose()?;
        let bytes = body.as_ref().map(|body| body.bytes.clone()).unwrap_or_default();
        let Read { intent, expected, terms, records, notes } = self.reading(service, tenant, &bytes)?;
        let batch = Batch::new(tenant, records).map_err(Refusal::from)?;
        app.rates.count_records(&sender, batch.records.len())?;
        let batch = Arc::new(batch.intending(intent).under(terms).expecting(expected));
        let once = self
            .idempotency_key
            .as_ref()
            .map(|key| Once { key: key.clone(), fingerprint: self.fingerprint(&bytes) });
        let (form, mode) = (self.call.form(), self.query.mode);
        let request_id = self.request_id.clone();
        let wording =
            Arc::new(Wording { form, notes, batch: Arc::clone(&batch), body: bytes, mode, request_id });
        let caller = self.caller(&sender, Arc::clone(&wording));
        let dialect = form.dialect();
        // A rehearsal writes nothing, so there is nothing to do only once.
        let (Some(once), Mode::Apply) = (once, mode) else {
            let executed = service.carry_out(&batch, execution(mode), caller)?;
            let written = wording.write(&executed.outcome, executed.view.as_ref());
            return Ok(done(written, executed, dialect));
        };
        let write = move |outcome: &Outcome, view: Option<&GroupView>| wording.write(outcome, view);
        match service.carry_out_once(&batch, &once, caller, write)? {
            Fate::Done(written, executed) => Ok(done(written, *executed, dialect)),
            Fate::Replayed(written, run) => Ok((replayed(written, run, sender, dialect), None)),
            Fate::InUse => Err(Refusal::IdempotencyKeyInUse.into()),
            Fate::Reused => Err(Refusal::IdempotencyKeyReused.into()),
        }
    }

    fn caller(&self, sender: &Principal, wording: Arc<Wording>) -> Caller {
        let failures = Box::new(move |outcome: &Outcome| wording.failures(outcome));
        let (face, operation, show) = (self.call.face(), self.call.operation(), self.call.show());
        Caller { key_id: sender.key_id.clone(), face, operation, show, failures }
    }

    /// What is asked of which groups.
    fn reading(&self, service: &Service, tenant: TenantId, bytes: &[u8]) -> Result<Read, Refused> {
        let archive = Intent::Archive(self.query.reach);
        let (intent, reading) = match &self.call {
            Call::BatchUpsert => (Intent::Upsert, groups::read(bytes, self.handling)?),
            Call::BatchArchive => (archive, groups::read_keys(bytes)?),
            Call::BatchRestore => (Intent::Restore, groups::read_keys(bytes)?),
            Call::Upsert => {
                (Intent::Upsert, groups::read_one(bytes, groups::Subject::InBody, self.handling)?)
            }
            Call::Update(subject) => {
                let key = subject.key()?;
                let stored = stored(service, tenant, &key)?;
                let subject = groups::Subject::InPath(&key, &stored.group);
                (Intent::Update, groups::read_one(bytes, subject, self.handling)?)
            }
            Call::Archive(subject) => (archive, Reading::of(subject.key()?)),
            Call::Restore(subject) => (Intent::Restore, Reading::of(subject.key()?)),
            Call::Bulk(_)
            | Call::CreateUsergroup
            | Call::UpdateUsergroup(_)
            | Call::DeleteUsergroup(_)
            | Call::PutValues(_)
            | Call::Address(..) => {
                return self.usergroups(service, tenant, bytes);
            }
        };
        let (terms, notes) = (Terms::default(), Notes::Groups(reading.notes));
        Ok(Read { intent, expected: self.expected.clone(), terms, records: reading.records, notes })
    }

    /// The same for calls of contract 2.
    fn usergroups(&self, service: &Service, tenant: TenantId, bytes: &[u8]) -> Result<Read, Refused> {
        let archive = Intent::Archive(self.query.reach);
        let (intent, reading) = match &self.call {
            Call::Bulk(by) => (Intent::Upsert, usergroups::read_bulk(bytes, *by, self.handling)?),
            Call::UpdateUsergroup(lookup) => {
                let id = living(service, tenant, lookup)?.group.id;
                (Intent::Update, usergroups::read_update(bytes, id)?)
            }
            Call::DeleteUsergroup(lookup) => {
                let id = living(service, tenant, lookup)?.group.id;
                (archive, usergroups::Reading::of(LookupKey::Id(id)))
            }
            Call::PutValues(lookup) => {
                let id = owner(service, tenant, lookup)?.group.id;
                (Intent::Update, usergroups::read_values(bytes, id)?)
            }
            Call::Address(call, addressed) => {
                (Intent::Update, addressed.read(*call, service, tenant, bytes)?)
            }
            _ => (Intent::Upsert, usergroups::read_new(bytes)?),
        };
        let usergroups::Reading { records, notes, terms } = reading;
        let is_new = matches!(self.call, Call::CreateUsergroup);
        let expected = is_new.then_some(Expected::Absent);
        Ok(Read { intent, expected, terms, records, notes: Notes::Usergroups(notes) })
    }

    /// What is asked, as one number: route and unpacked body.
    fn fingerprint(&self, bytes: &[u8]) -> [u8; 32] {
        fingerprint(&self.route, bytes)
    }
}

/// What is asked, as one number.
pub(super) fn fingerprint(route: &str, bytes: &[u8]) -> [u8; 32] {
    let digest = [route.as_bytes(), bytes].into_iter().fold(Sha256::new(), |digest, part| {
        digest.chain_update((part.len() as u64).to_be_bytes()).chain_update(part)
    });
    digest.finalize().into()
}

/// What a call asks, read.
struct Read {
    intent: Intent,
    expected: Option<Expected>,
    terms: Terms,
    records: Vec<Record>,
    notes: Notes,
}

/// The one group that a path names.
fn stored(service: &Service, tenant: TenantId, key: &LookupKey) -> Result<GroupView, Refused> {
    let mut found = service.find(tenant, key)?;
    Ok(only(match (found.pop(), found.len()) {
        (None, _) => Named::Nobody,
        (Some(view), 0) => Named::One(view),
        _ => Named::Several,
    })?)
}

pub(super) const fn execution(mode: Mode) -> Execution {
    match mode {
        Mode::Apply => Execution::Apply,
        Mode::DryRun => Execution::DryRun,
    }
}

/// An answer, with what the audit log is to say of it.
fn answer(
    written: Written,
    view: Option<&GroupView>,
    run: Option<RunId>,
    entry: Entry,
    dialect: Dialect,
) -> Response {
    let mut response = match dialect {
        Dialect::Groups => of_written(written, view),
        Dialect::Usergroups => json(written.status, written.body),
    };
    let id = run.and_then(|id| HeaderValue::from_str(&id.to_string()).ok());
    response.headers_mut().extend(id.map(|id| (RUN_ID, id)));
    response.extensions_mut().insert(entry);
    response
}

fn done(written: Written, executed: Executed, dialect: Dialect) -> (Response, Option<Tally>) {
    let Executed { outcome, run, view } = executed;
    let tally = Some(Tally::of(&outcome));
    (answer(written, view.as_ref(), Some(run.id), Entry::Run(run), dialect), tally)
}

fn replayed(written: Written, run: Option<RunId>, sender: Principal, dialect: Dialect) -> Response {
    let entry = Entry::Replayed { run, tenant: sender.tenant, key_id: sender.key_id };
    let mut response = answer(written, None, run, entry, dialect);
    response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    response
}

//! Answers to calls for addresses (contract 2 §6).

use directory::{
    Address, AddressDirective, AddressKey, AddressOutcome, Batch, Failure, Field, GroupId, LookupKey,
    Outcome, RecordOutcome, RecordResult,
};
use serde_json::{Map, Value};

use super::{AddressField, FIELDS, name_of};
use crate::groups::wire::Each;
use crate::groups::{Mode, Reply};
use crate::usergroups::Refusal;
use crate::usergroups::status::Line as Status;
use crate::usergroups::write::{Key, Line, echoed, enveloped, reason_of};

/// Which call for addresses is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressCall {
    /// One was to be created.
    Create,
    /// One was to be updated.
    Update,
    /// One was to be deleted.
    Delete,
    /// Several were to be created or updated.
    Bulk,
}

/// Writes the addresses of a usergroup.
pub fn write_list(addresses: &[Address]) -> Reply {
    let shown = addresses.iter().map(shown);
    enveloped(Status::DONE, Each(shown), &[], Some(addresses.len()), Mode::Apply, 64 + 512 * addresses.len())
}

/// An address with every field; those that nothing was given for are empty. No call makes one inactive.
fn shown(address: &Address) -> Map<String, Value> {
    let content = &address.content;
    let yes_no = |truth: bool| Value::from(if truth { "Y" } else { "N" });
    let value = |field: &AddressField| match field {
        AddressField::Type => content.kind.as_str().into(),
        AddressField::Code => content.code.as_ref().map_or("", |code| code.as_str()).into(),
        AddressField::Country => content.country.to_string().into(),
        AddressField::Gender => content.gender.letter().to_string().into(),
        AddressField::Icp => yes_no(content.icp),
        AddressField::IsDefault => yes_no(content.is_default),
        AddressField::Notes => content.notes.as_str().into(),
        AddressField::Line(line) => content.lines.get(*line).as_str().into(),
        AddressField::Whole | AddressField::Other(_) => Value::Null,
    };
    let fields = FIELDS.iter().map(|(name, field)| ((*name).to_owned(), value(field)));
    let added = [("id".to_owned(), Value::from(address.id.get())), ("active".to_owned(), Value::from("Y"))];
    fields.chain(added).collect()
}

/// Writes the answer to a call for one address: the fields that were sent, and the id. The error is why it was
/// not done.
pub fn write_address(
    call: AddressCall,
    body: &[u8],
    batch: &Batch,
    outcome: &Outcome,
    mode: Mode,
) -> Result<Reply, Refusal> {
    let (of, outcome) = judged(batch, outcome)?;
    if let RecordResult::Failed(failures) = &outcome.result {
        return Err(refusal(of, failures));
    }
    let id = match outcome.addresses.first() {
        Some(AddressOutcome::Created { id }) => Some(*id).filter(|_| mode == Mode::Apply),
        Some(AddressOutcome::Updated { id } | AddressOutcome::Unchanged { id }) => Some(*id),
        _ => None,
    };
    let (status, message) = match call {
        AddressCall::Create if mode == Mode::Apply => (Status::CREATED, "Address created"),
        AddressCall::Create => (Status::DONE, "Address created"),
        AddressCall::Update | AddressCall::Bulk => (Status::DONE, "Address updated"),
        AddressCall::Delete => {
            return Ok(enveloped(Status::DONE, Map::new(), &["Address deleted"], None, mode, 64));
        }
    };
    let data = echoed(body, id.map(directory::AddressId::get));
    Ok(enveloped(status, data, &[message], Some(1), mode, 64 + body.len()))
}

/// Writes the answer to a bulk call: an entry for each address, 201 as published.
pub fn write_addresses(batch: &Batch, outcome: &Outcome, mode: Mode) -> Result<Reply, Refusal> {
    let (of, outcome) = judged(batch, outcome)?;
    if let RecordResult::Failed(failures) = &outcome.result {
        return Err(refusal(of, failures));
    }
    let entries = batch.records.iter().flatten().flat_map(|directive| &directive.addresses);
    let lines = entries.zip(&outcome.addresses).map(|(entry, found)| line(entry, found, mode));
    let (total, status) = match mode {
        Mode::Apply => (outcome.addresses.len(), Status::CREATED),
        Mode::DryRun => (outcome.addresses.len(), Status::DONE),
    };
    Ok(enveloped(status, Each(lines), &["Completed"], Some(total), mode, 64 + 96 * total))
}

/// The usergroup of a call's one record, and what became of it.
fn judged<'o>(batch: &Batch, outcome: &'o Outcome) -> Result<(Option<GroupId>, &'o RecordOutcome), Refusal> {
    let key = batch.records.first().and_then(|record| record.as_ref().ok()).map(|directive| &directive.key);
    let id = key.and_then(|key| if let LookupKey::Id(id) = key { Some(*id) } else { None });
    outcome.records.first().map(|found| (id, found)).ok_or_else(|| Refusal::Failed(Vec::new()))
}

fn line(entry: &AddressDirective, outcome: &AddressOutcome, mode: Mode) -> Line {
    let key = match entry {
        AddressDirective::Put(patch) => match &patch.key {
            AddressKey::Code(code) => Key::Text(code.to_string()),
            AddressKey::Id(_) | AddressKey::New => Key::None,
        },
        AddressDirective::Delete(_) => Key::None,
    };
    let line = Line { action: "update", key, lookup_key: "code", success: true, ..Line::default() };
    match outcome {
        AddressOutcome::Created { id } => {
            let id = Some(id.get()).filter(|_| mode == Mode::Apply);
            Line { action: "create", id, ..line }
        }
        AddressOutcome::Updated { id } | AddressOutcome::Deleted { id } => {
            Line { id: Some(id.get()), ..line }
        }
        AddressOutcome::Unchanged { id } => {
            Line { id: Some(id.get()), message: Some("Unchanged".to_owned()), ..line }
        }
        AddressOutcome::Failed { meant, failures } => {
            let action = if meant.is_some() { "update" } else { "create" };
            failed(Line { action, success: false, ..line }, failures)
        }
    }
}

fn failed(line: Line, failures: &[Failure]) -> Line {
    let Some(main) = failures.first() else { return line };
    let texts: Vec<String> = failures.iter().map(text).collect();
    let peers = match main {
        Failure::DuplicateAddress { peers, .. } => peers.clone(),
        _ => Vec::new(),
    };
    let field = own_name(main).filter(|name| !name.is_empty());
    let (error_code, reason) = (Some(main.code().as_str()), reason_of(main));
    Line { error: Some(texts.join("; ")), error_code, reason, field, peers, ..line }
}

/// The name of the field at fault within its address.
fn own_name(failure: &Failure) -> Option<String> {
    match failure.field()? {
        Field::Address(_, field) => Some(name_of(field).to_owned()),
        _ => None,
    }
}

/// The caller's sentence.
fn text(failure: &Failure) -> String {
    let name = own_name(failure).filter(|name| !name.is_empty()).unwrap_or_else(|| "The address".to_owned());
    match failure {
        Failure::RequiredFieldMissing(_) => format!("{name} is missing, a new address needs it"),
        Failure::DuplicateAddress { .. } => "Another entry of this request means the same address".to_owned(),
        Failure::Validation { fault, .. } => format!("{name} {fault}"),
        failure => failure.code().as_str().to_owned(),
    }
}

/// Why a call for one address was not done. A usergroup that is gone meanwhile is told as one that never was.
fn refusal(of: Option<GroupId>, failures: &[Failure]) -> Refusal {
    let group = of.map(|id| id.to_string()).unwrap_or_default();
    match failures.first() {
        Some(Failure::AddressNotFound { id, .. }) => Refusal::NoAddress { id: id.to_string(), group },
        Some(Failure::GroupNotFound | Failure::ArchivedGroupExists { .. }) => Refusal::NoParent("id", group),
        _ => Refusal::Failed(failures.iter().map(|failure| (alone(failure), text(failure))).collect()),
    }
}

/// The failure in a body that is the address itself: its fields are named without the entry.
fn alone(failure: &Failure) -> Failure {
    let name = own_name(failure).filter(|name| !name.is_empty());
    match failure {
        Failure::Validation { fault, .. } => {
            let field = name.map(|name| Field::Other(name.into()));
            Failure::Validation { field, fault: fault.clone() }
        }
        failure => failure.clone(),
    }
}

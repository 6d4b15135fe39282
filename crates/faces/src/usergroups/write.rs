//! Answers: outcome in, bytes out (contract 2 §§3, 4).

use directory::{
    Batch, Directive, Failure, Failures, Field, GroupView, LookupKey, Outcome, ParentKey, Patch, Record,
    RecordOutcome, RecordResult, Warning,
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::fields::{ID, SOURCE_ID, wire_name};
use super::read::{By, Note};
use super::refusal::Refusal;
use super::status::Line as Status;
use super::values;
use crate::groups::failures::{keep, sent};
use crate::groups::limits::{MAX_FAILURES, MAX_FAILURES_BYTES};
use crate::groups::wire::{Each, to_json};
use crate::groups::{Mode, Reply};

/// The envelope of what was done.
#[derive(Serialize)]
struct Envelope<'a, D> {
    data: D,
    messages: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
    #[serde(rename = "dryRun", skip_serializing_if = "Option::is_none")]
    dry_run: Option<bool>,
}

/// An answer of this status in the envelope; `total` counts the entries of `data`.
pub(super) fn enveloped(
    status: u16,
    data: impl Serialize,
    messages: &[&str],
    total: Option<usize>,
    mode: Mode,
    capacity: usize,
) -> Reply {
    let dry_run = (mode == Mode::DryRun).then_some(true);
    Reply { status, body: to_json(&Envelope { data, messages, total, dry_run }, capacity) }
}

/// What became of one item of a bulk call.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    pub(super) action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<i64>,
    pub(super) key: Key,
    pub(super) lookup_key: &'static str,
    pub(super) success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) skipped: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) peers: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent_index: Option<usize>,
}

/// The client's key, with its JSON type.
#[derive(Serialize, Default)]
#[serde(untagged)]
pub(super) enum Key {
    #[default]
    None,
    Id(i64),
    Text(String),
}

impl Key {
    fn of(record: &Record) -> Self {
        let key = match record {
            Ok(directive) => Some(&directive.key),
            Err(rejection) => rejection.key.as_ref(),
        };
        match key {
            Some(LookupKey::Id(id)) => Self::Id(id.get()),
            Some(LookupKey::Key(_) | LookupKey::Reference(_)) => {
                key.map_or(Self::None, |key| Self::Text(key.to_string()))
            }
            Some(LookupKey::New) | None => Self::None,
        }
    }
}

/// Writes the answer to a bulk call: 200 always, as published.
pub fn write_bulk(batch: &Batch, outcome: &Outcome, by: By, mode: Mode) -> Reply {
    let lines =
        batch.records.iter().zip(&outcome.records).map(|(record, found)| line(record, found, by, mode));
    let total = Some(outcome.records.len());
    enveloped(Status::DONE, Each(lines), &["Completed"], total, mode, 64 + 96 * outcome.records.len())
}

fn line(record: &Record, outcome: &RecordOutcome, by: By, mode: Mode) -> Line {
    let updated = outcome.meant.is_some();
    let line = Line {
        action: if updated { "update" } else { "create" },
        key: Key::of(record),
        lookup_key: by.word(),
        success: true,
        message: message(&outcome.warnings),
        skipped: skipped(&outcome.warnings, by.word()),
        ..Line::default()
    };
    match &outcome.result {
        RecordResult::Created { id } => {
            let known = mode == Mode::Apply || by == By::Id;
            Line { id: Some(id.get()).filter(|_| known), ..line }
        }
        RecordResult::Updated { id, .. }
        | RecordResult::Archived { id, .. }
        | RecordResult::Restored { id } => {
            let message = line.message.or_else(|| {
                (!line.skipped.is_empty()).then(|| format!("Skipped: {}", line.skipped.join(", ")))
            });
            Line { id: Some(id.get()), message, ..line }
        }
        RecordResult::Unchanged { id } => {
            Line { id: Some(id.get()), message: Some("Unchanged".to_owned()), ..line }
        }
        RecordResult::Skipped => {
            Line { action: "skip", message: Some("Skipped: does not exist".to_owned()), ..line }
        }
        RecordResult::Failed(failures) => failed(line, failures, record, by.word()),
    }
}

fn failed(line: Line, failures: &[Failure], record: &Record, key: &'static str) -> Line {
    let Some(main) = failures.first() else { return Line { success: false, ..line } };
    let texts: Vec<String> =
        failures.iter().map(|failure| error_text(failure, record.as_ref().ok())).collect();
    let (peers, parent_index) = match main {
        Failure::DuplicateInRequest { peers, .. } => (peers.clone(), None),
        Failure::ParentFailedInRequest { parent } => (Vec::new(), Some(*parent)),
        _ => (Vec::new(), None),
    };
    Line {
        success: false,
        error: Some(texts.join("; ")),
        error_code: Some(main.code().as_str()),
        reason: reason_of(main),
        field: main.field().map(|field| wire_name(field, key)),
        peers,
        parent_index,
        ..line
    }
}

/// The exact cause of a failure, where its code is a class of several.
pub(super) const fn reason_of(failure: &Failure) -> Option<&'static str> {
    match failure {
        Failure::Validation { fault, .. } => Some(fault.reason()),
        Failure::ReferenceTaken { .. } => Some("SOURCE_ID_TAKEN"),
        Failure::AttributeNotFound { .. } => Some("ATTRIBUTE_NOT_FOUND"),
        Failure::DuplicateAddress { .. } => Some(directory::Fault::DuplicateMember.reason()),
        _ => None,
    }
}

fn message(warnings: &[Warning]) -> Option<String> {
    warnings.iter().find_map(|warning| match warning {
        Warning::SimilarReferenceExists { existing } => {
            Some(format!("A similar sourceId exists: [{}]", existing.key))
        }
        Warning::SourceChanged { .. } | Warning::Suppressed { .. } => None,
    })
}

fn skipped(warnings: &[Warning], key: &'static str) -> Vec<String> {
    let suppressed = warnings.iter().filter_map(|warning| match warning {
        Warning::Suppressed { field } => Some(wire_name(field, key)),
        Warning::SimilarReferenceExists { .. } | Warning::SourceChanged { .. } => None,
    });
    suppressed.collect()
}

/// A key in the published words: `id [7]`, `sourceId [A-9]`.
fn named(key: &LookupKey) -> String {
    let word = if let LookupKey::Id(_) = key { ID } else { SOURCE_ID };
    format!("{word} [{key}]")
}

/// The caller's sentence.
pub(super) fn error_text(failure: &Failure, directive: Option<&Directive>) -> String {
    let own = directive.map_or_else(String::new, |directive| format!(" with {}", named(&directive.key)));
    let parent = match directive.map(|directive| &directive.parent) {
        Some(Patch::Set(ParentKey::Key(key))) => format!(" with {}", named(key)),
        _ => String::new(),
    };
    match failure {
        Failure::RequiredFieldMissing(field) => format!("{} is missing", wire_name(field, ID)),
        Failure::Validation {
            field: Some(Field::AttributeEntry(_) | Field::AttributeValue(_)),
            fault,
            ..
        } => values::fault_text(fault),
        Failure::AttributeNotFound { key, .. } => values::not_found(key),
        Failure::AddressNotFound { id, .. } => format!("Address with id [{id}] not found"),
        Failure::DuplicateAddress { field, .. } => {
            format!("{} is that of another entry too", wire_name(field, ID))
        }
        Failure::Validation { field: Some(field), fault } => format!("{} {fault}", wire_name(field, ID)),
        Failure::Validation { field: None, fault } => format!("The item {fault}"),
        Failure::DuplicateInRequest { .. } => {
            format!("Usergroup{own} is meant by more than one item of this request")
        }
        Failure::AmbiguousGroupIdentifier { field: Field::Parent, .. } => {
            format!("Multiple parent usergroups{parent} found, name its source")
        }
        Failure::AmbiguousGroupIdentifier { .. } => {
            format!("Multiple usergroups{own} found, name its source")
        }
        Failure::GroupNotFound => format!("Usergroup{own} not found"),
        Failure::ArchivedGroupExists { .. } => {
            format!("Usergroup{own} is deleted; it is not restored by this")
        }
        Failure::PreconditionFailed | Failure::ReferenceTaken { .. } => "Usergroup already exists".to_owned(),
        Failure::ParentIsSelf => format!("Usergroup{own} cannot be its own parent"),
        Failure::ParentGroupNotFound { .. } => format!("Parent usergroup{parent} not found"),
        Failure::ArchivedParentGroup => format!("Parent usergroup{parent} is deleted"),
        Failure::ParentFailedInRequest { parent: index } => {
            format!("Parent usergroup{parent} is not created: item {index} of this request fails")
        }
        Failure::HierarchyCycle { path } => {
            let more = if path.omitted > 0 { format!(" > {} more", path.omitted) } else { String::new() };
            format!("Usergroup{own} would lie below itself: {}{more}", path.steps.join(" > "))
        }
        Failure::HierarchyTooDeep { level, limit } => {
            format!("Usergroup{own} would lie on level {level}, or have one there; the deepest is {limit}")
        }
        Failure::GroupHasChildren { children } => {
            format!(
                "Usergroup{own} has {children} usergroups below it; delete them first, or send cascade=true"
            )
        }
    }
}

/// Which call for one usergroup is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Single {
    /// It was to be created.
    Create,
    /// It was to be updated.
    Update,
    /// It was to be deleted.
    Delete,
}

/// Writes the answer to a call for one usergroup: the fields that were sent, and the id. The error is why it
/// was not done.
pub fn write_single(
    single: Single,
    body: &[u8],
    batch: &Batch,
    outcome: &Outcome,
    mode: Mode,
) -> Result<Reply, Refusal> {
    let (Some(record), Some(outcome)) = (batch.records.first(), outcome.records.first()) else {
        return Err(Refusal::Failed(Vec::new()));
    };
    if let RecordResult::Failed(failures) = &outcome.result {
        let directive = record.as_ref().ok();
        let failures = failures.iter().map(|failure| {
            let failure = taken(single, failure, outcome);
            let text = error_text(&failure, directive);
            (failure, text)
        });
        return Err(Refusal::Failed(failures.collect()));
    }
    let created = matches!(outcome.result, RecordResult::Created { .. });
    let id = outcome.result.id().filter(|_| !created || mode == Mode::Apply);
    let (status, message) = match single {
        Single::Create if mode == Mode::Apply => (Status::CREATED, "Usergroup created"),
        Single::Create => (Status::DONE, "Usergroup created"),
        Single::Update => (Status::DONE, "Usergroup updated"),
        Single::Delete => {
            let nothing = serde_json::Map::new();
            return Ok(enveloped(Status::DONE, nothing, &["Usergroup deleted"], None, mode, 64));
        }
    };
    let data = echoed(body, id.map(directory::GroupId::get));
    Ok(enveloped(status, data, &[message], Some(1), mode, 64 + body.len()))
}

/// Who creates is told of what is there already, archived or not, that it exists.
fn taken(single: Single, failure: &Failure, outcome: &RecordOutcome) -> Failure {
    match (failure, outcome.meant) {
        (Failure::ArchivedGroupExists { .. } | Failure::PreconditionFailed, Some(id))
            if single == Single::Create =>
        {
            Failure::ReferenceTaken { id }
        }
        _ => failure.clone(),
    }
}

/// What was sent, an object whose syntax was checked, with the id.
pub(super) fn echoed(body: &[u8], id: Option<i64>) -> Option<Box<RawValue>> {
    let object = str::from_utf8(body).ok()?.trim().strip_suffix('}')?;
    let comma = if object.trim_end().ends_with('{') { "" } else { "," };
    let text = id.map_or_else(|| format!("{object}}}"), |id| format!("{object}{comma}\"{ID}\":{id}}}"));
    RawValue::from_string(text).ok()
}

/// An error of a failed item, as it is kept with its run.
#[derive(Serialize)]
struct ErrorLine {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    message: String,
}

/// Writes what is kept of the failures of a batch, as [`crate::groups::failures`] does.
pub fn failures(body: &[u8], notes: &[Note], batch: &Batch, outcome: &Outcome) -> Failures {
    let all = notes.iter().zip(&batch.records).zip(&outcome.records).enumerate();
    let failed = all.filter_map(|(index, ((note, record), found))| {
        let RecordResult::Failed(failures) = &found.result else { return None };
        let errors = failures.iter().map(|failure| ErrorLine {
            code: failure.code().as_str(),
            reason: reason_of(failure),
            field: failure.field().map(|field| wire_name(field, ID)),
            message: error_text(failure, record.as_ref().ok()),
        });
        Some((index, None, sent(body, note.span.clone()).into(), errors.collect()))
    });
    keep(MAX_FAILURES, MAX_FAILURES_BYTES, failed)
}

/// The parent of a usergroup that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Above {
    /// It is not shown.
    #[default]
    NotAsked,
    /// There is none.
    Nothing,
    /// It is this one, as it is stored.
    Group(Box<GroupView>),
}

/// What a read of one usergroup shows beside its own fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expanded {
    /// All its references.
    pub sources: bool,
    /// Its parent.
    pub parent: Above,
    /// Its language.
    pub language: bool,
}

/// A usergroup with the published fields, those that are not modelled being empty.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    authorize_id: &'static str,
    budget: char,
    budget_inherit: char,
    company: &'a str,
    defaultobject_id: &'static str,
    department: &'a str,
    id: i64,
    inherit_order_list: char,
    inherit_product_list: char,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<Nullable<String>>,
    name: &'a str,
    notes: &'a str,
    office: &'a str,
    order_list_allow_all: char,
    order_list_manager_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<Nullable<Parent<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sources: Option<Vec<Source<'a>>>,
    user_manager_id: &'static str,
}

/// A value that is shown where there is none, too.
#[derive(Serialize)]
struct Nullable<T>(Option<T>);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Source<'a> {
    source: &'a str,
    source_id: &'a str,
}

#[derive(Serialize)]
struct Parent<'a> {
    id: i64,
    #[serde(flatten)]
    source: Option<Source<'a>>,
}

fn sources(view: &GroupView) -> impl Iterator<Item = Source<'_>> {
    let references = view.group.references.iter();
    references
        .map(|reference| Source { source: reference.source.as_str(), source_id: reference.key.as_str() })
}

fn shown<'a>(view: &'a GroupView, expanded: &'a Expanded, details: &'a directory::Details) -> Shown<'a> {
    let options = &details.options;
    Shown {
        authorize_id: "",
        budget: options.budget.letter(),
        budget_inherit: options.budget_inherit.letter(),
        company: details.company.as_str(),
        defaultobject_id: "",
        department: details.department.as_str(),
        id: view.group.id.get(),
        inherit_order_list: options.inherit_order_list.letter(),
        inherit_product_list: options.inherit_product_list.letter(),
        language: expanded.language.then(|| Nullable(details.language.map(|language| language.to_string()))),
        name: view.group.name.as_str(),
        notes: details.notes.as_str(),
        office: details.office.as_str(),
        order_list_allow_all: options.order_list_allow_all.letter(),
        order_list_manager_id: "",
        parent: match &expanded.parent {
            Above::NotAsked => None,
            Above::Nothing => Some(Nullable(None)),
            Above::Group(above) => {
                Some(Nullable(Some(Parent { id: above.group.id.get(), source: sources(above).next() })))
            }
        },
        sources: expanded.sources.then(|| sources(view).collect()),
        user_manager_id: "",
    }
}

/// Writes one usergroup.
pub fn write_usergroup(view: &GroupView, expanded: &Expanded) -> Reply {
    let details = view.group.details.as_deref().cloned().unwrap_or_default();
    enveloped(Status::DONE, shown(view, expanded, &details), &[], Some(1), Mode::Apply, 512)
}

/// Usergroups as the entries of an answer.
pub(super) fn shown_all(views: &[GroupView]) -> Vec<u8> {
    let defaults = directory::Details::default();
    let nothing = Expanded::default();
    let entries =
        views.iter().map(|view| shown(view, &nothing, view.group.details.as_deref().unwrap_or(&defaults)));
    to_json(&Each(entries), 64 + 512 * views.len())
}

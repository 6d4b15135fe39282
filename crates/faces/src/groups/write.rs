//! Answers: outcome in, bytes out.

use directory::{
    Batch, Change, Code, Failure, Fault, Field, Found, GroupView, Intent, Listed, Outcome, Reach, Record,
    RecordOutcome, RecordResult, Source, Tree, Warning,
};

use super::cursor;
use super::fields::{Member, wire_name};
use super::found;
use super::listing::{ListQuery, TreeQuery};
use super::query::Mode;
use super::read::{Ignored, Note};
use super::status::{has_body, of_batch, of_failure, of_record};
use super::wire::{
    Answer, Diff, Each, ErrorLine, FromTo, GroupLine, GroupPage, Moment, Problem, Reference, ResultLine,
    Shown, Summary, WarningLine, to_json,
};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body, of type `application/json`.
    pub body: Vec<u8>,
}

/// Writes the answer to a batch: 200 when every record succeeded, else 207. The notes are those that were
/// read with the records, the outcome is what became of them; all three are equally long.
pub fn write(notes: &[Note], batch: &Batch, outcome: &Outcome, mode: Mode) -> Reply {
    let summary = summary(batch.intent, outcome);
    let status = of_batch(summary.failed);
    let capacity = 64 + 160 * outcome.records.len();
    let results = notes.iter().zip(&batch.records).zip(&outcome.records).enumerate();
    let asked = Asked { mode, intent: batch.intent };
    let results =
        Each(results.map(|(index, ((note, record), outcome))| line(index, note, record, outcome, asked)));
    let dry_run = matches!(mode, Mode::DryRun).then_some(true);
    Reply { status, body: to_json(&Answer { dry_run, summary, results }, capacity) }
}

/// What an answer depends on beside what became of the records.
#[derive(Clone, Copy)]
struct Asked {
    mode: Mode,
    intent: Intent,
}

/// Writes the answer to a batch of one record that stands for itself: the group as it is now, with what to
/// look at; nothing where it was archived; a problem where it failed. `view` is the group after the write.
/// A dry run that does not fail is answered as a batch of one.
pub fn write_one(
    notes: &[Note],
    batch: &Batch,
    outcome: &Outcome,
    view: Option<&GroupView>,
    mode: Mode,
    request_id: &str,
) -> Reply {
    let (Some(note), Some(record)) = (notes.first(), outcome.records.first()) else {
        return write(notes, batch, outcome, mode);
    };
    match (&record.result, view) {
        (RecordResult::Failed(failures), _) => {
            let (status, body) = refused_record(failures, request_id);
            Reply { status, body }
        }
        (_, Some(view)) if mode == Mode::Apply => {
            let warnings = warnings(note, &record.warnings);
            let status = of_record(&record.result, batch.intent);
            let body = if has_body(status) {
                to_json(&GroupLine { warnings, ..group(view) }, 512)
            } else {
                Vec::new()
            };
            Reply { status, body }
        }
        _ => write(notes, batch, outcome, mode),
    }
}

/// The problem of a record that failed alone: every fault, the main one on top.
pub(super) fn refused_record(failures: &[Failure], request_id: &str) -> (u16, Vec<u8>) {
    let mut errors: Vec<ErrorLine<'_>> = failures.iter().map(error).collect();
    // A record fails with at least one fault, and with the main one first.
    let main = failures.first().map_or(Code::Validation, Failure::code);
    let (detail, reason, field) = errors
        .first_mut()
        .map_or_else(Default::default, |line| (line.message.clone(), line.reason, line.field));
    let (status, title) = of_failure(main);
    let mut problem = Problem::new(status, main.as_str(), title, &detail, request_id);
    (problem.reason, problem.field, problem.errors) = (reason, field, errors);
    (status, to_json(&problem, 512))
}

/// Writes one group.
pub fn write_group(view: &GroupView) -> Vec<u8> {
    to_json(&group(view), 512)
}

/// Writes one page of a list, with a cursor to the next if there may be one.
pub fn write_list(listed: &Listed, query: &ListQuery) -> Vec<u8> {
    let next_cursor = listed.next.map(|after| cursor::write(query.thread, after));
    let groups = Each(listed.views.iter().map(group));
    to_json(&GroupPage { groups, next_cursor }, 64 + 512 * listed.views.len())
}

/// Writes one page of the groups that a search found.
pub fn write_found(found: &Found, query: &ListQuery) -> Vec<u8> {
    let next_cursor = found.next.as_ref().map(|after| found::write(query.thread, after));
    let groups = Each(found.views.iter().map(group));
    to_json(&GroupPage { groups, next_cursor }, 64 + 512 * found.views.len())
}

/// Writes one page of a tree: each group with how deep it lies below the one that was asked for.
pub fn write_tree(tree: &Tree, query: &TreeQuery) -> Vec<u8> {
    let next_cursor = tree.next.map(|after| cursor::write_place(query.thread, after));
    let groups = tree.groups.iter().map(|(level, view)| GroupLine { depth: Some(*level), ..group(view) });
    to_json(&GroupPage { groups: Each(groups), next_cursor }, 64 + 512 * tree.groups.len())
}

fn summary(intent: Intent, outcome: &Outcome) -> Summary {
    let mut summary = Summary { total: outcome.records.len(), ..Summary::default() };
    match intent {
        Intent::Upsert | Intent::Update => (summary.created, summary.updated) = (Some(0), Some(0)),
        Intent::Archive(_) => summary.archived = Some(0),
        Intent::Restore => summary.restored = Some(0),
    }
    for record in &outcome.records {
        *match record.result {
            RecordResult::Created { .. } => summary.created.get_or_insert(0),
            RecordResult::Updated { .. } => summary.updated.get_or_insert(0),
            RecordResult::Archived { .. } => summary.archived.get_or_insert(0),
            RecordResult::Restored { .. } => summary.restored.get_or_insert(0),
            RecordResult::Unchanged { .. } | RecordResult::Skipped => &mut summary.unchanged,
            RecordResult::Failed(_) => &mut summary.failed,
        } += 1;
    }
    summary
}

fn line<'a>(
    index: usize,
    note: &'a Note,
    record: &'a Record,
    outcome: &'a RecordOutcome,
    asked: Asked,
) -> ResultLine<'a> {
    let mut line = ResultLine {
        input_index: index,
        external_reference_id: note.key.as_deref(),
        canonical_key: canonical_key(note, record),
        warnings: warnings(note, &outcome.warnings),
        ..ResultLine::default()
    };
    let (status, id) = match &outcome.result {
        RecordResult::Created { id } => ("created", Some(*id).filter(|_| asked.mode == Mode::Apply)),
        RecordResult::Updated { id, changes } => {
            line.changes = changes.iter().map(|change| wire_name(&change.field)).collect();
            line.diff = (asked.mode == Mode::DryRun).then(|| diff(changes));
            ("updated", Some(*id))
        }
        RecordResult::Archived { id, descendants } => {
            line.descendants = Some(*descendants).filter(|_| asked.intent == Intent::Archive(Reach::Subtree));
            ("archived", Some(*id))
        }
        RecordResult::Restored { id } => ("restored", Some(*id)),
        RecordResult::Unchanged { id } => ("unchanged", Some(*id)),
        // Batches of this contract skip nothing.
        RecordResult::Skipped => ("unchanged", None),
        RecordResult::Failed(failures) => {
            line.errors = failures.iter().map(error).collect();
            ("failed", None)
        }
    };
    ResultLine { status, id: id.map(Shown), ..line }
}

/// The key by which the record is known, where NFC made it another than was sent.
fn canonical_key<'a>(note: &Note, record: &'a Record) -> Option<&'a str> {
    let key = match record {
        Ok(directive) => Some(&directive.key),
        Err(rejection) => rejection.key.as_ref(),
    };
    let key = key?.reference_key()?.as_str();
    Some(key).filter(|key| note.key.as_deref().is_some_and(|sent| sent != *key))
}

fn diff(changes: &[Change]) -> Diff<'_> {
    let lines = changes.iter().map(|change| {
        (wire_name(&change.field), FromTo { from: change.from.as_deref(), to: change.to.as_deref() })
    });
    Diff(lines.collect())
}

fn warnings<'a>(note: &'a Note, warnings: &'a [Warning]) -> Vec<WarningLine<'a>> {
    let mut lines: Vec<WarningLine<'a>> = warnings.iter().map(warning).collect();
    lines.extend(note.ignored.iter().map(ignored));
    if note.unnamed > 0 {
        let message = format!("{} further members of this record are not fields either.", note.unnamed);
        lines.push(WarningLine { code: UNKNOWN_FIELD, message, ..WarningLine::default() });
    }
    lines
}

/// The codes of warnings.
pub(super) const UNKNOWN_FIELD: &str = "UNKNOWN_FIELD";
pub(super) const SUPPRESSED: &str = "SUPPRESSED";
pub(super) const SIMILAR_REFERENCE_EXISTS: &str = "SIMILAR_REFERENCE_EXISTS";
pub(super) const EXTERNAL_REFERENCE_TYPE_CHANGED: &str = "EXTERNAL_REFERENCE_TYPE_CHANGED";

fn ignored(Ignored { name, suggestion }: &Ignored) -> WarningLine<'_> {
    let fault = Fault::Unknown { suggestion: *suggestion };
    let message = sentence(&format!("{name} was ignored: it {fault}"));
    WarningLine { code: UNKNOWN_FIELD, field: Some(name), message, existing: None }
}

fn warning(warning: &Warning) -> WarningLine<'_> {
    match warning {
        Warning::SimilarReferenceExists { existing } => {
            let field = Member::Key.rule().name;
            let message = format!(
                "No group has this {field}, but {} has one that differs only in case, white space, width or \
                 the like. Is it the same group?",
                existing.key
            );
            let existing = Reference {
                external_reference_id: existing.key.as_str(),
                external_reference_type: named(&existing.source),
            };
            WarningLine {
                code: SIMILAR_REFERENCE_EXISTS,
                field: Some(field),
                message,
                existing: Some(existing),
            }
        }
        Warning::Suppressed { field } => {
            let field = wire_name(field);
            let message = format!("{field} was kept as it is, as the request asks.");
            WarningLine { code: SUPPRESSED, field: Some(field), message, existing: None }
        }
        Warning::SourceChanged { from, to } => {
            let field = Member::Source.rule().name;
            let from = named(&from.source).unwrap_or("empty");
            let to = named(&to.source).unwrap_or("empty");
            let message = format!("{field} was {from} and is now {to}: do two systems use the same keys?");
            WarningLine { code: EXTERNAL_REFERENCE_TYPE_CHANGED, field: Some(field), message, existing: None }
        }
    }
}

fn named(source: &Source) -> Option<&str> {
    Some(source.as_str()).filter(|_| !source.is_unnamed())
}

pub(super) fn error(failure: &Failure) -> ErrorLine<'_> {
    let line = ErrorLine {
        code: failure.code().as_str(),
        field: failure.field().map(wire_name),
        message: message(failure),
        ..ErrorLine::default()
    };
    match failure {
        Failure::Validation { fault, .. } => {
            let (length, limit) = match fault {
                Fault::TooLong { length, limit } => (Some(*length), Some(*limit)),
                Fault::TooManyMembers { limit } | Fault::TooDeep { limit } => (None, Some(*limit)),
                _ => (None, None),
            };
            ErrorLine { reason: Some(fault.reason()), length, limit, ..line }
        }
        Failure::DuplicateInRequest { peers, others } => {
            let omitted = Some(others.saturating_sub(peers.len())).filter(|count| *count > 0);
            ErrorLine { peers: Some(peers), omitted, ..line }
        }
        Failure::HierarchyCycle { path } => {
            let start = path.steps.first().filter(|_| path.omitted == 0);
            let steps = path.steps.iter().chain(start).map(String::as_str);
            let omitted = Some(path.omitted).filter(|count| *count > 0);
            ErrorLine { path: Some(steps.collect()), omitted, ..line }
        }
        Failure::ParentFailedInRequest { parent } => ErrorLine { parent_index: Some(*parent), ..line },
        Failure::HierarchyTooDeep { level, limit } => {
            ErrorLine { level: Some(*level), limit: Some(*limit), ..line }
        }
        Failure::ParentGroupNotFound { unmatchable_length } => {
            ErrorLine { length: *unmatchable_length, ..line }
        }
        Failure::GroupHasChildren { children } => ErrorLine { children: Some(*children), ..line },
        Failure::RequiredFieldMissing(_)
        | Failure::AttributeNotFound { .. }
        | Failure::AmbiguousGroupIdentifier { .. }
        | Failure::GroupNotFound
        | Failure::ArchivedGroupExists { .. }
        | Failure::PreconditionFailed
        | Failure::AddressNotFound { .. }
        | Failure::DuplicateAddress { .. }
        | Failure::ReferenceTaken { .. }
        | Failure::ParentIsSelf
        | Failure::ArchivedParentGroup => line,
    }
}

fn message(failure: &Failure) -> String {
    let key = Member::Key.rule().name;
    let parent = Member::Parent.rule().name;
    match failure {
        Failure::RequiredFieldMissing(Field::Name) => {
            "name is missing: a group that does not exist yet needs one.".into()
        }
        Failure::RequiredFieldMissing(field) => {
            format!("{} is missing: every record needs one.", wire_name(field))
        }
        Failure::Validation { field: Some(field), fault } => {
            sentence(&format!("{} {fault}", wire_name(field)))
        }
        Failure::Validation { field: None, fault: Fault::InvalidString } => {
            sentence(&format!("The name of a member {}", Fault::InvalidString))
        }
        Failure::Validation { field: None, fault } => sentence(&format!("The record {fault}")),
        // No record of this contract has entries of attributes.
        Failure::AttributeNotFound { .. } => "There is no such attribute.".into(),
        Failure::DuplicateInRequest { others: 1, .. } => {
            format!("Another record of this request has the same {key}; send one record for each group.")
        }
        Failure::DuplicateInRequest { others, .. } => {
            format!(
                "{others} other records of this request have the same {key}; send one record for each group."
            )
        }
        Failure::AmbiguousGroupIdentifier { field, groups } => {
            format!("{} means {groups} groups, each of another type; it must mean one.", wire_name(field))
        }
        Failure::GroupNotFound => format!("No group has this {key}."),
        Failure::PreconditionFailed => {
            "The group is not in the state that If-Match or If-None-Match asks for: read it again.".into()
        }
        Failure::AddressNotFound { id, .. } => format!("The group has no address {id}."),
        Failure::DuplicateAddress { .. } => "Another entry of the record means the same address.".into(),
        Failure::ReferenceTaken { id } => {
            format!("Another group (id {id}) has this {key} in this system already.")
        }
        Failure::GroupHasChildren { children } => {
            let most = Failure::MAX_CHILDREN;
            let count = if *children < most { children.to_string() } else { format!("at least {most}") };
            let groups = if *children == 1 { "group that lives" } else { "groups that live" };
            format!("Directly below the group is {count} {groups}: archive them too, or send cascade=true.")
        }
        Failure::ArchivedGroupExists { id } => {
            format!("The group with this {key} is archived (id {id}); restore it first, or send another key.")
        }
        Failure::ParentIsSelf => {
            format!("{parent} names the group itself; name another group, or send null for a root.")
        }
        Failure::ParentGroupNotFound { unmatchable_length: Some(length) } => format!(
            "{parent} is {length} characters long; no group can have a key of more than {} characters.",
            Member::Key.rule().max
        ),
        Failure::ParentGroupNotFound { unmatchable_length: None } => {
            format!("{parent} names a group that is neither stored nor created by this request.")
        }
        Failure::ArchivedParentGroup => {
            format!("{parent} names an archived group; restore it first, or name another.")
        }
        Failure::ParentFailedInRequest { parent: index } => {
            format!("{parent} names a group that record {index} would have created, but that record failed.")
        }
        Failure::HierarchyCycle { .. } => {
            format!("With this {parent} the group would lie below itself; the path shows how.")
        }
        Failure::HierarchyTooDeep { level, limit } => format!(
            "With this {parent} the group, or one below it, would lie on level {level}; at most {limit} are allowed."
        ),
    }
}

/// Ends a sentence that does not end yet.
fn sentence(text: &str) -> String {
    let end = if text.ends_with('?') { "" } else { "." };
    format!("{text}{end}")
}

/// A group with more than one external reference is shown by its first.
pub(super) fn group(view: &GroupView) -> GroupLine<'_> {
    let group = &view.group;
    let reference = group.references.first();
    let photo_url = group.photo_url.as_ref().map(directory::PhotoUrl::as_str);
    GroupLine {
        id: Shown(group.id),
        external_reference_id: reference.map(|reference| reference.key.as_str()),
        external_reference_type: reference.and_then(|reference| named(&reference.source)),
        name: group.name.as_str(),
        description: group.description.as_ref().map(directory::Description::as_str),
        parent_id: group.parent.map(Shown),
        parent_external_reference_id: view.parent_key.as_ref().map(directory::ReferenceKey::as_str),
        photo_url,
        logo_url: photo_url,
        archived: group.is_archived(),
        archived_at: group.archived_at.map(Moment),
        created_at: Moment(group.created_at),
        updated_at: Moment(group.updated_at),
        revision: group.revision,
        depth: None,
        warnings: Vec::new(),
    }
}

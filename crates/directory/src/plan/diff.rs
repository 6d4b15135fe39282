//! What changes, and that nothing changes: a record that asks for what is stored writes nothing
//! (rules §3). Stored values are compared, never memories of earlier requests, so drift is repaired.

use super::hierarchy::Placement;
use super::resolve::{Resolution, Target, created_reference};
use super::{addresses, details, values};
use crate::batch::Batch;
use crate::clock::IdSource;
use crate::directive::{Directive, LookupKey, ParentKey, Patch};
use crate::model::{Description, ExternalReference, Group, GroupId, PhotoUrl, Source};
use crate::outcome::{Change, Field, RecordOutcome, RecordResult, Warning};
use crate::snapshot::Snapshot;
use crate::write::{Content, IdOrigin, Write};

/// The id of each good record's group, in order: stored, given, or assigned in the order of the records.
pub(super) fn ids(
    batch: &Batch,
    resolution: &Resolution<'_>,
    source: &mut dyn IdSource,
) -> Vec<Option<GroupId>> {
    let id = |(index, record): (usize, &crate::batch::Record)| {
        let directive = record.as_ref().ok().filter(|_| resolution.is_good(index))?;
        match (resolution.records[index].target, &directive.key) {
            (Target::Stored(group), _) => Some(group.id),
            (Target::Alike(id), _) => Some(id),
            (Target::New, LookupKey::Id(id)) => Some(*id),
            (Target::New, _) => Some(source.next_id()),
            (Target::Unwanted | Target::Unknown, _) => None,
        }
    };
    batch.records.iter().enumerate().map(id).collect()
}

/// What a record does beside its group's own fields.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub(super) values: values::Settled,
    pub(super) addresses: addresses::Done,
}

/// Where a record's group will lie.
#[derive(Debug, Clone, Copy)]
pub(super) enum Parent {
    /// Where it is.
    Same,
    /// Below this group, or nowhere.
    New(Option<GroupId>),
}

pub(super) fn parent(placement: Placement, ids: &[Option<GroupId>]) -> Parent {
    match placement {
        Placement::Same => Parent::Same,
        Placement::Root => Parent::New(None),
        Placement::Stored(id) => Parent::New(Some(id)),
        Placement::Created(record) => Parent::New(ids[record]),
    }
}

/// The write, if anything changes, and the result of one good record.
pub(super) fn diff(
    directive: &Directive,
    target: Target<'_>,
    id: Option<GroupId>,
    parent: Parent,
    beside: Beside,
    seen: &Snapshot,
) -> (Option<Write>, RecordOutcome) {
    match (target, id, &directive.name) {
        (Target::Stored(group), ..) => update(directive, group, parent, beside, seen),
        (Target::Alike(id), ..) => (None, RecordOutcome::of(RecordResult::Unchanged { id })),
        (Target::New, Some(id), name) => {
            let content = Content {
                // Resolve saw to it that there is one where one is needed.
                name: name.clone().unwrap_or_default(),
                description: after(&directive.description, None),
                parent: match parent {
                    Parent::Same => None,
                    Parent::New(parent) => parent,
                },
                photo_url: after(&directive.photo_url, None),
                details: details::after(directive.details.as_deref(), None),
            };
            create(directive, id, content, beside, seen)
        }
        // A good record that creates has an id, and nothing is known of one that does neither.
        (Target::New | Target::Unwanted | Target::Unknown, ..) => unreachable!("a good create has an id"),
    }
}

fn create(
    directive: &Directive,
    id: GroupId,
    content: Content,
    beside: Beside,
    seen: &Snapshot,
) -> (Option<Write>, RecordOutcome) {
    let id_origin = match directive.key {
        LookupKey::Id(_) => IdOrigin::Given,
        LookupKey::Key(_) | LookupKey::Reference(_) | LookupKey::New => IdOrigin::Assigned,
    };
    let mut references: Vec<ExternalReference> =
        created_reference(&directive.key, directive.source.as_ref()).into_iter().collect();
    add(&mut references, &directive.references);
    let similar = seen.similar.get(&directive.key).and_then(|stored| stored.first());
    let warnings = similar
        .map(|existing| Warning::SimilarReferenceExists { existing: existing.clone() })
        .into_iter()
        .collect();
    let Beside { values, addresses } = beside;
    let (values, addresses) = ((values.writes, values.outcomes), (addresses.writes, addresses.outcomes));
    let write =
        Write::Create { id, id_origin, references, content, values: values.0, addresses: addresses.0 };
    let outcome = RecordOutcome::of(RecordResult::Created { id });
    (Some(write), RecordOutcome { warnings, values: values.1, addresses: addresses.1, ..outcome })
}

fn update(
    directive: &Directive,
    group: &Group,
    parent: Parent,
    Beside { values, addresses }: Beside,
    seen: &Snapshot,
) -> (Option<Write>, RecordOutcome) {
    let parent = match parent {
        Parent::Same => group.parent,
        Parent::New(parent) => parent,
    };
    let reference = new_reference(directive, group);
    let mut added = Vec::new();
    add(&mut added, &directive.references);
    added.retain(|reference| !group.references.contains(reference));
    let mut changes = changes(directive, group, parent, reference.as_ref(), &added, seen);
    changes.extend(values.changes);
    changes.extend(addresses.changes);
    let told = |result| RecordOutcome {
        values: values.outcomes,
        addresses: addresses.outcomes,
        ..RecordOutcome::of(result)
    };
    if changes.is_empty() {
        return (None, told(RecordResult::Unchanged { id: group.id }));
    }
    let content = Content {
        name: directive.name.clone().unwrap_or_else(|| group.name.clone()),
        description: after(&directive.description, group.description.as_ref()),
        parent,
        photo_url: after(&directive.photo_url, group.photo_url.as_ref()),
        details: details::after(directive.details.as_deref(), group.details.as_deref()),
    };
    let warnings = reference
        .iter()
        .filter(|(from, _)| !from.source.is_unnamed())
        .map(|(from, to)| Warning::SourceChanged { from: from.clone(), to: to.clone() });
    let warnings = warnings.collect();
    let result = RecordResult::Updated { id: group.id, changes };
    let first = match (&reference, group.references.first()) {
        (Some((from, to)), Some(first)) if from == first => Some(to),
        (_, first) => first.or(added.first()),
    };
    let (id, first) = (group.id, first.cloned());
    let (values, addresses) = (values.writes, addresses.writes);
    let write = Write::Update { id, first, content, reference, added, values, addresses };
    (Some(write), RecordOutcome { warnings, ..told(result) })
}

/// Adds those that are not there yet.
fn add(references: &mut Vec<ExternalReference>, wanted: &[ExternalReference]) {
    for reference in wanted {
        if !references.contains(reference) {
            references.push(reference.clone());
        }
    }
}

fn after<T: Clone>(patch: &Patch<T>, before: Option<&T>) -> Option<T> {
    match patch {
        Patch::Keep => before.cloned(),
        Patch::Clear => None,
        Patch::Set(value) => Some(value.clone()),
    }
}

/// The reference that the given source replaces, and the one that takes its place. A group that already
/// carries the key in that source stays as it is.
fn new_reference(directive: &Directive, group: &Group) -> Option<(ExternalReference, ExternalReference)> {
    let (source, key) = directive.source.as_ref().zip(directive.key.reference_key())?;
    let of_key = || group.references.iter().filter(|reference| reference.key == *key);
    if of_key().any(|reference| reference.source == *source) {
        return None;
    }
    let from = of_key().next()?;
    Some((from.clone(), ExternalReference { source: source.clone(), key: key.clone() }))
}

/// The fields that change, in the order of the contract's table.
fn changes(
    directive: &Directive,
    group: &Group,
    parent: Option<GroupId>,
    reference: Option<&(ExternalReference, ExternalReference)>,
    added: &[ExternalReference],
    seen: &Snapshot,
) -> Vec<Change> {
    let name = directive.name.as_ref().filter(|name| **name != group.name);
    [
        reference
            .map(|(from, to)| change(Field::Source, source_value(&from.source), source_value(&to.source))),
        name.map(|name| change(Field::Name, Some(group.name.as_str()), Some(name.as_str()))),
        text_change(
            Field::Description,
            &directive.description,
            group.description.as_ref(),
            Description::as_str,
        ),
        (parent != group.parent).then(|| {
            let from = group.parent.map(|id| stored_name(id, seen));
            let to = parent.map(|id| wanted_name(directive, id));
            change(Field::Parent, from.as_deref(), to.as_deref())
        }),
        text_change(Field::PhotoUrl, &directive.photo_url, group.photo_url.as_ref(), PhotoUrl::as_str),
    ]
    .into_iter()
    .flatten()
    .chain(added.iter().map(|reference| change(Field::References, None, Some(reference.key.as_str()))))
    .chain(details::changes(directive.details.as_deref(), group.details.as_deref()))
    .collect()
}

pub(super) fn change(field: Field, from: Option<&str>, to: Option<&str>) -> Change {
    Change { field, from: from.map(Into::into), to: to.map(Into::into) }
}

fn text_change<T: PartialEq>(
    field: Field,
    patch: &Patch<T>,
    before: Option<&T>,
    text: impl Fn(&T) -> &str,
) -> Option<Change> {
    let after = match patch {
        Patch::Keep => before,
        Patch::Clear => None,
        Patch::Set(value) => Some(value),
    };
    (before != after).then(|| change(field, before.map(&text), after.map(&text)))
}

fn source_value(source: &Source) -> Option<&str> {
    (!source.is_unnamed()).then(|| source.as_str())
}

/// A stored parent by its external key, or by its id if it has none.
fn stored_name(id: GroupId, seen: &Snapshot) -> String {
    let key = seen.ancestors.get(&id).and_then(|ancestor| ancestor.key.as_ref());
    key.map_or_else(|| id.to_string(), ToString::to_string)
}

/// The new parent by the caller's own word for it.
fn wanted_name(directive: &Directive, id: GroupId) -> String {
    match &directive.parent {
        Patch::Set(ParentKey::Key(key)) => key.to_string(),
        Patch::Set(ParentKey::Unmatchable { .. }) | Patch::Keep | Patch::Clear => id.to_string(),
    }
}

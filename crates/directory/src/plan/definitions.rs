//! What becomes of definitions of attributes (contract 2 §5).

use std::collections::HashMap;

use super::values::parse_single;
use crate::definitions::{
    DefinitionBatch, DefinitionFailure, DefinitionField, DefinitionOutcome, DefinitionPatch, DefinitionPlan,
    DefinitionRecord, DefinitionSnapshot, DefinitionWrite, LinesPatch,
};
use crate::directive::Patch;
use crate::model::{
    AttributeClass, AttributeDefinition, AttributeFlags, AttributeId, AttributeKey, AttributeName,
    AttributeType, Fault, Line, Localised, ValueText,
};

/// Plans a batch of definitions. Total, as [`crate::plan()`] is; `seen` answers
/// [`crate::definitions::needs_definitions`].
pub fn plan_definitions(batch: &DefinitionBatch, seen: &DefinitionSnapshot) -> DefinitionPlan {
    let duplicates = duplicates(batch, seen);
    let mut plan = DefinitionPlan::default();
    let (mut next_id, mut room) =
        (seen.next_id, AttributeDefinition::MAX_OF_TENANT.saturating_sub(seen.count));
    for (record, peer) in batch.records.iter().zip(duplicates) {
        let outcome = match peer {
            Some(peer) => Err(DefinitionFailure::Duplicate { peer }),
            None => plan_one(record, seen, next_id, room),
        };
        let outcome = outcome.unwrap_or_else(DefinitionOutcome::Failed);
        let write = match &outcome {
            DefinitionOutcome::Created(definition) => {
                (next_id, room) = (next_id + 1, room.saturating_sub(1));
                Some(DefinitionWrite::Create(definition.clone()))
            }
            DefinitionOutcome::Updated(definition) => Some(DefinitionWrite::Update(definition.clone())),
            DefinitionOutcome::Deleted(id) => Some(DefinitionWrite::Delete(*id)),
            DefinitionOutcome::Unchanged(_) | DefinitionOutcome::Failed(_) => None,
        };
        plan.writes.extend(write);
        plan.outcomes.push(outcome);
    }
    plan
}

/// What two records have in common when they mean one definition.
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    Stored(AttributeId),
    Named(AttributeKey),
}

/// For each record, the first other one that means the same definition.
fn duplicates(batch: &DefinitionBatch, seen: &DefinitionSnapshot) -> Vec<Option<usize>> {
    let mut meant: HashMap<Identity, Vec<usize>> = HashMap::new();
    for (index, record) in batch.records.iter().enumerate() {
        let Some(key) = record.key() else { continue };
        let identity =
            seen.known.get(&key).map_or(Identity::Named(key), |stored| Identity::Stored(stored.id));
        meant.entry(identity).or_default().push(index);
    }
    let mut peers = vec![None; batch.records.len()];
    for same in meant.values().filter(|same| same.len() > 1) {
        for &index in same {
            peers[index] = same.iter().copied().find(|other| *other != index);
        }
    }
    peers
}

fn plan_one(
    record: &DefinitionRecord,
    seen: &DefinitionSnapshot,
    next_id: i64,
    room: usize,
) -> Result<DefinitionOutcome, DefinitionFailure> {
    let stored = record.key().and_then(|key| seen.known.get(&key));
    match (record, stored) {
        (DefinitionRecord::Create(_), Some(stored)) => Err(DefinitionFailure::Exists { id: stored.id }),
        (DefinitionRecord::Create(patch), None) => {
            let name = patch.name.clone().ok_or(DefinitionFailure::Missing(DefinitionField::Name))?;
            let class = patch.class.ok_or(DefinitionFailure::Missing(DefinitionField::Class))?;
            create(name, class, patch, next_id, room)
        }
        (DefinitionRecord::Upsert { name, class, patch }, None) => {
            create(name.clone(), *class, patch, next_id, room)
        }
        (DefinitionRecord::Update(_, patch) | DefinitionRecord::Upsert { patch, .. }, Some(stored)) => {
            keep_what_never_changes(patch, stored)?;
            let after = changed(stored.clone(), patch)?;
            Ok(if after == *stored {
                DefinitionOutcome::Unchanged(after)
            } else {
                DefinitionOutcome::Updated(after)
            })
        }
        (DefinitionRecord::Delete(_), Some(stored)) => Ok(DefinitionOutcome::Deleted(stored.id)),
        (DefinitionRecord::Update(..) | DefinitionRecord::Delete(_), None) => {
            Err(DefinitionFailure::NotFound)
        }
    }
}

fn create(
    name: AttributeName,
    class: AttributeClass,
    patch: &DefinitionPatch,
    next_id: i64,
    room: usize,
) -> Result<DefinitionOutcome, DefinitionFailure> {
    let kind = patch.kind.ok_or(DefinitionFailure::Missing(DefinitionField::Kind))?;
    let limit = AttributeDefinition::MAX_OF_TENANT;
    let id = AttributeId::new(next_id).filter(|_| room > 0);
    let blank = AttributeDefinition {
        id: id.ok_or(DefinitionFailure::TooMany { limit })?,
        name,
        class,
        kind,
        type_param: Line::default(),
        descriptions: Localised::new(),
        units: Localised::new(),
        group: Line::default(),
        default: None,
        flags: AttributeFlags::default(),
    };
    keep_what_never_changes(patch, &blank)?;
    changed(blank, patch).map(DefinitionOutcome::Created)
}

fn keep_what_never_changes(
    patch: &DefinitionPatch,
    stored: &AttributeDefinition,
) -> Result<(), DefinitionFailure> {
    let differs = [
        (DefinitionField::Name, patch.name.as_ref().is_some_and(|name| *name != stored.name)),
        (DefinitionField::Class, patch.class.is_some_and(|class| class != stored.class)),
        (DefinitionField::Kind, patch.kind.is_some_and(|kind| kind != stored.kind)),
    ];
    match differs.into_iter().find(|(_, differs)| *differs) {
        Some((field, _)) => Err(DefinitionFailure::Immutable(field)),
        None => Ok(()),
    }
}

/// The definition after a patch.
fn changed(
    before: AttributeDefinition,
    patch: &DefinitionPatch,
) -> Result<AttributeDefinition, DefinitionFailure> {
    let type_param = patch.type_param.clone().unwrap_or_else(|| before.type_param.clone());
    if before.kind.has_parameter() && type_param.as_str().is_empty() {
        return Err(DefinitionFailure::Missing(DefinitionField::TypeParam));
    }
    if !before.kind.has_parameter() && !type_param.as_str().is_empty() {
        let (field, fault) = (DefinitionField::TypeParam, Fault::NotForType(before.kind));
        return Err(DefinitionFailure::Invalid { field, fault });
    }
    let flags = AttributeFlags {
        is_public: patch.is_public.unwrap_or(before.flags.is_public),
        is_searchable: patch.is_searchable.unwrap_or(before.flags.is_searchable),
        is_system: patch.is_system.unwrap_or(before.flags.is_system),
        is_hidden: patch.is_hidden.unwrap_or(before.flags.is_hidden),
    };
    Ok(AttributeDefinition {
        type_param,
        descriptions: lines(&before.descriptions, &patch.descriptions, DefinitionField::Descriptions)?,
        units: lines(&before.units, &patch.units, DefinitionField::Units)?,
        group: patch.group.clone().unwrap_or(before.group),
        default: default(before.kind, before.default, &patch.default)?,
        flags,
        ..before
    })
}

fn lines(
    before: &Localised,
    patch: &LinesPatch,
    field: DefinitionField,
) -> Result<Localised, DefinitionFailure> {
    let mut after = if patch.clear { Localised::new() } else { before.clone() };
    for (language, line) in &patch.lines {
        if line.as_str().is_empty() {
            after.remove(language);
        } else {
            after.insert(*language, line.clone());
        }
    }
    let limit = AttributeDefinition::MAX_LANGUAGES;
    if after.len() > limit {
        return Err(DefinitionFailure::Invalid { field, fault: Fault::TooManyLanguages { limit } });
    }
    Ok(after)
}

/// The default: only types of single values that come from no list have one.
fn default(
    kind: AttributeType,
    before: Option<ValueText>,
    patch: &Patch<crate::values::RawValue>,
) -> Result<Option<ValueText>, DefinitionFailure> {
    let invalid = |fault| DefinitionFailure::Invalid { field: DefinitionField::Default, fault };
    match patch {
        Patch::Keep => Ok(before),
        Patch::Clear => Ok(None),
        Patch::Set(_) if !kind.has_default() => Err(invalid(Fault::NotForType(kind))),
        Patch::Set(value) => parse_single(value, kind, "").map_err(invalid),
    }
}

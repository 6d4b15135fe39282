//! Archiving and restoring. As with moves, everything is judged on the state after the whole batch, and a
//! record that fails takes its change back, which can fail others: the order of the records cannot matter.

use foldhash::{HashMap, HashMapExt as _};

use super::Plan;
use super::resolve::{Resolution, Target, resolve};
use crate::batch::{Batch, Intent, Reach, key_of};
use crate::model::{Group, GroupId};
use crate::outcome::{Failure, Outcome, RecordOutcome, RecordResult};
use crate::snapshot::Snapshot;
use crate::write::Write;

/// The stored groups that the good records of a batch would archive or restore.
pub(crate) fn targets(batch: &Batch, seen: &Snapshot) -> Vec<GroupId> {
    let resolution = resolve(batch, seen);
    let archived = batch.intent == Intent::Restore;
    (0..batch.records.len())
        .filter_map(|index| changing(&resolution, index, archived))
        .map(|group| group.id)
        .collect()
}

/// The group that a good record changes: one that is archived now, or one that is not.
fn changing<'a>(resolution: &Resolution<'a>, index: usize, archived: bool) -> Option<&'a Group> {
    match resolution.records[index].target {
        Target::Stored(group) if resolution.is_good(index) && group.is_archived() == archived => Some(group),
        Target::Stored(_) | Target::Alike(_) | Target::New | Target::Unwanted | Target::Unknown => None,
    }
}

/// Plans a batch that archives.
pub(super) fn archive(reach: Reach, seen: &Snapshot, mut resolution: Resolution<'_>) -> Plan {
    if reach == Reach::Itself {
        keep_parents(seen, &mut resolution);
    }
    let descendants = |id: &GroupId| match reach {
        Reach::Itself => 0,
        Reach::Subtree => seen.descendants.get(id).copied().unwrap_or_default(),
    };
    finish(
        resolution,
        &Change {
            from_archived: false,
            write: |id| Write::Archive { id, reach },
            result: |id| RecordResult::Archived { id, descendants: descendants(&id) },
        },
    )
}

/// Fails the records whose groups would leave living children behind.
fn keep_parents(seen: &Snapshot, resolution: &mut Resolution<'_>) {
    let records = resolution.records.len();
    let record_of: HashMap<GroupId, usize> = (0..records)
        .filter_map(|index| changing(resolution, index, false).map(|group| (group.id, index)))
        .collect();
    let parent_of = |resolution: &Resolution<'_>, index| {
        let group = changing(resolution, index, false)?;
        group.parent.and_then(|parent| record_of.get(&parent).copied())
    };
    let parents: Vec<Option<usize>> = (0..records).map(|index| parent_of(resolution, index)).collect();
    let mut staying = vec![0_usize; records];
    for (id, index) in &record_of {
        staying[*index] = seen.children.get(id).copied().unwrap_or_default();
    }
    for parent in parents.iter().flatten() {
        staying[*parent] = staying[*parent].saturating_sub(1);
    }
    let mut failing: Vec<usize> = record_of.values().copied().filter(|index| staying[*index] > 0).collect();
    let mut failed = Vec::new();
    while let Some(index) = failing.pop() {
        failed.push(index);
        if let Some(parent) = parents[index] {
            staying[parent] += 1;
            if staying[parent] == 1 {
                failing.push(parent);
            }
        }
    }
    for index in failed {
        let children = staying[index];
        resolution.records[index].failures.push(Failure::GroupHasChildren { children });
    }
}

/// Plans a batch that restores.
pub(super) fn restore(batch: &Batch, seen: &Snapshot, mut resolution: Resolution<'_>) -> Plan {
    below_archived_parents(batch, seen, &mut resolution);
    finish(
        resolution,
        &Change {
            from_archived: true,
            write: |id| Write::Restore { id },
            result: |id| RecordResult::Restored { id },
        },
    )
}

/// Fails the records whose groups would live below archived ones: classes 9 and 10 of the order of checks.
fn below_archived_parents(batch: &Batch, seen: &Snapshot, resolution: &mut Resolution<'_>) {
    // A record that means a group, whatever became of it: of several, which all fail, that of the lowest key.
    let mut record_of: HashMap<GroupId, usize> = HashMap::new();
    let mut children_of: HashMap<GroupId, Vec<usize>> = HashMap::new();
    let mut failing = Vec::new();
    for (index, record) in resolution.records.iter().enumerate() {
        if let Target::Stored(group) = record.target {
            let known = record_of.entry(group.id).or_insert(index);
            if key_of(&batch.records[index]) < key_of(&batch.records[*known]) {
                *known = index;
            }
        }
    }
    for index in 0..resolution.records.len() {
        let Some(parent) = changing(resolution, index, true).and_then(|group| group.parent) else { continue };
        if !seen.ancestors.get(&parent).is_some_and(|parent| parent.archived) {
            continue;
        }
        match record_of.get(&parent).copied() {
            Some(record) if resolution.is_good(record) => children_of.entry(parent).or_default().push(index),
            Some(parent) => failing.push((index, Failure::ParentFailedInRequest { parent })),
            None => failing.push((index, Failure::ArchivedParentGroup)),
        }
    }
    while let Some((index, failure)) = failing.pop() {
        resolution.records[index].failures.push(failure);
        if let Target::Stored(group) = resolution.records[index].target {
            let children = children_of.remove(&group.id).unwrap_or_default();
            failing.extend(
                children.into_iter().map(|child| (child, Failure::ParentFailedInRequest { parent: index })),
            );
        }
    }
}

/// What a good record does to a group that is not yet as it asks.
struct Change<W, R> {
    from_archived: bool,
    write: W,
    result: R,
}

fn finish(
    resolution: Resolution<'_>,
    change: &Change<impl Fn(GroupId) -> Write, impl Fn(GroupId) -> RecordResult>,
) -> Plan {
    let mut writes = Vec::new();
    let records = resolution.records.into_iter().map(|resolved| match resolved.target {
        Target::Stored(group) if resolved.failures.is_empty() => {
            let result = if group.is_archived() == change.from_archived {
                writes.push((change.write)(group.id));
                (change.result)(group.id)
            } else {
                RecordResult::Unchanged { id: group.id }
            };
            RecordOutcome::of(result)
        }
        // A good record of this kind means a stored group: resolve saw to it.
        Target::Stored(_) | Target::Alike(_) | Target::New | Target::Unwanted | Target::Unknown => {
            RecordOutcome::of(RecordResult::Failed(resolved.failures))
        }
    });
    let outcome = Outcome { records: records.collect() };
    Plan { writes, outcome }
}

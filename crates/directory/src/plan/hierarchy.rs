//! Where each record's group will lie: classes 7–12 of the order of checks (rules §4, §6).
//!
//! Everything is judged on the final graph, in rounds: all records that a round finds at fault fail
//! together, their parent changes are taken back, and the next round looks again. So the order of the
//! records cannot matter. Stored groups form a forest, hence every cycle holds a parent change.

use foldhash::{HashMap, HashMapExt as _};

use super::resolve::{Resolution, Target};
use crate::batch::{Batch, key_of};
use crate::directive::{LookupKey, ParentKey, Patch};
use crate::model::{Fault, GroupId};
use crate::outcome::{CyclePath, Failure, Field};
use crate::snapshot::Snapshot;

/// Where a good record's group will lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placement {
    /// Where it is stored.
    Same,
    /// At the top.
    Root,
    /// Below a stored group.
    Stored(GroupId),
    /// Below the group that this record creates, or makes known by a reference.
    Created(usize),
}

/// Adds the failures of classes 7–12 and returns where the groups of the good records will lie.
pub(super) fn settle(
    batch: &Batch,
    seen: &Snapshot,
    resolution: &mut Resolution<'_>,
    depth_limit: usize,
) -> Vec<Placement> {
    let placements = place_all(batch, seen, resolution);
    let mut forest = Forest::new(batch, seen, resolution, &placements);
    let mut failing = forest.below_failed_parents(resolution);
    loop {
        if failing.is_empty() {
            failing = forest.cycles(batch, seen);
        }
        if failing.is_empty() {
            failing = forest.too_deep(depth_limit);
        }
        if failing.is_empty() {
            return placements;
        }
        for (index, failure) in failing {
            forest.take_back(index);
            resolution.records[index].failures.push(failure);
        }
        failing = forest.below_failed_parents(resolution);
    }
}

/// Classes 7–9, and the placements that these leave.
fn place_all(batch: &Batch, seen: &Snapshot, resolution: &mut Resolution<'_>) -> Vec<Placement> {
    let mut placements = Vec::with_capacity(batch.records.len());
    for index in 0..batch.records.len() {
        placements.push(place(index, batch, seen, resolution).unwrap_or_else(|failure| {
            resolution.records[index].failures.push(failure);
            Placement::Same
        }));
    }
    placements
}

fn place(
    index: usize,
    batch: &Batch,
    seen: &Snapshot,
    resolution: &Resolution<'_>,
) -> Result<Placement, Failure> {
    let Ok(directive) = &batch.records[index] else { return Ok(Placement::Same) };
    if !resolution.is_good(index) {
        return Ok(Placement::Same);
    }
    let stored = match resolution.records[index].target {
        Target::Stored(group) => Some(group),
        Target::New | Target::Unknown => None,
        Target::Alike(_) | Target::Unwanted => return Ok(Placement::Same),
    };
    let key = match &directive.parent {
        Patch::Keep if stored.is_some() => return Ok(Placement::Same),
        Patch::Clear if stored.is_some_and(|group| group.parent.is_none()) => return Ok(Placement::Same),
        Patch::Keep | Patch::Clear => return Ok(Placement::Root),
        Patch::Set(ParentKey::Unmatchable { length }) => {
            return Err(Failure::ParentGroupNotFound { unmatchable_length: Some(*length) });
        }
        Patch::Set(ParentKey::Key(key)) => key,
    };
    if let Some(too) = &directive.parent_too {
        check_agreement(key, too, batch, seen, resolution)?;
    }
    let wanted = seen.matches(key);
    if stored.and_then(|group| group.parent).is_some_and(|parent| wanted.contains(&parent)) {
        return Ok(Placement::Same);
    }
    let is_self =
        stored.is_some_and(|group| wanted.contains(&group.id)) || resolution.creators(key).contains(&index);
    match wanted {
        _ if is_self => Err(Failure::ParentIsSelf),
        [] => place_below_created(key, resolution),
        [parent] if seen.groups.get(parent).is_some_and(crate::model::Group::is_archived) => {
            Err(Failure::ArchivedParentGroup)
        }
        [parent] => Ok(Placement::Stored(*parent)),
        several => Err(Failure::AmbiguousGroupIdentifier { field: Field::Parent, groups: several.len() }),
    }
}

/// A parent that is named twice must be one group, stored or created by the batch.
fn check_agreement(
    key: &LookupKey,
    too: &LookupKey,
    batch: &Batch,
    seen: &Snapshot,
    resolution: &Resolution<'_>,
) -> Result<(), Failure> {
    let means = |key: &LookupKey| -> (Vec<GroupId>, Vec<usize>) {
        let (stored, created): (Vec<usize>, Vec<usize>) = resolution
            .creators(key)
            .iter()
            .partition(|&&index| resolution.records[index].target.id().is_some());
        let added = stored.into_iter().filter_map(|index| resolution.records[index].target.id());
        (seen.matches(key).iter().copied().chain(added).collect(), created)
    };
    let ((stored, created), (stored_too, created_too)) = (means(key), means(too));
    if stored_too.is_empty() && created_too.is_empty() {
        return Err(Failure::ParentGroupNotFound { unmatchable_length: None });
    }
    let agree = stored.iter().any(|id| stored_too.contains(id))
        || created.iter().any(|&one| created_too.iter().any(|&other| bring_the_same(batch, one, other)));
    // Where the first key means none, that is what there is to tell.
    if agree || stored.is_empty() && created.is_empty() {
        return Ok(());
    }
    Err(Failure::Validation { field: Some(Field::Parent), fault: Fault::AmbiguousParent })
}

/// Whether two records would bring one group: they are the same, or known by the same key, and then both fail.
fn bring_the_same(batch: &Batch, one: usize, other: usize) -> bool {
    let key = key_of(&batch.records[one]).filter(|key| **key != LookupKey::New);
    one == other || key.is_some() && key == key_of(&batch.records[other])
}

/// The parent is not stored: another record of the batch must create it.
fn place_below_created(key: &LookupKey, resolution: &Resolution<'_>) -> Result<Placement, Failure> {
    match resolution.creators(key) {
        [] => Err(Failure::ParentGroupNotFound { unmatchable_length: None }),
        [parent] => Ok(Placement::Created(*parent)),
        several => Err(Failure::AmbiguousGroupIdentifier { field: Field::Parent, groups: several.len() }),
    }
}

/// Records at fault, with why.
type Failing = Vec<(usize, Failure)>;

/// The final graph: every group of the batch, and every stored group above or to be moved.
/// A node below `records` is the group that this record creates; the others are stored groups.
struct Forest {
    records: usize,
    /// The parent of each node if every record that has not failed is done.
    up: Vec<Option<usize>>,
    /// The stored parent of each node.
    stored_up: Vec<Option<usize>>,
    /// The record that places each node: creates it or moves it; `None` once it has failed.
    placed_by: Vec<Option<usize>>,
    /// The node that each record places.
    node_of_record: Vec<Option<usize>>,
    /// Records whose parent is the group that a record creates.
    below_created: HashMap<usize, Vec<usize>>,
    /// Stored groups that may move, with the height of what moves with each of them.
    pieces: Vec<(usize, usize)>,
    /// The id of each stored node, from the first one on.
    ids: Vec<GroupId>,
    /// Records that failed and whose children have not been told yet.
    unsettled: Vec<usize>,
}

impl Forest {
    fn new(batch: &Batch, seen: &Snapshot, resolution: &Resolution<'_>, placements: &[Placement]) -> Self {
        let records = batch.records.len();
        let (ids, stored_up, node_of) = stored_nodes(records, seen);
        let mut forest = Self {
            records,
            up: stored_up.clone(),
            placed_by: vec![None; stored_up.len()],
            stored_up,
            node_of_record: vec![None; records],
            below_created: HashMap::new(),
            pieces: seen
                .heights
                .iter()
                .filter_map(|(id, height)| Some((*node_of.get(id)?, *height)))
                .collect(),
            ids,
            unsettled: Vec::new(),
        };
        for (index, placement) in placements.iter().enumerate() {
            let resolved = &resolution.records[index];
            let node = match resolved.target {
                Target::New => Some(index),
                Target::Stored(group) => node_of.get(&group.id).copied(),
                Target::Alike(_) | Target::Unwanted | Target::Unknown => None,
            };
            if !resolved.failures.is_empty() {
                forest.unsettled.push(index);
            } else if *placement != Placement::Same
                && let Some(node) = node
            {
                forest.node_of_record[index] = Some(node);
                forest.placed_by[node] = Some(index);
                forest.up[node] = match placement {
                    Placement::Same | Placement::Root => None,
                    Placement::Stored(parent) => node_of.get(parent).copied(),
                    Placement::Created(parent) => match resolution.records[*parent].target {
                        Target::Stored(group) => node_of.get(&group.id).copied(),
                        Target::Alike(_) | Target::New | Target::Unwanted | Target::Unknown => Some(*parent),
                    },
                };
                if let Placement::Created(parent) = placement {
                    forest.below_created.entry(*parent).or_default().push(index);
                }
            }
        }
        forest
    }

    /// The record failed: its group is not created, or stays where it is stored.
    fn take_back(&mut self, record: usize) {
        if let Some(node) = self.node_of_record[record] {
            self.up[node] = self.stored_up[node];
            self.placed_by[node] = None;
        }
        self.unsettled.push(record);
    }

    /// Class 10: good records directly below the groups that failed records would have created.
    fn below_failed_parents(&mut self, resolution: &Resolution<'_>) -> Failing {
        let mut failing = Vec::new();
        for parent in std::mem::take(&mut self.unsettled) {
            let children = self.below_created.get(&parent).into_iter().flatten();
            let good = children.filter(|&&child| resolution.is_good(child));
            failing.extend(good.map(|&child| (child, Failure::ParentFailedInRequest { parent })));
        }
        failing
    }

    /// Class 11: the records that place a group on a cycle. Each node is walked over once.
    fn cycles(&self, batch: &Batch, seen: &Snapshot) -> Failing {
        let mut failing = Vec::new();
        let mut walk_of = vec![usize::MAX; self.up.len()];
        for start in 0..self.up.len() {
            let mut node = start;
            while walk_of[node] == usize::MAX {
                walk_of[node] = start;
                match self.up[node] {
                    Some(parent) => node = parent,
                    None => break,
                }
            }
            // The walk came back to a node of its own that has a parent: a cycle, found for the first time.
            if walk_of[node] == start && self.up[node].is_some() {
                self.fail_cycle(node, batch, seen, &mut failing);
            }
        }
        failing
    }

    fn fail_cycle(&self, start: usize, batch: &Batch, seen: &Snapshot, failing: &mut Failing) {
        let members: Vec<usize> = self.path(start, start).collect();
        for (position, node) in members.iter().enumerate() {
            let Some(record) = self.placed_by[*node] else { continue };
            let named = members.len().min(Failure::MAX_PATH);
            let steps = members.iter().cycle().skip(position).take(named);
            let steps = steps.map(|&node| self.name(node, batch, seen)).collect();
            let path = CyclePath { steps, omitted: members.len() - named };
            failing.push((record, Failure::HierarchyCycle { path }));
        }
    }

    /// The nodes from `start` upwards, until `end` comes (again) or the top is reached.
    fn path(&self, start: usize, end: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(start), move |&node| self.up[node].filter(|&parent| parent != end))
    }

    /// The caller's own word for a group, or its id.
    fn name(&self, node: usize, batch: &Batch, seen: &Snapshot) -> String {
        let record = self.placed_by[node].unwrap_or(node);
        if let Some(key) = batch.records.get(record).and_then(key_of) {
            return key.to_string();
        }
        let id = self.ids[node - self.records];
        let key = seen.ancestors.get(&id).and_then(|ancestor| ancestor.key.as_ref());
        key.map_or_else(|| id.to_string(), ToString::to_string)
    }

    /// Class 12, on a graph without cycles: created groups that lie too deep, and moved groups of which
    /// a stored descendant would. Groups that were too deep before and do not move are nobody's fault.
    fn too_deep(&self, limit: usize) -> Failing {
        let levels = self.levels();
        let mut deepest: HashMap<usize, usize> = HashMap::new();
        for (node, &level) in levels.iter().enumerate().take(self.records) {
            if let Some(record) = self.placed_by[node] {
                deepest.insert(record, level);
            }
        }
        for &(node, height) in &self.pieces {
            let level = levels[node] + height - 1;
            // What lies in this piece is moved by the nearest move at or above its top.
            if level > limit
                && let Some(record) = self.path(node, usize::MAX).find_map(|node| self.placed_by[node])
            {
                let known = deepest.entry(record).or_default();
                *known = level.max(*known);
            }
        }
        let mut failing: Failing = deepest
            .into_iter()
            .filter(|&(_, level)| level > limit)
            .map(|(record, level)| (record, Failure::HierarchyTooDeep { level, limit }))
            .collect();
        failing.sort_unstable_by_key(|(record, _)| *record);
        failing
    }

    /// The level of every node; a root is level 1. Each node is walked over at most twice.
    fn levels(&self) -> Vec<usize> {
        let mut levels = vec![0; self.up.len()];
        let mut walk = Vec::new();
        for start in 0..self.up.len() {
            let mut node = Some(start);
            while let Some(next) = node.filter(|&node| levels[node] == 0) {
                walk.push(next);
                node = self.up[next];
            }
            let mut level = node.map_or(0, |node| levels[node]);
            while let Some(node) = walk.pop() {
                level += 1;
                levels[node] = level;
            }
        }
        levels
    }
}

/// Nodes for all stored groups that were seen in the tree, behind those of the records: their ids, the
/// nodes of their parents, and the way from id to node.
fn stored_nodes(
    records: usize,
    seen: &Snapshot,
) -> (Vec<GroupId>, Vec<Option<usize>>, HashMap<GroupId, usize>) {
    let ids: Vec<GroupId> = seen.ancestors.keys().copied().collect();
    let node_of: HashMap<GroupId, usize> =
        ids.iter().enumerate().map(|(position, id)| (*id, records + position)).collect();
    let parent = |id: &GroupId| seen.ancestors[id].parent.and_then(|parent| node_of.get(&parent).copied());
    let up = std::iter::repeat_n(None, records).chain(ids.iter().map(parent)).collect();
    (ids, up, node_of)
}

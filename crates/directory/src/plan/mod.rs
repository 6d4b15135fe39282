//! The decision: what a batch does to what is stored, and what each record is told.
//!
//! [`plan`] is pure and total. It goes through the classes of rules §6 in their order:
//! `resolve` (which group a record means; required fields, duplicates, ambiguity, archived matches),
//! `hierarchy` (parents, cycles, depth), `diff` (what changes); for archiving and restoring, `life`.

mod addresses;
mod definitions;
mod details;
mod diff;
mod hierarchy;
mod life;
mod resolve;
mod terms;
mod values;

use std::borrow::Cow;

use crate::batch::{Batch, Intent};
use crate::clock::IdSource;
use crate::model::GroupId;
use crate::outcome::{Outcome, RecordOutcome, RecordResult, Warning};
use crate::snapshot::Snapshot;
use crate::write::{IdOrigin, Write};

use resolve::Target;

pub use definitions::plan_definitions;
pub(crate) use life::targets;

/// The batch as its terms leave it: what they suppress is not even looked for.
pub(crate) fn under_terms<'b>(batch: &'b Batch, seen: &Snapshot) -> Cow<'b, Batch> {
    if !batch.terms.suppress() {
        return Cow::Borrowed(batch);
    }
    terms::apply(batch, &resolve::resolve(batch, seen)).0
}

/// The deepest level a group may lie on unless configured otherwise; a root is level 1 (rules §4).
pub const DEPTH_LIMIT: usize = 64;

/// What a plan depends on beside the batch and the snapshot.
pub struct PlanContext<'a> {
    /// Where ids of created groups come from.
    pub ids: &'a mut dyn IdSource,
    /// The deepest level allowed; usually [`DEPTH_LIMIT`].
    pub depth_limit: usize,
}

/// What to write and what to answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// At most one for each record. Empty when nothing changes.
    pub writes: Vec<Write>,
    /// One result for each record, in the same order.
    pub outcome: Outcome,
}

impl Plan {
    /// Whether it would be another one if other ids were free.
    pub fn assigns_ids(&self) -> bool {
        let assigned = |write: &Write| matches!(write, Write::Create { id_origin: IdOrigin::Assigned, .. });
        self.writes.iter().any(assigned)
    }

    /// Gives other ids to the groups that it creates, as if it had been planned with this source.
    pub fn reassign(&mut self, ids: &mut dyn IdSource) {
        let mut assigned = Vec::with_capacity(self.writes.len());
        for write in &mut self.writes {
            if let Write::Create { id, id_origin: IdOrigin::Assigned, .. } = write {
                let next = ids.next_id();
                assigned.push((std::mem::replace(id, next), next));
            }
        }
        // They are in order already if the source is.
        assigned.sort_unstable();
        let replace = |id: &mut GroupId| {
            if let Ok(place) = assigned.binary_search_by_key(id, |(before, _)| *before) {
                *id = assigned[place].1;
            }
        };
        for write in &mut self.writes {
            if let Write::Create { content, .. } | Write::Update { content, .. } = write {
                content.parent.iter_mut().for_each(replace);
            }
        }
        for record in &mut self.outcome.records {
            if let RecordResult::Created { id } = &mut record.result {
                replace(id);
            }
        }
    }
}

/// Plans a batch. Total: every batch gets a plan, with one result for each record.
///
/// `seen` answers [`crate::needs`] and [`crate::needs_hierarchy`] of the same batch; nothing else is
/// looked at. The results do not depend on the order of the records, except for assigned ids, which
/// follow it. Takes time linear in the records and the groups seen; only a batch in which one failure
/// after another takes back a parent change that another one needed costs a round for each of these.
pub fn plan(batch: &Batch, seen: &Snapshot, cx: &mut PlanContext<'_>) -> Plan {
    let resolution = resolve::resolve(batch, seen);
    match batch.intent {
        Intent::Upsert | Intent::Update => upsert(batch, seen, resolution, cx),
        Intent::Archive(reach) => life::archive(reach, seen, resolution),
        Intent::Restore => life::restore(batch, seen, resolution),
    }
}

fn upsert(
    batch: &Batch,
    seen: &Snapshot,
    resolution: resolve::Resolution<'_>,
    cx: &mut PlanContext<'_>,
) -> Plan {
    let (batch, mut suppressed) = terms::apply(batch, &resolution);
    let mut resolution = resolution.with_claims(&batch, seen);
    let placements = hierarchy::settle(&batch, seen, &mut resolution, cx.depth_limit);
    let ids = diff::ids(&batch, &resolution, cx.ids);
    let mut writes = Vec::new();
    let mut next_address = seen.next_address;
    let records = resolution.records.into_iter().enumerate().map(|(index, resolved)| {
        let meant = resolved.target.id();
        let failed = |failures| RecordOutcome { meant, ..RecordOutcome::of(RecordResult::Failed(failures)) };
        let Ok(directive) = &batch.records[index] else { return failed(resolved.failures) };
        if !resolved.failures.is_empty() {
            return failed(resolved.failures);
        }
        if let Target::Unwanted = resolved.target {
            return RecordOutcome::of(RecordResult::Skipped);
        }
        let parent = diff::parent(placements[index], &ids);
        let beside = diff::Beside {
            values: values::Settled::new(resolved.values),
            addresses: resolved.addresses.commit(&mut next_address),
        };
        let (write, mut outcome) = diff::diff(directive, resolved.target, ids[index], parent, beside, seen);
        writes.extend(write);
        let suppressed = std::mem::take(&mut suppressed[index]).into_iter();
        outcome.warnings.extend(suppressed.map(|field| Warning::Suppressed { field }));
        RecordOutcome { meant, ..outcome }
    });
    let outcome = Outcome { records: records.collect() };
    Plan { writes, outcome }
}

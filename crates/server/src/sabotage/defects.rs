//! The defects of the service and, because the domain reads no environment, those of the plan.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use directory::{
    Batch, Intent, LookupKey, ParentKey, Patch, Plan, PlanContext, RecordResult, Snapshot, Write,
};
use store::StoreError;
use store::sabotage::{Defect, is_on};

use crate::service::Named;

/// How long a list is shown as it was.
const CACHED: Duration = Duration::from_secs(1);

/// What a list was when it was last read, by what was asked.
static LISTS: Mutex<Option<HashMap<String, (Instant, Listing)>>> = Mutex::new(None);

type Listing = Named<directory::Listed>;

/// What a list shows, or has shown.
pub(crate) fn as_listed(
    asked: &impl Debug,
    list: impl FnOnce() -> Result<Listing, StoreError>,
) -> Result<Listing, StoreError> {
    if !is_on(Defect::CachedList) {
        return list();
    }
    let mut lists = LISTS.lock().unwrap_or_else(PoisonError::into_inner);
    let lists = lists.get_or_insert_default();
    let asked = format!("{asked:?}");
    if let Some((_, listing)) = lists.get(&asked).filter(|(at, _)| at.elapsed() < CACHED) {
        return Ok(listing.clone());
    }
    let listing = list()?;
    lists.insert(asked, (Instant::now(), listing.clone()));
    Ok(listing)
}

/// The plan, with its defect.
pub(crate) fn plan(batch: &Batch, seen: &Snapshot, cx: &mut PlanContext<'_>) -> Plan {
    if is_on(Defect::ParentsInOrder) {
        directory::plan(&in_order(batch, seen), seen, cx)
    } else if is_on(Defect::ImplicitRestore) && batch.intent == Intent::Upsert {
        restoring(batch, seen, cx)
    } else if is_on(Defect::ShiftedError) {
        shifted(directory::plan(batch, seen, cx))
    } else {
        directory::plan(batch, seen, cx)
    }
}

/// The batch with parents that cannot be found wherever they are neither stored nor created by a record before.
fn in_order(batch: &Batch, seen: &Snapshot) -> Batch {
    let mut batch = batch.clone();
    let mut known: HashSet<LookupKey> = seen.matches.keys().cloned().collect();
    for record in &mut batch.records {
        if let Ok(directive) = record
            && let Patch::Set(ParentKey::Key(key)) = &directive.parent
            && !known.contains(key)
        {
            directive.parent = Patch::Set(ParentKey::Unmatchable { length: key.to_string().len() });
        }
        known.extend(match record {
            Ok(directive) => Some(directive.key.clone()),
            Err(rejection) => rejection.key.clone(),
        });
    }
    batch
}

/// Plans as if nothing that an upsert means were archived, and restores what was.
fn restoring(batch: &Batch, seen: &Snapshot, cx: &mut PlanContext<'_>) -> Plan {
    let mut seen = seen.clone();
    let archived: HashSet<_> =
        seen.groups.values().filter(|group| group.is_archived()).map(|group| group.id).collect();
    for group in seen.groups.values_mut() {
        group.archived_at = None;
    }
    let mut plan = directory::plan(batch, &seen, cx);
    let done = plan.outcome.records.iter().filter_map(|record| record.result.id());
    plan.writes.extend(done.filter(|id| archived.contains(id)).map(|id| Write::Restore { id }));
    plan
}

/// Exchanges what a record that failed is told with what the next one is told.
fn shifted(mut plan: Plan) -> Plan {
    let records = &mut plan.outcome.records;
    for index in (1..records.len()).rev() {
        if matches!(records[index - 1].result, RecordResult::Failed(_)) {
            records.swap(index - 1, index);
        }
    }
    plan
}

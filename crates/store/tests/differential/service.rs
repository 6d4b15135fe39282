//! One batch from end to end, as a server does it: read, plan, and where something changes take a turn.

use directory::{
    AddressOutcome, Batch, DefinitionBatch, DefinitionOutcome, DefinitionPlan, DefinitionRecord,
    DefinitionSnapshot, Outcome, Plan, PlanContext, Record, RecordResult, Snapshot, TenantId, Timestamp,
    ValueOutcome, Warning, needs, needs_definitions, needs_hierarchy, plan, plan_definitions,
};
use store::conformance::Desk;
use store::{Looked, Reader, StoreError};

/// Small, so that random trees reach it.
const DEPTH_LIMIT: usize = 4;

/// What one run saw, planned and did.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Run {
    seen: Snapshot,
    plan: Plan,
    /// Of definitions.
    defined: Option<(DefinitionSnapshot, DefinitionPlan)>,
    /// The revision after it, if it wrote.
    revision: Option<i64>,
}

impl Run {
    /// Whether anything was written.
    pub(crate) const fn has_written(&self) -> bool {
        self.revision.is_some()
    }

    /// What the records were told, in a word each.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        let Outcome { records } = &self.plan.outcome;
        let results = records.iter().map(|record| match &record.result {
            RecordResult::Created { .. } => "created",
            RecordResult::Updated { .. } => "updated",
            RecordResult::Archived { descendants: 0, .. } => "archived",
            RecordResult::Archived { .. } => "archived with others",
            RecordResult::Restored { .. } => "restored",
            RecordResult::Unchanged { .. } => "unchanged",
            RecordResult::Skipped => "skipped",
            RecordResult::Failed(failures) => failures[0].code().as_str(),
        });
        let warnings = records.iter().flat_map(|record| &record.warnings).map(|warning| match warning {
            Warning::SimilarReferenceExists { .. } => "similar",
            Warning::SourceChanged { .. } => "source changed",
            Warning::Suppressed { .. } => "suppressed",
        });
        let values = records.iter().flat_map(|record| &record.values).map(|value| match value {
            ValueOutcome::Put(_) => "put",
            ValueOutcome::Deleted(_) => "deleted",
            ValueOutcome::Unchanged(_) => "value unchanged",
            ValueOutcome::Failed(_) => "value failed",
        });
        let defined = self.defined.iter().flat_map(|(_, plan)| &plan.outcomes).map(|outcome| match outcome {
            DefinitionOutcome::Created(_) => "defined",
            DefinitionOutcome::Updated(_) => "redefined",
            DefinitionOutcome::Deleted(_) => "undefined",
            DefinitionOutcome::Unchanged(_) => "definition unchanged",
            DefinitionOutcome::Failed(_) => "definition failed",
        });
        let addresses = records.iter().flat_map(|record| &record.addresses).map(|address| match address {
            AddressOutcome::Created { .. } => "address created",
            AddressOutcome::Updated { .. } => "address updated",
            AddressOutcome::Unchanged { .. } => "address unchanged",
            AddressOutcome::Deleted { .. } => "address deleted",
            AddressOutcome::Failed { .. } => "address failed",
        });
        results.chain(warnings).chain(values).chain(defined).chain(addresses).collect()
    }
}

/// Runs a batch.
pub(crate) fn run(desk: &Desk, batch: &Batch, at: Timestamp) -> Run {
    let (seen, plan, looked) = desk.read(|reader| look(reader, batch));
    if plan.writes.is_empty() {
        return Run { seen, plan, ..Run::default() };
    }
    let (batch, planned_on, writes) = (batch.clone(), seen.revision, plan.writes.clone());
    let revision = desk.write(move |tx| {
        if tx.revision(batch.tenant)? == planned_on {
            return tx.apply(batch.tenant, &writes, at, looked.as_ref());
        }
        let (_, plan, looked) = look(tx, &batch)?;
        tx.apply(batch.tenant, &plan.writes, at, looked.as_ref())
    });
    Run { seen, plan, revision: Some(revision.expect("a plan of this moment applies")), defined: None }
}

/// Runs a batch of definitions.
pub(crate) fn define(desk: &Desk, tenant: TenantId, records: Vec<DefinitionRecord>) -> Run {
    let batch = DefinitionBatch { tenant, records };
    let seen = desk.read(|reader| reader.load_definitions(tenant, &needs_definitions(&batch)));
    let plan = plan_definitions(&batch, &seen);
    let writes = plan.writes.clone();
    let written = (!writes.is_empty()).then(|| desk.write(move |tx| tx.apply_definitions(tenant, &writes)));
    let revision = written.map(|written| written.expect("a plan of this moment applies"));
    Run { revision, defined: Some((seen, plan)), ..Run::default() }
}

pub(crate) fn look<R: Reader + ?Sized>(
    reader: &mut R,
    batch: &Batch,
) -> Result<(Snapshot, Plan, Option<Looked>), StoreError> {
    let needs = needs(batch);
    let mut seen = reader.load(batch.tenant, &needs)?;
    let hierarchy = needs_hierarchy(batch, &seen);
    reader.load_hierarchy(batch.tenant, &hierarchy, &mut seen)?;
    let mut ids = seen.free_ids.source(batch);
    let plan = plan(batch, &seen, &mut PlanContext { ids: &mut ids, depth_limit: DEPTH_LIMIT });
    let looked = Looked::of(&needs, &hierarchy, &seen, &plan.writes);
    Ok((seen, plan, looked))
}

/// Puts into what an engine saw the groups that it did not look at because they are just as the records say, as the
/// reference engine saw them. How many these are.
pub(crate) fn look_in_full(found: &mut Run, told: &Run, records: &[Record]) -> usize {
    let mut count = 0;
    for (record, alike) in records.iter().zip(std::mem::take(&mut found.seen.alike)) {
        let (Ok(directive), Some(id)) = (record, alike) else { continue };
        assert_eq!(told.seen.matches.get(&directive.key), Some(&vec![id]), "{:?}", directive.key);
        found.seen.matches.insert(directive.key.clone(), vec![id]);
        found.seen.groups.insert(id, told.seen.groups[&id].clone());
        count += 1;
    }
    count
}

//! How planning grows: with the records of a batch (10, 100, 1000), and with the groups of its tenant
//! (10, 10⁴, 10⁶).
//!
//! For each, the median time of one record is shown, of looking (`load`, on the embedded store with a
//! warm cache) and of deciding (`plan`), and what it is of the time of a record in the smallest case of
//! its kind. A plan that is linear keeps that ratio near 1 or below, however large the batch; a plan that
//! does not depend on the tenant's size keeps it from one tenant to the next.

mod tenant;

use std::io::Write as _;
use std::time::{Duration, Instant};

use directory::{
    Batch, Directive, LookupKey, Name, ParentKey, Patch, PlanContext, Record, Snapshot, needs,
    needs_hierarchy, plan,
};
use store::{Reader, StoreError};
use tenant::Filled;

const TENANT_SIZES: [usize; 3] = [10, 10_000, 1_000_000];
const BATCH_SIZES: [usize; 3] = [10, 100, 1000];
const ROUNDS: usize = 41;

/// What the records of a batch ask for.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// What is stored already.
    Unchanged,
    /// New groups below stored ones.
    Create,
    /// Stored groups below other stored ones.
    Move,
    /// New groups, each below the next, the last one below the first: all on one cycle.
    Cycle,
    /// New groups, each below the one before, the first one below a group that does not exist.
    Chain,
}

const KINDS: [Kind; 5] = [Kind::Unchanged, Kind::Create, Kind::Move, Kind::Cycle, Kind::Chain];

fn main() -> anyhow::Result<()> {
    let mut out = anstream::stdout();
    writeln!(
        out,
        "{:>9} {:>9} {:>6}  {:>12} {:>6}  {:>12} {:>6}",
        "tenant", "kind", "batch", "load/record", "ratio", "plan/record", "ratio"
    )?;
    let mut smallest = std::collections::HashMap::new();
    for groups in TENANT_SIZES {
        let filled = Filled::new(groups)?;
        for kind in KINDS {
            for records in BATCH_SIZES {
                // A record that updates needs a group of its own.
                if matches!(kind, Kind::Unchanged | Kind::Move) && records > groups {
                    continue;
                }
                let [load, plan] = measure(&filled, kind, records)?;
                let [first_load, first_plan] = *smallest.entry(format!("{kind:?}")).or_insert([load, plan]);
                let kind = format!("{kind:?}").to_lowercase();
                writeln!(
                    out,
                    "{groups:>9} {kind:>9} {records:>6}  {load:>9.0} ns {:>6.2}  {plan:>9.0} ns {:>6.2}",
                    load / first_load,
                    plan / first_plan
                )?;
            }
        }
    }
    Ok(())
}

/// Median nanoseconds a record, of loading and of planning.
fn measure(filled: &Filled, kind: Kind, records: usize) -> anyhow::Result<[f64; 2]> {
    let mut loads = Vec::new();
    let mut plans = Vec::new();
    for round in 0..ROUNDS {
        let batch = batch(filled, kind, records, round)?;
        let mut seen = Snapshot::default();
        // Twice: the first look warms the cache.
        for _ in 0..2 {
            let started = Instant::now();
            seen = filled.read(|reader| look(reader, &batch))?;
            loads.push(started.elapsed());
        }
        loads.remove(loads.len() - 2);
        let started = Instant::now();
        let decided = plan(
            &batch,
            &seen,
            &mut PlanContext { ids: &mut seen.free_ids.source(&batch), depth_limit: directory::DEPTH_LIMIT },
        );
        plans.push(started.elapsed());
        anyhow::ensure!(decided.outcome.records.len() == records, "a record was lost");
    }
    Ok([median(loads, records), median(plans, records)])
}

fn look(reader: &mut dyn Reader, batch: &Batch) -> Result<Snapshot, StoreError> {
    let mut seen = reader.load(batch.tenant, &needs(batch))?;
    let hierarchy = needs_hierarchy(batch, &seen);
    if !hierarchy.is_empty() {
        reader.load_hierarchy(batch.tenant, &hierarchy, &mut seen)?;
    }
    Ok(seen)
}

#[expect(clippy::cast_precision_loss, reason = "durations of a benchmark are far below 2^52 ns")]
fn median(mut times: Vec<Duration>, records: usize) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_nanos() as f64 / records as f64
}

fn batch(filled: &Filled, kind: Kind, records: usize, round: usize) -> anyhow::Result<Batch> {
    let record = |index: usize| -> Record {
        let stored = |number: usize| Filled::key((number * 7919 + round * 104_729) % filled.groups);
        let new = |index: usize| tenant::key(&format!("new-{round}-{}", index % records));
        let (key, parent) = match kind {
            Kind::Unchanged => {
                let number = (index * 7919 + round * 104_729) % filled.groups;
                (Filled::key(number), Filled::parent(number).map(Filled::key))
            }
            Kind::Create => (new(index), Some(stored(index))),
            Kind::Move => (stored(index), Some(stored(index + records))),
            Kind::Cycle => (new(index), Some(new(index + 1))),
            Kind::Chain if index == 0 => (new(0), Some(tenant::key("nowhere"))),
            Kind::Chain => (new(index), Some(new(index - 1))),
        };
        let parent = parent.map_or(Patch::Clear, |key| Patch::Set(ParentKey::Key(key)));
        Ok(directive(key, parent))
    };
    Batch::new(filled.tenant, (0..records).map(record).collect())
        .map_err(|error| anyhow::anyhow!("{error:?}"))
}

fn directive(key: LookupKey, parent: Patch<ParentKey>) -> Directive {
    Directive { name: Some(Name::from_stored(tenant::NAME)), parent, ..Directive::new(key) }
}

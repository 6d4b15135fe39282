//! Plans, on a snapshot and in a tenant's turn.

use directory::{
    Batch, FreeIds, GroupView, LookupKey, Outcome, Plan, PlanContext, Snapshot, needs, needs_hierarchy,
};
use store::sabotage::{Defect, is_on};
use store::{Looked, ReadFor, Reader, StoreError, Transaction};

use super::runs::{Begun, Done, Planned, Sight};
use super::{Service, Show};
use crate::sabotage::plan;

impl Service {
    /// In the tenant's turn: applies the plan as it stands, or the one for what has come in between.
    pub(super) fn take_turn(
        &self,
        transaction: &mut dyn Transaction,
        batch: &Batch,
        begun: &Begun,
        planned: &Planned,
    ) -> Result<Done, StoreError> {
        let at = self.clock.now();
        let is_current = transaction.revision(batch.tenant)? == planned.revision();
        let anew = match planned {
            _ if is_current || is_on(Defect::LostUpdate) => None,
            planned => self.plan_anew(transaction, batch, begun, planned)?,
        };
        let plan = anew.as_ref().map_or(&planned.plan, |planned| &planned.plan);
        let revision = match &plan.writes[..] {
            [] => None,
            writes => Some(transaction.apply(batch.tenant, writes, at)?),
        };
        let view = shown(transaction, batch, &plan.outcome, begun.show())?;
        let done = match anew {
            Some(anew) => anew.into_done(view),
            None => planned.done(view),
        };
        Ok(done.at(revision))
    }

    /// The plan for what has come in between; `None` where the one that there is stands. Where nothing came in between
    /// that the plan looked at, it is not looked at again, and only ids may be others.
    fn plan_anew(
        &self,
        transaction: &mut dyn Transaction,
        batch: &Batch,
        begun: &Begun,
        planned: &Planned,
    ) -> Result<Option<Planned>, StoreError> {
        let still =
            planned.sight.as_ref().map(|sight| transaction.free_ids_if_still(batch.tenant, &sight.looked));
        let (Some(sight), Some(free_ids)) = (&planned.sight, still.transpose()?.flatten()) else {
            return self.plan(transaction, batch, begun).map(Some);
        };
        let anew = planned.assigns_ids().then(|| {
            let plan = self.decide(batch, &sight.seen, &free_ids);
            begun.plan(planned.revision(), plan)
        });
        #[cfg(debug_assertions)]
        {
            let looked_again = self.plan(transaction, batch, begun)?.plan;
            assert_eq!(anew.as_ref().unwrap_or(planned).plan, looked_again, "nothing came in between");
        }
        Ok(anew)
    }

    fn decide(&self, batch: &Batch, seen: &Snapshot, free_ids: &FreeIds) -> Plan {
        let mut ids = free_ids.source(batch);
        plan(batch, seen, &mut PlanContext { ids: &mut ids, depth_limit: self.depth_limit })
    }

    /// The plan for what is stored now, and the group that is to be shown if nothing is written.
    pub(super) fn plan_first(
        &self,
        batch: &Batch,
        begun: &Begun,
    ) -> Result<(Planned, Option<GroupView>), StoreError> {
        store::read_for(&*self.store, ReadFor::Plans, |reader| {
            let planned = self.plan(reader, batch, begun)?;
            let view = shown(reader, batch, &planned.plan.outcome, begun.show())?;
            Ok((planned, view))
        })
    }

    /// The plan for what a reader sees, with the run that it makes.
    fn plan(
        &self,
        reader: &mut (impl Reader + ?Sized),
        batch: &Batch,
        begun: &Begun,
    ) -> Result<Planned, StoreError> {
        let needs = needs(batch);
        let mut seen = reader.load(batch.tenant, &needs)?;
        let hierarchy = needs_hierarchy(batch, &seen);
        if !hierarchy.is_empty() {
            reader.load_hierarchy(batch.tenant, &hierarchy, &mut seen)?;
        }
        let mut planned = begun.plan(seen.revision, self.decide(batch, &seen, &seen.free_ids));
        if !planned.plan.writes.is_empty() {
            let looked = Looked::of(&needs, &hierarchy, &seen);
            planned.sight = looked.map(|looked| Sight { looked, seen });
        }
        Ok(planned)
    }
}

/// The group of a single record as this reader sees it, if it is to be shown.
fn shown<R: Reader + ?Sized>(
    reader: &mut R,
    batch: &Batch,
    outcome: &Outcome,
    show: Show,
) -> Result<Option<GroupView>, StoreError> {
    let id = outcome.records.first().and_then(|record| record.result.id()).filter(|_| show == Show::Group);
    let views = id.map(|id| reader.find(batch.tenant, &LookupKey::Id(id))).transpose()?;
    Ok(views.and_then(|mut views| views.pop()))
}

//! Plans, on a snapshot and in a tenant's turn.

use std::sync::{Mutex, PoisonError};

use directory::{Batch, GroupView, LookupKey, Outcome, PlanContext, needs, needs_hierarchy};
use store::sabotage::{Defect, is_on};
use store::{Looked, ReadFor, Reader, StoreError, Transaction};

use super::runs::{Begun, Done, Planned};
use super::{Service, Show};
use crate::sabotage::plan;

impl Service {
    /// In the tenant's turn: applies the plan as it stands, or as it has to be after what has come in between.
    pub(super) fn take_turn(
        &self,
        transaction: &mut dyn Transaction,
        batch: &Batch,
        begun: &Begun,
        planned: &Mutex<Planned>,
    ) -> Result<Done, StoreError> {
        let mut planned = planned.lock().unwrap_or_else(PoisonError::into_inner);
        planned.renewed = None;
        let at = self.clock.now();
        let is_current = transaction.revision(batch.tenant)? == planned.revision() && !planned.has_other_ids;
        if !is_current && !is_on(Defect::LostUpdate) {
            self.renew(transaction, batch, begun, &mut planned)?;
        }
        let planned = planned.renewed.as_deref().unwrap_or(&planned);
        let revision = match &planned.plan.writes[..] {
            [] => None,
            writes => Some(transaction.apply(batch.tenant, writes, at, planned.looked.as_ref())?),
        };
        let view = shown(transaction, batch, &planned.plan.outcome, begun.show())?;
        Ok(planned.done(view).at(revision))
    }

    /// Plans again, for what has come in between. Where nothing came in between that the plan looked at, it stands, and
    /// only ids may be others.
    fn renew(
        &self,
        transaction: &mut dyn Transaction,
        batch: &Batch,
        begun: &Begun,
        planned: &mut Planned,
    ) -> Result<(), StoreError> {
        let still = planned.looked.as_ref().map(|looked| transaction.free_ids_if_still(batch.tenant, looked));
        let Some(free_ids) = still.transpose()?.flatten() else {
            planned.renewed = Some(Box::new(self.plan(transaction, batch, begun)?));
            return Ok(());
        };
        if planned.plan.assigns_ids() {
            planned.has_other_ids = true;
            planned.plan.reassign(&mut free_ids.source(batch));
        }
        #[cfg(debug_assertions)]
        assert_eq!(planned.plan, self.plan(transaction, batch, begun)?.plan, "nothing came in between");
        Ok(())
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
        let mut ids = seen.free_ids.source(batch);
        let plan = plan(batch, &seen, &mut PlanContext { ids: &mut ids, depth_limit: self.depth_limit });
        let looked =
            if plan.writes.is_empty() { None } else { Looked::of(&needs, &hierarchy, &seen, &plan.writes) };
        Ok(begun.plan(seen.revision, plan, looked))
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

//! Definitions of attributes: planned and written as batches are. They are no groups, and have no runs.

use std::collections::HashSet;
use std::sync::Arc;

use directory::{
    AttributeDefinition, AttributeKey, DefinitionBatch, DefinitionFilter, DefinitionOutcome, DefinitionPlan,
    EffectiveValue, GroupId, Numbered, NumberedPage, TenantId, Timestamp, needs_definitions,
    plan_definitions,
};
use store::{ReadFor, Reader, StoreError, StoredAnswer, Transaction};

use super::once::UnderWay;
use super::{Execution, Fate, Once, Service, Written, retrying};

impl Service {
    /// The definitions that these keys mean.
    pub(crate) fn find_attributes(
        &self,
        tenant: TenantId,
        keys: &[AttributeKey],
    ) -> Result<Vec<AttributeDefinition>, StoreError> {
        let keys: HashSet<AttributeKey> = keys.iter().cloned().collect();
        let seen = self.read(|reader| reader.load_definitions(tenant, &keys))?;
        Ok(seen.known.into_values().collect())
    }

    /// One page of the definitions that a filter lets through.
    pub(crate) fn list_attributes(
        &self,
        tenant: TenantId,
        filter: &DefinitionFilter,
        page: NumberedPage,
    ) -> Result<Numbered<AttributeDefinition>, StoreError> {
        self.read(|reader| reader.definitions(tenant, filter, page))
    }

    /// One page of what a group shows.
    pub(crate) fn values(
        &self,
        tenant: TenantId,
        group: GroupId,
        page: NumberedPage,
    ) -> Result<Numbered<EffectiveValue>, StoreError> {
        self.read(|reader| reader.values(tenant, group, page))
    }

    /// Plans what is asked of definitions, and has it carried out if it changes anything.
    pub(crate) fn define(
        self: &Arc<Self>,
        batch: &Arc<DefinitionBatch>,
        execution: Execution,
    ) -> Result<Vec<DefinitionOutcome>, StoreError> {
        retrying(|| {
            let plan = store::read_for(&*self.store, ReadFor::Plans, |reader| plan(reader, batch))?;
            if execution == Execution::DryRun || plan.writes.is_empty() {
                self.store.check()?;
                return Ok(plan.outcomes);
            }
            let batch = Arc::clone(batch);
            self.write(batch.tenant, move |transaction| carry_out(transaction, &batch))
        })
    }

    /// The same, done once for this key: the answer is kept in the transaction of what it tells of.
    pub(crate) fn define_once(
        self: &Arc<Self>,
        batch: &Arc<DefinitionBatch>,
        once: &Once,
        write: impl Fn(&[DefinitionOutcome]) -> Written + Send + Sync + 'static,
    ) -> Result<Fate<()>, StoreError> {
        let tenant = batch.tenant;
        let Some(_turn) = UnderWay::begin(self, tenant, &once.key) else { return Ok(Fate::InUse) };
        let now = self.clock.now();
        let write = Arc::new(write);
        retrying(|| {
            if let Some(fate) = self.answered(tenant, once, now)? {
                return Ok(fate);
            }
            let (service, batch, once) = (Arc::clone(self), Arc::clone(batch), once.clone());
            let write = Arc::clone(&write);
            let written = self.write(tenant, move |transaction| {
                let written = write(&carry_out(transaction, &batch)?);
                let expires_at = Timestamp(now.0.saturating_add(service.answers_kept_ms));
                let answer = StoredAnswer {
                    run: None,
                    tenant,
                    key: once.key.clone(),
                    fingerprint: once.fingerprint,
                    status: written.status,
                    body: written.body.clone(),
                    expires_at,
                };
                transaction.keep_answer(&answer, now)?;
                Ok(written)
            })?;
            Ok(Fate::Done(written, ()))
        })
    }
}

/// In the tenant's turn: definitions are few, so the plan is always made for what is stored then.
fn carry_out(
    transaction: &mut dyn Transaction,
    batch: &DefinitionBatch,
) -> Result<Vec<DefinitionOutcome>, StoreError> {
    let plan = plan(transaction, batch)?;
    if !plan.writes.is_empty() {
        transaction.apply_definitions(batch.tenant, &plan.writes)?;
    }
    Ok(plan.outcomes)
}

fn plan<R: Reader + ?Sized>(reader: &mut R, batch: &DefinitionBatch) -> Result<DefinitionPlan, StoreError> {
    let seen = reader.load_definitions(batch.tenant, &needs_definitions(batch))?;
    Ok(plan_definitions(batch, &seen))
}

//! The contract's views, on one connection that is inside a transaction.

use std::cell::RefCell;
use std::collections::HashSet;

use directory::{
    Address, AddressType, AttributeDefinition, AttributeKey, ChangePlace, Changes, DefinitionFilter,
    DefinitionSnapshot, DefinitionWrite, EffectiveValue, Filter, Found, FreeIds, GroupId, GroupView,
    HierarchyNeeds, Listed, LookupKey, Needs, Numbered, NumberedPage, Page, RecordedRun, RunFilter, RunId,
    RunList, RunPage, SearchPage, Slice, Sliced, Snapshot, TenantId, Timestamp, Tree, TreePage, Write,
};
use rusqlite::Connection;

use super::recent::Recent;
use super::search::{self, Index};
use super::{
    access_keys, addresses, apply, attributes, changes, load, read, runs, stored_answers, tenants, tree,
};
use crate::{AccessKey, Looked, Reader, StoreError, StoredAnswer, Tenant, Transaction};

/// What one job sees and does.
pub(super) struct Session<'s> {
    pub(super) db: &'s Connection,
    /// For searches; they do without it.
    index: Option<&'s Index>,
    /// What was lately written to; only the one writer of a server knows.
    recent: Option<&'s RefCell<Recent>>,
    /// Groups written so far.
    pub(super) records: usize,
    /// Whether anything may have been written.
    pub(super) wrote: bool,
    /// The first write or disk access that failed. A job that goes on after it is not believed: a part of
    /// what it wrote may be there.
    failure: Option<StoreError>,
}

impl<'s> Session<'s> {
    pub(super) const fn new(db: &'s Connection) -> Self {
        Self { db, index: None, recent: None, records: 0, wrote: false, failure: None }
    }

    pub(super) fn with_index(self, index: Option<&'s Index>) -> Self {
        Self { index, ..self }
    }

    pub(super) fn with_recent(self, recent: &'s RefCell<Recent>) -> Self {
        Self { recent: Some(recent), ..self }
    }

    /// What became of a job that says this of itself.
    pub(super) fn verdict(&mut self, said: Result<(), StoreError>) -> Result<(), StoreError> {
        match (self.failure.take(), said) {
            (Some(failure), Ok(())) => Err(failure),
            (Some(failure), Err(_)) if concerns_all(&failure) => Err(failure),
            (_, said) => said,
        }
    }

    pub(super) fn reading<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &result
            && concerns_all(error)
        {
            self.failure.get_or_insert_with(|| error.clone());
        }
        result
    }

    pub(super) fn writing<T>(
        &mut self,
        records: usize,
        write: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.records += records;
        // Before it writes: it may panic half way.
        self.wrote = true;
        let result = write(self.db);
        if let Err(error) = &result {
            self.failure.get_or_insert_with(|| error.clone());
        }
        result
    }
}

/// Whether an error of one job is one of its whole transaction: the disk is full, or failed.
pub(super) const fn concerns_all(error: &StoreError) -> bool {
    matches!(error, StoreError::Full | StoreError::OutcomeUnknown(_))
}

impl Reader for Session<'_> {
    fn revision(&mut self, tenant: TenantId) -> Result<i64, StoreError> {
        let counters = tenants::Counters::load(self.db, tenant);
        self.reading(counters.map(|counters| counters.revision))
    }

    fn load(&mut self, tenant: TenantId, needs: &Needs<'_>) -> Result<Snapshot, StoreError> {
        self.reading(load::load(self.db, tenant, needs))
    }

    fn load_hierarchy(
        &mut self,
        tenant: TenantId,
        needs: &HierarchyNeeds,
        into: &mut Snapshot,
    ) -> Result<(), StoreError> {
        self.reading(load::load_hierarchy(self.db, tenant, needs, into))
    }

    fn find(&mut self, tenant: TenantId, key: &LookupKey) -> Result<Vec<GroupView>, StoreError> {
        self.reading(read::find(self.db, tenant, key))
    }

    fn list(&mut self, tenant: TenantId, filter: &Filter, page: Page) -> Result<Listed, StoreError> {
        self.reading(read::list(self.db, tenant, filter, page))
    }

    fn search(
        &mut self,
        tenant: TenantId,
        filter: &Filter,
        page: &SearchPage,
    ) -> Result<Option<Found>, StoreError> {
        self.reading(search::search(self.db, self.index, tenant, filter, page))
    }

    fn slice(&mut self, tenant: TenantId, filter: &Filter, slice: &Slice) -> Result<Sliced, StoreError> {
        self.reading(read::slice(self.db, tenant, filter, slice))
    }

    fn ancestors(&mut self, tenant: TenantId, of: GroupId, page: Page) -> Result<Listed, StoreError> {
        self.reading(read::ancestors(self.db, tenant, of, page))
    }

    fn tree(&mut self, tenant: TenantId, of: GroupId, page: TreePage) -> Result<Option<Tree>, StoreError> {
        self.reading(tree::tree(self.db, tenant, of, page))
    }

    fn changes(
        &mut self,
        tenant: TenantId,
        after: ChangePlace,
        limit: usize,
    ) -> Result<Option<Changes>, StoreError> {
        self.reading(changes::changes(self.db, tenant, after, limit))
    }

    fn load_definitions(
        &mut self,
        tenant: TenantId,
        keys: &HashSet<AttributeKey>,
    ) -> Result<DefinitionSnapshot, StoreError> {
        self.reading(attributes::load(self.db, tenant, keys))
    }

    fn definitions(
        &mut self,
        tenant: TenantId,
        filter: &DefinitionFilter,
        page: NumberedPage,
    ) -> Result<Numbered<AttributeDefinition>, StoreError> {
        self.reading(attributes::list(self.db, tenant, filter, page))
    }

    fn values(
        &mut self,
        tenant: TenantId,
        group: GroupId,
        page: NumberedPage,
    ) -> Result<Numbered<EffectiveValue>, StoreError> {
        self.reading(attributes::effective(self.db, tenant, group, page))
    }

    fn addresses(
        &mut self,
        tenant: TenantId,
        of: GroupId,
        kind: Option<AddressType>,
    ) -> Result<Vec<Address>, StoreError> {
        self.reading(addresses::list(self.db, tenant, of, kind))
    }

    fn tenants(&mut self) -> Result<Vec<Tenant>, StoreError> {
        self.reading(tenants::list(self.db))
    }

    fn tenant_by_name(&mut self, name: &str) -> Result<Option<Tenant>, StoreError> {
        self.reading(tenants::by_name(self.db, name))
    }

    fn access_key(&mut self, id: &str) -> Result<Option<AccessKey>, StoreError> {
        self.reading(access_keys::find(self.db, id))
    }

    fn access_keys(&mut self, tenant: Option<TenantId>) -> Result<Vec<AccessKey>, StoreError> {
        self.reading(access_keys::list(self.db, tenant))
    }

    fn stored_answer(
        &mut self,
        tenant: TenantId,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<StoredAnswer>, StoreError> {
        self.reading(stored_answers::find(self.db, tenant, key, now))
    }

    fn runs(&mut self, tenant: TenantId, filter: &RunFilter, page: RunPage) -> Result<RunList, StoreError> {
        self.reading(runs::list(self.db, tenant, filter, page))
    }

    fn run(&mut self, tenant: TenantId, id: RunId) -> Result<Option<RecordedRun>, StoreError> {
        self.reading(runs::find(self.db, tenant, id))
    }
}

impl Transaction for Session<'_> {
    fn free_ids_if_still(
        &mut self,
        tenant: TenantId,
        looked: &Looked,
    ) -> Result<Option<FreeIds>, StoreError> {
        let Some(recent) = self.recent else { return Ok(None) };
        self.reading(load::free_ids_if_still(self.db, tenant, looked, &recent.borrow()))
    }

    fn apply(
        &mut self,
        tenant: TenantId,
        writes: &[Write],
        at: Timestamp,
        looked: Option<&Looked>,
    ) -> Result<i64, StoreError> {
        let mut recent = self.recent.map(RefCell::borrow_mut);
        self.writing(writes.len(), |db| apply::apply(db, tenant, writes, at, looked, recent.as_deref_mut()))
    }

    fn apply_definitions(&mut self, tenant: TenantId, writes: &[DefinitionWrite]) -> Result<i64, StoreError> {
        self.writing(writes.len(), |db| attributes::apply(db, tenant, writes))
    }

    fn create_tenant(&mut self, name: &str, at: Timestamp) -> Result<Option<Tenant>, StoreError> {
        self.writing(0, |db| tenants::create(db, name, at))
    }

    fn create_access_key(&mut self, key: &AccessKey) -> Result<(), StoreError> {
        self.writing(0, |db| access_keys::create(db, key))
    }

    fn revoke_access_key(&mut self, id: &str, at: Timestamp) -> Result<bool, StoreError> {
        self.writing(0, |db| access_keys::revoke(db, id, at))
    }

    fn keep_answer(&mut self, answer: &StoredAnswer, now: Timestamp) -> Result<(), StoreError> {
        self.writing(0, |db| stored_answers::keep(db, answer, now))
    }

    fn keep_run(&mut self, run: &RecordedRun) -> Result<(), StoreError> {
        self.writing(0, |db| runs::keep(db, run))
    }

    fn forget_runs(&mut self, tenant: TenantId, until: Timestamp, most: u32) -> Result<(), StoreError> {
        self.writing(0, |db| runs::forget(db, tenant, until, most))
    }
}

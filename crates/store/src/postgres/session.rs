//! The contract's views, on one connection.

use std::collections::{HashMap, HashSet};

use directory::{
    Address, AddressType, AttributeDefinition, AttributeKey, ChangePlace, Changes, DefinitionFilter,
    DefinitionSnapshot, DefinitionWrite, EffectiveValue, Filter, Found, GroupId, GroupView, HierarchyNeeds,
    Listed, LookupKey, Needs, Numbered, NumberedPage, Page, RecordedRun, RunFilter, RunId, RunList, RunPage,
    SearchPage, Slice, Sliced, Snapshot, TenantId, Timestamp, Tree, TreePage, Write,
};

use super::failure::{Class, Failure};
use super::link::Link;
use super::tenants::Counters;
use super::{
    access_keys, addresses, apply, attributes, changes, load, moving, read, runs, search, stored_answers,
    tenants, tree,
};
use crate::{AccessKey, Looked, Reader, StoreError, StoredAnswer, Tenant, Transaction};

/// What a transaction leaves that was not there before: where all of it is found, it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    /// A run.
    Run(RunId),
    /// The answer to an idempotency key, as the moment at which it will be forgotten tells it from others.
    Answer(String, Timestamp),
    /// How far a copy of the tenant is.
    Copy(String),
}

/// What jobs see and do.
pub(super) struct Session {
    pub(super) link: Link,
    /// Those of tenants whose rows this transaction has locked.
    pub(super) counters: HashMap<TenantId, Counters>,
    pub(super) marks: Vec<Mark>,
    /// Tenants that were seen to exist.
    known: HashSet<TenantId>,
    /// Groups written so far by this job.
    pub(super) records: usize,
    /// Whether it may have written anything.
    pub(super) wrote: bool,
}

impl Session {
    pub(super) fn new(link: Link) -> Self {
        let (counters, marks, known) = (HashMap::new(), Vec::new(), HashSet::new());
        Self { link, counters, marks, known, records: 0, wrote: false }
    }

    pub(super) fn begin_job(&mut self) {
        (self.records, self.wrote) = (0, false);
    }

    /// What became of a job that says this of itself; the failure is one of its whole transaction. After a
    /// statement has failed a job is not believed: nothing behind it was done.
    pub(super) fn verdict(
        &mut self,
        said: Result<(), StoreError>,
    ) -> Result<Result<(), StoreError>, Failure> {
        let Some(failure) = self.link.failure.clone() else { return Ok(said) };
        if failure.lost || failure.class == Class::Again {
            return Err(failure);
        }
        Ok(said.and_then(|()| Err(failure.into_error())))
    }

    /// The same of a job that has read.
    pub(super) fn end_reading(
        mut self,
        said: Result<(), StoreError>,
    ) -> Result<Result<(), StoreError>, Failure> {
        let fate = self.verdict(said)?;
        self.link.leave();
        Ok(fate)
    }

    /// The counters of a tenant whose row this transaction holds from here on; `None` if it does not exist.
    pub(super) fn lock(&mut self, tenant: TenantId) -> Result<Option<Counters>, StoreError> {
        if let Some(known) = self.counters.get(&tenant) {
            return Ok(Some(*known));
        }
        let locked = tenants::lock(&mut self.link, tenant)?;
        self.counters.extend(locked.map(|counters| (tenant, counters)));
        Ok(locked)
    }

    /// The same for a tenant that is about to be written to.
    pub(super) fn turn(&mut self, tenant: TenantId) -> Result<Counters, StoreError> {
        match self.lock(tenant)? {
            Some(counters) => Ok(counters),
            None => Err(self.link.fail(Failure::defect(format!("there is no tenant {}", tenant.0)))),
        }
    }

    /// Whether a tenant has all of these.
    pub(super) fn has(&mut self, tenant: TenantId, marks: &[Mark]) -> Result<bool, Failure> {
        let mut found = || {
            for mark in marks {
                let there = match mark {
                    Mark::Run(id) => runs::is_there(&mut self.link, tenant, *id)?,
                    Mark::Answer(key, until) => {
                        stored_answers::is_there(&mut self.link, tenant, key, *until)?
                    }
                    Mark::Copy(mark) => moving::mark(&mut self.link, Some(tenant))?.as_ref() == Some(mark),
                };
                if !there {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        let found: Result<bool, StoreError> = found();
        found.map_err(|error| self.link.failure.clone().unwrap_or_else(|| Failure::defect(error.to_string())))
    }

    pub(super) fn writing(&mut self, records: usize) -> &mut Self {
        self.records += records;
        self.wrote = true;
        self
    }
}

impl Reader for Session {
    fn revision(&mut self, tenant: TenantId) -> Result<i64, StoreError> {
        if let Some(known) = self.counters.get(&tenant) {
            return Ok(known.revision);
        }
        Ok(tenants::counters(&mut self.link, tenant)?.revision)
    }

    fn load(&mut self, tenant: TenantId, needs: &Needs<'_>) -> Result<Snapshot, StoreError> {
        load::load(&mut self.link, tenant, needs)
    }

    fn load_hierarchy(
        &mut self,
        tenant: TenantId,
        needs: &HierarchyNeeds,
        into: &mut Snapshot,
    ) -> Result<(), StoreError> {
        load::load_hierarchy(&mut self.link, tenant, needs, into)
    }

    fn find(&mut self, tenant: TenantId, key: &LookupKey) -> Result<Vec<GroupView>, StoreError> {
        read::find(&mut self.link, tenant, key)
    }

    fn list(&mut self, tenant: TenantId, filter: &Filter, page: Page) -> Result<Listed, StoreError> {
        read::list(&mut self.link, tenant, filter, page)
    }

    fn search(
        &mut self,
        tenant: TenantId,
        filter: &Filter,
        page: &SearchPage,
    ) -> Result<Option<Found>, StoreError> {
        search::search(&mut self.link, tenant, filter, page)
    }

    fn slice(&mut self, tenant: TenantId, filter: &Filter, slice: &Slice) -> Result<Sliced, StoreError> {
        read::slice(&mut self.link, tenant, filter, slice)
    }

    fn ancestors(&mut self, tenant: TenantId, of: GroupId, page: Page) -> Result<Listed, StoreError> {
        read::ancestors(&mut self.link, tenant, of, page)
    }

    fn tree(&mut self, tenant: TenantId, of: GroupId, page: TreePage) -> Result<Option<Tree>, StoreError> {
        tree::tree(&mut self.link, tenant, of, page)
    }

    fn changes(
        &mut self,
        tenant: TenantId,
        after: ChangePlace,
        limit: usize,
    ) -> Result<Option<Changes>, StoreError> {
        changes::changes(&mut self.link, tenant, after, limit)
    }

    fn load_definitions(
        &mut self,
        tenant: TenantId,
        keys: &HashSet<AttributeKey>,
    ) -> Result<DefinitionSnapshot, StoreError> {
        attributes::load(&mut self.link, tenant, keys)
    }

    fn definitions(
        &mut self,
        tenant: TenantId,
        filter: &DefinitionFilter,
        page: NumberedPage,
    ) -> Result<Numbered<AttributeDefinition>, StoreError> {
        attributes::list(&mut self.link, tenant, filter, page)
    }

    fn values(
        &mut self,
        tenant: TenantId,
        group: GroupId,
        page: NumberedPage,
    ) -> Result<Numbered<EffectiveValue>, StoreError> {
        attributes::effective(&mut self.link, tenant, group, page)
    }

    fn addresses(
        &mut self,
        tenant: TenantId,
        of: GroupId,
        kind: Option<AddressType>,
    ) -> Result<Vec<Address>, StoreError> {
        addresses::list(&mut self.link, tenant, of, kind)
    }

    fn tenants(&mut self) -> Result<Vec<Tenant>, StoreError> {
        tenants::list(&mut self.link)
    }

    fn tenant_by_name(&mut self, name: &str) -> Result<Option<Tenant>, StoreError> {
        tenants::by_name(&mut self.link, name)
    }

    fn access_key(&mut self, id: &str) -> Result<Option<AccessKey>, StoreError> {
        access_keys::find(&mut self.link, id)
    }

    fn access_keys(&mut self, tenant: Option<TenantId>) -> Result<Vec<AccessKey>, StoreError> {
        access_keys::list(&mut self.link, tenant)
    }

    fn stored_answer(
        &mut self,
        tenant: TenantId,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<StoredAnswer>, StoreError> {
        stored_answers::find(&mut self.link, tenant, key, now)
    }

    fn runs(&mut self, tenant: TenantId, filter: &RunFilter, page: RunPage) -> Result<RunList, StoreError> {
        runs::list(&mut self.link, tenant, filter, page)
    }

    fn run(&mut self, tenant: TenantId, id: RunId) -> Result<Option<RecordedRun>, StoreError> {
        runs::find(&mut self.link, tenant, id)
    }
}

impl Transaction for Session {
    fn apply(
        &mut self,
        tenant: TenantId,
        writes: &[Write],
        at: Timestamp,
        looked: Option<&Looked>,
    ) -> Result<i64, StoreError> {
        let counters = self.turn(tenant)?;
        let session = self.writing(writes.len());
        let counters = apply::apply(&mut session.link, tenant, counters, writes, at, looked)?;
        session.counters.insert(tenant, counters);
        Ok(counters.revision)
    }

    fn apply_definitions(&mut self, tenant: TenantId, writes: &[DefinitionWrite]) -> Result<i64, StoreError> {
        let counters = self.turn(tenant)?;
        let session = self.writing(writes.len());
        let counters = attributes::apply(&mut session.link, tenant, counters, writes);
        session.counters.insert(tenant, counters);
        Ok(counters.revision)
    }

    fn create_tenant(&mut self, name: &str, at: Timestamp) -> Result<Option<Tenant>, StoreError> {
        tenants::create(&mut self.writing(0).link, name, at)
    }

    fn create_access_key(&mut self, key: &AccessKey) -> Result<(), StoreError> {
        access_keys::create(&mut self.writing(0).link, key)
    }

    fn revoke_access_key(&mut self, id: &str, at: Timestamp) -> Result<bool, StoreError> {
        access_keys::revoke(&mut self.writing(0).link, id, at)
    }

    fn keep_answer(&mut self, answer: &StoredAnswer, now: Timestamp) -> Result<(), StoreError> {
        self.turn(answer.tenant)?;
        self.marks.push(Mark::Answer(answer.key.clone(), answer.expires_at));
        stored_answers::keep(&mut self.writing(0).link, answer, now);
        Ok(())
    }

    fn keep_run(&mut self, run: &RecordedRun) -> Result<(), StoreError> {
        let tenant = run.run.tenant;
        // Runs that others left behind are only added: they need nobody's turn.
        if !self.counters.contains_key(&tenant) && !self.known.contains(&tenant) {
            if !tenants::exists(&mut self.link, tenant)? {
                return Err(self.link.fail(Failure::defect(format!("there is no tenant {}", tenant.0))));
            }
            self.known.insert(tenant);
        }
        self.marks.push(Mark::Run(run.run.id));
        runs::keep(&mut self.writing(0).link, run);
        Ok(())
    }

    fn forget_runs(&mut self, tenant: TenantId, until: Timestamp, most: u32) -> Result<(), StoreError> {
        runs::forget(&mut self.writing(0).link, tenant, until, most);
        Ok(())
    }
}

//! The reference engine: the contract in its simplest form. The oracle that other engines are compared
//! with; never shipped.

mod addresses;
mod attributes;
mod fork;
mod matching;
mod moving;

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use directory::write::Content;
use directory::{
    Address, AddressType, Ancestor, AttributeDefinition, AttributeKey, ChangePlace, Changes,
    DefinitionFilter, DefinitionSnapshot, DefinitionWrite, EffectiveValue, ExternalReference, Failure,
    Filter, Found, Group, GroupId, GroupView, HierarchyNeeds, IdOrigin, Listed, LookupKey, Needs, Numbered,
    NumberedPage, Page, Reach, RecordedRun, ReferenceKey, RunFilter, RunId, RunList, RunPage, SearchPage,
    SearchPlace, Slice, Sliced, Snapshot, Stamp, TenantId, Timestamp, Tree, TreePage, TreePlace, Words,
    Write,
};

use self::addresses::Addresses;
use crate::free_ids::free_ids;
use crate::{
    AccessKey, Done, Looked, ReadJob, Reader, Store, StoreError, StoredAnswer, Tenant, Transaction, Turn,
    WriteJob,
};
use matching::{is_meant, passes, similar, words};

/// A store that forgets everything when it is dropped. Writes run on the caller's thread.
#[derive(Debug, Default)]
pub struct Memory {
    /// `None` when closed.
    committed: Mutex<Option<State>>,
    /// Held while a write runs: one after another.
    turn: Mutex<()>,
}

#[derive(Debug, Clone, Default)]
struct State {
    tenants: BTreeMap<TenantId, TenantState>,
    access_keys: BTreeMap<String, AccessKey>,
    answers: BTreeMap<(TenantId, String), StoredAnswer>,
    runs: BTreeMap<(TenantId, RunId), RecordedRun>,
    copies: BTreeMap<Option<TenantId>, String>,
    failure: Option<StoreError>,
}

#[derive(Debug, Clone)]
struct TenantState {
    tenant: Tenant,
    next_id: i64,
    groups: BTreeMap<GroupId, Group>,
    attributes: attributes::Attributes,
    addresses: Addresses,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self { committed: Mutex::new(Some(State::default())), turn: Mutex::new(()) }
    }

    fn state(&self) -> Result<State, StoreError> {
        lock(&self.committed).clone().ok_or_else(|| StoreError::Unavailable("the store is closed".to_owned()))
    }
}

impl Store for Memory {
    fn read(&self, job: ReadJob<'_>) -> Result<(), StoreError> {
        job(&mut self.state()?)
    }

    fn write(&self, _: Turn, mut job: WriteJob, done: Done) -> Result<(), StoreError> {
        let turn = lock(&self.turn);
        let mut state = self.state()?;
        let said = catch_unwind(AssertUnwindSafe(|| job(&mut state)))
            .unwrap_or_else(|_| Err(StoreError::Internal("a write job panicked".to_owned())));
        let fate = said.and_then(|()| state.failure.take().map_or(Ok(()), Err));
        if fate.is_ok() {
            *lock(&self.committed) = Some(state);
        }
        drop(turn);
        done(fate);
        Ok(())
    }

    fn check(&self) -> Result<(), StoreError> {
        self.state().map(drop)
    }

    fn close(&self) {
        let _turn = lock(&self.turn);
        lock(&self.committed).take();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn groups(&self, tenant: TenantId) -> impl Iterator<Item = &Group> {
        self.tenants.get(&tenant).into_iter().flat_map(|found| found.groups.values())
    }

    fn group(&self, tenant: TenantId, id: GroupId) -> Option<&Group> {
        self.tenants.get(&tenant)?.groups.get(&id)
    }

    fn view(&self, tenant: TenantId, group: &Group) -> GroupView {
        let parent = group.parent.and_then(|id| self.group(tenant, id));
        GroupView { group: group.clone(), parent_key: parent.and_then(first_key) }
    }

    fn children(&self, tenant: TenantId, of: GroupId) -> impl Iterator<Item = &Group> {
        self.groups(tenant).filter(move |group| group.parent == Some(of))
    }

    /// Everything below a group, without entering groups of `stop`.
    fn below(&self, tenant: TenantId, top: GroupId, stop: &[GroupId]) -> Vec<&Group> {
        let children = self.children(tenant, top).filter(|group| !stop.contains(&group.id));
        children.flat_map(|child| std::iter::once(child).chain(self.below(tenant, child.id, stop))).collect()
    }

    /// Levels below and including a group, without entering groups of `stop`.
    fn height(&self, tenant: TenantId, top: GroupId, stop: &[GroupId]) -> usize {
        let children = self.children(tenant, top).filter(|group| !stop.contains(&group.id));
        1 + children.map(|child| self.height(tenant, child.id, stop)).max().unwrap_or(0)
    }

    /// A write that fails leaves a part behind: its job cannot succeed any more.
    fn write<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let result = run(self);
        if let Err(error) = &result {
            self.failure.get_or_insert_with(|| error.clone());
        }
        result
    }
}

fn first_key(group: &Group) -> Option<ReferenceKey> {
    group.references.first().map(|reference| reference.key.clone())
}

impl Reader for State {
    fn revision(&mut self, tenant: TenantId) -> Result<i64, StoreError> {
        Ok(self.tenants.get(&tenant).map_or(0, |found| found.tenant.revision))
    }

    fn load(&mut self, tenant: TenantId, needs: &Needs<'_>) -> Result<Snapshot, StoreError> {
        let needs = &needs.clone().in_full();
        let mut seen = Snapshot { revision: self.revision(tenant)?, ..Snapshot::default() };
        for key in &needs.keys {
            let meant: Vec<&Group> = self.groups(tenant).filter(|group| is_meant(group, key)).collect();
            if meant.is_empty() && needs.own_keys.contains(key) {
                let similar = similar(self.groups(tenant), key);
                if !similar.is_empty() {
                    seen.similar.insert(key.clone(), similar);
                }
            } else if !meant.is_empty() {
                seen.matches.insert(key.clone(), meant.iter().map(|group| group.id).collect());
                seen.groups.extend(meant.into_iter().map(|group| (group.id, group.clone())));
            }
        }
        let taken: std::collections::BTreeSet<i64> =
            self.groups(tenant).map(|group| group.id.get()).collect();
        let first = self.tenants.get(&tenant).map_or(1, |found| found.next_id);
        let Ok(free) =
            free_ids(first, needs.fresh_ids, |id| Ok::<_, Infallible>(taken.range(id..).next().copied()));
        seen.free_ids = free;
        self.tenants.get(&tenant).inspect(|found| found.attributes.look(needs, &mut seen));
        self.kept(tenant).inspect(|kept| kept.see(needs, &mut seen));
        Ok(seen)
    }

    fn load_hierarchy(
        &mut self,
        tenant: TenantId,
        needs: &HierarchyNeeds,
        into: &mut Snapshot,
    ) -> Result<(), StoreError> {
        for id in &needs.ancestors_of {
            let mut next = self.group(tenant, *id);
            while let Some(group) = next {
                let (parent, key, archived) = (group.parent, first_key(group), group.is_archived());
                into.ancestors.insert(group.id, Ancestor { parent, key, archived });
                next = group.parent.and_then(|parent| self.group(tenant, parent));
            }
        }
        for id in &needs.heights_of {
            into.heights.insert(*id, self.height(tenant, *id, &needs.heights_of));
        }
        for id in &needs.children_of {
            let living = self.children(tenant, *id).filter(|group| !group.is_archived());
            into.children.insert(*id, living.take(Failure::MAX_CHILDREN).count());
        }
        for id in &needs.descendants_of {
            let below = self.below(tenant, *id, &needs.descendants_of);
            let living = below.iter().filter(|group| !group.is_archived()).count();
            into.descendants.insert(*id, living);
        }
        Ok(())
    }

    fn find(&mut self, tenant: TenantId, key: &LookupKey) -> Result<Vec<GroupView>, StoreError> {
        let found = self.groups(tenant).filter(|group| is_meant(group, key));
        Ok(found.map(|group| self.view(tenant, group)).collect())
    }

    fn list(&mut self, tenant: TenantId, filter: &Filter, page: Page) -> Result<Listed, StoreError> {
        let wanted = self.groups(tenant).filter(|group| Some(group.id) > page.after && passes(filter, group));
        let views: Vec<GroupView> = wanted.take(page.limit).map(|group| self.view(tenant, group)).collect();
        let next = views.last().filter(|_| views.len() == page.limit).map(|view| view.group.id);
        Ok(Listed { views, next })
    }

    fn slice(&mut self, tenant: TenantId, filter: &Filter, slice: &Slice) -> Result<Sliced, StoreError> {
        let is_named = |group: &Group| {
            let mut words = Words::default();
            words.add_name(group.name.as_str());
            slice.name.as_ref().is_none_or(|search| search.finds(&words))
        };
        let found: Vec<&Group> =
            self.groups(tenant).filter(|group| passes(filter, group) && is_named(group)).collect();
        let page = found.iter().skip(slice.skip).take(slice.limit);
        Ok(Sliced { views: page.map(|group| self.view(tenant, group)).collect(), total: found.len() })
    }

    /// In the order of changes: the one place that this engine hands out is one there.
    fn search(
        &mut self,
        tenant: TenantId,
        filter: &Filter,
        page: &SearchPage,
    ) -> Result<Option<Found>, StoreError> {
        let after = match &page.after {
            None => Stamp::default(),
            Some(SearchPlace::Change(stamp)) => *stamp,
            Some(_) => return Ok(None),
        };
        let stamp = |group: &Group| Stamp { revision: group.revision, group: group.id.get() };
        let mut found: Vec<&Group> = self
            .groups(tenant)
            .filter(|group| stamp(group) > after && passes(filter, group) && page.search.finds(&words(group)))
            .collect();
        found.sort_by_key(|group| stamp(group));
        found.truncate(page.limit);
        let last = found.last().filter(|_| found.len() == page.limit);
        let next = last.map(|group| SearchPlace::Change(stamp(group)));
        Ok(Some(Found { views: found.into_iter().map(|group| self.view(tenant, group)).collect(), next }))
    }

    fn ancestors(&mut self, tenant: TenantId, of: GroupId, page: Page) -> Result<Listed, StoreError> {
        let above = |group: &Group| group.parent.and_then(|parent| self.group(tenant, parent));
        let first = self.group(tenant, page.after.unwrap_or(of)).and_then(above);
        let line: Vec<&Group> = std::iter::successors(first, |group| above(group)).collect();
        let shown = &line[..line.len().min(page.limit)];
        let next = shown.last().filter(|_| shown.len() < line.len()).map(|group| group.id);
        Ok(Listed { views: shown.iter().map(|group| self.view(tenant, group)).collect(), next })
    }

    fn tree(&mut self, tenant: TenantId, of: GroupId, page: TreePage) -> Result<Option<Tree>, StoreError> {
        let (mut line, mut parents) = (Vec::new(), vec![of]);
        for level in 1..=page.depth {
            let below =
                |parent: GroupId| self.groups(tenant).filter(move |group| group.parent == Some(parent));
            let children: Vec<&Group> = parents.iter().flat_map(|parent| below(*parent)).collect();
            parents = children.iter().map(|group| group.id).collect();
            line.extend(children.into_iter().map(|group| (level, group)));
        }
        let is_at = |place: TreePlace| {
            line.iter().position(|(level, group)| (*level, group.id) == (place.level, place.group))
        };
        let start = match page.after.map(is_at) {
            None => 0,
            Some(Some(at)) => at + 1,
            Some(None) => return Ok(None),
        };
        let shown = line[start..].iter().filter(|(_, group)| page.life.admits(group.is_archived()));
        let groups: Vec<_> =
            shown.take(page.limit).map(|(level, group)| (*level, self.view(tenant, group))).collect();
        let last = groups.last().filter(|_| groups.len() == page.limit);
        let next =
            last.map(|(level, view)| TreePlace { level: *level, group: view.group.id, inhabited: true });
        Ok(Some(Tree { groups, next }))
    }

    fn changes(
        &mut self,
        tenant: TenantId,
        after: ChangePlace,
        limit: usize,
    ) -> Result<Option<Changes>, StoreError> {
        let revision = self.revision(tenant)?;
        if after.revision > revision {
            return Ok(None);
        }
        let all = self.groups(tenant).map(|group| self.view(tenant, group));
        let mut views: Vec<GroupView> = all.filter(|view| ChangePlace::after(view) > after).collect();
        views.sort_by_key(ChangePlace::after);
        let more = views.len() > limit;
        views.truncate(limit);
        let last = views.last().filter(|_| more).map(ChangePlace::after);
        Ok(Some(Changes { views, next: last.unwrap_or(ChangePlace::end_of(revision)), more }))
    }

    fn addresses(
        &mut self,
        tenant: TenantId,
        of: GroupId,
        kind: Option<AddressType>,
    ) -> Result<Vec<Address>, StoreError> {
        Ok(self.kept(tenant).map_or_else(Vec::new, |kept| kept.of(of, kind)))
    }

    fn tenants(&mut self) -> Result<Vec<Tenant>, StoreError> {
        let mut tenants: Vec<Tenant> = self.tenants.values().map(|found| found.tenant.clone()).collect();
        tenants.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(tenants)
    }

    fn tenant_by_name(&mut self, name: &str) -> Result<Option<Tenant>, StoreError> {
        Ok(self.tenants()?.into_iter().find(|tenant| tenant.name == name))
    }

    fn access_key(&mut self, id: &str) -> Result<Option<AccessKey>, StoreError> {
        Ok(self.access_keys.get(id).cloned())
    }

    fn access_keys(&mut self, tenant: Option<TenantId>) -> Result<Vec<AccessKey>, StoreError> {
        let wanted = self.access_keys.values().filter(|key| tenant.is_none_or(|tenant| key.tenant == tenant));
        let mut keys: Vec<AccessKey> = wanted.cloned().collect();
        keys.sort_by_key(|key| key.created_at);
        Ok(keys)
    }

    fn stored_answer(
        &mut self,
        tenant: TenantId,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<StoredAnswer>, StoreError> {
        let answer = self.answers.get(&(tenant, key.to_owned()));
        Ok(answer.filter(|answer| answer.expires_at > now).cloned())
    }

    fn runs(&mut self, tenant: TenantId, filter: &RunFilter, page: RunPage) -> Result<RunList, StoreError> {
        let newest_first = self.runs.values().rev().map(|recorded| &recorded.run);
        let wanted = newest_first
            .filter(|run| run.tenant == tenant && page.covers(run.id) && filter.admits(run))
            .take(page.limit);
        let runs: Vec<_> = wanted.cloned().collect();
        let next = runs.last().filter(|_| runs.len() == page.limit).map(|run| run.id);
        Ok(RunList { runs, next })
    }

    fn load_definitions(
        &mut self,
        tenant: TenantId,
        keys: &HashSet<AttributeKey>,
    ) -> Result<DefinitionSnapshot, StoreError> {
        let nothing = attributes::Attributes::default();
        let attributes = self.tenants.get(&tenant).map_or(&nothing, |found| &found.attributes);
        Ok(attributes.load(self.tenants.get(&tenant).map_or(0, |found| found.tenant.revision), keys))
    }

    fn definitions(
        &mut self,
        tenant: TenantId,
        filter: &DefinitionFilter,
        page: NumberedPage,
    ) -> Result<Numbered<AttributeDefinition>, StoreError> {
        let found = self.tenants.get(&tenant).map(|found| found.attributes.list(filter, page));
        Ok(found.unwrap_or_default())
    }

    fn values(
        &mut self,
        tenant: TenantId,
        group: GroupId,
        page: NumberedPage,
    ) -> Result<Numbered<EffectiveValue>, StoreError> {
        Ok(self.tenants.get(&tenant).map(|found| found.effective(group, page)).unwrap_or_default())
    }

    fn run(&mut self, tenant: TenantId, id: RunId) -> Result<Option<RecordedRun>, StoreError> {
        Ok(self.runs.get(&(tenant, id)).cloned())
    }
}

impl Transaction for State {
    fn apply(
        &mut self,
        tenant: TenantId,
        writes: &[Write],
        at: Timestamp,
        _looked: Option<&Looked>,
    ) -> Result<i64, StoreError> {
        self.write(|state| {
            let found = state.tenants.get_mut(&tenant).ok_or_else(|| no_such(tenant))?;
            found.tenant.revision += 1;
            for write in writes {
                found.apply(write, at)?;
            }
            // Last, because it means everything that lies below then.
            for write in writes {
                if let Write::Archive { id, reach: Reach::Subtree } = write {
                    found.archive_below(*id, at);
                }
            }
            if let Some(id) = matching::intruder(found.groups.values()) {
                return Err(conflict(id, "has a reference of another group"));
            }
            Ok(found.tenant.revision)
        })
    }

    fn apply_definitions(&mut self, tenant: TenantId, writes: &[DefinitionWrite]) -> Result<i64, StoreError> {
        self.write(|state| {
            let found = state.tenants.get_mut(&tenant).ok_or_else(|| no_such(tenant))?;
            found.tenant.revision += 1;
            writes.iter().try_for_each(|write| found.attributes.apply(write))?;
            Ok(found.tenant.revision)
        })
    }

    fn create_tenant(&mut self, name: &str, at: Timestamp) -> Result<Option<Tenant>, StoreError> {
        if self.tenant_by_name(name)?.is_some() {
            return Ok(None);
        }
        let id = TenantId(self.tenants.keys().next_back().map_or(1, |last| last.0 + 1));
        let tenant = Tenant { id, name: name.to_owned(), created_at: at, revision: 0 };
        let (groups, attributes, addresses) = Default::default();
        let state = TenantState { tenant: tenant.clone(), next_id: 1, groups, attributes, addresses };
        self.tenants.insert(id, state);
        Ok(Some(tenant))
    }

    fn create_access_key(&mut self, key: &AccessKey) -> Result<(), StoreError> {
        self.write(|state| {
            if !state.tenants.contains_key(&key.tenant) {
                return Err(no_such(key.tenant));
            }
            match state.access_keys.insert(key.id.clone(), key.clone()) {
                None => Ok(()),
                Some(_) => Err(StoreError::Conflict(format!("access key {} is taken", key.id))),
            }
        })
    }

    fn revoke_access_key(&mut self, id: &str, at: Timestamp) -> Result<bool, StoreError> {
        let living = self.access_keys.get_mut(id).filter(|key| key.revoked_at.is_none());
        Ok(living.map(|key| key.revoked_at = Some(at)).is_some())
    }

    fn keep_answer(&mut self, answer: &StoredAnswer, now: Timestamp) -> Result<(), StoreError> {
        self.write(|state| {
            if !state.tenants.contains_key(&answer.tenant) {
                return Err(no_such(answer.tenant));
            }
            if state.stored_answer(answer.tenant, &answer.key, now)?.is_some() {
                return Err(StoreError::Conflict(format!("{:?} has an answer", answer.key)));
            }
            state.answers.insert((answer.tenant, answer.key.clone()), answer.clone());
            Ok(())
        })
    }

    fn keep_run(&mut self, run: &RecordedRun) -> Result<(), StoreError> {
        self.write(|state| {
            if !state.tenants.contains_key(&run.run.tenant) {
                return Err(no_such(run.run.tenant));
            }
            state.runs.entry((run.run.tenant, run.run.id)).or_insert_with(|| run.clone());
            Ok(())
        })
    }

    fn forget_runs(&mut self, tenant: TenantId, until: Timestamp, most: u32) -> Result<(), StoreError> {
        let mut old: Vec<_> = self
            .runs
            .values()
            .filter(|recorded| recorded.run.tenant == tenant && recorded.run.started_at <= until)
            .map(|recorded| recorded.run.id)
            .collect();
        old.sort_unstable();
        old.truncate(most as usize);
        for id in &old {
            self.runs.remove(&(tenant, *id));
        }
        Ok(())
    }
}

fn no_such(tenant: TenantId) -> StoreError {
    StoreError::Internal(format!("there is no tenant {}", tenant.0))
}

fn conflict(id: GroupId, why: &str) -> StoreError {
    StoreError::Conflict(format!("group {id} {why}"))
}

impl TenantState {
    fn apply(&mut self, write: &Write, at: Timestamp) -> Result<(), StoreError> {
        match write {
            Write::Create { id, id_origin, references, content, values, addresses } => {
                self.attributes.write(*id, values)?;
                self.addresses.apply(*id, addresses)?;
                if *id_origin == IdOrigin::Assigned {
                    self.next_id = self.next_id.max(id.get() + 1);
                }
                let group = self.group(*id, references.clone(), content, at, at);
                match self.groups.insert(*id, group) {
                    None => Ok(()),
                    Some(_) => Err(conflict(*id, "is stored already")),
                }
            }
            Write::Update { id, content, reference, added, values, addresses, .. } => {
                self.attributes.write(*id, values)?;
                self.addresses.apply(*id, addresses)?;
                let old = self.groups.get(id).ok_or_else(|| conflict(*id, "is not stored"))?;
                let mut references = old.references.clone();
                if let Some((from, to)) = reference {
                    let place = references.iter_mut().find(|reference| *reference == from);
                    *place.ok_or_else(|| conflict(*id, "does not have the reference"))? = to.clone();
                }
                references.extend(added.iter().cloned());
                let archived_at = old.archived_at;
                let group = self.group(*id, references, content, old.created_at, at);
                self.groups.insert(*id, Group { archived_at, ..group });
                Ok(())
            }
            Write::Archive { id, .. } => self.set_life(*id, Some(at), at),
            Write::Restore { id } => self.set_life(*id, None, at),
        }
    }

    fn set_life(
        &mut self,
        id: GroupId,
        archived_at: Option<Timestamp>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let revision = self.tenant.revision;
        let group = self.groups.get_mut(&id).filter(|group| group.is_archived() != archived_at.is_some());
        let group = group.ok_or_else(|| conflict(id, "is not as it should be"))?;
        (group.archived_at, group.updated_at, group.revision) = (archived_at, at, revision);
        Ok(())
    }

    fn archive_below(&mut self, id: GroupId, at: Timestamp) {
        let children: Vec<Group> =
            self.groups.values().filter(|group| group.parent == Some(id)).cloned().collect();
        for child in children {
            if !child.is_archived() {
                let archived = Group {
                    archived_at: Some(at),
                    updated_at: at,
                    revision: self.tenant.revision,
                    ..child.clone()
                };
                self.groups.insert(child.id, archived);
            }
            self.archive_below(child.id, at);
        }
    }

    fn group(
        &self,
        id: GroupId,
        references: Vec<ExternalReference>,
        content: &Content,
        created_at: Timestamp,
        updated_at: Timestamp,
    ) -> Group {
        let Content { name, description, parent, photo_url, details } = content.clone();
        let revision = self.tenant.revision;
        let archived_at = None;
        Group {
            id,
            references,
            name,
            description,
            parent,
            photo_url,
            details,
            archived_at,
            created_at,
            updated_at,
            revision,
        }
    }
}

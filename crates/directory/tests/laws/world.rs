//! A directory of one tenant in memory, as plain as can be: it answers needs and obeys writes.

use std::collections::{BTreeMap, HashSet};

use directory::model::{Country, Gender, Line, Lines, Notes};
use directory::write::Content;
use directory::*;

use crate::defined;

pub(crate) const TENANT: TenantId = TenantId(1);

/// The groups of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct World {
    pub(crate) groups: BTreeMap<GroupId, Group>,
    pub(crate) values: BTreeMap<GroupId, BTreeMap<AttributeId, Parts>>,
    pub(crate) next_id: i64,
    pub(crate) revision: i64,
    pub(crate) addresses: BTreeMap<(GroupId, AddressId), Address>,
    pub(crate) next_address: AddressId,
}

impl World {
    pub(crate) fn key(text: &str) -> LookupKey {
        LookupKey::Key(ReferenceKey::parse(text).expect("a good key"))
    }

    /// Adds a group and returns its id.
    pub(crate) fn add(&mut self, references: &[(&str, &str)], parent: Option<GroupId>) -> GroupId {
        self.next_id += 1;
        let id = GroupId::new(self.next_id).expect("a small number");
        let reference = |(source, key): &(&str, &str)| ExternalReference {
            source: Source::from_stored(source),
            key: ReferenceKey::from_stored(key),
        };
        let group = Group {
            id,
            references: references.iter().map(reference).collect(),
            name: Name::from_stored("stored"),
            description: None,
            parent,
            photo_url: None,
            details: None,
            archived_at: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            revision: 0,
        };
        self.groups.insert(id, group);
        id
    }

    /// Adds an address.
    pub(crate) fn add_address(&mut self, group: GroupId, code: Option<&str>, is_default: bool) -> AddressId {
        let id = self.next_address;
        let mut lines = Lines::default();
        for line in AddressLine::ALL.into_iter().filter(|line| line.is_required()) {
            *lines.get_mut(line) = Line::from_stored("stored");
        }
        let content = AddressContent {
            code: code.map(AddressCode::from_stored),
            kind: AddressType::Delivery,
            country: Country::parse("BE").expect("a country"),
            gender: Gender::last(),
            icp: false,
            is_default,
            lines,
            notes: Notes::default(),
        };
        self.next_address = id.next();
        self.addresses.insert((group, id), Address { id, content });
        id
    }

    pub(crate) fn archive(&mut self, id: GroupId) {
        self.groups.get_mut(&id).expect("a stored group").archived_at = Some(Timestamp(0));
    }

    pub(crate) fn find(&self, key: &LookupKey) -> Vec<GroupId> {
        let means = |group: &&Group| match key {
            LookupKey::Id(id) => group.id == *id,
            LookupKey::New => false,
            LookupKey::Key(key) => group.references.iter().any(|reference| reference.key == *key),
            LookupKey::Reference(reference) => group.references.contains(reference),
        };
        self.groups.values().filter(means).map(|group| group.id).collect()
    }

    /// Exactly what the batch needs, nothing more.
    pub(crate) fn snapshot(&self, batch: &Batch) -> Snapshot {
        let mut needs = needs(batch);
        let mut seen = Snapshot { revision: self.revision, ..Snapshot::default() };
        seen.alike = vec![None; batch.records.len()];
        // An engine may tell of plain records, and need not.
        for plain in std::mem::take(&mut needs.plain) {
            match self.alike(&plain).filter(|id| (id.get() + self.revision) % 3 > 0) {
                Some(id) => seen.alike[plain.record] = Some(id),
                None => needs.plain.push(plain),
            }
        }
        let needs = needs.in_full();
        for key in &needs.keys {
            let found = self.find(key);
            seen.groups.extend(found.iter().map(|id| (*id, self.groups[id].clone())));
            if !found.is_empty() {
                seen.matches.insert(key.clone(), found);
            } else if needs.own_keys.contains(key) {
                self.add_similar(key, &mut seen);
            }
        }
        defined::look(self, &needs, &mut seen);
        seen.free_ids = self.free_ids(needs.fresh_ids);
        seen.next_address = self.next_address;
        for id in needs.addresses_of.iter().flat_map(|key| self.find(key)) {
            self.add_addresses(id, &mut seen);
        }
        let hierarchy = needs_hierarchy(batch, &seen);
        for id in &hierarchy.ancestors_of {
            self.add_ancestors(*id, &mut seen);
        }
        let movers: HashSet<GroupId> = hierarchy.heights_of.iter().copied().collect();
        seen.children = hierarchy.children_of.iter().map(|id| (*id, self.living_children(*id))).collect();
        let stop: HashSet<GroupId> = hierarchy.descendants_of.iter().copied().collect();
        let below = |id: &GroupId| (*id, self.living_below(*id, &stop));
        seen.descendants = hierarchy.descendants_of.iter().map(below).collect();
        seen.heights = hierarchy.heights_of.iter().map(|id| (*id, self.height(*id, &movers))).collect();
        seen
    }

    /// The one group that a plain record means, if it is just as the record says.
    fn alike(&self, plain: &Plain<'_>) -> Option<GroupId> {
        let parent = match plain.parent.map(|key| self.find(key)).as_deref() {
            None => None,
            Some([parent]) => Some(*parent),
            Some(_) => return None,
        };
        let found = self.find(plain.key);
        let [id] = found[..] else { return None };
        let group = &self.groups[&id];
        let source = plain.source.cloned().unwrap_or_else(Source::unnamed);
        let first = ExternalReference { source, key: plain.reference_key.clone() };
        let is_alike = !group.is_archived()
            && group.details.is_none()
            && group.references.first() == Some(&first)
            && group.name == *plain.name
            && group.description.as_ref() == plain.description
            && group.photo_url.as_ref() == plain.photo_url
            && group.parent == parent;
        is_alike.then_some(id)
    }

    pub(crate) fn addresses(&self, of: GroupId) -> Vec<Address> {
        self.addresses.iter().filter(|((group, _), _)| *group == of).map(|(_, found)| found.clone()).collect()
    }

    pub(crate) fn add_addresses(&self, of: GroupId, seen: &mut Snapshot) {
        let found = self.addresses(of);
        if !found.is_empty() {
            seen.addresses.insert(of, found);
        }
    }

    fn add_similar(&self, key: &LookupKey, seen: &mut Snapshot) {
        let Some(wanted) = key.reference_key() else { return };
        let stored = self.groups.values().flat_map(|group| &group.references);
        let similar = stored.filter(|other| other.key != *wanted && other.key.folded() == wanted.folded());
        let mut similar: Vec<_> = similar.cloned().collect();
        similar.sort();
        if !similar.is_empty() {
            seen.similar.insert(key.clone(), similar);
        }
    }

    fn free_ids(&self, wanted: usize) -> FreeIds {
        let free = (self.next_id + 1..)
            .filter(|id| GroupId::new(*id).is_some_and(|id| !self.groups.contains_key(&id)));
        FreeIds(free.take(wanted).map(|id| (id, id)).collect())
    }

    pub(crate) fn add_ancestors(&self, id: GroupId, seen: &mut Snapshot) {
        let mut next = Some(id);
        while let Some(group) = next.and_then(|id| self.groups.get(&id)) {
            let key = group.references.first().map(|reference| reference.key.clone());
            let ancestor = Ancestor { parent: group.parent, key, archived: group.is_archived() };
            let known = seen.ancestors.insert(group.id, ancestor);
            next = group.parent.filter(|_| known.is_none());
        }
    }

    fn height(&self, id: GroupId, stop: &HashSet<GroupId>) -> usize {
        let children =
            self.groups.values().filter(|child| child.parent == Some(id) && !stop.contains(&child.id));
        1 + children.map(|child| self.height(child.id, stop)).max().unwrap_or(0)
    }

    fn children(&self, id: GroupId) -> impl Iterator<Item = &Group> {
        self.groups.values().filter(move |child| child.parent == Some(id))
    }

    pub(crate) fn living_children(&self, id: GroupId) -> usize {
        self.children(id).filter(|child| !child.is_archived()).count()
    }

    fn living_below(&self, id: GroupId, stop: &HashSet<GroupId>) -> usize {
        let entered = self.children(id).filter(|child| !stop.contains(&child.id));
        entered.map(|child| usize::from(!child.is_archived()) + self.living_below(child.id, stop)).sum()
    }

    fn archive_with(&mut self, id: GroupId, reach: Reach) {
        let below: Vec<GroupId> = self.children(id).map(|child| child.id).collect();
        let group = self.groups.get_mut(&id).expect("only stored groups are archived");
        if !group.is_archived() {
            (group.archived_at, group.revision) = (Some(Timestamp(0)), self.revision);
        }
        if reach == Reach::Subtree {
            for child in below {
                self.archive_with(child, reach);
            }
        }
    }

    pub(crate) fn plan(&self, batch: &Batch, depth_limit: usize) -> Plan {
        let seen = self.snapshot(batch);
        plan(batch, &seen, &mut PlanContext { ids: &mut seen.free_ids.source(batch), depth_limit })
    }

    pub(crate) fn apply(&mut self, writes: &[Write]) {
        self.revision += i64::from(!writes.is_empty());
        for write in writes {
            match write {
                Write::Create { id, id_origin, references, content, values, addresses } => {
                    if *id_origin == IdOrigin::Assigned {
                        self.next_id = self.next_id.max(id.get());
                    }
                    let group = Group {
                        id: *id,
                        references: references.clone(),
                        name: content.name.clone(),
                        description: None,
                        parent: None,
                        photo_url: None,
                        details: None,
                        archived_at: None,
                        created_at: Timestamp(0),
                        updated_at: Timestamp(0),
                        revision: 0,
                    };
                    assert!(self.groups.insert(*id, group).is_none(), "id {id} is taken");
                    self.hold(*id, content);
                    defined::apply(self, *id, values);
                    self.keep_addresses(*id, addresses);
                }
                Write::Update { id, first, content, reference, added, values, addresses } => {
                    self.keep_addresses(*id, addresses);
                    self.hold(*id, content);
                    defined::apply(self, *id, values);
                    if let Some((from, to)) = reference {
                        let references = &mut self.groups.get_mut(id).expect("stored").references;
                        let place = references.iter().position(|reference| reference == from);
                        references[place.expect("the group has the reference")] = to.clone();
                    }
                    let references = &mut self.groups.get_mut(id).expect("stored").references;
                    references.extend(added.iter().cloned());
                    assert_eq!(references.first(), first.as_ref(), "the first reference of {id}");
                }
                Write::Archive { id, reach } => {
                    // Subtrees may lie within one another.
                    assert!(*reach == Reach::Subtree || !self.groups[id].is_archived(), "{id} is archived");
                    self.archive_with(*id, *reach);
                }
                Write::Restore { id } => {
                    let group = self.groups.get_mut(id).expect("only stored groups are restored");
                    assert!(group.archived_at.take().is_some(), "{id} is not archived");
                    group.revision = self.revision;
                }
            }
        }
    }

    fn keep_addresses(&mut self, of: GroupId, writes: &[AddressWrite]) {
        let mut named = HashSet::new();
        for write in writes {
            let (id, known) = match write {
                AddressWrite::Add(address) => {
                    self.next_address = self.next_address.max(address.id.next());
                    let all = self.addresses.keys().any(|(_, id)| *id == address.id);
                    assert!(!all, "address {} is taken", address.id);
                    (address.id, self.addresses.insert((of, address.id), *address.clone()).is_none())
                }
                AddressWrite::Replace(address) => {
                    let before = self.addresses.insert((of, address.id), *address.clone());
                    (address.id, before.is_some_and(|before| before != **address))
                }
                AddressWrite::Remove(id) => (*id, self.addresses.remove(&(of, *id)).is_some()),
            };
            assert!(known && named.insert(id), "address {id} is not as the write takes it to be");
        }
    }

    fn hold(&mut self, id: GroupId, content: &Content) {
        let group = self.groups.get_mut(&id).expect("only stored groups are updated");
        assert!(!group.is_archived(), "an archived group was written");
        group.name = content.name.clone();
        group.description.clone_from(&content.description);
        group.parent = content.parent;
        group.photo_url.clone_from(&content.photo_url);
        assert_ne!(content.details.as_deref(), Some(&Details::default()), "defaults are none");
        group.details.clone_from(&content.details);
        group.revision = self.revision;
    }

    /// The level of a group, or `None` if it lies on or below a cycle or under a group that is not there.
    pub(crate) fn level(&self, id: GroupId) -> Option<usize> {
        let mut level = 1;
        let mut group = self.groups.get(&id)?;
        while let Some(parent) = group.parent {
            level += 1;
            group = self.groups.get(&parent)?;
            if level > self.groups.len() {
                return None;
            }
        }
        Some(level)
    }
}

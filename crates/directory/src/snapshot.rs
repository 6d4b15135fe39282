//! What a plan must look at, and what was seen.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

use crate::batch::{Batch, Intent, Reach, key_of};
use crate::clock::IdSource;
use crate::directive::{Directive, LookupKey, ParentKey, Patch};
use crate::model::{
    Address, AddressId, AttributeDefinition, AttributeKey, Description, ExternalReference, Group, GroupId,
    Name, PhotoUrl, ReferenceKey, Source,
};
use crate::plan::{targets, under_terms};
use crate::values::OwnValues;

/// The first look: which groups the batch speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs<'b> {
    /// Keys to look up, each once, in no particular order: of parents, and of the records that are not in `plain`.
    pub keys: Vec<LookupKey>,
    /// Those of the keys that records are known by: for these, similar stored references are wanted too.
    pub own_keys: HashSet<LookupKey>,
    /// Records of which it may be enough to know that nothing changes. What an engine does not tell of them in `alike`
    /// of the [`Snapshot`] is wanted as of own keys.
    pub plain: Vec<Plain<'b>>,
    /// How many ids may be assigned.
    pub fresh_ids: usize,
    /// Attributes that records hold values of, by the keys of these records. Wanted are their definitions, and
    /// what the groups have of their own, where a key means one group.
    pub values: BTreeMap<LookupKey, BTreeSet<AttributeKey>>,
    /// Those of the keys whose groups' addresses are wanted.
    pub addresses_of: HashSet<LookupKey>,
}

/// A record that says all there is to say of a plain group: one reference, no details. Where a group is stored just
/// like this, nothing but its id is wanted. What the record leaves out is taken to be empty: where it is not, the
/// group is not like it, and is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain<'b> {
    /// Its place in the batch.
    pub record: usize,
    /// Its key: by a reference, and no record's parent.
    pub key: &'b LookupKey,
    /// The key's text.
    pub reference_key: &'b ReferenceKey,
    /// The system that the key is of; `None` where it is not named.
    pub source: Option<&'b Source>,
    /// Its name.
    pub name: &'b Name,
    /// Its description.
    pub description: Option<&'b Description>,
    /// The key of its parent, which is one of [`Needs::keys`]; `None` for a root.
    pub parent: Option<&'b LookupKey>,
    /// Its picture.
    pub photo_url: Option<&'b PhotoUrl>,
}

impl<'b> Plain<'b> {
    fn of(record: usize, directive: &'b Directive) -> Option<Self> {
        let says_more = !(directive.details.is_none()
            && directive.parent_too.is_none()
            && directive.references.is_empty()
            && directive.values.is_empty()
            && directive.addresses.is_empty());
        let (key, source) = match &directive.key {
            LookupKey::Key(key) => (key, directive.source.as_ref()),
            LookupKey::Reference(reference) if directive.source.is_none() => {
                (&reference.key, Some(&reference.source))
            }
            LookupKey::Reference(_) | LookupKey::Id(_) | LookupKey::New => return None,
        };
        let parent = match &directive.parent {
            Patch::Set(ParentKey::Key(parent)) => Some(parent),
            Patch::Set(ParentKey::Unmatchable { .. }) => return None,
            Patch::Keep | Patch::Clear => None,
        };
        let name = directive.name.as_ref().filter(|_| !says_more)?;
        Some(Self {
            record,
            key: &directive.key,
            reference_key: key,
            source,
            name,
            description: set(&directive.description),
            parent,
            photo_url: set(&directive.photo_url),
        })
    }
}

const fn set<T>(patch: &Patch<T>) -> Option<&T> {
    match patch {
        Patch::Set(value) => Some(value),
        Patch::Keep | Patch::Clear => None,
    }
}

impl Needs<'_> {
    /// The same for an engine that looks at everything: no record is plain.
    #[must_use]
    pub fn in_full(self) -> Needs<'static> {
        let Self { mut keys, mut own_keys, plain, fresh_ids, values, addresses_of } = self;
        for record in plain {
            if own_keys.insert(record.key.clone()) {
                keys.push(record.key.clone());
            }
        }
        Needs { keys, own_keys, plain: Vec::new(), fresh_ids, values, addresses_of }
    }
}

/// The second look, at the tree around the groups that may move or get children.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HierarchyNeeds {
    /// Stored groups whose ancestors are wanted, themselves included. Each once.
    pub ancestors_of: Vec<GroupId>,
    /// Stored groups that may move. For each, the height of its piece is wanted: the number of levels
    /// below and including it, without going down into another group of this list. Each once, and each
    /// is also in `ancestors_of`.
    pub heights_of: Vec<GroupId>,
    /// Stored groups whose living children are to be counted. Each once.
    pub children_of: Vec<GroupId>,
    /// Stored groups whose living descendants are to be counted, without going down into another group of
    /// this list. Each once.
    pub descendants_of: Vec<GroupId>,
}

impl HierarchyNeeds {
    /// Whether nothing has to be looked at.
    pub fn is_empty(&self) -> bool {
        let Self { ancestors_of, heights_of, children_of, descendants_of } = self;
        [ancestors_of, heights_of, children_of, descendants_of].into_iter().all(Vec::is_empty)
    }
}

/// A stored group as seen by those below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ancestor {
    /// Its own parent, which is in the snapshot too.
    pub parent: Option<GroupId>,
    /// Its first external key, to name it to people.
    pub key: Option<ReferenceKey>,
    /// Whether it is archived.
    pub archived: bool,
}

/// Ids that may be assigned: ascending ranges, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FreeIds(pub Vec<(i64, i64)>);

/// What an engine saw at one moment: the answer to [`Needs`] and [`HierarchyNeeds`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// The tenant's revision at that moment.
    pub revision: i64,
    /// The groups, archived ones included, that each key of the needs means; in ascending order of ids.
    /// A key that means none is absent.
    pub matches: HashMap<LookupKey, Vec<GroupId>>,
    /// Every group named in `matches`.
    pub groups: HashMap<GroupId, Group>,
    /// For each record of the batch, the id of the group that is stored just as the record, one of
    /// [`Needs::plain`], says: it lives, and it is the only one that the record's key means. Empty, or as many as
    /// records. Nothing else is told of such a group because of that record.
    pub alike: Vec<Option<GroupId>>,
    /// For own keys that mean no group: stored references with the same folded key, if any, in order.
    pub similar: HashMap<LookupKey, Vec<ExternalReference>>,
    /// At least as many as `fresh_ids` asked for.
    pub free_ids: FreeIds,
    /// The addresses, in ascending order of ids, of the groups that the keys of `addresses_of` mean. A group
    /// without any is absent.
    pub addresses: HashMap<GroupId, Vec<Address>>,
    /// The lowest id of an address that was never assigned.
    pub next_address: AddressId,
    /// The groups of `ancestors_of` and all above them.
    pub ancestors: HashMap<GroupId, Ancestor>,
    /// The heights asked for; 1 for a group without children.
    pub heights: HashMap<GroupId, usize>,
    /// The numbers of children asked for, exact up to [`crate::Failure::MAX_CHILDREN`], which stands for more.
    pub children: HashMap<GroupId, usize>,
    /// The numbers of descendants asked for.
    pub descendants: HashMap<GroupId, usize>,
    /// The definitions of the attributes asked for; one that is not there is absent.
    pub attributes: HashMap<AttributeKey, AttributeDefinition>,
    /// What groups have of the attributes asked for.
    pub values: HashMap<GroupId, OwnValues>,
}

impl Snapshot {
    /// The groups that a key means.
    pub(crate) fn matches(&self, key: &LookupKey) -> &[GroupId] {
        self.matches.get(key).map_or(&[], Vec::as_slice)
    }

    /// The group that is stored just as this record says, as far as that is known.
    pub(crate) fn alike(&self, record: usize) -> Option<GroupId> {
        self.alike.get(record).copied().flatten()
    }

    /// The addresses of a group.
    pub(crate) fn addresses(&self, group: GroupId) -> &[Address] {
        self.addresses.get(&group).map_or(&[], Vec::as_slice)
    }
}

/// What the plan of this batch must look at first.
pub fn needs(batch: &Batch) -> Needs<'_> {
    let directives = || batch.records.iter().flatten();
    let with_addresses = directives().filter(|directive| !directive.addresses.is_empty());
    let addresses_of = with_addresses.map(|directive| directive.key.clone()).collect();
    let (parents, claimed) = (parents(batch), claimed(batch));
    // A key that somebody else claims is one more that may mean its group.
    let may_be_plain = batch.intent == Intent::Upsert
        && batch.expected.is_none()
        && !batch.terms.suppress()
        && claimed.is_empty();
    let mut needs = Needs { values: values_asked_for(batch), addresses_of, ..Needs::default() };
    let mut named: HashSet<&LookupKey> = HashSet::new();
    for (index, record) in batch.records.iter().enumerate() {
        let plain = record.as_ref().ok().filter(|_| may_be_plain).and_then(|it| Plain::of(index, it));
        match (plain.filter(|plain| !parents.contains(plain.key)), key_of(record)) {
            (Some(plain), _) => needs.plain.push(plain),
            (None, Some(key)) if *key != LookupKey::New && named.insert(key) => needs.keys.push(key.clone()),
            (None, _) => {}
        }
    }
    needs.keys.extend(parents.iter().filter(|key| !named.contains(*key)).copied().cloned());
    let unknown = |key: &LookupKey| !named.contains(key) && !parents.contains(key);
    needs.keys.extend(claimed.into_iter().filter(unknown));
    if batch.intent == Intent::Upsert {
        needs.own_keys = named.into_iter().cloned().collect();
        needs.fresh_ids = batch.records.len();
    }
    needs
}

/// The keys of the parents that records ask for.
pub(crate) fn parents(batch: &Batch) -> HashSet<&LookupKey> {
    let mut parents = HashSet::new();
    // Neighbours often have one parent.
    let mut last = None;
    for directive in batch.records.iter().flatten() {
        let parent = match &directive.parent {
            Patch::Set(ParentKey::Key(key)) => Some(key),
            Patch::Set(ParentKey::Unmatchable { .. }) | Patch::Keep | Patch::Clear => None,
        };
        if parent != last {
            parents.extend(parent);
            last = parent;
        }
        parents.extend(&directive.parent_too);
    }
    parents
}

/// The keys of the references that records add.
pub(crate) fn claimed(batch: &Batch) -> HashSet<LookupKey> {
    let claimed = batch.records.iter().flatten().flat_map(|directive| &directive.references);
    claimed.cloned().map(LookupKey::Reference).collect()
}

fn values_asked_for(batch: &Batch) -> BTreeMap<LookupKey, BTreeSet<AttributeKey>> {
    let mut asked: BTreeMap<LookupKey, BTreeSet<AttributeKey>> = BTreeMap::new();
    for directive in batch.records.iter().flatten().filter(|directive| !directive.values.is_empty()) {
        let patches = directive.values.iter();
        let attributes =
            patches.flat_map(|patch| [Some(&patch.attribute), patch.too.as_ref()]).flatten().cloned();
        asked.entry(directive.key.clone()).or_default().extend(attributes);
    }
    asked
}

/// What the plan of this batch must look at next, given the answer to [`needs`]. Empty when no record
/// gives or changes a parent, which is what most batches that change nothing look like.
pub fn needs_hierarchy(batch: &Batch, seen: &Snapshot) -> HierarchyNeeds {
    match batch.intent {
        Intent::Upsert | Intent::Update => around_what_moves(&under_terms(batch, seen), seen),
        Intent::Archive(Reach::Itself) => {
            HierarchyNeeds { children_of: targets(batch, seen), ..HierarchyNeeds::default() }
        }
        Intent::Archive(Reach::Subtree) => {
            HierarchyNeeds { descendants_of: targets(batch, seen), ..HierarchyNeeds::default() }
        }
        Intent::Restore => HierarchyNeeds { ancestors_of: targets(batch, seen), ..HierarchyNeeds::default() },
    }
}

fn around_what_moves(batch: &Batch, seen: &Snapshot) -> HierarchyNeeds {
    let mut ancestors: HashSet<GroupId> = HashSet::new();
    let mut movers: HashSet<GroupId> = HashSet::new();
    let added = added(batch, seen);
    for (index, record) in batch.records.iter().enumerate() {
        let Some(directive) = record.as_ref().ok().filter(|_| seen.alike(index).is_none()) else { continue };
        let wanted = match &directive.parent {
            Patch::Keep | Patch::Set(ParentKey::Unmatchable { .. }) => continue,
            Patch::Clear => &[],
            Patch::Set(ParentKey::Key(key)) => {
                ancestors.extend(added.get(key).into_iter().flatten());
                seen.matches(key)
            }
        };
        let own = seen.matches(&directive.key).first().and_then(|id| seen.groups.get(id));
        let Some(own) = own else {
            ancestors.extend(wanted);
            continue;
        };
        let stays = match own.parent {
            Some(parent) => wanted.contains(&parent),
            None => directive.parent == Patch::Clear,
        };
        if !stays {
            ancestors.extend(wanted);
            ancestors.insert(own.id);
            movers.insert(own.id);
        }
    }
    HierarchyNeeds {
        ancestors_of: ancestors.into_iter().collect(),
        heights_of: movers.into_iter().collect(),
        ..HierarchyNeeds::default()
    }
}

/// The stored groups that records make known by further references, by the keys that would find them.
fn added(batch: &Batch, seen: &Snapshot) -> HashMap<LookupKey, Vec<GroupId>> {
    let mut added: HashMap<LookupKey, Vec<GroupId>> = HashMap::new();
    for directive in batch.records.iter().flatten() {
        for reference in &directive.references {
            for key in [LookupKey::Key(reference.key.clone()), LookupKey::Reference(reference.clone())] {
                added.entry(key).or_default().extend(seen.matches(&directive.key));
            }
        }
    }
    added
}

/// Hands out the free ids from the lowest, leaving out those that records of the batch ask for.
#[derive(Debug)]
pub struct FreshIds<'a> {
    ranges: std::slice::Iter<'a, (i64, i64)>,
    current: std::ops::RangeInclusive<i64>,
    asked_for: HashSet<GroupId>,
}

impl FreeIds {
    /// A source of these ids for this batch.
    pub fn source<'a>(&'a self, batch: &Batch) -> FreshIds<'a> {
        let asked_for = batch.records.iter().filter_map(key_of).filter_map(|key| match key {
            LookupKey::Id(id) => Some(*id),
            LookupKey::Key(_) | LookupKey::Reference(_) | LookupKey::New => None,
        });
        #[expect(clippy::reversed_empty_ranges, reason = "an empty range is where the iteration starts")]
        let current = 1..=0;
        FreshIds { ranges: self.0.iter(), current, asked_for: asked_for.collect() }
    }
}

impl IdSource for FreshIds<'_> {
    /// # Panics
    /// When the engine did not supply the ids that [`Needs`] asked for: a defect of the engine.
    fn next_id(&mut self) -> GroupId {
        loop {
            let Some(number) = self.current.next() else {
                let (first, last) =
                    self.ranges.next().expect("an engine supplies as many ids as were asked for");
                self.current = *first..=*last;
                continue;
            };
            match GroupId::new(number) {
                Some(id) if !self.asked_for.contains(&id) => return id,
                _ => {}
            }
        }
    }
}

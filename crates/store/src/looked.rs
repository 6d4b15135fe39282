//! What a plan has looked at, so that an engine can tell later whether it would see the same again.

use directory::{HierarchyNeeds, LookupKey, Needs, ReferenceKey, Snapshot};

use crate::fold::fold;

/// All that a [`Snapshot`] depends on, but for the tenant's revision and its free ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The revision at which it was taken.
    pub(crate) revision: i64,
    /// How many free ids were asked for.
    pub(crate) fresh_ids: usize,
    /// Numbers of keys: what lies under them was looked at, and that nothing else does.
    pub(crate) folds: Vec<i64>,
    /// Groups that were looked at.
    pub(crate) ids: Vec<i64>,
}

impl Looked {
    /// What this snapshot, which answers these looks, depends on. `None` where that is more than keys and groups:
    /// values, addresses, what lies below a group, or that there is no group of an id.
    pub fn of(needs: &Needs<'_>, hierarchy: &HierarchyNeeds, seen: &Snapshot) -> Option<Self> {
        // The ancestors that were asked for, and those above them, stand in the snapshot.
        let HierarchyNeeds { ancestors_of: _, heights_of, children_of, descendants_of } = hierarchy;
        let Needs { keys, own_keys: _, plain, fresh_ids, values, addresses_of } = needs;
        let below = [heights_of, children_of, descendants_of];
        let is_absent = |key: &LookupKey| match key {
            LookupKey::Id(id) => !seen.groups.contains_key(id),
            LookupKey::Key(_) | LookupKey::Reference(_) | LookupKey::New => false,
        };
        if keys.iter().any(is_absent) {
            return None;
        }
        if !values.is_empty() || !addresses_of.is_empty() || !below.into_iter().all(Vec::is_empty) {
            return None;
        }
        let plain = plain.iter().map(|plain| plain.reference_key);
        let by_key = keys.iter().filter_map(LookupKey::reference_key).chain(plain);
        let ids = seen.groups.keys().chain(seen.ancestors.keys()).chain(seen.alike.iter().flatten());
        Some(Self {
            revision: seen.revision,
            fresh_ids: *fresh_ids,
            folds: by_key.map(|key: &ReferenceKey| fold(key)).collect(),
            ids: ids.map(|id| id.get()).collect(),
        })
    }
}

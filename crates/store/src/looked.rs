//! What a plan has looked at, so that an engine can tell later whether it would see the same again, and what can be
//! worked out of its writes before their turn.

use std::borrow::Cow;

use directory::write::Content;
use directory::{
    ExternalReference, GroupId, HierarchyNeeds, LookupKey, Needs, ReferenceKey, Snapshot, Write,
};
use foldhash::{HashSet, HashSetExt as _};

use crate::content_hash;
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
    /// Ids of which it was seen that no group has them.
    pub(crate) absent: Vec<i64>,
    /// Those of each write, in their order.
    pub(crate) numbers: Vec<Numbers>,
    /// Whether each reference that the writes give to a group was looked for and belonged to none. As long as the look
    /// holds no other group can have it.
    pub(crate) claims_are_free: bool,
}

/// The numbers that are stored beside a group which is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Numbers {
    /// That of the key of its first reference; only where it is created.
    pub(crate) fold: Option<i64>,
    /// Its parent, on which the next number depends. It may have got another id since.
    parent: Option<GroupId>,
    /// That of what it holds.
    content_hash: Option<i64>,
}

impl Numbers {
    /// Those of each write, in their order: as they were worked out before, if they were.
    pub(crate) fn of_all<'l>(writes: &[Write], looked: Option<&'l Looked>) -> Cow<'l, [Self]> {
        let known = looked.map(|looked| &looked.numbers[..]).filter(|known| known.len() == writes.len());
        known.map_or_else(|| writes.iter().map(Self::of).collect(), Cow::Borrowed)
    }

    fn of(write: &Write) -> Self {
        match write {
            Write::Create { references, content, .. } => {
                let first = references.first();
                Self {
                    fold: first.map(|first| fold(&first.key)),
                    parent: content.parent,
                    content_hash: content_hash::of_stored(first, content),
                }
            }
            Write::Update { first, content, .. } => Self {
                fold: None,
                parent: content.parent,
                content_hash: content_hash::of_stored(first.as_ref(), content),
            },
            Write::Archive { .. } | Write::Restore { .. } => Self::default(),
        }
    }

    /// The number of what a group holds, worked out now where it has got another parent.
    pub(crate) fn content_hash(&self, first: Option<&ExternalReference>, content: &Content) -> Option<i64> {
        if self.parent != content.parent {
            return content_hash::of_stored(first, content);
        }
        debug_assert_eq!(self.content_hash, content_hash::of_stored(first, content), "of the same write");
        self.content_hash
    }
}

impl Looked {
    /// What this snapshot, which answers these looks and led to these writes, depends on. `None` where that is more
    /// than keys and groups: values, addresses, or what lies below a group.
    pub fn of(
        needs: &Needs<'_>,
        hierarchy: &HierarchyNeeds,
        seen: &Snapshot,
        writes: &[Write],
    ) -> Option<Self> {
        // The ancestors that were asked for, and those above them, stand in the snapshot.
        let HierarchyNeeds { ancestors_of: _, heights_of, children_of, descendants_of } = hierarchy;
        let Needs { keys, own_keys: _, plain, fresh_ids, values, addresses_of } = needs;
        let below = [heights_of, children_of, descendants_of];
        let absent = keys.iter().filter_map(|key| match key {
            LookupKey::Id(id) if !seen.groups.contains_key(id) => Some(id.get()),
            LookupKey::Id(_) | LookupKey::Key(_) | LookupKey::Reference(_) | LookupKey::New => None,
        });
        let absent: Vec<i64> = absent.collect();
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
            absent,
            numbers: writes.iter().map(Numbers::of).collect(),
            claims_are_free: are_free(writes, needs, seen),
        })
    }
}

/// References that this write gives to its group.
fn claims(write: &Write) -> impl Iterator<Item = &ExternalReference> {
    let (all, replaced) = match write {
        Write::Create { references, .. } => (&references[..], None),
        Write::Update { reference, added, .. } => (&added[..], reference.as_ref().map(|(_, to)| to)),
        Write::Archive { .. } | Write::Restore { .. } => (&[][..], None),
    };
    all.iter().chain(replaced)
}

/// Whether each claimed reference was looked for, belonged to no group, and is claimed once.
fn are_free(writes: &[Write], needs: &Needs<'_>, seen: &Snapshot) -> bool {
    /// A key that was looked for: under any source, or under this one.
    fn asked(key: &LookupKey) -> Option<(Option<&str>, &str)> {
        match key {
            LookupKey::Key(key) => Some((None, key.as_str())),
            LookupKey::Reference(reference) => {
                Some((Some(reference.source.as_str()), reference.key.as_str()))
            }
            LookupKey::Id(_) | LookupKey::New => None,
        }
    }
    if writes.iter().all(|write| claims(write).next().is_none()) {
        return true;
    }
    let plain = needs.plain.iter().map(|plain| plain.key);
    let looked_for: HashSet<_> = needs.keys.iter().chain(plain).filter_map(asked).collect();
    let alike = needs.plain.iter().filter(|plain| seen.alike.get(plain.record).is_some_and(Option::is_some));
    let stored = seen.groups.values().flat_map(|group| &group.references).map(|reference| &reference.key);
    let taken: HashSet<&str> =
        alike.map(|plain| plain.reference_key).chain(stored).map(ReferenceKey::as_str).collect();
    let mut claimed = HashSet::with_capacity(writes.len());
    writes.iter().flat_map(claims).all(|claim| {
        let (source, key) = (claim.source.as_str(), claim.key.as_str());
        let was_looked_for = looked_for.contains(&(None, key)) || looked_for.contains(&(Some(source), key));
        was_looked_for && !taken.contains(key) && claimed.insert(key)
    })
}

#[cfg(test)]
mod tests {
    use directory::{Group, Name, Plain, Timestamp};

    use super::*;
    use crate::conformance::desk::{content, create, id, key as by_key, reference};

    fn update(number: i64, from: &str, to: &str, added: &[&str]) -> Write {
        Write::Update {
            id: id(number),
            first: Some(reference("S", to)),
            content: content("a", None),
            reference: Some((reference("S", from), reference("S", to))),
            added: added.iter().map(|key| reference("S", key)).collect(),
            values: Vec::new(),
            addresses: Vec::new(),
        }
    }

    #[test]
    fn a_claim_is_free_where_its_key_was_looked_for_and_nobody_had_it() {
        let stored = Group {
            id: id(1),
            name: Name::from_stored("a"),
            description: None,
            parent: None,
            references: vec![reference("S", "first"), reference("S", "second")],
            photo_url: None,
            details: None,
            created_at: Timestamp(1),
            updated_at: Timestamp(1),
            archived_at: None,
            revision: 1,
        };
        let seen = Snapshot {
            groups: [(id(1), stored)].into_iter().collect(),
            alike: vec![Some(id(2)), None],
            ..Snapshot::default()
        };
        let keys = ["alike", "plain"].map(by_key);
        let texts = ["alike", "plain"].map(ReferenceKey::from_stored);
        let name = Name::from_stored("a");
        let plain = keys.iter().zip(&texts).enumerate().map(|(record, (key, reference_key))| Plain {
            record,
            key,
            reference_key,
            source: None,
            name: &name,
            description: None,
            parent: None,
            photo_url: None,
        });
        let looked_for = ["new", "other", "first", "second"].map(by_key).into_iter();
        let needs = Needs {
            keys: looked_for.chain([LookupKey::Reference(reference("S", "pair"))]).collect(),
            plain: plain.collect(),
            ..Needs::default()
        };
        for (writes, free) in [
            (vec![create(3, &[("S", "new")]), create(4, &[("T", "other")])], true),
            (vec![create(3, &[("", "plain")])], true),
            (vec![create(3, &[("S", "pair")])], true),
            (vec![update(1, "first", "new", &["other"])], true),
            (vec![create(3, &[]), Write::Restore { id: id(1) }], true),
            (vec![create(3, &[("S", "unknown")])], false),
            (vec![create(3, &[("S", "new"), ("S", "unknown")])], false),
            (vec![create(3, &[("T", "pair")])], false),
            (vec![create(3, &[("S", "NEW")])], false),
            (vec![create(3, &[("S", "alike")])], false),
            (vec![create(3, &[("T", "second")])], false),
            (vec![create(3, &[("S", "new")]), create(4, &[("S", "new")])], false),
            (vec![update(1, "first", "unknown", &[])], false),
            (vec![update(1, "first", "new", &["unknown"])], false),
            (vec![update(1, "first", "new", &["new"])], false),
            // It is free in the end, but only because another write gives it up.
            (vec![update(1, "first", "new", &[]), create(3, &[("S", "first")])], false),
        ] {
            assert_eq!(are_free(&writes, &needs, &seen), free, "{writes:?}");
        }
    }

    #[test]
    fn a_number_is_that_of_the_parent_that_it_has_in_the_end() {
        let write = create(3, &[("S", "new")]);
        let numbers = Numbers::of(&write);
        let first = reference("S", "new");
        assert_eq!(numbers.fold, Some(fold(&first.key)));
        for content in [content("name", None), content("name", Some(9))] {
            let number = content_hash::of_stored(Some(&first), &content);
            assert_eq!(numbers.content_hash(Some(&first), &content), number);
        }
        assert_eq!(Numbers::of(&Write::Restore { id: id(1) }), Numbers::default());
    }
}

//! Which groups are meant: by a filter, by words, by a key that looks like theirs.

use std::collections::HashSet;

use directory::{ExternalReference, Filter, Group, GroupId, LookupKey, Place, Words};

pub(super) fn passes(filter: &Filter, group: &Group) -> bool {
    let Filter { place, life, source, updated_after } = filter;
    let lies_there = match place {
        Place::Anywhere => true,
        Place::Roots => group.parent.is_none(),
        Place::Below(parent) => group.parent == Some(*parent),
    };
    let first = group.references.first();
    let comes_from =
        source.as_ref().is_none_or(|wanted| first.is_some_and(|reference| reference.source == *wanted));
    let changed = updated_after.is_none_or(|after| group.updated_at > after);
    lies_there && life.admits(group.is_archived()) && comes_from && changed
}

pub(super) fn words(group: &Group) -> Words {
    let mut words = Words::default();
    words.add_name(group.name.as_str());
    for reference in &group.references {
        words.add_key(reference.key.as_str());
    }
    words
}

pub(super) fn similar<'g>(
    groups: impl Iterator<Item = &'g Group>,
    key: &LookupKey,
) -> Vec<ExternalReference> {
    let Some(key) = key.reference_key() else { return Vec::new() };
    let alike =
        |reference: &&ExternalReference| reference.key != *key && reference.key.folded() == key.folded();
    let mut similar: Vec<ExternalReference> =
        groups.flat_map(|group| &group.references).filter(alike).cloned().collect();
    similar.sort();
    similar.truncate(3);
    similar
}

/// A reference belongs to one group: one that has a reference of another one, if there is any.
pub(super) fn intruder<'g>(groups: impl Iterator<Item = &'g Group>) -> Option<GroupId> {
    let mut owned = HashSet::new();
    let mut all = groups.flat_map(|group| group.references.iter().map(|reference| (group.id, reference)));
    all.find(|(_, reference)| !owned.insert(*reference)).map(|(id, _)| id)
}

/// Whether a key means this group.
pub(super) fn is_meant(group: &Group, key: &LookupKey) -> bool {
    match key {
        LookupKey::Id(id) => group.id == *id,
        LookupKey::New => false,
        LookupKey::Reference(wanted) => group.references.contains(wanted),
        LookupKey::Key(wanted) => group.references.iter().any(|reference| reference.key == *wanted),
    }
}

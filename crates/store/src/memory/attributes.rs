//! Attributes in the reference engine.

use std::collections::{BTreeMap, HashSet};

use directory::{
    AttributeDefinition, AttributeId, AttributeKey, DefinitionFilter, DefinitionSnapshot, DefinitionWrite,
    EffectiveValue, GroupId, Needs, Numbered, NumberedPage, Parts, Snapshot, ValueWrite, effective,
};

use super::TenantState;
use crate::StoreError;

/// What a tenant has of attributes.
#[derive(Debug, Clone, Default)]
pub(super) struct Attributes {
    pub(super) definitions: BTreeMap<AttributeId, AttributeDefinition>,
    pub(super) values: BTreeMap<GroupId, BTreeMap<AttributeId, Parts>>,
    /// How many ids were assigned.
    pub(super) assigned: i64,
}

impl Attributes {
    fn find(&self, key: &AttributeKey) -> Option<&AttributeDefinition> {
        self.definitions.values().find(|definition| match key {
            AttributeKey::Id(id) => definition.id == *id,
            AttributeKey::Name { name, class } => definition.name == *name && definition.class == *class,
        })
    }

    pub(super) fn look(&self, needs: &Needs<'_>, seen: &mut Snapshot) {
        for (key, attributes) in &needs.values {
            let group = seen.matches.get(key).filter(|found| found.len() == 1).map(|found| found[0]);
            for attribute in attributes {
                let Some(definition) = self.find(attribute) else { continue };
                seen.attributes.insert(attribute.clone(), definition.clone());
                let Some(group) = group else { continue };
                let stored = self.values.get(&group);
                let own = seen.values.entry(group).or_default();
                own.attributes = stored.map_or(0, BTreeMap::len);
                if let Some(parts) = stored.and_then(|stored| stored.get(&definition.id)) {
                    own.values.insert(definition.id, parts.clone());
                }
            }
        }
    }

    pub(super) fn write(&mut self, group: GroupId, writes: &[ValueWrite]) -> Result<(), StoreError> {
        for ValueWrite { attribute, language, value } in writes {
            let of_group = self.values.entry(group).or_default();
            let parts = of_group.entry(*attribute).or_default();
            let before = match value {
                Some(value) => parts.insert(*language, value.clone()),
                None => parts.remove(language),
            };
            if value.is_none() && before.is_none() {
                return Err(StoreError::Conflict(format!("{group} has no value of {attribute}")));
            }
            of_group.retain(|_, parts| !parts.is_empty());
        }
        Ok(())
    }

    pub(super) fn load(&self, revision: i64, keys: &HashSet<AttributeKey>) -> DefinitionSnapshot {
        let known = keys.iter().filter_map(|key| Some((key.clone(), self.find(key)?.clone())));
        let (count, next_id) = (self.definitions.len(), self.assigned + 1);
        DefinitionSnapshot { revision, known: known.collect(), count, next_id }
    }

    pub(super) fn apply(&mut self, write: &DefinitionWrite) -> Result<(), StoreError> {
        let conflict = |id: AttributeId| Err(StoreError::Conflict(format!("attribute {id}")));
        match write {
            DefinitionWrite::Create(new) => {
                let (name, class) = (new.name.clone(), new.class);
                let taken = self.find(&AttributeKey::Name { name, class }).is_some();
                if taken || self.definitions.insert(new.id, new.clone()).is_some() {
                    return conflict(new.id);
                }
                self.assigned = self.assigned.max(new.id.get());
            }
            DefinitionWrite::Update(new) => {
                let same = |old: &&mut AttributeDefinition| {
                    (&old.name, old.class, old.kind) == (&new.name, new.class, new.kind)
                };
                match self.definitions.get_mut(&new.id).filter(same) {
                    Some(old) => *old = new.clone(),
                    None => return conflict(new.id),
                }
            }
            DefinitionWrite::Delete(id) => {
                if self.definitions.remove(id).is_none() {
                    return conflict(*id);
                }
                for of_group in self.values.values_mut() {
                    of_group.remove(id);
                }
            }
        }
        Ok(())
    }

    pub(super) fn list(
        &self,
        filter: &DefinitionFilter,
        page: NumberedPage,
    ) -> Numbered<AttributeDefinition> {
        numbered(self.definitions.values().filter(|it| filter.admits(it)).cloned().collect(), page)
    }
}

impl TenantState {
    /// What a group shows: the nearest value, looked for one attribute after another.
    pub(super) fn effective(&self, group: GroupId, page: NumberedPage) -> Numbered<EffectiveValue> {
        let above = |id: &GroupId| self.groups.get(id).and_then(|group| group.parent);
        let first = self.groups.contains_key(&group).then_some(group);
        let line: Vec<GroupId> = std::iter::successors(first, above).collect();
        let nothing = Parts::new();
        let of = |group: &GroupId, attribute: AttributeId| {
            self.attributes
                .values
                .get(group)
                .and_then(|of_group| of_group.get(&attribute))
                .unwrap_or(&nothing)
        };
        let users =
            |it: &&AttributeDefinition| it.class == directory::AttributeClass::User && !line.is_empty();
        let shown = self.attributes.definitions.values().filter(users).filter_map(|definition| {
            effective(definition, line.iter().map(|group| of(group, definition.id)))
        });
        numbered(shown.collect(), page)
    }
}

fn numbered<T>(all: Vec<T>, page: NumberedPage) -> Numbered<T> {
    let total = all.len();
    Numbered { items: all.into_iter().skip(page.skip).take(page.limit).collect(), total }
}

//! Moving in the reference engine.

use directory::{AddressId, TenantId};

use super::{State, TenantState};
use crate::StoreError;
use crate::moving::{Export, Filling, Import, Item, ItemPlace, MovedGroup, Portion, PortionSize, TenantHead};

impl Export for State {
    fn portion(
        &mut self,
        tenant: TenantId,
        after: Option<&ItemPlace>,
        most: PortionSize,
    ) -> Result<Option<Portion>, StoreError> {
        let Some(found) = self.tenants.get(&tenant) else { return Ok(None) };
        let mut filling = Filling::new(found.head(), after.cloned(), most);
        let wanted = |item: &Item| after.is_none_or(|after| item.place() > *after);
        for item in self.everything(tenant, found).into_iter().filter(wanted) {
            if !filling.has_room() {
                break;
            }
            filling.add(item);
        }
        Ok(Some(filling.done()))
    }

    fn copy_mark(&mut self, of: Option<TenantId>) -> Result<Option<String>, StoreError> {
        Ok(self.copies.get(&of).cloned())
    }
}

impl Import for State {
    fn put(&mut self, portion: &Portion) -> Result<(), StoreError> {
        self.write(|state| {
            let TenantHead { tenant, .. } = &portion.head;
            let is_named =
                |other: &&TenantState| other.tenant.name == tenant.name && other.tenant.id != tenant.id;
            if state.tenants.values().find(is_named).is_some() {
                return Err(StoreError::Conflict(format!("the name {:?} is taken", tenant.name)));
            }
            state.clear(portion);
            for item in &portion.items {
                state.put_item(tenant.id, item)?;
            }
            Ok(())
        })
    }

    fn set_copy_mark(&mut self, of: Option<TenantId>, mark: Option<&str>) -> Result<(), StoreError> {
        match mark {
            Some(mark) => _ = self.copies.insert(of, mark.to_owned()),
            None => _ = self.copies.remove(&of),
        }
        Ok(())
    }
}

impl TenantState {
    fn head(&self) -> TenantHead {
        TenantHead {
            tenant: self.tenant.clone(),
            next_group: self.next_id,
            next_attribute: self.attributes.assigned + 1,
            next_address: self.addresses.next,
        }
    }
}

impl State {
    /// In the order of places.
    fn everything(&self, tenant: TenantId, found: &TenantState) -> Vec<Item> {
        let mut items: Vec<Item> =
            found.attributes.definitions.values().cloned().map(Item::Definition).collect();
        let keys = self.access_keys.values().filter(|key| key.tenant == tenant);
        items.extend(keys.cloned().map(Item::AccessKey));
        items.extend(found.groups.values().map(|group| {
            let values = found.attributes.values.get(&group.id).cloned().unwrap_or_default();
            let addresses = found.addresses.of(group.id, None);
            Item::Group(Box::new(MovedGroup { group: group.clone(), values, addresses }))
        }));
        let runs = self.runs.values().filter(|recorded| recorded.run.tenant == tenant);
        items.extend(runs.cloned().map(Item::Run));
        items.extend(
            self.answers.values().filter(|answer| answer.tenant == tenant).cloned().map(Item::Answer),
        );
        items
    }

    fn clear(&mut self, portion: &Portion) {
        let TenantHead { tenant, next_group, next_attribute, next_address } = &portion.head;
        let found = self.tenants.entry(tenant.id).or_insert_with(|| TenantState {
            tenant: tenant.clone(),
            next_id: 1,
            groups: std::collections::BTreeMap::new(),
            attributes: super::attributes::Attributes::default(),
            addresses: super::Addresses::default(),
        });
        (found.tenant, found.next_id) = (tenant.clone(), *next_group);
        (found.attributes.assigned, found.addresses.next) = (next_attribute - 1, *next_address);
        let stays = |place: ItemPlace| !portion.covers(&place);
        found.attributes.definitions.retain(|id, _| stays(ItemPlace::Definition(*id)));
        found.attributes.values.retain(|id, _| stays(ItemPlace::Group(*id)));
        found.addresses.all.retain(|(id, _), _| stays(ItemPlace::Group(*id)));
        found.groups.retain(|id, _| stays(ItemPlace::Group(*id)));
        let elsewhere = |other: TenantId| other != tenant.id;
        self.access_keys.retain(|id, key| elsewhere(key.tenant) || stays(ItemPlace::AccessKey(id.clone())));
        self.runs.retain(|(of, id), _| elsewhere(*of) || stays(ItemPlace::Run(*id)));
        self.answers.retain(|(of, key), _| elsewhere(*of) || stays(ItemPlace::Answer(key.clone())));
    }

    fn put_item(&mut self, tenant: TenantId, item: &Item) -> Result<(), StoreError> {
        let found = self.tenants.get_mut(&tenant).ok_or_else(|| super::no_such(tenant))?;
        match item {
            Item::Definition(definition) => {
                let same = |other: &directory::AttributeDefinition| {
                    (&other.name, other.class) == (&definition.name, definition.class)
                };
                found.attributes.definitions.retain(|_, other| !same(other));
                found.attributes.definitions.insert(definition.id, definition.clone());
            }
            Item::AccessKey(key) => {
                if self.access_keys.insert(key.id.clone(), key.clone()).is_some() {
                    return Err(StoreError::Conflict(format!("access key {} is taken", key.id)));
                }
            }
            Item::Group(moved) => {
                let MovedGroup { group, values, addresses } = &**moved;
                found.groups.insert(group.id, group.clone());
                if !values.is_empty() {
                    found.attributes.values.insert(group.id, values.clone());
                }
                let of = |address: &directory::Address| -> (_, AddressId) { (group.id, address.id) };
                found.addresses.all.extend(addresses.iter().map(|address| (of(address), address.clone())));
            }
            Item::Run(recorded) => _ = self.runs.insert((tenant, recorded.run.id), recorded.clone()),
            Item::Answer(answer) => {
                self.answers.insert((tenant, answer.key.clone()), answer.clone());
            }
        }
        Ok(())
    }
}

//! Addresses of groups.

use std::collections::BTreeMap;

use directory::{Address, AddressId, AddressType, AddressWrite, GroupId, Needs, Snapshot, TenantId};

use super::{State, conflict};
use crate::StoreError;

/// Those of one tenant.
#[derive(Debug, Clone, Default)]
pub(super) struct Addresses {
    pub(super) all: BTreeMap<(GroupId, AddressId), Address>,
    pub(super) next: AddressId,
}

impl State {
    pub(super) fn kept(&self, tenant: TenantId) -> Option<&Addresses> {
        self.tenants.get(&tenant).map(|found| &found.addresses)
    }
}

impl Addresses {
    pub(super) fn of(&self, group: GroupId, kind: Option<AddressType>) -> Vec<Address> {
        let wanted = self.all.iter().filter(|((of, _), address)| {
            *of == group && kind.is_none_or(|kind| address.content.kind == kind)
        });
        wanted.map(|(_, address)| address.clone()).collect()
    }

    pub(super) fn see(&self, needs: &Needs<'_>, into: &mut Snapshot) {
        into.next_address = self.next;
        for id in needs.addresses_of.iter().filter_map(|key| into.matches.get(key)).flatten() {
            let found = self.of(*id, None);
            if !found.is_empty() {
                into.addresses.insert(*id, found);
            }
        }
    }

    pub(super) fn apply(&mut self, group: GroupId, writes: &[AddressWrite]) -> Result<(), StoreError> {
        for write in writes {
            let sound = match write {
                AddressWrite::Add(address) => {
                    self.next = self.next.max(address.id.next());
                    self.all.insert((group, address.id), *address.clone()).is_none()
                }
                AddressWrite::Replace(address) => {
                    self.all.insert((group, address.id), *address.clone()).is_some()
                }
                AddressWrite::Remove(id) => self.all.remove(&(group, *id)).is_some(),
            };
            if !sound {
                return Err(conflict(group, "does not have the addresses that the plan saw"));
            }
        }
        Ok(())
    }
}

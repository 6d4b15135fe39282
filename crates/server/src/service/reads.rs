//! Reads: nothing is planned, the store answers.

use directory::{
    Address, AddressType, Filter, Found, GroupId, GroupView, Listed, LookupKey, Page, Place, SearchPage,
    Slice, Sliced, TenantId, Tree, TreePage,
};
use store::{Reader, StoreError};

use super::Service;
use crate::sabotage::as_listed;

/// What was found of the one group that a key should name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named<T> {
    /// It names none.
    Nobody,
    /// It names one.
    One(T),
    /// It names several.
    Several,
}

impl Service {
    /// The groups that a key means, archived ones included.
    pub(crate) fn find(&self, tenant: TenantId, key: &LookupKey) -> Result<Vec<GroupView>, StoreError> {
        self.read(|reader| reader.find(tenant, key))
    }

    /// One page of the groups that a filter lets through; below one parent, if one is named.
    pub(crate) fn list(
        &self,
        tenant: TenantId,
        parent: Option<&LookupKey>,
        filter: &Filter,
        page: Page,
    ) -> Result<Named<Listed>, StoreError> {
        let list = || match parent {
            None => self.read(|reader| reader.list(tenant, filter, page)).map(Named::One),
            Some(parent) => self.of_one(tenant, parent, |reader, parent| {
                reader.list(tenant, &Filter { place: Place::Below(parent), ..filter.clone() }, page)
            }),
        };
        as_listed(&(tenant, parent, filter, page), list)
    }

    /// One page of the groups that a text finds and a filter lets through; below one parent, if one is
    /// named. `None` where the page's start is no longer there.
    pub(crate) fn search(
        &self,
        tenant: TenantId,
        parent: Option<&LookupKey>,
        filter: &Filter,
        page: &SearchPage,
    ) -> Result<Named<Option<Found>>, StoreError> {
        let mut filter = filter.clone();
        if let Some(parent) = parent {
            // In a view of its own: a search wants to come first. Ids do not change hands.
            match &self.find(tenant, parent)?[..] {
                [] => return Ok(Named::Nobody),
                [view] => filter.place = Place::Below(view.group.id),
                _ => return Ok(Named::Several),
            }
        }
        self.read(|reader| reader.search(tenant, &filter, page)).map(Named::One)
    }

    /// A page by its number, and how many groups there are on all; below one parent, if one is named.
    pub(crate) fn slice(
        &self,
        tenant: TenantId,
        parent: Option<&LookupKey>,
        filter: &Filter,
        slice: &Slice,
    ) -> Result<Named<Sliced>, StoreError> {
        match parent {
            None => self.read(|reader| reader.slice(tenant, filter, slice)).map(Named::One),
            Some(parent) => self.of_one(tenant, parent, |reader, parent| {
                reader.slice(tenant, &Filter { place: Place::Below(parent), ..filter.clone() }, slice)
            }),
        }
    }

    /// The addresses of a group, all of them or those of one type.
    pub(crate) fn addresses(
        &self,
        tenant: TenantId,
        of: GroupId,
        kind: Option<AddressType>,
    ) -> Result<Vec<Address>, StoreError> {
        self.read(|reader| reader.addresses(tenant, of, kind))
    }

    /// One page of the groups above one.
    pub(crate) fn ancestors(
        &self,
        tenant: TenantId,
        of: &LookupKey,
        page: Page,
    ) -> Result<Named<Listed>, StoreError> {
        self.of_one(tenant, of, |reader, of| reader.ancestors(tenant, of, page))
    }

    /// One page of the tree below one; `None` where the page's start has left it.
    pub(crate) fn tree(
        &self,
        tenant: TenantId,
        of: &LookupKey,
        page: TreePage,
    ) -> Result<Named<Option<Tree>>, StoreError> {
        self.of_one(tenant, of, |reader, of| reader.tree(tenant, of, page))
    }

    /// Reads what belongs to the one group of this key, at the moment at which it was found.
    fn of_one<T>(
        &self,
        tenant: TenantId,
        key: &LookupKey,
        job: impl Fn(&mut dyn Reader, GroupId) -> Result<T, StoreError>,
    ) -> Result<Named<T>, StoreError> {
        self.read(|reader| match &reader.find(tenant, key)?[..] {
            [] => Ok(Named::Nobody),
            [view] => job(reader, view.group.id).map(Named::One),
            _ => Ok(Named::Several),
        })
    }
}

//! The closed list of things an engine can be told. Engines obey, they never decide.

use crate::batch::Reach;
use crate::model::{Address, AddressId, Description, Details, ExternalReference, GroupId, Name, PhotoUrl};
use crate::values::ValueWrite;

/// Where the id of a created group comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdOrigin {
    /// From the tenant's counter, which must not hand it out again.
    Assigned,
    /// From the caller; the counter stays where it is.
    Given,
}

/// One change to one group, or to it and all below it. The engine stamps revision and time. Each group is
/// named once in a plan, and parents may come after their children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Adds a living group.
    Create {
        /// Its id.
        id: GroupId,
        /// Where that id comes from.
        id_origin: IdOrigin,
        /// Its references.
        references: Vec<ExternalReference>,
        /// What it holds.
        content: Content,
        /// Its values of attributes.
        values: Vec<ValueWrite>,
        /// Its addresses.
        addresses: Vec<AddressWrite>,
    },
    /// Replaces what a stored group holds.
    Update {
        /// Which group.
        id: GroupId,
        /// The first of its references from now on.
        first: Option<ExternalReference>,
        /// All it holds from now on.
        content: Content,
        /// A reference that is replaced: the stored one, and the one that takes its place.
        reference: Option<(ExternalReference, ExternalReference)>,
        /// References that it has from now on beside the others.
        added: Vec<ExternalReference>,
        /// The parts of values of attributes that change.
        values: Vec<ValueWrite>,
        /// What becomes of its addresses; those that are not named stay.
        addresses: Vec<AddressWrite>,
    },
    /// Archives a stored group, or it and all below it. Groups that are archived already stay as they are.
    Archive {
        /// Which group.
        id: GroupId,
        /// What is archived with it.
        reach: Reach,
    },
    /// Makes an archived group a living one.
    Restore {
        /// Which group.
        id: GroupId,
    },
}

/// One change to one address of the group that is written. Each address is named once. Ids of addresses
/// always come from the tenant's counter, which must not hand them out again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressWrite {
    /// Adds an address.
    Add(Box<Address>),
    /// Replaces what a stored address holds.
    Replace(Box<Address>),
    /// Takes a stored address away.
    Remove(AddressId),
}

/// What a group holds beside its identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its name.
    pub name: Name,
    /// Its description.
    pub description: Option<Description>,
    /// Its parent; `None` for a root.
    pub parent: Option<GroupId>,
    /// Its picture.
    pub photo_url: Option<PhotoUrl>,
    /// What contract 2 knows of it; `None` where all of that has its defaults.
    pub details: Option<Box<Details>>,
}

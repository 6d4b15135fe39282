//! What a caller asks of one group.

use std::fmt;

use crate::model::{
    AddressCode, AddressId, AddressType, BUDGET, Choice, Country, Description, ExternalReference, Fault,
    Gender, GroupId, Language, Line, Lines, Name, Notes, ORDER_LIST, PhotoUrl, ReferenceKey, Source, YES_NO,
};
use crate::values::ValuePatch;

/// One field of a partial update (rules §2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// The field was absent: it stays as it is.
    #[default]
    Keep,
    /// The field was null: it becomes empty.
    Clear,
    /// The field has a value.
    Set(T),
}

/// How a record names the group it means. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LookupKey {
    /// By the key alone, in whatever source: more than one group can carry it.
    Key(ReferenceKey),
    /// By key and source together: at most one group.
    Reference(ExternalReference),
    /// By id: at most one group. A create takes this id.
    Id(GroupId),
    /// By nothing: no group that is stored. A create takes any id, and has no reference by which to find it.
    New,
}

/// How a record names its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParentKey {
    /// A key that a group may have.
    Key(LookupKey),
    /// A key that the contract lets through but that no group can have: it is longer than a key may be.
    Unmatchable {
        /// Its length in Unicode scalar values after NFC.
        length: usize,
    },
}

impl ParentKey {
    /// The most Unicode scalar values of a parent's key, counted after NFC. More than a key may have: the
    /// published contract says so (contract 1 §1).
    pub const MAX_CHARACTERS: usize = 255;

    /// Brings the key of a parent to NFC and checks it: the form is that of every key.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Ok(match ReferenceKey::parse_parent(text, Self::MAX_CHARACTERS)? {
            Ok(key) => Self::Key(LookupKey::Key(key)),
            Err(length) => Self::Unmatchable { length },
        })
    }
}

/// What one record asks for: the group it means, and the new state of each of its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// The group that is meant: updated when it is stored, else created.
    pub key: LookupKey,
    /// A new source for the reference that was matched, which an id does not tell. It cannot be cleared.
    pub source: Option<Source>,
    /// A new name. It cannot be cleared; a create needs it.
    pub name: Option<Name>,
    /// A new description.
    pub description: Patch<Description>,
    /// A new parent; `Clear` makes the group a root.
    pub parent: Patch<ParentKey>,
    /// Another key of the parent that is set: both must mean one group.
    pub parent_too: Option<LookupKey>,
    /// A new picture.
    pub photo_url: Patch<PhotoUrl>,
    /// New details; `None` where all of them stay.
    pub details: Option<Box<DetailsPatch>>,
    /// References that the group is to have beside those it has.
    pub references: Vec<ExternalReference>,
    /// What becomes of values of attributes.
    pub values: Vec<ValuePatch>,
    /// What is asked of its addresses; those that are not named stay as they are.
    pub addresses: Vec<AddressDirective>,
}

/// New details of a group. Texts that are cleared become empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DetailsPatch {
    /// A new language.
    pub language: Patch<Language>,
    /// A new company.
    pub company: Patch<Line>,
    /// A new department.
    pub department: Patch<Line>,
    /// A new office.
    pub office: Patch<Line>,
    /// New notes.
    pub notes: Patch<Notes>,
    /// Whether product lists are inherited. Choices cannot be cleared.
    pub inherit_product_list: Option<Choice<YES_NO>>,
    /// Whether order lists are inherited.
    pub inherit_order_list: Option<Choice<YES_NO>>,
    /// Whether budgets are inherited.
    pub budget_inherit: Option<Choice<YES_NO>>,
    /// Whether orders stay within a budget.
    pub budget: Option<Choice<BUDGET>>,
    /// What may be ordered beside the order list.
    pub order_list_allow_all: Option<Choice<ORDER_LIST>>,
}

/// What one entry of a record asks of one address of its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressDirective {
    /// That it is there and holds this.
    Put(Box<AddressPatch>),
    /// That it is no longer there.
    Delete(AddressId),
}

/// Which address of its group an entry means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressKey {
    /// The one with this code: updated when it is stored, else created.
    Code(AddressCode),
    /// The stored one with this id. Faces name an address by its id only where it is all they ask.
    Id(AddressId),
    /// A new one, whenever it is asked: such an entry is never repeatable.
    New,
}

/// New values of an address. Texts that are cleared become empty; street and city cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressPatch {
    /// Which address is meant.
    pub key: AddressKey,
    /// A new code. Where the address is meant by its code, it stays.
    pub code: Patch<AddressCode>,
    /// A new type; a create needs it.
    pub kind: Option<AddressType>,
    /// A new country; a create needs it.
    pub country: Option<Country>,
    /// A new gender.
    pub gender: Option<Gender>,
    /// A new value of `icp`.
    pub icp: Option<bool>,
    /// Whether it is to be the group's default of its type.
    pub is_default: Option<bool>,
    /// New lines.
    pub lines: Lines<Patch<Line>>,
    /// New notes.
    pub notes: Patch<Notes>,
}

impl AddressPatch {
    /// A patch that asks for nothing but the existence of the address.
    pub fn new(key: AddressKey) -> Self {
        Self {
            key,
            code: Patch::Keep,
            kind: None,
            country: None,
            gender: None,
            icp: None,
            is_default: None,
            lines: Lines::default(),
            notes: Patch::Keep,
        }
    }
}

impl Directive {
    /// A directive that asks for nothing but the existence of the group.
    pub const fn new(key: LookupKey) -> Self {
        Self {
            key,
            source: None,
            name: None,
            description: Patch::Keep,
            parent: Patch::Keep,
            parent_too: None,
            photo_url: Patch::Keep,
            details: None,
            references: Vec::new(),
            values: Vec::new(),
            addresses: Vec::new(),
        }
    }
}

impl LookupKey {
    /// The external key, where the group is meant by one.
    pub const fn reference_key(&self) -> Option<&ReferenceKey> {
        match self {
            Self::Key(key) | Self::Reference(ExternalReference { key, .. }) => Some(key),
            Self::Id(_) | Self::New => None,
        }
    }
}

/// The caller's own word for the group.
impl fmt::Display for LookupKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) | Self::Reference(ExternalReference { key, .. }) => key.fmt(formatter),
            Self::Id(id) => id.fmt(formatter),
            Self::New => formatter.write_str("new"),
        }
    }
}

//! The nouns: a type for every value, each with one `parse` that is the only way in from outside.

mod address;
mod attribute;
mod details;
mod fault;
mod group;
mod id;
mod reference;
mod text;
mod value;

pub use address::{
    Address, AddressCode, AddressContent, AddressLine, AddressType, Country, GENDER, Gender, Lines,
};
pub use attribute::{
    AttributeClass, AttributeDefinition, AttributeFlags, AttributeKey, AttributeName, AttributeType,
    Localised, localised_from_stored, localised_to_stored,
};
pub use details::{BUDGET, Choice, Details, Language, ORDER_LIST, Options, YES_NO};
pub use fault::{Fault, JsonType, KeyProblem, Unlike};
pub use group::Group;
pub use id::{AddressId, AttributeId, GroupId, TenantId};
pub use reference::{ExternalReference, ReferenceKey, Source};
pub use text::{Description, Line, Name, Notes, PhotoUrl};
pub use value::ValueText;

//! The nouns: a type for every value, each with one `parse` that is the only way in from outside.

mod fault;
mod group;
mod id;
mod reference;
mod text;

pub use fault::{Fault, JsonType, KeyProblem};
pub use group::Group;
pub use id::{GroupId, TenantId};
pub use reference::{ExternalReference, ReferenceKey, Source};
pub use text::{Description, Name, PhotoUrl};

//! Addresses of usergroups (contract 2 §6): their fields, and the calls for them.

mod openapi;
mod read;
mod write;

use directory::model::{Choice, Country, GENDER, YES_NO};
use directory::{AddressField, AddressLine, AddressType};

pub(super) use openapi::{of_item, paths, schemas};
pub(super) use read::{LIST, entries};
pub use read::{address_type, delete_address, read_address, read_addresses, update_address};
pub use write::{AddressCall, write_address, write_addresses, write_list};

/// The fields of an address in the order of the contract, with the domain's words for them.
const FIELDS: [(&str, AddressField); 21] = [
    ("type", AddressField::Type),
    ("code", AddressField::Code),
    ("firstName", AddressField::Line(AddressLine::FirstName)),
    ("middleName", AddressField::Line(AddressLine::MiddleName)),
    ("lastName", AddressField::Line(AddressLine::LastName)),
    ("gender", AddressField::Gender),
    ("street", AddressField::Line(AddressLine::Street)),
    ("number", AddressField::Line(AddressLine::Number)),
    ("numberExtension", AddressField::Line(AddressLine::NumberExtension)),
    ("postalCode", AddressField::Line(AddressLine::PostalCode)),
    ("city", AddressField::Line(AddressLine::City)),
    ("country", AddressField::Country),
    ("region", AddressField::Line(AddressLine::Region)),
    ("icp", AddressField::Icp),
    ("phone", AddressField::Line(AddressLine::Phone)),
    ("mobile", AddressField::Line(AddressLine::Mobile)),
    ("email", AddressField::Line(AddressLine::Email)),
    ("company", AddressField::Line(AddressLine::Company)),
    ("url", AddressField::Line(AddressLine::Url)),
    ("isDefault", AddressField::IsDefault),
    ("notes", AddressField::Notes),
];

/// The names of these fields.
pub fn address_fields() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|(name, _)| *name)
}

/// The fields that a new address needs.
const REQUIRED: [&str; 4] = ["type", "street", "city", "country"];

/// The name of a field on this wire; empty for an address as a whole.
pub(super) fn name_of(field: &AddressField) -> &str {
    match field {
        AddressField::Whole => "",
        AddressField::Other(name) => name,
        field => FIELDS.iter().find(|(_, known)| known == field).map_or("", |(name, _)| name),
    }
}

/// The name of a field of one entry within its item, such as `addresses[0].street`.
pub(super) fn path_of(entry: usize, field: &AddressField) -> String {
    match name_of(field) {
        "" => format!("{LIST}[{entry}]"),
        name => format!("{LIST}[{entry}].{name}"),
    }
}

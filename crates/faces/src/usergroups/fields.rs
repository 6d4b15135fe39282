//! The fields of a usergroup: their names on this wire (contract 2 §1).

use directory::{Detail, Field};

use super::addresses::path_of;

/// The fields that a usergroup has beside its keys, attributes and addresses, with the domain's words for them.
pub(super) const FIELDS: [(&str, Field); 12] = [
    ("name", Field::Name),
    ("language", Field::Detail(Detail::Language)),
    ("parent", Field::Parent),
    ("company", Field::Detail(Detail::Company)),
    ("department", Field::Detail(Detail::Department)),
    ("office", Field::Detail(Detail::Office)),
    ("notes", Field::Detail(Detail::Notes)),
    ("inheritProductList", Field::Detail(Detail::InheritProductList)),
    ("inheritOrderList", Field::Detail(Detail::InheritOrderList)),
    ("budgetInherit", Field::Detail(Detail::BudgetInherit)),
    ("budget", Field::Detail(Detail::Budget)),
    ("orderListAllowAll", Field::Detail(Detail::OrderListAllowAll)),
];

pub(super) const ID: &str = "id";
pub(super) const SOURCE_ID: &str = "sourceId";
pub(super) const SOURCE: &str = "source";
pub(super) const PARENT: &str = "parent";

/// The name of a field on this wire. The lookup key is named by how the request looks up.
pub(super) fn wire_name(field: &Field, key: &'static str) -> String {
    match field {
        Field::Key => key.to_owned(),
        Field::Source => SOURCE.to_owned(),
        Field::References => SOURCE_ID.to_owned(),
        // Fields of contract 1, which no record of this contract can be at fault in.
        Field::Description => "description".to_owned(),
        Field::PhotoUrl => "photoUrl".to_owned(),
        Field::AttributeEntry(entry) => format!("attributes[{entry}]"),
        Field::AttributeValue(entry) => format!("attributes[{entry}].value"),
        Field::Attribute(name) => format!("attributes.{name}"),
        Field::Other(name) => name.to_string(),
        Field::Address(entry, field) => path_of(*entry, field),
        field => FIELDS.iter().find(|(_, known)| known == field).map_or("", |(name, _)| name).to_owned(),
    }
}

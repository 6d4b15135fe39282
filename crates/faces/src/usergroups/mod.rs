//! Contract 2: usergroups, with and without `/v2`, JSON on the wire.
//!
//! [`read_bulk`], [`read_new`] and [`read_update`] turn a request body into records, [`write_bulk`] and
//! [`write_single`] an outcome into the answer, [`write_usergroup`] and [`write_found`] serve the reads, and
//! [`Refusal`] is every answer to a request that is refused as a whole.
//!
//! # Where the publication is silent
//!
//! | decision | test |
//! | --- | --- |
//! | more than 1000 items are 10017 (contract 2 §2), an empty list 10007 | `usergroups::refusals` of the server |
//! | items without a lookup key are 10016 only if nothing else is wrong with the payload | `usergroups::refusals` of the server |
//! | the first 1000 violations are named, the others counted | `usergroups::refusals` of the server |
//! | an entry of `attributes` without a key is 10016, of another form 10007; what is wrong with its value fails its item, or it alone | `attributes::bad_input` of the server |
//! | attributes that have no value anywhere are not listed | `attributes::inheritance` of the server |
//! | `language` is not a published field of a read: `expands=language` shows it | `usergroups::single` of the server |
//! | `parent` by id and by sourceId must mean one usergroup, else `AMBIGUOUS_PARENT` | `usergroups::parents` of the server |
//! | a search for a name finds beginnings of words, without case and accents | `usergroups::search` of the server |

mod addresses;
mod definitions;
mod directives;
mod error_pages;
mod fields;
mod json;
mod openapi;
mod read;
mod refusal;
mod schema;
mod search;
mod status;
mod values;
mod write;

pub use addresses::{
    AddressCall, address_fields, address_type, delete_address, read_address, read_addresses, update_address,
    write_address, write_addresses, write_list,
};
pub use definitions::{
    AttributeQuery, By as AttributeBy, DefinitionCall, Named as NamedAttribute, read_definitions,
    write_attribute, write_definitions, write_found_attributes,
};
pub use directives::{OPERATIONS, SKIP_IF_NOT_EMPTY, known_fields};
pub use error_pages::{ERROR_PAGES, error_page};
pub(crate) use openapi::{paths, schemas, shared_responses};
pub use read::{By, Expand, Note, Reading, lookup, read_bulk, read_new, read_update, read_values};
pub use refusal::Refusal;
pub use schema::Violations;
pub use search::{Numbered, SearchQuery, write_found};
pub use values::{write_shown, write_values};
pub use write::{Above, Expanded, Single, failures, write_bulk, write_single, write_usergroup};

/// Whether a path belongs to this contract, as far as answers to it have its envelope: all below `/v2` but requests
/// for tokens, which have RFC 6749's.
pub fn serves(path: &str) -> bool {
    let below =
        |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    below("/usergroups") || below("/attributes") || below("/v2") && !below("/v2/oauth2")
}

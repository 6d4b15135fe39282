//! What each published code means and what to do: the pages that `moreInfo` leads to (contract 2 §2).

use super::status::by_status;

/// Where this server explains its errors; `/` and the code follow.
pub const ERROR_PAGES: &str = "/errors";

/// What each published code means and what to do: the pages that `moreInfo` leads to.
const PAGES: [(u32, &str, &str); 13] = [
    (10005, "InvalidJSONPayload", "The body is not one JSON text in UTF-8. Nothing was done. Mend the body."),
    (
        10006,
        "InvalidLookupKey",
        "The path names its key by a word that it does not know; case matters. The message lists the words.",
    ),
    (
        10007,
        "SchemaValidationException",
        "The payload has not the form of the contract: a wrong type or value, or a property that is not known. Every violation is listed, by a JSON pointer. Nothing was done.",
    ),
    (10008, "NotFound", "There is nothing at this path."),
    (
        10015,
        "PaginatedResponseException",
        "page and offset (the size of a page) must be positive whole numbers, and not over the maximum that the message names.",
    ),
    (
        10016,
        "LookupKeyNotFound",
        "An item of a bulk call lacks the key by which it is looked up: id, or sourceId and source. Nothing was done.",
    ),
    (
        10017,
        "PayloadValidationError",
        "The payload has the right form and cannot be done: too many items, a directive that is not known, a parent that is not there, a cycle. errorCode and reason name the exact cause.",
    ),
    (
        14001,
        "AttributeNotFound",
        "No attribute has this id or name. The class of an attribute is part of its name.",
    ),
    (20004, "UsergroupExists", "Another usergroup, which may be deleted, has this source and sourceId."),
    (
        20005,
        "UsergroupMultipleFound",
        "Several usergroups have this sourceId, each of another source: name the source.",
    ),
    (20006, "UsergroupNotFound", "No usergroup has this key, or it was deleted."),
    (20007, "ParentUsergroupNotFound", "The usergroup that the path names is not there, or it was deleted."),
    (90006, "AddressNotFound", "The usergroup has no address of this id."),
];

const OF_HTTP: &str = "A code of HTTP itself; errorCode and reason name the exact cause.";

/// The page of an error as plain text; `None` for a code that there is not.
pub fn error_page(code: &str) -> Option<String> {
    let code: u32 = code.parse().ok()?;
    let known = PAGES.iter().find(|(known, ..)| *known == code).map(|(_, title, text)| (*title, *text));
    let (title, text) = known.or_else(|| by_status(code).map(|title| (title, OF_HTTP)))?;
    Some(format!("{code} {title}\n\n{text}\n"))
}

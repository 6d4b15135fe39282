//! What contract 2 knows of a group, as the engines with SQL store it.

use directory::Details;

/// The columns of a group's details, in their order; the last one tells whether there are any.
pub(crate) fn stored_details(details: Option<&Details>) -> [Option<String>; 6] {
    let Some(details) = details else { return Default::default() };
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    [
        details.language.map(|language| language.to_string()),
        text(details.company.as_str()),
        text(details.department.as_str()),
        text(details.office.as_str()),
        text(details.notes.as_str()),
        Some(details.options.to_stored()),
    ]
}

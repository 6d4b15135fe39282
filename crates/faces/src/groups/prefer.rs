//! The request header `Prefer` (RFC 7240).

/// What becomes of a record with members that the contract does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Handling {
    /// It is done, with a warning.
    #[default]
    Lenient,
    /// It fails.
    Strict,
}

/// The handling that these values of `Prefer` ask for. Other preferences are ignored, as the standard
/// demands, and so is a handling of another name. Of several handlings the first counts.
pub fn handling(prefer_header_values: &[&str]) -> Handling {
    let preferences = prefer_header_values.iter().flat_map(|value| split(value, ','));
    // Parameters of a preference follow a semicolon: they are no preferences.
    let mut named = preferences.filter_map(|preference| split(preference, ';').next());
    let value = named.find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        name.trim().eq_ignore_ascii_case("handling").then(|| value.trim().trim_matches('"'))
    });
    match value {
        Some(value) if value.eq_ignore_ascii_case("strict") => Handling::Strict,
        _ => Handling::Lenient,
    }
}

/// The parts of a list, a separator within double quotes being none.
fn split(list: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    list.split(move |character| {
        let ends = character == separator && !quoted;
        if character == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = quoted && character == '\\' && !escaped;
        ends
    })
}

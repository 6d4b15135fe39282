//! Entity tags (RFC 9110 §8.8.3): which state of a group an answer shows.

use directory::{Expected, GroupId, GroupView};

use super::refusal::Refusal;

/// The strong tag of a group's state. Whatever changes what is shown of a group gives it a new revision:
/// the key of its parent is shown too, but keys never change.
pub fn entity_tag(view: &GroupView) -> String {
    format!("\"{}-{}\"", view.group.id, view.group.revision)
}

/// Whether one of the values of `If-None-Match` names this tag, or any. Compared weakly, as the standard
/// asks (RFC 9110 §13.1.2): proxies that pack an answer make its tag a weak one.
pub fn is_known(if_none_match_values: &[&str], tag: &str) -> bool {
    // Our tags hold no comma, so a foreign tag that is torn apart at one cannot become one of ours.
    let mut named = if_none_match_values.iter().flat_map(|value| value.split(',')).map(str::trim);
    named.any(|named| named == "*" || named.strip_prefix("W/").unwrap_or(named) == tag)
}

/// The condition of a write: `If-Match` with tags or `*`, or `If-None-Match: *` (RFC 9110 §13.1). A tag that
/// is weak, or none of ours, matches no group.
pub fn expected(
    if_match_values: &[&str],
    if_none_match_values: &[&str],
) -> Result<Option<Expected>, Refusal> {
    let named = |values: &[&str]| -> Vec<String> {
        values.iter().flat_map(|value| value.split(',')).map(|tag| tag.trim().to_owned()).collect()
    };
    match (&named(if_match_values)[..], &named(if_none_match_values)[..]) {
        ([], []) => Ok(None),
        ([any], []) if any == "*" => Ok(Some(Expected::Stored)),
        ([], [any]) if any == "*" => Ok(Some(Expected::Absent)),
        // Nothing is both stored and not.
        (_, [any]) if any == "*" => Ok(Some(Expected::At(Vec::new()))),
        (tags, []) => Ok(Some(Expected::At(tags.iter().filter_map(|tag| state(tag)).collect()))),
        _ => Err(Refusal::parameter(
            "If-None-Match",
            "A write takes If-Match with entity tags or *, and If-None-Match only with *.",
        )),
    }
}

/// The id and the revision that one of our tags stands for.
fn state(tag: &str) -> Option<(GroupId, i64)> {
    let (id, revision) = tag.strip_prefix('"')?.strip_suffix('"')?.split_once('-')?;
    Some((GroupId::parse(id)?, revision.parse().ok()?))
}

//! Entity tags (RFC 9110 §8.8.3): which state of a group an answer shows.

use directory::GroupView;

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

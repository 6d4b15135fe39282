//! The published names: what the answers of this face look like as JSON. Borrowed, written once.

use std::fmt::Display;

use serde::{Serialize, Serializer};

/// The answer to a batch upsert.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<R> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dry_run: Option<bool>,
    pub(super) summary: Summary,
    pub(super) results: R,
}

/// How many records ended in which way; only the ways that the call knows.
#[derive(Serialize, Default)]
pub(super) struct Summary {
    pub(super) total: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) updated: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) archived: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) restored: Option<usize>,
    pub(super) unchanged: usize,
    pub(super) failed: usize,
}

/// The result of one record.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResultLine<'a> {
    pub(super) input_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) external_reference_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) canonical_key: Option<&'a str>,
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Shown<directory::GroupId>>,
    /// Groups archived with this one; only where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) descendants: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) changes: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) diff: Option<Diff<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<WarningLine<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) errors: Vec<ErrorLine<'a>>,
}

/// Values before and after, by the names of their fields.
pub(super) struct Diff<'a>(pub(super) Vec<(&'a str, FromTo<'a>)>);

#[derive(Serialize)]
pub(super) struct FromTo<'a> {
    pub(super) from: Option<&'a str>,
    pub(super) to: Option<&'a str>,
}

#[derive(Serialize, Default)]
pub(super) struct WarningLine<'a> {
    pub(super) code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<&'a str>,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) existing: Option<Reference<'a>>,
}

/// A stored external reference.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference<'a> {
    pub(super) external_reference_id: &'a str,
    pub(super) external_reference_type: Option<&'a str>,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorLine<'a> {
    pub(super) code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<&'a str>,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) level: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peers: Option<&'a [usize]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<Vec<&'a str>>,
    /// Peers or steps of the path beyond those that are named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) omitted: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) children: Option<usize>,
}

/// A group as it is read: every member is always there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupLine<'a> {
    pub(super) id: Shown<directory::GroupId>,
    pub(super) external_reference_id: Option<&'a str>,
    pub(super) external_reference_type: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) description: Option<&'a str>,
    pub(super) parent_id: Option<Shown<directory::GroupId>>,
    pub(super) parent_external_reference_id: Option<&'a str>,
    pub(super) photo_url: Option<&'a str>,
    pub(super) logo_url: Option<&'a str>,
    pub(super) archived: bool,
    pub(super) archived_at: Option<Moment>,
    pub(super) created_at: Moment,
    pub(super) updated_at: Moment,
    pub(super) revision: i64,
    /// Only in a tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) depth: Option<usize>,
    /// Only in the answer to a write.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<WarningLine<'a>>,
}

/// One page of groups.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupPage<G> {
    pub(super) groups: G,
    pub(super) next_cursor: Option<String>,
}

/// One page of changes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangePage<G> {
    pub(super) groups: G,
    pub(super) next_since: Shown<super::changes::Position>,
    pub(super) more: bool,
}

/// A problem (RFC 9457).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Problem<'a> {
    #[serde(rename = "type")]
    kind: Shown<Kind>,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'static str>,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) position: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_items: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) got: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) limit: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<&'static str>,
    /// Every fault of the one record that was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) errors: Vec<ErrorLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_after: Option<u64>,
}

impl<'a> Problem<'a> {
    pub(super) const fn new(
        status: u16,
        code: &'static str,
        title: &'static str,
        detail: &'a str,
        request_id: &'a str,
    ) -> Self {
        Self {
            kind: Shown(Kind(code)),
            title,
            status,
            detail,
            code,
            reason: None,
            request_id,
            field: None,
            position: None,
            max_items: None,
            min: None,
            max: None,
            got: None,
            limit: None,
            scope: None,
            errors: Vec::new(),
            retry_after: None,
        }
    }
}

/// A problem's type, one for each code.
pub(super) struct Kind(pub(super) &'static str);

impl Display for Kind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "urn:rosterd:problem:{}", self.0)
    }
}

/// Anything by its text, as a JSON string.
pub(crate) struct Shown<T>(pub(crate) T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// RFC 3339, UTC, milliseconds.
pub(crate) struct Moment(pub(crate) directory::Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Beyond the calendar lie only times that no clock has told: the nearest end stands for them.
        let end = if self.0.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        let moment = jiff::Timestamp::from_millisecond(self.0.0).unwrap_or(end);
        serializer.collect_str(&format_args!("{moment:.3}"))
    }
}

impl Serialize for Diff<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(field, values)| (field, values)))
    }
}

/// The elements of an iterator as a JSON array, without gathering them first.
pub(crate) struct Each<I>(pub(crate) I);

impl<I: Iterator<Item: Serialize> + Clone> Serialize for Each<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

/// As JSON. The types of this file hold nothing that JSON cannot say.
pub(crate) fn to_json(value: &impl Serialize, capacity: usize) -> Vec<u8> {
    let mut json = Vec::with_capacity(capacity);
    serde_json::to_writer(&mut json, value).expect("names are texts, and a Vec takes every byte");
    json
}

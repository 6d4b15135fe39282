//! The outer form of JSON: a body's list of records, a record's members, a member's value.
//!
//! `serde_json` checks the syntax of a body once and hands out slices of it (`RawValue`); the slices are
//! read one by one, so that what is wrong inside a record stays with that record (contract 1 §1).
//! Skipping a value does not recurse in `serde_json`, however deep the value is.

use std::borrow::Cow;
use std::fmt;

use directory::Batch;
use directory::model::JsonType;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::Member;
use super::limits::{MAX_ECHO, MAX_MEMBERS, MAX_NESTING, shorten};
use super::refusal::{BrokenJson, Refusal};

/// The one member of the body of a batch upsert.
pub(super) const GROUPS: &str = "groups";
/// The one member of the body of a batch that archives or restores.
pub(super) const KEYS: &str = "externalReferenceIds";

/// The elements of a body's one member, the list of this name, each in its own slice. The order of judging
/// is documented at `read`.
pub(super) fn elements<'b>(body: &'b [u8], list: &'static str) -> Result<Vec<&'b str>, Refusal> {
    let text = text(body)?;
    match json_type(text.trim_start_matches(is_white_space)) {
        JsonType::Object => {
            let mut outer = Outer::new(text, list);
            parse(text, &mut outer)?;
            outer.judge()
        }
        other => {
            parse(text, Skipped)?;
            Err(Refusal::not_an_object(Some(list), other))
        }
    }
}

/// The one value that a body must be.
pub(crate) fn value(body: &[u8]) -> Result<&str, Refusal> {
    let text = text(body)?;
    parse(text, Skipped)?;
    Ok(text.trim_start_matches(is_white_space))
}

/// The one object that a body must be.
pub(crate) fn object(body: &[u8]) -> Result<&str, Refusal> {
    let value = value(body)?;
    match json_type(value) {
        JsonType::Object => Ok(value),
        other => Err(Refusal::not_an_object(None, other)),
    }
}

/// The text of a body that holds more than white space.
fn text(body: &[u8]) -> Result<&str, Refusal> {
    let text = std::str::from_utf8(body).map_err(|error| {
        Refusal::broken(BrokenJson::InvalidUtf8, error.valid_up_to(), "The body is not UTF-8.")
    })?;
    match text.trim_start_matches(is_white_space) {
        "" => Err(Refusal::broken(BrokenJson::EmptyBody, text.len(), "The body is empty.")),
        _ => Ok(text),
    }
}

const fn is_white_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

/// Reads the one value that the text must be.
fn parse<'de, S: DeserializeSeed<'de>>(text: &'de str, seed: S) -> Result<S::Value, Refusal> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut reader).map_err(|error| broken(text, &error, BrokenJson::Syntax))?;
    reader.end().map_err(|error| broken(text, &error, BrokenJson::TrailingData))?;
    Ok(value)
}

/// `serde_json`'s message holds its own words and a position, never a part of the text.
fn broken(text: &str, error: &serde_json::Error, reason: BrokenJson) -> Refusal {
    let message = error.to_string();
    if text.starts_with('\u{FEFF}') {
        let detail = "The body begins with a byte order mark. Send UTF-8 without one.";
        return Refusal::broken(BrokenJson::Syntax, 0, detail);
    }
    let line_start = match error.line().saturating_sub(2) {
        _ if error.line() <= 1 => 0,
        breaks => text.match_indices('\n').nth(breaks).map_or(0, |(at, _)| at + 1),
    };
    // The column counts from 1, but for a control character in a string, which is not consumed.
    let back = usize::from(!message.starts_with("control character"));
    let position = if error.is_eof() { text.len() } else { line_start + error.column().saturating_sub(back) };
    Refusal::broken(reason, position, format!("The body is not JSON: {message}."))
}

/// A value of which only the syntax is checked.
struct Skipped;

impl<'de> DeserializeSeed<'de> for Skipped {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_ignored_any(IgnoredAny).map(|_| ())
    }
}

/// What a body's object holds.
struct Outer<'de> {
    text: &'de str,
    /// The name of the one member.
    list: &'static str,
    found: Option<List<'de>>,
    doubled: bool,
    unknown: Option<&'de RawValue>,
    too_deep: Option<&'de str>,
}

/// The value of the one member.
enum List<'de> {
    Array(Records<'de>),
    Other(JsonType),
}

impl<'de> DeserializeSeed<'de> for &mut Outer<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Outer<'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<&RawValue>()? {
            let is_list = decode(name.get()).as_deref() == Some(self.list);
            if is_list && self.found.is_none() && self.array_follows(name) {
                // The records are told apart in the same pass: this is nearly all of the body.
                let mut records = Records { slices: Vec::new(), count: 0 };
                members.next_value_seed(&mut records)?;
                self.found = Some(List::Array(records));
                continue;
            }
            let value = members.next_value::<&RawValue>()?.get();
            if is_list {
                self.doubled |= self.found.replace(List::Other(json_type(value))).is_some();
            } else {
                self.unknown.get_or_insert(name);
                self.too_deep = self.too_deep.or_else(|| beyond(value, MAX_NESTING));
            }
        }
        Ok(())
    }
}

impl<'de> Outer<'de> {
    const fn new(text: &'de str, list: &'static str) -> Self {
        Self { text, list, found: None, doubled: false, unknown: None, too_deep: None }
    }

    /// Whether the member of this name has an array for its value, as far as its first byte tells.
    fn array_follows(&self, name: &RawValue) -> bool {
        let rest = &self.text[offset(self.text, name.get()) + name.get().len()..];
        let value = rest.trim_start_matches(is_white_space).strip_prefix(':');
        value.is_some_and(|value| value.trim_start_matches(is_white_space).starts_with('['))
    }

    fn judge(self) -> Result<Vec<&'de str>, Refusal> {
        if let Some(rest) = self.too_deep {
            let detail = format!("The body nests more than {MAX_NESTING} levels deep.");
            return Err(Refusal::broken(BrokenJson::TooDeep, offset(self.text, rest), detail));
        }
        if self.doubled {
            return Err(Refusal::list_doubled(self.list));
        }
        if let Some(name) = self.unknown {
            let name = decode(name.get()).unwrap_or(Cow::Borrowed(name.get()));
            return Err(Refusal::unknown_beside(self.list, &shorten(&name, MAX_ECHO)));
        }
        match self.found {
            None => Err(Refusal::list_missing(self.list)),
            Some(List::Other(found)) => Err(Refusal::not_an_array(self.list, found)),
            Some(List::Array(Records { slices, count: 1..=Batch::MAX_RECORDS })) => Ok(slices),
            Some(List::Array(Records { count, .. })) => Err(Refusal::batch_size(self.list, count)),
        }
    }
}

/// The elements of the list: kept as far as a batch may go, counted beyond.
struct Records<'de> {
    slices: Vec<&'de str>,
    count: usize,
}

impl<'de> DeserializeSeed<'de> for &mut Records<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Records<'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while self.slices.len() < Batch::MAX_RECORDS
            && let Some(record) = elements.next_element::<&RawValue>()?
        {
            self.slices.push(record.get());
        }
        self.count = self.slices.len();
        if self.count < Batch::MAX_RECORDS {
            return Ok(());
        }
        while elements.next_element::<IgnoredAny>()?.is_some() {
            self.count += 1;
        }
        Ok(())
    }
}

/// What was sent for one field.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Sent<'de> {
    #[default]
    Nothing,
    /// This value, still in JSON.
    Once(&'de str),
    MoreThanOnce,
}

/// A member that the contract does not know.
#[derive(Debug)]
pub(super) struct Unknown<'de> {
    pub(super) name: Cow<'de, str>,
    pub(super) value: &'de str,
}

/// The members of a record.
#[derive(Debug, Default)]
pub(super) struct Members<'de> {
    known: [Sent<'de>; super::fields::RULES.len()],
    /// In the order in which they were sent.
    pub(super) unknown: Vec<Unknown<'de>>,
    /// Whether a name stands for no text.
    pub(super) unreadable_name: bool,
    /// Whether there are more than are allowed; the rest was not looked at.
    pub(super) too_many: bool,
}

impl<'de> Members<'de> {
    /// Reads a slice whose syntax was checked. The error is what it is instead of an object.
    pub(super) fn read(record: &'de str) -> Result<Self, JsonType> {
        match json_type(record) {
            JsonType::Object => {}
            other => return Err(other),
        }
        let mut members = Self::default();
        // The syntax was checked: the only way to fail is to have given up, which `too_many` tells.
        let _ = serde_json::Deserializer::from_str(record).deserialize_map(&mut members);
        Ok(members)
    }

    pub(super) const fn sent(&self, member: Member) -> Sent<'de> {
        self.known[member as usize]
    }

    fn add(&mut self, name: &'de str, value: &'de str) {
        // Nearly every name is one of ours, and written without escapes.
        let known = Member::of(&name[1..name.len() - 1]);
        let decoded = if known.is_some() { None } else { decode(name) };
        let Some(member) = known.or_else(|| decoded.as_deref().and_then(Member::of)) else {
            match decoded {
                Some(name) => self.unknown.push(Unknown { name, value }),
                None => self.unreadable_name = true,
            }
            return;
        };
        let place = &mut self.known[member as usize];
        *place = match place {
            Sent::Nothing => Sent::Once(value),
            Sent::Once(_) | Sent::MoreThanOnce => Sent::MoreThanOnce,
        };
    }
}

impl<'de> Visitor<'de> for &mut Members<'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut count = 0;
        while let Some((name, value)) = members.next_entry::<&RawValue, &RawValue>()? {
            if count == MAX_MEMBERS {
                self.too_many = true;
                return Err(A::Error::custom("too many members"));
            }
            count += 1;
            self.add(name.get(), value.get());
        }
        Ok(())
    }
}

/// The type of a JSON text whose syntax was checked.
pub(crate) fn json_type(json: &str) -> JsonType {
    match json.bytes().next() {
        Some(b'{') => JsonType::Object,
        Some(b'[') => JsonType::Array,
        Some(b'"') => JsonType::String,
        Some(b't' | b'f') => JsonType::Boolean,
        Some(b'n') => JsonType::Null,
        _ => JsonType::Number,
    }
}

/// The text that a JSON string stands for; `None` when it stands for none (a lone surrogate).
pub(crate) fn decode(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))?;
    if inner.as_bytes().contains(&b'\\') {
        serde_json::from_str(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// What is left of a JSON text from the bracket on that opens one level more than the limit.
pub(crate) fn beyond(json: &str, limit: usize) -> Option<&str> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' if depth == limit => return Some(&json[at..]),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// How many bytes of the text come before this part of it.
pub(crate) fn offset(text: impl AsRef<[u8]>, part: &str) -> usize {
    part.as_ptr().addr() - text.as_ref().as_ptr().addr()
}

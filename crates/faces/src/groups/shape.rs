//! The outer form of JSON: a body's list of records, a record's members, a member's value.
//!
//! `serde_json` checks the syntax of a body once and hands out slices of it (`RawValue`), one for each name and value
//! of a record; what they hold is read later, so that what is wrong inside a record stays with that record
//! (contract 1 §1).
//! Skipping a value does not recurse in `serde_json`, however deep the value is.

use std::borrow::Cow;
use std::fmt;

use directory::Batch;
use directory::model::JsonType;
use serde::de::{Deserialize as _, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::Member;
use super::limits::{MAX_ECHO, MAX_MEMBERS, MAX_NESTING, shorten};
use super::refusal::{BrokenJson, Refusal};

/// The one member of the body of a batch upsert.
pub(super) const GROUPS: &str = "groups";
/// The one member of the body of a batch that archives or restores.
pub(super) const KEYS: &str = "externalReferenceIds";

/// The elements of a body's one member, the list of this name. The order of judging is documented at `read`.
pub(super) fn elements<'b>(body: &'b [u8], list: &'static str) -> Result<Vec<Element<'b>>, Refusal> {
    let mut outer =
        Outer { text: text(body)?, list, found: None, doubled: false, unknown: None, too_deep: None };
    members_of(body, list, |name, value| outer.add(name, value))?;
    outer.judge()
}

/// Reads the one object that a body must be, in one pass, and tells its members as they come: the first list of this
/// name taken apart.
pub(crate) fn members_of<'b>(
    body: &'b [u8],
    list: &'static str,
    mut each: impl FnMut(&'b str, Root<'b>),
) -> Result<(), Refusal> {
    let text = text(body)?;
    match json_type(text.trim_start_matches(is_white_space)) {
        JsonType::Object => parse(text, Body { text, list: Some(list), each: &mut each }),
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

/// The value of a body's member.
pub(crate) enum Root<'de> {
    List(List<'de>),
    Json(&'de str),
}

/// The elements of a list: kept as far as a batch may go, counted beyond.
pub(crate) struct List<'de> {
    pub(crate) elements: Vec<Element<'de>>,
    pub(crate) count: usize,
}

/// An element of a list.
pub(crate) struct Element<'de> {
    pub(crate) json: &'de str,
    /// What it is instead of an object.
    pub(crate) members: Result<Pairs<'de>, JsonType>,
}

/// The members of an object, names and values in JSON, in the order in which they were sent.
#[derive(Default)]
pub(crate) struct Pairs<'de> {
    pub(crate) pairs: Vec<(&'de str, &'de str)>,
    /// Whether there are more than are allowed; the rest was not kept.
    pub(crate) too_many: bool,
}

/// A body's object on its way.
struct Body<'e, 'de> {
    text: &'de str,
    /// The name of the list, until it was found.
    list: Option<&'static str>,
    each: &'e mut dyn FnMut(&'de str, Root<'de>),
}

impl<'de> DeserializeSeed<'de> for Body<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Body<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<&RawValue>()? {
            let name = name.get();
            let colon = space_after(self.text, offset(self.text, name) + name.len());
            let value = space_after(self.text, colon + 1);
            let is_array = self.text.as_bytes().get(value) == Some(&b'[');
            let root = match self.list {
                Some(list) if is_array && decode(name).as_deref() == Some(list) => {
                    self.list = None;
                    Root::List(members.next_value_seed(InList { text: self.text, at: value + 1 })?)
                }
                _ => Root::Json(members.next_value::<&RawValue>()?.get()),
            };
            (self.each)(name, root);
        }
        Ok(())
    }
}

/// Where white space ends that begins here.
fn space_after(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| is_white_space(char::from(**byte))).count()
}

/// A list of a body. `serde_json` tells nobody where it is, so that is followed.
struct InList<'de> {
    text: &'de str,
    /// Behind the bracket, then behind the last element.
    at: usize,
}

impl<'de> DeserializeSeed<'de> for InList<'de> {
    type Value = List<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<List<'de>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for InList<'de> {
    type Value = List<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<List<'de>, A::Error> {
        let mut elements: Vec<Element<'de>> = Vec::new();
        while elements.len() < Batch::MAX_RECORDS {
            let at = space_after(self.text, self.at);
            // Neighbours tend to have the same members.
            let like = elements.last().and_then(|element| element.members.as_ref().ok());
            let expected = like.map_or(0, |like| like.pairs.len());
            let Some(element) = list.next_element_seed(InElement { text: self.text, at, expected })? else {
                return Ok(List { count: elements.len(), elements });
            };
            // Behind the comma, if there is one.
            self.at = space_after(self.text, at + element.json.len()) + 1;
            elements.push(element);
        }
        let mut count = elements.len();
        while list.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(List { elements, count })
    }
}

/// The element of a list that begins here.
struct InElement<'de> {
    text: &'de str,
    at: usize,
    /// So many members it has, if it is an object like others.
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for InElement<'de> {
    type Value = Element<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Element<'de>, D::Error> {
        if self.text.as_bytes().get(self.at) != Some(&b'{') {
            let json = <&RawValue>::deserialize(deserializer)?.get();
            return Ok(Element { json, members: Err(json_type(json)) });
        }
        let mut pairs = Pairs { pairs: Vec::with_capacity(self.expected), too_many: false };
        let last = deserializer.deserialize_map(&mut pairs)?;
        let end = last.map_or(self.at + 1, |last| offset(self.text, last) + last.len());
        let json = &self.text[self.at..=space_after(self.text, end)];
        Ok(Element { json, members: Ok(pairs) })
    }
}

impl<'de> Pairs<'de> {
    /// Those of an object whose syntax was checked; `None` where it is no object.
    pub(crate) fn of(object: &'de str) -> Option<Self> {
        let mut pairs = Self::default();
        serde_json::Deserializer::from_str(object).deserialize_map(&mut pairs).ok().map(|_| pairs)
    }
}

impl<'de> Visitor<'de> for &mut Pairs<'de> {
    /// The last value.
    type Value = Option<&'de str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut last = None;
        while let Some((name, value)) = members.next_entry::<&RawValue, &RawValue>()? {
            last = Some(value.get());
            if self.pairs.len() == MAX_MEMBERS {
                self.too_many = true;
            } else {
                self.pairs.push((name.get(), value.get()));
            }
        }
        Ok(last)
    }
}

/// What a body of contract 1 holds.
struct Outer<'de> {
    text: &'de str,
    /// The name of the one member.
    list: &'static str,
    found: Option<Root<'de>>,
    doubled: bool,
    /// The first name of another member.
    unknown: Option<&'de str>,
    too_deep: Option<&'de str>,
}

impl<'de> Outer<'de> {
    fn add(&mut self, name: &'de str, value: Root<'de>) {
        match value {
            Root::Json(json) if decode(name).as_deref() != Some(self.list) => {
                self.unknown.get_or_insert(name);
                self.too_deep = self.too_deep.or_else(|| beyond(json, MAX_NESTING));
            }
            value => self.doubled |= self.found.replace(value).is_some(),
        }
    }

    fn judge(self) -> Result<Vec<Element<'de>>, Refusal> {
        if let Some(rest) = self.too_deep {
            let detail = format!("The body nests more than {MAX_NESTING} levels deep.");
            return Err(Refusal::broken(BrokenJson::TooDeep, offset(self.text, rest), detail));
        }
        if self.doubled {
            return Err(Refusal::list_doubled(self.list));
        }
        if let Some(name) = self.unknown {
            let name = decode(name).unwrap_or(Cow::Borrowed(name));
            return Err(Refusal::unknown_beside(self.list, &shorten(&name, MAX_ECHO)));
        }
        match self.found {
            None => Err(Refusal::list_missing(self.list)),
            Some(Root::Json(json)) => Err(Refusal::not_an_array(self.list, json_type(json))),
            Some(Root::List(List { elements, count: 1..=Batch::MAX_RECORDS })) => Ok(elements),
            Some(Root::List(List { count, .. })) => Err(Refusal::batch_size(self.list, count)),
        }
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
    /// Those of a slice whose syntax was checked. The error is what it is instead of an object.
    pub(super) fn read(record: &'de str) -> Result<Self, JsonType> {
        Pairs::of(record).map(Self::of).ok_or_else(|| json_type(record))
    }

    pub(super) fn of(pairs: Pairs<'de>) -> Self {
        let mut members = Self { too_many: pairs.too_many, ..Self::default() };
        for (name, value) in pairs.pairs {
            members.add(name, value);
        }
        members
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
    if !json.starts_with(['[', '{']) {
        return None;
    }
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

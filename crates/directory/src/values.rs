//! Values of a group's attributes: what a caller asks, what is stored, what is written and what is told.

use std::collections::BTreeMap;

use crate::model::{AttributeDefinition, AttributeId, AttributeKey, AttributeType, Language, ValueText};
use crate::outcome::Failure;

/// What one entry of a record asks of one attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValuePatch {
    /// Which attribute.
    pub attribute: AttributeKey,
    /// Another key of it: both must mean one attribute.
    pub too: Option<AttributeKey>,
    /// Its type, as the caller takes it to be.
    pub kind: Option<AttributeType>,
    /// The new value; `None` takes away what the group has of its own.
    pub value: Option<RawValue>,
}

/// A value before it is known of what type it has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawValue {
    /// A string.
    Text(Box<str>),
    /// A number, by its digits.
    Number(Box<str>),
    /// A list of strings. An empty one can be of languages as well.
    List(Vec<Box<str>>),
    /// A list of languages with a value each.
    Localised(Vec<RawPart>),
    /// Something that is no value of any type.
    Other,
}

/// The part of a value in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawPart {
    /// The language.
    pub language: Box<str>,
    /// The part.
    pub value: RawPartValue,
}

/// What a language is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawPartValue {
    /// Nothing: its part is taken away.
    Nothing,
    /// A text.
    Text(Box<str>),
    /// A list of texts.
    List(Vec<Box<str>>),
}

/// The parts of a value by their languages; a value that has none has one part without a language.
pub type Parts = BTreeMap<Option<Language>, ValueText>;

/// What a stored group has of its own, as far as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnValues {
    /// Of how many attributes it has values; counts those that were not asked for too.
    pub attributes: usize,
    /// Its values; an attribute of which it has none is absent.
    pub values: BTreeMap<AttributeId, Parts>,
}

/// A part of a value that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueWrite {
    /// Which attribute.
    pub attribute: AttributeId,
    /// In which language; `None` for types without languages.
    pub language: Option<Language>,
    /// What it is from now on; `None` takes it away.
    pub value: Option<ValueText>,
}

/// What became of one entry of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueOutcome {
    /// The group has this value of its own now.
    Put(AttributeId),
    /// It has none of its own any more.
    Deleted(AttributeId),
    /// It was like that already.
    Unchanged(AttributeId),
    /// The entry was not done, and the rest of its record was.
    Failed(Failure),
}

impl ValueOutcome {
    /// The attribute, unless the entry failed.
    pub const fn attribute(&self) -> Option<AttributeId> {
        match self {
            Self::Put(id) | Self::Deleted(id) | Self::Unchanged(id) => Some(*id),
            Self::Failed(_) => None,
        }
    }
}

/// Where a value that a group shows comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is the group's own.
    Own,
    /// It is that of the nearest group above it that has one.
    Above,
    /// It is the attribute's default.
    Default,
}

/// A value that a group shows: its own, else that of the nearest group above it, else the default; for each
/// language on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveValue {
    /// The attribute.
    pub attribute: AttributeDefinition,
    /// Its parts, and where each comes from; never empty.
    pub parts: BTreeMap<Option<Language>, (ValueText, Origin)>,
}

/// One page of a list that is walked by numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberedPage {
    /// How many to leave out from the start.
    pub skip: usize,
    /// The most to return.
    pub limit: usize,
}

/// What one such page holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered<T> {
    /// What is shown, in order of attributes' ids.
    pub items: Vec<T>,
    /// How much there is on all pages.
    pub total: usize,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { items: Vec::new(), total: 0 }
    }
}

/// What a group shows of an attribute. `line` is what the group itself and those above it have, from below
/// upwards. `None` where there is nothing to show.
pub fn effective<'p>(
    attribute: &AttributeDefinition,
    line: impl IntoIterator<Item = &'p Parts>,
) -> Option<EffectiveValue> {
    let mut parts = BTreeMap::new();
    for (level, found) in line.into_iter().enumerate() {
        let origin = if level == 0 { Origin::Own } else { Origin::Above };
        for (language, text) in found {
            parts.entry(*language).or_insert_with(|| (text.clone(), origin));
        }
    }
    if let (true, Some(default)) = (parts.is_empty(), &attribute.default) {
        parts.insert(None, (default.clone(), Origin::Default));
    }
    (!parts.is_empty()).then(|| EffectiveValue { attribute: attribute.clone(), parts })
}

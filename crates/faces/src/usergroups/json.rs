//! JSON texts whose syntax has been checked, taken apart one level at a time.

use std::borrow::Cow;
use std::fmt;

use directory::Fault;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::groups::shape::{Pairs, decode};

/// The most members of one object.
pub(super) const MAX_MEMBERS: usize = crate::groups::limits::MAX_MEMBERS;

/// A member of an object: its name, and its value still in JSON.
pub(super) type Member<'de> = (Cow<'de, str>, &'de str);

/// The members of an object, in the order in which they were sent; its first fault if they cannot be told.
pub(super) fn members(object: &str) -> Result<Vec<Member<'_>>, Fault> {
    // The syntax has been checked: what fails here is no object.
    named(Pairs::of(object).ok_or(Fault::InvalidString)?)
}

/// The same for one that was taken apart already.
pub(super) fn named(pairs: Pairs<'_>) -> Result<Vec<Member<'_>>, Fault> {
    if pairs.too_many {
        return Err(Fault::TooManyMembers { limit: MAX_MEMBERS });
    }
    let named = |(name, value)| Some((decode(name)?, value));
    pairs.pairs.into_iter().map(named).collect::<Option<_>>().ok_or(Fault::InvalidString)
}

/// The first elements of an array, at most `most`, and how many it has.
pub(super) fn elements(array: &str, most: usize) -> (Vec<&str>, usize) {
    let mut found = Elements { slices: Vec::new(), count: 0, most };
    // The syntax has been checked, and whoever asks has seen the bracket.
    drop((&mut found).deserialize(&mut serde_json::Deserializer::from_str(array)));
    (found.slices, found.count)
}

struct Elements<'de> {
    slices: Vec<&'de str>,
    count: usize,
    most: usize,
}

impl<'de> DeserializeSeed<'de> for &mut Elements<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Elements<'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while self.slices.len() < self.most
            && let Some(element) = elements.next_element::<&RawValue>()?
        {
            self.slices.push(element.get());
            self.count += 1;
        }
        if self.count == self.most {
            while elements.next_element::<IgnoredAny>()?.is_some() {
                self.count += 1;
            }
        }
        Ok(())
    }
}

//! JSON texts whose syntax has been checked, taken apart one level at a time.

use std::borrow::Cow;
use std::fmt;

use directory::Fault;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::groups::shape::decode;

/// The most members of one object.
pub(super) const MAX_MEMBERS: usize = crate::groups::limits::MAX_MEMBERS;

/// A member of an object: its name, and its value still in JSON.
pub(super) type Member<'de> = (Cow<'de, str>, &'de str);

/// The members of an object, in the order in which they were sent; its first fault if they cannot be told.
pub(super) fn members(object: &str) -> Result<Vec<Member<'_>>, Fault> {
    let mut found = Members(Vec::new(), None);
    // The syntax has been checked: what fails here is no object.
    if (&mut found).deserialize(&mut serde_json::Deserializer::from_str(object)).is_err() {
        return Err(Fault::InvalidString);
    }
    match found.1 {
        Some(fault) => Err(fault),
        None => Ok(found.0),
    }
}

struct Members<'de>(Vec<Member<'de>>, Option<Fault>);

impl<'de> DeserializeSeed<'de> for &mut Members<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Members<'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some((name, value)) = members.next_entry::<&RawValue, &RawValue>()? {
            match decode(name.get()) {
                _ if self.0.len() == MAX_MEMBERS => {
                    self.1 = Some(Fault::TooManyMembers { limit: MAX_MEMBERS });
                }
                Some(name) => self.0.push((name, value.get())),
                None => self.1 = Some(Fault::InvalidString),
            }
        }
        Ok(())
    }
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

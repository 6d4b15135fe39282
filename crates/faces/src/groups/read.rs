//! Request bodies: bytes in, records out.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use directory::model::JsonType;
use directory::{
    Code, Description, Directive, Failure, Fault, Field, LookupKey, Name, ParentKey, Patch, PhotoUrl, Record,
    ReferenceKey, Rejection, Source,
};

use super::fields::{Member, Null, RULES, Suggestions, wire_name};
use super::limits::{
    MAX_ECHO, MAX_FAULTS_NAMED, MAX_KEY_ECHO, MAX_MEMBERS, MAX_NESTING, MAX_UNKNOWN_NAMED, shorten,
};
use super::prefer::Handling;
use super::refusal::Refusal;
use super::shape::{self, Members, Sent, Unknown};

/// The records of a request, and as many notes for the answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// What each record asks for, or why it could not be read.
    pub records: Vec<Record>,
    /// What the answer says of each record beside its outcome.
    pub notes: Vec<Note>,
}

/// What the answer to a record says that its outcome does not know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Note {
    /// `externalReferenceId` as sent, where it was sent once and as a text.
    pub(super) key: Option<Box<str>>,
    /// Members that were ignored, the first [`MAX_UNKNOWN_NAMED`] of them.
    pub(super) ignored: Vec<Ignored>,
    /// How many more were ignored.
    pub(super) unnamed: usize,
    /// Where in the body the record stands.
    pub(super) span: Range<usize>,
}

/// A member that the contract does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ignored {
    /// Its name, at most [`MAX_ECHO`] characters of it.
    pub(super) name: Box<str>,
    /// The field that was probably meant.
    pub(super) suggestion: Option<&'static str>,
}

/// Reads the body of a batch upsert.
///
/// A body is judged in this order, and refused for the first fault: not UTF-8, empty, not JSON or more
/// than one JSON text, not an object, nested too deeply beside `groups`, `groups` twice, a member beside
/// `groups`, no `groups`, `groups` not an array, too few or too many records. What is wrong inside a
/// record is that record's rejection.
pub fn read(body: &[u8], handling: Handling) -> Result<Reading, Refusal> {
    let slices = shape::records(body)?;
    let mut suggestions = Suggestions::default();
    let mut reading =
        Reading { records: Vec::with_capacity(slices.len()), notes: Vec::with_capacity(slices.len()) };
    for slice in slices {
        let start = shape::offset(body, slice);
        let (record, note) = match Members::read(slice) {
            Ok(members) => Reader { members, failures: Vec::new() }.read(handling, &mut suggestions),
            Err(found) => (Err(not_an_object(found)), Note::default()),
        };
        reading.records.push(record);
        reading.notes.push(Note { span: start..start + slice.len(), ..note });
    }
    Ok(reading)
}

fn not_an_object(found: JsonType) -> Rejection {
    let failure = Failure::Validation { field: None, fault: Fault::NotAnObject(found) };
    Rejection { key: None, lacks_name: false, failures: vec![failure] }
}

/// Reads one record, gathering every fault.
struct Reader<'de> {
    members: Members<'de>,
    failures: Vec<Failure>,
}

/// A value that a field can have.
#[derive(PartialEq)]
enum Value<'de> {
    Null,
    Text(Cow<'de, str>),
}

impl<'de> Reader<'de> {
    fn read(mut self, handling: Handling, suggestions: &mut Suggestions) -> (Record, Note) {
        let mut note = Note::default();
        self.check_shape();
        let key = self.key(&mut note);
        let source = set(self.patch(Member::Source, Source::parse));
        let name = set(self.patch(Member::Name, Name::parse));
        let description = self.patch(Member::Description, Description::parse);
        let parent = self.patch(Member::Parent, ParentKey::parse);
        let photo_url = self.photo_url();
        self.unknown(handling, suggestions, &mut note);
        let record = match key {
            Some(key) if self.failures.is_empty() => {
                Ok(Directive { key, source, name, description, parent, photo_url })
            }
            key => Err(self.rejection(key)),
        };
        (record, note)
    }

    fn rejection(mut self, key: Option<LookupKey>) -> Rejection {
        self.failures.sort_by_key(precedence);
        // Of a record that was cut off it is not known whether a name would have followed.
        let lacks_name = matches!(self.members.sent(Member::Name), Sent::Nothing) && !self.members.too_many;
        Rejection { key, lacks_name, failures: self.failures }
    }

    fn fail(&mut self, field: Option<Field>, fault: Fault) {
        // Unknown members come last, and one fault settles it: what is left out changes nothing.
        if self.failures.len() < MAX_FAULTS_NAMED {
            self.failures.push(Failure::Validation { field, fault });
        }
    }

    fn check_shape(&mut self) {
        if self.members.too_many {
            self.fail(None, Fault::TooManyMembers { limit: MAX_MEMBERS });
        }
        if self.members.unreadable_name {
            self.fail(None, Fault::InvalidString);
        }
    }

    /// The value of a field; `None` when nothing was sent or what was sent is a fault, now noted.
    fn value(&mut self, member: Member) -> Option<Value<'de>> {
        let value = match self.members.sent(member) {
            Sent::Nothing => return None,
            Sent::MoreThanOnce => Err(Fault::DuplicateMember),
            Sent::Once(json) => match shape::json_type(json) {
                JsonType::String => shape::decode(json).map(Value::Text).ok_or(Fault::InvalidString),
                JsonType::Null => match member.rule().null {
                    Null::Clears | Null::Missing => Ok(Value::Null),
                    Null::Refused => Err(Fault::NotClearable),
                },
                other => Err(Fault::WrongType(other)),
            },
        };
        value.map_err(|fault| self.fail(Some(member.field()), fault)).ok()
    }

    fn parsed<T>(
        &mut self,
        member: Member,
        text: &str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        parse(text).map_err(|fault| self.fail(Some(member.field()), fault)).ok()
    }

    fn patch<T>(&mut self, member: Member, parse: impl Fn(&str) -> Result<T, Fault>) -> Patch<T> {
        match self.value(member) {
            None => Patch::Keep,
            Some(Value::Null) => Patch::Clear,
            Some(Value::Text(text)) => self.parsed(member, &text, parse).map_or(Patch::Keep, Patch::Set),
        }
    }

    fn key(&mut self, note: &mut Note) -> Option<LookupKey> {
        let absent = matches!(self.members.sent(Member::Key), Sent::Nothing);
        match self.value(Member::Key) {
            Some(Value::Text(text)) => {
                note.key = Some(shorten(&text, MAX_KEY_ECHO));
                self.parsed(Member::Key, &text, ReferenceKey::parse).map(LookupKey::Key)
            }
            // At fault, or it may stand in the part of the record that was not looked at.
            None if !absent || self.members.too_many => None,
            None | Some(Value::Null) => {
                self.failures.push(Failure::RequiredFieldMissing(Field::Key));
                None
            }
        }
    }

    /// The picture goes by two names, which may both be there if they say the same.
    fn photo_url(&mut self) -> Patch<PhotoUrl> {
        let (photo, logo) = (self.value(Member::PhotoUrl), self.value(Member::LogoUrl));
        if photo.is_some() && logo.is_some() && photo != logo {
            let other = Member::LogoUrl.rule().name;
            self.fail(Some(Field::PhotoUrl), Fault::Conflicting { other });
        }
        let mut patch = Patch::Keep;
        for (member, value) in [(Member::PhotoUrl, photo), (Member::LogoUrl, logo)] {
            match value {
                None => {}
                Some(Value::Null) => patch = Patch::Clear,
                Some(Value::Text(text)) => {
                    patch = self.parsed(member, &text, PhotoUrl::parse).map_or(Patch::Keep, Patch::Set);
                }
            }
        }
        patch
    }

    fn unknown(&mut self, handling: Handling, suggestions: &mut Suggestions, note: &mut Note) {
        let mut names: HashSet<Cow<'de, str>> = HashSet::new();
        for Unknown { name, value } in std::mem::take(&mut self.members.unknown) {
            let shown = || shorten(&name, MAX_ECHO);
            if shape::beyond(value, MAX_NESTING).is_some() {
                self.fail(Some(Field::Other(shown())), Fault::TooDeep { limit: MAX_NESTING });
            }
            if names.contains(&name) {
                self.fail(Some(Field::Other(shown())), Fault::DuplicateMember);
                continue;
            }
            match handling {
                Handling::Strict => {
                    let suggestion = suggestions.of(&name);
                    self.fail(Some(Field::Other(shown())), Fault::Unknown { suggestion });
                }
                Handling::Lenient if note.ignored.len() == MAX_UNKNOWN_NAMED => note.unnamed += 1,
                Handling::Lenient => {
                    note.ignored.push(Ignored { name: shown(), suggestion: suggestions.of(&name) });
                }
            }
            names.insert(name);
        }
    }
}

/// The order of the faults of a record: by code, then the record as a whole before its fields.
fn precedence(failure: &Failure) -> (Code, usize) {
    let place = match failure.field() {
        None => 0,
        Some(field) => 1 + Member::of(wire_name(field)).map_or(RULES.len(), |member| member as usize),
    };
    (failure.code(), place)
}

/// A field whose rule refuses `null` is never cleared.
fn set<T>(patch: Patch<T>) -> Option<T> {
    match patch {
        Patch::Set(value) => Some(value),
        Patch::Keep | Patch::Clear => None,
    }
}

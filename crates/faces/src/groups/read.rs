//! Request bodies: bytes in, records out.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use directory::model::JsonType;
use directory::{
    Code, Description, Directive, Failure, Fault, Field, Group, LookupKey, Name, ParentKey, Patch, PhotoUrl,
    Record, ReferenceKey, Rejection, Source,
};

use super::fields::{Member, Null, RULES, Suggestions, wire_name};
use super::limits::{
    MAX_ECHO, MAX_FAULTS_NAMED, MAX_KEY_ECHO, MAX_MEMBERS, MAX_NESTING, MAX_UNKNOWN_NAMED, shorten,
};
use super::prefer::Handling;
use super::refusal::Refusal;
use super::shape::{self, Element, GROUPS, KEYS, Members, Sent, Unknown};

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
    let mut before = Before::default();
    let record = |element: Element<'_>| match element.members {
        Ok(pairs) => Reader::new(Members::of(pairs)).read(Subject::InBody, handling, &mut before),
        Err(found) => (Err(not_an_object(found)), Note::default()),
    };
    Ok(Reading::each(body, shape::elements(body, GROUPS)?, record))
}

/// Reads the body of a batch that archives or restores: `externalReferenceIds`, judged as in [`read`].
pub fn read_keys(body: &[u8]) -> Result<Reading, Refusal> {
    let record = |element: Element<'_>| {
        let mut note = Note::default();
        let key = match shape::json_type(element.json) {
            JsonType::String => shape::decode(element.json).ok_or(Fault::InvalidString),
            other => Err(Fault::WrongType(other)),
        };
        let key = key.and_then(|text| {
            note.key = Some(shorten(&text, MAX_KEY_ECHO));
            ReferenceKey::parse(&text)
        });
        let rejected = |fault| {
            let failures = vec![Failure::Validation { field: Some(Field::Key), fault }];
            Rejection { key: None, lacks_name: false, failures }
        };
        (key.map(|key| Directive::new(LookupKey::Key(key))).map_err(rejected), note)
    };
    Ok(Reading::each(body, shape::elements(body, KEYS)?, record))
}

/// Which group a record means.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'s> {
    /// The one that the record names.
    InBody,
    /// The one of the request's path, as it is stored. A record that names another one is at fault.
    InPath(&'s LookupKey, &'s Group),
}

/// Reads a body that is one record.
pub fn read_one(body: &[u8], subject: Subject<'_>, handling: Handling) -> Result<Reading, Refusal> {
    let json = shape::object(body)?;
    let members = Members::read(json).map_err(|found| Refusal::not_an_object(None, found))?;
    let (record, note) = Reader::new(members).read(subject, handling, &mut Before::default());
    Ok(Reading { records: vec![record], notes: vec![note.at(body, json)] })
}

impl Reading {
    /// One record without fields, for the group of the request's path.
    pub fn of(key: LookupKey) -> Self {
        let sent = key.reference_key().map(|key| key.as_str().into());
        let note = Note { key: sent, ..Note::default() };
        Self { records: vec![Ok(Directive::new(key))], notes: vec![note] }
    }

    /// A record for each element, with a note of where it stands in the body.
    fn each<'b>(
        body: &'b [u8],
        elements: Vec<Element<'b>>,
        mut read: impl FnMut(Element<'b>) -> (Record, Note),
    ) -> Self {
        let read = |element: Element<'b>| {
            let json = element.json;
            let (record, note) = read(element);
            (record, note.at(body, json))
        };
        let (records, notes) = elements.into_iter().map(read).unzip();
        Self { records, notes }
    }
}

impl Note {
    /// The same of a record that stands here.
    fn at(self, body: &[u8], json: &str) -> Self {
        let start = shape::offset(body, json);
        Self { span: start..start + json.len(), ..self }
    }
}

fn not_an_object(found: JsonType) -> Rejection {
    let failure = Failure::Validation { field: None, fault: Fault::NotAnObject(found) };
    Rejection { key: None, lacks_name: false, failures: vec![failure] }
}

/// What the records before have taught: neighbours tend to have the same source, parent and unknown members.
#[derive(Default)]
struct Before {
    source: Option<Source>,
    /// As it was sent, and what it came to.
    parent: Option<(Box<str>, ParentKey)>,
    suggestions: Suggestions,
}

impl Before {
    fn source(&mut self, text: &str) -> Result<Source, Fault> {
        match self.source.as_ref().filter(|source| source.as_str() == text) {
            Some(source) => Ok(source.clone()),
            None => Ok(self.source.insert(Source::parse(text)?).clone()),
        }
    }

    fn parent(&mut self, text: &str) -> Result<ParentKey, Fault> {
        match self.parent.as_ref().filter(|(sent, _)| **sent == *text) {
            Some((_, parent)) => Ok(parent.clone()),
            None => Ok(self.parent.insert((text.into(), ParentKey::parse(text)?)).1.clone()),
        }
    }
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
    const fn new(members: Members<'de>) -> Self {
        Self { members, failures: Vec::new() }
    }

    fn read(mut self, subject: Subject<'_>, handling: Handling, before: &mut Before) -> (Record, Note) {
        let mut note = Note::default();
        self.check_shape();
        let key = match subject {
            Subject::InBody => self.key(&mut note),
            Subject::InPath(key, stored) => Some(self.key_of_path(key, stored, &mut note)),
        };
        let source = set(self.patch(Member::Source, |text| before.source(text)));
        let name = set(self.patch(Member::Name, Name::parse));
        let description = self.patch(Member::Description, Description::parse);
        let parent = self.patch(Member::Parent, |text| before.parent(text));
        let photo_url = self.photo_url();
        self.unknown(handling, &mut before.suggestions, &mut note);
        let record = match key {
            Some(key) if self.failures.is_empty() => {
                Ok(Directive { source, name, description, parent, photo_url, ..Directive::new(key) })
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
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        parse(text).map_err(|fault| self.fail(Some(member.field()), fault)).ok()
    }

    fn patch<T>(&mut self, member: Member, parse: impl FnOnce(&str) -> Result<T, Fault>) -> Patch<T> {
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

    /// The key of the path; the record may repeat that of the group. A new source needs to be told by a key
    /// which reference it is for: that is the one which the group is shown by.
    fn key_of_path(&mut self, key: &LookupKey, stored: &Group, note: &mut Note) -> LookupKey {
        match self.value(Member::Key) {
            Some(Value::Text(text)) => {
                note.key = Some(shorten(&text, MAX_KEY_ECHO));
                let sent = self.parsed(Member::Key, &text, ReferenceKey::parse);
                if sent.is_some_and(|sent| stored.references.iter().all(|reference| reference.key != sent)) {
                    self.fail(Some(Field::Key), Fault::Conflicting { other: "the key of the path's group" });
                }
            }
            Some(Value::Null) => self.fail(Some(Field::Key), Fault::NotClearable),
            None => {}
        }
        match stored.references.first() {
            Some(shown) if matches!(self.members.sent(Member::Source), Sent::Once(_)) => {
                LookupKey::Key(key.reference_key().unwrap_or(&shown.key).clone())
            }
            _ => key.clone(),
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

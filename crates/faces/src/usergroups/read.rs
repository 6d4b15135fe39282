//! Request bodies: bytes in, records out. What is wrong with the form of a payload refuses the whole call
//! (contract 2 §4); what can only be known from what is stored is left to the plan.

use std::ops::Range;

use directory::model::{Choice, JsonType};
use directory::{
    AddressDirective, Batch, DetailsPatch, Directive, ExternalReference, Fault, GroupId, LookupKey, Name,
    ParentKey, Patch, Record, ReferenceKey, Source, Terms, ValuePatch,
};

use super::addresses;
use super::directives::{self, DIRECTIVES};
use super::fields::{ID, PARENT, SOURCE, SOURCE_ID};
use super::json::{MAX_MEMBERS, Member, named};
use super::refusal::Refusal;
use super::schema::{ARRAY, Place, Schema};
use super::values;
use crate::groups::limits::{MAX_ECHO, MAX_NESTING, shorten};
use crate::groups::shape::{self, Element, List, Pairs, Root, beyond, decode, json_type, offset};
use crate::groups::{Bounds, Handling, parameters};

/// The list of a bulk call.
pub(super) const USERGROUPS: &str = "usergroups";
const ATTRIBUTES: &str = "attributes";

/// How the items of a bulk call are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// By `id`.
    Id,
    /// By `sourceId` and `source`.
    SourceId,
}

impl By {
    /// The words that a path may use.
    pub const WORDS: [&'static str; 2] = [ID, SOURCE_ID];

    /// The lookup key of this name; case matters.
    pub fn parse(word: &str) -> Result<Self, Refusal> {
        match word {
            ID => Ok(Self::Id),
            SOURCE_ID => Ok(Self::SourceId),
            other => Err(Refusal::LookupKey { found: shorten(other, MAX_ECHO), known: &Self::WORDS }),
        }
    }

    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Id => ID,
            Self::SourceId => SOURCE_ID,
        }
    }
}

/// The records of a request, and as many notes for the answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// What each record asks for.
    pub records: Vec<Record>,
    /// Where each stands in the body.
    pub notes: Vec<Note>,
    /// What is not to be done, whatever they ask.
    pub terms: Terms,
}

/// Where in the body a record stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Note {
    pub(super) span: Range<usize>,
}

impl Reading {
    /// One record without fields, for the usergroup of the request's path.
    pub fn of(key: LookupKey) -> Self {
        Self { records: vec![Ok(Directive::new(key))], notes: vec![Note::default()], terms: NAMELESS }
    }
}

/// The usergroup that a path names: by `id` or `sourceId`, and the value; by `source` in the query.
pub fn lookup(key: &str, value: &str, query: Option<&str>) -> Result<LookupKey, Refusal> {
    let by = By::parse(key)?;
    let nobody = || Refusal::Nobody(by.word(), shorten(value, MAX_ECHO).into());
    let found = match by {
        By::Id => GroupId::parse(value).map(LookupKey::Id),
        By::SourceId => {
            let source = parameters(query).find(|(name, _)| name == SOURCE).map(|(_, value)| value);
            let key = ReferenceKey::parse(value).ok();
            match source {
                None => key.map(LookupKey::Key),
                Some(source) => parse_source(&source)
                    .ok()
                    .zip(key)
                    .map(|(source, key)| LookupKey::Reference(ExternalReference { source, key })),
            }
        }
    };
    found.ok_or_else(nobody)
}

/// What a read is to show beside the fields of a usergroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expand {
    /// All references.
    pub sources: bool,
    /// The parent.
    pub parent: bool,
    /// The language.
    pub language: bool,
}

impl Expand {
    /// Reads `expands=sources,parent,language`.
    pub fn parse(query: Option<&str>) -> Result<Self, Refusal> {
        let mut expand = Self::default();
        for (_, value) in parameters(query).filter(|(name, _)| name == EXPANDS) {
            for wanted in value.split(',').map(str::trim).filter(|wanted| !wanted.is_empty()) {
                match wanted {
                    "sources" => expand.sources = true,
                    PARENT => expand.parent = true,
                    "language" => expand.language = true,
                    other => {
                        let other = shorten(other, MAX_ECHO);
                        return Err(Refusal::Payload {
                            reason: "INVALID_PARAMETER",
                            field: EXPANDS.to_owned(),
                            detail: format!(
                                "[{other}] cannot be expanded, only sources, parent and language"
                            ),
                            bounds: None,
                        });
                    }
                }
            }
        }
        Ok(expand)
    }
}

const EXPANDS: &str = "expands";

/// The terms of every call: a usergroup needs no name.
const NAMELESS: Terms =
    Terms { keep: Vec::new(), keep_place: false, no_create: false, nameless: true, entries_apart: false };

/// Reads the body of a bulk call. All violations of its form are told together; then come what its directives
/// say and how many items it has.
pub fn read_bulk(body: &[u8], by: By, handling: Handling) -> Result<Reading, Refusal> {
    let mut schema = Schema::of(USERGROUPS);
    let (mut list, mut directives) = (None, None);
    let mut count = 0;
    shape::members_of(body, USERGROUPS, |name, value| {
        count += 1;
        let name = decode(name);
        let taken = match (name.as_deref(), value) {
            _ if count > MAX_MEMBERS => false,
            (Some(USERGROUPS), _) if list.is_some() => true,
            (Some(USERGROUPS), value) => {
                list = Some(value);
                false
            }
            (Some(DIRECTIVES), Root::Json(json)) => directives.replace(json).is_some(),
            (Some(other), _) => {
                schema.extraneous(Place::Root, other);
                false
            }
            (None, _) => {
                schema.fault(Place::Root, &Fault::InvalidString);
                false
            }
        };
        if taken {
            schema.doubled(Place::Root, name.as_deref().unwrap_or_default());
        }
    })?;
    if count > MAX_MEMBERS {
        schema.fault(Place::Root, &Fault::TooManyMembers { limit: MAX_MEMBERS });
    }
    let mut reading = Reading::default();
    let place = Place::Member(&Place::Root, USERGROUPS);
    match list {
        None => schema.missing(Place::Root, USERGROUPS),
        Some(Root::List(List { elements, count })) => {
            check_count(count)?;
            if count == 0 {
                schema.count(place, 1, Batch::MAX_RECORDS, count);
            }
            for (index, element) in elements.into_iter().enumerate() {
                let mut item = Item::of(element, Place::Element(&place, index), &mut schema);
                let key = item.key(by, handling);
                let directive = item.directive(key);
                let start = offset(body, item.json);
                reading.notes.push(Note { span: start..start + item.json.len() });
                reading.records.extend(directive.map(Ok));
            }
        }
        Some(Root::Json(json)) => schema.wrong_type(place, ARRAY, json_type(json)),
    }
    let terms = directives.map(|json| directives::read(json, &mut schema, by)).transpose();
    let mut reading = schema.judge(reading)?;
    reading.terms = Terms { nameless: true, ..terms?.unwrap_or_default() };
    Ok(reading)
}

fn check_count(count: usize) -> Result<(), Refusal> {
    if count <= Batch::MAX_RECORDS {
        return Ok(());
    }
    let max = Batch::MAX_RECORDS;
    let detail = format!("{USERGROUPS} must hold 1 to {max} items, it holds {count}");
    let bounds = Some(Bounds { min: 1, max, got: Some(count) });
    Err(Refusal::Payload { reason: "BATCH_TOO_LARGE", field: USERGROUPS.to_owned(), detail, bounds })
}

/// Reads a body that is one usergroup to be created. Under `source` and `sourceId` it must be new.
pub fn read_new(body: &[u8]) -> Result<Reading, Refusal> {
    read_one(body, |item| {
        item.refuse(ID);
        Some(match item.reference() {
            Some(reference) => LookupKey::Reference(reference),
            None => LookupKey::New,
        })
    })
}

/// Reads a body that is a list of values of attributes for the usergroup of this id. A bad entry is left out
/// alone.
pub fn read_values(body: &[u8], id: GroupId) -> Result<Reading, Refusal> {
    let json = shape::value(body)?;
    let values = values::read_list(json)?;
    let directive = Directive { values, ..Directive::new(LookupKey::Id(id)) };
    let start = offset(body, json);
    let notes = vec![Note { span: start..start + json.trim_end().len() }];
    let terms = Terms { entries_apart: true, ..NAMELESS };
    Ok(Reading { records: vec![Ok(directive)], notes, terms })
}

/// Reads a body that is a partial update of the usergroup of this id.
pub fn read_update(body: &[u8], id: GroupId) -> Result<Reading, Refusal> {
    read_one(body, |item| {
        item.refuse(ID);
        Some(LookupKey::Id(id))
    })
}

fn read_one(body: &[u8], key: impl Fn(&mut Item<'_, '_>) -> Option<LookupKey>) -> Result<Reading, Refusal> {
    let object = shape::object(body)?;
    // No list of this name: places are told from the payload itself.
    let mut schema = Schema::of("");
    let mut item = Item::read(object, Place::Root, &mut schema);
    let key = key(&mut item);
    let directive = item.directive(key);
    let start = offset(body, object);
    let notes = vec![Note { span: start..start + object.trim_end().len() }];
    Ok(schema.judge(Reading { records: directive.map(Ok).into_iter().collect(), notes, terms: NAMELESS })?)
}

/// An object of a payload, whose members are taken out one by one.
pub(super) struct Item<'a, 'b> {
    json: &'b str,
    pub(super) place: Place<'a>,
    pub(super) schema: &'a mut Schema,
    pub(super) members: Vec<Member<'b>>,
    /// Whether it is an object whose members can be told: only then it can be said that one is missing.
    readable: bool,
}

impl<'a, 'b> Item<'a, 'b> {
    pub(super) fn read(json: &'b str, place: Place<'a>, schema: &'a mut Schema) -> Self {
        let members = match json_type(json) {
            JsonType::Object => Ok(Pairs::of(json).unwrap_or_default()),
            other => Err(other),
        };
        Self::of(Element { json, members }, place, schema)
    }

    fn of(element: Element<'b>, place: Place<'a>, schema: &'a mut Schema) -> Self {
        let Element { json, members } = element;
        let found = members.map_err(Fault::NotAnObject).and_then(named);
        let readable = found.is_ok();
        let members = found.unwrap_or_else(|fault| {
            schema.fault(place, &fault);
            Vec::new()
        });
        Self { json, place, schema, members, readable }
    }

    pub(super) const fn is_readable(&self) -> bool {
        self.readable
    }

    /// Takes the value of a member; what comes again is a violation.
    pub(super) fn take(&mut self, name: &str) -> Option<&'b str> {
        let at = self.members.iter().position(|(found, _)| found == name)?;
        let (_, value) = self.members.swap_remove(at);
        if let Some(at) = self.members.iter().position(|(found, _)| found == name) {
            self.members.swap_remove(at);
            self.schema.doubled(self.place, name);
        }
        Some(value)
    }

    pub(super) fn refuse(&mut self, name: &str) {
        if self.take(name).is_some() {
            self.schema.extraneous(self.place, name);
        }
    }

    /// What was not taken is not known.
    pub(super) fn refuse_others(&mut self) {
        for (name, _) in std::mem::take(&mut self.members) {
            self.schema.extraneous(self.place, &name);
        }
    }

    /// The key that the item is looked up by; `None` after a violation.
    fn key(&mut self, by: By, handling: Handling) -> Option<LookupKey> {
        let is_object = self.is_readable();
        match by {
            By::Id => match self.take(ID) {
                None => {
                    if is_object {
                        self.schema.keyless(self.place, ID);
                    }
                    None
                }
                Some(json) => id(json, Place::Member(&self.place, ID), self.schema).map(LookupKey::Id),
            },
            By::SourceId => {
                self.refuse(ID);
                let strict = handling == Handling::Strict;
                let has = |item: &Self, name: &str| item.members.iter().any(|(found, _)| found == name);
                let needed = [SOURCE_ID, SOURCE].into_iter().chain(strict.then_some("language"));
                let lacking: Vec<&str> = needed.filter(|name| is_object && !has(self, name)).collect();
                for name in &lacking {
                    self.schema.keyless(self.place, name);
                }
                if lacking.is_empty() {
                    return self.reference().map(LookupKey::Reference);
                }
                // What is there of it says nothing more.
                let _ = (self.take(SOURCE_ID), self.take(SOURCE));
                None
            }
        }
    }

    /// `sourceId` and `source`: both or neither.
    fn reference(&mut self) -> Option<ExternalReference> {
        let (key, source) = (self.take(SOURCE_ID), self.take(SOURCE));
        match (key, source) {
            (None, None) => return None,
            (None, Some(_)) => self.schema.missing(self.place, SOURCE_ID),
            (Some(_), None) => self.schema.missing(self.place, SOURCE),
            (Some(_), Some(_)) => {}
        }
        let key = key.and_then(|json| self.set(SOURCE_ID, json, ReferenceKey::parse));
        let source = source.and_then(|json| self.set(SOURCE, json, parse_source));
        Some(ExternalReference { source: source?, key: key? })
    }

    /// A text that cannot be cleared.
    pub(super) fn set<T>(
        &mut self,
        name: &str,
        json: &str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        set(json, Place::Member(&self.place, name), self.schema, parse)
    }

    /// A text that `null` clears.
    pub(super) fn patch<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, Fault>) -> Patch<T> {
        match self.take(name) {
            None => Patch::Keep,
            Some(json) if json_type(json) == JsonType::Null => Patch::Clear,
            Some(json) => self.set(name, json, parse).map_or(Patch::Keep, Patch::Set),
        }
    }

    /// A member's text that cannot be cleared.
    pub(super) fn once<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, Fault>) -> Option<T> {
        let json = self.take(name)?;
        self.set(name, json, parse)
    }

    pub(super) fn choice<const KIND: u8>(&mut self, name: &str) -> Option<Choice<KIND>> {
        self.once(name, Choice::parse)
    }

    /// What the item asks for, once its key was taken. `None` if it has no good key, which is a violation.
    fn directive(&mut self, key: Option<LookupKey>) -> Option<Directive> {
        self.check_nesting();
        let references = match key {
            Some(LookupKey::Reference(_)) => None,
            _ => self.reference(),
        };
        let name = match self.patch("name", Name::parse_optional) {
            Patch::Keep => None,
            Patch::Clear => Some(Name::default()),
            Patch::Set(name) => Some(name),
        };
        let details = DetailsPatch {
            language: self.patch("language", directory::model::Language::parse),
            company: self.patch("company", directory::model::Line::parse),
            department: self.patch("department", directory::model::Line::parse),
            office: self.patch("office", directory::model::Line::parse),
            notes: self.patch("notes", directory::model::Notes::parse),
            inherit_product_list: self.choice("inheritProductList"),
            inherit_order_list: self.choice("inheritOrderList"),
            budget_inherit: self.choice("budgetInherit"),
            budget: self.choice("budget"),
            order_list_allow_all: self.choice("orderListAllowAll"),
        };
        let details = (details != DetailsPatch::default()).then(|| Box::new(details));
        let (parent, parent_too) = self.parent();
        let (values, addresses) = self.parts();
        self.refuse_others();
        let references = references.into_iter().collect();
        let directive = Directive::new(key?);
        Some(Directive { name, details, parent, parent_too, references, values, addresses, ..directive })
    }

    pub(super) fn check_nesting(&mut self) {
        for (name, value) in &self.members {
            if beyond(value, MAX_NESTING).is_some() {
                let place = Place::Member(&self.place, name);
                self.schema.fault(place, &Fault::TooDeep { limit: MAX_NESTING });
            }
        }
    }

    /// The parent: by id, by reference, or by both, which must mean one group.
    pub(super) fn parent(&mut self) -> (Patch<ParentKey>, Option<LookupKey>) {
        let Some(json) = self.take(PARENT) else { return (Patch::Keep, None) };
        let place = Place::Member(&self.place, PARENT);
        match json_type(json) {
            JsonType::Object => {}
            found => {
                self.schema.wrong_type(place, "Object", found);
                return (Patch::Keep, None);
            }
        }
        let mut parent = Item::read(json, place, self.schema);
        let by_id = parent.take(ID).map(|json| id(json, Place::Member(&place, ID), parent.schema));
        let key = parent.take(SOURCE_ID).map(|json| parent.set(SOURCE_ID, json, ReferenceKey::parse));
        let source = parent.take(SOURCE).map(|json| parent.set(SOURCE, json, parse_source));
        match (&by_id, &key, &source) {
            (_, None, Some(_)) => parent.schema.missing(place, SOURCE_ID),
            (None, None, None) => parent.schema.missing(place, ID),
            _ => {}
        }
        parent.refuse_others();
        let by_reference = key.flatten().map(|key| match source.flatten() {
            Some(source) => LookupKey::Reference(ExternalReference { source, key }),
            None => LookupKey::Key(key),
        });
        let by_id = by_id.flatten().map(LookupKey::Id);
        match (by_id, by_reference) {
            (Some(id), too) => (Patch::Set(ParentKey::Key(id)), too),
            (None, Some(reference)) => (Patch::Set(ParentKey::Key(reference)), None),
            (None, None) => (Patch::Keep, None),
        }
    }

    /// Attributes and addresses.
    fn parts(&mut self) -> (Vec<ValuePatch>, Vec<AddressDirective>) {
        let (values, addresses) = (self.take(ATTRIBUTES), self.take(addresses::LIST));
        let place = Place::Member(&self.place, ATTRIBUTES);
        let values = values.map_or_else(Vec::new, |json| values::read_entries(json, place, self.schema));
        let place = Place::Member(&self.place, addresses::LIST);
        let addresses = addresses.map_or_else(Vec::new, |json| addresses::entries(json, place, self.schema));
        (values, addresses)
    }
}

/// A source; the empty text is that of references whose system was never named, as contract 1 makes them.
pub(super) fn parse_source(text: &str) -> Result<Source, Fault> {
    if text.is_empty() { Ok(Source::unnamed()) } else { Source::parse(text) }
}

/// A text that cannot be cleared.
pub(super) fn set<T>(
    json: &str,
    place: Place<'_>,
    schema: &mut Schema,
    parse: impl Fn(&str) -> Result<T, Fault>,
) -> Option<T> {
    match json_type(json) {
        JsonType::String => {
            let parsed = decode(json).ok_or(Fault::InvalidString).and_then(|text| parse(&text));
            parsed.map_err(|fault| schema.fault(place, &fault)).ok()
        }
        found => {
            schema.wrong_type(place, "String", found);
            None
        }
    }
}

/// An id: a JSON number, written as a whole one.
pub(super) fn id(json: &str, place: Place<'_>, schema: &mut Schema) -> Option<GroupId> {
    match json_type(json) {
        JsonType::Number => {
            let id = GroupId::parse(json);
            if id.is_none() {
                schema.fault(place, &Fault::InvalidId);
            }
            id
        }
        found => {
            schema.wrong_type(place, "Integer", found);
            None
        }
    }
}

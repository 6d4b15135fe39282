//! What is wrong with the form of a payload: all of it, each by a JSON pointer (contract 2 §2).

use std::fmt;

use directory::Fault;
use directory::model::JsonType;

use crate::groups::Bounds;
use crate::groups::limits::{MAX_ECHO, shorten};

/// The most violations that are named; of a thousand items each can have several.
pub(super) const MAX_NAMED: usize = 1000;

/// A place in a payload.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// The payload as a whole.
    Root,
    /// A member of the object there.
    Member(&'a Place<'a>, &'a str),
    /// An element of the array there, counted from 0.
    Element(&'a Place<'a>, usize),
}

/// As a JSON pointer in a URI fragment (RFC 6901 §6), such as `#/usergroups/0/parent`. Of a name that is too long
/// to be repeated it has the beginning.
impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => formatter.write_str("#"),
            Self::Member(within, name) => {
                let name = shorten(name, MAX_ECHO).replace('~', "~0").replace('/', "~1");
                write!(formatter, "{within}/{name}")
            }
            Self::Element(within, index) => write!(formatter, "{within}/{index}"),
        }
    }
}

impl Place<'_> {
    /// The item or directive that it lies in, or the member of the payload.
    fn head(&self) -> String {
        match self {
            Self::Root
            | Self::Member(Self::Root, _)
            | Self::Element(Self::Root | Self::Member(Self::Root, _), _) => self.to_string(),
            Self::Member(within, _) | Self::Element(within, _) => within.head(),
        }
    }

    /// By names, such as `addresses[0].street`: within an item of the list of this name, else in the payload.
    fn field(&self, list: &str) -> String {
        match self {
            Self::Root => String::new(),
            Self::Element(Self::Member(Self::Root, name), _) if *name == list => String::new(),
            Self::Member(within, name) => {
                let within = within.field(list);
                let name = shorten(name, MAX_ECHO);
                if within.is_empty() { name.into() } else { format!("{within}.{name}") }
            }
            Self::Element(within, index) => format!("{}[{index}]", within.field(list)),
        }
    }
}

/// One violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    /// For people: where, and what is wrong.
    pub(super) message: String,
    /// The stable reason.
    pub(super) reason: &'static str,
    /// The field at fault; none where the payload or item as a whole is.
    pub(super) field: Option<String>,
    /// The item or directive.
    pub(super) pointer: String,
    /// The numbers allowed and found, where a count is wrong.
    pub(super) bounds: Option<Bounds>,
}

/// All that is wrong with the form of a payload.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Violations {
    /// The first [`MAX_NAMED`].
    pub(super) named: Vec<Violation>,
    /// How many there are in all.
    pub(super) count: usize,
    /// How many of them are items without the key by which they are looked up.
    pub(super) keyless: usize,
}

/// Gathers violations.
#[derive(Debug)]
pub(super) struct Schema {
    /// The name of the payload's list.
    list: &'static str,
    found: Violations,
}

impl Schema {
    pub(super) fn of(list: &'static str) -> Self {
        Self { list, found: Violations::default() }
    }

    /// What was made of the payload, if nothing is wrong with it.
    pub(super) fn judge<T>(self, made: T) -> Result<T, Violations> {
        if self.found.count == 0 { Ok(made) } else { Err(self.found) }
    }

    /// Whether nothing is wrong so far.
    pub(super) const fn is_clean(&self) -> bool {
        self.found.count == 0
    }

    fn add(&mut self, place: Place<'_>, field: &str, reason: &'static str, text: &str) {
        self.found.count += 1;
        if self.found.named.len() < MAX_NAMED {
            let field = Some(field.to_owned()).filter(|field| !field.is_empty());
            let message = format!("{place}: {text}");
            let pointer = place.head();
            self.found.named.push(Violation { message, reason, field, pointer, bounds: None });
        }
    }

    /// A value that is not as it should be.
    pub(super) fn fault(&mut self, place: Place<'_>, fault: &Fault) {
        let text = match fault {
            Fault::TooLong { length, limit } => format!("expected maxLength: {limit}, actual: {length}"),
            fault => fault.to_string(),
        };
        self.add(place, &place.field(self.list), fault.reason(), &text);
    }

    /// A value of another JSON type.
    pub(super) fn wrong_type(&mut self, place: Place<'_>, expected: &str, found: JsonType) {
        let reason = match found {
            JsonType::Null => Fault::NotClearable.reason(),
            _ if expected == ARRAY => "NOT_AN_ARRAY",
            _ => Fault::WrongType(found).reason(),
        };
        self.wrong_type_for(place, expected, found, reason);
    }

    /// The same for another reason.
    pub(super) fn wrong_type_for(
        &mut self,
        place: Place<'_>,
        expected: &str,
        found: JsonType,
        reason: &'static str,
    ) {
        let text = format!("expected type: {expected}, found: {}", name_of(found));
        self.add(place, &place.field(self.list), reason, &text);
    }

    /// An object without a member that it needs.
    pub(super) fn missing(&mut self, object: Place<'_>, name: &str) {
        let field = Place::Member(&object, name).field(self.list);
        self.add(object, &field, "REQUIRED_FIELD_MISSING", &format!("required key [{name}] not found"));
    }

    /// An item without the key by which it is looked up.
    pub(super) fn keyless(&mut self, item: Place<'_>, name: &str) {
        self.found.keyless += 1;
        self.missing(item, name);
    }

    /// A member that the contract does not know.
    pub(super) fn extraneous(&mut self, object: Place<'_>, name: &str) {
        let name = shorten(name, MAX_ECHO);
        let within = object.field(self.list);
        let field = if within.is_empty() { &*name } else { &within };
        let field = field.to_owned();
        self.add(object, &field, "UNKNOWN_FIELD", &format!("extraneous key [{name}] is not permitted"));
    }

    /// A member that occurs more than once.
    pub(super) fn doubled(&mut self, object: Place<'_>, name: &str) {
        let field = Place::Member(&object, name).field(self.list);
        self.add(
            object,
            &field,
            Fault::DuplicateMember.reason(),
            &format!("key [{name}] occurs more than once"),
        );
    }

    /// An array with too few or too many elements.
    pub(super) fn count(&mut self, array: Place<'_>, min: usize, max: usize, found: usize) {
        let field = array.field(self.list);
        let named = self.found.named.len();
        if found < min {
            let text = format!("expected minimum item count: {min}, found: {found}");
            self.add(array, &field, "BATCH_EMPTY", &text);
        } else {
            let text = format!("expected maximum item count: {max}, found: {found}");
            self.add(array, &field, "TOO_MANY", &text);
        }
        if let Some(added) = self.found.named.get_mut(named) {
            added.bounds = Some(Bounds { min, max, got: Some(found) });
        }
    }
}

/// What [`Schema::wrong_type`] is told of arrays.
pub(super) const ARRAY: &str = "Array";

const fn name_of(found: JsonType) -> &'static str {
    match found {
        JsonType::Null => "Null",
        JsonType::Boolean => "Boolean",
        JsonType::Number => "Number",
        JsonType::String => "String",
        JsonType::Array => ARRAY,
        JsonType::Object => "Object",
    }
}

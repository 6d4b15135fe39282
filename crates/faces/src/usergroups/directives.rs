//! Directives: what a bulk call does not do, whatever its items ask (contract 2 §4).

use directory::model::JsonType;
use directory::{Field, Terms};

use super::fields::{FIELDS, SOURCE, SOURCE_ID};
use super::json::{Member, elements, members};
use super::read::By;
use super::refusal::Refusal;
use super::schema::{ARRAY, Place, Schema};
use crate::groups::Bounds;
use crate::groups::limits::{MAX_ECHO, shorten};
use crate::groups::shape::{decode, json_type};

/// The most directives of a call; there are four.
const MAX_DIRECTIVES: usize = 100;
/// The most fields of a directive.
const MAX_FIELDS: usize = 100;

/// The member of the payload.
pub(super) const DIRECTIVES: &str = "directives";
const OPERATION: &str = "operation";
const FIELDS_MEMBER: &str = "fields";

/// The one that takes fields.
pub const SKIP_IF_NOT_EMPTY: &str = "skipIfNotEmpty";
const SKIP_MOVE: &str = "skipMoveOnUpdate";
const SKIP_CREATE: &str = "skipCreate";
const MERGE_TRANSLATIONS: &str = "mergeTranslationsOnUpdate";
/// Every directive.
pub const OPERATIONS: [&str; 4] = [SKIP_CREATE, SKIP_MOVE, MERGE_TRANSLATIONS, SKIP_IF_NOT_EMPTY];

/// One directive as it was sent.
struct Sent<'a> {
    /// Where it stands, and where its operation and fields do: `directives[0].operation`.
    place: String,
    operation: String,
    /// `None` where there are none, or `null`.
    fields: Option<Vec<String>>,
    /// Its key in the object form.
    object_form: Option<&'a str>,
}

impl Sent<'_> {
    fn operation_field(&self) -> String {
        self.object_form.map_or_else(|| format!("{}.{OPERATION}", self.place), |_| self.place.clone())
    }

    fn fields_field(&self) -> String {
        self.object_form.map_or_else(|| format!("{}.{FIELDS_MEMBER}", self.place), |_| self.place.clone())
    }
}

/// Reads directives in either shape. What is wrong with their form is added to `schema`.
pub(super) fn read(json: &str, schema: &mut Schema, by: By) -> Result<Terms, Refusal> {
    let place = Place::Member(&Place::Root, DIRECTIVES);
    let sent = match json_type(json) {
        JsonType::Array => array_form(json, place, schema)?,
        JsonType::Object => object_form(json, place, schema)?,
        found => {
            schema.wrong_type_for(place, ARRAY, found, "NOT_AN_ARRAY");
            Vec::new()
        }
    };
    let mut terms = Terms::default();
    for directive in &sent {
        apply(directive, &mut terms, by)?;
    }
    Ok(terms)
}

fn array_form<'a>(json: &'a str, place: Place<'_>, schema: &mut Schema) -> Result<Vec<Sent<'a>>, Refusal> {
    let (slices, count) = elements(json, MAX_DIRECTIVES);
    check_count(count)?;
    let mut sent = Vec::with_capacity(count);
    for (index, slice) in slices.into_iter().enumerate() {
        let place = Place::Element(&place, index);
        if json_type(slice) != JsonType::Object {
            schema.wrong_type(place, "Object", json_type(slice));
            continue;
        }
        let Some(members) = told(slice, place, schema) else { continue };
        let (mut operation, mut fields) = (None, None);
        for (name, value) in members {
            let taken = match &*name {
                OPERATION => operation.replace(value).is_some(),
                FIELDS_MEMBER => fields.replace(value).is_some(),
                _ => {
                    schema.extraneous(place, &name);
                    false
                }
            };
            if taken {
                schema.doubled(place, &name);
            }
        }
        let Some(operation) = operation else {
            schema.missing(place, OPERATION);
            continue;
        };
        let operation_place = Place::Member(&place, OPERATION);
        let Some(operation) = text(operation, operation_place, schema) else { continue };
        let fields = texts(fields, Place::Member(&place, FIELDS_MEMBER), schema);
        sent.push(Sent { place: format!("{DIRECTIVES}[{index}]"), operation, fields, object_form: None });
    }
    Ok(sent)
}

fn object_form<'a>(json: &'a str, place: Place<'_>, schema: &mut Schema) -> Result<Vec<Sent<'a>>, Refusal> {
    let members = told(json, place, schema).unwrap_or_default();
    check_count(members.len())?;
    let mut sent: Vec<Sent<'_>> = Vec::with_capacity(members.len());
    for (name, value) in members {
        let fields = texts(Some(value), Place::Member(&place, &name), schema);
        let operation: String = shorten(&name, MAX_ECHO).into();
        if sent.iter().any(|other| other.operation == operation) {
            schema.doubled(place, &name);
        }
        let place = format!("{DIRECTIVES}.{operation}");
        sent.push(Sent { place, operation, fields, object_form: Some(value) });
    }
    Ok(sent)
}

/// The members of an object; `None` after a violation.
fn told<'a>(json: &'a str, object: Place<'_>, schema: &mut Schema) -> Option<Vec<Member<'a>>> {
    members(json).map_err(|fault| schema.fault(object, &fault)).ok()
}

fn check_count(count: usize) -> Result<(), Refusal> {
    if count <= MAX_DIRECTIVES {
        return Ok(());
    }
    Err(Refusal::Payload {
        reason: "TOO_MANY",
        field: DIRECTIVES.to_owned(),
        detail: format!("{DIRECTIVES} must hold at most {MAX_DIRECTIVES}, it holds {count}"),
        bounds: Some(Bounds { min: 0, max: MAX_DIRECTIVES, got: Some(count) }),
    })
}

fn text(json: &str, place: Place<'_>, schema: &mut Schema) -> Option<String> {
    match json_type(json) {
        JsonType::String => {
            let text = decode(json);
            if text.is_none() {
                schema.fault(place, &directory::Fault::InvalidString);
            }
            text.map(|text| shorten(&text, MAX_ECHO).into())
        }
        found => {
            schema.wrong_type(place, "String", found);
            None
        }
    }
}

/// A list of texts; `None` where it is absent or `null`.
fn texts(json: Option<&str>, place: Place<'_>, schema: &mut Schema) -> Option<Vec<String>> {
    match json.map(json_type) {
        None | Some(JsonType::Null) => None,
        Some(JsonType::Array) => {
            let (slices, count) = elements(json.unwrap_or_default(), MAX_FIELDS);
            if count > MAX_FIELDS {
                schema.count(place, 0, MAX_FIELDS, count);
            }
            let each = slices.into_iter().enumerate();
            Some(
                each.filter_map(|(index, slice)| text(slice, Place::Element(&place, index), schema))
                    .collect(),
            )
        }
        Some(found) => {
            schema.wrong_type(place, ARRAY, found);
            Some(Vec::new())
        }
    }
}

/// Adds what a directive demands. A guard that is not understood must never be ignored.
fn apply(sent: &Sent<'_>, terms: &mut Terms, by: By) -> Result<(), Refusal> {
    let refused =
        |reason, field: String, detail: String| Err(Refusal::Payload { reason, field, detail, bounds: None });
    let fields = sent.fields.as_deref();
    if sent.operation == SKIP_IF_NOT_EMPTY {
        let Some(fields) = fields.filter(|fields| !fields.is_empty()) else {
            let detail = format!("{SKIP_IF_NOT_EMPTY} needs the fields that it is to keep");
            return refused("REQUIRED_FIELD_MISSING", sent.fields_field(), detail);
        };
        for (index, name) in fields.iter().enumerate() {
            let Some(field) = listed(name, by) else {
                let place = format!("{}[{index}]", sent.fields_field());
                let known: Vec<&str> = known_fields(by).collect();
                let detail = format!("[{name}] is not a field that can be listed: {}", known.join(", "));
                return refused("UNKNOWN_FIELD", place, detail);
            };
            terms.keep.extend((!terms.keep.contains(&field)).then_some(field));
        }
        return Ok(());
    }
    match sent.operation.as_str() {
        SKIP_MOVE => terms.keep_place = true,
        SKIP_CREATE => terms.no_create = true,
        MERGE_TRANSLATIONS => {}
        unknown => {
            let known = OPERATIONS.join(", ");
            let detail = format!("Unknown directive [{unknown}], it must be one of {known}");
            return refused("UNKNOWN_DIRECTIVE", sent.operation_field(), detail);
        }
    }
    if fields.is_some_and(|fields| !fields.is_empty()) {
        let detail = format!("{} takes no fields", sent.operation);
        return refused("UNEXPECTED_FIELDS", sent.fields_field(), detail);
    }
    Ok(())
}

/// The names that `skipIfNotEmpty` may list: not those of the key by which items are looked up.
pub fn known_fields(by: By) -> impl Iterator<Item = &'static str> {
    let references = [SOURCE_ID, SOURCE].into_iter().filter(move |_| by == By::Id);
    FIELDS.iter().map(|(name, _)| *name).chain(references)
}

fn listed(name: &str, by: By) -> Option<Field> {
    let known = FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| field.clone());
    known.or_else(|| known_fields(by).any(|known| known == name).then_some(Field::References))
}

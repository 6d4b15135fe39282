//! Values of attributes (contract 2 §5): entries in, what became of them and what a usergroup shows out.

use directory::model::{JsonType, ValueText};
use directory::{
    AttributeClass, AttributeDefinition, AttributeId, AttributeKey, AttributeName, AttributeType, Batch,
    EffectiveValue, Failure, Fault, Numbered as Page, Origin, Outcome, RawPart, RawPartValue, RawValue,
    RecordResult, ValueOutcome, ValuePatch,
};
use serde::Serialize;
use serde_json::value::RawValue as Json;

use super::fields::ID;
use super::json::elements;
use super::read::{Item, set};
use super::refusal::Refusal;
use super::schema::{ARRAY, Place, Schema};
use super::search::{Numbered, paged};
use super::status::Line as Status;
use super::write::{Key, Line, enveloped, error_text, reason_of};
use crate::groups::shape::{decode, json_type};
use crate::groups::wire::{Each, to_json};
use crate::groups::{Bounds, Mode, Reply};

pub(super) const NAME: &str = "name";
pub(super) const CLASS: &str = "class";
pub(super) const TYPE: &str = "type";
pub(super) const VALUE: &str = "value";
pub(super) const LANGUAGE: &str = "language";
const VALUES: &str = "values";

/// Reads a member `attributes`: entries that are good in form, and violations. What a value has to be like is
/// left to the plan.
pub(super) fn read_entries(json: &str, place: Place<'_>, schema: &mut Schema) -> Vec<ValuePatch> {
    if json_type(json) != JsonType::Array {
        schema.wrong_type(place, ARRAY, json_type(json));
        return Vec::new();
    }
    let most = AttributeDefinition::MAX_OF_GROUP;
    let (entries, count) = elements(json, most);
    if count > most {
        schema.count(place, 0, most, count);
    }
    let read = |(index, entry)| read_entry(entry, Place::Element(&place, index), schema);
    entries.into_iter().enumerate().filter_map(read).collect()
}

/// Reads a body that is such a list.
pub(super) fn read_list(json: &str) -> Result<Vec<ValuePatch>, Refusal> {
    let mut schema = Schema::of("");
    if json_type(json) == JsonType::Array {
        let max = AttributeDefinition::MAX_OF_GROUP;
        match elements(json, max).1 {
            0 => schema.count(Place::Root, 1, max, 0),
            found if found > max => return Err(too_many(max, found)),
            _ => {}
        }
    }
    let entries = read_entries(json, Place::Root, &mut schema);
    Ok(schema.judge(entries)?)
}

pub(super) fn too_many(max: usize, found: usize) -> Refusal {
    let detail = format!("The payload must hold 1 to {max} items, it holds {found}");
    let bounds = Some(Bounds { min: 1, max, got: Some(found) });
    Refusal::Payload { reason: "BATCH_TOO_LARGE", field: String::new(), detail, bounds }
}

fn read_entry(json: &str, place: Place<'_>, schema: &mut Schema) -> Option<ValuePatch> {
    let mut entry = Item::read(json, place, schema);
    let is_object = entry.is_readable();
    let id = entry.take(ID).map(|json| attribute_id(json, Place::Member(&place, ID), entry.schema));
    let name = entry.take(NAME).map(|json| entry.set(NAME, json, AttributeName::parse));
    let has_class = entry.members.iter().any(|(name, _)| name == CLASS);
    let class = word(&mut entry, CLASS, AttributeClass::parse, CLASSES);
    let kind = word(&mut entry, TYPE, AttributeType::parse, TYPES);
    let value = entry.take(VALUE);
    let value = value.map(|json| raw(json, Place::Member(&place, VALUE), entry.schema));
    if is_object {
        match (&id, &name, has_class) {
            (None, None, _) => entry.schema.keyless(place, ID),
            (None, Some(_), false) => entry.schema.keyless(place, CLASS),
            _ => {}
        }
    }
    entry.refuse_others();
    let by_name = name.flatten().zip(class).map(|(name, class)| AttributeKey::Name { name, class });
    // Both must mean one attribute. A name without its class says nothing beside an id.
    let (attribute, too) = match id {
        Some(id) => (AttributeKey::Id(id?), by_name),
        None => (by_name?, None),
    };
    Some(ValuePatch { attribute, too, kind, value: value.flatten() })
}

/// The words of classes and types, for whoever sends another one.
pub(super) const CLASSES: &[&str] = &["user", "product", "category"];
/// See [`CLASSES`].
pub(super) const TYPES: &[&str] =
    &["text", "list", "enum", "enumlist", "integer", "decimal", "date", "datetime"];

/// A member that is one of some words; `None` after a violation too.
pub(super) fn word<T>(
    item: &mut Item<'_, '_>,
    name: &str,
    parse: impl Fn(&str) -> Option<T>,
    known: &'static [&'static str],
) -> Option<T> {
    let json = item.take(name)?;
    item.set(name, json, |text| parse(text).ok_or(Fault::NotAmongWords(known)))
}

/// The id of an attribute: a JSON number, written as a whole one.
pub(super) fn attribute_id(json: &str, place: Place<'_>, schema: &mut Schema) -> Option<AttributeId> {
    match json_type(json) {
        JsonType::Number => {
            let id = AttributeId::parse(json);
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

/// A value of whatever type; `None` for `null`.
pub(super) fn raw(json: &str, place: Place<'_>, schema: &mut Schema) -> Option<RawValue> {
    Some(match json_type(json) {
        JsonType::Null => return None,
        JsonType::String => RawValue::Text(text(json, place, schema)),
        JsonType::Number => RawValue::Number(json.into()),
        JsonType::Boolean | JsonType::Object => RawValue::Other,
        JsonType::Array => {
            // One item more than a list can hold: it will be told so.
            let (items, _) = elements(json, ValueText::MAX_CHARACTERS + 1);
            if items.iter().all(|item| json_type(item) == JsonType::String) {
                RawValue::List(texts(&items, place, schema))
            } else if items.iter().all(|item| json_type(item) == JsonType::Object) {
                let parts = items.into_iter().enumerate();
                let part = |(index, item)| raw_part(item, Place::Element(&place, index), schema);
                RawValue::Localised(parts.filter_map(part).collect())
            } else {
                RawValue::Other
            }
        }
    })
}

fn text(json: &str, place: Place<'_>, schema: &mut Schema) -> Box<str> {
    let text = decode(json);
    if text.is_none() {
        schema.fault(place, &Fault::InvalidString);
    }
    text.unwrap_or_default().into()
}

fn texts(items: &[&str], place: Place<'_>, schema: &mut Schema) -> Vec<Box<str>> {
    let items = items.iter().enumerate();
    items.map(|(index, item)| text(item, Place::Element(&place, index), schema)).collect()
}

fn raw_part(json: &str, place: Place<'_>, schema: &mut Schema) -> Option<RawPart> {
    let mut item = Item::read(json, place, schema);
    let language = item.take(LANGUAGE);
    if language.is_none() {
        item.schema.missing(place, LANGUAGE);
    }
    let language = language.and_then(|json| item.set(LANGUAGE, json, |text| Ok(Box::<str>::from(text))));
    let (value, values) = (item.take(VALUE), item.take(VALUES));
    let value = match (value, values) {
        (None, None) => {
            item.schema.missing(place, VALUE);
            None
        }
        (Some(_), Some(_)) => {
            item.schema.extraneous(place, VALUES);
            None
        }
        (Some("null"), None) | (None, Some("null")) => Some(RawPartValue::Nothing),
        (Some(json), None) => {
            let read = set(json, Place::Member(&place, VALUE), item.schema, |text| Ok(Box::from(text)));
            read.map(RawPartValue::Text)
        }
        (None, Some(json)) => list(json, Place::Member(&place, VALUES), item.schema).map(RawPartValue::List),
    };
    item.refuse_others();
    Some(RawPart { language: language?, value: value? })
}

fn list(json: &str, place: Place<'_>, schema: &mut Schema) -> Option<Vec<Box<str>>> {
    if json_type(json) != JsonType::Array {
        schema.wrong_type(place, ARRAY, json_type(json));
        return None;
    }
    let (items, _) = elements(json, ValueText::MAX_CHARACTERS + 1);
    let other = items.iter().position(|item| json_type(item) != JsonType::String);
    if let Some(index) = other {
        schema.wrong_type(Place::Element(&place, index), "String", json_type(items[index]));
        return None;
    }
    Some(texts(&items, place, schema))
}

/// A key of an attribute on this wire: how it is looked up, and the value.
pub(super) fn key_of(key: &AttributeKey) -> (&'static str, Key) {
    match key {
        AttributeKey::Id(id) => (ID, Key::Id(id.get())),
        AttributeKey::Name { name, .. } => (NAME, Key::Text(name.to_string())),
    }
}

fn line(patch: &ValuePatch, outcome: &ValueOutcome) -> Line {
    let (lookup_key, key) = key_of(&patch.attribute);
    let failure = match outcome {
        ValueOutcome::Failed(failure) => Some(failure),
        ValueOutcome::Put(_) | ValueOutcome::Deleted(_) | ValueOutcome::Unchanged(_) => None,
    };
    let deletes = match outcome {
        ValueOutcome::Deleted(_) => true,
        ValueOutcome::Put(_) => false,
        ValueOutcome::Unchanged(_) | ValueOutcome::Failed(_) => patch.value.is_none(),
    };
    Line {
        action: if deletes { "delete" } else { "put" },
        id: outcome.attribute().map(AttributeId::get),
        key,
        lookup_key,
        success: failure.is_none(),
        message: matches!(outcome, ValueOutcome::Unchanged(_)).then(|| "Unchanged".to_owned()),
        error: failure.map(entry_text),
        error_code: failure.map(|failure| failure.code().as_str()),
        reason: failure.and_then(reason_of),
        ..Line::default()
    }
}

/// Writes the answer to a call that sets values of one usergroup. The error is why nothing was done.
pub fn write_values(batch: &Batch, outcome: &Outcome, mode: Mode) -> Result<Reply, Refusal> {
    let (Some(Ok(directive)), Some(outcome)) = (batch.records.first(), outcome.records.first()) else {
        return Err(Refusal::Failed(Vec::new()));
    };
    if let RecordResult::Failed(failures) = &outcome.result {
        return Err(match failures.first() {
            Some(Failure::GroupNotFound | Failure::ArchivedGroupExists { .. }) => {
                Refusal::nobody(&directive.key).as_parent()
            }
            _ => Refusal::Failed(
                failures
                    .iter()
                    .map(|failure| (failure.clone(), error_text(failure, Some(directive))))
                    .collect(),
            ),
        });
    }
    let lines = directive.values.iter().zip(&outcome.values).map(|(patch, outcome)| line(patch, outcome));
    let total = Some(outcome.values.len());
    Ok(enveloped(Status::DONE, Each(lines), &["Completed"], total, mode, 64 + 96 * outcome.values.len()))
}

/// What is said of an entry that was not done.
fn entry_text(failure: &Failure) -> String {
    match failure {
        Failure::AttributeNotFound { key, .. } => not_found(key),
        Failure::Validation { fault, .. } => fault_text(fault),
        failure => error_text(failure, None),
    }
}

/// No attribute has this key.
pub(super) fn not_found(key: &AttributeKey) -> String {
    match key {
        AttributeKey::Id(id) => format!("Attribute with id [{id}] not found."),
        AttributeKey::Name { name, class } => {
            format!("Attribute with name [{name}] and class [{}] not found.", class.as_str())
        }
    }
}

/// What is wrong with a value, in the published words where there are any.
pub(super) fn fault_text(fault: &Fault) -> String {
    match fault {
        Fault::NotOfType(kind, _) | Fault::OtherType(kind) => {
            format!("Invalid value provided. Attribute type is [{}].", kind.as_str())
        }
        Fault::NotForUsergroups => "Invalid attribute provided. Attribute class is not [user].".to_owned(),
        fault => format!("Invalid value provided. It {fault}."),
    }
}

/// What a usergroup shows of an attribute.
#[derive(Serialize)]
struct Shown<'a> {
    id: i64,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    class: &'static str,
    value: ShownValue<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inherited: Option<bool>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ShownValue<'a> {
    Text(&'a str),
    Number(Box<Json>),
    List(Vec<&'a str>),
    Localised(Vec<ShownPart<'a>>),
}

#[derive(Serialize)]
pub(super) struct ShownPart<'a> {
    language: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<&'a str>>,
    inherited: bool,
}

/// A value of a type without languages.
pub(super) fn single(kind: AttributeType, text: &ValueText) -> ShownValue<'_> {
    match kind {
        AttributeType::Integer | AttributeType::Decimal => {
            // The canonical form is a number of JSON.
            Json::from_string(text.as_str().to_owned())
                .map_or(ShownValue::Text(text.as_str()), ShownValue::Number)
        }
        AttributeType::EnumList => ShownValue::List(text.items().collect()),
        AttributeType::Text
        | AttributeType::List
        | AttributeType::Enum
        | AttributeType::Date
        | AttributeType::DateTime => ShownValue::Text(text.as_str()),
    }
}

fn shown(value: &EffectiveValue) -> Shown<'_> {
    let AttributeDefinition { id, name, class, kind, .. } = &value.attribute;
    let is_inherited = |origin: &Origin| *origin != Origin::Own;
    let localised = value.parts.iter().map(|(language, (text, origin))| {
        let is_list = kind.is_list();
        ShownPart {
            language: language.map_or_else(String::new, |language| language.to_string()),
            value: (!is_list).then(|| text.as_str()),
            values: is_list.then(|| text.items().collect()),
            inherited: is_inherited(origin),
        }
    });
    let (shown, inherited) = match value.parts.get(&None).filter(|_| !kind.is_localised()) {
        Some((text, origin)) => (single(*kind, text), Some(is_inherited(origin))),
        None => (ShownValue::Localised(localised.collect()), None),
    };
    Shown {
        id: id.get(),
        name: name.as_str(),
        kind: kind.as_str(),
        class: class.as_str(),
        value: shown,
        inherited,
    }
}

/// Writes a page of what a usergroup shows.
pub fn write_shown(values: &Page<EffectiveValue>, page: Numbered) -> Reply {
    let entries = to_json(&Each(values.items.iter().map(shown)), 64 + 160 * values.items.len());
    paged(entries, values.items.len(), values.total, page)
}

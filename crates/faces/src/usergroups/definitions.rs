//! Definitions of attributes (contract 2 §5): records in, what became of them and lists out.

use directory::model::{JsonType, Language, Line as Text};
use directory::{
    AttributeClass, AttributeDefinition, AttributeId, AttributeKey, AttributeName, AttributeType, Batch,
    DefinitionFailure, DefinitionField, DefinitionFilter, DefinitionOutcome, DefinitionPatch,
    DefinitionRecord, LinesPatch, Numbered as Page, NumberedPage, Patch, RawValue,
};
use serde::Serialize;

use super::fields::ID;
use super::json::elements;
use super::read::Item;
use super::refusal::Refusal;
use super::schema::{ARRAY, Place, Schema};
use super::search::{Numbered, paged};
use super::status::Line as Status;
use super::values::{
    CLASS, CLASSES, LANGUAGE, NAME, ShownValue, TYPE, TYPES, VALUE, attribute_id, fault_text, key_of, raw,
    single, too_many, word,
};
use super::write::{Key, Line, enveloped};
use crate::groups::limits::{MAX_ECHO, shorten};
use crate::groups::shape::{self, json_type};
use crate::groups::wire::{Each, to_json};
use crate::groups::{Mode, Reply, parameters};

const TYPE_PARAM: &str = "typeParam";
const DESCRIPTIONS: &str = "descriptions";
const UNITS: &str = "units";
const GROUP: &str = "group";
const ATTRIBUTE_CLASS: &str = "attributeClass";

/// How attributes are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// By `id`.
    Id,
    /// By `name`.
    Name,
}

impl By {
    /// The words that a path may use.
    pub const WORDS: [&'static str; 2] = [ID, NAME];

    /// The lookup key of this name; case matters.
    pub fn parse(word: &str) -> Result<Self, Refusal> {
        match word {
            ID => Ok(Self::Id),
            NAME => Ok(Self::Name),
            other => Err(Refusal::LookupKey { found: shorten(other, MAX_ECHO), known: &Self::WORDS }),
        }
    }
}

/// The attribute that a path names: by each key that it can mean. A name without a class can mean several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The keys.
    pub keys: Vec<AttributeKey>,
    word: &'static str,
    value: String,
}

impl Named {
    /// Reads the path, and `attributeClass` in the query.
    pub fn parse(key: &str, value: &str, query: Option<&str>) -> Result<Self, Refusal> {
        let by = By::parse(key)?;
        let class = parameters(query).find(|(name, _)| name == ATTRIBUTE_CLASS).map(|(_, value)| value);
        let class = class.map(|text| class_of(&text)).transpose()?;
        let classes = class.as_ref().map_or(AttributeClass::ALL, std::slice::from_ref);
        let (word, keys) = match by {
            By::Id => (ID, AttributeId::parse(value).map(AttributeKey::Id).into_iter().collect()),
            By::Name => {
                let name = AttributeName::parse(value).ok();
                let key = |name: &AttributeName| {
                    let of =
                        |class: &AttributeClass| AttributeKey::Name { name: name.clone(), class: *class };
                    classes.iter().map(of).collect()
                };
                (NAME, name.as_ref().map(key).unwrap_or_default())
            }
        };
        Ok(Self { keys, word, value: shorten(value, MAX_ECHO).into() })
    }

    /// The one definition among those that the keys mean.
    pub fn only(&self, mut found: Vec<AttributeDefinition>) -> Result<AttributeDefinition, Refusal> {
        match (found.pop(), found.len()) {
            (None, _) => Err(Refusal::NoAttribute(self.word, self.value.clone())),
            (Some(definition), 0) => Ok(definition),
            _ => Err(Refusal::Payload {
                reason: "AMBIGUOUS_ATTRIBUTE",
                field: ATTRIBUTE_CLASS.to_owned(),
                detail: format!(
                    "Attributes of several classes have the name [{}]: give {ATTRIBUTE_CLASS}, one of {}",
                    self.value,
                    CLASSES.join(", ")
                ),
                bounds: None,
            }),
        }
    }
}

fn class_of(text: &str) -> Result<AttributeClass, Refusal> {
    AttributeClass::parse(text).ok_or_else(|| Refusal::Payload {
        reason: "INVALID_PARAMETER",
        field: ATTRIBUTE_CLASS.to_owned(),
        detail: format!("{ATTRIBUTE_CLASS} must be one of {}", CLASSES.join(", ")),
        bounds: None,
    })
}

/// A call that writes definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefinitionCall {
    /// One is created.
    Create,
    /// That of this key is updated.
    Update(AttributeKey),
    /// That of this key is deleted.
    Delete(AttributeKey),
    /// Many are created or updated.
    Bulk(By),
}

/// Reads the body of a call that writes definitions.
pub fn read_definitions(call: &DefinitionCall, body: &[u8]) -> Result<Vec<DefinitionRecord>, Refusal> {
    let mut schema = Schema::of("");
    let records = match call {
        DefinitionCall::Delete(key) => return Ok(vec![DefinitionRecord::Delete(key.clone())]),
        DefinitionCall::Bulk(by) => read_bulk(shape::value(body)?, *by, &mut schema)?,
        DefinitionCall::Create => {
            let mut item = Item::read(shape::object(body)?, Place::Root, &mut schema);
            item.refuse(ID);
            let patch = patch(&mut item);
            let has = [(NAME, patch.name.is_some()), (CLASS, patch.class.is_some())];
            need(&mut item, &has, &patch);
            vec![DefinitionRecord::Create(patch)]
        }
        DefinitionCall::Update(key) => {
            let mut item = Item::read(shape::object(body)?, Place::Root, &mut schema);
            item.refuse(ID);
            vec![DefinitionRecord::Update(key.clone(), patch(&mut item))]
        }
    };
    Ok(schema.judge(records)?)
}

/// What a definition that is created needs, unless something is wrong with its form anyway.
fn need(item: &mut Item<'_, '_>, has: &[(&'static str, bool)], patch: &DefinitionPatch) {
    if !item.schema.is_clean() {
        return;
    }
    for (name, has) in has.iter().chain(&[(TYPE, patch.kind.is_some())]) {
        if !has {
            item.schema.missing(item.place, name);
        }
    }
}

fn read_bulk(json: &str, by: By, schema: &mut Schema) -> Result<Vec<DefinitionRecord>, Refusal> {
    if json_type(json) != JsonType::Array {
        schema.wrong_type(Place::Root, ARRAY, json_type(json));
        return Ok(Vec::new());
    }
    let (items, count) = elements(json, Batch::MAX_RECORDS);
    if count > Batch::MAX_RECORDS {
        return Err(too_many(Batch::MAX_RECORDS, count));
    }
    if count == 0 {
        schema.count(Place::Root, 1, Batch::MAX_RECORDS, count);
    }
    let read = |(index, json)| {
        let mut item = Item::read(json, Place::Element(&Place::Root, index), schema);
        read_item(&mut item, by, json_type(json) == JsonType::Object)
    };
    Ok(items.into_iter().enumerate().filter_map(read).collect())
}

/// One item of a bulk call; `None` after a violation.
fn read_item(item: &mut Item<'_, '_>, by: By, is_object: bool) -> Option<DefinitionRecord> {
    match by {
        By::Id => {
            let json = item.take(ID);
            if json.is_none() && is_object {
                item.schema.keyless(item.place, ID);
            }
            let id = match json {
                None | Some("0") => None,
                Some(json) => Some(attribute_id(json, Place::Member(&item.place, ID), item.schema)),
            };
            let patch = patch(item);
            match (json, id) {
                (None, _) => None,
                (Some(_), None) => Some(DefinitionRecord::Create(patch)),
                (Some(_), Some(id)) => Some(DefinitionRecord::Update(AttributeKey::Id(id?), patch)),
            }
        }
        By::Name => {
            item.refuse(ID);
            for name in [NAME, CLASS] {
                if is_object && !item.members.iter().any(|(found, _)| found == name) {
                    item.schema.keyless(item.place, name);
                }
            }
            let patch = patch(item);
            let (name, class) = (patch.name.clone()?, patch.class?);
            Some(DefinitionRecord::Upsert { name, class, patch })
        }
    }
}

/// What an item says of a definition.
fn patch(item: &mut Item<'_, '_>) -> DefinitionPatch {
    let name = item.take(NAME).and_then(|json| item.set(NAME, json, AttributeName::parse));
    let patch = DefinitionPatch {
        name,
        class: word(item, CLASS, AttributeClass::parse, CLASSES),
        kind: word(item, TYPE, AttributeType::parse, TYPES),
        type_param: text(item, TYPE_PARAM),
        descriptions: lines(item, DESCRIPTIONS),
        units: lines(item, UNITS),
        group: text(item, GROUP),
        default: default(item),
        is_public: flag(item, "isPublic"),
        is_searchable: flag(item, "isSearchable"),
        is_system: flag(item, "isSystem"),
        is_hidden: flag(item, "isHidden"),
    };
    item.refuse_others();
    patch
}

/// A text that `null` makes empty.
fn text(item: &mut Item<'_, '_>, name: &str) -> Option<Text> {
    match item.take(name)? {
        "null" => Some(Text::default()),
        json => item.set(name, json, Text::parse),
    }
}

fn flag(item: &mut Item<'_, '_>, name: &str) -> Option<bool> {
    let json = item.take(name)?;
    if json_type(json) != JsonType::Boolean {
        item.schema.wrong_type(Place::Member(&item.place, name), "Boolean", json_type(json));
    }
    Some(json == "true")
}

/// The default; `null` and an empty text are none.
fn default(item: &mut Item<'_, '_>) -> Patch<RawValue> {
    let Some(json) = item.take(VALUE) else { return Patch::Keep };
    match raw(json, Place::Member(&item.place, VALUE), item.schema) {
        None => Patch::Clear,
        Some(RawValue::Text(text)) if text.is_empty() => Patch::Clear,
        Some(value) => Patch::Set(value),
    }
}

/// A list of languages with a value each; `null` makes it empty.
fn lines(item: &mut Item<'_, '_>, name: &str) -> LinesPatch {
    let mut patch = LinesPatch::default();
    let within = item.place;
    let place = Place::Member(&within, name);
    match item.take(name).map(|json| (json, json_type(json))) {
        None => {}
        Some((_, JsonType::Null)) => patch.clear = true,
        Some((json, JsonType::Array)) => {
            let most = AttributeDefinition::MAX_LANGUAGES;
            let (lines, count) = elements(json, most);
            if count > most {
                item.schema.count(place, 0, most, count);
            }
            for (index, json) in lines.into_iter().enumerate() {
                let mut line = Item::read(json, Place::Element(&place, index), item.schema);
                let language = line.take(LANGUAGE);
                if language.is_none() && json_type(json) == JsonType::Object {
                    line.schema.missing(line.place, LANGUAGE);
                }
                let language = language.and_then(|json| line.set(LANGUAGE, json, Language::parse));
                let value = text(&mut line, VALUE).unwrap_or_default();
                line.refuse_others();
                patch.lines.extend(language.map(|language| (language, value)));
            }
        }
        Some((_, found)) => item.schema.wrong_type(place, ARRAY, found),
    }
    patch
}

/// The name of a field of a definition on this wire.
pub(super) const fn wire_name(field: DefinitionField) -> &'static str {
    match field {
        DefinitionField::Name => NAME,
        DefinitionField::Class => CLASS,
        DefinitionField::Kind => TYPE,
        DefinitionField::TypeParam => TYPE_PARAM,
        DefinitionField::Default => VALUE,
        DefinitionField::Descriptions => DESCRIPTIONS,
        DefinitionField::Units => UNITS,
    }
}

/// The exact cause of a failure, where its code is a class of several.
pub(super) const fn reason_of(failure: &DefinitionFailure) -> Option<&'static str> {
    match failure {
        DefinitionFailure::Invalid { fault, .. } => Some(fault.reason()),
        _ => None,
    }
}

fn error_text(failure: &DefinitionFailure, record: &DefinitionRecord) -> String {
    let key = record.key();
    match failure {
        DefinitionFailure::Missing(field) => format!("required key [{}] not found", wire_name(*field)),
        DefinitionFailure::Invalid { field: DefinitionField::Default, fault } => fault_text(fault),
        DefinitionFailure::Invalid { field, fault } => format!("{} {fault}", wire_name(*field)),
        DefinitionFailure::Immutable(field) => {
            format!("{} of an attribute cannot be changed", wire_name(*field))
        }
        DefinitionFailure::Duplicate { peer } => {
            format!("The attribute is meant by item {peer} of this request too")
        }
        DefinitionFailure::NotFound => key.as_ref().map(super::values::not_found).unwrap_or_default(),
        DefinitionFailure::Exists { id } => format!("An attribute of this name and class exists: id [{id}]"),
        DefinitionFailure::TooMany { limit } => format!("There can be at most {limit} attributes"),
    }
}

/// A definition on this wire.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "the contract has four independent switches")]
struct Shown<'a> {
    class: &'static str,
    descriptions: Vec<ShownLine<'a>>,
    group: &'a str,
    id: i64,
    is_hidden: bool,
    is_public: bool,
    is_searchable: bool,
    is_system: bool,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    type_param: &'a str,
    units: Vec<ShownLine<'a>>,
    value: ShownValue<'a>,
}

#[derive(Serialize)]
struct ShownLine<'a> {
    language: String,
    value: &'a str,
}

fn shown(definition: &AttributeDefinition) -> Shown<'_> {
    Shown {
        class: definition.class.as_str(),
        descriptions: shown_lines(&definition.descriptions),
        group: definition.group.as_str(),
        id: definition.id.get(),
        is_hidden: definition.flags.is_hidden,
        is_public: definition.flags.is_public,
        is_searchable: definition.flags.is_searchable,
        is_system: definition.flags.is_system,
        name: definition.name.as_str(),
        kind: definition.kind.as_str(),
        type_param: definition.type_param.as_str(),
        units: shown_lines(&definition.units),
        value: definition.default.as_ref().map_or(ShownValue::Text(""), |text| single(definition.kind, text)),
    }
}

fn shown_lines(lines: &directory::model::Localised) -> Vec<ShownLine<'_>> {
    lines
        .iter()
        .map(|(language, line)| ShownLine { language: language.to_string(), value: line.as_str() })
        .collect()
}

fn line(record: &DefinitionRecord, outcome: &DefinitionOutcome, mode: Mode) -> Line {
    let (lookup_key, key) = match record {
        DefinitionRecord::Create(_) => (ID, Key::Id(0)),
        other => other.key().as_ref().map_or((ID, Key::None), key_of),
    };
    let (action, id) = match (record, outcome) {
        (_, DefinitionOutcome::Created(new)) => ("create", Some(new.id).filter(|_| mode == Mode::Apply)),
        (_, DefinitionOutcome::Updated(it) | DefinitionOutcome::Unchanged(it)) => ("update", Some(it.id)),
        (_, DefinitionOutcome::Deleted(id)) => ("delete", Some(*id)),
        (DefinitionRecord::Create(_), DefinitionOutcome::Failed(_)) => ("create", None),
        (DefinitionRecord::Upsert { .. }, DefinitionOutcome::Failed(failure)) => {
            // What is needed is missing where it is not there yet.
            let creates =
                matches!(failure, DefinitionFailure::Missing(_) | DefinitionFailure::TooMany { .. });
            (if creates { "create" } else { "update" }, None)
        }
        (_, DefinitionOutcome::Failed(_)) => ("update", None),
    };
    let failure = match outcome {
        DefinitionOutcome::Failed(failure) => Some(failure),
        _ => None,
    };
    Line {
        action,
        id: id.map(AttributeId::get),
        key,
        lookup_key,
        success: failure.is_none(),
        message: matches!(outcome, DefinitionOutcome::Unchanged(_)).then(|| "Unchanged".to_owned()),
        error: failure.map(|failure| error_text(failure, record)),
        error_code: failure.map(DefinitionFailure::code),
        reason: failure.and_then(reason_of),
        field: failure.and_then(DefinitionFailure::field).map(|field| wire_name(field).to_owned()),
        ..Line::default()
    }
}

/// Writes the answer to a call that writes definitions. The error is why the one definition was not done.
pub fn write_definitions(
    call: &DefinitionCall,
    records: &[DefinitionRecord],
    outcomes: &[DefinitionOutcome],
    mode: Mode,
) -> Result<Reply, Refusal> {
    if let DefinitionCall::Bulk(_) = call {
        let lines = records.iter().zip(outcomes).map(|(record, outcome)| line(record, outcome, mode));
        let total = Some(outcomes.len());
        return Ok(enveloped(
            Status::DONE,
            Each(lines),
            &["Completed"],
            total,
            mode,
            64 + 96 * outcomes.len(),
        ));
    }
    let (Some(record), Some(outcome)) = (records.first(), outcomes.first()) else {
        return Err(Refusal::Failed(Vec::new()));
    };
    let (status, message) = match outcome {
        DefinitionOutcome::Failed(failure) => {
            return Err(Refusal::Definition(failure.clone(), error_text(failure, record)));
        }
        DefinitionOutcome::Deleted(_) => {
            let nothing = serde_json::Map::new();
            return Ok(enveloped(Status::DONE, nothing, &["Attribute deleted"], None, mode, 64));
        }
        DefinitionOutcome::Created(_) if mode == Mode::Apply => (Status::CREATED, "Attribute created"),
        DefinitionOutcome::Created(_) => (Status::DONE, "Attribute created"),
        DefinitionOutcome::Updated(_) | DefinitionOutcome::Unchanged(_) => {
            (Status::DONE, "Attribute updated")
        }
    };
    let definition = match outcome {
        DefinitionOutcome::Created(it)
        | DefinitionOutcome::Updated(it)
        | DefinitionOutcome::Unchanged(it) => it,
        DefinitionOutcome::Deleted(_) | DefinitionOutcome::Failed(_) => {
            return Err(Refusal::Failed(Vec::new()));
        }
    };
    Ok(enveloped(status, shown(definition), &[message], Some(1), mode, 512))
}

/// What attributes are searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeQuery {
    /// The conditions.
    pub filter: DefinitionFilter,
    page: Numbered,
}

impl AttributeQuery {
    /// Reads the body.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let mut schema = Schema::of("");
        let mut item = Item::read(shape::object(body)?, Place::Root, &mut schema);
        let name = item.take(NAME).and_then(|json| item.set(NAME, json, AttributeName::parse));
        let filter = DefinitionFilter {
            name,
            class: word(&mut item, CLASS, AttributeClass::parse, CLASSES),
            kind: word(&mut item, TYPE, AttributeType::parse, TYPES),
            group: text(&mut item, GROUP),
        };
        let (page, offset) = (item.take("page"), item.take("offset"));
        item.refuse_others();
        let filter = schema.judge(filter)?;
        Ok(Self { filter, page: Numbered::parse(page, offset)? })
    }

    /// Which page is wanted.
    pub fn page(&self) -> NumberedPage {
        self.page.into()
    }
}

/// Writes what was found.
pub fn write_found_attributes(found: &Page<AttributeDefinition>, query: &AttributeQuery) -> Reply {
    let entries = to_json(&Each(found.items.iter().map(shown)), 64 + 300 * found.items.len());
    paged(entries, found.items.len(), found.total, query.page)
}

/// Writes one definition.
pub fn write_attribute(definition: &AttributeDefinition) -> Reply {
    enveloped(Status::DONE, shown(definition), &[], Some(1), Mode::Apply, 512)
}

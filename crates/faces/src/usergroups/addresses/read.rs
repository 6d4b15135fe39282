//! Addresses of a request body.

use directory::model::{JsonType, Line, Notes};
use directory::{
    Address, AddressCode, AddressDirective, AddressField, AddressId, AddressKey, AddressPatch, Directive,
    Fault, GroupId, LookupKey, Patch, Terms,
};

use super::{AddressLine, AddressType, Choice, Country, FIELDS, GENDER, REQUIRED, YES_NO};
use crate::groups::limits::{MAX_ECHO, shorten};
use crate::groups::shape::{self, json_type, offset};
use crate::groups::{Bounds, parameters};
use crate::usergroups::Refusal;
use crate::usergroups::json::elements;
use crate::usergroups::read::{Item, Note, Reading};
use crate::usergroups::schema::{ARRAY, Place, Schema};

/// The list of a bulk call, and of a usergroup's item.
pub(in crate::usergroups) const LIST: &str = "addresses";
const TYPE: &str = "type";

/// Reads the addresses of a usergroup's item: what is wrong with them is told as part of the payload.
pub(in crate::usergroups) fn entries(
    json: &str,
    place: Place<'_>,
    schema: &mut Schema,
) -> Vec<AddressDirective> {
    let found = json_type(json);
    if found != JsonType::Array {
        schema.wrong_type(place, ARRAY, found);
        return Vec::new();
    }
    let (slices, count) = elements(json, Address::MOST);
    if count > Address::MOST {
        schema.count(place, 0, Address::MOST, count);
    }
    let entry = |(index, json)| {
        let mut item = Item::read(json, Place::Element(&place, index), schema);
        AddressDirective::Put(Box::new(by_code(&mut item)))
    };
    slices.into_iter().enumerate().map(entry).collect()
}

/// Reads the body of a bulk call for the addresses of the usergroup of this id.
pub fn read_addresses(body: &[u8], id: GroupId) -> Result<Reading, Refusal> {
    let object = shape::object(body)?;
    let mut schema = Schema::of(LIST);
    let mut item = Item::read(object, Place::Root, &mut schema);
    let list = item.take(LIST);
    item.refuse_others();
    let place = Place::Member(&Place::Root, LIST);
    let addresses = match list.map(|json| (json, json_type(json))) {
        None => {
            schema.missing(Place::Root, LIST);
            Vec::new()
        }
        Some((json, JsonType::Array)) => {
            let (_, count) = elements(json, Address::MOST);
            check_count(count)?;
            if count == 0 {
                schema.count(place, 1, Address::MOST, count);
            }
            entries(json, place, &mut schema)
        }
        Some((_, found)) => {
            schema.wrong_type(place, ARRAY, found);
            Vec::new()
        }
    };
    let mut reading = schema.judge(of(body, object, id, addresses))?;
    reading.terms.entries_apart = true;
    Ok(reading)
}

fn check_count(count: usize) -> Result<(), Refusal> {
    if count <= Address::MOST {
        return Ok(());
    }
    let max = Address::MOST;
    let detail = format!("{LIST} must hold 1 to {max} items, it holds {count}");
    let bounds = Some(Bounds { min: 1, max, got: Some(count) });
    Err(Refusal::Payload { reason: "BATCH_TOO_LARGE", field: LIST.to_owned(), detail, bounds })
}

/// Reads a body that is a new address of the usergroup of this id.
pub fn read_address(body: &[u8], id: GroupId) -> Result<Reading, Refusal> {
    read_one(body, id, |item| {
        check_required(item);
        patch(item, AddressKey::New)
    })
}

/// Reads a body that is a partial update of an address of the usergroup of this id.
pub fn update_address(body: &[u8], id: GroupId, address: AddressId) -> Result<Reading, Refusal> {
    read_one(body, id, |item| patch(item, AddressKey::Id(address)))
}

/// An address of the usergroup of this id is to be deleted.
pub fn delete_address(id: GroupId, address: AddressId) -> Reading {
    of(&[], "", id, vec![AddressDirective::Delete(address)])
}

fn read_one(
    body: &[u8],
    id: GroupId,
    patch: impl FnOnce(&mut Item<'_, '_>) -> AddressPatch,
) -> Result<Reading, Refusal> {
    let object = shape::object(body)?;
    // No list of this name: places are told from the payload itself.
    let mut schema = Schema::of("");
    let patch = patch(&mut Item::read(object, Place::Root, &mut schema));
    Ok(schema.judge(of(body, object, id, vec![AddressDirective::Put(Box::new(patch))]))?)
}

/// One record for the usergroup of this id that asks for nothing but these addresses.
fn of(body: &[u8], object: &str, id: GroupId, addresses: Vec<AddressDirective>) -> Reading {
    let directive = Directive { addresses, ..Directive::new(LookupKey::Id(id)) };
    let span = if object.is_empty() {
        0..0
    } else {
        let start = offset(body, object);
        start..start + object.trim_end().len()
    };
    Reading { records: vec![Ok(directive)], notes: vec![Note { span }], terms: Terms::default() }
}

/// What every address has: all of it comes with a new one, and with one that is named by its code (contract 2 §6).
fn check_required(item: &mut Item<'_, '_>) {
    for name in REQUIRED {
        if item.is_readable() && !item.members.iter().any(|(found, _)| found == name) {
            item.schema.missing(item.place, name);
        }
    }
}

/// An entry that means the address of its code, or a new one where it has none.
fn by_code(item: &mut Item<'_, '_>) -> AddressPatch {
    check_required(item);
    let mut patch = patch(item, AddressKey::New);
    if let Patch::Set(code) = std::mem::take(&mut patch.code) {
        patch.key = AddressKey::Code(code);
    }
    patch
}

/// The fields of an address; what is left is not known.
fn patch(item: &mut Item<'_, '_>, key: AddressKey) -> AddressPatch {
    item.check_nesting();
    let mut patch = AddressPatch::new(key);
    for (name, field) in &FIELDS {
        match field {
            AddressField::Type => patch.kind = item.once(name, AddressType::parse),
            AddressField::Code => patch.code = item.patch(name, AddressCode::parse),
            AddressField::Country => patch.country = item.once(name, Country::parse),
            AddressField::Gender => patch.gender = item.choice::<GENDER>(name),
            AddressField::Icp => patch.icp = truth(item.choice(name)),
            AddressField::IsDefault => patch.is_default = truth(item.choice(name)),
            AddressField::Notes => patch.notes = item.patch(name, Notes::parse),
            AddressField::Line(line) => *patch.lines.get_mut(*line) = line_patch(item, name, *line),
            AddressField::Whole | AddressField::Other(_) => {}
        }
    }
    item.refuse_others();
    patch
}

/// Street and city cannot be cleared.
fn line_patch(item: &mut Item<'_, '_>, name: &str, line: AddressLine) -> Patch<Line> {
    let parse = |text: &str| line.parse(text);
    if line.is_required() {
        item.once(name, parse).map_or(Patch::Keep, Patch::Set)
    } else {
        item.patch(name, parse)
    }
}

fn truth(choice: Option<Choice<YES_NO>>) -> Option<bool> {
    choice.map(|choice| choice.letter() == 'Y')
}

/// The type that a list is asked for by `?type=`.
pub fn address_type(query: Option<&str>) -> Result<Option<AddressType>, Refusal> {
    let Some((_, value)) = parameters(query).find(|(name, _)| name == TYPE) else { return Ok(None) };
    let refused = |fault: Fault| {
        let detail = format!("{TYPE} {fault}, it is [{}]", shorten(&value, MAX_ECHO));
        Refusal::Payload { reason: "INVALID_PARAMETER", field: TYPE.to_owned(), detail, bounds: None }
    };
    AddressType::parse(&value).map(Some).map_err(refused)
}

//! The description of the calls for addresses.

use directory::model::{Choice, GENDER, Notes, YES_NO};
use directory::{Address, AddressCode, AddressField, AddressId, AddressType, GroupId};
use serde_json::{Map, Value, json};

use super::{FIELDS, REQUIRED};
use crate::usergroups::Refusal;
use crate::usergroups::openapi::{
    Access, Operation, closed, dry_run, enveloped, idempotency_key, letters, lookup, query, reference, text,
};
use crate::usergroups::status::Line;

/// The paths of addresses.
pub(in crate::usergroups) fn paths() -> Vec<(&'static str, Value)> {
    vec![
        ("/usergroups/{lookupKey}/{lookupValue}/addresses", json!({ "get": list(), "post": create() })),
        ("/usergroups/{lookupKey}/{lookupValue}/addresses/bulk", json!({ "post": bulk() })),
        (
            "/usergroups/{lookupKey}/{lookupValue}/addresses/{addressId}",
            json!({ "patch": update(), "delete": delete() }),
        ),
    ]
}

/// The schemas of addresses.
pub(in crate::usergroups) fn schemas() -> Vec<(&'static str, Value)> {
    let list = |item: &str, min: usize| json!({ "type": "array", "items": reference(item), "minItems": min, "maxItems": Address::MOST });
    vec![
        ("AddressFields", closed(&fields(), &[])),
        ("AddressToCreate", closed(&fields(), &REQUIRED)),
        ("AddressesToPut", closed(&json!({ "addresses": list("AddressToCreate", 1) }), &["addresses"])),
        ("Address", shown()),
        ("Addresses", enveloped(&list("Address", 0))),
        ("AddressEntries", enveloped(&list("AddressEntry", 1))),
        ("AddressEntry", entry()),
    ]
}

/// The list of a usergroup's item.
pub(in crate::usergroups) fn of_item() -> Value {
    json!({
        "type": "array",
        "description": "Matched by code; those that are not sent stay. One that fails takes its item with it.",
        "items": reference("AddressToCreate"),
        "maxItems": Address::MOST,
    })
}

/// What may be sent of each field.
fn fields() -> Value {
    let schema = |field: &AddressField| match field {
        AddressField::Type => json!({ "enum": AddressType::WORDS }),
        AddressField::Code => json!({
            "type": ["string", "null"], "minLength": 1, "maxLength": AddressCode::MAX_CHARACTERS,
            "description": "Your own key, unique among the addresses of the usergroup.",
        }),
        AddressField::Country => json!({
            "type": "string", "pattern": "^[A-Z]{2}$", "description": "ISO 3166-1 alpha-2.",
        }),
        AddressField::Gender => letters(Choice::<GENDER>::LETTERS),
        AddressField::Icp => letters(Choice::<YES_NO>::LETTERS),
        AddressField::IsDefault => {
            let mut schema = letters(Choice::<YES_NO>::LETTERS);
            schema["description"] = json!("Y takes it from the default of this type, if there is one.");
            schema
        }
        AddressField::Notes => json!({ "type": ["string", "null"], "maxLength": Notes::MAX_CHARACTERS }),
        AddressField::Line(line) if line.is_required() => text(1, MAX_LINE),
        AddressField::Line(_) | AddressField::Whole | AddressField::Other(_) => {
            json!({ "type": ["string", "null"], "maxLength": MAX_LINE })
        }
    };
    let fields = FIELDS.iter().map(|(name, field)| ((*name).to_owned(), schema(field)));
    Value::Object(fields.collect::<Map<_, _>>())
}

const MAX_LINE: usize = directory::model::Line::MAX_CHARACTERS;

fn id() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": AddressId::MAX.get() })
}

fn shown() -> Value {
    let mut properties = fields();
    for name in FIELDS.iter().filter(|(_, field)| is_text(field)).map(|(name, _)| name) {
        properties[*name] = json!({ "type": "string" });
    }
    properties["id"] = id();
    properties["active"] = json!({ "const": "Y" });
    let required: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).chain(["id", "active"]).collect();
    closed(&properties, &required)
}

const fn is_text(field: &AddressField) -> bool {
    matches!(field, AddressField::Line(_) | AddressField::Notes | AddressField::Code | AddressField::Country)
}

fn entry() -> Value {
    let text = json!({ "type": "string" });
    let properties = json!({
        "action": { "enum": ["create", "update"] },
        "id": id(),
        "key": { "type": ["string", "null"] },
        "lookupKey": { "const": "code" },
        "success": { "type": "boolean" },
        "message": text,
        "error": text,
        "errorCode": text,
        "reason": text,
        "field": text,
        "peers": { "type": "array", "items": { "type": "integer" } },
    });
    closed(&properties, &["action", "key", "lookupKey", "success"])
}

/// The parameters of a path that names an address.
fn one() -> Vec<Value> {
    let address = json!({
        "name": "addressId", "in": "path", "required": true, "example": "1",
        "description": "The id of the address.", "schema": { "type": "string", "minLength": 1 },
    });
    [lookup(), vec![address]].concat()
}

fn of_group() -> Vec<Refusal> {
    vec![Refusal::no_id(GroupId::MAX).as_parent(), Refusal::Several("A-9".to_owned())]
}

fn of_address() -> Vec<Refusal> {
    [of_group(), vec![Refusal::no_address("819189", GroupId::MAX)]].concat()
}

fn example() -> Value {
    json!({
        "type": "delivery", "code": "11234", "firstName": "Miles", "lastName": "McCoy", "street": "Noordpad",
        "number": "34", "postalCode": "6822 DE", "city": "Arnhem", "country": "NL", "isDefault": "Y",
    })
}

fn list() -> Value {
    let kind = query("type", "Only those of this type.", &json!({ "enum": AddressType::WORDS }));
    let mut address: Map<String, Value> =
        FIELDS.iter().map(|(name, _)| ((*name).to_owned(), json!(""))).collect();
    for (name, value) in example().as_object().into_iter().flatten() {
        address.insert(name.clone(), value.clone());
    }
    for (name, value) in
        [("id", json!(1)), ("active", json!("Y")), ("gender", json!("U")), ("icp", json!("N"))]
    {
        address.insert(name.to_owned(), value);
    }
    Operation {
        id: "listAddresses",
        summary: "List the addresses of a usergroup",
        description: "All of them, at most 50, in the order of their ids.",
        parameters: [lookup(), vec![kind]].concat(),
        body: None,
        answer: (Line::DONE, "Addresses", json!({ "data": [address], "messages": [], "total": 1 })),
        access: Access::Reads,
        refusals: of_group(),
    }
    .describe()
}

fn create() -> Value {
    let mut data = example();
    data["id"] = json!(1);
    Operation {
        id: "createAddress",
        summary: "Create an address",
        description: "Its code, if it has one, must be new in the usergroup.",
        parameters: [lookup(), vec![dry_run(), idempotency_key()]].concat(),
        body: Some(("AddressToCreate", example())),
        answer: (
            Line::CREATED,
            "UsergroupWritten",
            json!({ "data": data, "messages": ["Address created"], "total": 1 }),
        ),
        access: Access::Writes,
        refusals: of_group(),
    }
    .describe()
}

fn bulk() -> Value {
    let entry = json!({ "action": "create", "id": 1, "key": "11234", "lookupKey": "code", "success": true });
    Operation {
        id: "bulkAddresses",
        summary: "Create or update up to 50 addresses by code",
        description: "The address of a code is updated, of what is found only the fields present change; an unknown \
            code, and each entry without one, creates. Entries fail alone.",
        parameters: [lookup(), vec![dry_run(), idempotency_key()]].concat(),
        body: Some(("AddressesToPut", json!({ "addresses": [example()] }))),
        answer: (
            Line::CREATED,
            "AddressEntries",
            json!({ "data": [entry], "messages": ["Completed"], "total": 1 }),
        ),
        access: Access::Writes,
        refusals: of_group(),
    }
    .describe()
}

fn update() -> Value {
    Operation {
        id: "updateAddress",
        summary: "Update an address",
        description: "Only the fields present change.",
        parameters: [one(), vec![dry_run(), idempotency_key()]].concat(),
        body: Some(("AddressFields", json!({ "firstName": "Miles", "lastName": "McCoy" }))),
        answer: (
            Line::DONE,
            "UsergroupWritten",
            json!({
                "data": { "firstName": "Miles", "id": 1, "lastName": "McCoy" },
                "messages": ["Address updated"], "total": 1,
            }),
        ),
        access: Access::Writes,
        refusals: of_address(),
    }
    .describe()
}

fn delete() -> Value {
    Operation {
        id: "deleteAddress",
        summary: "Delete an address",
        description: "It is gone; its id is not used again.",
        parameters: [one(), vec![dry_run(), idempotency_key()]].concat(),
        body: None,
        answer: (Line::DONE, "UsergroupWritten", json!({ "data": {}, "messages": ["Address deleted"] })),
        access: Access::Writes,
        refusals: of_address(),
    }
    .describe()
}

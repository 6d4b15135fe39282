//! Attributes in the description: their definitions, and their values.

use directory::model::ValueText;
use directory::{
    AttributeClass, AttributeDefinition, AttributeId, AttributeName, AttributeType, Batch, DefinitionFailure,
};
use serde_json::{Value, json};

use super::{
    Access, Operation, clearable, closed, dry_run, enveloped, idempotency_key, lookup, query, reference, text,
};
use crate::usergroups::definitions::By;
use crate::usergroups::refusal::Refusal;
use crate::usergroups::search::{DEFAULT_PAGE, MAX_NUMBER, MAX_PAGE};
use crate::usergroups::status::Line;

pub(super) fn paths() -> Vec<(&'static str, Value)> {
    vec![
        ("/attributes", json!({ "post": create() })),
        ("/attributes/search", json!({ "post": search() })),
        ("/attributes/bulk/id", json!({ "post": bulk(By::Id) })),
        ("/attributes/bulk/name", json!({ "post": bulk(By::Name) })),
        (
            "/attributes/{lookupKey}/{lookupValue}",
            json!({ "get": one(), "patch": update(), "delete": delete() }),
        ),
        ("/usergroups/{lookupKey}/{lookupValue}/attributes", json!({ "get": shown(), "post": put() })),
    ]
}

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    let array = |name: &str| json!({ "type": "array", "items": reference(name) });
    vec![
        ("AttributeFields", closed(&fields(), &[])),
        ("AttributesById", many(&item(By::Id), 1, Batch::MAX_RECORDS)),
        ("AttributesByName", many(&item(By::Name), 1, Batch::MAX_RECORDS)),
        ("Attribute", definition()),
        ("AttributeShown", enveloped(&reference("Attribute"))),
        ("AttributeGone", enveloped(&json!({ "type": "object" }))),
        ("AttributeOutcome", outcome()),
        ("AttributeOutcomes", enveloped(&array("AttributeOutcome"))),
        ("AttributeSearch", search_request()),
        ("AttributePage", super::numbered("Attribute")),
        ("AttributeEntry", entry()),
        ("AttributeEntries", many(&reference("AttributeEntry"), 1, AttributeDefinition::MAX_OF_GROUP)),
        ("AttributeValue", value_shown()),
        ("AttributeValuePage", super::numbered("AttributeValue")),
    ]
}

/// The member `attributes` of a usergroup.
pub(super) fn nested() -> Value {
    let mut nested = many(&reference("AttributeEntry"), 0, AttributeDefinition::MAX_OF_GROUP);
    nested["description"] =
        json!("Values of attributes; those that are not there stay. A bad entry fails the item.");
    nested
}

fn many(items: &Value, min: usize, max: usize) -> Value {
    json!({ "type": "array", "items": items, "minItems": min, "maxItems": max })
}

fn id() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": AttributeId::MAX.get() })
}

fn name() -> Value {
    json!({ "type": "string", "pattern": "^[A-Z0-9_]+$", "maxLength": AttributeName::MAX_CHARACTERS })
}

fn class() -> Value {
    let words: Vec<&str> = AttributeClass::ALL.iter().map(|word| word.as_str()).collect();
    json!({ "enum": words, "description": "Only attributes of class user have values at usergroups." })
}

fn kind() -> Value {
    let words: Vec<&str> = AttributeType::ALL.iter().map(|word| word.as_str()).collect();
    json!({ "enum": words })
}

fn language() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z]{2}$", "description": "ISO 639-1." })
}

/// Lines by language, as they are sent.
fn lines() -> Value {
    let line = closed(&json!({ "language": language(), "value": clearable(255) }), &["language"]);
    json!({
        "type": ["array", "null"],
        "description": "Only the languages that are given change; null and empty texts take away.",
        "items": line,
        "maxItems": AttributeDefinition::MAX_LANGUAGES,
    })
}

fn fields() -> Value {
    json!({
        "name": name(),
        "class": class(),
        "type": kind(),
        "typeParam": clearable(255),
        "descriptions": lines(),
        "units": lines(),
        "group": clearable(255),
        "value": { "description": "The default; for integer, decimal, date and datetime. null and \"\" are none." },
        "isPublic": { "type": "boolean", "default": true },
        "isSearchable": { "type": "boolean", "default": false },
        "isSystem": { "type": "boolean", "default": false },
        "isHidden": { "type": "boolean", "default": false },
    })
}

fn item(by: By) -> Value {
    let mut properties = fields();
    match by {
        By::Id => {
            properties["id"] = json!({ "type": "integer", "minimum": 0, "maximum": AttributeId::MAX.get() });
            closed(&properties, &["id"])
        }
        By::Name => closed(&properties, &["name", "class"]),
    }
}

fn definition() -> Value {
    let words = json!({ "type": "string" });
    let line = closed(&json!({ "language": words, "value": words }), &["language", "value"]);
    let mut properties = json!({ "id": id(), "name": name(), "class": class(), "type": kind() });
    for lines in ["descriptions", "units"] {
        properties[lines] = json!({ "type": "array", "items": line });
    }
    for texts in ["typeParam", "group"] {
        properties[texts] = words.clone();
    }
    for flag in ["isPublic", "isSearchable", "isSystem", "isHidden"] {
        properties[flag] = json!({ "type": "boolean" });
    }
    properties["value"] = json!({ "description": "The default; \"\" where there is none." });
    let all: Vec<String> =
        properties.as_object().into_iter().flat_map(|names| names.keys().cloned()).collect();
    closed(&properties, &all.iter().map(String::as_str).collect::<Vec<_>>())
}

fn outcome() -> Value {
    let words = json!({ "type": "string" });
    let properties = json!({
        "action": { "enum": ["create", "update", "put", "delete"] },
        "id": id(),
        "key": { "type": ["integer", "string"] },
        "lookupKey": { "enum": By::WORDS },
        "success": { "type": "boolean" },
        "message": words, "error": words, "errorCode": words, "reason": words, "field": words,
    });
    closed(&properties, &["action", "key", "lookupKey", "success"])
}

fn search_request() -> Value {
    let page = |max: usize, default: usize| json!({ "type": "integer", "minimum": 1, "maximum": max, "default": default });
    let properties = json!({
        "name": name(), "class": class(), "type": kind(), "group": clearable(255),
        "page": page(MAX_NUMBER, 1), "offset": page(MAX_PAGE, DEFAULT_PAGE),
    });
    closed(&properties, &[])
}

fn entry() -> Value {
    let about = format!(
        "By type: text [{{\"language\", \"value\"}}], list [{{\"language\", \"values\"}}], enum a string, enumlist \
         strings, integer and decimal a number, date YYYY-MM-DD, datetime as RFC 3339. Absent or null takes away \
         what the usergroup has of its own; of text and list only the languages that are given change, null and \
         \"\" take a language away. A text, and a list altogether, has at most {} characters.",
        ValueText::MAX_CHARACTERS
    );
    let properties = json!({
        "id": id(),
        "name": name(),
        "class": class(),
        "type": kind(),
        "value": { "description": about },
    });
    let mut entry = closed(&properties, &[]);
    entry["description"] = json!("By id, or by name and class; the id counts where both are given.");
    entry
}

fn value_shown() -> Value {
    let properties = json!({
        "id": id(),
        "name": name(),
        "type": kind(),
        "class": class(),
        "value": { "description": "As it is sent; each language of text and list says for itself whether it is inherited." },
        "inherited": { "type": "boolean" },
    });
    closed(&properties, &["id", "name", "type", "class", "value"])
}

/// The parameters of a path that names an attribute.
fn named() -> Vec<Value> {
    vec![
        json!({
            "name": "lookupKey", "in": "path", "required": true, "example": "id",
            "description": "What the attribute is named by; case matters.",
            "schema": { "enum": By::WORDS },
        }),
        json!({
            "name": "lookupValue", "in": "path", "required": true, "example": "1",
            "description": "Its id or its name.",
            "schema": text(1, AttributeName::MAX_CHARACTERS),
        }),
        query("attributeClass", "The class, needed where attributes of several have the name.", &class()),
    ]
}

/// The definition that the examples speak of.
fn example() -> Value {
    json!({
        "class": "user", "descriptions": [{ "language": "NL", "value": "Kleur" }], "group": "", "id": 1,
        "isHidden": false, "isPublic": true, "isSearchable": false, "isSystem": false, "name": "COLOR",
        "type": "enum", "typeParam": "COLORS", "units": [], "value": "",
    })
}

fn nobody() -> Refusal {
    Refusal::NoAttribute("id", "85".to_owned())
}

fn wrong() -> Refusal {
    Refusal::Definition(
        DefinitionFailure::Exists { id: AttributeId::MAX },
        "An attribute of this name and class exists".to_owned(),
    )
}

/// Definitions are not among the runs.
fn without_run(mut operation: Value) -> Value {
    for (_, response) in operation["responses"].as_object_mut().into_iter().flatten() {
        if let Some(headers) = response.get_mut("headers").and_then(Value::as_object_mut) {
            headers.remove("Rosterd-Run-Id");
        }
    }
    operation
}

fn create() -> Value {
    let sent = json!({
        "name": "COLOUR", "class": "user", "type": "enum", "typeParam": "COLORS",
        "descriptions": [{ "language": "NL", "value": "Kleur" }],
    });
    let mut made = example();
    (made["id"], made["name"]) = (json!(2), json!("COLOUR"));
    without_run(
        Operation {
            id: "createAttribute",
            summary: "Define an attribute",
            description: "name, class and type are needed, typeParam for enum and enumlist; none of the first three \
                ever changes. A name is unique in its class.",
            parameters: vec![dry_run(), idempotency_key()],
            body: Some(("AttributeFields", sent)),
            answer: (
                Line::CREATED,
                "AttributeShown",
                json!({ "data": made, "messages": ["Attribute created"], "total": 1 }),
            ),
            access: Access::Writes,
            refusals: vec![wrong()],
        }
        .describe(),
    )
}

fn one() -> Value {
    Operation {
        id: "getAttribute",
        summary: "Read the definition of an attribute",
        description: "By id, or by name.",
        parameters: named(),
        body: None,
        answer: (Line::DONE, "AttributeShown", json!({ "data": example(), "messages": [], "total": 1 })),
        access: Access::Reads,
        refusals: vec![nobody()],
    }
    .describe()
}

fn update() -> Value {
    let mut made = example();
    made["group"] = json!("Looks");
    without_run(
        Operation {
            id: "updateAttribute",
            summary: "Update the definition of an attribute",
            description: "Only the fields present change; of descriptions and units only the languages present.",
            parameters: [named(), vec![dry_run(), idempotency_key()]].concat(),
            body: Some(("AttributeFields", json!({ "group": "Looks" }))),
            answer: (
                Line::DONE,
                "AttributeShown",
                json!({ "data": made, "messages": ["Attribute updated"], "total": 1 }),
            ),
            access: Access::Writes,
            refusals: vec![nobody(), wrong()],
        }
        .describe(),
    )
}

fn delete() -> Value {
    without_run(
        Operation {
            id: "deleteAttribute",
            summary: "Delete an attribute",
            description: "With every value that any usergroup has of it. Its id is never used again.",
            parameters: [named(), vec![dry_run(), idempotency_key()]].concat(),
            body: None,
            answer: (Line::DONE, "AttributeGone", json!({ "data": {}, "messages": ["Attribute deleted"] })),
            access: Access::Writes,
            refusals: vec![nobody()],
        }
        .describe(),
    )
}

fn bulk(by: By) -> Value {
    let (id, summary, schema, item, entry) = match by {
        By::Id => (
            "bulkAttributesById",
            "Create or update up to 1000 attributes by id",
            "AttributesById",
            json!({ "id": 0, "name": "LEVEL", "class": "user", "type": "integer", "value": 1 }),
            json!({ "action": "create", "id": 2, "key": 0, "lookupKey": "id", "success": true }),
        ),
        By::Name => (
            "bulkAttributesByName",
            "Create or update up to 1000 attributes by name and class",
            "AttributesByName",
            json!({ "name": "COLOR", "class": "user", "group": "Looks" }),
            json!({ "action": "update", "id": 1, "key": "COLOR", "lookupKey": "name", "success": true }),
        ),
    };
    without_run(
        Operation {
            id,
            summary,
            description: "By id, 0 creates, and an id that is not there fails its item; by name, what is not there is \
                created. Items are done or fail on their own.",
            parameters: vec![dry_run(), idempotency_key()],
            body: Some((schema, json!([item]))),
            answer: (
                Line::DONE,
                "AttributeOutcomes",
                json!({ "data": [entry], "messages": ["Completed"], "total": 1 }),
            ),
            access: Access::Writes,
            refusals: vec![Refusal::LookupKey { found: "ID".into(), known: &By::WORDS }],
        }
        .describe(),
    )
}

fn page(data: &Value) -> Value {
    json!({
        "data": data, "messages": [], "start": 1, "end": 1, "page": 1, "pages": 1, "total": 1, "offset": 12,
        "itemsFound": 1,
    })
}

fn search() -> Value {
    Operation {
        id: "searchAttributes",
        summary: "Search definitions of attributes",
        description: "By name, class, type and group, each as a whole; in the order of ids.",
        parameters: vec![],
        body: Some(("AttributeSearch", json!({ "class": "user" }))),
        answer: (Line::DONE, "AttributePage", page(&json!([example()]))),
        access: Access::Reads,
        refusals: vec![Refusal::Page { field: "page", max: MAX_NUMBER }],
    }
    .describe()
}

fn put() -> Value {
    let entry = json!({ "id": 1, "type": "enum", "value": "RED" });
    let told = json!({ "action": "put", "id": 1, "key": 1, "lookupKey": "id", "success": true });
    Operation {
        id: "putUsergroupAttributes",
        summary: "Set and delete values of attributes",
        description: "Entries are done or fail on their own. One that asks for what is there changes nothing.",
        parameters: [lookup(), vec![dry_run(), idempotency_key()]].concat(),
        body: Some(("AttributeEntries", json!([entry]))),
        answer: (
            Line::DONE,
            "AttributeOutcomes",
            json!({ "data": [told], "messages": ["Completed"], "total": 1 }),
        ),
        access: Access::Writes,
        refusals: vec![Refusal::NoParent("id", "12256".to_owned()), Refusal::Several("A-9".to_owned())],
    }
    .describe()
}

fn shown() -> Value {
    let value = json!({
        "id": 1, "name": "COLOR", "type": "enum", "class": "user", "value": "RED", "inherited": true,
    });
    let number = |max: usize, default: usize| json!({ "type": "integer", "minimum": 1, "maximum": max, "default": default });
    let pages = vec![
        query("page", "Which page.", &number(MAX_NUMBER, 1)),
        query("offset", "The size of a page.", &number(MAX_PAGE, DEFAULT_PAGE)),
    ];
    Operation {
        id: "listUsergroupAttributes",
        summary: "List the values of attributes that a usergroup has",
        description: "Its own, else those of the nearest usergroup above it, else the defaults; of text and list each \
            language on its own. In the order of the attributes' ids; attributes without any value are not there.",
        parameters: [lookup(), pages].concat(),
        body: None,
        answer: (Line::DONE, "AttributeValuePage", page(&json!([value]))),
        access: Access::Reads,
        refusals: vec![
            Refusal::NoParent("id", "12256".to_owned()),
            Refusal::Several("A-9".to_owned()),
            Refusal::Page { field: "offset", max: MAX_PAGE },
        ],
    }
    .describe()
}

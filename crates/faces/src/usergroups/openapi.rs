//! The description of this face for programs (`OpenAPI` 3.1), made from the tables that the reader and the
//! writers use.

mod attributes;

use std::collections::BTreeSet;

use directory::model::{BUDGET, Choice, ORDER_LIST, YES_NO};
use directory::{Batch, GroupId, ReferenceKey, Source};
use serde_json::{Map, Value, json};

use super::addresses;
use super::directives::{OPERATIONS, SKIP_IF_NOT_EMPTY, known_fields};
use super::read::By;
use super::refusal::Refusal;
use super::search::{DEFAULT_PAGE, MAX_NUMBER, MAX_PAGE};
use super::status::Line;
use crate::groups::described;

/// One call of this face, for the document.
pub(super) struct Operation<'a> {
    pub(super) id: &'a str,
    pub(super) summary: &'a str,
    pub(super) description: &'a str,
    pub(super) parameters: Vec<Value>,
    /// The schema and an example of the body, if there is one.
    pub(super) body: Option<(&'a str, Value)>,
    /// Status, schema and example of the answer.
    pub(super) answer: (u16, &'a str, Value),
    pub(super) access: Access,
    /// What it is refused for beside what every call is.
    pub(super) refusals: Vec<Refusal>,
}

/// What a call does with usergroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Reads,
    Writes,
}

/// The reference to a schema.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

impl Operation<'_> {
    /// As the document has it.
    pub(super) fn describe(self) -> Value {
        let mut responses = self.refused();
        let (status, schema, example) = self.answer;
        responses[&status.to_string()] = json!({
            "description": "Done.",
            "headers": described::rates(),
            "content": { "application/json": { "schema": reference(schema), "example": example } },
        });
        if self.access == Access::Writes {
            responses[&status.to_string()]["headers"]["Rosterd-Run-Id"] = described::run_id();
        }
        if status == Line::CREATED {
            let mut rehearsed = responses[&status.to_string()].clone();
            rehearsed["description"] = json!("With dryRun=true: what would be done.");
            responses[&Line::DONE.to_string()] = rehearsed;
        }
        let mut operation = json!({
            "operationId": self.id,
            "tags": ["usergroups"],
            "summary": self.summary,
            "description": self.description,
            // Contract 2 is served under both.
            "servers": [{ "url": "/" }, { "url": "/v2" }],
            "parameters": self.parameters,
            "responses": responses,
        });
        if let Some((schema, example)) = &self.body {
            operation["requestBody"] = json!({
                "required": true,
                "description": "JSON in UTF-8, plain or with Content-Encoding: gzip.",
                "content": { "application/json": { "schema": reference(schema), "example": example } },
            });
        }
        operation
    }

    /// A response for each status. Those that say nothing of this call stand once for all calls like it.
    fn refused(&self) -> Value {
        let kind = Kind(self.access, self.body.is_some());
        let own: BTreeSet<String> =
            self.refusals.iter().map(|refusal| refusal.status().to_string()).collect();
        let shared = kind.refused().into_iter().map(|(status, response)| {
            let named = json!({ "$ref": format!("#/components/responses/{}", kind.name(&status)) });
            let response = if own.contains(&status) { response } else { named };
            (status, response)
        });
        let mut responses: Map<String, Value> = shared.collect();
        add(&mut responses, &self.refusals);
        Value::Object(responses)
    }
}

/// What the refusals of a call depend on beside itself: what it does, and whether it has a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind(Access, bool);

impl Kind {
    const ALL: [Self; 4] = [
        Self(Access::Reads, false),
        Self(Access::Reads, true),
        Self(Access::Writes, false),
        Self(Access::Writes, true),
    ];

    /// The name of its response of a status.
    fn name(self, status: &str) -> String {
        let Self(access, has_body) = self;
        let body = if has_body { "WithBody" } else { "" };
        format!("Usergroups{access:?}{body}{status}")
    }

    fn refused(self) -> Map<String, Value> {
        let shared = described::shared(self.0 == Access::Writes, self.1);
        let mut responses = Map::new();
        add(&mut responses, &shared.into_iter().map(Refusal::from).collect::<Vec<_>>());
        responses
    }
}

/// Adds refusals to the responses of their statuses.
fn add(responses: &mut Map<String, Value>, refusals: &[Refusal]) {
    for refusal in refusals {
        let body: Value = serde_json::from_slice(&refusal.body()).unwrap_or_default();
        let response = responses.entry(refusal.status().to_string()).or_insert_with(|| {
            json!({
                "description": "Refused, for one of the reasons among the examples.",
                "content": { "application/json": { "schema": reference("UsergroupError"), "examples": {} } },
            })
        });
        let name = format!("{} {}", body["error"]["code"], refusal.code());
        response["content"]["application/json"]["examples"][name] = json!({ "value": body });
    }
}

/// The responses that calls share.
pub(crate) fn shared_responses() -> Vec<(String, Value)> {
    let each = Kind::ALL.into_iter().flat_map(|kind| {
        kind.refused().into_iter().map(move |(status, response)| (kind.name(&status), response))
    });
    each.collect()
}

/// The paths of this face.
pub(crate) fn paths() -> Vec<(&'static str, Value)> {
    let usergroups = vec![
        ("/usergroups", json!({ "post": create() })),
        ("/usergroups/search", json!({ "post": search() })),
        ("/usergroups/bulk/id", json!({ "post": bulk(By::Id) })),
        ("/usergroups/bulk/sourceId", json!({ "post": bulk(By::SourceId) })),
        (
            "/usergroups/{lookupKey}/{lookupValue}",
            json!({ "get": one(), "patch": update(), "delete": delete() }),
        ),
    ];
    [usergroups, attributes::paths(), addresses::paths()].concat()
}

/// The parameters of a path that names a usergroup.
pub(super) fn lookup() -> Vec<Value> {
    vec![
        json!({
            "name": "lookupKey", "in": "path", "required": true, "example": "id",
            "description": "What the usergroup is named by; case matters.",
            "schema": { "enum": By::WORDS },
        }),
        json!({
            "name": "lookupValue", "in": "path", "required": true, "example": "1",
            "description": "Its id or its sourceId, percent-encoded, a slash too.",
            "schema": { "type": "string", "minLength": 1 },
        }),
        query(
            "source",
            "The source of the sourceId, needed where several usergroups have it.",
            &text(0, Source::MAX_CHARACTERS),
        ),
    ]
}

/// A parameter in the query.
pub(super) fn query(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

pub(super) fn dry_run() -> Value {
    let schema = json!({ "type": "boolean", "default": false });
    query("dryRun", "true answers what the call would do, and writes nothing.", &schema)
}

pub(super) fn idempotency_key() -> Value {
    described::idempotency_key()
}

/// A text of so many characters.
pub(super) fn text(min: usize, max: usize) -> Value {
    json!({ "type": "string", "minLength": min, "maxLength": max })
}

/// The same where `null` clears it.
fn clearable(max: usize) -> Value {
    json!({ "type": ["string", "null"], "maxLength": max })
}

/// An object with exactly these members.
pub(super) fn closed(properties: &Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn id() -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": GroupId::MAX.get() })
}

pub(super) fn letters(letters: &str) -> Value {
    let letters: Vec<String> = letters.chars().map(String::from).collect();
    json!({ "enum": letters })
}

/// The fields that every item may have.
fn fields() -> Value {
    json!({
        "name": clearable(directory::Name::MAX_CHARACTERS),
        "language": { "type": ["string", "null"], "pattern": "^[A-Za-z]{2}$", "description": "ISO 639-1." },
        "parent": {
            "type": "object",
            "description": "By id, by sourceId (with source where several have it), or by both, which must agree.",
            "properties": {
                "id": id(),
                "sourceId": text(1, ReferenceKey::MAX_CHARACTERS),
                "source": text(0, Source::MAX_CHARACTERS),
            },
            "minProperties": 1,
            "additionalProperties": false,
        },
        "company": clearable(255),
        "department": clearable(255),
        "office": clearable(255),
        "notes": clearable(4000),
        "inheritProductList": letters(Choice::<YES_NO>::LETTERS),
        "inheritOrderList": letters(Choice::<YES_NO>::LETTERS),
        "budgetInherit": letters(Choice::<YES_NO>::LETTERS),
        "budget": letters(Choice::<BUDGET>::LETTERS),
        "orderListAllowAll": letters(Choice::<ORDER_LIST>::LETTERS),
        "sourceId": text(1, ReferenceKey::MAX_CHARACTERS),
        "source": text(0, Source::MAX_CHARACTERS),
        "attributes": attributes::nested(),
        "addresses": addresses::of_item(),
    })
}

fn item(by: By) -> Value {
    let mut properties = fields();
    match by {
        By::Id => {
            properties["id"] = id();
            let mut item = closed(&properties, &["id"]);
            item["dependentRequired"] = json!({ "sourceId": ["source"], "source": ["sourceId"] });
            item
        }
        By::SourceId => closed(&properties, &["sourceId", "source"]),
    }
}

fn single(properties: &Value) -> Value {
    let mut single = closed(properties, &[]);
    single["dependentRequired"] = json!({ "sourceId": ["source"], "source": ["sourceId"] });
    single
}

fn directives(by: By) -> Value {
    let known: Vec<&str> = known_fields(by).collect();
    json!({
        "type": ["array", "object"],
        "description": format!(
            "What the call does not do, whatever its items ask: [{{\"operation\": …, \"fields\": […]}}] or \
             {{operation: fields}}. skipIfNotEmpty keeps the listed fields ({}) of usergroups that have a value \
             there; skipMoveOnUpdate does not look at parents of usergroups that are stored; skipCreate creates \
             none; mergeTranslationsOnUpdate has no effect.",
            known.join(", ")
        ),
        "items": closed(
            &json!({
                "operation": { "enum": OPERATIONS },
                "fields": { "type": ["array", "null"], "items": { "type": "string" } },
            }),
            &["operation"],
        ),
    })
}

fn bulk_request(by: By) -> Value {
    let list = json!({ "type": "array", "items": item(by), "minItems": 1, "maxItems": Batch::MAX_RECORDS });
    closed(&json!({ "usergroups": list, "directives": directives(by) }), &["usergroups"])
}

pub(super) fn enveloped(data: &Value) -> Value {
    let messages = json!({ "type": "array", "items": { "type": "string" } });
    let count = json!({ "type": "integer", "minimum": 0 });
    let properties =
        json!({ "data": data, "messages": messages, "total": count, "dryRun": { "const": true } });
    closed(&properties, &["data", "messages"])
}

fn entry() -> Value {
    let text = json!({ "type": "string" });
    let properties = json!({
        "action": { "enum": ["create", "update", "skip"] },
        "id": id(),
        "key": { "type": ["integer", "string"] },
        "lookupKey": { "enum": By::WORDS },
        "success": { "type": "boolean" },
        "message": text,
        "skipped": { "type": "array", "items": text, "description": "The fields that directives suppressed." },
        "error": text,
        "errorCode": text,
        "reason": text,
        "field": text,
        "peers": { "type": "array", "items": { "type": "integer" } },
        "parentIndex": { "type": "integer" },
    });
    closed(&properties, &["action", "key", "lookupKey", "success"])
}

fn shown() -> Value {
    let names = [
        "authorizeId",
        "company",
        "defaultobjectId",
        "department",
        "name",
        "notes",
        "office",
        "orderListManagerId",
        "userManagerId",
    ];
    let mut properties: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
    let mut required: Vec<&str> = names.to_vec();
    for (name, schema) in [
        ("id", id()),
        ("budget", letters(Choice::<BUDGET>::LETTERS)),
        ("budgetInherit", letters(Choice::<YES_NO>::LETTERS)),
        ("inheritOrderList", letters(Choice::<YES_NO>::LETTERS)),
        ("inheritProductList", letters(Choice::<YES_NO>::LETTERS)),
        ("orderListAllowAll", letters(Choice::<ORDER_LIST>::LETTERS)),
    ] {
        properties.insert(name.to_owned(), schema);
        required.push(name);
    }
    let source = json!({ "source": { "type": "string" }, "sourceId": { "type": "string" } });
    let mut parent = source.clone();
    parent["id"] = id();
    properties.insert("language".to_owned(), json!({ "type": ["string", "null"] }));
    properties.insert(
        "sources".to_owned(),
        json!({ "type": "array", "items": closed(&source, &["source", "sourceId"]) }),
    );
    let parent = json!({
        "type": ["object", "null"], "properties": parent, "required": [], "additionalProperties": false,
    });
    properties.insert("parent".to_owned(), parent);
    closed(&Value::Object(properties), &required)
}

/// A page of a list of these.
fn numbered(of: &str) -> Value {
    let mut page = json!({
        "data": { "type": "array", "items": reference(of) },
        "messages": { "type": "array", "items": { "type": "string" } },
    });
    let counts = ["start", "end", "page", "pages", "total", "offset", "itemsFound"];
    for name in counts {
        page[name] = json!({ "type": "integer", "minimum": 0 });
    }
    let required: Vec<&str> = ["data", "messages"].into_iter().chain(counts).collect();
    closed(&page, &required)
}

fn search_request() -> Value {
    let mut properties = json!({
        "name": clearable(255),
        "source": { "type": ["string", "null"], "maxLength": Source::MAX_CHARACTERS },
        "parent": fields()["parent"].clone(),
        "updatedAfter": { "type": ["string", "null"], "format": "date-time" },
        "page": { "type": "integer", "minimum": 1, "maximum": MAX_NUMBER, "default": 1 },
        "offset": {
            "type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE,
            "description": "The size of a page.",
        },
    });
    properties["parent"]["type"] = json!(["object", "null"]);
    closed(&properties, &[])
}

fn error() -> Value {
    let text = json!({ "type": "string" });
    let count = json!({ "type": "integer" });
    let properties = json!({
        "code": count, "messages": { "type": "array", "items": text }, "moreInfo": text, "status": count,
        "type": text, "errorCode": text, "reason": text, "field": text, "pointer": text,
        "min": count, "max": count, "got": count, "retryAfter": count,
    });
    let error = closed(&properties, &["code", "messages", "moreInfo", "status", "type", "errorCode"]);
    closed(&json!({ "error": error }), &["error"])
}

/// The schemas of this face.
pub(crate) fn schemas() -> Vec<(&'static str, Value)> {
    let entries = json!({ "type": "array", "items": reference("UsergroupEntry") });
    let usergroups = vec![
        ("UsergroupsById", bulk_request(By::Id)),
        ("UsergroupsBySourceId", bulk_request(By::SourceId)),
        ("UsergroupEntry", entry()),
        ("UsergroupEntries", enveloped(&entries)),
        ("UsergroupFields", single(&fields())),
        ("UsergroupWritten", enveloped(&json!({ "type": "object" }))),
        ("Usergroup", shown()),
        ("UsergroupShown", enveloped(&reference("Usergroup"))),
        ("UsergroupSearch", search_request()),
        ("UsergroupPage", numbered("Usergroup")),
        ("UsergroupError", error()),
    ];
    [usergroups, attributes::schemas(), addresses::schemas()].concat()
}

fn bulk(by: By) -> Value {
    let (id, summary, item) = match by {
        By::Id => (
            "bulkUsergroupsById",
            "Create or update up to 1000 usergroups by id",
            json!({ "id": 2001, "name": "Buyers", "parent": { "sourceId": "g-root" } }),
        ),
        By::SourceId => (
            "bulkUsergroupsBySourceId",
            "Create or update up to 1000 usergroups by sourceId and source",
            json!({ "sourceId": "g-full", "source": "Ypareo", "name": "Full" }),
        ),
    };
    let (schema, entry) = match by {
        By::Id => (
            "UsergroupsById",
            json!({ "action": "create", "id": 2001, "key": 2001, "lookupKey": "id", "success": true }),
        ),
        By::SourceId => (
            "UsergroupsBySourceId",
            json!({ "action": "update", "id": 3, "key": "g-full", "lookupKey": "sourceId", "success": true, "message": "Unchanged" }),
        ),
    };
    let directives = json!([{ "operation": SKIP_IF_NOT_EMPTY, "fields": ["notes"] }]);
    let description = "What is not found is created, by id with that id; of what is found only the fields present \
        change. An answer is 200 also where items failed: each has its entry. What is wrong with the form of the \
        payload refuses the whole call.";
    Operation {
        id,
        summary,
        description,
        parameters: vec![dry_run(), idempotency_key()],
        body: Some((schema, json!({ "usergroups": [item], "directives": directives }))),
        answer: (
            Line::DONE,
            "UsergroupEntries",
            json!({ "data": [entry], "messages": ["Completed"], "total": 1 }),
        ),
        access: Access::Writes,
        refusals: vec![Refusal::LookupKey { found: "ID".into(), known: &By::WORDS }],
    }
    .describe()
}

fn nobody() -> Refusal {
    Refusal::no_id(GroupId::MAX)
}

fn create() -> Value {
    let sent = json!({ "name": "Buyers", "sourceId": "B-1", "source": "ERP" });
    let mut data = sent.clone();
    data["id"] = json!(4);
    Operation {
        id: "createUsergroup",
        summary: "Create a usergroup",
        description: "It gets the next free id. With source and sourceId it must be new.",
        parameters: vec![dry_run(), idempotency_key()],
        body: Some(("UsergroupFields", sent)),
        answer: (
            Line::CREATED,
            "UsergroupWritten",
            json!({ "data": data, "messages": ["Usergroup created"], "total": 1 }),
        ),
        access: Access::Writes,
        refusals: vec![Refusal::NoAttribute("id", "85".to_owned())],
    }
    .describe()
}

fn one() -> Value {
    let expands = query(
        "expands",
        "sources, parent, language: any of them, with commas.",
        &json!({ "type": "string" }),
    );
    let data = json!({
        "authorizeId": "", "budget": "N", "budgetInherit": "Y", "company": "", "defaultobjectId": "",
        "department": "", "id": 1, "inheritOrderList": "Y", "inheritProductList": "Y", "name": "Root", "notes": "",
        "office": "", "orderListAllowAll": "U", "orderListManagerId": "", "userManagerId": "",
    });
    Operation {
        id: "getUsergroup",
        summary: "Read a usergroup",
        description: "Deleted ones are not found. The ids of what rosterd does not model are empty.",
        parameters: [lookup(), vec![expands]].concat(),
        body: None,
        answer: (Line::DONE, "UsergroupShown", json!({ "data": data, "messages": [], "total": 1 })),
        access: Access::Reads,
        refusals: vec![nobody(), Refusal::Several("A-9".to_owned())],
    }
    .describe()
}

fn update() -> Value {
    Operation {
        id: "updateUsergroup",
        summary: "Update a usergroup",
        description: "Only the fields present change; parent moves it; source and sourceId are added to those it has.",
        parameters: [lookup(), vec![dry_run(), idempotency_key()]].concat(),
        body: Some(("UsergroupFields", json!({ "notes": "Everybody" }))),
        answer: (
            Line::DONE,
            "UsergroupWritten",
            json!({ "data": { "id": 1, "notes": "Everybody" }, "messages": ["Usergroup updated"], "total": 1 }),
        ),
        access: Access::Writes,
        refusals: vec![nobody(), Refusal::Several("A-9".to_owned())],
    }
    .describe()
}

fn delete() -> Value {
    let mut cascade = query(
        "cascade",
        "true deletes everything below it too.",
        &json!({ "type": "boolean", "default": false }),
    );
    cascade["example"] = json!("true");
    Operation {
        id: "deleteUsergroup",
        summary: "Delete a usergroup",
        description: "It is archived: everything is kept, its keys stay taken, and this face does not find it any more.",
        parameters: [lookup(), vec![cascade, dry_run(), idempotency_key()]].concat(),
        body: None,
        answer: (Line::DONE, "UsergroupWritten", json!({ "data": {}, "messages": ["Usergroup deleted"] })),
        access: Access::Writes,
        refusals: vec![nobody(), Refusal::Several("A-9".to_owned())],
    }
    .describe()
}

fn search() -> Value {
    let data = json!({
        "data": [], "messages": [], "start": 0, "end": 0, "page": 1, "pages": 0, "total": 0, "offset": 12,
        "itemsFound": 0,
    });
    Operation {
        id: "searchUsergroups",
        summary: "Search usergroups",
        description: "By beginnings of words of the name, by source, by parent (null: those without one), by time of \
            change; in the order of ids. total counts this page, itemsFound all.",
        parameters: vec![],
        body: Some(("UsergroupSearch", json!({ "name": "nothing like it" }))),
        answer: (Line::DONE, "UsergroupPage", data),
        access: Access::Reads,
        refusals: vec![Refusal::Page { field: "page", max: MAX_NUMBER }, Refusal::Several("A-9".to_owned())],
    }
    .describe()
}

//! The `OpenAPI` document, and the bodies of refusals, which are its examples.

use std::collections::BTreeSet;

use faces::groups::Refusal;
use faces::openapi;
use serde_json::Value;

/// What a reader of the document trips over: dangling references, responses without description,
/// operations without or with the same name.
#[test]
fn document_is_sound() {
    let document = openapi("1.2.3");
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], "1.2.3");
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 10);
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for operation in item.as_object().expect("operations").values() {
            assert!(names.insert(operation["operationId"].as_str().expect("a name")), "{path}");
            for (status, response) in operation["responses"].as_object().expect("responses") {
                assert!(resolved(&document, response)["description"].is_string(), "{path} {status}");
            }
        }
    }
    assert_eq!(names.len(), 52);
}

fn collect<'a>(value: &'a Value, references: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| collect(value, references));
        }
        Value::Array(elements) => elements.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

/// Every example has the members that its schema has, and those that it demands; every code of an
/// example is one that is listed.
#[test]
fn examples_follow_their_schemas() {
    let document = openapi("1.2.3");
    let mut checked = 0;
    for item in document["paths"].as_object().into_iter().flatten().map(|(_, item)| item) {
        for operation in item.as_object().into_iter().flatten().map(|(_, operation)| operation) {
            let request = operation["requestBody"]["content"].as_object();
            let responses = operation["responses"].as_object().into_iter().flatten();
            let contents =
                responses.filter_map(|(_, response)| resolved(&document, response)["content"].as_object());
            for media in request.into_iter().chain(contents).flatten().map(|(_, media)| media) {
                for example in media["examples"].as_object().into_iter().flatten().map(|(_, example)| example)
                {
                    follow(&document, &media["schema"], &example["value"]);
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 30, "{checked}");
}

/// What a reference means; anything else means itself.
fn resolved<'v>(document: &'v Value, value: &'v Value) -> &'v Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).expect("a reference to something"),
        None => value,
    }
}

/// As much of JSON Schema as the document uses for structure.
fn follow(document: &Value, schema: &Value, value: &Value) {
    let schema = resolved(document, schema);
    if let Some(listed) = schema["enum"].as_array() {
        assert!(listed.contains(value), "{value} is not in {schema}");
    }
    if let Some(elements) = value.as_array() {
        for element in elements {
            follow(document, &schema["items"], element);
        }
    }
    let Some(members) = value.as_object() else { return };
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(members.contains_key(required.as_str().expect("a name")), "{required} is missing in {value}");
    }
    for (name, member) in members {
        let schema_of_member = &schema["properties"][name];
        assert!(
            !schema_of_member.is_null() || !schema["additionalProperties"].eq(&false),
            "{name} in {value}"
        );
        follow(document, schema_of_member, member);
    }
}

#[test]
fn bodies_of_refusals() {
    let body = |refusal: Refusal| String::from_utf8(refusal.body("r-1")).expect("UTF-8");
    insta::assert_snapshot!(body(Refusal::Internal), @r#"{"type":"urn:rosterd:problem:INTERNAL","title":"Internal error","status":500,"detail":"Internal error. The log has the cause under this request id.","code":"INTERNAL","requestId":"r-1"}"#);
    insta::assert_snapshot!(body(Refusal::Forbidden { scope: "groups:write" }), @r#"{"type":"urn:rosterd:problem:FORBIDDEN","title":"Not allowed","status":403,"detail":"The API key lacks the scope groups:write.","code":"FORBIDDEN","reason":"MISSING_SCOPE","requestId":"r-1","scope":"groups:write"}"#);
    insta::assert_snapshot!(body(Refusal::PayloadTooLarge { limit: 1000 }), @r#"{"type":"urn:rosterd:problem:PAYLOAD_TOO_LARGE","title":"The body is too large","status":413,"detail":"At most 1000 bytes, as sent and decompressed. Send fewer records.","code":"PAYLOAD_TOO_LARGE","requestId":"r-1","limit":1000}"#);
    insta::assert_snapshot!(body(Refusal::from(directory::BatchError::TooLarge { records: 1001 })), @r#"{"type":"urn:rosterd:problem:VALIDATION_ERROR","title":"The request is not as the contract asks","status":400,"detail":"groups must hold 1 to 1000 records, it holds 1001.","code":"VALIDATION_ERROR","reason":"BATCH_TOO_LARGE","requestId":"r-1","field":"groups","maxItems":1000,"min":1,"max":1000,"got":1001}"#);
    insta::assert_snapshot!(body(Refusal::parameter("limit", "Why.")), @r#"{"type":"urn:rosterd:problem:VALIDATION_ERROR","title":"The request is not as the contract asks","status":400,"detail":"Why.","code":"VALIDATION_ERROR","reason":"INVALID_PARAMETER","requestId":"r-1","field":"limit"}"#);
    let broken = faces::groups::read(b"{]", faces::groups::Handling::Lenient).expect_err("broken");
    insta::assert_snapshot!(body(broken), @r#"{"type":"urn:rosterd:problem:INVALID_JSON","title":"The body is not valid JSON","status":400,"detail":"The body is not JSON: key must be a string at line 1 column 2.","code":"INVALID_JSON","reason":"SYNTAX","requestId":"r-1","position":1}"#);
}

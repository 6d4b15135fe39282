//! Contract 2: what is refused as a whole, and what directives suppress.

use serde_json::{Value, json};

use crate::harness::Server;
use crate::usergroups::{BY_ID, BY_SOURCE_ID, bulk, entries, error, fields};

#[expect(clippy::too_many_lines, reason = "one table")]
#[test]
fn a_payload_of_another_form_is_refused_whole_with_every_violation() {
    let server = Server::start();
    let client = &server.client;
    let send = |path: &str, body: &str| error(&client.post(path, body).send());
    let schema = "SchemaValidationException VALIDATION_ERROR";
    for (item, reason, field, message) in [
        (
            r#"{"id":1,"colour":"x"}"#,
            "UNKNOWN_FIELD",
            "colour",
            "#/usergroups/0: extraneous key [colour] is not permitted",
        ),
        (
            r#"{"id":1,"name":5}"#,
            "WRONG_TYPE",
            "name",
            "#/usergroups/0/name: expected type: String, found: Number",
        ),
        (
            r#"{"id":1,"budget":"y"}"#,
            "NOT_IN_ENUM",
            "budget",
            "#/usergroups/0/budget: must be one of Y, H, N",
        ),
        (
            r#"{"id":1,"budget":null}"#,
            "FIELD_NOT_CLEARABLE",
            "budget",
            "#/usergroups/0/budget: expected type: String, found: Null",
        ),
        (
            r#"{"id":1,"parent":null}"#,
            "FIELD_NOT_CLEARABLE",
            "parent",
            "#/usergroups/0/parent: expected type: Object, found: Null",
        ),
        (
            r#"{"id":1,"parent":{"id":1e2}}"#,
            "INVALID_ID",
            "parent.id",
            "#/usergroups/0/parent/id: must be a whole number from 1 to 9007199254740991",
        ),
        (
            r#"{"id":1,"parent":{}}"#,
            "REQUIRED_FIELD_MISSING",
            "parent.id",
            "#/usergroups/0/parent: required key [id] not found",
        ),
        (
            r#"{"id":1,"source":"ERP"}"#,
            "REQUIRED_FIELD_MISSING",
            "sourceId",
            "#/usergroups/0: required key [sourceId] not found",
        ),
        (
            r#"{"id":1,"name":"a","name":"b"}"#,
            "DUPLICATE_MEMBER",
            "name",
            "#/usergroups/0: key [name] occurs more than once",
        ),
        (
            r#"{"id":0}"#,
            "INVALID_ID",
            "id",
            "#/usergroups/0/id: must be a whole number from 1 to 9007199254740991",
        ),
        (
            r#"{"id":1,"language":"Dutch"}"#,
            "INVALID_LANGUAGE",
            "language",
            "#/usergroups/0/language: must be two letters of ISO 639-1, such as NL",
        ),
        ("7", "NOT_AN_OBJECT", "-", "#/usergroups/0: is a number, it must be an object"),
    ] {
        let (status, code, words, messages) =
            send(BY_ID, &format!(r#"{{"usergroups":[{item},{{"id":9}}]}}"#));
        assert_eq!((status, code), (400, 10007), "{item}: {messages}");
        assert_eq!(words, format!("{schema} {reason} {field} #/usergroups/0"), "{item}");
        if field != "-" {
            assert_eq!(messages, message);
        }
    }
    let long =
        format!(r#"{{"usergroups":[{{"id":1,"name":"{}","colour":1}},{{"name":"x"}}]}}"#, "x".repeat(256));
    let (_, code, _, messages) = send(BY_ID, &long);
    assert_eq!(
        (code, messages.as_str()),
        (
            10007,
            "#/usergroups/0/name: expected maxLength: 255, actual: 256; #/usergroups/0: extraneous key [colour] is not permitted; #/usergroups/1: required key [id] not found"
        )
    );
    for (path, body, code, words) in [
        (BY_ID, "", 10005, "InvalidJSONPayload INVALID_JSON EMPTY_BODY - -"),
        (BY_ID, "[]", 10007, "SchemaValidationException VALIDATION_ERROR NOT_AN_OBJECT - -"),
        (
            BY_ID,
            "{}",
            10007,
            "SchemaValidationException VALIDATION_ERROR REQUIRED_FIELD_MISSING usergroups #",
        ),
        (
            BY_ID,
            r#"{"usergroups":[]}"#,
            10007,
            "SchemaValidationException VALIDATION_ERROR BATCH_EMPTY usergroups #/usergroups",
        ),
        (
            BY_ID,
            r#"{"usergroups":{"0":1}}"#,
            10007,
            "SchemaValidationException VALIDATION_ERROR NOT_AN_ARRAY usergroups #/usergroups",
        ),
        (
            BY_ID,
            r#"{"usergroups":[{"id":1}],"usergroups":[{"id":2}]}"#,
            10007,
            "SchemaValidationException VALIDATION_ERROR DUPLICATE_MEMBER usergroups #",
        ),
        (
            BY_ID,
            r#"{"usergroups":[{"id":1}],"dryRun":true}"#,
            10007,
            "SchemaValidationException VALIDATION_ERROR UNKNOWN_FIELD dryRun #",
        ),
        (
            BY_ID,
            r#"{"usergroups":[{"id":5001},{"name":"x"}]}"#,
            10016,
            "LookupKeyNotFound VALIDATION_ERROR REQUIRED_FIELD_MISSING id #/usergroups/1",
        ),
        (
            BY_SOURCE_ID,
            r#"{"usergroups":[{"name":"x"}]}"#,
            10016,
            "LookupKeyNotFound VALIDATION_ERROR REQUIRED_FIELD_MISSING sourceId #/usergroups/0",
        ),
        (
            BY_SOURCE_ID,
            r#"{"usergroups":[{"sourceId":"x"}]}"#,
            10016,
            "LookupKeyNotFound VALIDATION_ERROR REQUIRED_FIELD_MISSING source #/usergroups/0",
        ),
        (
            BY_SOURCE_ID,
            r#"{"usergroups":[{"id":1,"sourceId":"x","source":"y"}]}"#,
            10007,
            "SchemaValidationException VALIDATION_ERROR UNKNOWN_FIELD id #/usergroups/0",
        ),
        (
            "/usergroups/bulk/ID",
            r#"{"usergroups":[{"id":1}]}"#,
            10006,
            "InvalidLookupKey VALIDATION_ERROR INVALID_LOOKUP_KEY - -",
        ),
    ] {
        let (status, found, found_words, messages) = send(path, body);
        assert_eq!((status, found, found_words.as_str()), (400, code, words), "{body}: {messages}");
    }
    let items: Vec<Value> = (1..=1001).map(|id| json!({ "id": id })).collect();
    let (status, code, words, _) = send(BY_ID, &json!({ "usergroups": items }).to_string());
    assert_eq!(
        (status, code, words.as_str()),
        (400, 10017, "PayloadValidationError VALIDATION_ERROR BATCH_TOO_LARGE usergroups -")
    );
    let strict = client.post(BY_SOURCE_ID, r#"{"usergroups":[{"sourceId":"x","source":"y"}]}"#);
    let strict = error(&strict.header("prefer", "handling=strict").send());
    assert_eq!((strict.1, strict.3.as_str()), (10016, "#/usergroups/0: required key [language] not found"));
    assert_eq!(client.all(1000).len(), 0, "nothing was written");
    for nowhere in ["/usergroups/nowhere", "/v2/nowhere", "/v2"] {
        let unknown = error(&client.get(nowhere).send());
        assert_eq!((unknown.0, unknown.1), (404, 10008), "{nowhere}");
    }
    let nobody = error(&client.get("/usergroups/id/1").without("authorization").send());
    assert_eq!((nobody.0, nobody.1, nobody.2.as_str()), (401, 401, "Unauthorized UNAUTHENTICATED - - -"));
    let page = client.get("/errors/10007").send();
    assert!(page.status == 200 && page.text().contains("SchemaValidationException"));
}

#[expect(clippy::too_many_lines, reason = "one table")]
#[test]
fn directives_suppress_and_say_so() {
    let server = Server::start();
    let client = &server.client;
    bulk(client, BY_ID, &json!([{"id": 100}, {"id": 101, "name": "N1", "parent": {"id": 100}}]));
    let send = |items: Value, directives: Value| {
        let body = json!({ "usergroups": items, "directives": directives });
        client.post(BY_ID, body.to_string()).send()
    };
    let keep_name = json!([{"operation": "skipIfNotEmpty", "fields": ["name"]}]);
    for directives in [keep_name.clone(), json!({"skipIfNotEmpty": ["name"]})] {
        let entry = entries(&send(json!([{"id": 101, "name": "N2"}]), directives)).remove(0);
        assert_eq!((&entry["message"], &entry["skipped"]), (&json!("Unchanged"), &json!(["name"])));
    }
    let entry = entries(&send(
        json!([{"id": 101, "name": "N2", "office": "x"}, {"id": 7, "name": "new"}]),
        keep_name,
    ));
    assert_eq!((&entry[0]["message"], &entry[0]["skipped"]), (&json!("Skipped: name"), &json!(["name"])));
    assert_eq!((&entry[1]["action"], &fields(client, 7)["name"]), (&json!("create"), &json!("new")));
    assert_eq!(fields(client, 101)["name"], "N1");
    // The parent is not even resolved.
    let stay = json!([{"operation": "skipMoveOnUpdate", "fields": []}]);
    let entry = entries(&send(json!([{"id": 101, "name": "N3", "parent": {"id": 424_242}}]), stay)).remove(0);
    assert_eq!((&entry["success"], &entry["skipped"]), (&json!(true), &json!(["parent"])));
    assert_eq!(
        (&fields(client, 101)["name"], &fields(client, 101)["parent"]["id"]),
        (&json!("N3"), &json!(100))
    );
    let none = json!({"skipCreate": [], "mergeTranslationsOnUpdate": []});
    let entry = entries(&send(json!([{"id": 555}]), none)).remove(0);
    assert_eq!(
        entry,
        json!({"action": "skip", "key": 555, "lookupKey": "id", "success": true, "message": "Skipped: does not exist"})
    );
    assert_eq!(client.get("/usergroups/id/555").send().status, 404);
    let (schema, payload) = ((10007, "SchemaValidationException"), (10017, "PayloadValidationError"));
    for (directives, (code, kind), reason, field, pointer) in [
        (
            json!([{"operation": "skipEverything", "fields": []}]),
            payload,
            "UNKNOWN_DIRECTIVE",
            "directives[0].operation",
            "-",
        ),
        (
            json!([{"fields": ["name"]}]),
            schema,
            "REQUIRED_FIELD_MISSING",
            "directives[0].operation",
            "#/directives/0",
        ),
        (
            json!([{"operation": 1, "fields": []}]),
            schema,
            "WRONG_TYPE",
            "directives[0].operation",
            "#/directives/0",
        ),
        (
            json!([{"operation": "skipIfNotEmpty", "fields": ["id"]}]),
            payload,
            "UNKNOWN_FIELD",
            "directives[0].fields[0]",
            "-",
        ),
        (
            json!([{"operation": "skipIfNotEmpty", "fields": ["attributes"]}]),
            payload,
            "UNKNOWN_FIELD",
            "directives[0].fields[0]",
            "-",
        ),
        (
            json!([{"operation": "skipIfNotEmpty"}]),
            payload,
            "REQUIRED_FIELD_MISSING",
            "directives[0].fields",
            "-",
        ),
        (
            json!([{"operation": "skipIfNotEmpty", "fields": null}]),
            payload,
            "REQUIRED_FIELD_MISSING",
            "directives[0].fields",
            "-",
        ),
        (
            json!([{"operation": "skipIfNotEmpty", "fields": "name"}]),
            schema,
            "NOT_AN_ARRAY",
            "directives[0].fields",
            "#/directives/0",
        ),
        (
            json!([{"operation": "skipMoveOnUpdate", "fields": ["parent"]}]),
            payload,
            "UNEXPECTED_FIELDS",
            "directives[0].fields",
            "-",
        ),
        (Value::Null, schema, "NOT_AN_ARRAY", "directives", "#/directives"),
        (
            json!(vec![json!({"operation": "skipMoveOnUpdate", "fields": []}); 10_000]),
            payload,
            "TOO_MANY",
            "directives",
            "-",
        ),
    ] {
        let found = error(&send(json!([{"id": 101, "name": "N9"}]), directives));
        assert_eq!((found.0, found.1), (400, code), "{}", found.2);
        assert_eq!(found.2, format!("{kind} VALIDATION_ERROR {reason} {field} {pointer}"));
    }
    assert_eq!(fields(client, 101)["name"], "N3");
}

/// A guard that cannot be read, or is said twice, must not be taken for none.
#[test]
fn no_directive_is_lost() {
    let server = Server::start();
    let client = &server.client;
    let many = (0..257).map(|number| format!(r#","x{number}":1"#)).collect::<Vec<_>>().concat();
    for (directives, reason, field) in [
        (r#"{"skipCreate":[],"\ud800":[]}"#.to_owned(), "INVALID_STRING", "directives"),
        (
            r#"{"skipIfNotEmpty":["name"],"skipIfNotEmpty":["office"]}"#.to_owned(),
            "DUPLICATE_MEMBER",
            "directives.skipIfNotEmpty",
        ),
        (
            r#"[{"operation":"skipCreate","operation":"mergeTranslationsOnUpdate"}]"#.to_owned(),
            "DUPLICATE_MEMBER",
            "directives[0].operation",
        ),
        (
            r#"[{"operation":"skipIfNotEmpty","fields":["name"],"fields":["office"]}]"#.to_owned(),
            "DUPLICATE_MEMBER",
            "directives[0].fields",
        ),
        (r#"[{"operation":"skipCreate","\ud800":1}]"#.to_owned(), "INVALID_STRING", "directives[0]"),
        (format!(r#"[{{"operation":"skipCreate"{many}}}]"#), "TOO_MANY_MEMBERS", "directives[0]"),
    ] {
        let body = format!(r#"{{"usergroups":[{{"id":7}}],"directives":{directives}}}"#);
        let (status, code, words, _) = error(&client.post(BY_ID, body).send());
        assert_eq!((status, code), (400, 10007), "{directives:.80}");
        let words: Vec<&str> = words.split(' ').collect();
        assert_eq!(words[2..4], [reason, field], "{directives:.80}");
    }
    assert_eq!(client.get("/usergroups/id/7").send().status, 404, "nothing was created");
}

/// What is repeated of a name that the contract does not know has a bound, also in pointers.
#[test]
fn long_names_are_repeated_in_part() {
    let server = Server::start();
    let client = &server.client;
    let name = "n".repeat(5000);
    let deep = ["[".repeat(33), "]".repeat(33)].concat();
    for body in [
        format!(r#"{{"usergroups":[{{"id":7,"{name}":{deep}}}]}}"#),
        format!(r#"{{"usergroups":[{{"id":7}}],"directives":{{"{name}":7}}}}"#),
        format!(r#"{{"usergroups":[{{"id":7}}],"{name}":7}}"#),
    ] {
        let answer = client.post(BY_ID, body).send();
        assert_eq!(error(&answer).1, 10007);
        assert!(!answer.text().contains(&"n".repeat(65)), "{}", answer.text());
    }
}

#[test]
fn a_count_that_is_wrong_comes_with_what_is_allowed() {
    let server = Server::start();
    let empty = server.client.post(BY_ID, r#"{"usergroups":[]}"#).send().json();
    let items: Vec<Value> = (1..=1001).map(|id| json!({ "id": id })).collect();
    let full = server.client.post(BY_ID, json!({ "usergroups": items }).to_string()).send().json();
    for (body, got) in [(empty, 0), (full, 1001)] {
        let numbers = ["min", "max", "got"].map(|name| body["error"][name].clone());
        assert_eq!(numbers, [json!(1), json!(1000), json!(got)]);
    }
}

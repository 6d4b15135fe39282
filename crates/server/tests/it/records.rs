//! What is wrong with one record is that record's failure alone: each is sent beside a good one.

use serde_json::{Value, json};

use crate::harness::{Client, Server, UPSERT, check, outcomes};

const BAD: &str = "bad";
const GOOD: &str = "good";

/// Sends fields of a record with a key and a name, which they may replace, before a good record; the
/// first fails as expected, the second is there.
#[track_caller]
fn check_bad(client: &Client, fields: &Value, expected: &str) {
    let mut bad = json!({"externalReferenceId": BAD, "name": "n"});
    bad.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    // Of another name each time, so that each time it has something to do.
    let name = format!("{} {fields:?}", fields.to_string().len());
    let name: String = name.chars().take(200).collect();
    let good = json!({"externalReferenceId": GOOD, "name": name});
    let (status, answer) = client.upsert(&json!([bad, good]));
    let found = outcomes(&json!([bad, good]), status, &answer);
    assert_eq!(found[0], expected, "{fields}: {answer:#}");
    assert!(found[1] == "created" || found[1] == "updated name", "{fields}: {}", found[1]);
    assert_eq!(client.group(GOOD)["name"], good["name"]);
    assert_eq!(client.find(BAD).status, 404);
}

#[test]
fn every_field_keeps_its_rules() {
    let server = Server::start();
    let long = |count: usize| "\u{1F600}".repeat(count);
    let url = |length: usize| format!("https://h/{}", "x".repeat(length - 10));
    for (fields, expected) in [
        (json!({"name": 5}), "failed VALIDATION_ERROR/WRONG_TYPE name"),
        (json!({"name": true}), "failed VALIDATION_ERROR/WRONG_TYPE name"),
        (json!({"name": {}}), "failed VALIDATION_ERROR/WRONG_TYPE name"),
        (json!({"name": ["n"]}), "failed VALIDATION_ERROR/WRONG_TYPE name"),
        (json!({"name": ""}), "failed VALIDATION_ERROR/EMPTY name"),
        (json!({"name": " \u{a0}\u{3000}"}), "failed VALIDATION_ERROR/BLANK name"),
        (json!({"name": long(256)}), "failed VALIDATION_ERROR/TOO_LONG name"),
        (json!({"name": "a\0b"}), "failed VALIDATION_ERROR/INVALID_CHARACTER name"),
        (json!({"name": "a\tb"}), "failed VALIDATION_ERROR/INVALID_CHARACTER name"),
        (json!({"name": "a\u{85}b"}), "failed VALIDATION_ERROR/INVALID_CHARACTER name"),
        (json!({"externalReferenceType": ""}), "failed VALIDATION_ERROR/EMPTY externalReferenceType"),
        (
            json!({"externalReferenceType": long(31)}),
            "failed VALIDATION_ERROR/TOO_LONG externalReferenceType",
        ),
        (json!({"externalReferenceType": 1}), "failed VALIDATION_ERROR/WRONG_TYPE externalReferenceType"),
        (json!({"description": long(256)}), "failed VALIDATION_ERROR/TOO_LONG description"),
        (json!({"description": "\u{7}"}), "failed VALIDATION_ERROR/INVALID_CHARACTER description"),
        (json!({"parentExternalReferenceId": ""}), "failed VALIDATION_ERROR/EMPTY parentExternalReferenceId"),
        (
            json!({"parentExternalReferenceId": 7}),
            "failed VALIDATION_ERROR/WRONG_TYPE parentExternalReferenceId",
        ),
        (
            json!({"parentExternalReferenceId": "p".repeat(256)}),
            "failed VALIDATION_ERROR/TOO_LONG parentExternalReferenceId",
        ),
        (
            json!({"parentExternalReferenceId": "p".repeat(255)}),
            "failed PARENT_GROUP_NOT_FOUND parentExternalReferenceId",
        ),
        (
            json!({"parentExternalReferenceId": "nope"}),
            "failed PARENT_GROUP_NOT_FOUND parentExternalReferenceId",
        ),
        (json!({"parentExternalReferenceId": "bad"}), "failed PARENT_IS_SELF parentExternalReferenceId"),
        (json!({"photoUrl": ""}), "failed VALIDATION_ERROR/EMPTY photoUrl"),
        (json!({"photoUrl": 5}), "failed VALIDATION_ERROR/WRONG_TYPE photoUrl"),
        (json!({"photoUrl": url(501)}), "failed VALIDATION_ERROR/TOO_LONG photoUrl"),
        (json!({"photoUrl": "/logo.png"}), "failed VALIDATION_ERROR/INVALID_URL photoUrl"),
        (json!({"photoUrl": "//cdn.example.com/x.png"}), "failed VALIDATION_ERROR/INVALID_URL photoUrl"),
        (json!({"photoUrl": "https://a b/x"}), "failed VALIDATION_ERROR/INVALID_URL photoUrl"),
        (json!({"photoUrl": "https:\\\\evil.example\\x"}), "failed VALIDATION_ERROR/INVALID_URL photoUrl"),
        (json!({"photoUrl": "https://h/\0"}), "failed VALIDATION_ERROR/INVALID_CHARACTER photoUrl"),
        (json!({"photoUrl": "https://user:pw@h/x"}), "failed VALIDATION_ERROR/URL_CREDENTIALS photoUrl"),
        (json!({"photoUrl": "javascript:alert(1)"}), "failed VALIDATION_ERROR/URL_SCHEME photoUrl"),
        (json!({"photoUrl": "file:///etc/passwd"}), "failed VALIDATION_ERROR/URL_SCHEME photoUrl"),
        (json!({"logoUrl": "data:text/plain,x"}), "failed VALIDATION_ERROR/URL_SCHEME logoUrl"),
    ] {
        check_bad(&server.client, &fields, expected);
    }
}

#[test]
fn keys_are_plain() {
    let server = Server::start();
    let key = "failed VALIDATION_ERROR/KEY_NOT_CANONICAL externalReferenceId";
    for (fields, expected) in [
        (json!({"externalReferenceId": null}), "failed REQUIRED_FIELD_MISSING externalReferenceId"),
        (json!({"externalReferenceId": 846_452}), "failed VALIDATION_ERROR/WRONG_TYPE externalReferenceId"),
        (json!({"externalReferenceId": ""}), "failed VALIDATION_ERROR/EMPTY externalReferenceId"),
        (
            json!({"externalReferenceId": "k".repeat(65)}),
            "failed VALIDATION_ERROR/TOO_LONG externalReferenceId",
        ),
        (
            json!({"externalReferenceId": "\u{1F600}".repeat(65)}),
            "failed VALIDATION_ERROR/TOO_LONG externalReferenceId",
        ),
        (
            // Legal as it was sent, 80 characters after NFC.
            json!({"externalReferenceId": "\u{958}".repeat(40)}),
            "failed VALIDATION_ERROR/TOO_LONG externalReferenceId",
        ),
        (json!({"externalReferenceId": " k"}), key),
        (json!({"externalReferenceId": "k\u{a0}"}), key),
        (json!({"externalReferenceId": "g\u{200b}1"}), key),
        (json!({"externalReferenceId": "g\u{ad}1"}), key),
        (json!({"externalReferenceId": "g\u{feff}1"}), key),
        (json!({"externalReferenceId": "g\u{202e}1"}), key),
        (json!({"externalReferenceId": "g\u{fffd}1"}), key),
        (json!({"externalReferenceId": "g\u{ffff}1"}), key),
    ] {
        check_bad(&server.client, &fields, expected);
    }
}

#[test]
fn every_fault_of_a_record_is_told() {
    let server = Server::start();
    check_bad(
        &server.client,
        &json!({"name": "", "description": 5, "photoUrl": "x", "externalReferenceType": null}),
        "failed VALIDATION_ERROR/FIELD_NOT_CLEARABLE externalReferenceType & VALIDATION_ERROR/EMPTY name \
         & VALIDATION_ERROR/WRONG_TYPE description & VALIDATION_ERROR/INVALID_URL photoUrl",
    );
    check(
        &server.client,
        &json!([{"externalReferenceId": "new"}, {"externalReferenceId": "new-2", "description": 5}, {}]),
        &[
            "failed REQUIRED_FIELD_MISSING name",
            "failed REQUIRED_FIELD_MISSING name & VALIDATION_ERROR/WRONG_TYPE description",
            "failed REQUIRED_FIELD_MISSING externalReferenceId",
        ],
    );
}

#[test]
fn the_limits_themselves_are_legal() {
    let server = Server::start();
    let emoji = |count: usize| "\u{1F600}".repeat(count);
    let records = json!([
        {"externalReferenceId": emoji(64), "externalReferenceType": emoji(30), "name": emoji(255),
         "description": emoji(255), "photoUrl": format!("https://h/{}", emoji(490))},
        {"externalReferenceId": "e\u{301}".repeat(50), "name": "a\u{301}\u{301}\u{301}"},
        {"externalReferenceId": "k", "name": "\u{ffff}\u{fdd0}", "description": "", "externalReferenceType": "T"},
        {"externalReferenceId": "under", "name": "n", "parentExternalReferenceId": emoji(64)},
    ]);
    let (status, answer) = server.client.upsert(&records);
    let found = outcomes(&records, status, &answer);
    let composed = format!("created canonical={}", "\u{e9}".repeat(50));
    assert_eq!(found, ["created", &composed, "created", "created"]);
    for record in records.as_array().unwrap() {
        let group = server.client.group(record["externalReferenceId"].as_str().unwrap());
        for name in ["externalReferenceType", "name", "description", "photoUrl", "parentExternalReferenceId"]
        {
            assert_eq!(group[name], record[name], "{name}");
        }
    }
}

/// Records that no `Value` can hold, each beside a good one.
#[test]
fn broken_values_stay_in_their_record() {
    let server = Server::start();
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let record = |members: &str| format!(r#"{{"externalReferenceId":"bad",{members}}}"#);
    let members = |count: usize| {
        let more: Vec<String> = (0..count).map(|index| format!(r#""k{index}":{index}"#)).collect();
        format!(r#""name":"n",{}"#, more.join(","))
    };
    let not_an_object = "failed VALIDATION_ERROR/NOT_AN_OBJECT";
    for (bad, expected) in [
        (record(r#""name":"\udc00""#), "failed VALIDATION_ERROR/INVALID_STRING name"),
        (record(r#""name":"\udc00\ud800""#), "failed VALIDATION_ERROR/INVALID_STRING name"),
        (record(r#""name":1e400"#), "failed VALIDATION_ERROR/WRONG_TYPE name"),
        (record(r#""name":"a","name":"b""#), "failed VALIDATION_ERROR/DUPLICATE_MEMBER name"),
        (record(r#""name":"a","na\u006de":"b""#), "failed VALIDATION_ERROR/DUPLICATE_MEMBER name"),
        (record(&format!(r#""name":{}"#, deep(100_000))), "failed VALIDATION_ERROR/WRONG_TYPE name"),
        (
            record(&format!(r#""name":"n","x":{}"#, deep(33))),
            "failed VALIDATION_ERROR/TOO_DEEP x +UNKNOWN_FIELD x",
        ),
        (record(&members(255)), "failed VALIDATION_ERROR/TOO_MANY_MEMBERS"),
        (record(&members(100_000)), "failed VALIDATION_ERROR/TOO_MANY_MEMBERS"),
        ("null".to_owned(), not_an_object),
        ("7".to_owned(), not_an_object),
        ("true".to_owned(), not_an_object),
        ("[]".to_owned(), not_an_object),
        (r#"["bad","n"]"#.to_owned(), not_an_object),
        (r#""bad""#.to_owned(), not_an_object),
    ] {
        let shown: String = bad.chars().take(60).collect();
        let body = format!(r#"{{"groups":[{bad},{{"externalReferenceId":"good","name":"n"}}]}}"#);
        let answer = server.client.post(UPSERT, body).send();
        assert_eq!(answer.status, 207, "{shown}");
        let answer = answer.json();
        let found = crate::harness::describe(&answer["results"][0]);
        // 256 members are looked at, whatever they are called.
        let found = found.split(" +UNKNOWN_FIELD k").next().unwrap();
        assert_eq!(found, expected, "{shown}");
        assert!(
            ["created", "unchanged"].contains(&answer["results"][1]["status"].as_str().unwrap()),
            "{shown}"
        );
        assert_eq!(server.client.find(BAD).status, 404, "{shown}");
    }
}

#[test]
fn a_valid_pair_of_escapes_is_one_character() {
    let server = Server::start();
    let body = r#"{"groups":[{"externalReferenceId":"k","name":"\ud83d\ude00"}]}"#;
    assert_eq!(server.client.post(UPSERT, body).send().status, 200);
    assert_eq!(server.client.group("k")["name"], "\u{1F600}");
}

#[test]
fn unknown_fields_are_named() {
    let server = Server::start();
    let client = &server.client;
    let records = json!([{
        "externalReferenceId": "a", "name": "A", "colour": "blue", "parent": "p", "Name": "x", "archived": true,
        "__proto__": {"archived": true},
    }]);
    let (status, answer) = client.upsert(&records);
    let warned: Vec<_> = answer["results"][0]["warnings"].as_array().unwrap().iter().collect();
    let mut names: Vec<_> = warned.iter().map(|warning| warning["field"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Name", "__proto__", "archived", "colour", "parent"]);
    assert_eq!((status, &answer["results"][0]["status"]), (200, &json!("created")));
    for (field, meant) in
        [("parent", Some("parentExternalReferenceId")), ("Name", Some("did you mean name")), ("colour", None)]
    {
        let warning = warned.iter().find(|warning| warning["field"] == field).unwrap();
        let message = warning["message"].as_str().unwrap();
        assert_eq!(message.contains("did you mean"), meant.is_some(), "{message}");
        assert!(message.contains(meant.unwrap_or("")), "{message}");
    }
    let group = client.group("a");
    assert_eq!((&group["archived"], &group["parentId"]), (&json!(false), &Value::Null));
}

#[test]
fn strict_handling_refuses_unknown_fields() {
    let server = Server::start();
    let client = &server.client;
    let records = json!([{"externalReferenceId": "a", "name": "A", "colour": 1}, {"externalReferenceId": "b", "name": "B"}]);
    let send = |prefer: &str| {
        let body = json!({"groups": records}).to_string();
        let answer = client.post(UPSERT, body).header("prefer", prefer).send();
        outcomes(&records, answer.status, &answer.json())
    };
    assert_eq!(
        send("respond-async, handling=strict"),
        ["failed VALIDATION_ERROR/UNKNOWN_FIELD colour", "created"]
    );
    assert_eq!(client.find("a").status, 404);
    assert_eq!(send("handling=lenient"), ["created +UNKNOWN_FIELD colour", "unchanged"]);
    assert_eq!(send("handling=strict"), ["failed VALIDATION_ERROR/UNKNOWN_FIELD colour", "unchanged"]);
}

//! Contract 2: addresses of usergroups.

use serde_json::{Value, json};

use crate::harness::{Answer, Client, Server};
use crate::usergroups::{BY_ID, bulk, error};

const ADDRESSES: &str = "/usergroups/id/7/addresses";

fn address(code: &str) -> Value {
    json!({"code": code, "type": "delivery", "street": "Noordpad", "city": "Arnhem", "country": "NL"})
}

/// A server with usergroups 7 and 8.
fn started() -> Server {
    let server = Server::start();
    bulk(&server.client, BY_ID, &json!([{"id": 7, "sourceId": "A-7", "source": "ERP"}, {"id": 8}]));
    server
}

#[track_caller]
fn create(client: &Client, path: &str, body: &Value) -> u64 {
    let answer = client.post(path, body.to_string()).send();
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["data"]["id"].as_u64().unwrap()
}

#[track_caller]
fn list(client: &Client, path: &str) -> Vec<Value> {
    let answer = client.get(path).send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    let data = body["data"].as_array().unwrap().clone();
    assert_eq!((&body["messages"], &body["total"]), (&json!([]), &json!(data.len())));
    data
}

fn patch(client: &Client, path: &str, body: &Value) -> Answer {
    client.post(path, body.to_string()).method("PATCH").send()
}

fn delete(client: &Client, path: &str) -> Answer {
    client.get(path).method("DELETE").send()
}

#[track_caller]
fn bulk_addresses(client: &Client, entries: &Value) -> Vec<Value> {
    let answer =
        client.post(&format!("{ADDRESSES}/bulk"), json!({ "addresses": entries }).to_string()).send();
    assert_eq!(answer.status, 201, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["messages"], json!(["Completed"]));
    let data = body["data"].as_array().unwrap().clone();
    assert_eq!(body["total"], data.len());
    data
}

#[test]
fn an_address_is_created_read_updated_and_deleted() {
    let server = started();
    let client = &server.client;
    let sent = json!({
        "type": "delivery", "code": "11234", "firstName": "Miles", "street": "Noordpad", "number": "34",
        "city": "Arnhem", "country": "NL", "isDefault": "Y", "notes": "two\nlines", "region": "",
    });
    let answer = client.post(&format!("{ADDRESSES}/"), sent.to_string()).send();
    let mut echoed = sent.clone();
    echoed["id"] = json!(1);
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json(), json!({"data": echoed, "messages": ["Address created"], "total": 1}));
    assert_eq!(
        list(client, "/v2/usergroups/sourceId/A-7/addresses/?source=ERP"),
        [json!({
            "active": "Y", "city": "Arnhem", "code": "11234", "company": "", "country": "NL", "email": "",
            "firstName": "Miles", "gender": "U", "icp": "N", "id": 1, "isDefault": "Y", "lastName": "",
            "middleName": "", "mobile": "", "notes": "two\nlines", "number": "34", "numberExtension": "",
            "phone": "", "postalCode": "", "region": "", "street": "Noordpad", "type": "delivery", "url": "",
        })]
    );
    let one = format!("{ADDRESSES}/1");
    let answer =
        patch(client, &one, &json!({"lastName": "McCoy", "firstName": null, "icp": "Y", "code": "9"}));
    let echoed = json!({"lastName": "McCoy", "firstName": null, "icp": "Y", "code": "9", "id": 1});
    assert_eq!(answer.json(), json!({"data": echoed, "messages": ["Address updated"], "total": 1}));
    let stored = list(client, ADDRESSES).remove(0);
    let fields = ["code", "firstName", "lastName", "icp", "street"].map(|name| stored[name].clone());
    assert_eq!(fields, ["9", "", "McCoy", "Y", "Noordpad"].map(Value::from));
    let answer = delete(client, &one);
    assert_eq!((answer.status, answer.json()), (200, json!({"data": {}, "messages": ["Address deleted"]})));
    assert_eq!(list(client, ADDRESSES), Vec::<Value>::new());
    let (status, code, words, message) = error(&delete(client, &one));
    assert_eq!((status, code), (404, 90006));
    assert_eq!(words, "AddressNotFound ADDRESS_NOT_FOUND - - -");
    assert_eq!(message, "Address with id [1] not found for [Usergroup] with id [7]");
    // Its id is not used again.
    assert_eq!(create(client, ADDRESSES, &address("x")), 2);
}

#[test]
fn each_type_has_one_default() {
    let server = started();
    let client = &server.client;
    let defaults = || {
        let defaults = list(client, ADDRESSES).into_iter().filter(|address| address["isDefault"] == "Y");
        defaults.map(|address| address["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let with = |code: &str, kind: &str, default: &str| {
        let mut address = address(code);
        (address["type"], address["isDefault"]) = (kind.into(), default.into());
        address
    };
    create(client, ADDRESSES, &with("a", "delivery", "Y"));
    create(client, ADDRESSES, &with("b", "delivery", "N"));
    create(client, ADDRESSES, &with("c", "invoice", "Y"));
    assert_eq!(defaults(), ["a", "c"]);
    let lists =
        ["delivery", "invoice", "home"].map(|kind| list(client, &format!("{ADDRESSES}?type={kind}")).len());
    assert_eq!(lists, [2, 1, 0]);
    assert_eq!(patch(client, &format!("{ADDRESSES}/2"), &json!({"isDefault": "Y"})).status, 200);
    assert_eq!(defaults(), ["b", "c"]);
    // Another type alone makes it the default of that type.
    assert_eq!(patch(client, &format!("{ADDRESSES}/3"), &json!({"type": "delivery"})).status, 200);
    assert_eq!(defaults(), ["c"]);
    assert_eq!(patch(client, &format!("{ADDRESSES}/3"), &json!({"isDefault": "N"})).status, 200);
    assert_eq!(defaults(), Vec::<String>::new());
    let told = bulk_addresses(
        client,
        &json!([with("a", "home", "Y"), with("b", "home", "Y"), with("d", "home", "N")]),
    );
    let reasons: Vec<_> = told.iter().map(|entry| entry["reason"].as_str().unwrap_or("done")).collect();
    assert_eq!((reasons, defaults().len()), (vec!["CONFLICTING_FIELDS", "CONFLICTING_FIELDS", "done"], 0));
}

#[test]
fn a_bulk_call_matches_by_code_and_tells_each_entry() {
    let server = started();
    let client = &server.client;
    let told = bulk_addresses(client, &json!([address("a"), address("b")]));
    assert_eq!(
        told[0],
        json!({"action": "create", "id": 1, "key": "a", "lookupKey": "code", "success": true})
    );
    // What every address has comes with each, also where its code is known.
    let short = json!({"addresses": [address("a"), {"code": "b", "city": "Velp"}]}).to_string();
    let (_, code, words, messages) = error(&client.post(&format!("{ADDRESSES}/bulk"), short).send());
    assert_eq!((code, words.split(' ').nth(2)), (10007, Some("REQUIRED_FIELD_MISSING")));
    for name in ["type", "street", "country"] {
        assert!(messages.contains(&format!("#/addresses/1: required key [{name}] not found")), "{messages}");
    }
    let mut anonymous = address("");
    anonymous.as_object_mut().unwrap().remove("code");
    let mut moved = address("b");
    moved["city"] = json!("Velp");
    let entries = json!([address("a"), moved, anonymous, address("e"), address("e")]);
    let told = bulk_addresses(client, &entries);
    let words: Vec<String> = told
        .iter()
        .map(|entry| {
            let words = ["action", "id", "key", "message", "errorCode", "field", "peers"];
            words.map(|name| entry[name].to_string().replace('"', "")).join(" ")
        })
        .collect();
    assert_eq!(
        words,
        [
            "update 1 a Unchanged null null null",
            "update 2 b null null null null",
            "create 3 null null null null null",
            "create null e null VALIDATION_ERROR code [4]",
            "create null e null VALIDATION_ERROR code [3]",
        ]
    );
    assert_eq!(list(client, ADDRESSES).len(), 3);
    // Codes are those of their group.
    let other = client.post("/usergroups/id/8/addresses", address("a").to_string()).send();
    assert_eq!(other.json()["data"]["id"], 4);
}

#[test]
fn what_is_stored_already_writes_nothing_and_a_rehearsal_neither() {
    let server = started();
    let client = &server.client;
    bulk_addresses(client, &json!([address("a")]));
    let revision = |id: u64| {
        let answer = client.get(&format!("/v3/groups/{id}")).send();
        answer.json()["revision"].clone()
    };
    let before = revision(7);
    bulk_addresses(client, &json!([address("a")]));
    let answer = client.post(&format!("{ADDRESSES}?dryRun=true"), address("b").to_string()).send();
    assert_eq!((answer.status, &answer.json()["dryRun"]), (200, &json!(true)));
    assert_eq!(answer.json()["data"]["id"], Value::Null);
    let rehearsed = client
        .post(&format!("{ADDRESSES}/bulk?dryRun=true"), json!({"addresses": [address("b")]}).to_string())
        .send();
    assert_eq!((rehearsed.status, &rehearsed.json()["data"][0]["id"]), (200, &Value::Null));
    assert_eq!((revision(7), list(client, ADDRESSES).len()), (before.clone(), 1));
    assert_eq!(patch(client, &format!("{ADDRESSES}/1"), &json!({"city": "Velp"})).status, 200);
    assert_ne!(revision(7), before);
    let post =
        || client.post(ADDRESSES, address("k").to_string()).header("Idempotency-Key", "\"k-1\"").send();
    let (first, second) = (post(), post());
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!((first.text(), second.header("idempotent-replayed")), (second.text(), Some("true")));
    assert!(first.header("rosterd-run-id").is_some());
    assert_eq!(list(client, ADDRESSES).len(), 2);
}

#[test]
fn no_more_than_fifty() {
    let server = started();
    let client = &server.client;
    let published = client.get("/capabilities").send().json()["limits"]["usergroupAddresses"].clone();
    assert_eq!(published, 50);
    let many: Vec<Value> = (0..50).map(|number| address(&format!("c{number}"))).collect();
    assert!(bulk_addresses(client, &json!(many)).iter().all(|entry| entry["success"] == true));
    let (status, code, words, _) = error(&client.post(ADDRESSES, address("x").to_string()).send());
    assert_eq!((status, code), (400, 10017));
    assert_eq!(words, "PayloadValidationError VALIDATION_ERROR TOO_MANY_ENTRIES - -");
    let told = bulk_addresses(client, &json!([address("c1"), address("x")]));
    assert_eq!((&told[0]["message"], &told[1]["reason"]), (&json!("Unchanged"), &json!("TOO_MANY_ENTRIES")));
    let fifty_one: Vec<Value> = (0..51).map(|number| address(&format!("c{number}"))).collect();
    let answer =
        client.post(&format!("{ADDRESSES}/bulk"), json!({"addresses": fifty_one}).to_string()).send();
    let (_, code, words, message) = error(&answer);
    assert_eq!(
        (code, words.as_str()),
        (10017, "PayloadValidationError VALIDATION_ERROR BATCH_TOO_LARGE addresses -")
    );
    assert_eq!(message, "addresses must hold 1 to 50 items, it holds 51");
}

#[test]
fn addresses_of_an_item_of_a_bulk_call() {
    let server = started();
    let client = &server.client;
    let told = bulk(
        client,
        BY_ID,
        &json!([
            {"id": 7, "addresses": [address("a"), address("b")]},
            {"id": 9, "addresses": [address("a")]},
            {"id": 8, "name": "not kept", "addresses": [address("a"), address("b"), address("a")]},
        ]),
    );
    assert_eq!((&told[0]["action"], &told[1]["action"]), (&json!("update"), &json!("create")));
    assert_eq!((told[0]["success"] == true, told[1]["success"] == true), (true, true));
    assert_eq!(
        told[2],
        json!({
            "action": "update", "key": 8, "lookupKey": "id", "success": false,
            "error": "addresses[2].code is that of another entry too",
            "errorCode": "VALIDATION_ERROR", "reason": "DUPLICATE_MEMBER", "field": "addresses[2].code",
        })
    );
    let lists = [7, 8, 9].map(|id| list(client, &format!("/usergroups/id/{id}/addresses")).len());
    assert_eq!(lists, [2, 0, 1]);
    let again =
        bulk(client, BY_ID, &json!([{"id": 7, "addresses": [address("b")]}, {"id": 9, "addresses": []}]));
    assert_eq!((&again[0]["message"], &again[1]["message"]), (&json!("Unchanged"), &json!("Unchanged")));
    assert_eq!(list(client, ADDRESSES).len(), 2);
    // A directive never lists them.
    let mut moved = address("b");
    moved["city"] = json!("Velp");
    let kept = json!({
        "usergroups": [{"id": 7, "addresses": [moved]}],
        "directives": [{"operation": "skipIfNotEmpty", "fields": ["name"]}],
    });
    assert_eq!(client.post(BY_ID, kept.to_string()).send().status, 200);
    assert_eq!(list(client, ADDRESSES)[1]["city"], "Velp");
}

/// Body, code, type and our words, message.
type Bad<'b> = (&'b str, u64, &'b str, &'b str);

#[test]
fn bad_input_is_named() {
    let server = started();
    let client = &server.client;
    bulk_addresses(client, &json!([address("a")]));
    let schema = "SchemaValidationException VALIDATION_ERROR";
    let cases: [Bad<'_>; 16] = [
        ("{", 10005, "InvalidJSONPayload INVALID_JSON SYNTAX - -", "The body is not JSON"),
        ("[]", 10007, &format!("{schema} NOT_AN_OBJECT - -"), "object"),
        (
            r#"{"colour":"x"}"#,
            10007,
            &format!("{schema} UNKNOWN_FIELD colour #"),
            "#: extraneous key [colour] is not permitted",
        ),
        (
            r#"{"street":5}"#,
            10007,
            &format!("{schema} WRONG_TYPE street #/street"),
            "expected type: String, found: Number",
        ),
        (
            r#"{"street":null}"#,
            10007,
            &format!("{schema} FIELD_NOT_CLEARABLE street #/street"),
            "found: Null",
        ),
        (r#"{"street":""}"#, 10007, &format!("{schema} EMPTY street #/street"), "must not be empty"),
        (r#"{"city":" "}"#, 10007, &format!("{schema} BLANK city #/city"), "must hold more than white space"),
        (r#"{"email":"a@"}"#, 10007, &format!("{schema} INVALID_EMAIL email #/email"), "a@example.org"),
        (r#"{"country":"nl"}"#, 10007, &format!("{schema} INVALID_COUNTRY country #/country"), "ISO 3166-1"),
        (r#"{"country":"UK"}"#, 10007, &format!("{schema} INVALID_COUNTRY country #/country"), "ISO 3166-1"),
        (
            r#"{"type":"Home"}"#,
            10007,
            &format!("{schema} NOT_IN_ENUM type #/type"),
            "must be one of delivery, invoice, home",
        ),
        (
            r#"{"gender":"X"}"#,
            10007,
            &format!("{schema} NOT_IN_ENUM gender #/gender"),
            "must be one of M, F, U",
        ),
        (
            r#"{"isDefault":true}"#,
            10007,
            &format!("{schema} WRONG_TYPE isDefault #/isDefault"),
            "found: Boolean",
        ),
        (r#"{"code":" a"}"#, 10007, &format!("{schema} KEY_NOT_CANONICAL code #/code"), "white space"),
        (
            r#"{"phone":"\u0007"}"#,
            10007,
            &format!("{schema} INVALID_CHARACTER phone #/phone"),
            "must not hold U+0007",
        ),
        (
            r#"{"code":"b","code":"c"}"#,
            10007,
            &format!("{schema} DUPLICATE_MEMBER code #"),
            "occurs more than once",
        ),
    ];
    for (body, code, words, message) in cases {
        let found = error(&client.post(&format!("{ADDRESSES}/1"), body).method("PATCH").send());
        assert_eq!((found.0, found.1), (400, code), "{body}: {found:?}");
        assert!(found.2.starts_with(words.trim_end_matches(" #")), "{body}: {found:?}");
        assert!(found.3.contains(message), "{body}: {found:?}");
    }
}

#[test]
fn bad_input_is_named_where_there_is_more_of_it() {
    let server = started();
    let client = &server.client;
    bulk_addresses(client, &json!([address("a")]));
    let payload = "PayloadValidationError VALIDATION_ERROR";
    let long = json!({"email": "x".repeat(256), "notes": "x".repeat(4001), "code": "x".repeat(65)});
    let found = error(&patch(client, &format!("{ADDRESSES}/1"), &long));
    assert_eq!(
        found.3.matches("maxLength").count() + found.3.matches("characters long").count(),
        3,
        "{found:?}"
    );
    // What a new address needs.
    let found = error(&client.post(ADDRESSES, "{}").send());
    for name in ["type", "street", "city", "country"] {
        assert!(found.3.contains(&format!("#: required key [{name}] not found")), "{found:?}");
    }
    // A code that is taken, by both ways.
    let found = error(&client.post(ADDRESSES, address("a").to_string()).send());
    assert_eq!((found.1, found.2), (10017, format!("{payload} CODE_TAKEN code -")));
    create(client, ADDRESSES, &address("b"));
    let found = error(&patch(client, &format!("{ADDRESSES}/2"), &json!({"code": "a"})));
    assert_eq!((found.1, found.3.as_str()), (10017, "code belongs to another address of the group"));
    assert_eq!(list(client, ADDRESSES).len(), 2, "nothing of it was done");
}

#[test]
fn bad_lists_are_named() {
    let server = started();
    let client = &server.client;
    let schema = "SchemaValidationException VALIDATION_ERROR";
    let mut street = address("a");
    street["street"] = json!(7);
    for (body, words) in [
        (json!([]), "NOT_AN_OBJECT - -"),
        (json!({}), "REQUIRED_FIELD_MISSING addresses #"),
        (json!({"addresses": {}}), "NOT_AN_ARRAY addresses #/addresses"),
        (json!({"addresses": []}), "BATCH_EMPTY addresses #/addresses"),
        (json!({"addresses": [], "more": 1}), "UNKNOWN_FIELD more #"),
        (json!({"addresses": [7]}), "NOT_AN_OBJECT - #/addresses/0"),
        (json!({"addresses": [street.clone()]}), "WRONG_TYPE street #/addresses/0"),
        (json!({"addresses": [{}]}), "REQUIRED_FIELD_MISSING type #/addresses/0"),
    ] {
        let found = error(&client.post(&format!("{ADDRESSES}/bulk"), body.to_string()).send());
        assert_eq!((found.1, found.2.as_str()), (10007, format!("{schema} {words}").as_str()), "{body}");
    }
    let item = |addresses: Value| json!({"usergroups": [{"id": 7, "addresses": addresses}]}).to_string();
    for (addresses, words) in [
        (Value::Null, "FIELD_NOT_CLEARABLE addresses #/usergroups/0"),
        (json!([street]), "WRONG_TYPE addresses[0].street #/usergroups/0"),
        (json!(vec![address("a"); 51]), "TOO_MANY addresses #/usergroups/0"),
    ] {
        let found = error(&client.post(BY_ID, item(addresses)).send());
        assert_eq!((found.1, found.2.as_str()), (10007, format!("{schema} {words}").as_str()));
    }
    let found = error(&client.get(&format!("{ADDRESSES}?type=x")).send());
    assert_eq!(
        (found.1, found.2.as_str()),
        (10017, "PayloadValidationError VALIDATION_ERROR INVALID_PARAMETER type -")
    );
    assert_eq!(list(client, ADDRESSES).len(), 0, "nothing of it was done");
}

#[test]
fn usergroups_and_addresses_that_are_not_there() {
    let server = started();
    let client = &server.client;
    create(client, "/usergroups/id/8/addresses", &address("a"));
    create(client, ADDRESSES, &address("a"));
    // That of another usergroup is not there.
    for id in ["1", "99", "0", "x", "9007199254740992"] {
        let path = format!("{ADDRESSES}/{id}");
        for answer in [delete(client, &path), patch(client, &path, &json!({"city": "Velp"}))] {
            let found = error(&answer);
            assert_eq!((found.0, found.1), (404, 90006));
            assert_eq!(found.3, format!("Address with id [{id}] not found for [Usergroup] with id [7]"));
        }
    }
    assert_eq!(delete(client, "/usergroups/id/7").status, 200);
    for (group, message) in [
        ("id/12256", "Parent resource [Usergroup] with id [12256] not found"),
        ("id/x", "Parent resource [Usergroup] with id [x] not found"),
        ("id/7", "Parent resource [Usergroup] with id [7] not found"),
        ("sourceId/none", "Parent resource [Usergroup] with sourceId [none] not found"),
    ] {
        let path = format!("/usergroups/{group}/addresses");
        let one = format!("{path}/2");
        let answers = [
            client.get(&path).send(),
            client.post(&path, address("a").to_string()).send(),
            client.post(&format!("{path}/bulk"), json!({"addresses": [address("a")]}).to_string()).send(),
            patch(client, &one, &json!({})),
            delete(client, &one),
        ];
        for answer in answers {
            let found = error(&answer);
            assert_eq!((found.0, found.1, found.3.as_str()), (404, 20007, message));
            assert!(found.2.starts_with("ParentUsergroupNotFound GROUP_NOT_FOUND"), "{found:?}");
        }
    }
    assert_eq!(error(&client.get("/usergroups/code/7/addresses").send()).1, 10006);
    // They come back with their usergroup.
    assert_eq!(client.post("/v3/groups/7/restore", "").send().status, 200);
    assert_eq!(list(client, ADDRESSES).len(), 1);
}

//! The largest that is legal, the strangest that is legal, and a little more.

use serde_json::{Value, json};

use crate::harness::{Server, UPSERT, check};

/// The worst an answer may repeat of what was sent.
const LONGEST_ECHO: usize = 64;

#[test]
fn the_largest_legal_batch() {
    let server = Server::start();
    // Every character as two escapes: twelve bytes for one.
    let escapes = |count: usize| r"\uD83D\uDE00".repeat(count);
    let digits = |index: usize| {
        format!("{index:04}").bytes().fold(String::new(), |text, digit| format!("{text}\\u{digit:04x}"))
    };
    let records: Vec<String> = (0..1000)
        .map(|index| {
            format!(
                r#"{{"externalReferenceId":"{}{}","externalReferenceType":"{}","name":"{}","description":"{}","parentExternalReferenceId":"{}{}","photoUrl":"https://h/{}"}}"#,
                digits(index), escapes(60), escapes(30), escapes(255), escapes(255), digits(index / 4), escapes(60), escapes(490),
            )
        })
        .collect();
    // The first one cannot be its own parent.
    let body = format!(r#"{{"groups":[{}]}}"#, records.join(",")).replacen(
        "\"parentExternalReferenceId\"",
        "\"description2\"",
        1,
    );
    assert!(body.len() > 13 << 20, "{} bytes", body.len());
    let answer = server.client.post(UPSERT, body).send();
    assert_eq!(answer.status, 200, "{:.2000}", answer.text());
    assert_eq!(answer.json()["summary"]["created"], 1000);
    let last = server.client.group(&format!("0999{}", "\u{1F600}".repeat(60)));
    assert_eq!(last["description"], "\u{1F600}".repeat(255));
    assert_eq!(last["photoUrl"], format!("https://h/{}", "\u{1F600}".repeat(490)));
    assert_eq!(last["parentExternalReferenceId"], format!("0249{}", "\u{1F600}".repeat(60)));
}

#[test]
fn white_space_is_no_record() {
    let server = Server::start();
    let space = " ".repeat(31 << 20);
    let body = format!(r#"{{"groups":[{space}{{"externalReferenceId":"a","name":"A"}}]}}"#);
    let answer = server.client.post(UPSERT, body).send();
    assert_eq!((answer.status, &answer.json()["summary"]["created"]), (200, &json!(1)));
    let body = format!(r#"{space}{{"groups":[{{"externalReferenceId":"b","name":"B"}}]}}"#);
    assert_eq!(server.client.post(UPSERT, body).send().status, 200);
}

/// The longest run of one letter.
fn longest_run(text: &str, letter: char) -> usize {
    text.split(|other| other != letter).map(str::len).max().unwrap()
}

#[test]
fn what_is_too_long_is_not_repeated() {
    let server = Server::start();
    let long = "x".repeat(10 << 20);
    let good = json!({"externalReferenceId": "good", "name": "n"});
    for (bad, expected) in [
        (json!({"externalReferenceId": "bad", "name": long}), "TOO_LONG"),
        (json!({"externalReferenceId": "bad", "name": "n", "photoUrl": long}), "TOO_LONG"),
        (json!({"externalReferenceId": "bad", "name": "n", "parentExternalReferenceId": long}), "TOO_LONG"),
        (json!({"externalReferenceId": "bad", "name": "", "unknown": long, "u": {"v": long}}), "EMPTY"),
        (json!({"externalReferenceId": "bad", "name": "", long.as_str(): 1}), "EMPTY"),
        (json!({"externalReferenceId": "bad", "name": {"x": long}}), "WRONG_TYPE"),
    ] {
        let answer = server.client.post(UPSERT, json!({"groups": [bad, good]}).to_string()).send();
        let results = answer.json()["results"].take();
        assert_eq!((answer.status, &results[0]["errors"][0]["reason"]), (207, &json!(expected)));
        assert_ne!(results[1]["status"], "failed");
        assert!(longest_run(answer.text(), 'x') <= LONGEST_ECHO, "{:.500}", answer.text());
    }
    for body in [json!({"groups": [], long.as_str(): 1}).to_string(), long.clone(), json!(long).to_string()] {
        let answer = server.client.post(UPSERT, body).send();
        assert_eq!(answer.status, 400);
        assert!(longest_run(answer.text(), 'x') <= LONGEST_ECHO, "{:.500}", answer.text());
    }
}

#[test]
fn keys_are_texts_and_nothing_else() {
    let server = Server::start();
    let client = &server.client;
    let keys = [
        "../../etc/passwd",
        "a/b",
        "a%2Fb",
        "a%252Fb",
        "a?b#c",
        "'; DROP TABLE groups;--",
        "%",
        "_",
        "%25",
        "+",
        "a+b",
        "a b",
        ".",
        "..",
        "/",
        "\\",
        "\"quoted\"",
        "{}",
        "{externalReferenceId}",
        "batch-upsert",
        "null",
        "0",
        "=1+1",
        "<script>alert(1)</script>",
        "$(id)",
        "\u{1F600}",
        "\u{645}\u{62f}\u{631}\u{633}\u{629}",
        "\u{e9}",
    ];
    let records: Vec<Value> = keys
        .iter()
        .map(|key| json!({"externalReferenceId": key, "name": format!("name of {key}")}))
        .collect();
    check(client, &json!(records), &vec!["created"; keys.len()]);
    for key in keys {
        let group = client.group(key);
        assert_eq!(
            (&group["externalReferenceId"], &group["name"]),
            (&json!(key), &json!(format!("name of {key}")))
        );
    }
    // A pattern matches nothing but itself.
    assert_eq!(client.find("%%").status, 404);
    assert_eq!(client.find("__").status, 404);
    check(client, &json!(records), &vec!["unchanged"; keys.len()]);
    let children: Vec<Value> = keys
        .iter()
        .enumerate()
        .map(|(index, key)| json!({"externalReferenceId": format!("child-{index}"), "name": "n", "parentExternalReferenceId": key}))
        .collect();
    check(client, &json!(children), &vec!["created"; keys.len()]);
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(client.group(&format!("child-{index}"))["parentExternalReferenceId"], *key);
    }
    assert_eq!(client.all(1000).len(), 2 * keys.len());
}

#[test]
fn texts_come_back_byte_for_byte() {
    let server = Server::start();
    let texts = [
        " outer space ",
        "e\u{301} stays apart",
        "\u{fb01}\u{ff21}\u{212b}",
        "\u{1F468}\u{200d}\u{1F469}\u{200d}\u{1F467}\u{200d}\u{1F466}",
        "\u{202e}right to left",
        "'; DROP TABLE groups;--",
        "\\u0041 \\n %s {} <b>&amp;</b>",
        "a\u{301}\u{301}\u{301}\u{301}",
        "\u{ffff}\u{fdd0}",
    ];
    let record = |(index, text): (usize, &&str)| json!({"externalReferenceId": format!("t-{index}"), "name": text, "description": text});
    let records: Vec<Value> = texts.iter().enumerate().map(record).collect();
    check(&server.client, &json!(records), &["created"; 9]);
    for (index, text) in texts.iter().enumerate() {
        let group = server.client.group(&format!("t-{index}"));
        assert_eq!((group["name"].as_str(), group["description"].as_str()), (Some(*text), Some(*text)));
    }
}

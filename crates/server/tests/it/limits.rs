//! Limits are exact and published: what `/capabilities` says is let through, one more is not.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::harness::{Client, Exchange, GROUPS, OAuthClient, Server, UPSERT, measured};

/// What is published, from a server on which some limits are set low.
struct Published {
    server: Server,
    limits: Value,
}

/// The numbers that limit what may be sent, and the test with the pair of each: so much is taken, one more is not.
const WITH_A_PAIR: [(&str, &str); 24] = [
    ("/batchRecords", "limits::batches_and_their_records"),
    ("/bodyBytes", "limits::bytes_of_bodies"),
    ("/characters/description", "limits::characters"),
    ("/characters/externalReferenceId", "limits::characters"),
    ("/characters/externalReferenceType", "limits::characters"),
    ("/characters/logoUrl", "limits::characters"),
    ("/characters/name", "limits::characters"),
    ("/characters/parentExternalReferenceId", "limits::characters"),
    ("/characters/photoUrl", "limits::characters"),
    ("/connections", "limits::connections"),
    ("/connectionsPerAddress", "limits::connections"),
    ("/headerBytes", "limits::heads_and_pages"),
    ("/headerFields", "limits::heads_and_pages"),
    ("/idempotencyKeyCharacters", "limits::batches_and_their_records"),
    ("/jsonNesting", "limits::batches_and_their_records"),
    ("/pageGroups/most", "limits::heads_and_pages"),
    ("/pageLevels/most", "limits::heads_and_pages"),
    ("/recordMembers", "limits::batches_and_their_records"),
    ("/requestsPerMinute", "rates::requests_are_limited_by_key"),
    ("/streamsPerKey", "changes::a_key_has_so_many_streams"),
    ("/targetBytes", "limits::heads_and_pages"),
    ("/tokenRequestBytes", "limits::requests_for_tokens"),
    ("/treeLevels", "limits::batches_and_their_records"),
    ("/usergroupAddresses", "addresses::no_more_than_fifty"),
];

/// Those without one: times and what flows in again with time, which are held on a paused clock, shares of the
/// machine, and what is taken where nothing is said.
const WITHOUT: [&str; 20] = [
    "/answerIdleSeconds",
    "/bodyBytesPerSecond",
    "/bodyGraceSeconds",
    "/bodyIdleSeconds",
    "/bodySeconds",
    "/failedAuthenticationsPerMinute",
    "/headSeconds",
    "/idempotencyHours",
    "/memoryBytes",
    "/pageGroups/default",
    "/pageLevels/default",
    "/reads/inFlight",
    "/reads/waiting",
    "/recordsPerMinute",
    "/runsDays",
    "/streams",
    "/tokenSeconds",
    "/waitingSeconds",
    "/writes/inFlight",
    "/writes/waiting",
];

impl Published {
    fn start(options: &[&str]) -> Self {
        let server = Server::start_with(options);
        let answer = server.client.get("/capabilities").without("authorization").send();
        assert_eq!(answer.status, 200);
        let limits = answer.json()["limits"].take();
        Self { server, limits }
    }

    fn number(&self, pointer: &str) -> usize {
        let value = self.limits.pointer(pointer).unwrap_or_else(|| panic!("{pointer} in {:#}", self.limits));
        usize::try_from(value.as_u64().unwrap()).unwrap()
    }

    /// Sends what the limit allows, then one more.
    #[track_caller]
    fn pair(&self, pointer: &str, send: impl Fn(&Client, usize) -> (u16, String), refused: (u16, &str)) {
        assert!(WITH_A_PAIR.iter().any(|(known, _)| *known == pointer), "{pointer} is not in the table");
        let most = self.number(pointer);
        let (status, told) = send(&self.server.client, most);
        assert!((200..300).contains(&status), "{pointer} {most}: {status} {told}");
        let (status, told) = send(&self.server.client, most + 1);
        assert_eq!((status, told.as_str()), refused, "{pointer} {}", most + 1);
    }
}

/// Status, and the code of a refusal or of the first record that failed.
fn told(exchange: &Exchange) -> (u16, String) {
    let answer = exchange.send();
    let body = answer.json();
    let failed =
        body["results"].as_array().into_iter().flatten().find_map(|result| result["errors"][0].as_object());
    let code = failed.map_or(&body["code"], |error| error.get("reason").unwrap_or(&error["code"]));
    // A batch of which a record failed was carried out all the same.
    let status = if answer.status == 207 && failed.is_some() { 422 } else { answer.status };
    (status, code.as_str().unwrap_or_default().to_owned())
}

fn upsert(client: &Client, records: &Value) -> (u16, String) {
    told(&client.post(UPSERT, json!({ "groups": records }).to_string()))
}

/// A record with a text of so many characters in one field, each of four bytes.
fn long(field: &str, characters: usize) -> Value {
    let text = if field.ends_with("Url") {
        format!("https://h/{}", "\u{1F600}".repeat(characters - 10))
    } else {
        "\u{1F600}".repeat(characters)
    };
    let mut record = json!({"externalReferenceId": format!("of-{field}"), "name": "n"});
    record[field] = json!(text);
    record
}

/// The path of each number.
fn numbers(value: &Value, path: &str, found: &mut Vec<String>) {
    match value.as_object() {
        Some(members) => {
            for (name, value) in members {
                numbers(value, &format!("{path}/{name}"), found);
            }
        }
        None => found.push(path.to_owned()),
    }
}

#[test]
fn every_number_has_a_pair_or_is_none_of_what_is_sent() {
    let mut published = Vec::new();
    numbers(&Published::start(&[]).limits, "", &mut published);
    published.sort_unstable();
    let with = WITH_A_PAIR.iter().map(|(pointer, _)| *pointer);
    let mut known: Vec<&str> = with.chain(WITHOUT).collect();
    known.sort_unstable();
    assert_eq!(published, known);
    measured(&format!(
        "{} of {} published numbers limit what is sent, each with a pair",
        WITH_A_PAIR.len(),
        known.len()
    ));
}

#[test]
fn characters() {
    let published = Published::start(&[]);
    let characters = published.limits["characters"].as_object().unwrap();
    assert_eq!(characters.len(), 7);
    for field in characters.keys() {
        let pointer = format!("/characters/{field}");
        if field == "parentExternalReferenceId" {
            // The longest is longer than any key, so that it is the parent of nobody.
            let most = published.number(&pointer);
            for (characters, code) in [(most, "PARENT_GROUP_NOT_FOUND"), (most + 1, "TOO_LONG")] {
                let found = upsert(&published.server.client, &json!([long(field, characters)]));
                assert_eq!(found, (422, code.to_owned()), "{characters}");
            }
            continue;
        }
        let send = |client: &Client, most| upsert(client, &json!([long(field, most)]));
        published.pair(&pointer, send, (422, "TOO_LONG"));
    }
}

#[test]
fn batches_and_their_records() {
    let published = Published::start(&["--max-depth", "3"]);
    let record = |number: usize| json!({"externalReferenceId": format!("r-{number}"), "name": "n"});
    let records = |client: &Client, most| upsert(client, &(0..most).map(record).collect());
    published.pair("/batchRecords", records, (400, "VALIDATION_ERROR"));
    let members = |client: &Client, most: usize| {
        let mut record = record(0);
        for number in 2..most {
            record[format!("m-{number}")] = json!(1);
        }
        upsert(client, &json!([record]))
    };
    published.pair("/recordMembers", members, (422, "TOO_MANY_MEMBERS"));
    let nesting = |client: &Client, most: usize| {
        let nested = format!("{}{}", "[".repeat(most), "]".repeat(most));
        let body = format!(r#"{{"groups":[{{"externalReferenceId":"n","name":"n","u":{nested}}}]}}"#);
        told(&client.post(UPSERT, body))
    };
    published.pair("/jsonNesting", nesting, (422, "TOO_DEEP"));
    let levels = |client: &Client, most: usize| {
        let mut records: Vec<Value> = (0..most).map(|level| record(10_000 + level)).collect();
        for (level, record) in records.iter_mut().enumerate().skip(1) {
            record["parentExternalReferenceId"] = json!(format!("r-{}", 9_999 + level));
        }
        upsert(client, &json!(records))
    };
    published.pair("/treeLevels", levels, (422, "HIERARCHY_TOO_DEEP"));
    let key = |client: &Client, most| {
        let body = json!({"groups": [record(0)]}).to_string();
        told(&client.post(UPSERT, body).header("idempotency-key", "k".repeat(most)))
    };
    published.pair("/idempotencyKeyCharacters", key, (400, "VALIDATION_ERROR"));
}

#[test]
fn bytes_of_bodies() {
    let published = Published::start(&[]);
    let record = r#"{"groups":[{"externalReferenceId":"a","name":"A"}]}"#;
    let plain = |client: &Client, most: usize| {
        told(&client.post(UPSERT, format!("{record}{}", " ".repeat(most - record.len()))))
    };
    published.pair("/bodyBytes", plain, (413, "PAYLOAD_TOO_LARGE"));
    let packed = |client: &Client, most: usize| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(record.as_bytes()).unwrap();
        encoder.write_all(&vec![b' '; most - record.len()]).unwrap();
        told(&client.post(UPSERT, encoder.finish().unwrap()).header("content-encoding", "gzip"))
    };
    published.pair("/bodyBytes", packed, (413, "PAYLOAD_TOO_LARGE"));
}

#[test]
fn requests_for_tokens() {
    let published = Published::start(&[]);
    let known = OAuthClient::create(&published.server, "default", "groups:read");
    assert_eq!(known.ask(&[]).send().json()["expires_in"], published.limits["tokenSeconds"]);
    let filled = |_: &Client, most: usize| {
        let used = known.ask(&[("x", "")]).body().len();
        told(&known.ask(&[("x", &"x".repeat(most - used))]))
    };
    published.pair("/tokenRequestBytes", filled, (413, "PAYLOAD_TOO_LARGE"));
}

#[test]
fn heads_and_pages() {
    let published = Published::start(&[]);
    let client = &published.server.client;
    let sized = |exchange: Exchange| {
        let head = String::from_utf8(exchange.head()).unwrap();
        let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.map(|(name, value)| name.len() + value.len()).sum::<usize>()
    };
    let used = sized(client.get(GROUPS).header("x-long", ""));
    let header =
        |client: &Client, most: usize| told(&client.get(GROUPS).header("x-long", "x".repeat(most - used)));
    published.pair("/headerBytes", header, (431, "HEADERS_TOO_LARGE"));
    let fields = |client: &Client, most: usize| {
        let more = (3..most).map(|number| format!("x-{number}"));
        told(&more.fold(client.get(GROUPS), |exchange, name| exchange.header(&name, "1")))
    };
    published.pair("/headerFields", fields, (431, "HEADERS_TOO_LARGE"));
    let target = |client: &Client, most: usize| {
        let start = "/healthz?";
        told(&client.get(&format!("{start}{}", "x".repeat(most - start.len()))))
    };
    published.pair("/targetBytes", target, (414, "URI_TOO_LONG"));
    let page = |client: &Client, most| told(&client.get(&format!("{GROUPS}?limit={most}")));
    published.pair("/pageGroups/most", page, (400, "VALIDATION_ERROR"));
    assert_eq!(client.upsert(&json!([{"externalReferenceId": "a", "name": "A"}])).0, 200);
    let levels = |client: &Client, most| told(&client.get(&format!("{GROUPS}/1/tree?depth={most}")));
    published.pair("/pageLevels/most", levels, (400, "VALIDATION_ERROR"));
}

/// A connection that has been answered once and stays: it makes room for nobody.
fn stay(client: &Client) -> Option<TcpStream> {
    let exchange = client.get("/healthz").without("connection");
    let mut stream = exchange.connect().ok()?;
    stream.write_all(&exchange.head()).ok()?;
    let mut byte = [0];
    (stream.read(&mut byte).ok()? == 1).then_some(stream)
}

#[test]
fn connections() {
    for (option, pointer) in
        [("--max-connections", "/connections"), ("--max-connections-per-address", "/connectionsPerAddress")]
    {
        let published = Published::start(&[option, "7"]);
        let client = &published.server.client;
        let most = published.number(pointer);
        assert_eq!(most, 7);
        // The connections that have just been used may not be gone yet, so the first ones may have to wait.
        let mut staying = Vec::new();
        let mut turned_away = 0;
        while staying.len() < most {
            match stay(client) {
                Some(stream) => staying.push(stream),
                None => turned_away += 1,
            }
            assert!(turned_away < 1000);
        }
        assert!(stay(client).is_none(), "{option}: one more");
    }
}

#[test]
fn everything_else_that_is_published_is_what_was_set() {
    let published = Published::start(&[
        "--requests-per-minute",
        "0",
        "--records-per-minute",
        "1000",
        "--idempotency-hours",
        "7",
    ]);
    assert_eq!(published.limits["requestsPerMinute"], Value::Null);
    assert_eq!(published.limits["recordsPerMinute"], 1000);
    assert_eq!(published.limits["idempotencyHours"], 7);
    // What stands on the pages and in the description is what a server without options says.
    let usual = Published::start(&[]);
    let document = usual.server.client.get("/openapi.json").send().json();
    let media = "/paths/~1capabilities/get/responses/200/content/application~1json/example/limits";
    let mut described = document.pointer(media).unwrap().clone();
    // The limit of open files may lower it.
    described["connections"] = usual.limits["connections"].clone();
    assert_eq!(described, usual.limits);
}

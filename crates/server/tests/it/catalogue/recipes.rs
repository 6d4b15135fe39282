//! The cases that the catalogue describes by a recipe and that are one request: the helpers of its
//! Python-like notation, and each recipe by the id of its case.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::case::Case;
use super::face::Face;
use super::message::Message;
use super::scene::Scene;
use super::{talks, usergroups};
use crate::harness::Random;

/// The most bytes of a body (rules §10).
const LIMIT: usize = 32 << 20;

/// A conversation of more than a request and its answer; it judges by itself.
pub(super) type Talk = fn(&Scene<'_>, &Case, &Value) -> Result<(), String>;

/// How a case is played.
pub(super) enum Recipe {
    Message(Box<Message>),
    Talk(Talk),
    /// The runner does not know how.
    Unknown,
}

/// How this case is played.
pub(super) fn of(scene: &Scene<'_>, case: &Case) -> Recipe {
    if let Some(talk) = talks::of(case.id()) {
        return Recipe::Talk(talk);
    }
    let plain = Message::of(scene, case);
    if !case.has_generator() {
        return Recipe::Message(Box::new(plain));
    }
    let message = match scene.face {
        Face::Groups => with_body(&plain, case.id()),
        Face::Usergroups => usergroups::recipes::with_body(&plain, case.id()),
    };
    let message = message.or_else(|| with_head(plain, case.id(), scene.face));
    message.map_or(Recipe::Unknown, |message| Recipe::Message(Box::new(message)))
}

/// Recipes of bodies.
pub(super) fn with_body(plain: &Message, id: &str) -> Option<Message> {
    let body: Vec<u8> = match id {
        "J-031" => nest(100_000).into(),
        "J-033" => {
            format!(r#"{{"groups":[{{"externalReferenceId":"bad-1","name":{}}},{}]}}"#, nest(100_000), good())
                .into()
        }
        "J-042" => batch(&[json!({"externalReferenceId": "bad-1", "name": "a".repeat(10_485_760)}), good()]),
        "J-043" => {
            let mut record = json!({"externalReferenceId": "bad-1", "name": "n"});
            (0..100_000).for_each(|number| record[format!("k{number}")] = number.into());
            batch(&[record, good()])
        }
        "S-004" => batch(&numbered(1001)),
        "I-003" => batch(&vec![json!({"externalReferenceId": "d-1", "name": "n"}); 1000]),
        "I-004" => {
            let mut records = numbered(1000);
            records[999]["externalReferenceId"] = records[0]["externalReferenceId"].clone();
            batch(&records)
        }
        "H-009" => batch(&[
            json!({"externalReferenceId": "c-1", "name": "n", "parentExternalReferenceId": "g-root"}),
            json!({"externalReferenceId": "g-root", "name": "x".repeat(256)}),
        ]),
        "H-010" => batch(&chain(1000).into_iter().rev().collect::<Vec<_>>()),
        "H-019" => batch(&star(1000)),
        "L-003" => largest(),
        "L-004" => padded(Face::Groups.body_ok()),
        "O-003" => batch(
            &["a\r\nb", "\u{1b}[31mred", &"x".repeat(10 << 10)]
                .map(|name| json!({"externalReferenceId": format!("log-{}", name.len()), "name": name})),
        ),
        _ => return None,
    };
    Some(Message { body, ..plain.clone() })
}

/// Recipes of heads and framing.
fn with_head(plain: Message, id: &str, face: Face) -> Option<Message> {
    let good = face.body_ok();
    let packed = |body: Vec<u8>| Message { body, plain: Some(good.into()), ..plain.clone() };
    let headed = |length: usize| plain.clone().header("content-length", length.to_string());
    Some(match id {
        "T-001" => {
            let hidden = format!("DELETE {} HTTP/1.1\r\nHost: h\r\n\r\n", face.root());
            packed([chunked(good.as_bytes(), ""), hidden.into()].concat())
        }
        "T-019" => packed(chunked(good.as_bytes(), &format!("X: {}\r\n", "a".repeat(1 << 20))))
            .header("transfer-encoding", "chunked"),
        "T-024" => {
            let message = Message { body: good.into(), ..plain };
            (0..200).fold(message, |message, number| message.header(&format!("x-{number}"), "1"))
        }
        "T-025" => {
            let target = format!("{}?x={}", plain.target, "a".repeat(9000));
            Message { target, body: good.into(), ..plain }
        }
        "T-030" => headed(LIMIT + 1).header("expect", "100-continue"),
        "T-043" => packed(gzip(good.as_bytes())),
        "T-045" => packed(gzip(&gzip(good.as_bytes()))),
        "T-049" => packed([gzip(&good.as_bytes()[..20]), gzip(&good.as_bytes()[20..])].concat()),
        "L-001" => headed(LIMIT + 1),
        "L-012" => {
            let mut message = headed(LIMIT);
            message.headers.retain(|(name, _)| name != "authorization");
            message
        }
        _ => return None,
    })
}

pub(super) fn good() -> Value {
    json!({"externalReferenceId": "ok-1", "name": "Good one"})
}

pub(super) fn batch(records: &[Value]) -> Vec<u8> {
    json!({ "groups": records }).to_string().into()
}

/// Plain records.
pub(super) fn numbered(count: usize) -> Vec<Value> {
    (0..count).map(|number| json!({"externalReferenceId": format!("n-{number}"), "name": "n"})).collect()
}

pub(super) fn nest(depth: usize) -> String {
    ["[".repeat(depth), "]".repeat(depth)].concat()
}

/// A good body after 31 MiB of white space.
pub(super) fn padded(good: &str) -> Vec<u8> {
    [" ".repeat(31 << 20), good.to_owned()].concat().into()
}

/// Each below the one before.
fn chain(count: usize) -> Vec<Value> {
    let mut records = numbered(count);
    for (above, record) in records[1..].iter_mut().enumerate() {
        record["parentExternalReferenceId"] = format!("n-{above}").into();
    }
    records
}

/// All below the first, in any order.
fn star(count: usize) -> Vec<Value> {
    let mut records = numbered(count);
    records[1..].iter_mut().for_each(|record| record["parentExternalReferenceId"] = "n-0".into());
    Random::new().shuffle(&mut records);
    records
}

/// The largest legal batch: every character as a pair of escapes.
fn largest() -> Vec<u8> {
    let face = |count: usize| r"\uD83D\uDE00".repeat(count);
    let record = |number: usize| {
        let (key, url) = (format!("{number:04}"), format!("https://h/{}", "x".repeat(490)));
        format!(
            r#"{{"externalReferenceId":"{key}{}","externalReferenceType":"{}","name":"{}","description":"{}","photoUrl":"{url}"}}"#,
            face(60),
            face(30),
            face(255),
            face(255),
        )
    };
    let records: Vec<String> = (0..1000).map(record).collect();
    format!(r#"{{"groups":[{}]}}"#, records.join(",")).into()
}

pub(super) fn chunked(body: &[u8], trailers: &str) -> Vec<u8> {
    let start = format!("{:x}\r\n", body.len());
    [start.as_bytes(), body, b"\r\n0\r\n", trailers.as_bytes(), b"\r\n"].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

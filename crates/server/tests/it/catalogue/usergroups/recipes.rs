//! The bodies that the catalogue describes by a recipe, in the words of contract 2.

use serde_json::{Value, json};

use super::super::face::Face;
use super::super::message::Message;
use super::super::recipes::{nest, padded};

/// Recipes of bodies.
pub(in super::super) fn with_body(plain: &Message, id: &str) -> Option<Message> {
    let face = Face::Usergroups;
    let one = |member: &str, value: Value| face.batch(&[json!({"id": 101, member: value})]);
    let body: Vec<u8> = match id {
        "J-031" => nest(100_000).into(),
        "J-034" => {
            let entry = format!(r#"{{"name":"TXT","class":"user","type":"text","value":{}}}"#, nest(33));
            format!(r#"{{"usergroups":[{{"id":5001,"attributes":[{entry}]}}]}}"#).into()
        }
        "S-004" => face.batch(&face.numbered(1001)),
        "L-004" => padded(face.body_ok()),
        "L-009" => one("addresses", (0..51).map(address).collect()),
        "L-010" => {
            let entry = |number| json!({"name": format!("N{number}"), "class": "user", "type": "integer", "value": 1});
            one("attributes", (0..201).map(entry).collect())
        }
        "X-018" => {
            let directives = vec![json!({"operation": "skipMoveOnUpdate", "fields": []}); 10_000];
            json!({"usergroups": [{"id": 101}], "directives": directives}).to_string().into()
        }
        "Y-013" => {
            let value = json!([{"language": "NL", "value": "x".repeat(8193)}]);
            one("attributes", json!([{"name": "TXT", "class": "user", "type": "text", "value": value}]))
        }
        "Z-010" => {
            let mut addresses: Vec<Value> = (0..10).map(address).collect();
            addresses[9]["code"] = addresses[0]["code"].clone();
            one("addresses", addresses.into())
        }
        _ => return None,
    };
    Some(Message { body, ..plain.clone() })
}

/// An address that nothing is wrong with.
fn address(number: usize) -> Value {
    json!({"type": "delivery", "street": "Main", "city": "Arnhem", "country": "NL", "code": format!("a{number}")})
}

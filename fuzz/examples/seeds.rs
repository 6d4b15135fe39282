//! Writes the bodies of the catalogue of bad inputs into a folder, a file each; those that contract 2 is sent into
//! another one.
//!
//! `cargo run --example seeds -- CATALOGUE FOLDER FOLDER_OF_CONTRACT_2`

use std::path::Path;

use serde_json::Value;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [catalogue, folder, second] = &arguments[..] else {
        panic!("seeds CATALOGUE FOLDER FOLDER_OF_CONTRACT_2")
    };
    let text = std::fs::read_to_string(catalogue).expect("the catalogue");
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("a case a line");
        let id = case["id"].as_str().expect("an id");
        let keep = |folder: &str, body: &Value| {
            if let Some(body) = body.as_str() {
                std::fs::write(Path::new(folder).join(id), body).expect("a seed");
            }
        };
        keep(folder, &case["body"]);
        keep(second, if case["endpoint"] == "B" { &case["body"] } else { &case["body_b"] });
    }
}

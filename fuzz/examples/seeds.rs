//! Writes the bodies of the catalogue of bad inputs into a folder, a file each.
//!
//! `cargo run --example seeds -- CATALOGUE FOLDER`

use std::path::Path;

use serde_json::Value;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [catalogue, folder] = &arguments[..] else { panic!("seeds CATALOGUE FOLDER") };
    let text = std::fs::read_to_string(catalogue).expect("the catalogue");
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("a case a line");
        if let (Some(id), Some(body)) = (case["id"].as_str(), case["body"].as_str()) {
            std::fs::write(Path::new(folder).join(id), body).expect("a seed");
        }
    }
}

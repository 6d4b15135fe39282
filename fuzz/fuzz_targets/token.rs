//! A request for a token, its head and its form from one text: whatever comes, it is read or refused with a body
//! that is valid JSON and repeats nothing.

#![no_main]

use faces::oauth::{Head, MAX_BYTES, TokenRequest, read};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    // The first line is the query, the second the header of the client's own, the rest the form.
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let [query, header, form] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let form = &form[..form.len().min(MAX_BYTES)];
    let head = Head {
        content_type: vec![b"application/x-www-form-urlencoded"],
        content_encoding: Vec::new(),
        authorization: if header.is_empty() { Vec::new() } else { vec![header] },
        query: std::str::from_utf8(query).ok(),
    };
    match read(&head, form) {
        Ok(TokenRequest { client_id, client_secret, scope }) => {
            let read = client_id.len() + client_secret.len() + scope.map_or(0, |scope| scope.len());
            assert!(read <= header.len() + form.len(), "decoding never makes more of it");
        }
        Err(error) => {
            let body: Value = serde_json::from_slice(&error.body()).expect("an error is valid JSON");
            assert_eq!(body["error"], error.code());
            assert!([400, 401].contains(&error.status()));
        }
    }
});

//! Answers are packed for those who ask for it, and for nobody else.

use std::io::Read as _;

use serde_json::{Value, json};

use crate::harness::{GROUPS, Server};

/// The status, coding and body of an answer, read by a client that takes chunks.
fn get(server: &Server, path: &str, accept: &str) -> (u16, Option<String>, Option<String>, Vec<u8>) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent
        .get(format!("http://{}{path}", server.client.address))
        .header("authorization", format!("Bearer {}", server.client.key))
        .header("accept-encoding", accept)
        .call()
        .unwrap();
    let text = |name: &str| Some(answer.headers().get(name)?.to_str().unwrap().to_owned());
    let (coding, vary) = (text("content-encoding"), text("vary"));
    assert!(text("x-request-id").is_some());
    (answer.status().as_u16(), coding, vary, answer.body_mut().read_to_vec().unwrap())
}

#[test]
fn packed_for_those_who_ask() {
    let server = Server::start();
    let records: Vec<Value> = (0..100)
        .map(
            |number| json!({"externalReferenceId": format!("k-{number}"), "name": format!("Class {number}")}),
        )
        .collect();
    assert_eq!(server.client.upsert(&json!(records)).0, 200);
    let plain = server.client.get(GROUPS).send();
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
    assert_eq!(plain.header("content-length"), Some(&*plain.body.len().to_string()));

    for (accept, coding) in [("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"), ("identity;q=0, gzip", "gzip")]
    {
        let (status, found, vary, body) = get(&server, GROUPS, accept);
        assert_eq!((status, found.as_deref(), vary.as_deref()), (200, Some(coding), Some("accept-encoding")));
        assert!(body.len() * 3 < plain.body.len(), "{accept}: {}", body.len());
        if coding == "gzip" {
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, plain.body);
        }
    }
    // A client that accepts nothing that there is gets its answer all the same: the request was done.
    for accept in ["identity", "deflate", "gzip;q=0", "identity;q=0", "*;q=0", "nonsense;;q=x"] {
        let (status, found, _, body) = get(&server, GROUPS, accept);
        assert_eq!((status, found, &body), (200, None, &plain.body), "{accept}");
    }
}

#[test]
fn short_answers_and_problems_stay_as_they_are() {
    let server = Server::start();
    for (path, expected) in [("/healthz", 200), ("/nowhere", 404), ("/v3/groups?limit=0", 400)] {
        for accept in ["gzip", "identity;q=0"] {
            let (status, coding, _, body) = get(&server, path, accept);
            assert_eq!((status, coding), (expected, None), "{path}");
            assert!(serde_json::from_slice::<Value>(&body).is_ok());
        }
    }
}

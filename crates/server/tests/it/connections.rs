//! Many connections, broken ones, and clients that vanish: a good client notices nothing, and nothing is
//! done by halves.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use serde_json::json;

use crate::harness::{GROUPS, Server, UPSERT};

fn body(key: &str) -> String {
    json!({"groups": [{"externalReferenceId": key, "name": "n"}]}).to_string()
}

/// Sends bytes on a new connection and reads all that comes back.
fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = server.client.get("/").connect().unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    // After a refusal the connection may be reset: what came before counts.
    drop(stream.read_to_end(&mut answer));
    String::from_utf8(answer).unwrap()
}

#[test]
fn a_request_hidden_behind_two_lengths_is_not_seen() {
    let server = Server::start();
    let post = server.client.post(UPSERT, "").without("connection").with("content-length", "6");
    let head = post.header("transfer-encoding", "chunked").head();
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", body("seen").len(), body("seen"));
    let hidden =
        server.client.post(UPSERT, "").with("content-length", body("hidden").len().to_string()).head();
    let bytes = [&head, chunk.as_bytes(), &hidden, body("hidden").as_bytes()].concat();
    let answer = raw(&server, &bytes);
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    assert_eq!(server.client.find("hidden").status, 404);
    assert_eq!(server.client.find("seen").status == 200, answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn broken_chunks() {
    let server = Server::start();
    let post = server.client.post(UPSERT, "").without("content-length").without("connection");
    let head = post.header("transfer-encoding", "chunked").head();
    let trailers =
        format!("{:x}\r\n{}\r\n0\r\nx: {}\r\n\r\n", body("a").len(), body("a"), "a".repeat(1 << 20));
    for chunks in ["ZZ\r\n{}\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\n{}", &trailers] {
        let answer = raw(&server, &[&head, chunks.as_bytes()].concat());
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(answer.contains(r#""reason":"FRAMING""#), "{answer}");
    }
    assert_eq!(server.client.get(GROUPS).send().json()["groups"], json!([]));
}

#[test]
fn a_hundred_requests_in_one_go() {
    let server = Server::start();
    let request = |number: usize| {
        let body = body(&format!("p-{number}"));
        let post = server.client.post(UPSERT, body.clone());
        let post = if number == 99 { post } else { post.without("connection") };
        let post = post.header("x-request-id", format!("id-{number}"));
        [post.head(), body.into_bytes()].concat()
    };
    let answers = raw(&server, &(0..100).flat_map(request).collect::<Vec<_>>());
    let ids: Vec<&str> = answers.lines().filter_map(|line| line.strip_prefix("x-request-id: ")).collect();
    assert_eq!(ids, (0..100).map(|number| format!("id-{number}")).collect::<Vec<_>>());
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 100);
    assert_eq!(answers.matches(r#""created":1"#).count(), 100);
    assert_eq!(server.client.all(200).len(), 100);
}

#[test]
fn a_client_that_vanishes_has_asked_for_nothing() {
    let server = Server::start();
    let body = body("ok-1");
    for sent in (0..body.len()).step_by(5) {
        let post = server.client.post(UPSERT, body.clone());
        let mut stream = post.connect().unwrap();
        stream.write_all(&[&post.head(), &body.as_bytes()[..sent]].concat()).unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
    }
    assert_eq!(server.client.find("ok-1").status, 404);
    assert_eq!(server.client.get(GROUPS).send().json()["groups"], json!([]));
}

#[test]
fn refused_before_a_byte_of_the_body_is_read() {
    let server = Server::start();
    let announced = (32 << 20).to_string();
    let post = server.client.post(UPSERT, "").without("connection").with("content-length", announced);
    for (exchange, status) in [
        (post.clone().without("authorization"), 401),
        (post.clone().with("content-type", "text/plain"), 415),
        (post.clone().with("content-length", ((32 << 20) + 1).to_string()), 413),
        (server.client.post("/nowhere", "").without("connection").with("content-length", "9"), 404),
    ] {
        let answer = exchange.send();
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")));
    }
    // What was read to its end stands in nobody's way.
    let broken = server.client.post(UPSERT, "{").without("connection");
    let mut stream = broken.connect().unwrap();
    stream.write_all(&[&broken.head(), &b"{"[..]].concat()).unwrap();
    stream.write_all(&server.client.get(GROUPS).head()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert!(answers.starts_with("HTTP/1.1 400") && answers.contains("HTTP/1.1 200"), "{answers}");
}

#[test]
fn other_protocols() {
    let server = Server::start();
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let answer = raw(&server, bytes);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert_eq!(server.client.get(GROUPS).send().status, 200);
}

/// Closed by the server, perhaps in a moment.
fn is_closed(mut stream: &TcpStream) -> bool {
    !matches!(stream.read(&mut [0]), Ok(1..))
}

#[test]
fn silent_sockets_make_room_oldest_first() {
    let server = Server::start_with(&["--max-connections", "20"]);
    let first = server.client.get(GROUPS).without("connection");
    // A client that has been answered keeps its connection, however many come after it.
    let mut kept = first.connect().unwrap();
    kept.write_all(&first.head()).unwrap();
    let mut byte = [0];
    kept.read_exact(&mut byte).unwrap();
    let silent: Vec<TcpStream> = (0..200)
        .map(|number| {
            let mut stream = first.connect().unwrap();
            stream.write_all(&first.head()[..number % 40]).unwrap();
            stream
        })
        .collect();
    for number in 0..30 {
        let (status, answer) =
            server.client.upsert(&json!([{"externalReferenceId": number.to_string(), "name": "n"}]));
        assert_eq!((status, &answer["summary"]["created"]), (200, &json!(1)));
    }
    assert!(silent[..100].iter().all(is_closed), "the oldest ones were closed");
    kept.write_all(&server.client.get(GROUPS).head()).unwrap();
    let mut rest = String::new();
    kept.read_to_string(&mut rest).unwrap();
    assert_eq!(rest.matches("TTP/1.1 200 OK").count(), 2, "{rest}");
}

#[test]
fn an_address_has_its_share() {
    let server = Server::start_with(&["--max-connections-per-address", "5"]);
    let exchange = server.client.get(GROUPS);
    let silent: Vec<TcpStream> = (0..50).map(|_| exchange.connect().unwrap()).collect();
    assert_eq!(exchange.send().status, 200);
    assert!(silent[..40].iter().all(is_closed));
}

#[test]
fn few_file_descriptors() {
    let server = Server::start_limited("ulimit -n 100");
    let exchange = server.client.get(GROUPS);
    let silent: Vec<_> = (0..300).map(|_| exchange.connect().unwrap()).collect();
    for _ in 0..10 {
        assert_eq!(exchange.send().status, 200);
    }
    assert!(!server.process.log().contains("cannot accept"), "{}", server.process.log());
    drop(silent);
}

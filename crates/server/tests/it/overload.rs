//! More than there is room for: refused at once and told so, while others are served. How it behaves
//! under a real load is measured by `just overload`.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Answer, GROUPS, Server, UPSERT};

/// A number of the metrics.
fn metric(server: &Server, name: &str) -> f64 {
    let answer = server.client.get("/metrics").send();
    let line = answer.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |number| number.parse().unwrap())
}

/// Looks until something is so; nothing takes this long.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_mins(1), "{what} never happens");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn check_shed(answer: &Answer) {
    let problem = answer.json();
    assert_eq!((answer.status, &problem["code"]), (503, &json!("UNAVAILABLE")), "{problem:#}");
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3).contains(&seconds), "{seconds}");
}

#[test]
fn large_bodies_of_one_tenant_take_the_memory_of_no_other() {
    const MIB: usize = 1 << 20;
    let server = Server::start();
    let other = server.new_tenant("other");
    let large =
        server.client.post(UPSERT, "").without("connection").with("content-length", (32 * MIB).to_string());
    let begin = || {
        let mut stream = large.connect().unwrap();
        stream.write_all(&large.head()).unwrap();
        stream.write_all(&vec![b' '; 30 * MIB]).unwrap();
        stream
    };
    let memory = || metric(&server, "rosterd_http_memory_bytes");
    let mut sending: Vec<TcpStream> = Vec::new();
    for count in 1..=2 {
        sending.push(begin());
        until("the body has arrived", || memory() >= f64::from(count * 30 * (1 << 20)));
    }
    // A third one does not fit beside what the tenant holds already.
    // No more is sent than is taken before it is refused, so that the answer is not lost.
    let mut third = large.connect().unwrap();
    third.write_all(&large.head()).unwrap();
    third.write_all(&vec![b' '; 21 * MIB]).unwrap();
    let answer = large.answer(&mut third).unwrap();
    check_shed(&answer);
    assert_eq!(answer.header("connection"), Some("close"));
    // There is room for everybody else, and for what is small.
    for client in [&server.client, &other] {
        assert_eq!(client.upsert(&json!([{"externalReferenceId": "a", "name": "A"}])).0, 200);
        assert_eq!(client.get(GROUPS).send().status, 200);
    }
    let body =
        format!("{{\"groups\":[{{\"externalReferenceId\":\"b\",\"name\":\"B\"}}]{}}}", " ".repeat(31 * MIB));
    assert_eq!(other.post(UPSERT, body).send().status, 200);
    drop(sending);
    until("the memory is given back", || memory() == 0.0);
    assert!(metric(&server, r#"rosterd_http_shed_total{reason="memory"}"#) >= 1.0);
}

#[test]
fn a_flood_is_shed_and_nothing_is_done_by_halves() {
    const FLOOD: usize = 1500;
    let server = Server::start();
    let other = server.new_tenant("other");
    let records = |number: usize| -> Value {
        (0..20)
            .map(|record| json!({"externalReferenceId": format!("f-{number}-{record}"), "name": "n"}))
            .collect()
    };
    let flood: Vec<_> = (0..FLOOD)
        .map(|number| {
            let exchange = server.client.post(UPSERT, json!({"groups": records(number)}).to_string());
            let stream = exchange.begin();
            (exchange, stream)
        })
        .collect();
    // In the midst of it.
    assert_eq!(other.upsert(&json!([{"externalReferenceId": "a", "name": "A"}])).0, 200);
    assert_eq!(other.get(GROUPS).send().status, 200);
    assert_eq!(server.client.get("/healthz").send().status, 200);
    let mut done = 0;
    for (exchange, mut stream) in flood {
        let answer = exchange.answer(&mut stream).unwrap();
        if answer.status == 200 {
            assert_eq!(answer.json()["summary"]["created"], 20);
            done += 1;
        } else {
            check_shed(&answer);
        }
    }
    assert!(done >= 128, "{done} of {FLOOD}");
    assert_eq!(server.client.all(1000).len(), 20 * done);
    let places = [r#"rosterd_http_in_flight{kind="write"}"#, r#"rosterd_http_waiting{kind="write"}"#];
    until("every place is free again", || places.iter().all(|name| metric(&server, name) == 0.0));
}

//! What the server leaves for its operators: logs without secrets, numbers, health.

use serde_json::{Value, json};

use crate::harness::{Client, GROUPS, Server, UPSERT};

const PLANTED: &str = "planted-secret";

/// The lines of the log, each of them JSON.
fn log_lines(server: &Server) -> Vec<Value> {
    let log = server.process.log();
    let lines = log.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn is_audit(line: &str) -> bool {
    line.contains("\"target\":\"audit\"")
}

#[test]
fn every_request_leaves_one_line_with_its_id() {
    let server = Server::start();
    let client = &server.client;
    let good = json!({"groups": [{"externalReferenceId": "a", "name": "A"}, {"name": "B"}]}).to_string();
    let requests = [
        (client.post(UPSERT, good), 207, "/v3/groups/batch-upsert", 2, 1),
        (client.post(UPSERT, "{"), 400, "/v3/groups/batch-upsert", 0, 0),
        (client.get(GROUPS), 200, "/v3/groups", 0, 0),
        (client.by_reference("a"), 200, "/v3/groups/by-reference-id/{externalReferenceId}", 0, 0),
        (client.get("/nowhere"), 404, "unmatched", 0, 0),
        (client.get("/healthz"), 200, "/healthz", 0, 0),
    ];
    for (index, (exchange, status, route, records, failed)) in requests.into_iter().enumerate() {
        let id = format!("request-{index}");
        assert_eq!(exchange.header("x-request-id", &id).send().status, status);
        let line = server.process.wait_for("anything about the request", |log| {
            let mut lines = log.split_inclusive('\n');
            let line = lines.find(|line| line.contains(&id) && !is_audit(line) && line.ends_with('\n'))?;
            Some(serde_json::from_str::<Value>(line).unwrap())
        });
        assert_eq!((&line["request_id"], &line["status"]), (&json!(id), &json!(status)), "{line}");
        assert_eq!(
            (&line["route"], &line["records"], &line["failed"]),
            (&json!(route), &json!(records), &json!(failed))
        );
        assert!(
            line["seconds"].is_f64() && line["timestamp"].is_string() && line["level"] == "INFO",
            "{line}"
        );
        let log = server.process.log();
        assert_eq!(log.lines().filter(|line| line.contains(&id) && !is_audit(line)).count(), 1);
    }
    assert!(
        log_lines(&server)
            .iter()
            .filter(|line| line["message"] == "request")
            .all(|line| line["request_id"].is_string())
    );
}

#[test]
fn logs_hold_no_secrets() {
    let server = Server::start();
    let client = &server.client;
    let (_, other) = server.new_key("default", "groups:read");
    let before = server.process.log().matches(&client.key).count();
    assert_eq!(before, 2, "the banner shows the first key, alone and in the request to try");
    let secret = |index: usize| format!("{PLANTED}-{index}");
    let group = json!({
        "externalReferenceId": secret(0), "name": secret(1), "description": secret(2),
        "externalReferenceType": secret(3), "photoUrl": format!("https://h/{}", secret(4)), "password": secret(5),
        secret(6): 1,
    });
    let whole =
        json!({"groups": [group, {"externalReferenceId": secret(7), "name": 5}, {"name": secret(8)}]})
            .to_string();
    let broken = &whole[..whole.len() - 2];
    let requests = [
        client.post(UPSERT, whole.clone()),
        client.post(&format!("{UPSERT}?dryRun=true"), whole.clone()),
        client.post(UPSERT, whole.clone()).header("prefer", "handling=strict"),
        client.post(UPSERT, broken),
        client.post(UPSERT, whole.replace("\"groups\"", "\"planted-secret-groups\"")),
        client.post(UPSERT, whole.clone()).with("content-type", "text/plain"),
        client.post(UPSERT, whole).with("content-length", "70000000"),
        client.get(GROUPS).header("cookie", secret(9)).header("x-api-key", secret(10)),
        client.get(GROUPS).header("x-request-id", format!("{PLANTED} \u{1b}[31m")),
        client.with_key(secret(11)).get(GROUPS),
        other.get(GROUPS),
        other.post(UPSERT, "{}"),
        client.with_key(client.key.to_uppercase()).get(GROUPS),
    ];
    for (index, exchange) in requests.iter().enumerate() {
        drop(exchange.try_send());
        let id = format!("marker-{index}");
        client.get("/healthz").header("x-request-id", &id).send();
        server.process.wait_for("the marker", |log| log.contains(&id).then_some(()));
    }
    let log = server.process.log();
    assert_eq!(log.matches(PLANTED).count(), 0, "{log}");
    assert_eq!(log.matches(&client.key).count(), before);
    for key in [&client.key, &other.key] {
        let secret = key.split('_').nth(2).unwrap();
        let allowed = if *key == client.key { before } else { 0 };
        assert_eq!(log.to_lowercase().matches(secret).count(), allowed);
    }
    assert!(!log.contains('\u{1b}'));
}

fn metrics(client: &Client) -> String {
    let answer = client.get("/metrics").without("authorization").send();
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
    answer.text().to_owned()
}

/// The value of one sample.
#[track_caller]
fn sample(metrics: &str, name: &str) -> u64 {
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().unwrap()
}

#[test]
fn metrics_count_what_was_done() {
    let server = Server::start();
    let client = &server.client;
    client.upsert(&json!([
        {"externalReferenceId": "a", "name": "A"},
        {"externalReferenceId": "b", "name": "B"},
        {"externalReferenceId": "c", "name": ""},
    ]));
    client.upsert(&json!([
        {"externalReferenceId": "a", "name": "A"},
        {"externalReferenceId": "b", "name": "Renamed"},
        {"externalReferenceId": "d", "name": "D"},
    ]));
    client.find("a");
    client.find("nobody");
    let metrics = metrics(client);
    for (name, value) in [
        (r#"rosterd_records_total{face="groups",outcome="created"}"#, 3),
        (r#"rosterd_records_total{face="groups",outcome="updated"}"#, 1),
        (r#"rosterd_records_total{face="groups",outcome="unchanged"}"#, 1),
        (r#"rosterd_records_total{face="groups",outcome="failed"}"#, 1),
        (r#"rosterd_http_requests_total{route="/v3/groups/batch-upsert",status="207"}"#, 1),
        (r#"rosterd_http_requests_total{route="/v3/groups/batch-upsert",status="200"}"#, 1),
        (
            r#"rosterd_http_requests_total{route="/v3/groups/by-reference-id/{externalReferenceId}",status="404"}"#,
            1,
        ),
        (r#"rosterd_http_request_seconds_count{route="/v3/groups/batch-upsert"}"#, 2),
        ("rosterd_store_queue_depth", 0),
        // Groups written, by the two batches and by nothing else.
        ("rosterd_store_commit_records_sum", 4),
    ] {
        assert_eq!(sample(&metrics, name), value, "{name}");
    }
    for name in ["rosterd_store_commit_seconds_count", "rosterd_store_commit_jobs_count"] {
        assert!(sample(&metrics, name) >= 2, "{name}");
    }
    for name in ["rosterd_http_requests_total", "rosterd_records_total", "rosterd_store_commit_seconds"] {
        assert!(
            metrics.contains(&format!("# HELP {name} ")) && metrics.contains(&format!("# TYPE {name} ")),
            "{name}"
        );
    }
    assert!(!metrics.contains("nobody") && !metrics.contains(&client.key), "{metrics}");
}

#[test]
fn health_needs_no_key() {
    let server = Server::start();
    let version = json!({"name": "rosterd", "version": env!("CARGO_PKG_VERSION")});
    for (path, expected) in [
        ("/healthz", json!({"status": "ok"})),
        ("/readyz", json!({"status": "ready", "store": "ok"})),
        ("/version", version),
    ] {
        let answer = server.client.get(path).without("authorization").send();
        assert_eq!((answer.status, answer.json()), (200, expected), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(server.client.get(path).method("HEAD").send().status, 200, "{path}");
    }
}

/// A client that leaves as soon as it has sent its request, and one that only stops sending.
#[test]
fn what_a_client_left_behind_is_logged_and_counted() {
    let server = Server::start();
    let records: Vec<Value> =
        (0..200).map(|number| json!({"externalReferenceId": format!("g-{number}"), "name": "n"})).collect();
    let body = json!({ "groups": records }).to_string();
    let leaving = server.client.post(UPSERT, body).header("x-request-id", "left");
    drop(leaving.begin());
    let line = server.process.wait_for("the request of a client that left", |log| {
        log.split_inclusive('\n')
            .find(|line| line.contains("\"left\"") && !is_audit(line) && line.ends_with('\n'))
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
    });
    assert_eq!((&line["status"], &line["records"]), (&json!(200), &json!(200)), "{line}");
    assert_eq!(server.client.all(1000).len(), 200);
    let half = server.client.get("/healthz").begin();
    half.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut &half, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

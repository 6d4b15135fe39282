//! How often a key may ask, and how everybody is told.

use serde_json::{Value, json};

use crate::harness::{Answer, GROUPS, Server, UPSERT, finish, rosterd, serve};

fn records(count: usize) -> Value {
    (0..count).map(|number| json!({"externalReferenceId": format!("r-{number}"), "name": "n"})).collect()
}

/// The remaining units of a limit.
#[track_caller]
fn left(answer: &Answer, name: &str) -> u64 {
    let field = answer.header("ratelimit").unwrap();
    let item = field.split(", ").find_map(|item| item.strip_prefix(&format!("\"{name}\";r="))).unwrap();
    item.split_once(";t=").unwrap().0.parse().unwrap()
}

#[track_caller]
fn check_refused(answer: &Answer, reason: &str) {
    let problem = answer.json();
    assert_eq!((answer.status, &problem["code"]), (429, &json!("RATE_LIMITED")), "{problem:#}");
    assert_eq!(problem["reason"], reason);
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(problem["retryAfter"], seconds);
}

#[test]
fn every_answer_to_a_good_key_tells_what_is_left() {
    let server = Server::start_with(&["--records-per-minute", "3000"]);
    let policy = r#""requests";q=6000;w=60, "records";q=3000;w=60"#;
    let client = &server.client;
    let batch = client.post(UPSERT, json!({"groups": records(1000)}).to_string());
    let reader = server.new_key("default", "groups:read").1;
    for (exchange, status) in [
        (batch.clone(), 200),
        (client.get(GROUPS), 200),
        (client.get("/v3/groups/999999"), 404),
        (client.post(UPSERT, "{"), 400),
        (reader.post(UPSERT, "{}"), 403),
    ] {
        let answer = exchange.send();
        assert_eq!((answer.status, answer.header("ratelimit-policy")), (status, Some(policy)));
        assert!((5900..=6000).contains(&left(&answer, "requests")));
    }
    // Within as many seconds as no test takes, hardly anything flows in.
    assert!(left(&batch.send(), "records") < 2000);
    // A rehearsal counts as the real thing.
    let body = json!({"groups": records(1000)}).to_string();
    assert!(left(&client.post(&format!("{UPSERT}?dryRun=true"), body).send(), "records") < 1000);
    for exchange in [client.get(GROUPS).without("authorization"), client.get("/healthz")] {
        assert_eq!(exchange.send().header("ratelimit"), None);
    }
}

#[test]
fn requests_are_limited_by_key() {
    let server = Server::start_with(&["--requests-per-minute", "1"]);
    let other = server.new_key("default", "groups:read,groups:write").1;
    assert_eq!(server.client.get(GROUPS).send().status, 200);
    let refused = server.client.get(GROUPS).send();
    check_refused(&refused, "REQUESTS");
    assert_eq!(refused.header("ratelimit-policy"), Some(r#""requests";q=1;w=60, "records";q=1200000;w=60"#));
    assert_eq!(left(&refused, "requests"), 0);
    let told = format!(r#""requests";r=0;t={}"#, refused.header("retry-after").unwrap());
    assert!(refused.header("ratelimit").unwrap().starts_with(&told), "the same moment as Retry-After");
    // The body of a refused request is not waited for.
    let announced = server.client.post(UPSERT, "").without("connection").with("content-length", "1000");
    check_refused(&announced.send(), "REQUESTS");
    assert_eq!(other.get(GROUPS).send().status, 200, "another key has its own");
    assert_eq!(server.client.get("/healthz").send().status, 200);
    let counted = server.client.get("/metrics").send();
    assert!(counted.text().contains(r#"rosterd_http_rate_limited_total{limit="requests"} 2"#));
}

#[test]
fn records_are_limited_by_key_and_a_refused_batch_takes_none() {
    let server = Server::start_with(&["--records-per-minute", "1000"]);
    let upsert = |count: usize| {
        let body = json!({"groups": records(count)}).to_string();
        server.client.post(UPSERT, body).header("idempotency-key", count.to_string()).send()
    };
    assert_eq!(upsert(600).status, 200);
    let refused = upsert(1000);
    check_refused(&refused, "RECORDS");
    assert!(left(&refused, "records") >= 400);
    assert_eq!(server.client.all(1000).len(), 600, "nothing of it was written");
    // What was refused is not kept as an answer, and what was done is counted again when it is replayed.
    assert_eq!(upsert(399).status, 200);
    check_refused(&upsert(600), "RECORDS");
    assert_eq!(server.client.get(GROUPS).send().status, 200, "reads go on");
}

#[test]
fn a_batch_that_could_never_pass_is_no_setting() {
    let directory = tempfile::tempdir().unwrap();
    let (code, _, stderr) = finish(serve(directory.path()).args(["--records-per-minute", "999"]));
    assert_eq!(code, Some(7), "{stderr}");
    assert!(stderr.contains("--records-per-minute 999") && stderr.contains("give 1000 or more"), "{stderr}");
}

#[test]
fn guesses_are_limited_by_address() {
    let server = Server::start();
    let guess = server.client.with_key("rosterd_guess").get(GROUPS);
    let published = server.client.get("/capabilities").send().json();
    let most = published["limits"]["failedAuthenticationsPerMinute"].as_u64().unwrap();
    assert_eq!(server.client.get(GROUPS).send().status, 200);
    let refused = (0..100 * most).map(|_| guess.send()).find(|answer| answer.status != 401).unwrap();
    check_refused(&refused, "FAILED_AUTHENTICATIONS");
    // Nobody who sends no key is guessing, and a key that was good a moment ago is no guess.
    assert_eq!(guess.clone().without("authorization").send().status, 401);
    assert_eq!(server.client.get(GROUPS).send().status, 200);
}

#[test]
fn an_import_waits_when_it_is_told_to() {
    let server = Server::start_with(&["--requests-per-minute", "120"]);
    let lines: Vec<String> = (0..125)
        .map(|number| json!({"externalReferenceId": number.to_string(), "name": "n"}).to_string())
        .collect();
    let file = server.file("groups.ndjson", lines.join("\n"));
    let mut import = rosterd();
    import.args(["import", "--batch-size", "1", "--server", &format!("http://{}", server.client.address)]);
    let (code, stdout, stderr) = finish(import.arg(file).env("ROSTERD_KEY", &server.client.key));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("answered 429: RATE_LIMITED"), "{stderr}");
    assert!(stdout.contains("125 created"), "{stdout}");
}

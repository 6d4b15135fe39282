//! Every batch that was carried out can be looked up.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Answer, Client, GROUPS, Server, UPSERT, finish, rosterd};

const RUNS: &str = "/v3/runs";
const KEY: &str = "idempotency-key";
const DRY: &str = "/v3/groups/batch-upsert?dryRun=true";

fn body(records: &Value) -> String {
    json!({ "groups": records }).to_string()
}

fn run_id(answer: &Answer) -> String {
    answer.header("rosterd-run-id").unwrap_or_else(|| panic!("no run: {}", answer.text())).to_owned()
}

/// The runs of one page.
fn list(client: &Client, query: &str) -> Vec<Value> {
    let answer = client.get(&format!("{RUNS}{query}")).send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["runs"].as_array().unwrap().clone()
}

fn ids(runs: &[Value]) -> Vec<&str> {
    runs.iter().map(|run| run["id"].as_str().unwrap()).collect()
}

/// Created, updated, unchanged, failed.
fn counts(run: &Value) -> [u64; 4] {
    let count = |name: &str| run["summary"][name].as_u64().unwrap();
    assert_eq!(run["summary"].as_object().unwrap().len(), 7, "{run}");
    assert_eq!((count("archived"), count("restored")), (0, 0));
    let counts = ["created", "updated", "unchanged", "failed"].map(count);
    assert_eq!(count("total"), counts.iter().sum::<u64>());
    counts
}

fn record(key: &str, name: &str) -> Value {
    json!({"externalReferenceId": key, "name": name})
}

#[test]
fn every_batch_has_one_run_with_its_counts() {
    let mut server = Server::start();
    let client = server.client.clone();
    let mixed = json!([record("a", "A"), record("b", "B"), record("c", "")]);
    let post = |target: &str, records: &Value| client.post(target, body(records));
    let sent = [
        (post(DRY, &json!([record("a", "A")])), [1, 0, 0, 0], 0, true, Value::Null),
        (post(UPSERT, &mixed), [2, 0, 0, 1], 1, false, Value::Null),
        (post(UPSERT, &json!([record("a", "A")])), [0, 0, 1, 0], 1, false, Value::Null),
        (post(UPSERT, &json!([record("d", "")])), [0, 0, 0, 1], 1, false, Value::Null),
        (post(UPSERT, &json!([record("b", "B2")])).header(KEY, "k-1"), [0, 1, 0, 0], 2, false, json!("k-1")),
        (post(UPSERT, &json!([record("b", "B2")])).header(KEY, "k-2"), [0, 0, 1, 0], 2, false, json!("k-2")),
        (post(DRY, &json!([record("b", "")])).header(KEY, "k-3"), [0, 0, 0, 1], 2, true, Value::Null),
    ];
    let mut expected: Vec<String> = sent.iter().map(|(exchange, ..)| run_id(&exchange.send())).collect();
    expected.reverse();
    let check = |client: &Client| {
        let runs = list(client, "");
        let mut found = ids(&runs);
        // Within a millisecond they have no order.
        assert!(found.is_sorted_by(|newer, older| newer > older), "{found:?}");
        found.sort_by_key(|id| expected.iter().position(|expected| expected == id));
        assert_eq!(found, expected);
        for (id, (_, counted, revision, dry_run, key)) in expected.iter().rev().zip(&sent) {
            let run = runs.iter().find(|run| run["id"] == **id).unwrap();
            assert_eq!((counts(run), &run["revision"]), (*counted, &json!(revision)), "{run}");
            assert_eq!((&run["dryRun"], &run["idempotencyKey"]), (&json!(dry_run), key), "{run}");
            assert_eq!((&run["face"], &run["operation"]), (&json!("groups"), &json!("batch-upsert")));
            assert_eq!(run["keyId"], client.key.split('_').nth(1).unwrap());
            assert!(run["startedAt"].as_str().unwrap().ends_with('Z'), "{run}");
            let one = client.get(&format!("{RUNS}/{id}")).send().json();
            assert_eq!(one["failures"].as_array().unwrap().len() as u64, counted[3]);
            assert_eq!(one["summary"], run["summary"]);
        }
    };
    check(&client);
    // A clean stop loses none, also of those that changed nothing.
    server.restart();
    check(&server.client);
    server.restart();
    check(&server.client);
}

#[test]
fn refused_requests_are_no_runs() {
    let server = Server::start();
    let client = &server.client;
    let good = body(&json!([record("a", "A")]));
    assert_eq!(client.post(UPSERT, good.clone()).header(KEY, "k").send().status, 200);
    for refused in [
        client.post(UPSERT, "{"),
        client.post(UPSERT, body(&json!([]))),
        client.post(UPSERT, body(&json!([record("b", "B")]))).header(KEY, "k"),
        client.post(&format!("{UPSERT}?dryRun=maybe"), good),
        client.get(GROUPS),
    ] {
        assert_eq!(refused.send().header("rosterd-run-id"), None);
    }
    assert_eq!(list(client, "").len(), 1);
}

#[test]
fn a_run_is_there_when_its_batch_is_acknowledged() {
    let mut server = Server::start();
    for round in 0..5 {
        let records: Value = (0..50).map(|number| record(&format!("{round}-{number}"), "n")).collect();
        let mut records = records;
        records.as_array_mut().unwrap().push(record("bad", ""));
        // Runs that changed nothing are carried along with the next write.
        let unchanged = run_id(&server.client.post(DRY, body(&records)).send());
        let written = run_id(&server.client.post(UPSERT, body(&records)).send());
        server.kill9_and_restart();
        for (id, counted) in [(&written, [50, 0, 0, 1]), (&unchanged, [50, 0, 0, 1])] {
            let run = server.client.get(&format!("{RUNS}/{id}")).send().json();
            assert_eq!(counts(&run), counted);
            assert_eq!(run["failures"][0]["errors"][0]["reason"], "EMPTY", "{run}");
        }
    }
    assert_eq!(list(&server.client, "").len(), 10);
}

#[test]
fn a_repeated_answer_names_the_first_run() {
    let mut server = Server::start();
    let send = |server: &Server| {
        server.client.post(UPSERT, body(&json!([record("a", "A"), record("b", "")]))).header(KEY, "k").send()
    };
    let first = send(&server);
    for restart in [Server::restart, Server::kill9_and_restart] {
        let again = send(&server);
        assert_eq!((again.header("idempotent-replayed"), run_id(&again)), (Some("true"), run_id(&first)));
        assert_eq!(list(&server.client, "").len(), 1);
        restart(&mut server);
    }
    let found = list(&server.client, "?idempotencyKey=k");
    assert_eq!(ids(&found), [run_id(&first)]);
    assert_eq!(list(&server.client, "?idempotencyKey=K"), Vec::<Value>::new());
}

#[test]
fn runs_that_change_nothing_touch_no_file() {
    let server = Server::start();
    let client = &server.client;
    let records = json!([record("a", "A")]);
    client.upsert(&records);
    let bytes = server.settled_bytes();
    for _ in 0..20 {
        assert_eq!(client.post(UPSERT, body(&records)).send().status, 200);
        assert_eq!(client.post(DRY, body(&json!([record("b", "")]))).send().status, 207);
    }
    assert_eq!(list(client, "").len(), 41);
    assert_eq!(server.settled_bytes(), bytes);
}

/// 256 of them are written at once; none is lost or there twice.
#[test]
fn many_runs_that_change_nothing_are_written_in_the_end() {
    let mut server = Server::start();
    let bytes = server.settled_bytes();
    let answers = (0..300).map(|_| server.client.post(DRY, body(&json!([record("a", "A")]))).send());
    let mut sent: Vec<String> = answers.map(|answer| run_id(&answer)).collect();
    assert_ne!(server.settled_bytes(), bytes);
    sent.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(ids(&list(&server.client, "?limit=1000")), sent);
    server.kill9_and_restart();
    let left = list(&server.client, "?limit=1000");
    let left: BTreeSet<&str> = ids(&left).into_iter().collect();
    assert!(left.len() >= 256 && left.iter().all(|id| sent.iter().any(|sent| sent == id)), "{}", left.len());
}

/// Whether a run belongs on a list.
type Wanted<'w> = &'w dyn Fn(&Value) -> bool;

#[test]
fn pages_hold_every_run_once_newest_first() {
    let server = Server::start();
    let client = server.new_tenant("pages");
    for number in 0..23 {
        // Some wait in memory, some are stored, some failed.
        let name = if number % 4 == 0 { "" } else { "A" };
        let key = format!("g-{number}");
        let target = if number % 3 == 0 { DRY } else { UPSERT };
        assert!(client.post(target, body(&json!([record(&key, name)]))).send().status < 300);
    }
    let all = list(&client, "?limit=1000");
    assert_eq!(all.len(), 23);
    let any = |_: &Value| true;
    let failed = |run: &Value| run["summary"]["failed"] == 1;
    let dry = |run: &Value| run["dryRun"] == true;
    let cases: [(&str, Wanted<'_>); 5] = [
        ("", &any),
        ("&dryRun=any&failed=false", &any),
        ("&failed=true", &failed),
        ("&dryRun=true", &dry),
        ("&dryRun=false&failed=true", &|run| failed(run) && !dry(run)),
    ];
    for (conditions, wanted) in cases {
        for limit in [1, 2, 7, 23, 100] {
            let (mut found, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = client.get(&format!("{RUNS}?limit={limit}{conditions}{cursor}")).send().json();
                let runs = page["runs"].as_array().unwrap();
                assert!(runs.len() <= limit);
                found.extend(runs.iter().cloned());
                match page["nextCursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            let expected: Vec<Value> = all.iter().filter(|run| wanted(run)).cloned().collect();
            assert!(!expected.is_empty());
            assert_eq!(found, expected, "{conditions} {limit}");
        }
    }
    // A cursor is good for its list alone.
    let next = client.get(&format!("{RUNS}?limit=1")).send().json()["nextCursor"].clone();
    let next = next.as_str().unwrap();
    let theirs = server.client.get(&format!("{RUNS}?limit=1&cursor={next}")).send();
    let filtered = client.get(&format!("{RUNS}?failed=true&cursor={next}")).send();
    let groups = client.get(&format!("{GROUPS}?cursor={next}")).send();
    for answer in [theirs, filtered, groups] {
        assert_eq!((answer.status, &answer.json()["reason"]), (400, &json!("INVALID_CURSOR")));
    }
}

#[test]
fn what_is_asked_wrongly_is_refused() {
    let server = Server::start();
    let id = run_id(&server.client.post(UPSERT, body(&json!([record("a", "A")]))).send());
    for (target, field) in [
        (format!("{RUNS}?limit=0"), "limit"),
        (format!("{RUNS}?limit=1001"), "limit"),
        (format!("{RUNS}?failed=yes"), "failed"),
        (format!("{RUNS}?dryRun=1"), "dryRun"),
        (format!("{RUNS}?dryrun=true"), "dryrun"),
        (format!("{RUNS}?cursor=x"), "cursor"),
        (format!("{RUNS}?cursor={}", "\u{20ac}".repeat(20)), "cursor"),
        (format!("{RUNS}?failed=true&failed=true"), "failed"),
        (format!("{RUNS}/{id}?format=xml"), "format"),
        (format!("{RUNS}/{id}?Format=csv"), "Format"),
    ] {
        let answer = server.client.get(&target).send();
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!(field)), "{target}");
    }
    for target in [RUNS.to_owned(), format!("{RUNS}/{id}")] {
        let answer = server.client.post(&target, "{}").send();
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,HEAD")));
    }
}

#[test]
fn failed_records_are_told_as_they_were_sent() {
    let server = Server::start();
    let client = &server.client;
    let whole = r#"{"groups":[{"externalReferenceId":"a","name":"A"},
        {"externalReferenceId":"b", "name":7}, 5, {"externalReferenceId":"c","name":"\ud800"}]}"#;
    let answer = client.post(UPSERT, whole).send();
    let target = format!("{RUNS}/{}", run_id(&answer));
    let run = client.get(&target).send().json();
    let failures = run["failures"].as_array().unwrap();
    let errors = |index: usize| answer.json()["results"][index]["errors"].clone();
    for (failure, index) in failures.iter().zip([1, 2, 3]) {
        assert_eq!((&failure["inputIndex"], &failure["errors"]), (&json!(index), &errors(index)));
    }
    assert_eq!(failures[0]["record"], json!({"externalReferenceId": "b", "name": 7}));
    assert_eq!(failures[0]["externalReferenceId"], "b");
    assert_eq!((&failures[1]["raw"], failures[1].get("record")), (&json!("5"), None));
    assert_eq!(failures[2]["raw"], r#"{"externalReferenceId":"c","name":"\ud800"}"#);
    assert_eq!(failures.len(), 3);
    assert_eq!(run.get("failuresOmitted"), None);
    for (format, content_type) in [("csv", "text/csv; charset=utf-8"), ("ndjson", "application/x-ndjson")] {
        let answer = client.get(&format!("{target}?format={format}")).send();
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)));
        let name = format!("attachment; filename=\"run-{}.{format}\"", &target[RUNS.len() + 1..]);
        assert_eq!(answer.header("content-disposition"), Some(&*name));
        let header_lines = usize::from(format == "csv");
        assert_eq!(answer.text().lines().count(), 3 + header_lines);
    }
}

#[test]
fn failures_beyond_the_bound_are_counted() {
    let server = Server::start();
    let client = &server.client;
    let long = "x".repeat(100_000);
    let records: Value =
        (0..20).map(|number| json!({"externalReferenceId": format!("g-{number}"), "name": long})).collect();
    let id = run_id(&client.post(UPSERT, body(&records)).send());
    let answer = client.get(&format!("{RUNS}/{id}")).send();
    let run = answer.json();
    let kept = run["failures"].as_array().unwrap().len();
    assert_eq!((kept, &run["failuresOmitted"], &run["summary"]["failed"]), (10, &json!(10), &json!(20)));
    assert!(answer.body.len() < (1 << 20) + 1024, "{}", answer.body.len());
    assert_eq!(list(client, "")[0]["failuresOmitted"], 10);
}

/// Imports a file with the program's own client: its exit code.
fn import(server: &Server, client: &Client, name: &str, content: &str) -> Option<i32> {
    let (file, key) = (server.file(name, content), server.file("key", &client.key));
    let url = format!("http://{}", client.address);
    let mut command = rosterd();
    command.arg("import").arg(file).args(["--server", &url]).arg("--key-file").arg(key);
    finish(&mut command).0
}

#[test]
fn failed_records_are_mended_and_imported() {
    let server = Server::start();
    let records = json!([
        record("fine", "Fine"),
        {"externalReferenceId": "a,1", "name": "", "description": "two\nlines \"said\"", "photoUrl": null},
        {"externalReferenceId": "b", "externalReferenceType": "T", "name": "B", "photoUrl": "ftp://h/x"},
        {"externalReferenceId": "c", "description": "", "parentExternalReferenceId": "b"},
    ]);
    for format in ["csv", "ndjson"] {
        let client = server.new_tenant(format);
        let id = run_id(&client.post(UPSERT, body(&records)).send());
        let failed = client.get(&format!("{RUNS}/{id}?format={format}")).send();
        let failed = failed.text();
        assert_eq!(
            (failed.matches("REQUIRED_FIELD_MISSING").count(), failed.matches("URL_SCHEME").count()),
            (1, 1)
        );
        // As it is it fails again, and nothing is written.
        assert_eq!(import(&server, &client, &format!("again.{format}"), failed), Some(4), "{failed}");
        assert_eq!(client.all(10).len(), 1);
        let mended = match format {
            "csv" => failed.replace("\"a,1\",,\"\"", "\"a,1\",,A").replace("\nc,,", "\nc,,C"),
            _ => failed
                .replace(r#""name":"""#, r#""name":"A""#)
                .replace(r#""externalReferenceId":"c""#, r#""name":"C","externalReferenceId":"c""#),
        };
        let mended = mended.replace("ftp://", "https://");
        assert_eq!(import(&server, &client, &format!("mended.{format}"), &mended), Some(0), "{mended}");
        assert_eq!(client.group("a,1")["description"], "two\nlines \"said\"");
        assert_eq!(client.group("b")["photoUrl"], "https://h/x");
        let c = client.group("c");
        assert_eq!((&c["description"], &c["parentExternalReferenceId"]), (&json!(""), &json!("b")));
    }
}

#[test]
fn another_tenants_run_is_none() {
    let server = Server::start();
    let other = server.new_tenant("other");
    let stored = run_id(&other.post(UPSERT, body(&json!([record("a", "A")]))).send());
    let waiting = run_id(&other.post(DRY, body(&json!([record("b", "B")]))).send());
    let nobodys = "019aa9c6f3007b1f0e2c94d85a6b3f17";
    let ask = |id: &str, format: &str| {
        let target = format!("{RUNS}/{id}{format}");
        let answer = server.client.get(&target).header("x-request-id", "same").send();
        (answer.status, answer.text().to_owned())
    };
    for format in ["", "?format=csv", "?format=ndjson"] {
        let none = ask(nobodys, format);
        assert_eq!(none.0, 404);
        assert!(none.1.contains("RUN_NOT_FOUND"), "{}", none.1);
        for id in
            [&*stored, &waiting, &stored.to_uppercase(), "x", "1", "%FF", "..%2f", &format!("{nobodys}0")]
        {
            assert_eq!(ask(id, format), none, "{id}");
        }
    }
    assert_eq!(list(&server.client, ""), Vec::<Value>::new());
    assert_eq!(list(&other, "").len(), 2);
}

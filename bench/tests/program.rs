//! The benchmark as a program: that it measures, keeps and shows, and that it does not believe every answer.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const BENCH: &str = env!("CARGO_BIN_EXE_bench");

fn bench(arguments: &[&str]) -> Output {
    Command::new(BENCH).args(arguments).output().expect("the benchmark runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_run_is_kept_and_shown() {
    if !Path::new(BENCH).with_file_name("rosterd").exists() {
        eprintln!("skipped: rosterd is not built beside {BENCH}");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();
    let small =
        ["--engine", "sqlite", "--face", "groups", "--rounds", "1", "--records", "1000", "--batch", "100"];
    let few = ["--connections", "3", "--stored", "0,2000", "--seconds", "1", "--out", out];
    let run = bench(&[&small[..], &few].concat());
    assert!(run.status.success(), "{}", said(&run));
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    let (json, page, plot) = (read("performance.json"), read("performance.md"), read("performance.svg"));
    let results: serde_json::Value = serde_json::from_str(&json).unwrap();
    let rows = results["rows"].as_array().unwrap();
    for stored in [0, 2000] {
        let of = |row: &&serde_json::Value| row["program"] == "rosterd" && row["stored"] == stored;
        let phases: Vec<&str> = rows.iter().filter(of).map(|row| row["phase"].as_str().unwrap()).collect();
        assert_eq!(phases, ["first load", "nothing changed", "1 % changed", "moves", "mixed with reads"]);
    }
    let is_bare = |row: &&serde_json::Value| row["program"] == "a bare service of blind upserts";
    assert_eq!(rows.iter().filter(is_bare).count(), 3, "{page}");
    assert!(rows.iter().all(|row| row["rate"].as_f64().unwrap() > 0.0));
    assert_eq!(results["latencies"].as_array().unwrap().len(), 4);
    assert!(bench(&["render", out]).status.success());
    assert_eq!([page, plot], ["performance.md", "performance.svg"].map(read));
}

/// A server that is a part of the benchmark.
struct Answerer {
    child: Child,
    host: String,
}

impl Answerer {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(BENCH);
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, host: line.trim().to_owned() }
    }

    /// The end of the answer to a group of this name.
    fn upsert(&self, name: &str) -> String {
        let body = format!(
            r#"{{"groups":[{{"externalReferenceId":"k","name":"{name}","description":"d","photoUrl":"u","parentExternalReferenceId":null}}]}}"#
        );
        let request = format!(
            "POST / HTTP/1.1\r\nauthorization: Bearer 7\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().last().unwrap_or_default().to_owned()
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn another_server_is_driven_and_its_answers_are_checked() {
    let directory = tempfile::tempdir().unwrap();
    for (created, is_right) in [(500, true), (499, false)] {
        let body = directory.path().join("body");
        let summary = format!(
            r#"{{"summary":{{"total":500,"created":{created},"updated":0,"unchanged":0,"failed":0}}}}"#
        );
        fs::write(&body, summary).unwrap();
        let answerer = Answerer::start(&["answer", body.to_str().unwrap()]);
        let url = format!("http://{}", answerer.host);
        let at = ["--url", &url, "--key", "any", "--records", "1000", "--rounds", "1"];
        let run = bench(&[&at[..], &["--batch", "500", "--phase", "first", "--connections", "2"]].concat());
        assert_eq!(run.status.success(), is_right, "{}", said(&run));
        if is_right {
            // It is as fast as a server that does nothing, because it is one.
            assert!(String::from_utf8_lossy(&run.stdout).contains("| first load |"));
        } else {
            assert!(said(&run).contains("was expected"), "{}", said(&run));
        }
    }
}

/// It is no yardstick if it does not store what it is sent.
#[test]
fn the_bare_service_stores_what_comes() {
    let stored = "SELECT tenant || ' ' || key || ' ' || name FROM groups";
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bare.db");
    let service = Answerer::start(&["bare", file.to_str().unwrap()]);
    for name in ["one", "two"] {
        assert_eq!(service.upsert(name), r#"{"upserted":1}"#);
        let db = rusqlite::Connection::open(&file).unwrap();
        let found: String = db.query_row(stored, (), |row| row.get(0)).unwrap();
        assert_eq!(found, format!("7 k {name}"));
    }
    let Some(database) = store::cluster::database() else { return };
    let service = Answerer::start(&["bare", database.url()]);
    for name in ["one", "two"] {
        assert_eq!(service.upsert(name), r#"{"upserted":1}"#);
        assert_eq!(database.session().value(stored).unwrap(), format!("7 k {name}"));
    }
}

#[test]
fn a_workload_follows_from_its_seed() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, seed: &str| {
        let out = directory.path().join(name);
        let made = bench(&[
            "workload",
            "--out",
            out.to_str().unwrap(),
            "--records",
            "250",
            "--batch",
            "100",
            "--seed",
            seed,
        ]);
        assert!(made.status.success(), "{}", said(&made));
        fs::read_to_string(out.join("groups/1-first.ndjson")).unwrap()
    };
    let [one, again, other] =
        [("one", "7"), ("again", "7"), ("other", "8")].map(|(name, seed)| write(name, seed));
    assert_eq!(one, again);
    assert_ne!(one, other);
    let lines: Vec<serde_json::Value> = one.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let records: Vec<u64> = lines.iter().map(|line| line["records"].as_u64().unwrap()).collect();
    assert_eq!(records, [100, 100, 50]);
    assert_eq!(lines[2]["expected"]["counts"]["created"], 50);
    assert_eq!(lines[2]["after"], 0);
    let body: serde_json::Value = serde_json::from_str(lines[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["groups"].as_array().unwrap().len(), 100);
}

//! Whole imports against a small server.

mod fake;
mod usergroups;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::fake::Fake;
use super::{Arguments, Surroundings, Terminal, import};
use crate::cli::exit::Exit;

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    arguments: Arguments,
}

/// A directory with files to import, and a server to import them into.
struct World {
    fake: Fake,
    directory: TempDir,
    key: Option<&'static str>,
}

/// What an import left behind.
struct Run {
    exit: Exit,
    stdout: String,
    stderr: String,
    slept: Vec<Duration>,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { fake: Fake::start(), directory, key: Some("secret") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("written");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Imports with these words on the command line; names of files that exist become their paths.
    fn import(&self, words: &[&str]) -> Run {
        self.import_from(words, "")
    }

    fn import_from(&self, words: &[&str], stdin: &'static str) -> Run {
        let words = words.iter().map(|word| {
            let path = self.path(word);
            if path.exists() { path } else { PathBuf::from(word) }
        });
        let own = words.clone().any(|word| word.to_string_lossy().starts_with("--server="));
        let server = (!own).then(|| PathBuf::from(format!("--server={}", self.fake.url)));
        let command_line = [PathBuf::from("import")].into_iter().chain(server).chain(words);
        let CommandLine { arguments } = CommandLine::try_parse_from(command_line).expect("arguments");
        run(&arguments, self.key, stdin, self.directory.path())
    }

    fn keys(&self) -> Vec<String> {
        self.fake.state().groups.keys().cloned().collect()
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).expect("listed");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("listed").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn run(arguments: &Arguments, key: Option<&str>, stdin: &'static str, directory: &Path) -> Run {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let slept = Mutex::new(Vec::new());
    let exit = import(
        arguments,
        Surroundings {
            stdin: Some(Box::new(stdin.as_bytes())),
            stdout: &mut stdout,
            stderr: &mut stderr,
            terminal: Terminal::Absent,
            key: key.map(str::to_owned),
            directory: directory.to_owned(),
            sleep: &|wait| slept.lock().expect("no panic").push(wait),
            elapsed: &|| Duration::from_millis(1500),
        },
    );
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Run { exit, stdout: text(stdout), stderr: text(stderr), slept: slept.into_inner().expect("no panic") }
}

impl Run {
    /// Checks the exit code and the numbers of the human summary.
    #[track_caller]
    fn check(&self, exit: Exit, numbers: &str) {
        let first = self.stdout.lines().next().unwrap_or_default();
        assert!(first.ends_with(numbers), "{}\n{}", self.stdout, self.stderr);
        assert_eq!(self.exit, exit, "{}\n{}", self.stdout, self.stderr);
    }

    #[track_caller]
    fn says(&self, text: &str) {
        assert!(self.stderr.contains(text), "{text:?} is not in:\n{}", self.stderr);
    }
}

fn record(key: &str, parent: Option<&str>) -> String {
    let mut record = json!({"externalReferenceId": key, "name": key});
    if let Some(parent) = parent {
        record["parentExternalReferenceId"] = parent.into();
    }
    format!("{record}\n")
}

/// A chain of groups, the deepest first.
fn chain(length: usize) -> String {
    let key = |place: usize| format!("g{place:02}");
    let line = |place| record(&key(place), (place > 0).then(|| key(place - 1)).as_deref());
    (0..length).rev().map(line).collect()
}

#[test]
fn children_may_come_before_their_parents_in_any_batch() {
    for parallel in ["1", "4"] {
        let world = World::new();
        world.write("a.ndjson", chain(20));
        world.write("b.ndjson", record("x", Some("g00")));
        let run = world.import(&["b.ndjson", "a.ndjson", "--batch-size=3", "--parallel", parallel]);
        run.check(Exit::Success, "21 created, 0 updated, 0 unchanged, 0 failed");
        assert_eq!(world.keys().len(), 21);
        run.says("came before their parents");
        assert_eq!(world.files(), ["a.ndjson", "b.ndjson"]);
        let again = world.import(&["b.ndjson", "a.ndjson"]);
        again.check(Exit::Success, "(2 batches): 0 created, 0 updated, 21 unchanged, 0 failed");
    }
}

#[test]
fn a_parent_that_never_comes_fails_its_children_once() {
    let world = World::new();
    world.write("g.ndjson", [record("a", None), record("b", Some("no")), record("c", Some("b"))].concat());
    let run = world.import(&["g.ndjson", "--batch-size=1"]);
    run.check(Exit::Partial, "3 records in 1.5 s (5 batches): 1 created, 0 updated, 0 unchanged, 2 failed");
    run.says(
        "g.ndjson:2: PARENT_GROUP_NOT_FOUND parentExternalReferenceId: parentExternalReferenceId is wrong\n",
    );
    run.says("g.ndjson:3: PARENT_GROUP_NOT_FOUND");
    // In one batch the server's first word is the last.
    world
        .import(&["g.ndjson"])
        .check(Exit::Partial, "(1 batches): 0 created, 0 updated, 1 unchanged, 2 failed");
}

#[test]
fn failed_ndjson_is_repaired_and_imported_again() {
    let world = World::new();
    world.write(
        "g.ndjson",
        "{\"externalReferenceId\":\"a\",\"name\":\"A\"}\n\
         \n\
         {\"externalReferenceId\": \"b\", \"description\": \"\\u00e9\"}\n\
         not JSON\n",
    );
    world
        .import(&["g.ndjson"])
        .check(Exit::Partial, "3 records in 1.5 s (1 batches): 1 created, 0 updated, 0 unchanged, 2 failed");
    let failed = world.read("g.failed.ndjson");
    let lines: Vec<&str> = failed.lines().collect();
    assert_eq!(
        lines,
        [
            r#"{"_raw":"not JSON","_error_code":"INVALID_JSON","_error_reason":"","_error_field":"","_error_message":"line 4, column 2: expected ident"}"#,
            r#"{"externalReferenceId": "b", "description": "\u00e9","_error_code":"REQUIRED_FIELD_MISSING","_error_reason":"","_error_field":"name","_error_message":"name is wrong"}"#,
        ]
    );

    // Not repaired: the same failures again, in a file of their own.
    let again = world.import(&["g.failed.ndjson"]);
    again.check(Exit::InputRejected, "0 created, 0 updated, 0 unchanged, 2 failed");
    assert_eq!(world.read("g.failed.ndjson"), failed, "an input is never overwritten");
    assert_eq!(world.read("g.failed.failed.ndjson").lines().count(), 2);
    let sent = world.fake.state().bodies.last().cloned().expect("sent");
    assert_eq!(sent, r#"{"groups":[{"externalReferenceId":"b","description":"\u00e9"}]}"#);

    world.write("g.failed.ndjson", lines[1].replace("\"description\"", "\"name\": \"B\", \"description\""));
    world.import(&["g.failed.ndjson"]).check(Exit::Success, "1 created, 0 updated, 0 unchanged, 0 failed");
    assert_eq!(world.files(), ["g.failed.ndjson", "g.ndjson"], "a stale failed file is removed");
    assert!(!world.fake.state().groups["b"].contains_key("_error_code"));
}

#[test]
fn failed_csv_is_repaired_and_imported_again() {
    let world = World::new();
    world.write(
        "g.csv",
        "externalReferenceId;name;description;photoUrl\n\
         a;A;;\n\
         b;;\"\";\\N\n\
         c;\"x; y\";d;;\n\
         d;;\"two\nlines\";\n",
    );
    let run = world.import(&["g.csv"]);
    run.check(Exit::Partial, "4 records in 1.5 s (1 batches): 1 created, 0 updated, 0 unchanged, 3 failed");
    run.says("g.csv: UTF-8, delimiter ';'");
    run.says("g.csv:4: CSV_SHAPE: 5 cells, but 4 columns");
    run.says("g.csv:5: REQUIRED_FIELD_MISSING name: name is wrong");
    let failed = world.read("g.failed.csv");
    assert_eq!(
        failed,
        "externalReferenceId;name;description;photoUrl;_error_code;_error_reason;_error_field;_error_message\n\
         c;\"x; y\";d;;;CSV_SHAPE;;;\"5 cells, but 4 columns: a cell with the delimiter ';' in it must be quoted\"\n\
         b;;\"\";\\N;REQUIRED_FIELD_MISSING;;name;name is wrong\n\
         d;;\"two\nlines\";;REQUIRED_FIELD_MISSING;;name;name is wrong\n"
    );
    world.write(
        "g.failed.csv",
        failed.replace(";d;;;CSV", ";d;;CSV").replace("b;;", "b;B;").replace("d;;\"", "d;D;\""),
    );
    world.import(&["g.failed.csv"]).check(Exit::Success, "3 created, 0 updated, 0 unchanged, 0 failed");
    let state = world.fake.state();
    assert_eq!(Value::from(state.groups["a"].clone()), json!({"externalReferenceId": "a", "name": "A"}));
    let b = json!({"externalReferenceId": "b", "name": "B", "description": "", "photoUrl": null});
    assert_eq!(Value::from(state.groups["b"].clone()), b);
    assert_eq!(state.groups["d"]["description"], "two\nlines");
}

#[test]
fn files_in_other_encodings_are_read_and_told() {
    let table = "externalReferenceId;name\n1;Café – l’été à 10 €\n2;Straße\n";
    let (windows, _, _) = encoding_rs::WINDOWS_1252.encode(table);
    let utf16: Vec<u8> =
        "\u{FEFF}".encode_utf16().chain(table.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let marked = format!("\u{FEFF}{table}").into_bytes();
    for (content, told) in [
        (windows.into_owned(), "g.txt: Windows-1252 (guessed), delimiter ';'"),
        (utf16[2..].to_vec(), "g.txt: UTF-16LE (guessed), delimiter ';'"),
        (utf16, "g.txt: UTF-16LE (byte order mark), delimiter ';'"),
        (marked, "g.txt: UTF-8 (byte order mark), delimiter ';'"),
    ] {
        let world = World::new();
        world.write("g.txt", content);
        let run = world.import(&["g.txt"]);
        run.check(Exit::Success, "2 created, 0 updated, 0 unchanged, 0 failed");
        run.says(told);
        assert_eq!(world.fake.state().groups["1"]["name"], "Café – l’été à 10 €", "{told}");
    }
}

#[test]
fn bytes_that_turn_out_wrong_later_stop_the_import() {
    let mut content = b"externalReferenceId,name\n".to_vec();
    content.extend((0..10_000).flat_map(|key| format!("{key},plain\n").into_bytes()));
    content.extend(b"last,caf\xE9\n");
    let world = World::new();
    world.write("g.csv", &content);
    let run = world.import(&["g.csv", "--encoding=utf-8"]);
    assert_eq!(run.exit, Exit::Failure, "{}", run.stderr);
    run.says("g.csv:10002: this line is not valid UTF-8");
    // Left to itself the import looks at the whole file before it sends anything.
    let few = World::new();
    few.write("g.csv", &content);
    let run = few.import(&["g.csv"]);
    assert_eq!(run.exit, Exit::Success, "{}", run.stderr);
    run.says("Windows-1252 (guessed)");
    assert_eq!(few.fake.state().groups["last"]["name"], "café");
    few.write("h.csv", b"name\n\xE9\n\xFF");
    let run = few.import(&["h.csv", "--encoding=utf-8"]);
    assert_eq!(run.exit, Exit::InputRejected, "{}", run.stderr);
}

#[test]
fn retry_after_is_honoured() {
    let world = World::new();
    world.write("g.ndjson", record("a", None));
    let problem = json!({"code": "UNAVAILABLE", "detail": "shutting down"});
    world.fake.will_answer("503 Service Unavailable", "retry-after: 0\r\n", &problem);
    world.fake.will_answer("429 Too Many Requests", "retry-after: 7\r\n", &problem);
    let date = "date: Wed, 21 Oct 2015 07:28:00 GMT\r\nretry-after: Wed, 21 Oct 2015 07:28:09 GMT\r\n";
    world.fake.will_answer("503 Service Unavailable", date, &problem);
    let run = world.import(&["g.ndjson"]);
    run.check(Exit::Success, "(1 batches): 1 created, 0 updated, 0 unchanged, 0 failed");
    assert_eq!(run.slept, [0, 7, 9].map(Duration::from_secs));
    run.says("answered 503: UNAVAILABLE: shutting down; trying again in 0 s");
}

#[test]
fn a_server_that_stays_away_ends_the_import() {
    let world = World::new();
    world.write("g.ndjson", record("a", None));
    world.write("g.failed.ndjson", "of an earlier import");
    let run = world.import(&["g.ndjson", "--server=http://127.0.0.1:1"]);
    run.check(Exit::Unreachable, "0 created, 0 updated, 0 unchanged, 0 failed");
    assert_eq!(run.slept, [500, 1000, 2000].map(Duration::from_millis));
    run.says("http://127.0.0.1:1 cannot be reached");
    assert_eq!(world.read("g.failed.ndjson"), "of an earlier import");
    let problem = json!({"code": "RATE_LIMITED", "detail": "come back tomorrow"});
    world.fake.will_answer("429 Too Many Requests", "retry-after: 86400\r\n", &problem);
    let run = world.import(&["g.ndjson"]);
    assert_eq!((run.exit, run.slept), (Exit::Unreachable, Vec::new()));
}

#[test]
fn a_refused_key_ends_the_import() {
    let mut world = World::new();
    world.write("g.ndjson", record("a", None));
    world.write("key", " secret \nmore\n");
    world.key = Some("wrong");
    let run = world.import(&["g.ndjson", "--batch-size=1"]);
    assert_eq!(run.exit, Exit::Unauthorised);
    run.says("answered 401: UNAUTHENTICATED: this key is not known (request r1)");
    let key_file = format!("--key-file={}", world.path("key").display());
    assert_eq!(world.import(&["g.ndjson", &key_file]).exit, Exit::Success);
    world.key = None;
    let run = world.import(&["g.ndjson"]);
    assert_eq!(run.exit, Exit::Unauthorised);
    run.says("give --key-file FILE, or set ROSTERD_KEY");
    world.key = Some("naïve");
    let run = world.import(&["g.ndjson"]);
    assert_eq!(run.exit, Exit::Unauthorised);
    assert!(!run.stderr.contains("naïve"), "a key is never shown");
}

#[test]
fn a_refused_request_ends_the_import() {
    let world = World::new();
    world.write("g.ndjson", record("a", None) + &record("b", None));
    let problem = json!({"code": "INVALID_JSON", "detail": "nested too deeply"});
    world.fake.will_answer("400 Bad Request", "", &problem);
    let run = world.import(&["g.ndjson"]);
    assert_eq!(run.exit, Exit::InputRejected, "{}", run.stderr);
    run.says("400: INVALID_JSON: nested too deeply (batch from ");
    run.says("g.ndjson:2)");
    world.fake.will_answer("200 OK", "", &json!({"results": []}));
    let run = world.import(&["g.ndjson"]);
    assert_eq!(run.exit, Exit::Failure, "{}", run.stderr);
    run.says("0 results for 2 records");
    world.fake.will_answer(
        "500 Internal Server Error",
        "",
        &json!({"detail": "internal error", "requestId": "r9"}),
    );
    let run = world.import(&["g.ndjson"]);
    assert_eq!(run.exit, Exit::Failure);
    run.says("internal error (request r9)");
}

#[test]
fn a_batch_that_is_too_large_is_halved() {
    let world = World::new();
    world.write("g.ndjson", chain(10) + &record(&"long".repeat(99), None));
    world.fake.state().body_limit = Some(200);
    let run = world.import(&["g.ndjson"]);
    assert_eq!(run.exit, Exit::Partial, "{}", run.stderr);
    run.says("g.ndjson:11: PAYLOAD_TOO_LARGE");
    assert_eq!(world.keys().len(), 10);
}

#[test]
fn json_is_the_last_line_of_standard_output() {
    let world = World::new();
    world.write("g.ndjson", record("a", None) + "{}\n");
    for (words, exit, expected) in [
        (&["g.ndjson"][..], Exit::Partial, json!([2, 1, 0, 0, 1, 1])),
        (&["g.ndjson", "--dry-run"], Exit::Partial, json!([2, 0, 0, 1, 1, 1])),
        (&["missing.ndjson"], Exit::InputRejected, json!([0, 0, 0, 0, 0, 0])),
    ] {
        let run = world.import(&[words, &["--json"]].concat());
        let line: Value = serde_json::from_str(run.stdout.lines().last().expect("a line")).expect("JSON");
        let summary = &line["summary"];
        let names = ["records", "created", "updated", "unchanged", "failed", "batches"];
        let numbers: Vec<&Value> = names.iter().map(|name| &summary[*name]).collect();
        assert_eq!((json!(numbers), run.exit), (expected, exit), "{words:?}");
        assert_eq!(summary["seconds"], 1.5);
        assert_eq!(line.as_object().map(serde_json::Map::len), Some(1));
        assert_eq!(run.stdout.lines().count(), 1);
    }
}

#[test]
fn a_dry_run_judges_children_whose_parents_would_be_created() {
    let world = World::new();
    world.write("g.ndjson", chain(8) + &record("orphan", Some("nobody")));
    let run = world.import(&["g.ndjson", "--dry-run", "--batch-size=2"]);
    run.check(Exit::Partial, "8 created, 0 updated, 0 unchanged, 1 failed");
    run.says("6 records have a parent that this import would create in another batch");
    assert!(run.stdout.contains("dry run: nothing was written"), "{}", run.stdout);
    assert_eq!(world.keys().len(), 0);
    assert!(world.read("g.failed.ndjson").contains("orphan"));
}

#[test]
fn warnings_are_counted_and_failures_listed_briefly() {
    let world = World::new();
    let named = (0..17).map(|key| format!("{key},n,red"));
    let nameless = (100..112).map(|key| format!("{key},,red"));
    let rows: Vec<String> = named.chain(nameless).collect();
    world.write("g.csv", format!("externalReferenceId,name,colour\n{}\n", rows.join("\n")));
    let run = world.import(&["g.csv"]);
    run.check(Exit::Partial, "17 created, 0 updated, 0 unchanged, 12 failed");
    run.says("warning: UNKNOWN_FIELD colour: 17 records\n");
    run.says("… and 2 more\n");
    assert_eq!(run.stderr.matches("REQUIRED_FIELD_MISSING").count(), 10);
}

#[test]
fn standard_input_is_read_too() {
    let world = World::new();
    let run =
        world.import_from(&["-"], "\n{\"externalReferenceId\":\"a\",\"name\":\"A\"}\n{\"name\":\"B\"}\n");
    run.check(Exit::Partial, "1 created, 0 updated, 0 unchanged, 1 failed");
    run.says("standard input:3: REQUIRED_FIELD_MISSING");
    assert!(world.read("stdin.failed.ndjson").contains("\"B\""));
    let run = world.import_from(&["-", "--format=csv", "--delimiter=|"], "externalReferenceId|name\nb|B\n");
    run.check(Exit::Success, "1 created, 0 updated, 0 unchanged, 0 failed");
    assert_eq!(world.import_from(&["-", "-"], "").exit, Exit::InputRejected);
}

#[test]
fn nothing_is_sent_before_every_file_is_found_good() {
    let world = World::new();
    world.write("good.ndjson", record("a", None));
    world.write("bad.csv", "colour,size\n");
    world.write("array.json", "[{\"name\":1}]");
    for (bad, told) in [
        ("bad.csv", "names no known field"),
        ("array.json", "jq -c '.[]'"),
        ("missing.csv", "missing.csv: No such file"),
    ] {
        let run = world.import(&["good.ndjson", bad]);
        assert_eq!(run.exit, Exit::InputRejected, "{}", run.stderr);
        run.says(told);
    }
    assert_eq!(world.fake.state().bodies.len(), 0);
}

#[test]
fn usage_errors_are_found_by_the_parser() {
    for words in [
        &["import"][..],
        &["import", "f", "--batch-size=0"],
        &["import", "f", "--batch-size=1001"],
        &["import", "f", "--parallel=65"],
        &["import", "f", "--encoding=klingon"],
        &["import", "f", "--server=localhost"],
        &["import", "f", "--key=secret"],
    ] {
        assert_eq!(
            CommandLine::try_parse_from(words).err().map(|error| error.exit_code()),
            Some(2),
            "{words:?}"
        );
    }
}

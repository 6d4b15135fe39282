//! Real data, brought in by the program's own client as a new user would.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::{Server, finish, rosterd};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/samples/iso-3166.ndjson");

/// The sample, if it is here; on the machine that judges it must be.
pub(crate) fn sample() -> Option<PathBuf> {
    let path = PathBuf::from(SAMPLE);
    if path.exists() {
        return Some(path);
    }
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{SAMPLE} is not there");
    eprintln!("skipped: {SAMPLE} is not there");
    None
}

/// Imports a file with the key in a file; what the last line on stdout says.
fn import(server: &Server, file: &Path, more: &[&str]) -> Value {
    let key = server.file("key", &server.client.key);
    let url = format!("http://{}", server.client.address);
    let mut command = rosterd();
    command.arg("import").arg(file).args(["--server", &url, "--json"]).arg("--key-file").arg(key).args(more);
    let (code, stdout, stderr) = finish(&mut command);
    assert_eq!(code, Some(0), "{stdout}\n{stderr}");
    let summary: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    let mut summary = summary["summary"].clone();
    let names: Vec<&String> = summary.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 7, "{names:?}");
    assert!(summary["seconds"].as_f64().is_some_and(|seconds| seconds >= 0.0));
    assert!(summary["batches"].as_u64().is_some_and(|batches| batches >= 6));
    for name in ["seconds", "batches"] {
        summary.as_object_mut().unwrap().remove(name);
    }
    summary
}

fn counts(created: usize, updated: usize, unchanged: usize) -> Value {
    json!({"records": 5376, "created": created, "updated": updated, "unchanged": unchanged, "failed": 0})
}

#[test]
fn real_groups_are_imported_once() {
    let Some(sample) = sample() else { return };
    let server = Server::start();
    assert_eq!(import(&server, &sample, &[]), counts(5376, 0, 0));
    let lines = std::fs::read_to_string(&sample).unwrap();
    let groups = server.client.all(1000);
    assert_eq!(groups.len(), 5376);
    // Every record is there as it stands in the file.
    let stored: std::collections::HashMap<&str, &Value> =
        groups.iter().map(|group| (group["externalReferenceId"].as_str().unwrap(), group)).collect();
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let group = stored[record["externalReferenceId"].as_str().unwrap()];
        for (name, value) in record.as_object().unwrap() {
            assert_eq!(group[name], *value, "{name} of {line}");
        }
    }
    let before = (server.settled_bytes(), server.cli(["tenants", "list", "--json"]));
    assert_eq!(import(&server, &sample, &[]), counts(0, 0, 5376));
    assert_eq!((server.settled_bytes(), server.cli(["tenants", "list", "--json"])), before);
    assert_eq!(server.client.all(1000), groups);

    let changed = server.file("changed.ndjson", lines.replacen("\"Mtwara\"", "\"Mtwara (renamed)\"", 1));
    assert_eq!(import(&server, &changed, &[]), counts(0, 1, 5375));
    assert_eq!(server.client.group("TZ-17")["name"], "Mtwara (renamed)");
    assert_eq!(server.client.group("MT-17"), *stored["MT-17"]);
}

#[test]
fn a_rehearsed_import_writes_nothing() {
    let Some(sample) = sample() else { return };
    let server = Server::start();
    let before = server.settled_bytes();
    assert_eq!(import(&server, &sample, &["--dry-run"]), counts(5376, 0, 0));
    assert_eq!(server.client.all(1000), Vec::<Value>::new());
    assert_eq!(server.settled_bytes(), before);
}

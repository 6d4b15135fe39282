//! The house rules that can be held by a test. Each says what to do where it fails.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A file of the repository: its path from the root, and its text.
struct File {
    path: String,
    text: String,
}

impl File {
    /// The text before the unit tests.
    fn shipped(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod tests {").next().unwrap()
    }

    /// Lines that are neither comments nor unit tests.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.shipped().lines().map(str::trim).filter(|line| !line.starts_with("//"))
    }

    fn is_test(&self) -> bool {
        self.path.contains("/tests/")
            || self.path.ends_with("tests.rs")
            || self.path.contains("/conformance/")
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below a folder with this ending, in order.
fn files(below: &str, ending: &str) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(below)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.push(File { path: name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(!found.is_empty(), "no {ending} below {below}");
    found
}

/// Fails with every offence at once.
fn hold(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n{}", offences.join("\n"));
}

/// The names in the section `[dependencies]` of a crate.
fn dependencies(of: &str) -> Vec<String> {
    let manifest = read(&format!("crates/{of}/Cargo.toml"));
    let section = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap().to_owned();
    let name = |line: &str| line.split(['.', ' ', '=']).next().unwrap().to_owned();
    section.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).map(name).collect()
}

#[test]
fn crates_depend_in_one_direction() {
    for (name, allowed) in [
        ("directory", &[][..]),
        ("store", &["directory"]),
        ("faces", &["directory"]),
        ("server", &["directory", "faces", "store"]),
    ] {
        let ours = ["directory", "store", "faces", "server", "rosterd"];
        let found: Vec<String> =
            dependencies(name).into_iter().filter(|name| ours.contains(&name.as_str())).collect();
        assert_eq!(found, allowed, "dependencies of {name}");
    }
}

/// What is there to find faults is in no release.
#[test]
fn rigs_are_not_shipped() {
    let members = read("Cargo.toml");
    let default = members.lines().find(|line| line.starts_with("default-members")).unwrap();
    assert!(!default.contains("rig"), "{default}");
    for name in ["directory", "store", "faces", "server"] {
        assert!(!dependencies(name).contains(&"rig".to_owned()), "{name} depends on the rigs");
    }
}

#[test]
fn the_domain_is_pure() {
    let known = ["caseless", "foldhash", "unicode-normalization", "url"];
    let others: Vec<String> =
        dependencies("directory").into_iter().filter(|name| !known.contains(&name.as_str())).collect();
    hold("the domain depends on text processing and a hash alone; anything else needs a decision", &others);
    let ambient =
        ["std::fs", "std::net", "std::env", "std::process", "SystemTime", "Instant", "async fn", "tokio"];
    let offences = files("crates/directory/src", ".rs").into_iter().flat_map(|file| {
        let lines = file.code().filter(|line| ambient.iter().any(|word| line.contains(word)));
        lines.map(|line| format!("{}: {line}", file.path)).collect::<Vec<_>>()
    });
    hold("the domain does no I/O and knows no clock", &offences.collect::<Vec<_>>());
}

#[test]
fn files_are_short() {
    let limit = |path: &str| match path {
        "crates/server/src/main.rs" => 40,
        "crates/server/src/service.rs" => 300,
        _ => 600,
    };
    let offences = files("crates", ".rs").into_iter().chain(files("bench/src", ".rs")).filter_map(|file| {
        let lines = if file.is_test() { &file.text } else { file.shipped() }.lines().count();
        (lines > limit(&file.path)).then(|| format!("{} has {lines} lines", file.path))
    });
    hold("split the file by what its parts are for", &offences.collect::<Vec<_>>());
    assert!(read("ARCHITECTURE.md").lines().count() <= 300, "ARCHITECTURE.md is to be read in one sitting");
}

/// The lines of each function body in a file, by name. Enough for code that rustfmt has formatted.
fn functions(text: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut open: Option<(String, usize, usize)> = None;
    for (number, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let starts = line.trim_start().trim_start_matches("pub(super) ").starts_with("async fn ");
        if starts {
            let name = line.split("fn ").nth(1).unwrap().split('(').next().unwrap().to_owned();
            open = Some((name, indent, number));
        }
        // A signature of several lines is not the body: it ends with the line that opens it.
        if let Some((name, depth, start)) = &mut open {
            if line.ends_with('{') && number != *start && line.trim_start().starts_with(')') {
                *start = number;
            }
            if indent == *depth && line.trim() == "}" {
                found.push((name.clone(), number - *start - 1));
                open = None;
            }
        }
    }
    found
}

#[test]
fn handlers_are_read_service_write() {
    let offences =
        ["attributes", "changes", "groups", "oauth", "runs", "system"].into_iter().flat_map(|name| {
            let found = functions(&read(&format!("crates/server/src/http/{name}.rs")));
            assert!(!found.is_empty(), "no handlers found in {name}.rs");
            found
                .into_iter()
                .filter(|(_, lines)| *lines > 15)
                .map(|(name, lines)| format!("{name} has {lines} lines"))
        });
    hold("a handler has at most 15 lines", &offences.collect::<Vec<_>>());
}

#[test]
fn sql_lives_in_the_store() {
    let words = ["SELECT ", "INSERT INTO", "DELETE FROM", "PRAGMA ", "CREATE TABLE", "rusqlite"];
    let offences = ["directory", "faces", "server"].iter().flat_map(|name| {
        files(&format!("crates/{name}/src"), ".rs").into_iter().flat_map(|file| {
            let lines = file.code().filter(|line| words.iter().any(|word| line.contains(word)));
            lines.map(|line| format!("{}: {line}", file.path)).collect::<Vec<_>>()
        })
    });
    hold("SQL belongs into the store crate", &offences.collect::<Vec<_>>());
}

#[test]
fn sql_is_never_put_together_from_values() {
    let offences =
        files("crates/store/src/sqlite", ".rs").into_iter().filter(|file| !file.is_test()).flat_map(|file| {
            let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE"];
            let lines = file
                .code()
                .filter(|line| line.contains("format!(") && verbs.iter().any(|verb| line.contains(verb)));
            lines.map(|line| format!("{}: {line}", file.path)).collect::<Vec<_>>()
        });
    hold("bind parameters instead of formatting them into SQL", &offences.collect::<Vec<_>>());
}

#[test]
fn status_codes_live_at_the_edge() {
    let tables = [
        "crates/faces/src/groups/status.rs",
        "crates/faces/src/oauth/status.rs",
        "crates/faces/src/usergroups/status.rs",
        "crates/server/src/http/answer.rs",
    ];
    let offences = ["faces/src", "server/src/http"].into_iter().flat_map(|name| {
        files(&format!("crates/{name}"), ".rs").into_iter().flat_map(|file| {
            let elsewhere = !tables.contains(&file.path.as_str()) && !file.path.contains("openapi");
            let lines = file.code().filter(|line| elsewhere && names_a_status(line));
            lines.map(|line| format!("{}: {line}", file.path)).collect::<Vec<_>>()
        })
    });
    hold("which status an answer has stands in one table a face", &offences.collect::<Vec<_>>());
}

/// A status by its type, or by a number that the contracts use; 200 is a plain success.
fn names_a_status(line: &str) -> bool {
    let words = line.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let status = |word: &str| {
        let number = word.parse::<u16>().unwrap_or(0);
        word.len() == 3 && matches!(number, 201..=208 | 400..=431 | 500..=505)
    };
    line.contains("StatusCode::") || words.into_iter().any(status)
}

#[test]
fn released_migrations_never_change() {
    let recorded = read("crates/store/migrations/sha256.txt");
    let mut listed = String::new();
    for file in files("crates/store/migrations", ".sql") {
        let digest = Sha256::digest(file.text.as_bytes()).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        writeln!(listed, "{digest}  {}", file.path.trim_start_matches("crates/store/migrations/")).unwrap();
    }
    assert_eq!(
        recorded, listed,
        "a migration changed: add a new one instead; a new one is added to crates/store/migrations/sha256.txt"
    );
}

/// The words in capitals that a file's code holds as strings.
fn codes(path: &str) -> Vec<String> {
    let file = File { path: path.to_owned(), text: read(path) };
    let words: Vec<String> = file
        .code()
        .flat_map(|line| line.split('"').skip(1).step_by(2).map(ToOwned::to_owned).collect::<Vec<_>>())
        .filter(|word| {
            word.len() > 3
                && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte == b'8')
        })
        .collect();
    assert!(words.len() > 2, "no codes found in {path}");
    words
}

#[test]
fn every_rejection_is_documented_and_in_the_staircase() {
    let documented = read("docs/reference/errors.md");
    let undocumented = [
        "crates/directory/src/outcome.rs",
        "crates/directory/src/model/fault.rs",
        "crates/directory/src/definitions.rs",
        "crates/faces/src/groups/status.rs",
        "crates/faces/src/groups/refusal.rs",
    ]
    .into_iter()
    .flat_map(|path| codes(path).into_iter().map(move |code| (path, code)))
    .filter(|(_, code)| !documented.contains(&format!("`{code}`")))
    .map(|(path, code)| format!("{code} of {path}"));
    hold("docs/reference/errors.md does not explain", &undocumented.collect::<Vec<_>>());
    // The staircase compares what it has shown with every code there is.
    assert!(read("crates/directory/tests/laws/staircase.rs").contains("Code::ALL"));
}

#[test]
fn tests_do_not_wait_for_the_clock() {
    let offences = files("crates", ".rs")
        .into_iter()
        .filter(|file| file.path != "crates/server/tests/tidy.rs")
        .flat_map(|file| {
            let unit_tests = file.text.split("#[cfg(test)]").skip(1).collect::<String>();
            let tests = if file.is_test() { file.text.clone() } else { unit_tests };
            let waits = tests.lines().filter(|line| line.contains("SystemTime::now"));
            waits.map(|line| format!("{}: {line}", file.path)).collect::<Vec<_>>()
        });
    hold("a test that depends on the wall clock fails on another machine", &offences.collect::<Vec<_>>());
}

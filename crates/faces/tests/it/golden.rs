//! Requests and their answers, byte for byte, in `src/groups/golden`. The stored state is that of `world`.
//!
//! `NAME.request.json` is answered with `NAME.response.json`; a name that ends in `.strict` or `.dry-run`
//! sets that option. For reading, the answer's results stand one on a line. After a change that is meant,
//! `UPDATE_GOLDEN=1 cargo test -p rosterd-faces golden` writes the answers anew.

use std::fs;
use std::path::{Path, PathBuf};

use faces::groups::{self, Handling, Mode};

use super::world;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/groups/golden");

#[test]
fn answers() {
    let entries = fs::read_dir(FOLDER).expect("the golden folder");
    let files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    let requests: Vec<&str> =
        files.iter().filter_map(|file| file.file_name()?.to_str()?.strip_suffix(".request.json")).collect();
    assert!(requests.len() >= 10, "{requests:?}");
    for name in requests {
        check(name);
    }
}

fn check(name: &str) {
    let request = fs::read(Path::new(FOLDER).join(format!("{name}.request.json"))).expect("a request");
    let handling = if name.ends_with(".strict") { Handling::Strict } else { Handling::Lenient };
    let mode = if name.ends_with(".dry-run") { Mode::DryRun } else { Mode::Apply };
    let reply = world::answer(&request, handling, mode);
    let text = String::from_utf8(reply.body).expect("UTF-8");
    compare(&format!("{name}.response.json"), &by_lines(&text));
    let expected = if text.contains(r#""failed":0"#) { 200 } else { 207 };
    assert_eq!(reply.status, expected, "{name}");
}

#[test]
fn one_group() {
    let parent_key = Some(directory::ReferenceKey::from_stored("g-root"));
    let view = directory::GroupView { group: world::full(), parent_key };
    let text = String::from_utf8(groups::write_group(&view)).expect("UTF-8");
    compare("group.json", &(text + "\n"));
}

fn by_lines(answer: &str) -> String {
    let lines = answer.replace(r#"{"inputIndex""#, "\n{\"inputIndex\"");
    lines.strip_suffix("]}").map_or(lines.clone(), |start| format!("{start}\n]}}\n"))
}

fn compare(file: &str, actual: &str) {
    let path = Path::new(FOLDER).join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, actual).expect("write the golden file");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{file}");
}

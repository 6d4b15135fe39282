//! From nothing to the first group, and who else may use the directory and the port.

use std::fs::{metadata, read_dir};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::harness::{Process, Server, finish, rosterd, serve};

/// What the first start says, for a person to read.
fn banner(server: &Server) -> String {
    let log = server.process.log();
    let lines = log.lines().filter(|line| !line.starts_with('{'));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_first_start_shows_the_first_key() {
    let server = Server::start();
    let data = server.data();
    let (url, key) = (format!("http://{}", server.client.address), &server.client.key);
    let expected = format!(
        "data in {}
listening on {url}
created tenant default with its first access key, shown only now:

    {key}

try it:

    curl {url}/v3/groups/batch-upsert \\
      -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\
      -d '{{\"groups\":[{{\"externalReferenceId\":\"class-1a\",\"name\":\"Class 1a\"}}]}}'",
        data.display()
    );
    // The empty line that ends it may still be on its way.
    assert_eq!(banner(&server).trim_end(), expected);
    let parts: Vec<&str> = key.split('_').collect();
    assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [7, 16, 64, 8]);
}

#[test]
fn the_printed_request_works() {
    let server = Server::start();
    let log = banner(&server);
    let command = log.split_once("curl ").unwrap().1;
    let quoted: Vec<&str> = command.split('\'').skip(1).step_by(2).collect();
    let [authorization, content_type, body] = quoted[..] else { panic!("{command}") };
    let target = command.split(' ').next().unwrap().strip_prefix("http://").unwrap();
    let target = target.strip_prefix(&server.client.address.to_string()).unwrap();
    let mut exchange = server.client.post(target, body);
    for header in [authorization, content_type] {
        let (name, value) = header.split_once(": ").unwrap();
        exchange = exchange.with(&name.to_lowercase(), value);
    }
    let answer = exchange.send();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["summary"]["created"], 1);
    assert_eq!(server.client.group("class-1a")["name"], "Class 1a");
}

#[test]
fn the_second_start_shows_no_key() {
    let mut server = Server::start();
    server.client.upsert(&json!([{"externalReferenceId": "a", "name": "A"}]));
    server.restart();
    // The old key still works, and by the time it is answered everything about the start was said.
    assert_eq!(server.client.group("a")["name"], "A");
    let expected =
        format!("data in {}\nlistening on http://{}", server.data().display(), server.client.address);
    assert_eq!(banner(&server), expected);
    assert!(!server.process.log().contains(&server.client.key));
}

#[test]
fn the_data_is_for_its_owner_alone() {
    let server = Server::start();
    let mode = |path: &std::path::Path| metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&server.data()), 0o700);
    let files: Vec<_> = read_dir(server.data()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.iter().any(|path| path.ends_with("rosterd.db")), "{files:?}");
    for path in files {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn without_options_the_data_lies_in_the_xdg_data_directory() {
    let home = tempfile::tempdir().unwrap();
    let mut command = rosterd();
    command.args(["serve", "--listen", "127.0.0.1:0"]).env("XDG_DATA_HOME", home.path());
    let process = Process::spawn(&mut command);
    let place = process.wait_for("where the data lies", |log| {
        log.lines().find_map(|line| line.strip_prefix("data in ").map(ToOwned::to_owned))
    });
    assert_eq!(place, home.path().join("rosterd").display().to_string());
    assert!(home.path().join("rosterd/rosterd.db").exists());
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let server = Server::start();
    let (code, stdout, stderr) = finish(&mut serve(&server.data()));
    assert_eq!(code, Some(7), "{stderr}");
    assert_eq!(stdout, "");
    let data = server.data();
    let expected = format!(
        "rosterd: cannot serve from {0}: another rosterd server is using the data directory {0}: stop it first, \
         or give this one a data directory of its own\n",
        data.display()
    );
    assert_eq!(stderr, expected);
    assert_eq!(server.client.upsert(&json!([{"externalReferenceId": "a", "name": "A"}])).0, 200);
}

#[test]
fn a_taken_port_is_told() {
    let server = Server::start();
    let other = tempfile::tempdir().unwrap();
    let address = server.client.address.to_string();
    let mut command = rosterd();
    command.args(["serve", "--listen", &address, "--data-dir"]).arg(other.path().join("data"));
    let (code, _, stderr) = finish(&mut command);
    assert_eq!(code, Some(1), "{stderr}");
    let told = stderr.lines().find(|line| line.starts_with("rosterd: ")).unwrap();
    let expected =
        format!("rosterd: cannot listen on {address}: choose another address with --listen ADDR: ");
    assert!(told.starts_with(&expected), "{told}");
    assert!(!stderr.contains("rosterd_"), "no key for a server that never ran");
}

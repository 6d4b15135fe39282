//! `rosterd verify`, `backup` and `restore`: beside a server under load, killed, and on damaged files.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use store::cluster;

use crate::crash::{Sent, batch, check_stored, write_until_the_end};
use crate::harness::{Client, Process, Random, Server, address, finish, rosterd, rounds, serve, serve_on};

/// `ROSTERD_TEST_ROUNDS` asks for more.
const ROUNDS: usize = 3;
const WRITERS: usize = 3;

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A command that must succeed; what it says in JSON.
fn done(arguments: &[&str]) -> Value {
    let (code, stdout, stderr) = finish(rosterd().args(arguments).arg("--json"));
    assert_eq!(code, Some(0), "{arguments:?}: {stdout}{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

fn backup(data: &Path, file: &Path) -> Value {
    done(&["backup", path(file), "--data-dir", path(data)])
}

fn restore(file: &Path, data: &Path) -> Value {
    done(&["restore", path(file), "--data-dir", path(data)])
}

fn verify(data: &Path) -> Value {
    done(&["verify", "--data-dir", path(data)])
}

/// What is acknowledged before a backup begins is in it, and of everything else all or nothing.
#[test]
fn backups_under_load_hold_whole_batches() {
    let mut server = Server::start();
    let place = tempfile::tempdir().unwrap();
    let (acknowledged, writers): (Vec<_>, Vec<_>) = (0..WRITERS)
        .map(|writer| {
            let (acknowledge, acknowledged) = mpsc::channel();
            let client = server.client.clone();
            let name = format!("w{writer}");
            (acknowledged, thread::spawn(move || write_until_the_end(&client, &name, &acknowledge)))
        })
        .unzip();
    let (mut before, mut backups) = ([0; WRITERS], Vec::new());
    for round in 0..rounds(ROUNDS) {
        // At least one more of each.
        for (count, acknowledged) in before.iter_mut().zip(&acknowledged) {
            acknowledged.recv().unwrap();
            *count += 1 + acknowledged.try_iter().count();
        }
        let file = place.path().join(format!("{round}.backup"));
        let made = backup(&server.data(), &file);
        let whole = verify(&server.data());
        assert_eq!((&whole["whole"], &whole["findings"]), (&json!(true), &json!([])));
        backups.push((file, made, before));
    }
    server.process.kill();
    let sent: Vec<Vec<Sent>> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
    for (file, made, before) in backups {
        let data = file.with_extension("data");
        let restored = restore(&file, &data);
        assert_eq!(made["tenants"], restored["tenants"]);
        assert_eq!(
            done(&["db", "digest", "--store", path(&data)])["tenants"][0]["digest"],
            made["tenants"][0]["digest"]
        );
        let process = Process::spawn(&mut serve(&data));
        let client = Client { address: address(&process), key: server.client.key.clone() };
        let expected: Vec<Sent> = sent
            .iter()
            .zip(before)
            .flat_map(|(sent, count)| {
                sent.iter().enumerate().map(move |(at, sent)| (sent.0.clone(), at < count))
            })
            .collect();
        check_stored(&client, &expected);
        let changes = client.get("/v3/groups/changes?since=0&limit=1").send();
        assert_eq!(changes.status, 200, "{}", changes.text());
    }
}

/// A server with some batches, stopped.
fn filled() -> Server {
    let mut server = Server::start();
    for name in ["a", "b", "c", "d"] {
        assert_eq!(server.client.upsert(&batch(name)).0, 200);
    }
    server.process.terminate();
    assert_eq!(server.process.wait().code(), Some(0));
    server
}

/// Starts a command and kills it after a while; whether it had ended by itself.
fn killed_after(command: &mut Command, pause: Duration) -> bool {
    let mut child =
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    thread::sleep(pause);
    let ended = child.try_wait().unwrap().is_some();
    // It may have ended meanwhile.
    drop(child.kill());
    child.wait().unwrap();
    ended
}

#[test]
fn what_is_killed_leaves_the_old_or_the_new() {
    let server = filled();
    let (data, place) = (server.data(), tempfile::tempdir().unwrap());
    let (file, again) = (place.path().join("b.backup"), place.path().join("again"));
    let start = Instant::now();
    let whole = backup(&data, &file);
    let long = start.elapsed();
    let mut random = Random::new();
    let mut pause = || Duration::from_micros(random.below(usize::try_from(long.as_micros()).unwrap()) as u64);
    for round in 0..rounds(ROUNDS) {
        let one = place.path().join(format!("{round}.backup"));
        killed_after(rosterd().args(["backup", path(&one), "--data-dir", path(&data)]), pause());
        if one.exists() {
            assert_eq!(done(&["verify", "--backup", path(&one)])["tenants"], whole["tenants"]);
        }
        // Whatever it left is not in the way.
        assert_eq!(
            done(&["backup", path(&one), "--force", "--data-dir", path(&data)])["tenants"],
            whole["tenants"]
        );
        fs::remove_file(one).unwrap();
    }
    // Another store, which a restore replaces.
    let other = filled();
    fs::create_dir(&again).unwrap();
    fs::copy(other.data().join("rosterd.db"), again.join("rosterd.db")).unwrap();
    let old = verify(&again);
    assert_ne!(old["tenants"], whole["tenants"]);
    for _ in 0..rounds(ROUNDS) {
        killed_after(
            rosterd().args(["restore", path(&file), "--force", "--data-dir", path(&again)]),
            pause(),
        );
        let now = verify(&again);
        assert!(now["tenants"] == old["tenants"] || now["tenants"] == whole["tenants"], "{now:#}");
    }
    let restored = done(&["restore", path(&file), "--force", "--data-dir", path(&again)]);
    let aside = restored["movedAside"].as_str().unwrap();
    verify(Path::new(aside));
    assert_eq!(verify(&again)["tenants"], whole["tenants"]);
}

/// Changes a byte wherever a file holds a text: what has moved within a page may lie there twice.
fn damage(file: &Path, text: &str) {
    let mut bytes = fs::read(file).unwrap();
    let is_there = |place: &usize| bytes[*place..].starts_with(text.as_bytes());
    let places: Vec<usize> = (0..bytes.len()).filter(is_there).collect();
    assert!(!places.is_empty(), "{text}");
    for place in places {
        bytes[place] ^= 1;
    }
    fs::write(file, bytes).unwrap();
}

#[test]
fn damage_is_named_and_never_served() {
    let mut server = filled();
    let (data, place) = (server.data(), tempfile::tempdir().unwrap());
    let (file, new) = (place.path().join("b.backup"), place.path().join("new"));
    backup(&data, &file);
    let (code, stdout, stderr) = finish(rosterd().args(["verify", "--data-dir", path(&data)]));
    assert_eq!((code, stderr.as_str()), (Some(0), "nothing is damaged\n"), "{stdout}");
    assert!(stdout.contains("TENANT") && stdout.contains("default"), "{stdout}");
    damage(&data.join("rosterd.db"), "b name 77");
    let (code, stdout, stderr) = finish(rosterd().args(["verify", "--data-dir", path(&data)]));
    assert_eq!(code, Some(8), "{stdout}{stderr}");
    let line = "damaged: groups, tenant default, group 178 (key \"b-77\"): is not what was written: its checksum differs";
    assert!(stdout.lines().any(|said| said == line), "{stdout}");
    let (code, stdout, _) =
        finish(rosterd().args(["verify", "--json", "--tenant", "default", "--data-dir", path(&data)]));
    let told: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (code, &told["whole"], &told["findings"][0]["row"]),
        (Some(8), &json!(false), &json!("group 178 (key \"b-77\")"))
    );
    // Neither in an answer nor in a backup; everything else is there.
    server.process = Process::spawn(&mut serve(&data));
    server.client.address = address(&server.process);
    let of = |key: &str| server.client.get(&format!("/v3/groups/by-reference-id/{key}")).send();
    assert_eq!((of("b-77").status, of("b-8").status), (500, 200));
    let (code, _, stderr) =
        finish(rosterd().args(["backup", path(&place.path().join("c.backup")), "--data-dir", path(&data)]));
    assert!(code == Some(8) && stderr.contains(line), "{stderr}");
    assert!(!place.path().join("c.backup").exists());
    server.process.kill();
    // A restore brings it back, and never from a damaged file.
    let whole = fs::read(&file).unwrap();
    damage(&file, "c name 77");
    let (code, _, stderr) = finish(rosterd().args(["restore", path(&file), "--data-dir", path(&new)]));
    assert!(
        code == Some(8) && stderr.contains("key \"c-77\"") && !new.join("rosterd.db").exists(),
        "{stderr}"
    );
    fs::write(&file, &whole[..whole.len() - 5000]).unwrap();
    let (code, _, stderr) = finish(rosterd().args(["verify", "--backup", path(&file)]));
    assert_eq!(code, Some(8), "{stderr}");
    fs::write(&file, whole).unwrap();
    let (code, _, stderr) = finish(rosterd().args(["restore", path(&file), "--data-dir", path(&data)]));
    assert!(code == Some(7) && stderr.contains("--force"), "{stderr}");
    done(&["restore", path(&file), "--force", "--data-dir", path(&data)]);
    verify(&data);
    server.process = Process::spawn(&mut serve(&data));
    server.client.address = address(&server.process);
    check_stored(&server.client, &["a", "b", "c", "d"].map(|name| (name.to_owned(), true)));
    let (code, _, stderr) =
        finish(rosterd().args(["restore", path(&file), "--force", "--data-dir", path(&data)]));
    assert!(code == Some(7) && stderr.contains("another rosterd server"), "{stderr}");
}

#[test]
fn what_is_not_there_is_not_made() {
    let place = tempfile::tempdir().unwrap();
    let (data, file) = (place.path().join("data"), place.path().join("file"));
    for arguments in [
        &["verify", "--data-dir", path(&data)][..],
        &["backup", path(&file), "--data-dir", path(&data)],
        &["restore", path(&file), "--data-dir", path(&data)],
        &["verify", "--backup", path(&file)],
    ] {
        let (code, _, stderr) = finish(rosterd().args(arguments));
        assert_eq!(code, Some(7), "{arguments:?}: {stderr}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "{arguments:?}");
    }
}

/// Files that only their owner may read.
#[cfg(unix)]
#[test]
fn a_backup_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let server = filled();
    let place = tempfile::tempdir().unwrap();
    let (file, data) = (place.path().join("b.backup"), place.path().join("data"));
    backup(&server.data(), &file);
    restore(&file, &data);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&data), mode(&data.join("rosterd.db"))), (0o600, 0o700, 0o600));
}

#[test]
fn a_database_is_backed_up_under_load_and_restored() {
    let (Some(from), Some(to)) = (cluster::database(), cluster::database()) else { return };
    let mut server = Server::start_on(from.url());
    let place = tempfile::tempdir().unwrap();
    let (file, data) = (place.path().join("b.backup"), place.path().join("data"));
    let (acknowledge, acknowledged) = mpsc::channel();
    let client = server.client.clone();
    let writer = thread::spawn(move || write_until_the_end(&client, "w", &acknowledge));
    let before = acknowledged.iter().take(3).count();
    let made = done(&["backup", path(&file), "--database-url", from.url()]);
    let whole = done(&["verify", "--database-url", from.url()]);
    assert_eq!((&whole["whole"], &whole["findings"]), (&json!(true), &json!([])));
    server.process.kill();
    let sent: Vec<Sent> =
        writer.join().unwrap().into_iter().enumerate().map(|(at, sent)| (sent.0, at < before)).collect();
    // Into a directory, and into another database.
    restore(&file, &data);
    let restored = done(&["restore", path(&file), "--database-url", to.url()]);
    assert_eq!(restored["tenants"], made["tenants"]);
    for mut command in [serve(&data), serve_on(to.url())] {
        let process = Process::spawn(&mut command);
        check_stored(&Client { address: address(&process), key: server.client.key.clone() }, &sent);
    }
    let (code, _, stderr) = finish(rosterd().args(["restore", path(&file), "--database-url", to.url()]));
    assert!(code == Some(7) && stderr.contains("not empty"), "{stderr}");
}

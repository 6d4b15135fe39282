//! `rosterd db copy`: a directory that both contracts have filled is another store's, to the last byte.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use store::cluster;

use crate::attributes::{define, text, tree};
use crate::harness::{Client, GROUPS, OAuthClient, Process, Server, UPSERT, address, finish, rosterd, serve};
use crate::usergroups::{BY_ID, bulk};

const KEY: &str = "idempotency-key";

/// A copy that must succeed; what it says in JSON.
fn copy(from: &str, to: &str, more: &[&str]) -> Value {
    let (code, stdout, stderr) = try_copy(from, to, more);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{from} to {to}");
    serde_json::from_str(&stdout).unwrap()
}

fn try_copy(from: &str, to: &str, more: &[&str]) -> (Option<i32>, String, String) {
    finish(rosterd().args(["db", "copy", "--json", "--from", from, "--to", to]).args(more))
}

/// What `rosterd db digest` shows.
fn digests(store: &str) -> Value {
    let (code, stdout, stderr) = finish(rosterd().args(["db", "digest", "--json", "--store", store]));
    assert_eq!(code, Some(0), "{stderr}");
    serde_json::from_str::<Value>(&stdout).unwrap()["tenants"].take()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A directory that holds something of everything, and who knows it.
struct Filled {
    server: Server,
    other: Client,
    revoked: Client,
    oauth: OAuthClient,
    /// Requests with an idempotency key, and what was answered.
    answered: Vec<(crate::harness::Exchange, Vec<u8>)>,
}

fn fill() -> Filled {
    let server = Server::start();
    let client = &server.client;
    tree(client);
    define(client, "MOTTO", "text", &json!({"descriptions": [text("EN", "Motto")]}));
    define(client, "LIMIT", "integer", &json!({"value": 7}));
    let address = json!({"code": "a", "type": "delivery", "street": "s", "city": "c", "country": "NL", "isDefault": "Y"});
    let group = json!({
        "id": 7, "name": "Zeven", "sourceId": "A-7", "source": "ERP", "notes": "two\nlines", "language": "NL",
        "parent": {"id": 2}, "addresses": [address],
        "attributes": [{"name": "MOTTO", "class": "user", "type": "text", "value": [text("NL", "ja"), text("DE", "oh")]}],
    });
    assert_eq!(bulk(client, BY_ID, &json!([group]))[0]["success"], true);
    let other = server.new_tenant("other");
    let mut answered = Vec::new();
    for (client, count) in [(client, 120), (&other, 30)] {
        let record = |index: i32| {
            json!({
                "externalReferenceId": format!("k{index}"), "name": format!("Gr\u{fc}n {index}"),
                "externalReferenceType": "Ypareo", "description": "",
                "parentExternalReferenceId": (index > 0).then(|| format!("k{}", (index - 1) / 5)),
            })
        };
        let records: Vec<Value> =
            (0..count).map(record).chain([json!({"externalReferenceId": "x", "name": 7})]).collect();
        let send = client.post(UPSERT, json!({ "groups": records }).to_string()).header(KEY, "nightly");
        let answer = send.send();
        assert_eq!(answer.status, 207, "{}", answer.text());
        answered.push((send, answer.body));
        let archived = client.by_reference("k29").method("DELETE").send();
        assert_eq!(archived.status, 204, "{}", archived.text());
    }
    let (id, revoked) = server.new_key("default", "groups:read");
    server.cli(["keys", "revoke", &id]);
    let oauth = OAuthClient::create(&server, "default", "groups:read,groups:write");
    oauth.sign_in(&[]).upsert(&json!([{"externalReferenceId": "by-client", "name": "C"}]));
    Filled { server, other, revoked, oauth, answered }
}

impl Filled {
    /// Everything that can be asked, and what is answered: status, tag and bytes.
    fn told(&self, address: SocketAddr) -> Vec<(String, u16, Option<String>, String)> {
        let mut told = Vec::new();
        for client in [&self.server.client, &self.other] {
            let client = Client { address, ..client.clone() };
            let mut ask = |target: String| -> Value {
                let answer = client.get(&target).send();
                assert_eq!(answer.status, 200, "{target}: {}", answer.text());
                let body = answer.text().to_owned();
                told.push((target, answer.status, answer.header("etag").map(str::to_owned), body.clone()));
                serde_json::from_str(&body).unwrap()
            };
            let groups = ask(format!("{GROUPS}?limit=1000"));
            for list in ["archived=true", "roots=true", "externalReferenceType=Ypareo", "search=zeven"] {
                ask(format!("{GROUPS}?limit=1000&{list}"));
            }
            ask(format!("{GROUPS}/changes?since=0&limit=1000"));
            for group in groups["groups"].as_array().unwrap() {
                let id = group["id"].as_str().unwrap();
                for target in
                    [format!("{GROUPS}/{id}"), format!("{GROUPS}/{id}/tree"), format!("/usergroups/id/{id}")]
                {
                    ask(target);
                }
                for more in ["attributes", "addresses"] {
                    ask(format!("/usergroups/id/{id}/{more}?offset=100"));
                }
            }
            let runs = ask("/v3/runs?limit=1000".to_owned());
            for run in runs["runs"].as_array().unwrap() {
                ask(format!("/v3/runs/{}", run["id"].as_str().unwrap()));
            }
        }
        told
    }

    /// The same answers, the same keys, and the same next ids as before the data was moved.
    fn check(&self, address: SocketAddr, before: &[(String, u16, Option<String>, String)]) {
        let now = self.told(address);
        assert_eq!(before.len(), now.len());
        for (before, now) in before.iter().zip(&now) {
            assert_eq!(before, now);
        }
        for (sent, body) in &self.answered {
            let again = sent.with_address(address).send();
            assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), body));
        }
        let revoked = Client { address, ..self.revoked.clone() };
        assert_eq!(revoked.get(GROUPS).send().status, 401);
        let oauth = OAuthClient { server: Client { address, ..self.revoked.clone() }, ..self.oauth.clone() };
        assert_eq!(oauth.sign_in(&[]).get(GROUPS).send().status, 200);
    }
}

#[test]
fn a_copy_and_a_copy_of_it_are_what_the_first_store_was() {
    there_and_back(None);
}

#[test]
fn a_directory_moves_to_postgres_and_back() {
    let Some(database) = cluster::database() else { return };
    there_and_back(Some(database.url()));
}

/// Through this database, or another directory.
fn there_and_back(database: Option<&str>) {
    let mut filled = fill();
    let before = filled.told(filled.server.client.address);
    let mut copied = Vec::new();
    filled.server.restart_after(|data| {
        let (there, back) = (data.with_file_name("there"), data.with_file_name("back"));
        let there = database.map_or_else(|| format!("sqlite:{}", path(&there)), str::to_owned);
        copied.push(copy(path(data), &there, &[]));
        assert_eq!(digests(path(data)), digests(&there));
        copied.push(copy(&there, path(&back), &["--portion-items", "7"]));
        assert_eq!(digests(path(data)), digests(path(&back)));
        if database.is_some() {
            let (code, _, stderr) = try_copy(path(data), &there, &[]);
            assert_eq!(code, Some(7), "{stderr}");
            assert!(stderr.contains("not empty"), "{stderr}");
        }
        assert_eq!(digests(path(data)), copied[0]["tenants"]);
        // The server goes on with the copy of the copy.
        std::fs::rename(data, data.with_file_name("first")).unwrap();
        std::fs::rename(back, data).unwrap();
    });
    assert_eq!(copied[0]["tenants"], copied[1]["tenants"]);
    assert_eq!((&copied[0]["groups"], &copied[0]["resumed"]), (&json!(157), &json!(false)));
    filled.check(filled.server.client.address, &before);
    if let Some(url) = database {
        let mut command = rosterd();
        command.args(["serve", "--listen", "127.0.0.1:0", "--accept-data-loss", "--database-url", url]);
        let process = Process::spawn(&mut command);
        filled.check(address(&process), &before);
    }
    // What is written next is what would have been written there.
    let next = json!([{"externalReferenceId": "next", "name": "N"}]);
    let (first, mut ids) = (filled.server.client.group("by-client")["id"].clone(), Vec::new());
    filled.server.client.upsert(&next);
    ids.push(filled.server.client.group("next")["id"].clone());
    filled.server.restart_after(|data| {
        std::fs::remove_dir_all(data).unwrap();
        std::fs::rename(data.with_file_name("first"), data).unwrap();
    });
    filled.server.client.upsert(&next);
    ids.push(filled.server.client.group("next")["id"].clone());
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], first);
}

#[test]
fn what_cannot_be_copied_is_refused_and_left_alone() {
    let server = Server::start();
    server.client.upsert(&json!([{"externalReferenceId": "a", "name": "A"}]));
    let full = Server::start();
    let (from, nothing, new) =
        (server.data(), server.data().with_file_name("nothing"), server.data().with_file_name("new"));
    let file = server.file("file", "text");
    for (from, to, expected) in [
        (path(&nothing), path(&new), "there is no data in"),
        (path(&from), path(&from), "the same store"),
        (path(&from), path(&full.data()), "another rosterd server is using"),
        (path(&from), path(&file), "cannot be used"),
    ] {
        let (code, stdout, stderr) = try_copy(from, to, &[]);
        assert_eq!((code, stdout.as_str()), (Some(7), ""), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    }
    assert!(!nothing.exists() && !new.exists());
    let full_data = full.data();
    let (_, before) =
        (full.client.upsert(&json!([{"externalReferenceId": "b", "name": "B"}])), full.client.group("b"));
    let mut full = full;
    full.restart_after(|data| {
        let (code, _, stderr) = try_copy(path(&from), path(data), &[]);
        assert_eq!(code, Some(7), "{stderr}");
        assert!(stderr.contains("not empty") && stderr.contains("1 tenant"), "{stderr}");
    });
    assert_eq!((full.client.group("b"), full.data()), (before, full_data));
    // Beside a running server, too: nothing was written meanwhile, so nothing is missing.
    let copied = copy(path(&from), path(&new), &[]);
    assert_eq!((&copied["groups"], &copied["tenants"][0]["name"]), (&json!(1), &json!("default")));
    let (code, table, said) = finish(rosterd().args(["db", "digest", "--store", path(&new)]));
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert!(table.contains(copied["tenants"][0]["digest"].as_str().unwrap()), "{table}");
    assert_eq!(server.cli(["db", "digest"]), table);
}

#[test]
fn a_copy_that_was_killed_goes_on_where_it_stopped() {
    let mut server = Server::start();
    for part in 0..10 {
        let record = |index: i32| json!({"externalReferenceId": format!("{part}-{index}"), "name": "N"});
        server.client.upsert(&json!((0..100).map(record).collect::<Vec<_>>()));
    }
    server.restart_after(|data| {
        let to = data.with_file_name("to");
        let kept =
            (0..50).find_map(|round| killed(data, &to, round)).expect("a copy that was killed on its way");
        eprintln!("killed after {kept} of 1000 groups");
        refuses_to_work(&to, data);
        let copied = copy(path(data), path(&to), &["--portion-items", "200"]);
        assert_eq!((&copied["groups"], &copied["resumed"]), (&json!(1000), &json!(true)));
        assert_eq!(digests(path(data)), digests(path(&to)));
        let (code, _, stderr) = try_copy(path(data), path(&to), &[]);
        assert_eq!(code, Some(7), "it is a store like any other now: {stderr}");
        std::fs::remove_dir_all(data).unwrap();
        std::fs::rename(to, data).unwrap();
    });
    assert_eq!(server.client.all(1000).len(), 1000);
}

/// How many groups a copy has brought when it was killed; `None` where it was too early or too late.
fn killed(from: &Path, to: &Path, round: u64) -> Option<u64> {
    let mut command = rosterd();
    command.args(["db", "copy", "--portion-items", "1", "--from", path(from), "--to", path(to)]);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut copying = command.spawn().unwrap();
    // Every group is a transaction with a sync of its own, and leaves its pages in the log: some of them are there.
    let enough = 200_000 + 20_000 * round;
    let log = || std::fs::metadata(to.join("rosterd.db-wal")).map_or(0, |file| file.len());
    while copying.try_wait().unwrap().is_none() && log() < enough {
        std::thread::yield_now();
    }
    copying.kill().unwrap();
    copying.wait().unwrap();
    let (code, stdout, stderr) = finish(rosterd().args(["db", "digest", "--json", "--store", path(to)]));
    assert_eq!(code, Some(0), "{stderr}");
    let tenants = serde_json::from_str::<Value>(&stdout).unwrap()["tenants"].take();
    let groups = tenants[0]["groups"].as_u64().unwrap_or(0);
    if stderr.contains("is not finished") && (1..1000).contains(&groups) {
        return Some(groups);
    }
    std::fs::remove_dir_all(to).unwrap();
    None
}

/// Neither a server nor a command works on what is not whole.
fn refuses_to_work(data: &Path, from: &Path) {
    let mut list = rosterd();
    list.args(["tenants", "list", "--data-dir"]).arg(data);
    let mut create = rosterd();
    create.args(["tenants", "create", "mine", "--data-dir"]).arg(data);
    let new = data.with_file_name("new");
    let mut copy = rosterd();
    copy.args(["db", "copy", "--from", path(data), "--to", path(&new)]);
    for command in [&mut serve(data), &mut list, &mut create, &mut copy] {
        let (code, _, stderr) = finish(command);
        assert_eq!(code, Some(7), "{stderr}");
        assert!(stderr.contains("was never finished") && stderr.contains(path(from)), "{stderr}");
    }
}

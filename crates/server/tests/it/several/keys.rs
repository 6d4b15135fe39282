//! Keys are looked up with every request, so what the command line does to the database holds at once everywhere.

use serde_json::json;

use super::Pair;
use crate::harness::{OAuthClient, Server, UPSERT};

#[test]
fn a_revoked_key_stops_at_both_servers_with_the_next_request() {
    let Some(pair) = Pair::start() else { return };
    for _ in 0..3 {
        let (id, key) = pair.servers[0].new_key("default", "groups:read,groups:write");
        let clients = pair.clients().map(|client| client.with_key(key.key.clone()));
        let body = json!({"groups": [{"externalReferenceId": "a", "name": "A"}]}).to_string();
        for client in &clients {
            assert_eq!(client.get("/v3/groups").send().status, 200);
            assert_eq!(client.post(UPSERT, body.clone()).send().status, 200);
        }
        pair.servers[0].cli(["keys", "revoke", &id]);
        for client in &clients {
            assert_eq!(client.get("/v3/groups").send().status, 401);
            assert_eq!(client.post(UPSERT, body.clone()).send().status, 401);
        }
    }
}

/// A token dies with its client, and is good at every server.
#[test]
fn a_token_is_good_at_both_servers_as_long_as_its_client() {
    let Some(pair) = Pair::start() else { return };
    let client = OAuthClient::create(&pair.servers[0], "default", "groups:read");
    let token = client.sign_in(&[]).key;
    let clients = pair.clients().map(|one| one.with_key(token.clone()));
    let asked = || clients.each_ref().map(|one| one.get("/v3/groups").send().status);
    assert_eq!(asked(), [200; 2]);
    pair.servers[1].cli(["keys", "revoke", &client.id]);
    assert_eq!(asked(), [401; 2]);
}

/// The driver would log statements with their values: hashes of keys, and what groups hold.
#[test]
fn what_is_sent_to_the_database_is_not_logged() {
    let Some(database) = store::cluster::database() else { return };
    let server = Server::start_on_logging(database.url(), "trace");
    let body = json!({"groups": [{"externalReferenceId": "a", "name": "A planted name"}]}).to_string();
    assert_eq!(server.client.post(UPSERT, body).send().status, 200);
    let log = server.process.log();
    for planted in ["A planted name", "SELECT ", "INSERT ", "BEGIN "] {
        assert!(!log.contains(planted), "{planted:?} is in the log");
    }
}

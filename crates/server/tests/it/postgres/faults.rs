//! What can happen to one database.

use serde_json::json;
use store::cluster::{Cluster, Moment, PgBouncer, Proxy, Session, Settings, available, bouncer_available};

use super::{Pair, Stream};
use crate::harness::Server;

/// The database of these tests.
const DATABASE: &str = "directory";
/// So many acknowledged batches before, between and after faults.
const SOME: usize = 12;

/// A server that keeps what it acknowledges, with an empty database.
fn cluster(settings: &Settings) -> Option<Cluster> {
    let cluster = available().then(|| Cluster::start_with(settings))?;
    cluster.create_database(DATABASE);
    Some(cluster)
}

/// Lets a stream run, does something in the middle of it, and compares what is there after it.
fn survives(pair: &Pair, fault: impl FnOnce(&Stream)) {
    let stream = Stream::start(&pair.clients());
    stream.go_on(SOME);
    fault(&stream);
    stream.go_on(SOME);
    pair.wait_until_ready();
    stream.end(&pair.clients());
}

#[test]
fn nothing_happens() {
    let Some(cluster) = cluster(&Settings::durable()) else { return };
    let pair = Pair::start(&cluster.url(DATABASE));
    let stream = Stream::start(&pair.clients());
    stream.go_on(2 * SOME);
    pair.wait_until_ready();
    assert!(stream.end(&pair.clients()).is_empty(), "batches were refused");
}

#[test]
fn the_server_is_killed() {
    let Some(cluster) = cluster(&Settings::durable()) else { return };
    let pair = Pair::start(&cluster.url(DATABASE));
    survives(&pair, |stream| {
        for _ in 0..2 {
            cluster.kill9();
            pair.wait_until_not_ready();
            cluster.restart();
            stream.go_on(SOME);
        }
    });
}

#[test]
fn single_backends_are_killed() {
    let Some(cluster) = cluster(&Settings::durable()) else { return };
    let pair = Pair::start(&cluster.url(DATABASE));
    survives(&pair, |stream| {
        for round in 0..3 {
            let backends = cluster.backends(Some(DATABASE));
            cluster.kill_backend(backends[round % backends.len()]);
            stream.go_on(SOME);
        }
    });
}

#[test]
fn connections_are_ended_by_an_administrator() {
    let Some(cluster) = cluster(&Settings::durable()) else { return };
    let pair = Pair::start(&cluster.url(DATABASE));
    survives(&pair, |stream| {
        for _ in 0..3 {
            assert!(cluster.terminate_backends(DATABASE) > 0);
            stream.go_on(SOME);
        }
    });
}

/// Connections stay, and nobody answers: only deadlines of the server's own end that.
#[test]
fn the_server_is_frozen() {
    let Some(cluster) = cluster(&Settings::durable()) else { return };
    let pair = Pair::start(&cluster.url(DATABASE));
    survives(&pair, |_| {
        cluster.freeze();
        pair.wait_until_not_ready();
        cluster.thaw();
    });
}

/// The client of the database cannot tell whether a commit whose answer is lost was made. The servers find out:
/// nobody is told that the outcome is unknown.
#[test]
fn answers_to_commits_are_lost() {
    let Some(cluster) = cluster(&Settings::durable()) else { return };
    let proxy = Proxy::in_front_of(&cluster);
    let pair = Pair::start(&proxy.url(DATABASE));
    let stream = Stream::start(&pair.clients());
    for moment in [Moment::AfterCommit, Moment::BeforeCommit, Moment::AfterCommit] {
        stream.go_on(SOME);
        proxy.cut_commits(moment, 3);
        proxy.wait_for_cuts();
    }
    stream.go_on(SOME);
    let refused = stream.end(&pair.clients());
    assert!(!refused.keys().any(|said| said.contains("OUTCOME_UNKNOWN")), "{refused:?}");
}

/// Also where the client has given no key by which its batch could be known again.
#[test]
fn answers_to_commits_of_batches_without_keys_are_lost() {
    let Some(cluster) = cluster(&Settings::durable()) else { return };
    let proxy = Proxy::in_front_of(&cluster);
    let server = Server::start_on(&proxy.url(DATABASE));
    for round in 1..=6 {
        let moment = if round % 2 == 0 { Moment::BeforeCommit } else { Moment::AfterCommit };
        proxy.cut_commits(moment, 1);
        let name = format!("round {round}");
        let (status, answer) = server.client.upsert(&json!([{"externalReferenceId": "a", "name": name}]));
        let done = if round == 1 { "created" } else { "updated" };
        assert_eq!((status, &answer["summary"][done]), (200, &json!(1)), "{moment:?}: {answer:#}");
        assert_eq!(proxy.cuts_left(), 0);
        let group = server.client.group("a");
        assert_eq!((&group["name"], &group["revision"]), (&json!(name), &json!(round)));
        let runs = server.client.get("/v3/runs").send().json();
        assert_eq!(runs["runs"].as_array().unwrap().len(), round, "{runs:#}");
    }
}

#[test]
fn the_network_is_cut() {
    let Some(cluster) = cluster(&Settings::durable()) else { return };
    let proxy = Proxy::in_front_of(&cluster);
    let pair = Pair::start(&proxy.url(DATABASE));
    survives(&pair, |stream| {
        proxy.cut_all();
        stream.go_on(SOME);
        proxy.refuse();
        pair.wait_until_not_ready();
        proxy.pass();
    });
}

/// The network takes everything and delivers nothing.
#[test]
fn the_network_is_silent() {
    let Some(cluster) = cluster(&Settings::durable()) else { return };
    let proxy = Proxy::in_front_of(&cluster);
    let pair = Pair::start(&proxy.url(DATABASE));
    survives(&pair, |_| {
        proxy.hold();
        pair.wait_until_not_ready();
        proxy.pass();
    });
}

/// One of the two cannot reach the database: the other one serves, and whoever asks is told.
#[test]
fn one_server_is_cut_off() {
    let Some(cluster) = cluster(&Settings::durable()) else { return };
    let proxy = Proxy::in_front_of(&cluster);
    let pair = Pair::start_on([&cluster.url(DATABASE), &proxy.url(DATABASE)]);
    survives(&pair, |_| {
        proxy.refuse();
        let [reached, cut_off] = pair.clients();
        while cut_off.get("/readyz").send().status == 200 {}
        assert_eq!(reached.get("/readyz").send().status, 200);
        assert_eq!(reached.get("/v3/groups").send().status, 200);
        proxy.pass();
    });
}

#[test]
fn all_places_are_taken() {
    let Some(cluster) = cluster(&Settings::durable().with("max_connections", "70")) else { return };
    let pair = Pair::start(&cluster.url(DATABASE));
    survives(&pair, |_| {
        // In another database, so that ours can be told from theirs.
        let mut others = Vec::new();
        while !cluster.backends(Some(DATABASE)).is_empty() {
            cluster.terminate_backends(DATABASE);
            while let Ok(other) = Session::open(&cluster.url("postgres")) {
                others.push(other);
            }
        }
        pair.wait_until_not_ready();
        drop(others);
    });
}

#[test]
fn the_database_takes_no_writes() {
    let Some(cluster) = cluster(&Settings::durable()) else { return };
    let pair = Pair::start(&cluster.url(DATABASE));
    survives(&pair, |_| {
        cluster.set("default_transaction_read_only", "on");
        pair.wait_until_not_ready();
        cluster.set("default_transaction_read_only", "off");
    });
}

/// The pooler stays, and says in its own words that the server is gone.
#[test]
fn the_server_behind_a_pooler_is_killed() {
    if !bouncer_available() {
        return;
    }
    let Some(cluster) = cluster(&Settings::durable()) else { return };
    let bouncer = PgBouncer::in_front_of(&cluster);
    let pair = Pair::start(&bouncer.url(DATABASE));
    survives(&pair, |_| {
        cluster.kill9();
        pair.wait_until_not_ready();
        cluster.restart();
    });
}

/// The one who is killed is ours, in the middle of its batches: the other one knows what became of them.
#[test]
fn one_of_the_two_is_killed() {
    let Some(cluster) = cluster(&Settings::durable()) else { return };
    let mut pair = Pair::start(&cluster.url(DATABASE));
    let stream = Stream::start(&pair.clients());
    stream.go_on(SOME);
    pair.servers[1].process.kill();
    stream.go_on(2 * SOME);
    pair.servers[1] = pair.servers[0].beside(&cluster.url(DATABASE));
    stream.end(&pair.clients());
}

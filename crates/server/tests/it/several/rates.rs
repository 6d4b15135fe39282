//! Limits hold for all servers together.

use std::time::Instant;

use serde_json::{Value, json};
use store::cluster::Session;

use super::{DATABASE, Pair};
use crate::harness::{Answer, Exchange, GROUPS, UPSERT};

fn seconds_since(start: Instant) -> usize {
    start.elapsed().as_secs().try_into().unwrap()
}

/// How many get through when it is sent to both in turn, so often.
fn through(exchanges: &[Exchange; 2], times: usize) -> usize {
    let answers: Vec<Answer> = exchanges.iter().cycle().take(times).map(Exchange::send).collect();
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!((refused.status, &refused.json()["code"]), (429, &json!("RATE_LIMITED")));
        let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    answers.iter().filter(|answer| answer.status == 200).count()
}

#[test]
fn requests_are_limited_by_key_at_both_servers_together() {
    let limit = 60;
    let Some(pair) = Pair::start_with(&["--requests-per-minute", &limit.to_string()]) else { return };
    let start = Instant::now();
    let through = through(&pair.clients().map(|client| client.get(GROUPS)), 2 * limit);
    // One a second flows in, and each server may have had one block of three from before.
    let most = limit + 2 * limit / 20 + seconds_since(start) + 1;
    assert!((limit..=most).contains(&through), "{through}");
    // Another key has a limit of its own.
    let other = pair.servers[1].new_key("default", "groups:read").1;
    assert_eq!(other.get(GROUPS).send().status, 200);
    let left = other.get(GROUPS).send().header("ratelimit").unwrap().to_owned();
    assert!(left.starts_with(r#""requests";r=58;t="#) || left.starts_with(r#""requests";r=59;t="#), "{left}");
}

#[test]
fn records_are_limited_by_key_at_both_servers_together() {
    let limit = 2000;
    let Some(pair) = Pair::start_with(&["--records-per-minute", &limit.to_string()]) else { return };
    let record = |number: usize| json!({"externalReferenceId": format!("r-{number}"), "name": "n"});
    let body = json!({"groups": (0..400).map(record).collect::<Value>()}).to_string();
    let start = Instant::now();
    let through = through(&pair.clients().map(|client| client.post(UPSERT, body.clone())), 10);
    let flown_in = (seconds_since(start) + 1) * limit / 60;
    assert!((5..=(limit + 2 * limit / 20 + flown_in) / 400).contains(&through), "{through}");
}

/// Limits make no server wait, let alone fail: as long as nothing can be taken from them together, each server counts
/// what it lets through itself.
#[test]
fn where_limits_cannot_be_shared_each_server_counts_for_itself() {
    let limit = 20;
    let Some(pair) = Pair::start_with(&["--requests-per-minute", &limit.to_string()]) else { return };
    let exchanges = pair.clients().map(|client| client.get(GROUPS));
    // The first row of the key is there.
    assert_eq!(exchanges[0].send().status, 200);
    let session = Session::open(&pair.cluster.url(DATABASE)).unwrap();
    session.execute("BEGIN").unwrap();
    session.execute("LOCK TABLE rate_leases IN ACCESS EXCLUSIVE MODE").unwrap();
    let start = Instant::now();
    let alone = through(&exchanges, 4 * limit);
    let flown_in = seconds_since(start) * limit / 60 + 1;
    assert!((2 * limit - 1..=2 * (limit + flown_in)).contains(&alone), "{alone}");
    session.execute("ROLLBACK").unwrap();
    super::soon("the limit is shared again", || {
        exchanges[0].send();
        pair.servers[0].process.log().contains("limits are shared with other servers again").then_some(())
    });
}

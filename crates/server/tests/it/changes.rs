//! The feed of changes: whoever follows it ends with what there is, and misses nothing on the way.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::harness::{Answer, Client, Event, Events, GROUPS, Random, Server, check};

const CHANGES: &str = "/v3/groups/changes";
const STREAM: &str = "/v3/groups/changes/stream";

fn get(client: &Client, query: &str) -> Answer {
    client.get(&format!("{CHANGES}?{query}")).send()
}

/// One page: the groups, where to go on, and whether there is more.
fn page(client: &Client, since: &str, limit: usize) -> (Vec<Value>, String, bool) {
    let answer = get(client, &format!("since={since}&limit={limit}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = answer.json();
    assert_eq!(page.as_object().unwrap().len(), 3, "{page}");
    let groups = page["groups"].as_array().unwrap().clone();
    let more = page["more"].as_bool().unwrap();
    assert!(if more { groups.len() == limit } else { groups.len() <= limit });
    (groups, page["nextSince"].as_str().unwrap().to_owned(), more)
}

/// Everything behind a position, and where it ends.
fn pages(client: &Client, since: &str, limit: usize) -> (Vec<Value>, String) {
    let (mut groups, mut since) = (Vec::new(), since.to_owned());
    loop {
        let (found, next, more) = page(client, &since, limit);
        groups.extend(found);
        since = next;
        if !more {
            return (groups, since);
        }
    }
}

fn stream(client: &Client, query: &str) -> Events {
    Events::begin(&client.get(&format!("{STREAM}?{query}"))).unwrap()
}

fn place(group: &Value) -> (u64, u64) {
    (group["revision"].as_u64().unwrap(), group["id"].as_str().unwrap().parse().unwrap())
}

fn records(keys: std::ops::Range<usize>, name: &str) -> Value {
    keys.map(|key| json!({"externalReferenceId": format!("k-{key}"), "name": name})).collect()
}

/// What somebody knows who reads nothing but the feed.
#[derive(Default)]
struct Mirror {
    groups: BTreeMap<u64, Value>,
    last: (u64, u64),
}

impl Mirror {
    fn learn(&mut self, group: Value) {
        // Strictly in order: nothing is repeated, and nothing comes behind what was passed.
        assert!(place(&group) > self.last, "{:?} after {:?}", place(&group), self.last);
        self.last = place(&group);
        self.groups.insert(self.last.1, group);
    }

    fn check(self, client: &Client) {
        let stored = client.all(1000);
        assert_eq!(self.groups.into_values().collect::<Vec<_>>(), stored);
    }
}

#[test]
fn pages_of_any_size_hold_every_group_once_in_the_order_of_revisions() {
    let server = Server::start();
    let client = &server.client;
    assert_eq!(page(client, "0", 10), (vec![], "0".to_owned(), false));
    assert_eq!(client.upsert(&records(0..1000, "n")).0, 200);
    for key in [500, 3, 700] {
        assert_eq!(client.upsert(&records(key..key + 1, "new")).0, 200);
    }
    assert_eq!(client.upsert(&records(998..1005, "last")).0, 200);
    let (all, end) = pages(client, "0", 1000);
    assert_eq!(end, "5");
    assert!(all.is_sorted_by(|one, next| place(one) < place(next)));
    let mut by_id = all.clone();
    by_id.sort_by_key(|group| place(group).1);
    assert_eq!(by_id, client.all(1000), "the same groups, shown alike");
    // The first batch has more groups than a page.
    for limit in [7, 99, 100, 994, 995, 996] {
        assert_eq!(pages(client, "0", limit), (all.clone(), end.clone()), "{limit}");
    }
    assert_eq!(page(client, "0", 7).1, format!("1-{}", all[6]["id"].as_str().unwrap()));
    let (groups, next, more) =
        (get(client, "").json(), json!(format!("1-{}", place(&all[99]).1)), json!(true));
    assert_eq!(
        (groups["groups"].as_array().unwrap().len(), &groups["nextSince"], &groups["more"]),
        (100, &next, &more)
    );
    // Exactly as many as there are, and one fewer.
    assert_eq!(page(client, "4", 7), (all[998..].to_vec(), "5".to_owned(), false));
    assert_eq!(page(client, "4", 6), (all[998..1004].to_vec(), "5-1004".to_owned(), true));
    // Nothing new.
    for since in ["5", "5-1005", "5-9007199254740991"] {
        assert_eq!(page(client, since, 1), (vec![], "5".to_owned(), false));
    }
}

#[test]
fn what_does_not_change_is_not_told() {
    let server = Server::start();
    let client = &server.client;
    assert_eq!(client.upsert(&records(0..50, "n")).0, 200);
    let mut events = stream(client, "since=1");
    let mut both = records(0..50, "n");
    both.as_array_mut().unwrap().push(json!({"externalReferenceId": "k-1"}));
    check(client, &records(0..3, "n"), &["unchanged"; 3]);
    assert_eq!(
        client
            .post(
                &format!("{GROUPS}/batch-upsert?dryRun=true"),
                json!({"groups": records(0..9, "x")}).to_string()
            )
            .send()
            .status,
        200
    );
    check(client, &json!([{"externalReferenceId": "new"}]), &["failed REQUIRED_FIELD_MISSING name"]);
    assert_eq!(page(client, "1", 10), (vec![], "1".to_owned(), false));
    // Among unchanged ones, the one that changed.
    let mut mixed = records(0..50, "n");
    mixed[20]["description"] = json!("new");
    assert_eq!(client.upsert(&mixed).1["summary"]["updated"], 1);
    let event = events.next().unwrap();
    assert_eq!((&*event.id, &event.group), ("2-21", &client.group("k-20")));
    assert_eq!(page(client, "1", 10).0, [event.group]);
}

/// Has several clients write at once, new groups and changes of those that there are.
fn write_at_once(client: &Client, writers: &AtomicUsize) {
    thread::scope(|scope| {
        for writer in 0..4 {
            scope.spawn(move || {
                for round in 0..25 {
                    let start = (round * 7 + writer * 3) % 60;
                    let records = records(start..start + 20, &format!("{writer}-{round}"));
                    assert_eq!(client.upsert(&records).0, 200);
                    let single = json!([{"externalReferenceId": "hot", "name": format!("{writer}-{round}")}]);
                    assert_eq!(client.upsert(&single).0, 200);
                }
                writers.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
}

#[test]
fn pages_beside_several_writers_miss_nothing() {
    let server = Server::start();
    let (client, writers) = (&server.client, AtomicUsize::new(4));
    thread::scope(|scope| {
        scope.spawn(|| write_at_once(client, &writers));
        for limit in [1, 13, 1000] {
            let writers = &writers;
            scope.spawn(move || {
                let (mut mirror, mut since) = (Mirror::default(), "0".to_owned());
                loop {
                    // Asked before the page: what is read then is all there is.
                    let done = writers.load(Ordering::SeqCst) == 0;
                    let (groups, next, more) = page(client, &since, limit);
                    for group in groups {
                        mirror.learn(group);
                    }
                    since = next;
                    if done && !more {
                        break;
                    }
                }
                mirror.check(client);
            });
        }
    });
}

/// Reads events until the last write is told.
fn follow(client: &Client, mut random: Option<Random>) -> Mirror {
    let (mut mirror, mut last_id, mut begun) = (Mirror::default(), None, 0);
    'again: loop {
        let exchange = client.get(&format!("{STREAM}?since=0"));
        let exchange = match &last_id {
            Some(id) => exchange.header("last-event-id", id),
            None => exchange,
        };
        let mut events = match Events::begin(&exchange) {
            Ok(events) => events,
            // Connections that were left are noticed in a moment.
            Err(answer) => {
                assert_eq!((answer.status, answer.header("retry-after").is_some()), (503, true));
                thread::yield_now();
                continue;
            }
        };
        begun += 1;
        let mut count = random.as_mut().map_or(usize::MAX, |random| 1 + random.below(40));
        while let Some(Event { id, group }) = events.next() {
            assert_eq!(id, format!("{}-{}", place(&group).0, place(&group).1));
            last_id = Some(id);
            let last = group["externalReferenceId"] == "the last one";
            mirror.learn(group);
            if last {
                eprintln!("{begun} connections");
                return mirror;
            }
            count -= 1;
            if count == 0 {
                continue 'again;
            }
        }
        panic!("the stream ended");
    }
}

#[test]
fn streams_beside_several_writers_miss_nothing() {
    let server = Server::start();
    let (client, writers) = (&server.client, AtomicUsize::new(4));
    thread::scope(|scope| {
        scope.spawn(|| {
            write_at_once(client, &writers);
            check(client, &json!([{"externalReferenceId": "the last one", "name": "n"}]), &["created"]);
        });
        let seeds = [None, None, Some(Random::new()), Some(Random::new())];
        let followers = seeds.map(|random| scope.spawn(|| follow(client, random)));
        for follower in followers {
            follower.join().unwrap().check(client);
        }
    });
}

#[test]
fn a_stream_tells_what_is_there_and_then_what_comes() {
    let server = Server::start();
    let client = &server.client;
    // More than the stream reads at once.
    assert_eq!(client.upsert(&records(0..250, "n")).0, 200);
    let mut events = stream(client, "since=1-30");
    assert_eq!(events.head.header("cache-control"), Some("no-store"));
    assert_eq!(events.block().unwrap().unwrap(), "retry: 1000");
    for id in 31..=250 {
        assert_eq!(events.next().unwrap().id, format!("1-{id}"));
    }
    for round in 0..20 {
        let text = format!("text {round}\n\n\ndata: x\n\n");
        check(
            client,
            &json!([{"externalReferenceId": "k-7", "description": text}]),
            &["updated description"],
        );
        let event = events.next().unwrap();
        assert_eq!((&event.id, &event.group), (&format!("{}-8", round + 2), &client.group("k-7")));
    }
    // A stream is not packed: an event would wait until there is enough to pack.
    let exchange = client.get(STREAM).header("accept-encoding", "gzip, br, zstd");
    let mut events = Events::begin(&exchange).unwrap();
    assert_eq!(events.head.header("content-encoding"), None);
    assert_eq!(events.next().unwrap().id, "1-1");
}

#[test]
fn a_position_outlives_the_server() {
    let mut server = Server::start();
    assert_eq!(server.client.upsert(&records(0..20, "n")).0, 200);
    let (_, since, _) = page(&server.client, "0", 8);
    let id = stream(&server.client, "since=1-11").next().unwrap().id;
    server.restart();
    assert_eq!((page(&server.client, &since, 100).0.len(), &*id), (12, "1-12"));
    assert_eq!(server.client.upsert(&records(2..3, "new")).0, 200);
    server.kill9_and_restart();
    let exchange = server.client.get(STREAM).header("last-event-id", id);
    let mut events = Events::begin(&exchange).unwrap();
    let ids: Vec<String> = (0..9).map(|_| events.next().unwrap().id).collect();
    assert_eq!((&*ids[0], &*ids[7], &*ids[8]), ("1-13", "1-20", "2-3"));
}

#[test]
fn tenants_see_their_own_changes() {
    let server = Server::start();
    let (one, two) = (server.new_tenant("one"), server.new_tenant("two"));
    let [mut of_one, mut of_two] = [&one, &two].map(|client| stream(client, ""));
    assert_eq!(one.upsert(&records(0..3, "One's")).0, 200);
    assert_eq!(two.upsert(&records(0..1, "Two's")).0, 200);
    assert_eq!(two.upsert(&records(1..2, "Two's")).0, 200);
    for (events, name, ids) in
        [(&mut of_one, "One's", &["1-1", "1-2", "1-3"][..]), (&mut of_two, "Two's", &["1-1", "2-2"])]
    {
        for id in ids {
            let event = events.next().unwrap();
            assert_eq!((&*event.id, &event.group["name"]), (*id, &json!(name)));
        }
    }
    assert_eq!((pages(&one, "0", 2).0.len(), pages(&two, "0", 2).0.len()), (3, 2));
    assert_eq!(pages(&server.client, "0", 2), (vec![], "0".to_owned()));
    // Another tenant's revisions are not this one's.
    assert_eq!((get(&two, "since=2").status, get(&one, "since=2").status), (200, 400));
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let server = Server::start();
    let client = &server.client;
    assert_eq!(client.upsert(&records(0..2, "n")).0, 200);
    for (query, reason, field) in [
        ("since=x", "INVALID_PARAMETER", "since"),
        ("since=", "INVALID_PARAMETER", "since"),
        ("since=-1", "INVALID_PARAMETER", "since"),
        ("since=1&since=1", "INVALID_PARAMETER", "since"),
        ("archived=any", "INVALID_PARAMETER", "archived"),
        ("since=2", "INVALID_CURSOR", "since"),
        ("since=2-1", "INVALID_CURSOR", "since"),
        ("since=9223372036854775807", "INVALID_CURSOR", "since"),
    ] {
        for path in [CHANGES, STREAM] {
            let answer = client.get(&format!("{path}?{query}")).send();
            let problem = answer.json();
            assert_eq!(
                (answer.status, &problem["code"]),
                (400, &json!("VALIDATION_ERROR")),
                "{path} {query}"
            );
            assert_eq!(
                (&problem["reason"], &problem["field"]),
                (&json!(reason), &json!(field)),
                "{path} {query}"
            );
        }
    }
    for limit in ["0", "1001", "x"] {
        assert_eq!(get(client, &format!("limit={limit}")).json()["field"], "limit");
    }
    for (id, reason) in [("x", "INVALID_PARAMETER"), ("", "INVALID_PARAMETER"), ("2-1", "INVALID_CURSOR")] {
        let problem = client.get(&format!("{STREAM}?since=0")).header("last-event-id", id).send().json();
        assert_eq!(
            (&problem["reason"], &problem["field"]),
            (&json!(reason), &json!("Last-Event-ID")),
            "{id}"
        );
    }
    let (_, writer) = server.new_key("default", "groups:write");
    for path in [CHANGES, STREAM] {
        assert_eq!(client.get(path).without("authorization").send().status, 401, "{path}");
        assert_eq!(writer.get(path).send().status, 403, "{path}");
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let answer = client.get(path).method(method).send();
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,HEAD")), "{method} {path}");
        }
    }
    // A HEAD takes no seat for longer than it takes.
    for _ in 0..20 {
        let answer = client.get(STREAM).method("HEAD").send();
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    }
}

#[test]
fn a_revoked_key_ends_its_streams() {
    let server = Server::start();
    let (id, reader) = server.new_key("default", "groups:read");
    let mut others = stream(&server.client, "");
    let mut streams = [stream(&reader, ""), stream(&reader, "")];
    assert_eq!(server.client.upsert(&records(0..1, "n")).0, 200);
    for events in &mut streams {
        assert_eq!(events.next().unwrap().id, "1-1");
    }
    server.cli(["keys", "revoke", &id]);
    assert_eq!(server.client.upsert(&records(0..1, "secret")).0, 200);
    for events in &mut streams {
        assert!(events.next().is_none(), "it ends, without what came behind");
    }
    assert_eq!((&*others.next().unwrap().id, &*others.next().unwrap().id), ("1-1", "2-1"));
}

#[test]
fn streams_do_not_hold_up_the_end() {
    let mut server = Server::start();
    let mut streams: Vec<Events> = (0..5).map(|_| stream(&server.client, "")).collect();
    assert_eq!(server.client.upsert(&records(0..1, "n")).0, 200);
    for events in &mut streams {
        assert_eq!(events.next().unwrap().id, "1-1");
    }
    server.process.terminate();
    for events in &mut streams {
        assert!(events.next().is_none(), "it ends as it should");
    }
    assert_eq!(server.process.wait().code(), Some(0));
    let log = server.process.log();
    assert!(log.contains("\"finished\":true"), "nothing was cut off: {log}");
}

#[test]
fn a_key_has_so_many_streams() {
    let server = Server::start();
    let (_, other) = server.new_key("default", "groups:read");
    let begin = |client: &Client| Events::begin(&client.get(STREAM));
    let mut present: Vec<Events> = (0..16).map(|_| begin(&server.client).unwrap()).collect();
    let Err(answer) = begin(&server.client) else { panic!("one too many") };
    assert_eq!((answer.status, answer.header("retry-after").is_some()), (503, true));
    assert_eq!(answer.json()["code"], "UNAVAILABLE");
    let mut others = begin(&other).unwrap();
    // One that goes without a word makes room, once somebody has asked for it.
    present.pop();
    while begin(&server.client).is_err() {
        thread::yield_now();
    }
    assert_eq!(server.client.upsert(&records(0..1, "n")).0, 200);
    assert_eq!(present.iter_mut().chain([&mut others]).filter_map(Events::next).count(), 16);
    // The one that was seated and went at once may still be counted.
    let metrics = server.client.get("/metrics").send();
    assert!([16, 17].iter().any(|open| metrics.text().contains(&format!("rosterd_change_streams {open}\n"))));
}

#[test]
fn who_does_not_read_harms_nobody() {
    let mut server = Server::start();
    let client = &server.client.clone();
    let (description, url) = ("long ".repeat(50), format!("https://example.com/{}", "x".repeat(470)));
    let batch = |start: usize| -> Value {
        (start..start + 1000)
            .map(|key| json!({"externalReferenceId": format!("k-{key}"), "name": "n", "description": description, "photoUrl": url}))
            .collect()
    };
    for start in (0..6000).step_by(1000) {
        assert_eq!(client.upsert(&batch(start)).0, 200);
    }
    // More than any buffer on the way takes.
    let mut silent: Vec<Events> = (0..8).map(|_| stream(client, "")).collect();
    let mut attentive = stream(client, "");
    for _ in 0..6000 {
        attentive.next().unwrap();
    }
    for round in 0..20 {
        check(
            client,
            &json!([{"externalReferenceId": "new", "name": round.to_string()}]),
            &[["updated name", "created"][usize::from(round == 0)]],
        );
        assert_eq!(attentive.next().unwrap().group["name"], round.to_string());
        assert_eq!(client.get(&format!("{GROUPS}?limit=1000")).send().status, 200);
    }
    // Late, but all there.
    let mut mirror = Mirror::default();
    let mut events = silent.pop().unwrap();
    while mirror.groups.len() < 6001 {
        mirror.learn(events.next().unwrap().group);
    }
    mirror.check(client);
    server.process.terminate();
    assert_eq!(server.process.wait().code(), Some(0));
    let log = server.process.log();
    assert!(log.contains("\"finished\":true"), "those who do not read hold nothing up: {log}");
}

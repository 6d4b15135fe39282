//! The filter `search` of the list: what it finds, and that it is never out of date, whatever has become of
//! its index.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;

use serde_json::{Value, json};

use crate::harness::{Client, GROUPS, Random, Server, check, encode};

/// The keys of what is found, by pages of this size, in order.
#[track_caller]
fn found(client: &Client, text: &str, more: &str, limit: usize) -> Vec<String> {
    let (mut keys, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let target = format!("{GROUPS}?search={}{more}&limit={limit}{cursor}", encode(text));
        let answer = client.get(&target).send();
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        let page = answer.json();
        let groups = page["groups"].as_array().unwrap();
        assert!(groups.len() <= limit);
        for group in groups {
            let key = group["externalReferenceId"].as_str().unwrap().to_owned();
            assert!(keys.insert(key.clone()), "{key} comes twice in {text:?}");
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return keys.into_iter().collect(),
        }
    }
}

fn group(key: &str, name: &str) -> Value {
    json!({"externalReferenceId": key, "name": name})
}

fn some_groups(client: &Client) {
    let records = json!([
        group("HR-001", "Éva Kovács"),
        group("hr-002", "Goethestraße"),
        group("x/3", "EVA the Second"),
        {"externalReferenceId": "child", "name": "evangelical", "parentExternalReferenceId": "HR-001"},
        group("t", "東京大学"),
    ]);
    check(client, &records, &["created"; 5]);
}

#[test]
fn texts_find_names_and_references() {
    let server = Server::start();
    let client = &server.client;
    some_groups(client);
    for round in 0..2 {
        for (text, expected) in [
            ("eva", &["HR-001", "child", "x/3"][..]),
            ("ÉVA", &["HR-001", "child", "x/3"]),
            ("kov eva", &["HR-001"]),
            ("hr", &["HR-001", "hr-002"]),
            ("Hr-00", &["HR-001", "hr-002"]),
            ("hr001", &["HR-001"]),
            ("x/3", &["x/3"]),
            ("GOETHESTRASSE", &["hr-002"]),
            ("京大", &["t"]),
            ("va", &[]),
            ("' OR 1=1 --", &[]),
        ] {
            for limit in [1, 2, 1000] {
                assert_eq!(found(client, text, "", limit), expected, "{text:?} by {limit}, round {round}");
            }
        }
        for (more, expected) in [
            ("&roots=true", &["HR-001", "x/3"][..]),
            ("&parentExternalReferenceId=HR-001", &["child"]),
            ("&parentExternalReferenceId=nobody", &[]),
            ("&archived=true", &[]),
            ("&archived=any", &["HR-001", "child", "x/3"]),
            ("&externalReferenceType=T", &[]),
            ("&updatedAfter=2099-01-01T00:00:00Z", &[]),
            ("&updatedAfter=2001-01-01T00:00:00Z&roots=true", &["HR-001", "x/3"]),
        ] {
            assert_eq!(found(client, "eva", more, 1), expected, "{more}, round {round}");
        }
        // Once as fast as can be, and once out of the index.
        server.indexed();
    }
}

#[test]
fn texts_that_cannot_be_searched_for_are_refused() {
    let server = Server::start();
    let client = &server.client;
    some_groups(client);
    for (query, told) in [
        ("search=", "at least one letter or digit"),
        ("search=%25", "at least one letter or digit"),
        ("search=%00", "at least one letter or digit"),
        ("search=%F0%9F%A6%8A", "at least one letter or digit"),
        ("search=a&search=b", "only once"),
        (&format!("search={}", "x".repeat(256)), "at most 255"),
        ("search=a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q", "at most 16"),
    ] {
        let answer = client.get(&format!("{GROUPS}?{query}")).send();
        let problem = answer.json();
        assert_eq!((answer.status, &problem["code"]), (400, &json!("VALIDATION_ERROR")), "{query}");
        assert_eq!((&problem["reason"], &problem["field"]), (&json!("INVALID_PARAMETER"), &json!("search")));
        assert!(problem["detail"].as_str().unwrap().contains(told), "{problem}");
    }
    let page = client.get(&format!("{GROUPS}?search=eva&limit=1")).send().json();
    let cursor = page["nextCursor"].as_str().unwrap();
    let other = server.new_tenant("other");
    for (client, query) in [(client, "search=ev"), (client, "roots=true"), (&other, "search=eva")] {
        let answer = client.get(&format!("{GROUPS}?{query}&cursor={cursor}")).send();
        assert_eq!((answer.status, &answer.json()["reason"]), (400, &json!("INVALID_CURSOR")), "{query}");
    }
    assert_eq!(found(&other, "eva", "", 9), Vec::<String>::new());
}

/// Writers rename, each its own group, and look at once, each on a new connection.
#[test]
fn a_rename_is_seen_by_the_next_search() {
    const ROUNDS: usize = 60;
    let server = Server::start();
    let rename_and_look = |writer: usize| {
        let (client, key) = (&server.client, format!("w{writer}"));
        for round in 0..ROUNDS {
            let (old, new) = (format!("v{writer}n{}", round.wrapping_sub(1)), format!("v{writer}n{round}"));
            let (status, answer) = client.upsert(&json!([group(&key, &format!("{new} same"))]));
            assert_eq!((status, &answer["summary"]["failed"]), (200, &json!(0)));
            assert_eq!(found(client, &format!("same {new}"), "", 10), [key.as_str()], "{new}");
            assert_eq!(found(client, &old, "", 10), Vec::<String>::new(), "{old}");
        }
    };
    thread::scope(|scope| {
        (0..4).for_each(|writer| drop(scope.spawn(move || rename_and_look(writer))));
    });
    server.indexed();
    assert_eq!(found(&server.client, "same", "", 3), ["w0", "w1", "w2", "w3"]);
}

/// Compares what is found with what is listed, for many texts.
#[track_caller]
fn check_all(client: &Client, what: &str) {
    let groups = client.all(1000);
    for text in ["group", "group 1", "blue", "renamed", "key-1", "red group", "key12"] {
        let expected: BTreeSet<String> = groups
            .iter()
            .filter(|group| {
                let key = group["externalReferenceId"].as_str().unwrap();
                let all = format!("{} {key} {}", group["name"].as_str().unwrap(), key.replace('-', ""));
                let words: Vec<String> =
                    all.to_lowercase().split([' ', '-']).map(ToOwned::to_owned).collect();
                text.split([' ', '-']).all(|wanted| words.iter().any(|word| word.starts_with(wanted)))
            })
            .map(|group| group["externalReferenceId"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(found(client, text, "", 400), expected.into_iter().collect::<Vec<_>>(), "{text:?} {what}");
    }
}

fn fill(client: &Client, numbers: std::ops::Range<usize>, name: &str) {
    let records: Vec<Value> = numbers
        .map(|number| {
            let colour = if number % 3 == 0 { "Red" } else { "Blue" };
            group(&format!("KEY-{number}"), &format!("{name} {colour} {number}"))
        })
        .collect();
    for batch in records.chunks(500) {
        assert_eq!(client.upsert(&json!(batch)).0, 200);
    }
}

/// What it is called, whether the file is worth nothing then, and how it comes about.
type Accident<'a> = (&'static str, bool, &'a dyn Fn(&Path));

#[test]
fn whatever_becomes_of_the_index_searches_are_right() {
    let mut other = Server::start();
    fill(&other.client, 0..300, "other");
    let mut foreign = Vec::new();
    other.indexed();
    other.restart_after(|data| foreign = std::fs::read(data.join("search.db")).unwrap());
    let mut server = Server::start();
    fill(&server.client, 0..800, "Group");
    check_all(&server.client, "at once");
    server.indexed();
    check_all(&server.client, "indexed");
    let garbage = |data: &Path| std::fs::write(data.join("search.db"), vec![0xA5; 100_000]).unwrap();
    let holes = |data: &Path| {
        let path = data.join("search.db");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.chunks_mut(4096).skip(1).step_by(3).for_each(|page| page.fill(0x5A));
        std::fs::write(path, bytes).unwrap();
    };
    let cut = |data: &Path| {
        let path = data.join("search.db");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    let accidents: [Accident<'_>; 7] = [
        ("after a restart", false, &|_| {}),
        ("without its file", false, &|data| std::fs::remove_file(data.join("search.db")).unwrap()),
        ("with a file of garbage", true, &garbage),
        ("with an empty file", false, &|data| std::fs::write(data.join("search.db"), "").unwrap()),
        ("with holes in its file", true, &holes),
        ("with half a file", true, &cut),
        ("with the file of another server", true, &|data| {
            std::fs::write(data.join("search.db"), &foreign).unwrap();
        }),
    ];
    for (number, (what, worthless, accident)) in accidents.iter().enumerate() {
        server.restart_after(accident);
        check_all(&server.client, what);
        fill(&server.client, number * 100..number * 100 + 50, "Renamed");
        check_all(&server.client, what);
        server.indexed();
        check_all(&server.client, what);
        let told = server.process.log().contains("the index for searches is made anew");
        assert_eq!(told, *worthless, "{what}:\n{}", server.process.log());
    }
}

#[test]
fn after_a_crash_searches_are_right() {
    let mut server = Server::start();
    let mut random = Random::new();
    for round in 0..6 {
        fill(&server.client, 0..400 + round * 300, if round % 2 == 0 { "Group" } else { "Renamed group" });
        for _ in 0..random.below(3_000_000) {
            std::hint::spin_loop();
        }
        server.kill9_and_restart();
        check_all(&server.client, "after kill -9");
        if round % 3 == 2 {
            server.indexed();
            check_all(&server.client, "indexed after kill -9");
        }
    }
}

/// A backup of the data file alone is put back, and the old index is still there.
#[test]
fn an_index_of_the_future_is_not_believed() {
    let mut server = Server::start();
    fill(&server.client, 0..200, "Group");
    server.indexed();
    let mut copy = Vec::new();
    server.restart_after(|data| copy = std::fs::read(data.join("rosterd.db")).unwrap());
    fill(&server.client, 0..200, "Renamed");
    server.indexed();
    server.restart_after(|data| std::fs::write(data.join("rosterd.db"), &copy).unwrap());
    check_all(&server.client, "with an older data file");
    assert_eq!(found(&server.client, "renamed", "", 10), Vec::<String>::new());
    // The same number of revisions, and other changes in them.
    let mut index = Vec::new();
    fill(&server.client, 100..200, "Different");
    server.indexed();
    server.restart_after(|data| index = std::fs::read(data.join("search.db")).unwrap());
    server.restart_after(|data| std::fs::write(data.join("rosterd.db"), &copy).unwrap());
    fill(&server.client, 0..100, "Renamed");
    server.restart_after(|data| std::fs::write(data.join("search.db"), &index).unwrap());
    check_all(&server.client, "with the index of another history");
    server.indexed();
    check_all(&server.client, "with the index of another history, made anew");
}

#[test]
fn without_a_file_for_the_index_everything_works() {
    let mut server = Server::start();
    fill(&server.client, 0..100, "Group");
    server.restart_after(|data| {
        std::fs::remove_file(data.join("search.db")).unwrap();
        std::fs::create_dir(data.join("search.db")).unwrap();
    });
    check_all(&server.client, "with a directory in its place");
    fill(&server.client, 50..150, "Renamed");
    check_all(&server.client, "with a directory in its place");
    assert_eq!(server.client.get("/readyz").send().status, 200);
    server.restart_after(|data| std::fs::remove_dir(data.join("search.db")).unwrap());
    server.indexed();
    check_all(&server.client, "with a file again");
}

//! The list of groups, page by page.

use serde_json::{Value, json};

use crate::harness::{Client, GROUPS, Server};

fn create(client: &Client, numbers: std::ops::Range<usize>) {
    let records: Vec<Value> =
        numbers.map(|number| json!({"externalReferenceId": format!("g-{number}"), "name": "n"})).collect();
    for batch in records.chunks(1000) {
        assert_eq!(client.upsert(&json!(batch)).0, 200);
    }
}

fn page(client: &Client, query: &str) -> (Vec<Value>, Option<String>) {
    let answer = client.get(&format!("{GROUPS}?{query}")).send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let page = answer.json();
    assert_eq!(page.as_object().unwrap().len(), 2);
    (page["groups"].as_array().unwrap().clone(), page["nextCursor"].as_str().map(ToOwned::to_owned))
}

#[test]
fn pages_hold_every_group_once_in_the_order_of_ids() {
    let server = Server::start();
    let client = &server.client;
    create(client, 0..2500);
    let keys: Vec<String> = (0..2500).map(|number| format!("g-{number}")).collect();
    for limit in [1000, 500, 999, 7] {
        let groups = client.all(limit);
        let ids: Vec<u64> =
            groups.iter().map(|group| group["id"].as_str().unwrap().parse().unwrap()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next), "limit {limit}");
        let found: Vec<&str> =
            groups.iter().map(|group| group["externalReferenceId"].as_str().unwrap()).collect();
        assert_eq!(found, keys, "limit {limit}");
    }
    let (groups, cursor) = page(client, "");
    assert_eq!((groups.len(), cursor.is_some()), (100, true));
    let (groups, cursor) = page(client, "limit=1");
    assert_eq!((groups.len(), &groups[0]["id"]), (1, &json!("1")));
    // What was created meanwhile comes behind; what was read stays read.
    create(client, 2500..2501);
    let rest = page(client, &format!("limit=1000&cursor={}", cursor.unwrap()));
    assert_eq!((rest.0.len(), &rest.0[0]["id"]), (1000, &json!("2")));
    assert_eq!(client.all(1000).len(), 2501);
}

#[test]
fn a_cursor_is_good_for_its_own_tenant_only() {
    let mut server = Server::start();
    let other = server.new_tenant("other");
    create(&server.client, 0..3);
    create(&other, 0..3);
    let (_, cursor) = page(&server.client, "limit=1");
    let cursor = cursor.unwrap();
    let changed = |at: usize| {
        let digit = if &cursor[at..=at] == "0" { "1" } else { "0" };
        format!("{}{digit}{}", &cursor[..at], &cursor[at + 1..])
    };
    let refused = |client: &Client, cursor: &str| {
        let answer = client.get(&format!("{GROUPS}?cursor={cursor}")).send();
        let problem = answer.json();
        assert_eq!((answer.status, &problem["code"]), (400, &json!("VALIDATION_ERROR")), "{cursor}");
        assert_eq!(problem["reason"], "INVALID_CURSOR", "{cursor}");
    };
    refused(&other, &cursor);
    for bad in ["x", "1", "%00", &cursor[1..], &format!("{cursor}0"), &changed(0), &changed(13), &changed(20)]
    {
        refused(&server.client, bad);
    }
    server.restart();
    assert_eq!(page(&server.client, &format!("cursor={cursor}")).0.len(), 2);
}

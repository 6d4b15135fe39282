//! A request body of contract 2 from its bytes to the bytes of its answer, on an empty directory: whatever comes,
//! each item gets one entry, and what goes out is valid JSON in the envelope.

#![no_main]

use directory::{
    Batch, DEPTH_LIMIT, Expected, FreeIds, GroupId, Intent, Outcome, PlanContext, Sliced, Snapshot, TenantId,
    needs, plan,
};
use faces::groups::{Handling, Mode};
use faces::usergroups::{
    By, Reading, Refusal, SearchQuery, Single, error_page, failures, read_bulk, read_new, read_update,
    write_bulk, write_found, write_single,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// The longest sentence of an error.
const LONGEST_MESSAGE: usize = 4096;
const MODES: [Mode; 2] = [Mode::Apply, Mode::DryRun];

fuzz_target!(|body: &[u8]| {
    for by in [By::Id, By::SourceId] {
        for handling in [Handling::Lenient, Handling::Strict] {
            match read_bulk(body, by, handling) {
                Ok(reading) => bulk(body, reading, by),
                Err(refusal) => refuse(&refusal),
            }
        }
    }
    match read_new(body) {
        Ok(reading) => single(body, reading, Single::Create),
        Err(refusal) => refuse(&refusal),
    }
    match read_update(body, GroupId::new(7).expect("an id")) {
        Ok(reading) => single(body, reading, Single::Update),
        Err(refusal) => refuse(&refusal),
    }
    match SearchQuery::read(body) {
        Ok(query) => {
            let page = json(&write_found(&Sliced::default(), &query).body);
            assert_eq!(page["data"], serde_json::json!([]));
            assert!((1..=100).contains(&query.slice.limit), "a page of {}", query.slice.limit);
        }
        Err(refusal) => refuse(&refusal),
    }
});

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("an answer is valid JSON")
}

fn refuse(refusal: &Refusal) {
    let body = json(&refusal.body());
    let error = &body["error"];
    assert_eq!(error["status"], refusal.status());
    assert!([400, 404].contains(&refusal.status()), "{error}");
    assert_eq!(error["errorCode"], refusal.code());
    assert!(error["type"].is_string(), "{error}");
    let code = error["code"].as_u64().expect("a code");
    assert_eq!(error["moreInfo"], format!("/errors/{code}"));
    assert!(error_page(&code.to_string()).is_some(), "no page for {code}");
    let messages = error["messages"].as_array().expect("messages");
    assert!((1..=1001).contains(&messages.len()), "{} messages", messages.len());
    for message in messages.iter().chain([&error["field"], &error["pointer"]]).filter_map(Value::as_str) {
        assert!(!message.is_empty() && message.len() <= LONGEST_MESSAGE, "{} bytes", message.len());
    }
}

fn bulk(body: &[u8], reading: Reading, by: By) {
    assert_eq!(reading.notes.len(), reading.records.len(), "one note an item");
    let batch = Batch::new(TenantId(1), reading.records).expect("the reader counts the items");
    let batch = batch.intending(Intent::Upsert).under(reading.terms);
    let outcome = outcome(&batch);
    for mode in MODES {
        let reply = write_bulk(&batch, &outcome, by, mode);
        let answer = json(&reply.body);
        let entries = answer["data"].as_array().expect("entries");
        assert_eq!((reply.status, entries.len()), (200, batch.records.len()));
        assert_eq!(answer["total"], entries.len());
        for entry in entries {
            let failed = entry["success"] == false;
            assert_eq!(failed, entry["errorCode"].is_string(), "{entry}");
            assert_eq!(failed, entry["error"].is_string(), "{entry}");
            assert!(!failed || entry.get("id").is_none(), "{entry}");
            assert_eq!(entry["key"].is_number(), by == By::Id, "{entry}");
            assert!(["create", "update", "skip"].iter().any(|action| entry["action"] == *action), "{entry}");
        }
    }
    // What is kept of them is cut out of the body by the notes.
    drop(failures(body, &reading.notes, &batch, &outcome));
}

fn single(body: &[u8], reading: Reading, single: Single) {
    let batch = Batch::new(TenantId(1), reading.records).expect("one record");
    let batch = match single {
        Single::Create => batch.intending(Intent::Upsert).expecting(Some(Expected::Absent)),
        Single::Update | Single::Delete => batch.intending(Intent::Update),
    };
    let batch = batch.under(reading.terms);
    let outcome = outcome(&batch);
    for mode in MODES {
        match write_single(single, body, &batch, &outcome, mode) {
            Ok(reply) => {
                let answer = json(&reply.body);
                assert!(answer["data"].is_object(), "{answer}");
                assert_eq!(answer["total"], 1);
            }
            Err(refusal) => refuse(&refusal),
        }
    }
    drop(failures(body, &reading.notes, &batch, &outcome));
}

/// Nothing is stored, so nothing is found and there is no tree to look at.
fn outcome(batch: &Batch) -> Outcome {
    let fresh = i64::try_from(needs(batch).fresh_ids).expect("a small number");
    let seen = Snapshot { free_ids: FreeIds(vec![(1, fresh)]), ..Snapshot::default() };
    let mut ids = seen.free_ids.source(batch);
    let plan = plan(batch, &seen, &mut PlanContext { ids: &mut ids, depth_limit: DEPTH_LIMIT });
    assert_eq!(plan.outcome.records.len(), batch.records.len(), "one outcome a record");
    plan.outcome
}

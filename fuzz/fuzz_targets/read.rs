//! A request body from its bytes to the bytes of its answer, on an empty directory: whatever comes, each
//! record gets one result, and what goes out is valid JSON.

#![no_main]

use directory::{
    Batch, DEPTH_LIMIT, FreeIds, Intent, Outcome, PlanContext, Reach, Snapshot, TenantId, needs, plan,
};
use faces::groups::{self, Handling, Mode, Refusal, Subject};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    for handling in [Handling::Lenient, Handling::Strict] {
        match groups::read(body, handling) {
            Ok(reading) => answer(reading, Intent::Upsert),
            Err(refusal) => refuse(&refusal),
        }
        match groups::read_one(body, Subject::InBody, handling) {
            Ok(reading) => answer(reading, Intent::Upsert),
            Err(refusal) => refuse(&refusal),
        }
    }
    for intent in [Intent::Archive(Reach::Subtree), Intent::Restore] {
        match groups::read_keys(body) {
            Ok(reading) => answer(reading, intent),
            Err(refusal) => refuse(&refusal),
        }
    }
});

fn refuse(refusal: &Refusal) {
    let body = refusal.body("request");
    let problem: Value = serde_json::from_slice(&body).expect("a problem is valid JSON");
    assert_eq!(problem["status"], 400);
    assert!(body.len() <= 4096, "a refusal of {} bytes", body.len());
}

fn answer(reading: groups::Reading, intent: Intent) {
    let batch = Batch::new(TenantId(1), reading.records).expect("the reader counts the records");
    let batch = batch.intending(intent);
    let outcome = outcome(&batch);
    for mode in [Mode::Apply, Mode::DryRun] {
        let reply = groups::write(&reading.notes, &batch, &outcome, mode);
        let answer: Value = serde_json::from_slice(&reply.body).expect("an answer is valid JSON");
        let results = answer["results"].as_array().expect("results");
        assert_eq!(results.len(), batch.records.len(), "one result a record");
        assert_eq!(answer["summary"]["total"], results.len());
        let failed = results.iter().filter(|result| result["status"] == "failed").count();
        assert_eq!(answer["summary"]["failed"], failed);
        assert_eq!(reply.status, if failed == 0 { 200 } else { 207 });
        for (index, result) in results.iter().enumerate() {
            assert_eq!(result["inputIndex"], index);
            assert_eq!(result.get("errors").is_some(), result["status"] == "failed");
        }
    }
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

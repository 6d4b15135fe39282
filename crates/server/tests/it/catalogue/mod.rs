//! The catalogue of bad inputs (`../shared/bad_inputs.jsonl`; format: reliability.md §4): each case that
//! touches contract 1, on a fresh tenant, and after it one good request on a new connection; and in
//! `usergroups` each that touches contract 2.
//!
//! What cannot hold as it stands there is listed in `table`, with the reason.

mod case;
mod face;
mod judge;
mod message;
mod recipes;
mod scene;
mod table;
mod talks;
mod usergroups;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::harness::{Client, Server, measured};
use case::Case;
use face::Face;
use message::Reaction;
use recipes::Recipe;
use scene::Scene;
use table::{Line, Stand};

const CATALOGUE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/bad_inputs.jsonl");
const SERVERS: usize = 3;
/// Some cases do little but wait.
const WORKERS_A_SERVER: usize = 3;
/// How many groups of an answer are looked up one by one.
const READ_BACK: usize = 10;

#[test]
fn every_case_has_its_reaction() {
    play_all(Face::Groups);
}

/// Plays every case that concerns a contract.
fn play_all(face: Face) {
    let Some(cases) = cases(face) else { return };
    let servers: Vec<Server> = (0..SERVERS).map(|_| Server::start_logging("trace")).collect();
    let seconds: Vec<Client> = servers.iter().map(|server| scene::second_tenant(server, face)).collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for worker in 0..SERVERS * WORKERS_A_SERVER {
            let (server, t2) = (&servers[worker % SERVERS], &seconds[worker % SERVERS]);
            let (next, wrong, cases) = (&next, &wrong, &cases);
            scope.spawn(move || {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(problem) = stands(server, t2, case, face) {
                        wrong.lock().unwrap().push(format!("{}: {problem}", case.id()));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    let unknown =
        table(face).iter().filter(|(id, ..)| cases.len() > 1 && cases.iter().all(|case| case.id() != *id));
    wrong.extend(unknown.map(|(id, ..)| format!("{id} is in the table, but not in the catalogue")));
    for server in &servers {
        check_log(server, &mut wrong);
    }
    tell(&cases, face);
    wrong.sort_unstable();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// The cases that do not hold as they stand.
const fn table(face: Face) -> &'static [Line] {
    match face {
        Face::Groups => table::TABLE,
        Face::Usergroups => usergroups::table::TABLE,
    }
}

/// A runner that finds nothing proves nothing: each expectation that is not met is noticed.
#[test]
fn what_is_wrong_is_noticed() {
    let server = Server::start();
    let t2 = scene::second_tenant(&server, Face::Groups);
    let body =
        r#"{"groups":[{"externalReferenceId":"bad-1","name":5},{"externalReferenceId":"ok-1","name":"n"}]}"#;
    let failed = json!({"i": 0, "outcome": "failed", "code": "VALIDATION_ERROR", "reason": "WRONG_TYPE", "field": "name"});
    let expect = json!({"status": 207, "records": [failed, {"i": 1, "outcome": "created"}], "state": "others_applied"});
    let case = |expect: &Value| Case::of(json!({"id": "x", "endpoint": "A", "body": body, "expect": expect}));
    let play = |expect: &Value| play(&server, &t2, &case(expect), expect, Face::Groups);
    assert_eq!(play(&expect), Ok(()));
    for (place, other) in [
        ("/status", json!(200)),
        ("/state", json!("unchanged")),
        ("/records/0/outcome", json!("updated")),
        ("/records/0/code", json!("REQUIRED_FIELD_MISSING")),
        ("/records/0/reason", json!("EMPTY")),
        ("/records/0/field", json!("description")),
        ("/records/1/outcome", json!("unchanged")),
        ("/records", json!([{"i": 0, "outcome": "failed"}])),
        ("/records", json!("2 created")),
        ("/records", json!("0 and 1 failed VALIDATION_ERROR")),
    ] {
        let mut wrong = expect.clone();
        *wrong.pointer_mut(place).unwrap() = other.clone();
        assert!(play(&wrong).is_err(), "{place} {other}");
    }
    for (member, value) in [
        ("code", json!("VALIDATION_ERROR")),
        ("connection", json!("close")),
        ("header", json!({"Allow": "POST"})),
        ("header", json!({"Content-Length": "1..2"})),
    ] {
        let mut wrong = expect.clone();
        wrong[member] = value;
        assert!(play(&wrong).is_err(), "{member}");
    }
}

/// The cases of a contract, slow ones first; on the machine that judges they must be there.
fn cases(face: Face) -> Option<Vec<Case>> {
    let Ok(text) = std::fs::read_to_string(CATALOGUE) else {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{CATALOGUE} is not there");
        eprintln!("skipped: {CATALOGUE} is not there");
        return None;
    };
    let mut cases: Vec<Case> = Case::read(&text).into_iter().filter(|case| case.concerns(face)).collect();
    // `ROSTERD_TEST_CASE` looks at one case alone.
    if let Ok(only) = std::env::var("ROSTERD_TEST_CASE") {
        cases.retain(|case| case.id() == only);
    }
    cases.sort_by_key(|case| !talks::is_slow(case.id()));
    Some(cases)
}

/// Whether a case has the reaction that it should have, or, if the table lists it, has it not.
fn stands(server: &Server, t2: &Client, case: &Case, face: Face) -> Result<(), String> {
    let stand = table(face).iter().find(|(id, ..)| *id == case.id()).map(|(_, stand, _)| *stand);
    let as_written = play(server, t2, case, case.expect(), face);
    match stand {
        None => as_written,
        Some(_) if as_written.is_ok() => Err("it holds as it stands: take it out of the table".into()),
        Some(Stand::Waits) => Ok(()),
        Some(Stand::Deviates(instead)) => {
            let instead: Value = serde_json::from_str(instead).unwrap();
            let mut expect = case.expect().clone();
            for (name, value) in instead.as_object().unwrap() {
                expect[name] = value.clone();
            }
            play(server, t2, case, &expect, face)
        }
    }
}

fn play(server: &Server, t2: &Client, case: &Case, expect: &Value, face: Face) -> Result<(), String> {
    static PLAYED: AtomicUsize = AtomicUsize::new(0);
    let name = format!("{}-{}", case.id().to_lowercase(), PLAYED.fetch_add(1, Ordering::Relaxed));
    // The harness stops at a surprise; the other cases go on.
    let played = catch_unwind(AssertUnwindSafe(|| {
        let scene = Scene::new(server, t2, &name, case, face);
        if let Some(lack) = Scene::lacks(case) {
            return Err(format!("it needs {lack}"));
        }
        let verdict = match recipes::of(&scene, case) {
            Recipe::Unknown => return Err("the runner has no recipe for it".to_owned()),
            Recipe::Talk(talk) => talk(&scene, case, expect),
            Recipe::Message(message) => message
                .exchange(&scene, expect)
                .map_err(|error| format!("no answer: {error}"))
                .and_then(|reaction| {
                    scene.judge(&reaction, expect)?;
                    read_back(&scene, case, &reaction)
                }),
        };
        verdict.and(well(&scene))
    }));
    played.unwrap_or_else(|_| Err("the runner stopped, see above".into()))
}

/// What was done is found under its own name, as it stands in the list.
fn read_back(scene: &Scene<'_>, case: &Case, reaction: &Reaction) -> Result<(), String> {
    if scene.face == Face::Usergroups {
        return usergroups::verify::read_back(scene, case.id(), reaction);
    }
    let answer: Value = serde_json::from_slice(&reaction.answer.body).unwrap_or(Value::Null);
    let results = answer["results"].as_array().map_or(&[][..], Vec::as_slice);
    for result in results.iter().take(READ_BACK).filter(|result| result["status"] != "failed") {
        let key = result.get("canonicalKey").unwrap_or(&result["externalReferenceId"]).as_str().unwrap();
        let found = scene.t1.find(key);
        let listed = reaction.after.t1.iter().find(|group| group["id"] == result["id"]);
        if found.status != 200 || Some(&found.json()) != listed {
            return Err(format!("{key:?} is found as {}, listed as {listed:?}", found.text()));
        }
    }
    Ok(())
}

/// The server is well: one good request on a new connection.
fn well(scene: &Scene<'_>) -> Result<(), String> {
    let (record, created) = match scene.face {
        Face::Groups => (json!({"externalReferenceId": "well", "name": "Well"}), "/summary/created"),
        Face::Usergroups => (json!({"id": 7777, "name": "Well"}), "/data/0/success"),
    };
    let answer = scene.t1.post(scene.face.target(), scene.face.batch(&[record])).send();
    let done = answer.json().pointer(created).is_some_and(|done| *done == json!(1) || *done == json!(true));
    if answer.status == 200 && done {
        Ok(())
    } else {
        Err(format!("the good request after it: {} {}", answer.status, answer.text()))
    }
}

/// No panic, and at the finest level of logging neither keys nor bodies (O-004).
fn check_log(server: &Server, wrong: &mut Vec<String>) {
    let log = server.process.log();
    for line in log.lines().filter(|line| line.contains("panicked")) {
        wrong.push(format!("a panic: {line:.500}"));
    }
    // The first key is shown once, to whoever starts the server for the first time.
    for secret in ["rosterd_", "Bearer ", "Good one"] {
        let lines = log.lines().filter(|line| line.starts_with('{') && line.contains(secret));
        wrong.extend(lines.take(1).map(|line| format!("O-004: {secret:?} is in the log: {line:.500}")));
    }
}

/// How many cases ran, and what became of the others.
fn tell(cases: &[Case], face: Face) {
    let listed = table(face).iter().filter(|(id, ..)| cases.iter().any(|case| case.id() == *id));
    let (mut deviating, mut waiting) = (0, BTreeMap::<&str, usize>::new());
    for (id, stand, reason) in listed {
        match stand {
            Stand::Deviates(_) => {
                eprintln!("{id} deviates: {reason}");
                deviating += 1;
            }
            Stand::Waits => {
                eprintln!("{id} waits for {reason}");
                *waiting.entry(reason).or_default() += 1;
            }
        }
    }
    let waits: usize = waiting.values().sum();
    let run = cases.len() - deviating - waits;
    let waiting: Vec<String> = waiting.iter().map(|(reason, count)| format!("{reason} ({count})")).collect();
    eprintln!("waiting for {}", waiting.join(", "));
    measured(&format!(
        "contract {}: {run} as written, {deviating} otherwise with reason, {waits} not played",
        face.number()
    ));
}

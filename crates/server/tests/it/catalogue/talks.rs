//! The cases that are more than one request and its answer, by id.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::case::Case;
use super::face::Face;
use super::judge::Findings;
use super::message::{Message, open};
use super::recipes::{self, Talk};
use super::scene::Scene;
use crate::harness::{Answer, GROUPS, Server, UPSERT};

/// How late the end of a connection may come after the moment the catalogue names.
const SLACK: Duration = Duration::from_secs(3);

pub(super) fn of(id: &str) -> Option<Talk> {
    Some(match id {
        "T-033" => reset_in_mid_body,
        "T-034" => gone_before_the_answer,
        "T-036" => dripped_head,
        "T-037" => silence,
        "T-040" => stalled_body,
        "T-060" => pipelined,
        "H-018" => archived_under_a_new_child,
        "L-016" => too_late,
        "V-007" => by_any_path,
        "V-012" => nothing_leaks,
        "P-001" | "P-003" | "P-006" => again,
        "P-004" => elsewhere_before,
        "P-007" => refused_before,
        "P-015" => changed_in_between,
        "O-003" => injected,
        // Looked for in the logs of the whole run, when it is over.
        "O-004" => |_, _, _| Ok(()),
        _ => return None,
    })
}

/// Those that take long: they are begun first.
pub(super) fn is_slow(id: &str) -> bool {
    ["T-036", "T-037", "T-040", "H-018"].contains(&id)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn reset_in_mid_body(scene: &Scene<'_>, _: &Case, _: &Value) -> Result<(), String> {
    let before = scene.state();
    let good = scene.face.body_ok();
    let message = Message::batch(scene, good).bytes();
    let head = message.len() - good.len();
    for end in (head..message.len()).step_by(10) {
        let mut stream = open(&scene.t1).map_err(text)?;
        stream.write_all(&message[..end]).map_err(text)?;
        reset(stream);
    }
    let mut findings = Findings::default();
    findings.holds("the state moved", scene.state() == before);
    findings.verdict()
}

/// Ends a connection by a reset: what the answer to a closing peer with unread bytes would be.
fn reset(stream: TcpStream) {
    let socket = tokio::net::TcpSocket::from_std_stream(stream);
    socket.set_zero_linger().unwrap();
}

fn archived_under_a_new_child(scene: &Scene<'_>, _: &Case, _: &Value) -> Result<(), String> {
    let mut findings = Findings::default();
    let client = &scene.t1;
    for round in 0..1000 {
        let (parent, child) = (format!("p-{round}"), format!("c-{round}"));
        client.upsert(&json!([{"externalReferenceId": parent, "name": "n"}]));
        let below = json!([{"externalReferenceId": child, "name": "n", "parentExternalReferenceId": parent}]);
        let (archived, created) = std::thread::scope(|scope| {
            let archive = scope.spawn(|| client.by_reference(&parent).method("DELETE").send().status);
            let created = client.upsert(&below).1["summary"]["created"] == 1;
            (archive.join().unwrap(), created)
        });
        let known = matches!((archived, created), (204, false) | (409, true));
        findings.holds(&format!("archived: {archived}, a child created: {created}"), known);
    }
    let (any, living) = (client.all_with(1000, "&archived=any"), client.all(1000));
    let lives = |id: &Value| living.iter().any(|group| group["id"] == *id);
    for group in living.iter().filter(|group| !group["parentId"].is_null()) {
        findings.holds("a group lives below an archived one", lives(&group["parentId"]));
    }
    findings.holds("a parent is gone", any.len() > 1000);
    findings.verdict()
}

fn gone_before_the_answer(scene: &Scene<'_>, _: &Case, _: &Value) -> Result<(), String> {
    let mut stream = open(&scene.t1).map_err(text)?;
    let body = scene.face.batch(&scene.face.numbered(1000));
    stream.write_all(&Message::batch(scene, body).bytes()).map_err(text)?;
    drop(stream);
    let mut findings = Findings::default();
    for _ in 0..10 {
        let state = scene.state().t1;
        let there = state.iter().filter(|group| group["name"] == "n").count();
        findings.holds(&format!("{there} of 1000 records are there"), [0, 1000].contains(&there));
    }
    findings.verdict()
}

/// Sends something again and again until the server has had enough; how it ended, and when.
fn until_it_ends(scene: &Scene<'_>, first: &[u8], again: &[u8]) -> Result<(String, Duration), String> {
    let mut stream = open(&scene.t1).map_err(text)?;
    let begun = Instant::now();
    stream.write_all(first).map_err(text)?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).map_err(text)?;
    let mut answer = Vec::new();
    while begun.elapsed() < Duration::from_secs(20) {
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if stream.write_all(again).is_err() {
                    break;
                }
            }
            Err(_) => break,
        }
    }
    Ok((String::from_utf8_lossy(&answer).into_owned(), begun.elapsed()))
}

/// The connection ends after ten seconds with this answer.
fn ends(scene: &Scene<'_>, first: &[u8], again: &[u8], answers: &[&str]) -> Result<(), String> {
    let before = scene.state();
    let (answer, after) = until_it_ends(scene, first, again)?;
    let mut findings = Findings::default();
    findings.holds(&format!("open for {after:?}"), after < Duration::from_secs(10) + SLACK);
    findings.holds(&format!("answered {answer:?}"), answers.iter().any(|known| answer.contains(known)));
    findings.holds("the state moved", scene.state() == before);
    findings.verdict()
}

fn dripped_head(scene: &Scene<'_>, _: &Case, _: &Value) -> Result<(), String> {
    let head = format!("GET {} HTTP/1.1\r\nHost: h\r\n", scene.face.root());
    ends(scene, head.as_bytes(), b"X-A: b\r\n", &["", " 408 "])
}

fn silence(scene: &Scene<'_>, _: &Case, _: &Value) -> Result<(), String> {
    ends(scene, b"", b"", &[""])
}

fn stalled_body(scene: &Scene<'_>, _: &Case, _: &Value) -> Result<(), String> {
    let message = Message { body: b"{".into(), ..Message::batch(scene, "") };
    let code = match scene.face {
        Face::Groups => r#""code":"REQUEST_TIMEOUT""#,
        Face::Usergroups => r#""errorCode":"REQUEST_TIMEOUT""#,
    };
    ends(scene, &message.header("content-length", "1000").bytes(), b"", &[code])
}

fn pipelined(scene: &Scene<'_>, _: &Case, _: &Value) -> Result<(), String> {
    let records = scene.face.numbered(100);
    let body = |record: &Value| scene.face.batch(std::slice::from_ref(record));
    let requests: Vec<u8> =
        records.iter().flat_map(|record| Message::batch(scene, body(record)).bytes()).collect();
    let mut stream = open(&scene.t1).map_err(text)?;
    stream.write_all(&requests).map_err(text)?;
    let mut stream = BufReader::new(stream);
    let mut findings = Findings::default();
    for record in &records {
        let answer = Answer::next(&mut stream).map_err(text)?;
        let (key, sent) = (scene.face.first_key(&answer), scene.face.key_of(record));
        findings.same("answer", (answer.status, key), (200, sent));
    }
    findings.verdict()
}

/// A batch on connections that were open when the server was told to stop.
fn too_late(scene: &Scene<'_>, _: &Case, expect: &Value) -> Result<(), String> {
    let (server, face) = (Server::start(), scene.face);
    let good = Message::from(&server.client, face, face.body_ok());
    let bytes = good.bytes();
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let mut stream = open(&server.client).map_err(text)?;
        let read = Message { method: "GET".into(), target: GROUPS.into(), body: Vec::new(), ..good.clone() };
        stream.write_all(&read.bytes()).map_err(text)?;
        let mut stream = BufReader::new(stream);
        Answer::next(&mut stream).map_err(text)?;
        stream.get_mut().write_all(&bytes[..30]).map_err(text)?;
        waiting.push(stream);
    }
    // When a later connection is answered, what came before is there.
    server.client.get("/readyz").send();
    server.process.terminate();
    server
        .process
        .wait_for("that it is stopping", |log| log.contains("\"message\":\"stopping").then_some(()));
    let mut findings = Findings::default();
    let mut answered = 0;
    for stream in &mut waiting {
        // One on which nothing of the request was seen may be closed instead.
        if stream.get_mut().write_all(&bytes[30..]).is_err() {
            continue;
        }
        let Ok(answer) = Answer::next(stream) else { continue };
        answered += 1;
        findings.same("status", Some(u64::from(answer.status)), expect["status"].as_u64());
        findings.same("code", &face.code(&answer), &expect["code"]);
        findings.same("connection", answer.header("connection"), expect["connection"].as_str());
        let seconds: Option<u32> = answer.header("retry-after").and_then(|text| text.parse().ok());
        findings.holds("Retry-After", seconds.is_some_and(|seconds| (1..=30).contains(&seconds)));
    }
    findings.holds("nobody was answered", answered > 0);
    findings.verdict()
}

/// Every path of the document with each name that T2's groups have: byte for byte what nobody's name gives.
fn by_any_path(scene: &Scene<'_>, _: &Case, expect: &Value) -> Result<(), String> {
    static PLAYS: AtomicUsize = AtomicUsize::new(0);
    // Ids are counted in each tenant: a third one with more groups than T1 has an id that T1 has not. T2
    // itself is shared with other cases.
    let third = scene.server.new_tenant(&format!("third-{}", PLAYS.fetch_add(1, Ordering::Relaxed)));
    let more: Value = (0..50)
        .map(|number| json!({"externalReferenceId": format!("third-{number}"), "name": "n"}))
        .collect();
    assert_eq!(third.upsert(&more).0, 200);
    let group = third.group("third-49");
    let run = third.get("/v3/runs").send().json()["runs"][0]["id"].clone();
    let before = scene.state();
    let document = scene.t1.get("/openapi.json").send().json();
    let mut findings = Findings::default();
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace("{lookupKey}", "id").replace("{lookupValue}", "{id}");
        let Some((start, rest)) = path.split_once('{') else { continue };
        let (parameter, end) = rest.split_once('}').unwrap();
        let (of_runs, of_attributes) = (json!("RUN_NOT_FOUND"), json!("ATTRIBUTE_NOT_FOUND"));
        let (theirs, nobodys, code) = match parameter {
            "externalReferenceId" => ("t2-only", "nobody", &expect["code"]),
            _ if start == "/v3/runs/" => {
                (run.as_str().unwrap(), "019aa9c6f3007b1f0e2c94d85a6b3f17", &of_runs)
            }
            _ if start.starts_with("/attributes/") => ("1", "9007199254740991", &of_attributes),
            _ => (group["id"].as_str().unwrap(), "9007199254740991", &expect["code"]),
        };
        for method in item.as_object().unwrap().keys().filter(|method| *method != "parameters") {
            let ask = |name: &str| {
                let exchange = scene.t1.post(&format!("{start}{name}{end}"), "{}");
                exchange.method(&method.to_uppercase()).header("x-request-id", "same").send()
            };
            let (answer, other) = (ask(theirs), ask(nobodys));
            findings.same("status", Some(u64::from(answer.status)), expect["status"].as_u64());
            let problem = answer.json();
            findings.same("code", problem["error"].get("errorCode").unwrap_or(&problem["code"]), code);
            // What was asked for may be repeated.
            let said = |answer: &Answer, asked: &str| answer.text().replace(&format!("[{asked}]"), "_");
            findings.same("body", said(&answer, theirs), said(&other, nobodys));
            tried += 1;
        }
    }
    findings.holds("no path was tried", tried > 0);
    findings.holds("the state moved", scene.state() == before);
    findings.verdict()
}

/// What T1 sees while T2 writes: nothing. With a second tenant of its own, because it writes there.
fn nothing_leaks(scene: &Scene<'_>, _: &Case, _: &Value) -> Result<(), String> {
    let other = scene.server.new_tenant("busy");
    let look = || {
        let targets =
            [format!("{GROUPS}?limit=2"), GROUPS.to_owned(), "/v3/groups/by-reference-id/n-1".into()];
        let mut seen: Vec<String> = targets
            .iter()
            .map(|target| {
                let answer = scene.t1.get(target).header("x-request-id", "same").send();
                format!("{:?} {}", answer.header("etag"), answer.text())
            })
            .collect();
        let rehearsal = scene.t1.post(&format!("{UPSERT}?dryRun=true"), scene.face.body_ok()).send();
        seen.push(rehearsal.text().to_owned());
        seen
    };
    let before = look();
    let next = |key: &str| {
        let answer = scene.t1.upsert(&json!([{"externalReferenceId": key, "name": "n"}])).1;
        answer["results"][0]["id"].as_str().unwrap().parse::<i64>().unwrap()
    };
    let mut findings = Findings::default();
    findings.same("the other's answer", other.upsert(&recipes::numbered(1000).into()).0, 200);
    findings.same("what is seen", look(), before);
    let first = next("a");
    other.upsert(&json!([{"externalReferenceId": "more", "name": "n"}]));
    findings.same("the next id", next("b"), first + 1);
    findings.verdict()
}

/// The same again, and the answer as the first one.
fn again(scene: &Scene<'_>, case: &Case, expect: &Value) -> Result<(), String> {
    let message = Message::of(scene, case);
    let first = if case.id() == "P-003" {
        Message { body: scene.face.body_ok().into(), ..message.clone() }
    } else {
        message.clone()
    };
    let first = first.exchange(scene, expect).map_err(text)?.answer;
    let reaction = message.exchange(scene, expect).map_err(text)?;
    let mut findings = Findings::default();
    findings.holds("the state moved", reaction.before == reaction.after);
    if case.id() != "P-003" {
        findings.same("the answer", &reaction.answer.body, &first.body);
    }
    findings.verdict()?;
    // That nothing moved the second time is settled; the answer still says what moved the first time.
    let mut expect = expect.clone();
    expect["state"] = "unchanged".into();
    scene.judge(&reaction, &expect)
}

fn elsewhere_before(scene: &Scene<'_>, case: &Case, expect: &Value) -> Result<(), String> {
    let message = Message::of(scene, case);
    let body = Face::Groups.body_ok().into();
    let before = Message { target: UPSERT.into(), body, ..message.clone() };
    let first = before.exchange(scene, expect).map_err(text)?;
    let mut findings = Findings::default();
    findings.same("status of the first one", first.answer.status, 200);
    findings.verdict()?;
    scene.judge(&message.exchange(scene, expect).map_err(text)?, expect)
}

fn refused_before(scene: &Scene<'_>, case: &Case, expect: &Value) -> Result<(), String> {
    let message = Message::of(scene, case);
    let broken = Message { body: scene.face.body_ok().as_bytes()[..20].into(), ..message.clone() };
    let refused = broken.exchange(scene, expect).map_err(text)?;
    let mut findings = Findings::default();
    findings.same("status of the broken one", refused.answer.status, 400);
    findings.verdict()?;
    scene.judge(&message.exchange(scene, expect).map_err(text)?, expect)
}

fn changed_in_between(scene: &Scene<'_>, _: &Case, expect: &Value) -> Result<(), String> {
    let named = |name: &str| recipes::batch(&[json!({"externalReferenceId": "x-1", "name": name})]);
    for name in ["a", "b"] {
        scene.t1.post(UPSERT, named(name)).send();
    }
    let reaction = Message::batch(scene, named("a")).exchange(scene, expect).map_err(text)?;
    scene.judge(&reaction, expect)
}

/// Names, ids and paths with line ends and escapes: every line of the log is one object, in plain text.
fn injected(scene: &Scene<'_>, case: &Case, expect: &Value) -> Result<(), String> {
    let message = Message::batch(scene, "");
    let Some(body) = recipes::with_body(&message, case.id()) else { return Err("no recipe".into()) };
    let sent = body.header("x-request-id", "\"},{\"message\":\"forged");
    scene.judge(&sent.exchange(scene, expect).map_err(text)?, expect)?;
    scene.t1.get("/v3/groups/by-reference-id/a%0D%0A%1B%5B31m").send();
    let log = scene.server.process.log();
    let mut findings = Findings::default();
    findings.holds("an escape in the log", !log.contains('\u{1b}'));
    // The line that is being written may not be there in full.
    let lines = log.split_inclusive('\n').filter(|line| line.ends_with('\n') && line.starts_with('{'));
    let broken = lines.filter(|line| serde_json::from_str::<Value>(line).is_err()).count();
    findings.same("broken lines in the log", broken, 0);
    findings.verdict()
}

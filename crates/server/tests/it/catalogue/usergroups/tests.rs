//! The cases themselves, and that the runner notices what is wrong.

use serde_json::{Value, json};

use super::super::case::Case;
use super::super::face::Face;
use super::super::message::{Message, Reaction};
use super::super::scene::{Scene, second_tenant};
use super::super::{play, play_all};
use crate::harness::Server;

const FACE: Face = Face::Usergroups;

#[test]
fn every_case_of_contract_2_has_its_reaction() {
    play_all(FACE);
}

/// A case of the runner's own, with one item of every outcome but a skip.
fn carried_out() -> (Case, Value) {
    let body = json!({"usergroups": [
        {"id": 101, "name": "N2", "notes": "x"}, {"id": 102, "parent": {"id": 4242}},
        {"id": 5001, "name": "n"}, {"id": 100, "name": ""},
    ]});
    let failed = json!({"i": 1, "outcome": "failed", "code": "PARENT_GROUP_NOT_FOUND", "field": "parent",
        "action": "update", "error": "Parent usergroup with id [4242] not found"});
    let expect = json!({"status": 200, "state": "others_applied", "records": [
        {"i": 0, "outcome": "updated", "key": 101}, failed, {"i": 2, "outcome": "created", "id": 5001},
        {"i": 3, "outcome": "unchanged"},
    ]});
    (Case::of(json!({"id": "x", "endpoint": "B", "body": body.to_string(), "expect": expect})), expect)
}

/// One that is refused.
fn refused() -> (Case, Value) {
    let expect = json!({
        "status": 400, "code": "VALIDATION_ERROR", "reason": "BATCH_EMPTY", "field": "usergroups",
        "pointer": "#/usergroups", "min": 1, "state": "unchanged",
        "face_b": {"status": 400, "code": 10007, "type": "SchemaValidationException"},
    });
    let case = json!({"id": "y", "endpoint": "B", "body": r#"{"usergroups":[]}"#, "expect": expect});
    (Case::of(case), expect)
}

/// A runner that finds nothing proves nothing: each expectation that is not met is noticed.
#[test]
fn what_is_wrong_in_contract_2_is_noticed() {
    let server = Server::start();
    let t2 = second_tenant(&server, FACE);
    let play = |case: &Case, expect: &Value| play(&server, &t2, case, expect, FACE);
    let (case, expect) = carried_out();
    assert_eq!(play(&case, &expect), Ok(()));
    for (place, other) in [
        ("/status", json!(207)),
        ("/state", json!("unchanged")),
        ("/state", json!("some")),
        ("/records/0/outcome", json!("created")),
        ("/records/0/outcome", json!("unchanged")),
        ("/records/0/key", json!("101")),
        ("/records/1/outcome", json!("skipped")),
        ("/records/1/code", json!("ARCHIVED_PARENT_GROUP")),
        ("/records/1/field", json!("id")),
        ("/records/1/action", json!("create")),
        ("/records/1/error", json!("Parent usergroup with id [4243] not found")),
        ("/records/2/outcome", json!("updated")),
        ("/records/2/id", json!(5002)),
        ("/records/3/outcome", json!("updated")),
        ("/records", json!([{"i": 0, "outcome": "updated"}])),
    ] {
        let mut wrong = expect.clone();
        *wrong.pointer_mut(place).unwrap() = other.clone();
        assert!(play(&case, &wrong).is_err(), "{place} {other}");
    }
    let mut wrong = expect;
    wrong["records"][1]["reason"] = "TOO_LONG".into();
    assert!(play(&case, &wrong).is_err(), "a reason that is not there");
    let (case, expect) = refused();
    assert_eq!(play(&case, &expect), Ok(()));
    for (place, other) in [
        ("/face_b/status", json!(404)),
        ("/face_b/code", json!(10017)),
        ("/face_b/type", json!("PayloadValidationError")),
        ("/code", json!("INVALID_JSON")),
        ("/reason", json!("BATCH_TOO_LARGE")),
        ("/field", json!("directives")),
        ("/pointer", json!("#")),
        ("/min", json!(0)),
        ("/state", json!("applied or not")),
    ] {
        let mut wrong = expect.clone();
        *wrong.pointer_mut(place).unwrap() = other.clone();
        assert!(play(&case, &wrong).is_err(), "{place} {other}");
    }
    for (member, value) in [("connection", json!("close")), ("header", json!({"Allow": "POST"}))] {
        let mut wrong = expect.clone();
        wrong[member] = value;
        assert!(play(&case, &wrong).is_err(), "{member}");
    }
}

/// A reaction to a case that is judged good, and judged anew after each change.
struct Tampered<'s> {
    scene: Scene<'s>,
    reaction: Reaction,
    expect: Value,
}

impl<'s> Tampered<'s> {
    fn with(server: &'s Server, t2: &crate::harness::Client, (case, expect): (Case, Value)) -> Self {
        let scene = Scene::new(server, t2, &format!("tampered-{}", case.id()), &case, FACE);
        let reaction = Message::of(&scene, &case).exchange(&scene, &expect).unwrap();
        assert_eq!(scene.judge(&reaction, &expect), Ok(()));
        Self { scene, reaction, expect }
    }

    /// Whether it is noticed that the answer says something else there.
    fn notices(&mut self, place: &str, other: &Value) {
        let honest = self.reaction.answer.body.clone();
        let mut body = self.reaction.answer.json();
        if let Some(value) = body.pointer_mut(place) {
            *value = other.clone();
        } else {
            let (object, name) = place.rsplit_once('/').unwrap();
            body.pointer_mut(object).unwrap()[name] = other.clone();
        }
        self.reaction.answer.body = body.to_string().into();
        assert!(self.scene.judge(&self.reaction, &self.expect).is_err(), "{place} {other}");
        self.reaction.answer.body = honest;
    }
}

#[test]
fn an_answer_of_contract_2_that_is_not_true_is_noticed() {
    let server = Server::start();
    let t2 = second_tenant(&server, FACE);
    let mut done = Tampered::with(&server, &t2, carried_out());
    for (place, other) in [
        ("/total", json!(5)),
        ("/messages", json!([])),
        ("/dryRun", json!(true)),
        ("/data/0/message", json!("Unchanged")),
        ("/data/0/lookupKey", json!("sourceId")),
        ("/data/0/field", json!("name")),
        ("/data/0/skipped", json!(["notes"])),
        ("/data/1/id", json!(102)),
        ("/data/1/error", json!("")),
        ("/data/2/success", json!(false)),
        ("/data/2/key", json!("5001")),
        ("/data/3/message", json!(null)),
    ] {
        done.notices(place, &other);
    }
    let judge = |done: &Tampered<'_>| done.scene.judge(&done.reaction, &done.expect);
    // What is stored is not what was sent; something moved beside; and who is told all of it again.
    let honest = done.reaction.sent.body.clone();
    for (sent, other) in [("\"N2\"", "\"N3\""), ("\"n\"", "\"m\""), (r#""notes":"x""#, r#""office":"x""#)] {
        done.reaction.sent.body = String::from_utf8(honest.clone()).unwrap().replace(sent, other).into();
        assert!(judge(&done).is_err(), "{other}");
    }
    done.reaction.sent.body = honest;
    let name = done.reaction.after.details[2]["fields"]["name"].take();
    assert!(judge(&done).is_err(), "another usergroup moved");
    done.reaction.after.details[2]["fields"]["name"] = name;
    let gone = done.reaction.after.t1.pop();
    assert!(judge(&done).is_err(), "a usergroup is gone");
    done.reaction.after.t1.extend(gone);
    done.reaction.after.t2[0]["name"] = "other".into();
    assert!(judge(&done).is_err(), "the other tenant moved");
    let mut refused = Tampered::with(&server, &t2, refused());
    let long = "x".repeat(5000);
    for (place, other) in [
        ("/error/messages", json!([])),
        ("/error/messages", json!([""])),
        ("/error/messages", json!([long])),
        ("/error/moreInfo", json!("/errors/10008")),
        ("/error/moreInfo", json!("https://elsewhere.example/10007")),
        ("/error/status", json!(200)),
        ("/data", json!([])),
    ] {
        refused.notices(place, &other);
    }
    refused.reaction.sent.body =
        r#"{"usergroups":[{"name":"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"}]}"#
            .into();
    refused.notices(
        "/error/messages",
        &json!(["It is cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc."]),
    );
}

//! Answers that the golden files do not show.

use directory::outcome::CyclePath;
use directory::{
    Batch, Change, Failure, Field, GroupId, GroupView, Listed, Outcome, RecordOutcome, RecordResult,
    TenantId, Timestamp,
};
use faces::groups::{Handling, ListQuery, Mode, entity_tag, is_known, read, write, write_group, write_list};
use serde_json::{Value, json};

use super::world;

fn result_of(result: RecordResult, mode: Mode) -> Value {
    let reading = read(br#"{"groups":[{"externalReferenceId":"a"}]}"#, Handling::Lenient).expect("a batch");
    let outcome = Outcome { records: vec![RecordOutcome::of(result)] };
    let batch = Batch::new(TenantId(1), reading.records).expect("one record");
    let reply = write(&reading.notes, &batch, &outcome, mode);
    let mut answer: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(answer["summary"]["total"], 1);
    answer["results"][0].take()
}

#[test]
fn dry_run_hides_ids_of_groups_that_are_not_there() {
    let id = GroupId::new(17).expect("an id");
    let created = RecordResult::Created { id };
    assert_eq!(result_of(created.clone(), Mode::Apply)["id"], "17");
    assert_eq!(result_of(created, Mode::DryRun).get("id"), None);
    let change = Change { field: Field::PhotoUrl, from: None, to: Some("https://h/".into()) };
    let updated = RecordResult::Updated { id, changes: vec![change] };
    assert_eq!(result_of(updated.clone(), Mode::Apply).get("diff"), None);
    let dry = result_of(updated, Mode::DryRun);
    assert_eq!(dry["id"], "17");
    assert_eq!(dry["diff"], json!({ "photoUrl": { "from": null, "to": "https://h/" } }));
}

#[test]
fn cycles_are_closed_unless_cut() {
    let path = |steps: &[&str], omitted| {
        let path = CyclePath { steps: steps.iter().map(ToString::to_string).collect(), omitted };
        let result = result_of(RecordResult::Failed(vec![Failure::HierarchyCycle { path }]), Mode::Apply);
        (result["errors"][0]["path"].clone(), result["errors"][0].get("omitted").cloned())
    };
    assert_eq!(path(&["a", "b"], 0), (json!(["a", "b", "a"]), None));
    assert_eq!(path(&["a", "b"], 5), (json!(["a", "b"]), Some(json!(5))));
}

#[test]
fn what_is_too_deep_and_who_failed() {
    let errors = |failure| result_of(RecordResult::Failed(vec![failure]), Mode::Apply)["errors"][0].take();
    let deep = errors(Failure::HierarchyTooDeep { level: 65, limit: 64 });
    assert_eq!((&deep["level"], &deep["limit"]), (&json!(65), &json!(64)));
    let orphan = errors(Failure::ParentFailedInRequest { parent: 0 });
    assert_eq!((&orphan["code"], &orphan["parentIndex"]), (&json!("PARENT_FAILED_IN_REQUEST"), &json!(0)));
    let unmatchable = errors(Failure::ParentGroupNotFound { unmatchable_length: Some(65) });
    assert_eq!(unmatchable["length"], 65);
    assert!(unmatchable["message"].as_str().is_some_and(|text| text.contains("more than 64 characters")));
}

#[test]
fn groups() {
    let mut group = world::group(7, "", "a", None);
    group.references.clear();
    group.archived_at = Some(Timestamp(-1));
    group.created_at = Timestamp(i64::MIN);
    let body = write_group(&GroupView { group, parent_key: None });
    let group: Value = serde_json::from_slice(&body).expect("JSON");
    for member in [
        "externalReferenceId",
        "externalReferenceType",
        "description",
        "parentId",
        "parentExternalReferenceId",
        "photoUrl",
        "logoUrl",
    ] {
        assert_eq!(group.get(member), Some(&Value::Null), "{member}");
    }
    assert_eq!(
        (&group["archived"], &group["archivedAt"]),
        (&json!(true), &json!("1969-12-31T23:59:59.999Z"))
    );
    assert_eq!(group["updatedAt"], "1970-01-01T00:00:00.000Z");
    assert_eq!(group.as_object().map(serde_json::Map::len), Some(14));
    let mut twice = world::group(7, "A", "first", None);
    twice.references.extend(world::group(7, "B", "second", None).references);
    let body = write_group(&GroupView { group: twice, parent_key: None });
    let group: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(
        (&group["externalReferenceId"], &group["externalReferenceType"]),
        (&json!("first"), &json!("A"))
    );
}

#[test]
fn entity_tags() {
    let tag = entity_tag(&GroupView { group: world::full(), parent_key: None });
    assert_eq!(tag, "\"4-12\"");
    for known in [&["*"][..], &["\"4-12\""], &["W/\"4-12\""], &["\"a\", \"4-12\""], &["\"a\"", " \"4-12\" "]]
    {
        assert!(is_known(known, &tag), "{known:?}");
    }
    for unknown in
        [&[][..], &[""], &["4-12"], &["\"4-13\""], &["\"4-1\",\"14-12\""], &["\"*\""], &["w/\"4-12\""]]
    {
        assert!(!is_known(unknown, &tag), "{unknown:?}");
    }
}

#[test]
fn an_empty_list() {
    let body =
        write_list(&Listed::default(), &ListQuery::parse(None, TenantId(1)).expect("no query is a good one"));
    assert_eq!(body, br#"{"groups":[],"nextCursor":null}"#);
}

#[test]
fn nothing_of_the_input_can_break_out_of_the_answer() {
    let body = r#"{"groups":[{"externalReferenceId":"\"},{\"<script>\\\u2028","name":"n","\"\u0000\n":1}]}"#;
    let reply = world::answer(body.as_bytes(), Handling::Lenient, Mode::Apply);
    let answer: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(answer["results"][0]["externalReferenceId"], "\"},{\"<script>\\\u{2028}");
    assert_eq!(answer["results"][0]["warnings"][0]["field"], "\"\0\n");
}

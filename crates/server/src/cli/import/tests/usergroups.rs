//! Whole imports of usergroups.

use clap::Parser as _;
use serde_json::{Value, json};

use super::{CommandLine, World};
use crate::cli::exit::Exit;

const BY_ID: [&str; 2] = ["--face=usergroups", "--key=id"];
const BY_SOURCE_ID: [&str; 2] = ["--face=usergroups", "--key=sourceId"];

fn words<'a>(base: [&'a str; 2], more: &[&'a str]) -> Vec<&'a str> {
    [&base[..], more].concat()
}

fn stored(world: &World, key: &str) -> Value {
    let state = world.fake.state();
    let group = state.usergroups.get(key);
    group.map_or(Value::Null, |group| Value::from(group.clone()))
}

#[test]
fn usergroups_are_sent_in_batches_with_their_directives() {
    let world = World::new();
    world.write("u.ndjson", "{\"id\":1,\"name\":\"A\"}\n{\"id\": 2,\"parent\":{\"id\":1}}\n");
    let import = words(BY_ID, &["u.ndjson", "--directive=skipIfNotEmpty=name,notes"]);
    world.import(&import).check(
        Exit::Success,
        "2 records in 1.5 s (1 batches): 2 created, 0 updated, 0 unchanged, 0 skipped, 0 failed",
    );
    assert_eq!(
        world.fake.state().bodies,
        [
            r#"{"usergroups":[{"id":1,"name":"A"},{"id": 2,"parent":{"id":1}}],"directives":[{"fields":["name","notes"],"operation":"skipIfNotEmpty"}]}"#
        ]
    );
    world
        .import(&words(BY_ID, &["u.ndjson"]))
        .check(Exit::Success, "0 created, 0 updated, 2 unchanged, 0 skipped, 0 failed");
    world.write("more.ndjson", "{\"id\":1,\"name\":\"B\"}\n{\"id\":3}\n");
    let run = world.import(&words(BY_ID, &["more.ndjson", "--directive=skipCreate", "--json"]));
    assert_eq!(run.exit, Exit::Success);
    let summary: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let numbers = ["records", "updated", "skipped", "failed"].map(|name| summary["summary"][name].clone());
    assert_eq!(json!(numbers), json!([2, 1, 1, 0]));
}

#[test]
fn children_may_come_before_their_parents_by_either_key() {
    let below = |id: i32| format!("{{\"id\":{id},\"parent\":{{\"id\":{}}}}}", id - 1);
    let below_key = |id: i32| {
        let own = |id: i32| format!("\"sourceId\":\"k{id}\",\"source\":\"S\"");
        format!("{{{},\"parent\":{{{}}}}}", own(id), own(id - 1))
    };
    let lines = |line: &dyn Fn(i32) -> String| (1..=9).rev().map(line).collect::<Vec<_>>().join("\n");
    let (by_id, by_key) = (lines(&below), lines(&below_key));
    for (base, children, root) in [
        (BY_ID, by_id, "\n{\"id\":0}\n"),
        (BY_SOURCE_ID, by_key, "\n{\"sourceId\":\"k0\",\"source\":\"S\"}\n"),
    ] {
        let world = World::new();
        world.write("u.ndjson", children + root);
        let words = words(base, &["u.ndjson", "--batch-size=2"]);
        let dry = world.import(&[&words[..], &["--dry-run"]].concat());
        dry.check(Exit::Success, "10 created, 0 updated, 0 unchanged, 0 skipped, 0 failed");
        dry.says("have a parent that this import would create in another batch");
        assert!(world.fake.state().usergroups.is_empty());
        let run = world.import(&words);
        run.check(Exit::Success, "10 created, 0 updated, 0 unchanged, 0 skipped, 0 failed");
        run.says("came before their parents");
    }
}

#[test]
fn a_record_that_a_whole_call_is_refused_for_fails_alone() {
    let world = World::new();
    world.write(
        "u.ndjson",
        "{\"id\":1}\n{\"id\":2,\"colour\":\"red\"}\n{\"name\":\"x\"}\n{\"id\":4,\"name\":\"\\ud800\"}\n{\"id\":5}\n",
    );
    let run = world.import(&words(BY_ID, &["u.ndjson"]));
    run.check(Exit::Partial, "2 created, 0 updated, 0 unchanged, 0 skipped, 3 failed");
    run.says("u.ndjson:2: VALIDATION_ERROR: extraneous key [colour] is not permitted");
    run.says("u.ndjson:3: VALIDATION_ERROR: required key [id] not found");
    run.says("u.ndjson:4: VALIDATION_ERROR: VALIDATION_ERROR: 10005 T: not JSON (request r7)");
    let keys: Vec<String> = world.fake.state().usergroups.keys().cloned().collect();
    assert_eq!(keys, ["1", "5"]);
    assert_eq!(world.read("u.failed.ndjson").lines().count(), 3);
}

#[test]
fn a_refused_call_that_no_record_is_to_blame_for_ends_the_import() {
    let world = World::new();
    world.write("u.ndjson", "{\"id\":1}\n{\"id\":2}\n");
    let error = json!({"error": {"code": 10017, "type": "PayloadValidationError", "messages": ["Unknown directive"]}});
    world.fake.will_answer("400 Bad Request", "", &error);
    let run = world.import(&words(BY_ID, &["u.ndjson"]));
    assert_eq!((run.exit, world.fake.state().bodies.len()), (Exit::InputRejected, 1));
    run.says("answered 400: 10017 PayloadValidationError: Unknown directive (batch from ");
    let other = json!({"data": [{"action": "create", "key": 7, "success": true}, {"action": "create", "key": 1, "success": true}]});
    world.fake.will_answer("200 OK", "", &other);
    let run = world.import(&words(BY_ID, &["u.ndjson"]));
    assert_eq!(run.exit, Exit::Failure);
    run.says("the result 0 is for the key 7, the record has 1");
}

#[test]
fn a_table_of_usergroups_is_put_together_and_its_failed_rows_come_back() {
    let world = World::new();
    world.fake.state().attributes = [("SIZE", "integer"), ("TAGS", "enumlist"), ("BIO", "text")].into();
    world.write(
        "u.csv",
        "id;name;notes;parent.id;addresses[0].street;addresses[0].city;attributes.SIZE;attributes.TAGS;attributes.BIO.nl\n\
         1;A;\"\";;;;;;\n\
         2;\"x; y\";\\N;1;Main;Oss;042;a|b;Hallo\n\
         3;bad;;1;;Oss;;;\"two\nlines\"\n\
         4;C;;x;;;;;\n\
         5;D;;;;;1.5;;\n\
         6;E;;99;;;;;;\n\
         7;F;;99;;;;;\n",
    );
    let run = world.import(&words(BY_ID, &["u.csv"]));
    run.check(Exit::Partial, "2 created, 0 updated, 0 unchanged, 0 skipped, 5 failed");
    assert_eq!(stored(&world, "1"), json!({"id": 1, "name": "A", "notes": ""}));
    assert_eq!(
        stored(&world, "2"),
        json!({
            "id": 2, "name": "x; y", "notes": null, "parent": {"id": 1},
            "addresses": [{"street": "Main", "city": "Oss"}],
            "attributes": [
                {"name": "BIO", "class": "user", "value": [{"language": "NL", "value": "Hallo"}]},
                {"name": "SIZE", "class": "user", "value": 42},
                {"name": "TAGS", "class": "user", "value": ["a", "b"]},
            ],
        })
    );
    let header = "id;name;notes;parent.id;addresses[0].street;addresses[0].city;attributes.SIZE;attributes.TAGS;\
                  attributes.BIO.nl;_error_code;_error_reason;_error_field;_error_message\n";
    let number = "must be a whole number, in digits alone";
    let failed = world.read("u.failed.csv");
    assert_eq!(
        failed,
        format!(
            "{header}\
             4;C;;x;;;;;;VALIDATION_ERROR;CELL;parent.id;{number}\n\
             5;D;;;;;1.5;;;VALIDATION_ERROR;CELL;attributes.SIZE;{number}\n\
             6;E;;99;;;;;;;CSV_SHAPE;;;\"10 cells, but 9 columns: a cell with the delimiter ';' in it must be quoted\"\n\
             3;bad;;1;;Oss;;;\"two\nlines\";VALIDATION_ERROR;;name;name is wrong\n\
             7;F;;99;;;;;;PARENT_GROUP_NOT_FOUND;;parent;Parent usergroup not found\n"
        )
    );
    let mended = failed
        .replace(";x;;;;;;VALID", ";1;;;;;;VALID")
        .replace("1.5", "2")
        .replace("99;;;;;;;CSV", "1;;;;;;CSV")
        .replace("bad", "B")
        .replace(";99;", ";6;");
    world.write("u.failed.csv", mended);
    world
        .import(&words(BY_ID, &["u.failed.csv"]))
        .check(Exit::Success, "5 created, 0 updated, 0 unchanged, 0 skipped, 0 failed");
    let third =
        json!([{"name": "BIO", "class": "user", "value": [{"language": "NL", "value": "two\nlines"}]}]);
    assert_eq!(stored(&world, "3")["attributes"], third);
    assert_eq!(stored(&world, "7")["parent"], json!({"id": 6}));
}

#[test]
fn a_table_that_does_not_fit_is_refused_before_anything_is_sent() {
    let world = World::new();
    world.fake.state().attributes = [("BIO", "text")].into();
    for (header, base, told) in [
        ("id,nmae", BY_ID, "u.csv:1: the column `nmae` is no field of usergroups; did you mean `name`?"),
        ("colour,size", BY_ID, "the first line names no known field (found: colour, size; known: id, name,"),
        ("id,name", BY_SOURCE_ID, "the column `id`: with --key sourceId the server gives the ids"),
        (
            "id,attributes.BIO",
            BY_ID,
            "the column `attributes.BIO`: this attribute has a value in each language",
        ),
        ("id,attributes.NONE", BY_ID, "u.csv: the column `attributes.NONE`: there is no such attribute"),
    ] {
        world.write("u.csv", format!("{header}\n1,x\n"));
        let run = world.import(&words(base, &["u.csv"]));
        run.check(Exit::InputRejected, "0 created, 0 updated, 0 unchanged, 0 skipped, 0 failed");
        run.says(told);
    }
    assert!(world.fake.state().bodies.iter().all(String::is_empty), "only questions were asked");
    let error = json!({"error": {"code": 403, "type": "Forbidden", "messages": ["no"]}});
    world.fake.will_answer("503 Service Unavailable", "retry-after: 3\r\n", &error);
    world.fake.will_answer("403 Forbidden", "", &error);
    world.write("u.csv", "id,attributes.BIO.EN\n1,x\n");
    let run = world.import(&words(BY_ID, &["u.csv"]));
    assert_eq!((run.exit, run.slept.len()), (Exit::Unauthorised, 1), "{}", run.stderr);
    run.says("answered 503: 403 Forbidden: no; trying again in 3 s");
}

#[test]
fn the_face_needs_its_key() {
    for words in [
        &["import", "f", "--face=usergroups"][..],
        &["import", "f", "--face=usergroups", "--key=name"],
        &["import", "f", "--face=people"],
        &["import", "f", "--key=id"],
        &["import", "f", "--face=usergroups", "--key=id", "--directive=skipIfNotEmpty"],
        &["import", "f", "--face=usergroups", "--key=id", "--directive=skipAll"],
        &["import", "f", "--directive=skipCreate"],
    ] {
        let exit = CommandLine::try_parse_from(words).err().map(|error| error.exit_code());
        assert_eq!(exit, Some(2), "{words:?}");
    }
    let world = World::new();
    world.write("g.ndjson", "{}\n");
    let run = world.import(&["g.ndjson", "--face=groups", "--key=id"]);
    assert_eq!(run.exit, Exit::InputRejected);
    run.says("--key and --directive are for --face usergroups");
}

//! Usergroups, brought in by the program's own client.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::harness::{Server, finish, rosterd};
use crate::samples::sample;
use crate::usergroups::fields;

/// Imports a file as usergroups: the exit code, the numbers created, updated, unchanged, skipped and failed,
/// and standard error.
fn import(server: &Server, key: &str, file: &str, content: &str, more: &[&str]) -> (i32, [u64; 5], String) {
    let (file, secret) = (server.file(file, content), server.file("key", &server.client.key));
    let url = format!("http://{}", server.client.address);
    let mut command = rosterd();
    command.arg("import").arg(file).args(["--server", &url, "--json", "--face", "usergroups", "--key", key]);
    let (code, stdout, stderr) = finish(command.arg("--key-file").arg(secret).args(more));
    let summary: Value = serde_json::from_str(stdout.lines().last().unwrap_or_default()).unwrap();
    let number = |name: &str| summary["summary"][name].as_u64().unwrap();
    let numbers = ["created", "updated", "unchanged", "skipped", "failed"].map(number);
    assert_eq!(number("records"), numbers.iter().sum::<u64>(), "{stdout}");
    (code.unwrap(), numbers, stderr)
}

/// What [`import`] gives where nothing failed.
#[track_caller]
fn all_well(server: &Server, key: &str, file: &str, content: &str, more: &[&str]) -> [u64; 4] {
    let (code, [created, updated, unchanged, skipped, failed], stderr) =
        import(server, key, file, content, more);
    assert_eq!((code, failed), (0, 0), "{stderr}");
    [created, updated, unchanged, skipped]
}

fn usergroup(server: &Server, key: &str, source: &str) -> Value {
    let target = format!("/usergroups/sourceId/{key}?source={source}&expands=parent,language,sources");
    let answer = server.client.get(&target).send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].clone()
}

/// The sample as usergroups: by key one a line, and by id as a table. Children come before their parents.
fn trees(sample: &str) -> (String, String, usize) {
    let records: Vec<Value> = sample.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let key = |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
    let ids: HashMap<String, usize> =
        records.iter().enumerate().map(|(id, record)| (key(record, "externalReferenceId"), id + 1)).collect();
    let mut lines = String::new();
    let mut table = "id;name;notes;sourceId;source;parent.id\n".to_owned();
    for record in &records {
        let (own, parent) = (key(record, "externalReferenceId"), key(record, "parentExternalReferenceId"));
        let (name, notes) = (key(record, "name"), key(record, "description"));
        let mut usergroup = json!({"sourceId": own, "source": "ISO", "name": name, "notes": notes});
        if !parent.is_empty() {
            usergroup["parent"] = json!({"sourceId": parent, "source": "ISO"});
        }
        writeln!(lines, "{usergroup}").unwrap();
        let above = ids.get(&parent).map(usize::to_string).unwrap_or_default();
        let quoted = name.replace('"', "\"\"");
        writeln!(table, "{};\"{quoted}\";{notes};{own};ISO;{above}", ids[&own]).unwrap();
    }
    (lines, table, records.len())
}

#[test]
fn a_real_tree_is_imported_once_by_either_key() {
    let Some(sample) = sample() else { return };
    let (lines, table, count) = trees(&std::fs::read_to_string(sample).unwrap());
    let count = u64::try_from(count).unwrap();
    for (key, file, content, limit, parallel) in
        [("sourceId", "u.ndjson", lines, "1000", "1"), ("id", "u.csv", table, "700", "3")]
    {
        let server = Server::start();
        let more = ["--batch-size", limit, "--parallel", parallel];
        let dry = all_well(&server, key, file, &content, &[&more[..], &["--dry-run"]].concat());
        assert_eq!((dry, server.client.all(1000).len()), ([count, 0, 0, 0], 0), "{file}");
        assert_eq!(all_well(&server, key, file, &content, &more), [count, 0, 0, 0], "{file}");
        assert_eq!(server.client.all(1000).len() as u64, count);
        let newham = usergroup(&server, "GB-NWM", "ISO");
        assert_eq!((&newham["name"], &newham["notes"]), (&json!("Newham"), &json!("London borough")));
        assert_eq!(newham["parent"]["sourceId"], "GB-ENG");
        let before = server.settled_bytes();
        assert_eq!(all_well(&server, key, file, &content, &more), [0, 0, count, 0], "{file}");
        assert_eq!(server.settled_bytes(), before, "{file}: what is unchanged is not written");
        let renamed = content.replacen("Newham", "Newham (renamed)", 1);
        assert_eq!(all_well(&server, key, file, &renamed, &more), [0, 1, count - 1, 0], "{file}");
    }
}

#[test]
fn a_table_keeps_clears_and_sets() {
    let server = Server::start();
    let header =
        "id,name,language,company,notes,budget,parent.id,parent.sourceId,parent.source,sourceId,source\n";
    let table = format!(
        "{header}11,Child,nl,Acme,\"a\nb\",H,,top,ERP,,\n012,Other,,,,,10,,,o,CRM\n10,Top,EN,Acme,n,Y,,,,top,ERP\n"
    );
    assert_eq!(all_well(&server, "id", "u.csv", &table, &["--batch-size", "1"]), [3, 0, 0, 0]);
    let child = fields(&server.client, 11);
    let told = ["language", "company", "notes", "budget"].map(|name| child[name].clone());
    assert_eq!(json!(told), json!(["NL", "Acme", "a\nb", "H"]));
    assert_eq!(child["parent"], json!({"id": 10, "source": "ERP", "sourceId": "top"}));
    assert_eq!(fields(&server.client, 12)["parent"]["id"], 10);
    let changed = format!("{header}11,,\\N,\"\",,,12\n");
    assert_eq!(all_well(&server, "id", "u.csv", &changed, &[]), [0, 1, 0, 0]);
    let child = fields(&server.client, 11);
    let told = ["name", "language", "company", "notes", "budget"].map(|name| child[name].clone());
    assert_eq!(json!(told), json!(["Child", null, "", "a\nb", "H"]));
    assert_eq!(child["parent"]["id"], 12);
    // The same table by key, without the ids.
    let by_key = "sourceId;source;name\ntop;ERP;Renamed\nnew;ERP;New\n";
    assert_eq!(all_well(&server, "sourceId", "k.csv", by_key, &[]), [1, 1, 0, 0]);
    assert_eq!(fields(&server.client, 10)["name"], "Renamed");
}

#[test]
fn directives_hold_for_every_batch() {
    let server = Server::start();
    let first = "{\"sourceId\":\"a\",\"source\":\"S\",\"name\":\"A\"}\n\
                 {\"sourceId\":\"b\",\"source\":\"S\",\"parent\":{\"sourceId\":\"a\"}}\n";
    assert_eq!(all_well(&server, "sourceId", "u.ndjson", first, &[]), [2, 0, 0, 0]);
    let second = "{\"sourceId\":\"a\",\"source\":\"S\",\"name\":\"X\"}\n\
                  {\"sourceId\":\"b\",\"source\":\"S\",\"name\":\"B\",\"parent\":{\"sourceId\":\"gone\"}}\n\
                  {\"sourceId\":\"c\",\"source\":\"S\",\"parent\":{\"sourceId\":\"a\"}}\n";
    let guards =
        ["--batch-size=1", "--directive=skipIfNotEmpty=name,notes", "--directive", "skipMoveOnUpdate"];
    let more = [&guards[..], &["--directive=skipCreate", "--directive=mergeTranslationsOnUpdate"]].concat();
    let (code, numbers, stderr) = import(&server, "sourceId", "u.ndjson", second, &more);
    assert_eq!((code, numbers), (0, [0, 1, 1, 1, 0]), "{stderr}");
    assert!(stderr.contains("warning: SKIPPED_BY_DIRECTIVE name: 1 records"), "{stderr}");
    let b = usergroup(&server, "b", "S");
    assert_eq!((&b["name"], &b["parent"]["sourceId"]), (&json!("B"), &json!("a")));
    assert_eq!(usergroup(&server, "a", "S")["name"], "A");
    // What the server does not let through is told before a record is written.
    let (code, _, stderr) =
        import(&server, "sourceId", "u.ndjson", second, &["--directive=skipIfNotEmpty=source"]);
    assert_eq!((code, server.client.all(10).len()), (4, 2), "{stderr}");
    assert!(stderr.contains("10017 PayloadValidationError: [source] is not a field"), "{stderr}");
}

#[test]
fn failed_records_are_mended_and_imported() {
    let table = "id;name;budget;parent.id;notes\n\
                 1;Fine;;;\n2;\"a; b\";X;1;\"\"\n3;Orphan;;99;\"two\nlines\"\n4;Self;Y;4;\n5;Number;;five;\n6;Below;;2;\n";
    let lines = "{\"id\":1,\"name\":\"Fine\"}\n{\"id\":2,\"colour\":\"red\"}\n{\"name\":\"No key\"}\n\
                 {\"id\":4,\"name\":\"\\ud800\"}\n{\"id\":5,\"parent\":{\"id\":\"2\"}}\n{\"id\":6,\"parent\":{\"id\":2}}\n";
    for (file, content, told) in [
        (
            "u.csv",
            table,
            &[
                "u.csv:3: VALIDATION_ERROR budget: ",
                "u.csv:4: PARENT_GROUP_NOT_FOUND parent: Parent usergroup with id [99]",
                "u.csv:6: PARENT_IS_SELF",
                "u.csv:7: VALIDATION_ERROR parent.id: must be a whole number",
            ][..],
        ),
        (
            "u.ndjson",
            lines,
            &[
                "u.ndjson:2: VALIDATION_ERROR colour: extraneous key [colour]",
                "u.ndjson:3: VALIDATION_ERROR",
                "required key [id] not found",
                "u.ndjson:5: VALIDATION_ERROR parent.id: expected type",
            ],
        ),
    ] {
        let server = Server::start();
        let (code, numbers, stderr) = import(&server, "id", file, content, &[]);
        assert_eq!((code, numbers), (3, [1, 0, 0, 0, 5]), "{file}: {stderr}");
        for line in told {
            assert!(stderr.contains(line), "{line:?} is not in:\n{stderr}");
        }
        let failed =
            std::fs::read_to_string(server.data().with_file_name(file.replace('.', ".failed."))).unwrap();
        let (code, numbers, _) = import(&server, "id", file, &failed, &[]);
        assert_eq!((code, numbers), (4, [0, 0, 0, 0, 5]), "{file}: as it is it fails again");
        let mended = failed
            .replace(";X;", ";N;")
            .replace(";99;", ";1;")
            .replace(";4;;", ";;;")
            .replace("five", "3")
            .replace("\"colour\"", "\"company\"")
            .replace("\"name\":\"No key\"", "\"id\":3")
            .replace("\\ud800", "4")
            .replace("{\"id\":\"2\"}", "{\"id\":2}");
        assert_eq!(all_well(&server, "id", file, &mended, &[]), [5, 0, 0, 0], "{file}: {mended}");
        assert_eq!(fields(&server.client, 6)["parent"]["id"], 2, "{file}");
        assert!(!server.data().with_file_name(file.replace('.', ".failed.")).exists(), "{file}");
    }
}

#[test]
fn the_failed_records_of_a_run_are_mended_and_imported() {
    let server = Server::start();
    let items = json!({"usergroups": [{"id": 1}, {"id": 2, "parent": {"id": 9}}, {"id": 3}]});
    let answer = server.client.post("/usergroups/bulk/id", items.to_string()).send();
    let run = answer.header("rosterd-run-id").unwrap();
    let failed = server.client.get(&format!("/v3/runs/{run}?format=ndjson")).send();
    let failed = failed.text();
    assert!(failed.contains("PARENT_GROUP_NOT_FOUND"), "{failed}");
    let mended = failed.replace("{\"id\":9}", "{\"id\":1}");
    assert_eq!(all_well(&server, "id", "u.ndjson", &mended, &[]), [1, 0, 0, 0], "{mended}");
    assert_eq!(fields(&server.client, 2)["parent"]["id"], 1);
}

/// What a usergroup shows of its attributes, by name.
fn values(server: &Server, key: &str) -> Value {
    let answer =
        server.client.get(&format!("/usergroups/sourceId/{key}/attributes?source=E&offset=100")).send();
    let entries = answer.json()["data"].as_array().unwrap().clone();
    entries
        .into_iter()
        .map(|entry| (entry["name"].as_str().unwrap().to_owned(), entry["value"].clone()))
        .collect()
}

#[test]
fn attributes_become_what_their_type_needs() {
    let server = Server::start();
    for (name, kind, parameter) in [
        ("SIZE", "integer", ""),
        ("RATE", "decimal", ""),
        ("BIO", "text", ""),
        ("TAGS", "list", ""),
        ("KIND", "enum", "KINDS"),
        ("KINDS", "enumlist", "KINDS"),
        ("BORN", "date", ""),
        ("SEEN", "datetime", ""),
    ] {
        let mut body = json!({"name": name, "class": "user", "type": kind});
        if !parameter.is_empty() {
            body["typeParam"] = parameter.into();
        }
        assert_eq!(server.client.post("/attributes", body.to_string()).send().status, 201, "{name}");
    }
    let header = "sourceId;source;attributes.SIZE;attributes.RATE;attributes.BIO.NL;attributes.BIO.en;attributes.TAGS.NL;\
                  attributes.KIND;attributes.KINDS;attributes.BORN;attributes.SEEN\n";
    let full = format!(
        "{header}a;E;042;012.50;\"Hallo; jij\";Hello;x|y;a;a|c;2026-01-31;2026-01-31T12:00:00Z\nb;E;;;;;;;;;\n"
    );
    assert_eq!(all_well(&server, "sourceId", "u.csv", &full, &[]), [2, 0, 0, 0]);
    assert_eq!(all_well(&server, "sourceId", "u.csv", &full, &[]), [0, 0, 2, 0]);
    let text =
        |language: &str, value: &str| json!({"language": language, "value": value, "inherited": false});
    assert_eq!(
        values(&server, "a"),
        json!({
            "SIZE": 42, "RATE": 12.5, "BIO": [text("EN", "Hello"), text("NL", "Hallo; jij")],
            "TAGS": [{"language": "NL", "values": ["x", "y"], "inherited": false}],
            "KIND": "a", "KINDS": ["a", "c"], "BORN": "2026-01-31", "SEEN": "2026-01-31T12:00:00Z",
        })
    );
    // Null and the empty text take away, a blank cell keeps.
    let cleared = format!("{header}a;E;\\N;;\\N;;\"\";\"\";\"\";;\\N\n");
    assert_eq!(all_well(&server, "sourceId", "u.csv", &cleared, &[]), [0, 1, 0, 0]);
    let left = json!({"RATE": 12.5, "BIO": [text("EN", "Hello")], "BORN": "2026-01-31"});
    assert_eq!(values(&server, "a"), left);
    // A value of another type fails its record, before it is sent or after.
    let wrong = "sourceId;source;attributes.RATE;attributes.BORN\nc;E;1,5;\nd;E;;2026-13-01\n";
    let (code, numbers, stderr) = import(&server, "sourceId", "u.csv", wrong, &[]);
    assert_eq!((code, numbers), (4, [0, 0, 0, 0, 2]), "{stderr}");
    assert!(
        stderr.contains("u.csv:2: VALIDATION_ERROR attributes.RATE: must be a number such as"),
        "{stderr}"
    );
    assert!(stderr.contains("u.csv:3: VALIDATION_ERROR attributes[0]"), "{stderr}");
    for (column, told) in [
        ("attributes.NONE", "the column `attributes.NONE`: there is no such attribute"),
        ("attributes.BIO", "name the column `attributes.BIO.EN`"),
        ("attributes.SIZE.NL", "name the column `attributes.SIZE`"),
    ] {
        let table = format!("sourceId;source;{column}\nc;E;1\n");
        let (code, _, stderr) = import(&server, "sourceId", "u.csv", &table, &[]);
        assert!(code == 4 && stderr.contains(told), "{stderr}");
    }
    assert_eq!(server.client.all(10).len(), 2);
}

#[test]
fn addresses_are_gathered_from_their_columns() {
    let server = Server::start();
    let columns = |index: u8| {
        let names = ["code", "type", "street", "city", "country", "isDefault"];
        names.map(|name| format!("addresses[{index}].{name}")).join(",")
    };
    let header = format!("id,{},{}\n", columns(0), columns(1));
    let rows = "1,A,home,Main,Oss,NL,,B,invoice,Side,Ede,NL,Y\n2,,,,,,,B,invoice,Side,Ede,NL,\n\
                3,C,home,,Oss,NL\n4,D,palace,S,Oss,NL\n";
    let (code, numbers, stderr) = import(&server, "id", "u.csv", &format!("{header}{rows}"), &[]);
    assert_eq!((code, numbers), (3, [2, 0, 0, 0, 2]), "{stderr}");
    for told in
        ["u.csv:4: VALIDATION_ERROR addresses[0].street", "u.csv:5: VALIDATION_ERROR addresses[0].type"]
    {
        assert!(stderr.contains(told), "{told:?} is not in:\n{stderr}");
    }
    let stored = |id: u8| {
        let answer = server.client.get(&format!("/usergroups/id/{id}/addresses/")).send().json();
        let found = answer["data"].as_array().unwrap().clone();
        let names = ["code", "type", "street", "city", "isDefault"];
        found.iter().map(|one| json!(names.map(|name| one[name].clone()))).collect::<Vec<_>>()
    };
    let b = |default: &str| json!(["B", "invoice", "Side", "Ede", default]);
    assert_eq!(stored(1), [json!(["A", "home", "Main", "Oss", "N"]), b("Y")]);
    assert_eq!(stored(2), [b("N")]);
    // By their codes they are found again.
    let failed = std::fs::read_to_string(server.data().with_file_name("u.failed.csv")).unwrap();
    let mended = failed.replace("home,,", "home,New,").replace("palace", "delivery");
    assert_eq!(all_well(&server, "id", "u.csv", &mended, &[]), [2, 0, 0, 0], "{mended}");
    assert_eq!(all_well(&server, "id", "u.csv", &mended, &[]), [0, 0, 2, 0], "{mended}");
}

#[test]
fn what_is_no_import_of_usergroups_is_refused() {
    let server = Server::start();
    let file = server.file("u.csv", "id,nmae\n1,x\n");
    let run = |more: &[&str]| {
        let url = format!("http://{}", server.client.address);
        let mut command = rosterd();
        command.arg("import").arg(&file).args(["--server", &url]).env("ROSTERD_KEY", &server.client.key);
        let (code, _, stderr) = finish(command.args(more));
        (code, stderr)
    };
    for (more, code, told) in [
        (&["--face", "usergroups"][..], 2, "--key <KEY>"),
        (&["--face", "usergroups", "--key", "name"], 2, "possible values: id, sourceId"),
        (
            &["--face", "usergroups", "--key", "id", "--directive", "skip"],
            2,
            "known are skipCreate, skipMoveOnUpdate",
        ),
        (&["--face", "usergroups", "--key", "id", "--directive", "skipIfNotEmpty"], 2, "needs fields"),
        (&["--key", "id", "--face", "groups"], 4, "are for --face usergroups"),
        (
            &["--face", "usergroups", "--key", "id"],
            4,
            "u.csv:1: the column `nmae` is no field of usergroups; did you mean `name`?",
        ),
    ] {
        let (found, stderr) = run(more);
        assert_eq!(found, Some(code), "{more:?}: {stderr}");
        assert!(stderr.contains(told), "{more:?}: {stderr}");
    }
    assert_eq!(server.client.all(10).len(), 0);
}

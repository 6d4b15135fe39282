use encoding_rs::UTF_8;

use super::{InputFault, Item, Kept, Rows, parse_delimiter};
use crate::cli::import::groups::Groups;
use crate::cli::import::record::Fault;
use crate::cli::import::text::tests::text;

fn rows(input: &str) -> Result<(Rows, Vec<Item>), InputFault> {
    let mut rows = Rows::open(text(input.as_bytes(), UTF_8), None, &Groups)?;
    let mut items = Vec::new();
    while let Some(item) = rows.next()? {
        items.push(item);
    }
    Ok((rows, items))
}

/// What each row becomes: the object, or the message of its fault.
fn check(input: &str, expected: &[&str]) {
    let (_, items) = rows(input).expect("readable");
    let found: Vec<&str> = items
        .iter()
        .map(|item| match &item.content {
            Ok(object) => object.as_str(),
            Err((_, fault)) => fault.message.as_str(),
        })
        .collect();
    assert_eq!(found, expected, "{input}");
}

fn check_refused(input: &str, expected: &str) {
    let Err(fault) = rows(input) else { panic!("{input}: was read") };
    assert!(fault.describe("FILE").contains(expected), "{input}: {}", fault.describe("FILE"));
}

#[test]
fn blank_quoted_empty_and_null_are_three_things() {
    check("name,description\na,\n", &[r#"{"name":"a"}"#]);
    check("name,description\na,\"\"\n", &[r#"{"name":"a","description":""}"#]);
    check("name,description\na,\\N\n", &[r#"{"name":"a","description":null}"#]);
    check("name,description\na,\"\\N\"\n", &[r#"{"name":"a","description":"\\N"}"#]);
    check("name,description\na\n", &[r#"{"name":"a"}"#]);
    check("name,description\na,\" \"\n", &[r#"{"name":"a","description":" "}"#]);
}

#[test]
fn cells_follow_rfc_4180() {
    check(
        "name,description\r\n\"a,b\",\"say \"\"no\"\"\"\r\n",
        &[r#"{"name":"a,b","description":"say \"no\""}"#],
    );
    check("name,description\n\"two\r\nlines\",x", &[r#"{"name":"two\r\nlines","description":"x"}"#]);
    check("name\n5\" pipe\n a \n", &[r#"{"name":"5\" pipe"}"#, r#"{"name":" a "}"#]);
    check("name\n\"\"\"\"\n", &[r#"{"name":"\""}"#]);
    check("name;description\na,b;c\n", &[r#"{"name":"a,b","description":"c"}"#]);
    check("name\tcolour\na\t1\n", &[r#"{"name":"a","colour":"1"}"#]);
    check("\n name , description\n\nx,y\n,\n  \n", &[r#"{"name":"x","description":"y"}"#]);
}

#[test]
fn a_row_that_does_not_fit_is_a_fault_of_its_own() {
    check(
        "name;description\na;b;c\nd;e\n",
        &[
            "3 cells, but 2 columns: a cell with the delimiter ';' in it must be quoted",
            r#"{"name":"d","description":"e"}"#,
        ],
    );
    check(
        "name,description\n\"a\"b,c\n",
        &["column 1: there is text after the closing quote; a quote within a quoted cell is doubled"],
    );
    check("name,\na,\nb,c\n", &[r#"{"name":"a"}"#, "column 2 has a value but no name in the first line"]);
}

#[test]
fn what_is_not_a_table_of_groups_is_refused() {
    check_refused("", "FILE: is empty");
    check_refused("\n \n", "FILE: is empty");
    check_refused("colour,size\n1,2\n", "FILE:1: the first line names no known field (found: colour, size;");
    check_refused("name,name\n", "the column `name` is there twice");
    check_refused("name\rone\rtwo", "CR alone");
    check_refused("name\n\"open\nb\n", "FILE:2: a quote opened in this row is never closed");
    check_refused("name,\"x\"y\n", "the line of field names: column 2");
}

#[test]
fn line_numbers_are_those_of_the_file() {
    let (_, items) = rows("name\n\n\"a\nb\"\nc\n").expect("readable");
    assert_eq!(items.iter().map(|item| item.line).collect::<Vec<_>>(), [3, 5]);
}

/// The failed file of these rows, as if all of them had failed.
fn failed(input: &str) -> String {
    let (rows, items) = rows(input).expect("readable");
    let fault = Fault::of_record("X", "a; \"b\", c".into());
    let mut file = format!("{}\n", rows.header.failed_header());
    for item in items {
        let kept = item.content.map_or_else(|(kept, _)| kept, Kept::Object);
        file.push_str(&rows.header.failed_row(&kept, &fault));
        file.push('\n');
    }
    file
}

#[test]
fn the_failed_file_holds_the_same_records() {
    for input in [
        "externalReferenceId;name;description;\n1;a;\n2;;\"\"\n3;\"\\N\";\\N\n4;\" x;\"\"y\"\" \";\"l1\nl2\"\n",
        "externalReferenceId,name\n1,a,b\n2,\"a\"b\n\"3\"x\n4,b\n",
        "externalReferenceId\tname\n1\ta\n2\n",
    ] {
        let once = failed(input);
        let contents = |text: &str| -> Vec<Result<String, String>> {
            let (_, items) = rows(text).expect("readable");
            items.into_iter().map(|item| item.content.map_err(|(_, fault)| fault.code)).collect()
        };
        assert_eq!(contents(&once), contents(input), "{once}");
        assert_eq!(failed(&once), once, "importing the failed file changes nothing");
    }
}

#[test]
fn the_failed_file_keeps_the_columns() {
    assert_eq!(
        failed("externalReferenceId;name;description\n1;;\"\"\n2;a;b;c\n3;\\N\n"),
        "externalReferenceId;name;description;_error_code;_error_reason;_error_field;_error_message\n\
         1;;\"\";X;;;\"a; \"\"b\"\", c\"\n\
         2;a;b;c;X;;;\"a; \"\"b\"\", c\"\n\
         3;\\N;;X;;;\"a; \"\"b\"\", c\"\n"
    );
}

#[test]
fn delimiters_are_read_from_the_command_line() {
    assert_eq!(parse_delimiter("tab"), Ok('\t'));
    assert_eq!(parse_delimiter(r"\t"), Ok('\t'));
    assert_eq!(parse_delimiter("|"), Ok('|'));
    for refused in ["", "\"", "\n", ";;"] {
        assert!(parse_delimiter(refused).is_err(), "{refused:?}");
    }
}

/// What a run's failed records look like as a table.
#[test]
fn a_record_that_did_not_fit_into_cells_is_not_sent() {
    let table = "externalReferenceId,name,_raw,_error_code,_error_reason,_error_field,_error_message\n\
                 a,A,,X,R,f,m\n,,[1],X,R,f,m\n,,\"\",X,R,f,m\n";
    let (_, items) = rows(table).expect("readable");
    let contents: Vec<Result<&str, &str>> =
        items.iter().map(|item| item.content.as_deref().map_err(|(_, fault)| &*fault.code)).collect();
    assert_eq!(
        contents,
        [Ok(r#"{"externalReferenceId":"a","name":"A"}"#), Err("CSV_SHAPE"), Err("CSV_SHAPE")]
    );
    // Imported again before it is repaired, it is reported again.
    assert!(failed(table).contains("\n,,[1],X,"));
}

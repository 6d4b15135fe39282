//! The statements themselves: worded as Citus wants them, each for one partition, each along an index.
//!
//! They are read from the sources: a new one is judged without being listed anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use store::Spread;
use store::cluster::{self, Session};

use crate::location;

const PARTITIONS: u16 = 4;
/// Tables with a row of a tenant in each row.
const OF_TENANTS: [&str; 10] = [
    "tenants",
    "groups",
    "extra_refs",
    "stored_answers",
    "runs",
    "attributes",
    "attribute_values",
    "addresses",
    "copies",
    "rate_leases",
];
/// What looks at no tenant's data, or at that of all of them: tenants and keys, schema, settings.
const COMMON: [&str; 6] = ["create_", "tenant_names", "access_keys", "schema_", "pg_", "FROM tenants\""];
/// Words that mean something else on each node of Citus, or nothing at all (engines.md §5.5).
const FORBIDDEN: [&str; 13] = [
    "MERGE ",
    "nextval",
    "xmax",
    "advisory",
    "CYCLE",
    "SERIALIZABLE",
    "random()",
    " now()",
    "LISTEN",
    "TEMP",
    "current_timestamp",
    "TRUNCATE",
    "FOR UPDATE",
];

/// The statements of the engine on tenants' data, by what they are or where they stand.
fn statements() -> BTreeMap<String, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/postgres");
    let mut found = BTreeMap::new();
    for path in files(&source) {
        let text = std::fs::read_to_string(&path).expect("a text");
        let name = path.strip_prefix(&source).expect("below it").display().to_string();
        if path.extension().is_some_and(|ending| ending == "sql") {
            let code: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
            found.insert(name, code.join("\n"));
        } else {
            for (number, literal) in literals(&text).into_iter().enumerate() {
                found.insert(format!("{name} {number}"), literal);
            }
        }
    }
    found.retain(|_, sql| {
        let is_common = COMMON.iter().any(|word| sql.contains(word) || format!("{sql}\"").ends_with(word));
        OF_TENANTS.iter().any(|table| names(sql, table)) && !is_common
    });
    found
}

fn files(below: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(below).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Statements in the strings of a source.
fn literals(source: &str) -> Vec<String> {
    let code: Vec<&str> = source.lines().map(|line| line.split("///").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let strings = code.split('"').skip(1).step_by(2);
    let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];
    let wanted = strings.filter(|string| verbs.iter().any(|verb| string.starts_with(verb)));
    wanted.map(|string| string.replace("\\\n", " ")).collect()
}

/// Whether a statement names a table: not as a part of another name.
fn names(sql: &str, table: &str) -> bool {
    words(sql).any(|word| word == table)
}

fn words(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(|character: char| !character.is_alphanumeric() && character != '_')
        .filter(|word| !word.is_empty())
}

/// How often a statement takes rows from tables of tenants.
fn taken_from(sql: &str) -> usize {
    let words: Vec<&str> = words(sql).collect();
    let verbs = ["FROM", "JOIN", "UPDATE", "USING"];
    words.windows(2).filter(|pair| verbs.contains(&pair[0]) && OF_TENANTS.contains(&pair[1])).count()
}

#[test]
fn every_statement_names_its_tenant_wherever_it_takes_rows() {
    let statements = statements();
    assert!(statements.len() > 40, "{} statements are not all of them", statements.len());
    for (name, sql) in &statements {
        let filters = sql.matches("tenant = $1").count();
        assert!(
            filters >= taken_from(sql),
            "{name}: tenant = $1 once for each table it takes rows from:\n{sql}"
        );
        for word in FORBIDDEN {
            assert!(!sql.contains(word), "{name} says {word}:\n{sql}");
        }
        let update = sql.split("DO UPDATE").nth(1).unwrap_or_default();
        assert!(
            !update.contains('$') && !update.contains('('),
            "{name}: DO UPDATE takes what is excluded:\n{sql}"
        );
    }
}

#[test]
fn every_statement_looks_into_one_partition_along_an_index() {
    let Some(database) = cluster::database() else { return };
    store::migrate(&location(database.url()), Some(Spread::Partitions(PARTITIONS))).expect("migrated");
    let session = database.session();
    // Where there is an index it is taken, however small the table.
    session.execute("SET enable_seqscan = off; SET enable_bitmapscan = off").expect("set");
    for (name, sql) in statements() {
        if sql.starts_with("COPY") {
            continue;
        }
        session
            .execute(&format!("PREPARE judged AS {sql}"))
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        for mode in ["force_custom_plan", "force_generic_plan"] {
            session.execute(&format!("SET plan_cache_mode = {mode}")).expect("set");
            let rising = plan(&session, |number| number);
            // A range of such values may be empty; then it is not the other way round.
            let is_empty = rising.iter().any(|line| line.contains("One-Time Filter: false"));
            let plan = if is_empty { plan(&session, |number| u8::MAX - number) } else { rising };
            judge(&name, mode, &plan, taken_from(&sql) > 0);
        }
        session.execute("DEALLOCATE judged").expect("forgotten");
    }
}

/// Where nothing but the place is asked for, an index tells; and another one, how many are archived of all.
#[test]
fn totals_are_told_by_the_indexes_alone() {
    let Some(database) = cluster::database() else { return };
    store::migrate(&location(database.url()), Some(Spread::Partitions(PARTITIONS))).expect("migrated");
    let session = database.session();
    session.execute("SET enable_seqscan = off; SET enable_bitmapscan = off").expect("set");
    let statements = statements();
    for (name, archived, parent) in [
        ("anywhere", "NULL", ""),
        ("anywhere", "true", ""),
        ("roots", "NULL", ""),
        ("children", "NULL", ", 1"),
    ] {
        let sql = &statements[&format!("sql/total_{name}.sql")];
        session.execute(&format!("PREPARE judged AS {sql}")).expect("prepared");
        let explain = format!("EXPLAIN (COSTS OFF) EXECUTE judged(1, {archived}, NULL, NULL{parent})");
        let plan = session.rows(&explain).expect("a plan");
        let lines: Vec<&str> = plan.iter().filter_map(|row| row[0].as_deref()).collect();
        assert!(lines[1].contains("Index Only Scan"), "{name}: {lines:?}");
        assert!(lines.iter().all(|line| !line.contains("Filter")), "{name}: {lines:?}");
        session.execute("DEALLOCATE judged").expect("forgotten");
    }
}

/// With values that are made from these numbers, but that of the tenant, which is always the first one.
fn plan(session: &Session, number: fn(u8) -> u8) -> Vec<String> {
    let types = "SELECT unnest(parameter_types)::text FROM pg_prepared_statements WHERE name = 'judged'";
    let types = session.rows(types).expect("types");
    let kinds = types.iter().map(|row| row[0].as_deref().unwrap_or_default());
    let values: Vec<String> = (1..)
        .zip(kinds)
        .map(|(place, kind)| value(if place == 1 { 1 } else { number(place) }, kind))
        .collect();
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE judged({})", values.join(", "));
    session.rows(&explain).expect("a plan").into_iter().filter_map(|mut row| row.remove(0)).collect()
}

/// A value of a type; those of higher numbers are higher.
fn value(number: u8, kind: &str) -> String {
    let text = match kind {
        "bigint" | "integer" | "smallint" => return number.to_string(),
        "text" => return format!("'{number:03}'"),
        "boolean" => "true",
        "bytea" => return format!("'\\x{number:02x}'"),
        "text[]" => "'{a,b}'",
        "bytea[]" => "'{\"\\\\x00\"}'",
        "boolean[]" => "'{true,false}'",
        "bigint[]" | "integer[]" => "'{1,2,3}'",
        other => panic!("no value of type {other}"),
    };
    text.to_owned()
}

fn judge(name: &str, mode: &str, plan: &[String], takes_rows: bool) {
    let text = plan.join("\n");
    let mut looked_into: BTreeSet<&str> = BTreeSet::new();
    for line in plan {
        let Some((scan, rest)) = line.split_once(" on ") else { continue };
        let table = rest.split_whitespace().next().unwrap_or_default();
        let Some((of, partition)) = table.rsplit_once('_') else { continue };
        if OF_TENANTS.contains(&of) && scan.contains("Scan") {
            assert!(!scan.contains("Seq Scan"), "{name} ({mode}) looks at all of {table}:\n{text}");
            looked_into.insert(partition);
        }
    }
    let expected = usize::from(takes_rows);
    assert_eq!(looked_into.len(), expected, "{name} ({mode}) looks into {looked_into:?}:\n{text}");
}

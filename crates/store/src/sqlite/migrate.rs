//! The schema, as a list of steps that only grows.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::StoreError;

/// Marks a file as ours: "rost" in ASCII.
const APPLICATION_ID: i32 = 0x726F_7374;

/// One step. Released ones never change.
struct Migration {
    number: i64,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration { number: 1, name: "groups", sql: include_str!("../../migrations/sqlite/0001_groups.sql") },
    Migration {
        number: 2,
        name: "stored_answers",
        sql: include_str!("../../migrations/sqlite/0002_stored_answers.sql"),
    },
    Migration { number: 3, name: "lists", sql: include_str!("../../migrations/sqlite/0003_lists.sql") },
    Migration { number: 4, name: "changes", sql: include_str!("../../migrations/sqlite/0004_changes.sql") },
    Migration { number: 5, name: "runs", sql: include_str!("../../migrations/sqlite/0005_runs.sql") },
    Migration { number: 6, name: "details", sql: include_str!("../../migrations/sqlite/0006_details.sql") },
    Migration {
        number: 7,
        name: "oauth_clients",
        sql: include_str!("../../migrations/sqlite/0007_oauth_clients.sql"),
    },
    Migration {
        number: 8,
        name: "attributes",
        sql: include_str!("../../migrations/sqlite/0008_attributes.sql"),
    },
    Migration {
        number: 9,
        name: "addresses",
        sql: include_str!("../../migrations/sqlite/0009_addresses.sql"),
    },
    Migration { number: 10, name: "copies", sql: include_str!("../../migrations/sqlite/0010_copies.sql") },
    Migration {
        number: 11,
        name: "content_hash",
        sql: include_str!("../../migrations/sqlite/0011_content_hash.sql"),
    },
    Migration {
        number: 12,
        name: "checksums",
        sql: include_str!("../../migrations/sqlite/0012_checksums.sql"),
    },
];

const LEDGER: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    number INTEGER PRIMARY KEY,
    name   TEXT NOT NULL,
    hash   BLOB NOT NULL
) STRICT";

/// Refuses a file of another program. Reads only.
pub(super) fn recognise(db: &Connection) -> Result<(), StoreError> {
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let objects: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    match (application, objects) {
        (APPLICATION_ID, _) | (0, 0) => Ok(()),
        _ => Err(StoreError::Schema("rosterd.db is a SQLite file of another program".to_owned())),
    }
}

/// Brings the schema up to date, each step in a transaction of its own.
pub(super) fn migrate(db: &Connection) -> Result<(), StoreError> {
    for migration in pending(db)? {
        tracing::info!(number = migration.number, name = migration.name, "migrating the data file");
        let done = run(db, migration);
        if done.is_err() && !db.is_autocommit() {
            db.execute_batch("ROLLBACK")?;
        }
        done?;
    }
    Ok(())
}

/// How many steps the file has, after checking them.
pub(super) fn count(db: &Connection) -> Result<usize, StoreError> {
    recognise(db)?;
    Ok(MIGRATIONS.len() - pending(db)?.len())
}

/// All steps, of which the first ones are applied.
pub(super) fn list(applied: usize) -> Vec<crate::Migration> {
    let listed = MIGRATIONS.iter().zip(0..).map(|(migration, place)| crate::Migration {
        number: migration.number,
        name: migration.name,
        is_applied: place < applied,
        statements: vec![migration.sql.trim().to_owned()],
    });
    listed.collect()
}

/// A database in memory with the whole schema and nothing in it.
#[cfg(test)]
pub(super) fn database() -> Connection {
    let db = Connection::open_in_memory().expect("opens");
    super::checksum::register(&db).expect("registered");
    rusqlite::vtab::array::load_module(&db).expect("loaded");
    for migration in MIGRATIONS {
        db.execute_batch(migration.sql).expect("migrated");
    }
    db
}

/// The tables and indexes that are not those of this version, each by its name: missing, changed, or not ours.
pub(super) fn differences(db: &Connection) -> Result<Vec<String>, StoreError> {
    let ours = Connection::open_in_memory()?;
    super::checksum::register(&ours)?;
    for migration in MIGRATIONS {
        ours.execute_batch(migration.sql)?;
    }
    let (ours, theirs) = (objects(&ours)?, objects(db)?);
    let mut names: Vec<String> = ours.symmetric_difference(&theirs).map(|object| object.0.clone()).collect();
    names.dedup();
    Ok(names)
}

/// Names, kinds and definitions, but for the ledger.
fn objects(db: &Connection) -> Result<BTreeSet<(String, String, Option<String>)>, StoreError> {
    let mut select =
        db.prepare("SELECT name, type, sql FROM sqlite_schema WHERE name NOT LIKE '%schema_migrations%'")?;
    let rows = select.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Refuses a schema that is not the one of this program.
pub(super) fn require_current(db: &Connection) -> Result<(), StoreError> {
    if pending(db)?.is_empty() {
        return Ok(());
    }
    Err(StoreError::Schema(
        "the running server is older than this command and its data file is not migrated: restart the server with \
         this version first"
            .to_owned(),
    ))
}

fn run(db: &Connection, migration: &Migration) -> Result<(), StoreError> {
    db.execute_batch("BEGIN IMMEDIATE")?;
    db.pragma_update(None, "application_id", APPLICATION_ID)?;
    db.execute_batch(LEDGER)?;
    db.execute_batch(migration.sql)?;
    db.execute(
        "INSERT INTO schema_migrations (number, name, hash) VALUES (?1, ?2, ?3)",
        (migration.number, migration.name, hash(migration)),
    )?;
    db.execute_batch("COMMIT")?;
    Ok(())
}

/// The steps that the file has not seen, after checking those that it has.
fn pending(db: &Connection) -> Result<&'static [Migration], StoreError> {
    let applied = applied(db)?;
    for (number, found) in (1..).zip(&applied) {
        let Some(migration) = MIGRATIONS.iter().find(|migration| migration.number == found.number) else {
            return Err(StoreError::Schema(format!(
                "the data file was written by a newer rosterd: it has migration {}, this version knows {}",
                found.number,
                MIGRATIONS.len()
            )));
        };
        if found.number != number || found.hash != hash(migration) {
            return Err(StoreError::Schema(format!(
                "migration {} ({}) of the data file is not the one of this version: the file was changed, or \
                 written by a build that was never released",
                found.number, migration.name
            )));
        }
    }
    Ok(&MIGRATIONS[applied.len()..])
}

struct Applied {
    number: i64,
    hash: [u8; 32],
}

fn applied(db: &Connection) -> Result<Vec<Applied>, StoreError> {
    let ledger = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'";
    if db.query_row(ledger, (), |row| row.get::<_, i64>(0))? == 0 {
        return Ok(Vec::new());
    }
    let mut select = db.prepare("SELECT number, hash FROM schema_migrations ORDER BY number")?;
    let rows = select.query_map((), |row| Ok(Applied { number: row.get(0)?, hash: row.get(1)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn hash(migration: &Migration) -> [u8; 32] {
    *blake3::hash(migration.sql.as_bytes()).as_bytes()
}

//! The schema: who brings it up to date, and who is refused.

use std::thread;

use store::cluster::{self, Database};
use store::{Durability, Options, Purpose, Spread, StoreError};

use crate::{location, open};

fn opened(database: &Database, durability: Durability) -> Result<(), StoreError> {
    let options = Options { durability, ..Options::new(Purpose::Serve) };
    store::open_at(&location(database.url()), &options).map(|store| store.close())
}

fn refusal(opened: Result<(), StoreError>) -> String {
    opened.expect_err("refused").to_string()
}

#[test]
fn many_that_start_at_once_make_one_schema() {
    let Some(database) = cluster::database() else { return };
    let migrations = store::migrations(&location(database.url()), None).expect("listed");
    assert!(migrations.iter().all(|migration| !migration.is_applied && !migration.statements.is_empty()));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| open(database.url(), Purpose::Serve).close());
        }
    });
    let migrations = store::migrations(&location(database.url()), None).expect("listed");
    assert!(migrations.iter().all(|migration| migration.is_applied));
    assert_eq!(database.session().value("SELECT count(*) FROM schema_lease").as_deref(), Ok("0"));
}

#[test]
fn who_died_in_a_migration_is_waited_for_no_longer_than_the_lease() {
    let Some(database) = cluster::database() else { return };
    open(database.url(), Purpose::Serve).close();
    let session = database.session();
    session
        .execute(
            "DELETE FROM schema_migrations WHERE number > 1;
             INSERT INTO schema_lease VALUES (true, 'somebody', now() - interval '2 min', now() - interval '1 min')",
        )
        .expect("prepared");
    // What was done already is done again, and does no harm.
    assert_eq!(opened(&database, Durability::Waived), Ok(()));
}

#[test]
fn a_newer_schema_and_a_changed_one_are_refused() {
    let Some(database) = cluster::database() else { return };
    open(database.url(), Purpose::Serve).close();
    let session = database.session();
    let newest = "INSERT INTO schema_migrations SELECT max(number) + 1, 'later', '\\x00', max(spread) FROM schema_migrations";
    session.execute(newest).expect("prepared");
    let text = refusal(opened(&database, Durability::Waived));
    assert!(text.contains("written by a newer rosterd") && text.contains("run that version"), "{text}");
    session.execute("DELETE FROM schema_migrations WHERE name = 'later'").expect("prepared");
    session.execute("UPDATE schema_migrations SET hash = '\\x00' WHERE number = 1").expect("prepared");
    let text = refusal(opened(&database, Durability::Waived));
    assert!(
        text.contains("migration 1 (directory) of the database is not the one of this version"),
        "{text}"
    );
}

#[test]
fn tables_that_lie_otherwise_are_not_moved_silently() {
    let Some(database) = cluster::database() else { return };
    let location = location(database.url());
    store::migrate(&location, Some(Spread::Partitions(2))).expect("migrated");
    // Who says nothing takes them as they are.
    assert_eq!(store::migrate(&location, None), Ok(()));
    for other in [Spread::Partitions(4), Spread::Citus] {
        let text = refusal(store::migrate(&location, Some(other)));
        assert!(text.contains("the tables are 2 partitions") && text.contains("rosterd db copy"), "{text}");
    }
}

/// The clusters of tests do not keep what they acknowledge.
#[test]
fn a_database_that_may_lose_what_it_acknowledges_is_refused() {
    let Some(database) = cluster::database() else { return };
    let is_safe = database.session().value("SHOW fsync").as_deref() == Ok("on");
    let opened = opened(&database, Durability::Required);
    if is_safe {
        assert_eq!(opened, Ok(()));
        return;
    }
    let text = refusal(opened);
    assert!(text.contains("fsync") && text.contains("--accept-data-loss"), "{text}");
}

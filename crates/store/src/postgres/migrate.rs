//! The schema, as a list of steps that only grows. Each statement is a transaction of its own and may run again;
//! a row that is leased keeps two servers from doing it at once.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::WRITES;
use super::client::Client;
use super::failure::{Failure, Phase, damaged};
use super::pool::{BUDGET, Lent, Lines};
use crate::{Migration, Spread, StoreError};

/// One step. Released ones never change.
struct Step {
    number: i64,
    name: &'static str,
    sql: &'static str,
}

const STEPS: &[Step] = &[
    Step { number: 1, name: "directory", sql: include_str!("../../migrations/postgres/0001_directory.sql") },
    Step { number: 2, name: "copies", sql: include_str!("../../migrations/postgres/0002_copies.sql") },
    Step {
        number: 3,
        name: "rate_leases",
        sql: include_str!("../../migrations/postgres/0003_rate_leases.sql"),
    },
    Step {
        number: 4,
        name: "content_hash",
        sql: include_str!("../../migrations/postgres/0004_content_hash.sql"),
    },
];

/// What remembers the steps, and who is taking one.
const LEDGER: &str = include_str!("sql/ledger.sql");
/// How long others wait for whoever brings the schema up to date, if that is not heard of any more.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long one statement may take: an index over a big table takes its time.
const STATEMENT: Duration = Duration::from_hours(1);
/// How often the lease is asked for again.
const AGAIN: Duration = Duration::from_millis(200);

/// What a statement makes of its table when tables are spread.
enum Table {
    PerTenant(String),
    Shared(String),
}

/// What the database has.
struct Found {
    /// In order of numbers.
    steps: Vec<(i64, Vec<u8>)>,
    spread: Option<Spread>,
    has_citus: bool,
}

/// Brings the schema up to date.
pub(super) fn ready(lines: &Lines) -> Result<(), StoreError> {
    up(lines, None)
}

pub(super) fn up(lines: &Lines, spread: Option<Spread>) -> Result<(), StoreError> {
    let desk = Desk::open(lines)?;
    let found = desk.look()?;
    found.check()?;
    if found.steps.len() == STEPS.len() && found.is_spread(spread)? {
        return Ok(());
    }
    desk.ledger()?;
    desk.take_lease()?;
    let done = desk.bring_up_to_date(spread);
    desk.give_lease_back();
    done
}

pub(super) fn list(lines: &Lines, spread: Option<Spread>) -> Result<Vec<Migration>, StoreError> {
    let found = Desk::open(lines)?.look()?;
    found.check()?;
    // Tables that are to lie otherwise are brought there by the same statements.
    let is_spread = found.is_spread(spread)?;
    let spread = found.chosen(spread);
    let listed = STEPS.iter().map(|step| Migration {
        number: step.number,
        name: step.name,
        is_applied: is_spread && found.steps.iter().any(|(number, _)| *number == step.number),
        statements: statements(step, spread),
    });
    Ok(listed.collect())
}

impl Found {
    /// Refuses a schema that is newer than this program, or that is none of ours.
    fn check(&self) -> Result<(), StoreError> {
        for (number, (found, hash)) in (1..).zip(&self.steps) {
            let Some(step) = STEPS.iter().find(|step| step.number == *found) else {
                return Err(StoreError::Schema(format!(
                    "the database was written by a newer rosterd: it has migration {found}, this version knows {}; \
                     run that version, or one that is newer still",
                    STEPS.len()
                )));
            };
            if *found != number || *hash != blake3::hash(step.sql.as_bytes()).as_bytes() {
                return Err(StoreError::Schema(format!(
                    "migration {found} ({}) of the database is not the one of this version: it was changed, or \
                     written by a build that was never released",
                    step.name
                )));
            }
        }
        Ok(())
    }

    /// Whether the tables lie as they shall; an error if they cannot be brought there.
    fn is_spread(&self, wanted: Option<Spread>) -> Result<bool, StoreError> {
        match (self.spread, wanted) {
            (Some(_), None) | (Some(Spread::Citus), Some(Spread::Citus)) => Ok(true),
            (None, _) | (Some(Spread::Whole), Some(Spread::Citus)) => Ok(false),
            (Some(is), Some(wanted)) if is == wanted => Ok(true),
            (Some(is), Some(wanted)) => Err(StoreError::Schema(format!(
                "the tables are {is}, and cannot become {wanted} where they are: make a new database with `rosterd \
                 migrate up`, and move to it with `rosterd db copy`"
            ))),
        }
    }

    fn chosen(&self, wanted: Option<Spread>) -> Spread {
        let usual = if self.has_citus { Spread::Citus } else { Spread::Whole };
        wanted.or(self.spread).unwrap_or(usual)
    }
}

/// A connection for this work.
struct Desk {
    lent: RefCell<Lent>,
    /// Who leases.
    holder: String,
}

impl Desk {
    fn open(lines: &Lines) -> Result<Self, StoreError> {
        let mut attempts = lines.attempts(BUDGET);
        loop {
            match lines.take(WRITES, attempts.left()) {
                Ok(lent) => {
                    // Whoever takes the lease has to tell itself from others, even on the same machine.
                    let holder = format!("{}-{:p}", std::process::id(), &raw const *lines);
                    return Ok(Self { lent: RefCell::new(lent), holder });
                }
                Err(failure) => attempts.again(failure)?,
            }
        }
    }

    fn ask<T>(
        &self,
        work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Failure> {
        let done = self.lent.borrow_mut().connection()?.run(STATEMENT, work);
        let done = done.ok_or_else(|| Failure::lost(Phase::Before, "a migration does not end"))?;
        done.map_err(|error| Failure::of(&error, Phase::Before))
    }

    fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.ask(async |client| client.batch_execute(sql).await).map_err(|failure| {
            StoreError::Schema(format!(
                "the schema cannot be changed: {failure}; give a role that owns it to `rosterd migrate up`. The \
                 statement: {}",
                sql.lines().next().unwrap_or_default()
            ))
        })
    }

    fn rows(&self, sql: &str) -> Result<Vec<Row>, StoreError> {
        self.ask(async |client| client.query_typed(sql, &[]).await).map_err(Failure::into_error)
    }

    fn look(&self) -> Result<Found, StoreError> {
        let state = self.rows(include_str!("sql/schema.sql"))?;
        let (has_ledger, has_citus): (bool, bool) = match state.first() {
            Some(row) => (row.try_get(0)?, row.try_get(1)?),
            None => (false, false),
        };
        let (mut steps, mut spread) = (Vec::new(), None);
        if has_ledger {
            for row in self.rows("SELECT number, hash, spread FROM schema_migrations ORDER BY number")? {
                steps.push((row.try_get(0)?, row.try_get(1)?));
                let text: String = row.try_get(2)?;
                spread = Some(text.parse().map_err(|()| damaged("spread"))?);
            }
        }
        Ok(Found { steps, spread, has_citus })
    }

    /// Two that make a table at once may both find it missing; then one of them fails.
    fn ledger(&self) -> Result<(), StoreError> {
        let has_citus = self.look()?.has_citus;
        let mut statements: Vec<String> = split(LEDGER);
        if has_citus {
            statements.extend(["schema_migrations", "schema_lease"].map(reference));
        }
        for statement in statements {
            if self.execute(&statement).is_err() {
                std::thread::sleep(AGAIN);
                self.execute(&statement)?;
            }
        }
        Ok(())
    }

    fn take_lease(&self) -> Result<(), StoreError> {
        let (start, mut told) = (Instant::now(), false);
        while !self.lease()? {
            if start.elapsed() > PATIENCE {
                return Err(StoreError::Locked(
                    "another rosterd is changing the schema of the database, and does not finish".to_owned(),
                ));
            }
            if !told {
                tracing::info!("waiting for another rosterd that is changing the schema of the database");
                told = true;
            }
            std::thread::sleep(AGAIN);
        }
        Ok(())
    }

    /// Takes the lease for a minute, or for a minute more.
    fn lease(&self) -> Result<bool, StoreError> {
        let sql = include_str!("sql/lease.sql");
        let taken = self.ask(async |client| client.execute_typed(sql, &[(&self.holder, Type::TEXT)]).await);
        taken.map(|rows| rows == 1).map_err(Failure::into_error)
    }

    fn give_lease_back(&self) {
        let sql = "DELETE FROM schema_lease WHERE holder = $1";
        let given = self.ask(async |client| client.execute_typed(sql, &[(&self.holder, Type::TEXT)]).await);
        if let Err(failure) = given {
            tracing::warn!(%failure, "the lease on the schema ends by itself");
        }
    }

    fn bring_up_to_date(&self, wanted: Option<Spread>) -> Result<(), StoreError> {
        // Looked at again: another one may have done it meanwhile.
        let found = self.look()?;
        found.check()?;
        let spread = found.chosen(wanted);
        if !found.is_spread(wanted)? && found.spread.is_some() {
            for step in &STEPS[..found.steps.len()] {
                self.run_all(statements(step, spread))?;
            }
            let sql = "UPDATE schema_migrations SET spread = $1";
            let spread = spread.to_string();
            self.ask(async |client| client.execute_typed(sql, &[(&spread, Type::TEXT)]).await)
                .map_err(Failure::into_error)?;
        }
        for step in &STEPS[found.steps.len()..] {
            tracing::info!(number = step.number, name = step.name, %spread, "migrating the database");
            self.run_all(statements(step, spread))?;
            let (hash, spread) = (blake3::hash(step.sql.as_bytes()).as_bytes().to_vec(), spread.to_string());
            self.ask(async |client| {
                let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 4] = [
                    (&step.number, Type::INT8),
                    (&step.name, Type::TEXT),
                    (&hash, Type::BYTEA),
                    (&spread, Type::TEXT),
                ];
                let sql =
                    "INSERT INTO schema_migrations (number, name, hash, spread) VALUES ($1, $2, $3, $4)";
                client.execute_typed(sql, &values).await
            })
            .map_err(Failure::into_error)?;
        }
        Ok(())
    }

    fn run_all(&self, statements: Vec<String>) -> Result<(), StoreError> {
        for statement in statements {
            if !self.lease()? {
                return Err(StoreError::Locked(
                    "another rosterd has taken over the change of the schema: start again".to_owned(),
                ));
            }
            self.execute(&statement)?;
        }
        Ok(())
    }
}

/// The statements of a text, without comments. None of them has a semicolon inside.
fn split(sql: &str) -> Vec<String> {
    let lines = sql.lines().map(|line| line.split("--").next().unwrap_or_default().trim_end());
    let text: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    let text = text.join("\n");
    text.split(';')
        .map(|statement| statement.trim().to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

/// The statements of a step where tables are spread like this.
fn statements(step: &Step, spread: Spread) -> Vec<String> {
    let mut all = Vec::new();
    for statement in split(step.sql) {
        let (text, table) = table_of(&statement);
        match (spread, table) {
            (Spread::Whole, _) | (_, None) | (Spread::Partitions(_), Some(Table::Shared(_))) => {
                all.push(text.to_owned());
            }
            (Spread::Partitions(count), Some(Table::PerTenant(name))) => {
                all.push(format!("{text} PARTITION BY HASH (tenant)"));
                all.extend((0..count).map(|rest| {
                    format!(
                        "CREATE TABLE IF NOT EXISTS {name}_{rest} PARTITION OF {name} FOR VALUES WITH (MODULUS {count}, \
                         REMAINDER {rest})"
                    )
                }));
            }
            (Spread::Citus, Some(Table::Shared(name))) => {
                all.extend([text.to_owned(), reference(&name)]);
            }
            (Spread::Citus, Some(Table::PerTenant(name))) => {
                let with = if name == "tenants" { "none" } else { "tenants" };
                all.push(text.to_owned());
                all.push(format!(
                    "SELECT create_distributed_table('{name}', 'tenant', colocate_with => '{with}') {}",
                    unless_done(&name)
                ));
            }
        }
    }
    all
}

/// The statement without its mark, and the table that it makes.
fn table_of(statement: &str) -> (&str, Option<Table>) {
    let name = || {
        let rest = statement.strip_prefix("CREATE TABLE IF NOT EXISTS ").unwrap_or_default();
        rest.split_whitespace().next().unwrap_or_default().to_owned()
    };
    if let Some(text) = statement.strip_suffix("/* per tenant */") {
        return (text.trim_end(), Some(Table::PerTenant(name())));
    }
    if let Some(text) = statement.strip_suffix("/* shared */") {
        return (text.trim_end(), Some(Table::Shared(name())));
    }
    (statement, None)
}

fn reference(table: &str) -> String {
    format!("SELECT create_reference_table('{table}') {}", unless_done(table))
}

fn unless_done(table: &str) -> String {
    format!("WHERE NOT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = '{table}'::regclass)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_says_how_it_is_spread() {
        for step in STEPS {
            for statement in split(step.sql) {
                let (text, table) = table_of(&statement);
                assert_eq!(text.starts_with("CREATE TABLE"), table.is_some(), "{statement}");
            }
        }
    }

    #[test]
    fn the_guide_shows_what_citus_is_told() {
        let guide = include_str!("../../../../docs/guide/citus.md");
        let shown = guide.split("```sql\n-- 1 ").nth(1).and_then(|rest| rest.split("```").next());
        let steps = STEPS.iter().map(|step| {
            let statements = statements(step, Spread::Citus).join(";\n");
            format!("-- {} {}\n{statements};\n", step.number, step.name)
        });
        let told = steps.collect::<Vec<_>>().concat();
        assert_eq!(
            shown.map(|shown| format!("-- 1 {shown}")),
            Some(told),
            "`rosterd migrate plan --citus` prints it"
        );
    }

    #[test]
    fn spread_tables_are_made_from_the_same_text() {
        let [whole, parts, citus] =
            [Spread::Whole, Spread::Partitions(2), Spread::Citus].map(|spread| statements(&STEPS[0], spread));
        assert!(whole.iter().all(|text| !text.contains("PARTITION") && !text.contains("/*")));
        assert!(parts.iter().any(|text| text.ends_with("PARTITION BY HASH (tenant)")));
        assert!(
            parts
                .iter()
                .any(|text| text.starts_with("CREATE TABLE IF NOT EXISTS groups_1 PARTITION OF groups"))
        );
        let distributed = "SELECT create_distributed_table('groups', 'tenant', colocate_with => 'tenants')";
        assert!(citus.iter().any(|text| text.starts_with(distributed)));
        assert!(citus.iter().any(|text| text.starts_with("SELECT create_reference_table('access_keys')")));
        for spread in [Spread::Whole, Spread::Partitions(32), Spread::Citus] {
            assert_eq!(spread.to_string().parse(), Ok(spread));
        }
    }
}

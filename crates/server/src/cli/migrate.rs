//! `rosterd migrate`

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;
use store::{Migration, Spread};

use super::administration::{print, print_table, say};
use crate::config::StoreLocation;
use crate::logging;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Apply what is missing. Several may try at once: one does it, the others wait.
    Up(Schema),
    /// Show which migrations the store has.
    Status(Schema),
    /// Print the SQL that `up` would run, and run nothing.
    Plan(Schema),
}

#[derive(Debug, Args)]
struct Schema {
    /// Distribute the tables over the nodes of Citus by tenant [default where its extension is installed]. Tables
    /// that are there already are distributed with what they hold.
    #[arg(long, conflicts_with = "partitions")]
    citus: bool,
    /// Partition the tables by tenant, into so many each; only when they are made.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(2..=1024))]
    partitions: Option<u16>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreLocation,
}

impl Schema {
    fn spread(&self) -> Option<Spread> {
        if self.citus { Some(Spread::Citus) } else { self.partitions.map(Spread::Partitions) }
    }

    fn migrations(&self) -> anyhow::Result<Vec<Migration>> {
        let location = self.store.location()?;
        store::migrations(&location, self.spread()).with_context(|| format!("cannot look at {location}"))
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    logging::start_quietly();
    match &arguments.command {
        Command::Up(schema) => up(schema),
        Command::Status(schema) => status(schema),
        Command::Plan(schema) => plan(schema),
    }
}

fn up(schema: &Schema) -> anyhow::Result<()> {
    let missing = schema.migrations()?.iter().filter(|migration| !migration.is_applied).count();
    let location = schema.store.location()?;
    store::migrate(&location, schema.spread()).with_context(|| format!("cannot migrate {location}"))?;
    if schema.json {
        return print(&json!({ "applied": missing }).to_string());
    }
    match missing {
        0 => say("the schema is up to date"),
        1 => say("1 migration applied"),
        more => say(&format!("{more} migrations applied")),
    }
    Ok(())
}

fn status(schema: &Schema) -> anyhow::Result<()> {
    let migrations = schema.migrations()?;
    if schema.json {
        let object = |migration: &Migration| json!({ "number": migration.number, "name": migration.name, "applied": migration.is_applied });
        return print(
            &json!({ "migrations": migrations.iter().map(object).collect::<Vec<_>>() }).to_string(),
        );
    }
    let row = |migration: &Migration| {
        let state = if migration.is_applied { "applied" } else { "missing" };
        [migration.number.to_string(), migration.name.to_owned(), state.to_owned()]
    };
    print_table(["NUMBER", "NAME", "STATE"], migrations.iter().map(row))
}

fn plan(schema: &Schema) -> anyhow::Result<()> {
    let missing: Vec<Migration> =
        schema.migrations()?.into_iter().filter(|migration| !migration.is_applied).collect();
    if schema.json {
        let object = |migration: &Migration| json!({ "number": migration.number, "name": migration.name, "statements": migration.statements });
        return print(&json!({ "migrations": missing.iter().map(object).collect::<Vec<_>>() }).to_string());
    }
    if missing.is_empty() {
        say("nothing is missing");
    }
    for migration in &missing {
        print(&format!("-- {} {}", migration.number, migration.name))?;
        for statement in &migration.statements {
            print(&format!("{};", statement.trim_end_matches(';')))?;
        }
    }
    Ok(())
}

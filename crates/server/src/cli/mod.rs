//! The command line: one subcommand a file.

mod administration;
mod backup;
mod db;
mod exit;
mod import;
mod keys;
mod listening;
mod migrate;
mod openapi;
mod rates;
mod restore;
mod serve;
mod tenants;
mod verify;
mod watching;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use exit::Exit;

use crate::config::Misconfigured;
use watching::Damaged;

/// Self-hosted, multi-tenant group directory with bulk upsert.
#[derive(Debug, Parser)]
#[command(version, after_help = exit::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server, on the embedded store or on PostgreSQL.
    Serve(serve::Arguments),
    /// Send the records of NDJSON or CSV files to a server, batch by batch.
    Import(import::Arguments),
    /// Create and list tenants: isolated spaces of groups.
    Tenants(tenants::Arguments),
    /// Create, list and revoke access keys.
    Keys(keys::Arguments),
    /// Copy a whole directory to another store; show what tells that two are the same.
    Db(db::Arguments),
    /// Check that a store is whole, beside the server that runs on it: name every damaged row.
    ///
    /// Looks at the structure of the data file, the checksum of every row, the trees of groups, references, values and
    /// addresses, and counts; shows the digest of every tenant. Nothing is written. Exit code 8 tells of damage.
    Verify(verify::Arguments),
    /// Write a whole directory into one file, beside the server that runs on it.
    ///
    /// The file holds one moment: everything that was acknowledged before the command began, and of each batch all or
    /// nothing. It is checked like any store before it gets its name.
    Backup(backup::Arguments),
    /// Make a data directory or an empty database what a backup holds.
    ///
    /// The file is checked first. No server may run on the data directory. After kill -9 at any moment there is the old
    /// store or the new one; run the command again.
    Restore(restore::Arguments),
    /// Show what the schema of a store lacks, and bring it up to date. `serve` does it by itself at start.
    Migrate(migrate::Arguments),
    /// Print the OpenAPI document of the server.
    Openapi,
}

/// Parses the command line and runs the subcommand; the exit code says how it went ([`exit`]).
pub(crate) fn run() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(arguments) => settle(serve::run(&arguments)),
        Command::Import(arguments) => import::run(&arguments),
        Command::Tenants(arguments) => settle(tenants::run(&arguments)),
        Command::Keys(arguments) => settle(keys::run(&arguments)),
        Command::Db(arguments) => settle(db::run(&arguments)),
        Command::Verify(arguments) => settle(verify::run(&arguments)),
        Command::Backup(arguments) => settle(backup::run(&arguments)),
        Command::Restore(arguments) => settle(restore::run(&arguments)),
        Command::Migrate(arguments) => settle(migrate::run(&arguments)),
        Command::Openapi => settle(openapi::run()),
    }
    .into()
}

/// Tells what went wrong, with its causes, and how the process ends.
fn settle(result: anyhow::Result<()>) -> Exit {
    let Err(error) = result else { return Exit::Success };
    administration::say(&format!("rosterd: {error:#}"));
    if error.is::<Misconfigured>() {
        return Exit::Configuration;
    }
    if error.is::<Damaged>() {
        return Exit::Damaged;
    }
    match error.downcast_ref() {
        Some(
            store::StoreError::Schema(_)
            | store::StoreError::Corrupt(_)
            | store::StoreError::Locked(_)
            | store::StoreError::Unavailable(_),
        ) => Exit::Configuration,
        _ => Exit::Failure,
    }
}

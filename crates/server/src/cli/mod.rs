//! The command line: one subcommand a file.

mod exit;
mod import;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Self-hosted, multi-tenant group directory with bulk upsert.
#[derive(Debug, Parser)]
#[command(version, after_help = exit::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send the records of NDJSON or CSV files to a server, batch by batch.
    Import(import::Arguments),
}

/// Parses the command line and runs the subcommand; the exit code says how it went ([`exit`]).
pub(crate) fn run() -> ExitCode {
    match Arguments::parse().command {
        Command::Import(arguments) => import::run(&arguments),
    }
    .into()
}

//! `rig`: does something bad to a server under load, again and again, and says what became of what it had
//! acknowledged.

mod report;
mod rigs;
mod scene;
mod server;
mod volume;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::Parser;
use rig::Random;

use crate::report::{Report, table};
use crate::rigs::{RIGS, Setting};

/// Faults under load. Exits with 0 when nothing was lost, half applied or wrong.
#[derive(Debug, Parser)]
struct Arguments {
    /// What happens; all of them, unless some are named
    #[arg(value_name = "NAME", value_parser = RIGS.map(|rig| rig.name))]
    names: Vec<String>,
    /// The server [default: the rosterd beside this program]
    #[arg(long, value_name = "PATH", env = "RIG_SERVER")]
    server: Option<PathBuf>,
    /// What to choose the same way again
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// How often each of them happens [default: a short round, less than five minutes for all of them]
    #[arg(long, value_name = "COUNT")]
    rounds: Option<usize>,
    /// Groups of another tenant that are there as well, for restarts of a large store
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    groups: usize,
    /// One line of JSON for each instead of the table
    #[arg(long)]
    json: bool,
    /// Nothing happens: the table of what was written with --json before
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["names", "json"])]
    table: Vec<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if !arguments.table.is_empty() {
        return Ok(show(&read(&arguments.table)?));
    }
    let beside = || Some(std::env::current_exe().ok()?.parent()?.join("rosterd"));
    let program = arguments.server.clone().or_else(beside).context("which server?")?;
    let program = program.canonicalize().with_context(|| format!("there is no {}", program.display()))?;
    let seed = arguments.seed.unwrap_or_else(Random::any_seed);
    anstream::eprintln!("to make the same random choices: --seed {seed}");
    let wanted = |name: &str| arguments.names.is_empty() || arguments.names.iter().any(|given| given == name);
    let mut reports = Vec::new();
    for rig in RIGS.iter().filter(|rig| wanted(rig.name)) {
        anstream::eprintln!("{}: {}", rig.name, rig.about);
        let begun = Instant::now();
        let mut report = Report { rig: rig.name.to_owned(), seed, ..Report::default() };
        let rounds = arguments.rounds.unwrap_or(rig.rounds);
        let setting = Setting { program: program.clone(), seed, rounds, groups: arguments.groups };
        if let Err(error) = (rig.run)(&setting, &mut report) {
            report.failed = Some(format!("{error:#}"));
        }
        report.seconds = begun.elapsed().as_secs();
        for note in &report.tally.notes {
            anstream::eprintln!("  {note}");
        }
        if let Some(why) = &report.failed {
            anstream::eprintln!("  FAILED: {why}");
        }
        if let Some(why) = &report.skipped {
            anstream::eprintln!("  SKIPPED: {why}");
        }
        if arguments.json {
            anstream::println!("{}", serde_json::to_string(&report)?);
        }
        reports.push(report);
    }
    Ok(if arguments.json { code(&reports) } else { show(&reports) })
}

fn code(reports: &[Report]) -> ExitCode {
    if reports.iter().all(Report::is_good) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn show(reports: &[Report]) -> ExitCode {
    anstream::println!("{}", table(reports));
    code(reports)
}

/// Reports that were written before, one a line.
fn read(files: &[PathBuf]) -> anyhow::Result<Vec<Report>> {
    let mut reports = Vec::new();
    for file in files {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        for line in text.lines() {
            reports.push(
                serde_json::from_str(line).with_context(|| format!("{} is no report", file.display()))?,
            );
        }
    }
    Ok(reports)
}

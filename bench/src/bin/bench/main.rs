//! What rosterd makes of its engines, over HTTP and with everything on, against bare programs on the same engines in
//! the same run, in turns; `bench --help` lists what can be left out and what can be varied.

mod answers;
mod bare;
mod calibrate;
mod driver;
mod latency;
mod machine;
mod options;
mod plot;
mod raw;
mod records;
mod render;
mod requests;
mod rest;
mod results;
mod run;
mod served;
mod targets;
mod usage;
mod workload;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use results::Results;

/// Measures rosterd, or another server, against the limits of its engines
#[derive(Debug, Parser)]
#[command(name = "bench", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: options::Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write performance.md and performance.svg anew from performance.json
    Render {
        /// Where they lie
        #[arg(default_value = "docs/reference")]
        directory: PathBuf,
    },
    /// Write the requests of all phases to files, for other load generators
    Workload(workload::Workload),
    /// Answer every request with the content of a file
    #[command(hide = true)]
    Answer { file: PathBuf },
    /// Be a service that does no more than to store
    #[command(hide = true)]
    Bare(bare::Bare),
}

fn main() -> anyhow::Result<()> {
    let Arguments { command, options } = Arguments::parse();
    match command {
        Some(Command::Render { directory }) => {
            let json = std::fs::read_to_string(directory.join("performance.json"))?;
            write_pages(&directory, &serde_json::from_str(&json)?)
        }
        Some(Command::Workload(workload)) => workload.write(),
        Some(Command::Answer { file }) => calibrate::answer(&file),
        Some(Command::Bare(bare)) => bare.serve(),
        None => {
            let results = run::run(&options)?;
            writeln!(anstream::stdout(), "{}", render::page(&results))?;
            let Some(directory) = options.directory() else { return Ok(()) };
            std::fs::create_dir_all(&directory)?;
            std::fs::write(directory.join("performance.json"), results.json()?)?;
            write_pages(&directory, &results)
        }
    }
}

fn write_pages(directory: &Path, results: &Results) -> anyhow::Result<()> {
    std::fs::write(directory.join("performance.md"), render::page(results))?;
    std::fs::write(directory.join("performance.svg"), plot::plot(results))?;
    Ok(())
}

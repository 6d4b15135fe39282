//! The requests as files, so that any load generator can send them to any server that speaks a contract.

use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use serde::Serialize;

use crate::records::{Shape, Version};
use crate::requests::{Expected, Face, Load, Phase, Request};

/// What is written.
#[derive(Debug, clap::Args)]
pub(crate) struct Workload {
    /// A directory that may not exist yet
    #[arg(long)]
    out: PathBuf,
    /// Records
    #[arg(long, default_value_t = 20_000)]
    records: u64,
    /// Records a request
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1000))]
    batch: u64,
    #[command(flatten)]
    shape: Shape,
}

/// A line of a file.
#[derive(Serialize)]
struct Line<'r> {
    method: &'r str,
    path: &'r str,
    headers: Headers,
    body: &'r str,
    records: usize,
    /// Number of the line, counted from 0, up to which all have to be answered before this one is sent.
    after: Option<usize>,
    expected: &'r Expected,
}

#[derive(Serialize)]
struct Headers {
    #[serde(rename = "content-type", skip_serializing_if = "Option::is_none")]
    content_type: Option<&'static str>,
}

const README: &str = "# Requests of `bench workload`

A directory for each contract, in it a file for each phase. Phases are sent in the order of their numbers; each needs
what those before it have left. In a file each line is a request, as a JSON object:

- `method`, `path`, `headers`, `body`: what to send. `body` is the text of the body as it goes over the wire, empty for
  none. Add the header `authorization: Bearer KEY`.
- `records`: how many records it writes; 0 for one that reads.
- `after`: a number of a line, counted from 0, or null. This line and all before it have to be answered first, because
  they bring the parents of what is in the request. Whoever sends the lines one after the other need not look.
- `expected`: the answer's status is 200; `counts` says how many records were created, updated and unchanged (none
  fails), `text` what the body holds.

Requests of phase 2 are those of phase 1 again. Throughput is the sum of `records` by the time from the first byte sent
to the last byte read of a phase.
";

impl Workload {
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        for face in [Face::Groups, Face::Usergroups] {
            let directory = self.out.join(format!("{face:?}").to_lowercase());
            fs::create_dir_all(&directory)?;
            let load = Load::new(&self.shape, face, [0, self.records], self.batch);
            let mut version = Version::default();
            for (place, phase) in Phase::value_variants().iter().enumerate() {
                let (requests, after) = load.requests(*phase, version);
                version = after;
                let name = format!("{}-{}.ndjson", place + 1, format!("{phase:?}").to_lowercase());
                write_file(&directory.join(name), &requests)?;
            }
        }
        let shape = serde_json::to_string_pretty(&self.shape)?;
        let made =
            format!("\n{} records, {} a request, of this shape:\n\n```json\n", self.records, self.batch);
        fs::write(self.out.join("README.md"), format!("{README}{made}{shape}\n```\n"))?;
        Ok(())
    }
}

fn write_file(path: &Path, requests: &[Request]) -> anyhow::Result<()> {
    let mut file = BufWriter::new(fs::File::create(path)?);
    for request in requests {
        let Request { method, path, body, expected, records, after } = request;
        let content_type = (!body.is_empty()).then_some("application/json");
        let headers = Headers { content_type };
        let line = Line { method, path, headers, body, records: *records, after: *after, expected };
        serde_json::to_writer(&mut file, &line)?;
        file.write_all(b"\n")?;
    }
    Ok(file.flush()?)
}

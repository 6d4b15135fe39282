//! Where a run took place, and what was run.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::results::rounded;

/// What figures depend on, beside the program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: u64,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
    /// Of the directory in which stores are made.
    pub(crate) file_system: String,
    /// Others that wanted to run in the second before it began, on average: they disturb.
    pub(crate) load: f64,
    pub(crate) postgres: Option<String>,
}

impl Machine {
    pub(crate) fn here(postgres: Option<String>) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let processor = read("/proc/cpuinfo");
        let processor = processor.lines().find(|line| line.starts_with("model name"));
        let processor = processor.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown").to_owned();
        let memory = read("/proc/meminfo");
        let memory = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok());
        Self {
            processor,
            cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64),
            memory_mib: memory.unwrap_or(0) / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: file_system(&std::env::temp_dir()),
            load: load(),
            postgres,
        }
    }
}

/// Sampled, because the kernel's averages still know the build that went before.
fn load() -> f64 {
    let samples = 20;
    let others = (0..samples).map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let running = load.split([' ', '/']).nth(3).and_then(|running| running.parse::<u32>().ok());
        // One of them is this program.
        running.unwrap_or(1).saturating_sub(1)
    });
    rounded(f64::from(others.sum::<u32>()) / f64::from(samples))
}

/// Its kind: what lies on the longest path above a directory.
fn file_system(directory: &Path) -> String {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let above = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (path, kind) = (fields.next()?, fields.next()?);
        directory.starts_with(path).then(|| (path.len(), kind.to_owned()))
    });
    above.max_by_key(|(length, _)| *length).map_or_else(|| "unknown".to_owned(), |(_, kind)| kind)
}

/// The commit that is measured, with a plus sign where something differs from it.
pub(crate) fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return "unknown".to_owned() };
    let changed = git(&["status", "--porcelain", "--", ".", ":!docs"]).unwrap_or_default();
    if changed.is_empty() { commit } else { format!("{commit}+") }
}

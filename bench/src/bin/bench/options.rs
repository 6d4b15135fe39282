//! What a run measures.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::records::Shape;
use crate::requests::{Face, Phase};

/// Where groups are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Engine {
    /// The embedded store.
    Sqlite,
    /// A throw-away server that keeps what it acknowledges.
    Postgres,
    /// Whatever the server behind `--url` uses.
    #[value(skip)]
    Unknown,
}

impl Engine {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Unknown => "the server at --url",
        }
    }
}

/// Groups that tenants of a whole run hold before.
const WHOLE: [u64; 3] = [0, 10_000, 1_000_000];

/// What is measured, and how often.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// A short run, of less and fewer: whether everything works, not what it is worth
    #[arg(long)]
    pub(crate) quick: bool,
    /// Engines [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) engine: Vec<Engine>,
    /// Contracts [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) face: Vec<Face>,
    /// Phases [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) phase: Vec<Phase>,
    /// Connections that each wait for their answers [default: 1,4,16 into an empty tenant, 4 into others]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=256))]
    pub(crate) connections: Vec<u64>,
    /// Groups that the tenant holds before [default: 0,10000,1000000; --quick: 0,10000]
    #[arg(long, value_delimiter = ',')]
    pub(crate) stored: Vec<u64>,
    /// Rounds, of all programs in turns [default: 5; --quick: 2]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: Option<u32>,
    /// Records into an empty tenant [default: 80000; --quick: 16000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1000..))]
    pub(crate) records: Option<u64>,
    /// Records a request
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) batch: u64,
    /// Seconds of requests at a steady rate, 0 for none [default: 5; --quick: 2]
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
    /// Measures the server that answers at this address (`http://HOST:PORT`) instead of starting one
    #[arg(long, requires = "key")]
    pub(crate) url: Option<String>,
    /// An access key of that server; several: tenants of which each connection uses one
    #[arg(long, requires = "url")]
    pub(crate) key: Vec<String>,
    /// The process of that server, where it runs here: its memory and processor time are told too
    #[arg(long, requires = "url")]
    pub(crate) pid: Option<u32>,
    /// Where performance.json, performance.md and performance.svg are written [default: docs/reference for a whole
    /// run, nowhere for a part of one]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) shape: Shape,
}

impl Options {
    /// A part of the measurements is no page of them.
    pub(crate) fn directory(&self) -> Option<PathBuf> {
        let is_part = self.quick
            || self.url.is_some()
            || !self.engine.is_empty()
            || !self.face.is_empty()
            || !self.phase.is_empty()
            || !self.connections.is_empty()
            || self.records.is_some()
            || self.batch != 1000
            || !WHOLE.iter().all(|stored| self.stored().contains(stored));
        self.out.clone().or_else(|| (!is_part).then(|| PathBuf::from("docs/reference")))
    }

    pub(crate) fn engines(&self) -> Vec<Engine> {
        match (&self.url, self.engine.is_empty()) {
            (Some(_), _) => vec![Engine::Unknown],
            (None, true) => vec![Engine::Sqlite, Engine::Postgres],
            (None, false) => self.engine.clone(),
        }
    }

    pub(crate) fn faces(&self, stored: u64) -> Vec<Face> {
        match self.face.is_empty() {
            true if stored == 0 && self.url.is_none() => vec![Face::Groups, Face::Usergroups],
            true => vec![Face::Groups],
            false => self.face.clone(),
        }
    }

    pub(crate) fn phases(&self) -> Vec<Phase> {
        let mut phases =
            if self.phase.is_empty() { Phase::value_variants().to_vec() } else { self.phase.clone() };
        phases.sort_unstable();
        phases
    }

    pub(crate) fn connections(&self, stored: u64) -> Vec<u64> {
        match self.connections.is_empty() {
            true if stored == 0 => vec![1, 4, 16],
            true => vec![4],
            false => self.connections.clone(),
        }
    }

    pub(crate) fn stored(&self) -> Vec<u64> {
        match self.stored.is_empty() {
            _ if self.url.is_some() => vec![0],
            true if self.quick => vec![0, 10_000],
            true => WHOLE.to_vec(),
            false => self.stored.clone(),
        }
    }

    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 2 } else { 5 })
    }

    /// Into a tenant that holds groups already go few, so that it stays what it is.
    pub(crate) fn records(&self, stored: u64) -> u64 {
        let records = self.records.unwrap_or(if self.quick { 16_000 } else { 80_000 });
        if stored == 0 { records } else { records.min(20_000) }
    }

    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 2 } else { 5 })
    }
}

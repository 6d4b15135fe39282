//! What a run has measured, as it is kept.

use std::fmt::Write as _;
use std::time::Duration;

use rosterd_bench::figures::{float, median, percentile};
use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::options::Engine;
use crate::raw::{self, sqlite};
use crate::records::Shape;
use crate::requests::{Face, Phase};

impl Results {
    /// As JSON, a line for each row, so that a difference can be read.
    pub(crate) fn json(&self) -> anyhow::Result<String> {
        let mut whole = serde_json::to_value(self)?;
        let mut text = "{\n".to_owned();
        let lists = ["rows", "latencies", "rests"].map(|name| (name, whole[name].take()));
        for name in ["command", "commit", "machine", "shape", "rounds"] {
            writeln!(text, "\"{name}\": {},", whole[name])?;
        }
        let lists = lists.map(|(name, list)| {
            let lines = list.as_array().into_iter().flatten().map(ToString::to_string);
            format!("\"{name}\": [\n{}\n]", lines.collect::<Vec<_>>().join(",\n"))
        });
        Ok(text + &lists.join(",\n") + "\n}\n")
    }
}

/// The name of the server among the programs.
pub(crate) const ROSTERD: &str = "rosterd";
/// That of several servers on one database, which share the connections.
pub(crate) const TWO_SERVERS: &str = "rosterd, two servers";
/// That of a service that does no more than to store.
pub(crate) const BARE: &str = "a bare service of blind upserts";

/// All that one run has measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) command: String,
    pub(crate) commit: String,
    pub(crate) machine: Machine,
    pub(crate) shape: Shape,
    pub(crate) rounds: u32,
    pub(crate) rows: Vec<Row>,
    pub(crate) latencies: Vec<Latency>,
    pub(crate) rests: Vec<Rest>,
}

/// What tells a row from the others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) engine: Engine,
    /// Groups that the tenant holds before.
    pub(crate) stored: u64,
    /// None of a bare program.
    pub(crate) face: Option<Face>,
    /// `rosterd`, or what a bare program does.
    pub(crate) program: String,
    /// Records a request, or a transaction of a bare program.
    pub(crate) batch: u64,
    pub(crate) connections: u64,
    pub(crate) phase: Phase,
}

/// Medians over the rounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) records: u64,
    /// Records a second, of each round.
    pub(crate) rates: Vec<f64>,
    pub(crate) rate: f64,
    /// The median of what the rates are of those of the bare program that is its limit, round by round.
    pub(crate) of_limit: Option<f64>,
    /// Microseconds of processors for a record: of the server (or bare program), the driver, the database.
    pub(crate) server_us: f64,
    pub(crate) driver_us: f64,
    pub(crate) database_us: f64,
    pub(crate) peak_mib: u64,
    /// Bytes written to the disk for a record; on `PostgreSQL` those of its log.
    pub(crate) written: f64,
    /// Milliseconds of a request that writes: p50, p99, max, over all rounds.
    pub(crate) writes_ms: Option<[f64; 3]>,
    /// Milliseconds of a request that reads.
    pub(crate) reads_ms: Option<[f64; 3]>,
    /// Answers of all rounds that asked to come again later.
    pub(crate) refused: u64,
    /// The part of the machine that the driver took.
    pub(crate) driver_share: Option<f64>,
    /// Records a second that the driver reaches with a server that does nothing.
    pub(crate) driver_rate: Option<f64>,
}

impl Row {
    /// Whether the figure says more of the driver than of the server.
    pub(crate) fn is_driver_bound(&self) -> bool {
        let is_slow = self.driver_rate.is_some_and(|most| most < 2.0 * self.rate);
        is_slow || self.driver_share.is_some_and(|share| share > 0.5)
    }
}

/// Requests that are sent when they are due, answered or not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) engine: Engine,
    pub(crate) stored: u64,
    pub(crate) phase: Phase,
    /// Requests a second: half of the most that was measured with so many connections.
    pub(crate) rate: f64,
    pub(crate) connections: u64,
    pub(crate) batch: u64,
    pub(crate) requests: u64,
    /// Not answered by 200, or not sent because too many were unanswered.
    pub(crate) lost: u64,
    /// From when they were due: p50, p99, max.
    pub(crate) ms: [f64; 3],
}

/// A server with many groups and nothing to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rest {
    pub(crate) engine: Engine,
    pub(crate) stored: u64,
    /// Resident, of the server that has loaded them, and of one that was started on them.
    pub(crate) loaded_mib: u64,
    pub(crate) started_mib: u64,
    /// From the start of the process to the first answer: after a clean stop, and after kill -9 under load.
    pub(crate) start_ms: Vec<f64>,
    pub(crate) killed_ms: Vec<f64>,
}

/// One round of a row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    pub(crate) records: u64,
    pub(crate) lasted: Duration,
    /// Of the server, the driver, the database.
    pub(crate) busy: [Duration; 3],
    pub(crate) written: u64,
    pub(crate) peak_mib: u64,
    pub(crate) writes: Vec<Duration>,
    pub(crate) reads: Vec<Duration>,
    pub(crate) refused: u64,
    pub(crate) driver_rate: Option<f64>,
}

impl Sample {
    pub(crate) fn rate(&self) -> f64 {
        float(self.records) / self.lasted.as_secs_f64()
    }
}

/// The samples of a row as they come.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<(Place, Vec<Sample>)>);

impl Samples {
    pub(crate) fn add(&mut self, place: Place, sample: Sample) {
        match self.0.iter_mut().find(|(known, _)| *known == place) {
            Some((_, samples)) => samples.push(sample),
            None => self.0.push((place, vec![sample])),
        }
    }

    fn of(&self, place: &Place) -> Option<&[Sample]> {
        self.0.iter().find(|(known, _)| known == place).map(|(_, samples)| samples.as_slice())
    }

    pub(crate) fn rate(&self, place: &Place) -> Option<f64> {
        let rates: Vec<f64> = self.of(place)?.iter().map(Sample::rate).collect();
        Some(median(&rates))
    }

    /// Medians, in the order of their places.
    pub(crate) fn rows(mut self, cores: u64) -> Vec<Row> {
        self.0.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.0.iter().map(|(place, samples)| self.row(place, samples, cores)).collect()
    }

    fn row(&self, place: &Place, samples: &[Sample], cores: u64) -> Row {
        let rates: Vec<f64> = samples.iter().map(|sample| sample.rate().round()).collect();
        let of_limit = limit(place).and_then(|limit| self.of(&limit)).map(|limits| {
            let ratios = samples.iter().zip(limits).map(|(sample, limit)| sample.rate() / limit.rate());
            rounded(median(&ratios.collect::<Vec<_>>()))
        });
        let is_served = place.face.is_some();
        let records = float(samples.iter().map(|sample| sample.records).sum());
        let us = |part: usize| {
            let busy: Duration = samples.iter().map(|sample| sample.busy[part]).sum();
            rounded(busy.as_secs_f64() * 1e6 / records)
        };
        let share =
            |sample: &Sample| sample.busy[1].as_secs_f64() / (sample.lasted.as_secs_f64() * float(cores));
        let shares: Vec<f64> = samples.iter().map(share).collect();
        Row {
            place: place.clone(),
            records: samples.first().map_or(0, |sample| sample.records),
            rate: median(&rates),
            rates,
            of_limit,
            server_us: us(0),
            driver_us: us(1),
            database_us: us(2),
            peak_mib: samples.iter().map(|sample| sample.peak_mib).max().unwrap_or(0),
            written: rounded(float(samples.iter().map(|sample| sample.written).sum()) / records),
            writes_ms: times(samples, |sample| &sample.writes),
            reads_ms: times(samples, |sample| &sample.reads),
            refused: samples.iter().map(|sample| sample.refused).sum(),
            driver_share: is_served.then(|| rounded(median(&shares))),
            driver_rate: samples.iter().find_map(|sample| sample.driver_rate).map(f64::round),
        }
    }
}

/// The bare program that shows what the engine could do at best, where there is one.
fn limit(place: &Place) -> Option<Place> {
    if place.face.is_none() || place.batch != 1000 {
        return None;
    }
    let of_loop = |way: sqlite::Loop| (way.transaction, 1, way.name());
    let (batch, connections, program) = match (place.engine, place.phase, place.stored) {
        (_, Phase::Moves | Phase::Mixed, _) | (Engine::Unknown, ..) => return None,
        (Engine::Postgres, _, 0) => {
            (place.batch, place.connections, raw::postgres::Way::Compare.name().to_owned())
        }
        (Engine::Postgres, ..) => return None,
        (Engine::Sqlite, Phase::Unchanged, 0) => of_loop(sqlite::LOOPS[2]),
        (Engine::Sqlite, _, 0) => of_loop(sqlite::LOOPS[1]),
        (Engine::Sqlite, Phase::Unchanged, _) => of_loop(sqlite::INTO[1]),
        (Engine::Sqlite, ..) => of_loop(sqlite::INTO[0]),
    };
    Some(Place { face: None, batch, connections, program, ..place.clone() })
}

/// p50, p99 and the longest, in milliseconds.
fn times(samples: &[Sample], of: impl Fn(&Sample) -> &Vec<Duration>) -> Option<[f64; 3]> {
    let all: Vec<Duration> = samples.iter().flat_map(|sample| of(sample).iter().copied()).collect();
    (!all.is_empty()).then(|| [50, 99, 100].map(|percent| rounded(percentile(all.clone(), percent))))
}

/// Three digits: more would not come out again.
pub(crate) fn rounded(value: f64) -> f64 {
    if value.is_finite() { format!("{value:.2e}").parse().unwrap_or(0.0) } else { 0.0 }
}

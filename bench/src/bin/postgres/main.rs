//! What the server makes of a `PostgreSQL` database, against what a bare program can make of the same one in the same
//! run: first load, nothing changed, 1 % changed, at 1, 4 and 16 connections, each with a tenant of its own.
//!
//! `postgres [RECORDS] [ROUNDS]`: records a tenant (20,000), rounds (3). The database is a throw-away one that keeps
//! what it acknowledges.

mod http;
mod raw;
mod records;

use std::io::Write as _;
use std::time::Duration;

use store::cluster::{Cluster, Settings};

use records::Records;

const CONNECTIONS: [usize; 3] = [1, 4, 16];
/// What is measured, in this order.
pub(crate) const PHASES: [&str; 3] = ["first load", "nothing changed", "1 % changed"];

/// How long each phase took.
pub(crate) type Times = [Duration; 3];

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let records = arguments.next().transpose()?.unwrap_or(20_000);
    let rounds = arguments.next().transpose()?.unwrap_or(3);
    let settings = Settings::durable()
        .with("shared_buffers", "512MB")
        .with("max_wal_size", "8GB")
        .with("max_connections", "100");
    let cluster = Cluster::start_with(&settings);
    cluster.create_database("raw");
    cluster.create_database("served");
    let server = http::Server::start(&cluster.url("served"))?;
    raw::prepare(&cluster.url("raw"))?;
    let mut rates = Rates::default();
    for round in 0..rounds {
        for (place, connections) in CONNECTIONS.into_iter().enumerate() {
            let tenants: Vec<Records> =
                (0..connections).map(|tenant| Records::new(round, connections, tenant, records)).collect();
            let total = connections * records;
            rates.add(place, 0, total, raw::measure(&cluster.url("raw"), &tenants)?);
            rates.add(place, 1, total, server.measure(&tenants)?);
        }
    }
    rates.show(records, rounds)
}

/// Records a second, by connections, program (raw, served) and phase.
#[derive(Default)]
struct Rates([[[Vec<f64>; 3]; 2]; 3]);

impl Rates {
    fn add(&mut self, place: usize, program: usize, records: usize, times: Times) {
        for (rates, time) in self.0[place][program].iter_mut().zip(times) {
            rates.push(f64::from(u32::try_from(records).unwrap_or(u32::MAX)) / time.as_secs_f64());
        }
    }

    fn show(&self, records: usize, rounds: usize) -> anyhow::Result<()> {
        let mut out = anstream::stdout();
        writeln!(
            out,
            "{records} records a tenant in batches of 1000, medians of {rounds} rounds, records a second"
        )?;
        writeln!(out, "| connections | phase | raw program | rosterd over HTTP | ratio |")?;
        writeln!(out, "| --- | --- | --- | --- | --- |")?;
        for (connections, programs) in CONNECTIONS.iter().zip(&self.0) {
            for (phase, name) in PHASES.iter().enumerate() {
                let [raw, served] = [0, 1].map(|program| median(&programs[program][phase]));
                writeln!(out, "| {connections} | {name} | {raw:.0} | {served:.0} | {:.2} |", served / raw)?;
            }
        }
        Ok(())
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

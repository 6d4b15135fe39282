//! How long an answer takes where requests are sent when they are due, answered or not: clients do not slow down
//! because the server does.

use std::sync::Arc;
use std::time::Duration;

use rosterd_bench::figures::percentile;
use rosterd_bench::stream::{Make, send};
use rosterd_bench::wire::Lines;

use crate::driver::{Answers, Queue, drive};
use crate::options::Engine;
use crate::records::Version;
use crate::requests::{Load, Phase, Request};
use crate::results::{Latency, rounded};
use crate::run::{Case, Run, Servers};
use crate::served::Served;

/// What is asked at a steady rate.
const PHASES: [Phase; 2] = [Phase::First, Phase::Unchanged];

/// At half of the rate that was the most with as many connections as were measured.
pub(crate) fn measure(run: &mut Run<'_>, engine: Engine, stored: u64) -> anyhow::Result<Vec<Latency>> {
    let options = run.options;
    let face = options.faces(stored)[0];
    let connections = options.connections(stored).into_iter().max().unwrap_or(1);
    let batch = options.batch;
    let mut case = Case { engine, face, connections, stored, records: 0, batch, servers: Servers::One };
    let rates = PHASES.map(|phase| run.samples.rate(&case.place(phase)));
    let [Some(first), Some(unchanged)] = rates else { return Ok(Vec::new()) };
    let rates = [first, unchanged].map(|rate| rate / 2.0 / rosterd_bench::figures::float(batch));
    // Requests: seconds by requests a second.
    let wanted = Duration::from_secs(options.seconds()).mul_f64(rates[0] + 1.0).as_secs();
    let served = run.served(&case)?;
    let tenants = served.keys.len() as u64;
    case.records = (wanted * batch).next_multiple_of(tenants * batch);
    let range = [stored + served.sent, case.records / tenants];
    let load = Load::new(&options.shape, face, range, batch);
    // What others lie below is there before the clock starts.
    let head = load.batches.len() / options.shape.fan_out as usize + 1;
    let [requests, again] = PHASES.map(|phase| load.requests(phase, Version::default()).0);
    let of_head = requests[..head].to_vec();
    let queues: Vec<Queue<'_>> =
        served.keys.iter().map(|key| Queue::built(&served.host, key, of_head.clone())).collect();
    drive(&[&served.host], face, &queues, queues.len(), Answers::Held)?;
    drop(queues);
    let mut measured = Vec::new();
    for ((phase, rate), requests) in PHASES.into_iter().zip(rates).zip([&requests[head..], &again[..]]) {
        let made = make(&served, requests);
        // A first load has so many requests and no more; anything else can be sent again.
        let most = (requests.len() * served.keys.len()) as u64;
        let lasting = Duration::from_secs(options.seconds());
        let lasting = if phase == Phase::First {
            lasting.min(Duration::from_secs_f64(rosterd_bench::figures::float(most) / rate))
        } else {
            lasting
        };
        let latency = steady(&served, made, rate, lasting)?;
        measured.push(Latency { engine, stored, phase, connections, batch, ..latency });
        served.settle()?;
    }
    run.keep(&case, served);
    Ok(measured)
}

/// Requests of all tenants in turns.
fn make(served: &Served<'_>, requests: &[Request]) -> Make {
    let of_all = |request: &Request| -> Vec<Vec<u8>> {
        served.keys.iter().map(|key| request.bytes(&served.host, key)).collect()
    };
    let bytes: Vec<Vec<u8>> = requests.iter().flat_map(of_all).collect();
    Arc::new(move |number| {
        let number = usize::try_from(number).unwrap_or(0);
        bytes.get(number % bytes.len().max(1)).cloned().unwrap_or_default()
    })
}

fn steady(served: &Served<'_>, made: Make, rate: f64, lasting: Duration) -> anyhow::Result<Latency> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let lines = Lines::to(served.host.parse()?);
    let figures = runtime.block_on(send(lines, rate, lasting, made));
    let done = figures.samples.iter().filter(|sample| sample.status == 200);
    let times: Vec<Duration> = done.map(|sample| sample.took).collect();
    let requests = figures.samples.len() + figures.unsent;
    Ok(Latency {
        engine: Engine::Unknown,
        stored: 0,
        phase: Phase::First,
        connections: 0,
        batch: 0,
        rate: rounded(rate),
        requests: requests as u64,
        lost: (requests - times.len()) as u64,
        ms: [50, 99, 100].map(|percent| rounded(percentile(times.clone(), percent))),
    })
}

/// In one line.
pub(crate) fn tell(measured: &[Latency]) -> String {
    let one = |latency: &Latency| {
        let [p50, p99, most] = latency.ms;
        format!(
            " {} at {} batches/s into {}: p50 {p50} ms, p99 {p99} ms, max {most} ms, lost {};",
            latency.phase.name(),
            latency.rate,
            latency.stored,
            latency.lost
        )
    };
    "steady:".to_owned() + &measured.iter().map(one).collect::<String>()
}

//! Seeds.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::world::{digest, lock};
use super::{Report, live};

/// Those of every run of the suite.
const SEEDS: u64 = 200;
/// So many of them are lived through twice.
const TWICE: u64 = 8;
const REGRESSIONS: &str = include_str!("seeds.txt");

/// What many worlds came to.
#[derive(Default)]
struct Summary {
    runs: u64,
    elapsed: Duration,
    engines: BTreeMap<&'static str, u64>,
    counts: BTreeMap<&'static str, u64>,
    digests: BTreeMap<u64, String>,
    failed: BTreeMap<u64, Vec<String>>,
}

impl Summary {
    fn add(&mut self, report: Report) {
        self.runs += 1;
        self.elapsed += report.elapsed;
        *self.engines.entry(report.engine).or_default() += 1;
        for (what, count) in report.counts {
            *self.counts.entry(what).or_default() += count;
        }
        self.digests.insert(report.seed, digest(&report.trace));
        if !report.wrong.is_empty() {
            self.failed.insert(report.seed, report.wrong);
        }
    }

    fn print(&self, took: Duration) {
        let (hours, took) = (self.elapsed.as_secs_f64() / 3600.0, took.as_secs_f64());
        let digests: Vec<String> = self.digests.values().cloned().collect();
        println!("{} runs {:?}, {hours:.1} simulated hours in {took:.1} s", self.runs, self.engines);
        for (what, count) in &self.counts {
            println!("  {count:>9} {what}");
        }
        for (seed, wrong) in &self.failed {
            println!("seed {seed} failed; to see it again: ROSTERD_SEED={seed} just simulate");
            for line in wrong {
                println!("    {line}");
            }
        }
        println!("{} failed; all of it is {}", self.failed.len(), digest(&digests));
    }
}

/// Lives through all of them, on every processor.
fn live_through(seeds: &[u64]) -> Summary {
    let (next, summary) = (AtomicUsize::new(0), Mutex::<Summary>::default());
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let report = live(*seed);
                    lock(&summary).add(report);
                }
            });
        }
    });
    let summary = summary.into_inner().unwrap();
    summary.print(begun.elapsed());
    summary
}

fn regressions() -> impl Iterator<Item = u64> {
    let lines = REGRESSIONS.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(' ').next().unwrap().parse().unwrap())
}

fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|given| given.parse().unwrap())
}

#[test]
fn seeds() {
    let seeds: Vec<u64> = regressions().chain(0..SEEDS).collect();
    assert!(live_through(&seeds).failed.is_empty());
}

#[test]
fn the_same_seed_is_the_same_run() {
    let mut digests = Vec::new();
    for seed in 0..TWICE {
        let [one, other] = [live(seed), live(seed)];
        if one.trace != other.trace {
            let at = one.trace.iter().zip(&other.trace).position(|(one, other)| one != other).unwrap_or(0);
            panic!("seed {seed}, line {at}:\n{:?}\n{:?}", one.trace.get(at), other.trace.get(at));
        }
        digests.push(digest(&one.trace));
    }
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len() as u64, TWICE, "other seeds are other runs");
}

#[test]
#[ignore = "one seed, or as many as are asked for: just simulate"]
fn any_seeds() {
    if let Some(seed) = given("ROSTERD_SEED") {
        return show(seed);
    }
    let random = RandomState::new();
    let count = given("ROSTERD_SEEDS").unwrap_or(1000);
    // Short enough to be typed again.
    let seeds: Vec<u64> = (0..count).map(|number| random.hash_one(number) >> 32).collect();
    assert!(live_through(&seeds).failed.is_empty());
}

fn show(seed: u64) {
    let report = live(seed);
    println!("{}", report.trace.join("\n"));
    println!("{seed} on {}, {:?}: {}", report.engine, report.elapsed, digest(&report.trace));
    assert!(report.wrong.is_empty(), "{}", report.wrong.join("\n"));
}

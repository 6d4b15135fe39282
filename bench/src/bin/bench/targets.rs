//! What rosterd sets itself, and whether a run has reached it.

use crate::options::Engine;
use crate::requests::{Face, Phase};
use crate::results::{BARE, Latency, ROSTERD, Rest, Results, Row};

/// One of them.
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) wanted: String,
    /// What the run shows; nothing where it did not measure that.
    pub(crate) measured: Option<String>,
    pub(crate) is_met: bool,
}

/// A bound, and how it reads.
#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

fn target(what: &str, bound: Bound, unit: &str, measured: Option<f64>) -> Target {
    let (sign, limit) = match bound {
        Bound::AtLeast(limit) => ('≥', limit),
        Bound::AtMost(limit) => ('≤', limit),
    };
    let is_met = measured.is_some_and(|value| match bound {
        Bound::AtLeast(limit) => value >= limit,
        Bound::AtMost(limit) => value <= limit,
    });
    let shown = |value: f64| match (unit, value) {
        ("", _) => format!("{value:.2}"),
        (_, value) if value < 10.0 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    };
    Target {
        what: what.to_owned(),
        wanted: format!("{sign} {limit} {unit}").trim_end().to_owned(),
        measured: measured.map(shown),
        is_met,
    }
}

/// Rows by what tells them apart; the contract of `/v3/groups` is the one that targets are set for.
pub(crate) struct Rows<'r>(pub(crate) &'r Results);

impl Rows<'_> {
    pub(crate) fn served(
        &self,
        engine: Engine,
        phase: Phase,
        connections: u64,
        sizes: [u64; 2],
    ) -> Option<&Row> {
        self.of(ROSTERD, engine, phase, connections, sizes)
    }

    fn of(
        &self,
        program: &str,
        engine: Engine,
        phase: Phase,
        connections: u64,
        [stored, batch]: [u64; 2],
    ) -> Option<&Row> {
        self.0.rows.iter().find(|Row { place, .. }| {
            place.face == Some(Face::Groups)
                && place.program == program
                && [place.connections, place.stored, place.batch] == [connections, stored, batch]
                && (place.engine, place.phase) == (engine, phase)
        })
    }

    fn of_limit(&self, engine: Engine, phase: Phase, connections: u64) -> Option<f64> {
        self.served(engine, phase, connections, [0, 1000])?.of_limit
    }

    fn rate(&self, engine: Engine, phase: Phase, connections: u64, sizes: [u64; 2]) -> Option<f64> {
        Some(self.served(engine, phase, connections, sizes)?.rate)
    }

    /// The largest number of stored groups that was measured.
    fn most_stored(&self, engine: Engine) -> u64 {
        let of_it = self.0.rows.iter().filter(|row| row.place.engine == engine);
        of_it.map(|row| row.place.stored).max().unwrap_or(0)
    }
}

/// All of them, in order.
pub(crate) fn targets(results: &Results) -> Vec<Target> {
    let rows = Rows(results);
    let mut all = embedded(&rows);
    all.extend(large(&rows));
    all.extend(on_a_database(&rows));
    all.extend(at_rest(results));
    all.extend(against_others(&rows));
    all
}

fn embedded(rows: &Rows<'_>) -> Vec<Target> {
    let of_limit = |phase| rows.of_limit(Engine::Sqlite, phase, 16);
    vec![
        target(
            "SQLite, first load, 16 connections, of the loop with 16,000 a transaction",
            Bound::AtLeast(0.65),
            "",
            of_limit(Phase::First),
        ),
        target(
            "SQLite, nothing changed, 16 connections, of the loop on a covering index",
            Bound::AtLeast(0.35),
            "",
            of_limit(Phase::Unchanged),
        ),
        target(
            "SQLite, 1 % changed, 16 connections, of the loop with 16,000 a transaction",
            Bound::AtLeast(0.8),
            "",
            of_limit(Phase::Changed),
        ),
        target(
            "SQLite, nothing changed, one connection",
            Bound::AtLeast(250.0),
            "k/s",
            rows.rate(Engine::Sqlite, Phase::Unchanged, 1, [0, 1000]).map(|rate| rate / 1000.0),
        ),
    ]
}

/// In a tenant with a million groups, and with more.
fn large(rows: &Rows<'_>) -> Vec<Target> {
    let million = |phase, place: usize| {
        let row = rows.served(Engine::Sqlite, phase, 4, [1_000_000, 1000])?;
        Some(row.writes_ms?[place])
    };
    let most = rows.most_stored(Engine::Sqlite).max(1_000_000);
    let growth = |phase| {
        let rate = |stored| rows.rate(Engine::Sqlite, phase, 4, [stored, 1000]);
        Some(rate(10_000)? / rate(most)?)
    };
    let grown = |what: &str| {
        format!(
            "SQLite, {what}: time of a record at {most} stored groups, of that at 10,000 (goal: up to 10⁷)"
        )
    };
    let at = |what: &str| format!("SQLite, 1000 records into 10⁶ groups, 4 connections, {what}");
    vec![
        target(&at("first load, p50"), Bound::AtMost(40.0), "ms", million(Phase::First, 0)),
        target(&at("first load, p99"), Bound::AtMost(100.0), "ms", million(Phase::First, 1)),
        target(&at("nothing changed, p50"), Bound::AtMost(5.0), "ms", million(Phase::Unchanged, 0)),
        target(&grown("first load"), Bound::AtMost(1.5), "", growth(Phase::First)),
        target(&grown("nothing changed"), Bound::AtMost(1.5), "", growth(Phase::Unchanged)),
    ]
}

fn on_a_database(rows: &Rows<'_>) -> Vec<Target> {
    let mut all = Vec::new();
    for (phase, wanted) in [(Phase::First, 0.75), (Phase::Unchanged, 0.65)] {
        for connections in [1, 4, 16] {
            let what =
                format!("PostgreSQL, {}, {connections} connections, of the bare program", phase.name());
            let measured = rows.of_limit(Engine::Postgres, phase, connections);
            all.push(target(&what, Bound::AtLeast(wanted), "", measured));
        }
    }
    all
}

fn at_rest(results: &Results) -> Vec<Target> {
    let rest = results.rests.iter().find(|rest| rest.stored == 1_000_000);
    let worst = |times: &[f64]| times.iter().copied().fold(f64::NAN, f64::max);
    let memory = |of: fn(&Rest) -> u64| rest.map(of).map(rosterd_bench::figures::float);
    let small = Bound::AtMost(64.0);
    vec![
        target(
            "Resident memory at rest with 10⁶ groups, after a start",
            small,
            "MiB",
            memory(|rest| rest.started_mib),
        ),
        target("The same after loading them", small, "MiB", memory(|rest| rest.loaded_mib)),
        target(
            "Start to first answer with 10⁶ groups, the slowest of three",
            Bound::AtMost(500.0),
            "ms",
            rest.map(|rest| worst(&rest.start_ms)),
        ),
        target(
            "Start to first answer after kill -9 under load, likewise",
            Bound::AtMost(2000.0),
            "ms",
            rest.map(|rest| worst(&rest.killed_ms)),
        ),
        target(
            "Resident memory under ten times the peak (`just overload`)",
            Bound::AtMost(512.0),
            "MiB",
            None,
        ),
    ]
}

/// Against what one would write instead, at its barest.
fn against_others(rows: &Rows<'_>) -> Vec<Target> {
    let mut all = Vec::new();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let against = |connections, phase, batch| {
            let served = rows.rate(engine, phase, connections, [0, 1000])?;
            Some(served / rows.of(BARE, engine, phase, connections, [0, batch])?.rate)
        };
        let name = engine.name();
        for (phase, wanted) in [(Phase::First, 1.0), (Phase::Unchanged, 5.0), (Phase::Changed, 5.0)] {
            let what = format!("{name}, {}, 16 connections, against {BARE}", phase.name());
            all.push(target(&what, Bound::AtLeast(wanted), "×", against(16, phase, 1000)));
        }
        for phase in [Phase::First, Phase::Unchanged] {
            let what =
                format!("{name}, {}, 4 connections, against the same, a record a request", phase.name());
            all.push(target(&what, Bound::AtLeast(50.0), "×", against(4, phase, 1)));
        }
    }
    all
}

/// Whether a steady load was kept up with.
pub(crate) fn is_kept_up(latency: &Latency) -> bool {
    latency.lost == 0
}

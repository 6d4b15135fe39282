//! The results as a page.

use std::fmt::Write as _;

use crate::options::Engine;
use crate::requests::Face;
use crate::results::{Latency, Rest, Results, Row};
use crate::targets::{Target, is_kept_up, targets};

/// The whole page. The same results make the same page.
pub(crate) fn page(results: &Results) -> String {
    let mut page = head(results);
    page += &judged(&targets(results));
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::Unknown] {
        let rows: Vec<&Row> = results.rows.iter().filter(|row| row.place.engine == engine).collect();
        if !rows.is_empty() {
            let _ = write!(page, "\n## {}\n\n{}", title(engine), table(&rows));
        }
    }
    page += &steady(&results.latencies);
    page += &resting(&results.rests);
    page + NOTES
}

fn title(engine: Engine) -> String {
    let name = engine.name();
    name[..1].to_uppercase() + &name[1..]
}

fn head(results: &Results) -> String {
    let machine = &results.machine;
    let shape = &results.shape;
    let postgres =
        machine.postgres.as_deref().map_or(String::new(), |version| format!(", PostgreSQL {version}"));
    let mut head = format!(
        "# Performance\n\nWritten by `just bench` from `performance.json`; do not edit. [How it is \
         measured](../../bench/README.md).\n\n![Records a second, by engine and phase](performance.svg)\n\n\
         - machine: {}, {} cores, {} MiB, Linux {}, stores on {}{postgres}\n\
         - commit `{}` (a plus sign: with changes), command `{}`, {} rounds, seed {}\n",
        machine.processor,
        machine.cores,
        machine.memory_mib,
        machine.kernel,
        machine.file_system,
        results.commit,
        results.command,
        results.rounds,
        shape.seed,
    );
    let _ = writeln!(
        head,
        "- records: keys of {} characters in {} order, names of {}, descriptions of {}, URLs of {}, script {}; trees with {} \
         groups below each",
        shape.key_length,
        format!("{:?}", shape.key_order).to_lowercase(),
        shape.name_length,
        shape.description_length,
        shape.url_length,
        format!("{:?}", shape.script).to_lowercase(),
        shape.fan_out,
    );
    if machine.load > 0.5 {
        let _ = writeln!(
            head,
            "- **others were at work on the machine** (load {} before the run): times and rates are worth little, ratios a \
             little more",
            machine.load
        );
    }
    head
}

fn judged(targets: &[Target]) -> String {
    if targets.iter().all(|target| target.measured.is_none()) {
        return String::new();
    }
    let mut text = "\n## Targets\n\n| target | wanted | measured | |\n| --- | --- | --- | --- |\n".to_owned();
    for Target { what, wanted, measured, is_met } in targets {
        let (measured, verdict) = match (measured, is_met) {
            (Some(measured), true) => (measured.as_str(), "met"),
            (Some(measured), false) => (measured.as_str(), "**not met**"),
            (None, _) => ("–", "not measured in this run"),
        };
        let _ = writeln!(text, "| {what} | {wanted} | {measured} | {verdict} |");
    }
    text
}

fn table(rows: &[&Row]) -> String {
    let mut text = "| stored | program | records a request | connections | phase | records/s | least–most | of the limit | \
                    server, driver, database µs/record | memory MiB | bytes written/record | p50, p99, max ms |\n"
        .to_owned();
    text += "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for row in rows {
        let place = &row.place;
        let program = match place.face {
            None => format!("*{}*", place.program),
            Some(Face::Groups) => format!("{}, `/v3/groups`", place.program),
            Some(Face::Usergroups) => format!("{}, `/usergroups`", place.program),
        };
        let least = row.rates.iter().copied().fold(f64::INFINITY, f64::min);
        let most = row.rates.iter().copied().fold(0.0, f64::max);
        let of_limit = row.of_limit.map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let mut mark = if row.is_driver_bound() { " ⚠ driver" } else { "" }.to_owned();
        if row.refused > 0 {
            let _ = write!(mark, " ⚠ {} refused", row.refused);
        }
        let _ = writeln!(
            text,
            "| {} | {program} | {} | {} | {} | **{}**{mark} | {}–{} | {of_limit} | {}, {}, {} | {} | {} | {} |",
            count(place.stored),
            place.batch,
            place.connections,
            place.phase.name(),
            thousands(row.rate),
            thousands(least),
            thousands(most),
            row.server_us,
            row.driver_us,
            row.database_us,
            if row.peak_mib == 0 { String::new() } else { row.peak_mib.to_string() },
            row.written,
            times(row),
        );
    }
    text
}

fn times(row: &Row) -> String {
    let shown = |[p50, p99, most]: [f64; 3]| format!("{p50}, {p99}, {most}");
    match (row.writes_ms, row.reads_ms) {
        (None, _) => String::new(),
        (Some(writes), None) => shown(writes),
        (Some(writes), Some(reads)) => format!("{}; reads {}", shown(writes), shown(reads)),
    }
}

/// With a space between thousands.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Thousands a second; a slow one in more digits.
pub(crate) fn thousands(rate: f64) -> String {
    if rate < 10_000.0 { format!("{:.2}k", rate / 1000.0) } else { format!("{:.0}k", rate / 1000.0) }
}

fn steady(latencies: &[Latency]) -> String {
    let mut text = String::new();
    if latencies.is_empty() {
        return text;
    }
    text += "\n## At a steady rate\n\nRequests are sent when they are due, answered or not, at half of the most that was measured \
             with so many connections; times count from when they were due.\n\n| engine | stored | phase | half of the peak with | \
             batches/s | requests | lost | p50 ms | p99 ms | max ms |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for latency in latencies {
        let [p50, p99, most] = latency.ms;
        let mark = if is_kept_up(latency) { "" } else { " ⚠" };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} connections | {} | {} | {}{mark} | {p50} | {p99} | {most} |",
            latency.engine.name(),
            count(latency.stored),
            latency.phase.name(),
            latency.connections,
            latency.rate,
            latency.requests,
            latency.lost,
        );
    }
    text
}

fn resting(rests: &[Rest]) -> String {
    let mut text = String::new();
    for rest in rests {
        let _ = write!(
            text,
            "\n## At rest\n\n{} with {} groups: {} MiB resident after loading them, {} MiB after a start. From the start of the \
             process to the first answer {:?} ms, after kill -9 under load {:?} ms.\n",
            rest.engine.name(),
            count(rest.stored),
            rest.loaded_mib,
            rest.started_mib,
            rest.start_ms,
            rest.killed_ms,
        );
    }
    text
}

const NOTES: &str = "
## How to read this

- Records a second are medians of the rounds. *Bare programs* (in italics) do no more than to store: no rules, no tree, no
  outcomes, no runs, no HTTP, on one thread (SQLite) or one thread a connection (PostgreSQL). *Of the limit* is the median of
  the ratios, round by round, to the bare program that sets the limit: on SQLite \"read, compare, write what differs; 16000 a
  transaction\", for nothing changed the one on a covering index; on PostgreSQL the one there is, at as many connections. Where
  groups are stored already, loops on SQLite go into a file that holds as many, 4000 a transaction: what four clients that wait
  for their answers can have in one commit. Moves and mixed batches have no bare program: without the rules of a tree they would
  be other work.
- *A bare service of blind upserts* (`bench/src/bin/bench/bare.rs`) is what one would write at first instead: the same requests over
  HTTP, each one transaction that stores what it is sent, whatever is there. No rules, no tree, no outcomes, no runs, no access keys.
- The driver shares the machine with the server. *⚠ driver* marks a figure for which the driver took more than half of the
  machine, or reaches less than twice as much with a server that does nothing: it says more of the driver than of the server.
- *⚠ refused*: so many answers of all rounds asked to come again later, and the request was sent again a fifth of a second after.
- Processor time and bytes written count until the index for searches has caught up; throughput does not wait for it. Bytes
  written on PostgreSQL are those of its log.
- p50, p99 and max in the tables are of clients that wait for their answers; *at a steady rate* says what clients see that do not.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_what_was_measured() {
        let results: Results = serde_json::from_str(include_str!("results.example.json")).unwrap();
        let page = page(&results);
        assert_eq!(page, super::page(&results));
        for part in [
            "| 0 | rosterd, `/v3/groups` | 1000 | 16 | first load | **120k** | 110k–130k | 0.60 |",
            "of the loop with 16,000 a transaction | ≥ 0.65 | 0.60 | **not met** |",
            "16 connections, of the loop on a covering index | ≥ 0.35 | 0.40 | met |",
            "**500k** ⚠ driver |",
            "PostgreSQL, first load, 1 connections, of the bare program | ≥ 0.75 | – | not measured in this run |",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        assert!(crate::plot::plot(&results).contains("120k"));
    }

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!(
            ["0", "999", "1,000", "12,345,678"],
            [0, 999, 1000, 12_345_678].map(count).each_ref().map(String::as_str)
        );
        assert_eq!(["2.50k", "120k"], [2500.0, 119_700.0].map(thousands).each_ref().map(String::as_str));
    }
}

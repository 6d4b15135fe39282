//! The gate: holds counted instructions against those that were accepted, and fails when one has risen.
//!
//! `scripts/instructions` counts and hands the counts over on stdin, as gungraun writes them. The arguments are the
//! file of those accepted, and the name and release of the C library. With `--accept` that file is written.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

/// How far a count may rise, in percent. The same program on the same machine differs by less than 0.1, because
/// hash maps begin at random places.
const TOLERANCE: f64 = 3.0;
/// The same with another C library than that of the accepted counts. Between 13 and 27 percent of them are its own:
/// allocating and copying.
const TOLERANCE_ELSEWHERE: f64 = 10.0;

/// Instructions, by what was counted.
type Counts = BTreeMap<String, u64>;

/// The counts that are held against.
#[derive(Debug, Default, PartialEq, Eq)]
struct Accepted {
    /// The C library they were counted with.
    c_library: String,
    counts: Counts,
}

fn main() -> anyhow::Result<ExitCode> {
    let (options, arguments): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument == "--accept");
    let [file, c_library] = &arguments[..] else { anyhow::bail!("FILE LIBRARY [--accept] <COUNTS") };
    let counted = counted(&std::io::read_to_string(std::io::stdin())?)?;
    let accepted = match std::fs::read_to_string(file) {
        Ok(text) => Accepted::read(&text)?,
        Err(_) if !options.is_empty() => Accepted::default(),
        Err(error) => return Err(error).with_context(|| file.clone()),
    };
    let mut out = anstream::stdout();
    write!(out, "{}", table(&accepted.counts, &counted))?;
    if !options.is_empty() {
        std::fs::write(file, Accepted { c_library: c_library.clone(), counts: counted }.text())?;
        writeln!(out, "accepted: {file}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let tolerance = accepted.tolerance(c_library);
    writeln!(
        out,
        "with {c_library}, accepted with {}: {tolerance} % more are let through",
        accepted.c_library
    )?;
    let offences = offences(&accepted.counts, &counted, tolerance);
    for offence in &offences {
        writeln!(out, "{offence}")?;
    }
    if offences.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "If that is meant: scripts/instructions --accept, and say why in the commit.")?;
    Ok(ExitCode::FAILURE)
}

impl Accepted {
    /// The file: the library in the first line, then a name and a count a line.
    fn read(text: &str) -> anyhow::Result<Self> {
        let count = |line: &str| {
            let (name, count) = line.rsplit_once(' ').with_context(|| format!("no count: {line:?}"))?;
            Ok((name.trim().to_owned(), count.parse().with_context(|| format!("no count: {line:?}"))?))
        };
        let (c_library, counts) = text.split_once('\n').context("no line for the C library")?;
        let counts = counts.lines().map(count).collect::<anyhow::Result<_>>()?;
        Ok(Self { c_library: c_library.to_owned(), counts })
    }

    fn text(&self) -> String {
        let lines = self.counts.iter().map(|(name, count)| format!("{name:<32} {count:>10}\n"));
        [format!("{}\n", self.c_library)].into_iter().chain(lines).collect::<Vec<_>>().concat()
    }

    fn tolerance(&self, c_library: &str) -> f64 {
        if self.c_library == c_library { TOLERANCE } else { TOLERANCE_ELSEWHERE }
    }
}

/// The counts of a run: one JSON object a line and benchmark.
fn counted(report: &str) -> anyhow::Result<Counts> {
    let mut counts = Counts::new();
    for line in report.lines().filter(|line| !line.trim().is_empty()) {
        let bench: Value = serde_json::from_str(line).context("what was counted is no JSON")?;
        let name = |field: &str| bench[field].as_str().unwrap_or_default().to_owned();
        let total = &bench["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"]["new"];
        let name = format!("{} {}", name("function_name"), name("id"));
        let count = total.as_u64().with_context(|| format!("{name} has no count"))?;
        counts.insert(name, count);
    }
    anyhow::ensure!(!counts.is_empty(), "nothing was counted");
    Ok(counts)
}

/// By how many percent a count differs from the accepted one.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn difference(accepted: u64, counted: u64) -> f64 {
    (counted as f64 / accepted as f64 - 1.0) * 100.0
}

fn table(accepted: &Counts, counted: &Counts) -> String {
    let header =
        format!("{:<32} {:>12} {:>12} {:>12}\n", "of 1000 records", "accepted", "counted", "difference");
    let row = |(name, count): (&String, &u64)| match accepted.get(name) {
        Some(known) => {
            format!("{name:<32} {known:>12} {count:>12} {:>+10.2} %\n", difference(*known, *count))
        }
        None => format!("{name:<32} {:>12} {count:>12} {:>12}\n", "–", "new"),
    };
    header + &counted.iter().map(row).collect::<Vec<_>>().concat()
}

/// What must not be: a count that rose, one that was never accepted, one that is missing.
fn offences(accepted: &Counts, counted: &Counts, tolerance: f64) -> Vec<String> {
    let rose = counted.iter().filter_map(|(name, count)| match accepted.get(name) {
        Some(known) => {
            let difference = difference(*known, *count);
            (difference > tolerance).then(|| format!("{name}: {difference:.2} % more than accepted"))
        }
        None => Some(format!("{name}: nothing is accepted")),
    });
    let missing = accepted.keys().filter(|name| !counted.contains_key(*name));
    rose.chain(missing.map(|name| format!("{name}: accepted, but not counted"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, u64)]) -> Counts {
        of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn only_what_rises_too_far_is_an_offence() {
        let known = counts(&[("a", 1000), ("b", 1000), ("c", 1000)]);
        let sunk = counts(&[("a", 1029), ("b", 1000), ("c", 500)]);
        assert_eq!(offences(&known, &sunk, 3.0), Vec::<String>::new());
        let found = offences(&known, &counts(&[("a", 1031), ("b", 1000), ("d", 1)]), 3.0);
        assert_eq!(
            found,
            ["a: 3.10 % more than accepted", "d: nothing is accepted", "c: accepted, but not counted"]
        );
    }

    #[test]
    fn what_is_accepted_is_read_again() {
        let counts = counts(&[("face_read groups_new", 11_546_757), ("planned x", 1)]);
        let known = Accepted { c_library: "glibc 2.36".to_owned(), counts };
        assert_eq!(Accepted::read(&known.text()).unwrap(), known);
        assert!(known.tolerance("glibc 2.36") < known.tolerance("glibc 2.41"));
        assert!(Accepted::read("glibc 2.36\nplanned x").is_err());
    }

    #[test]
    fn a_report_is_read() {
        let line = r#"{"function_name":"f","id":"i","profiles":[{"data":{"total":{"metrics":{"Ir":{"values":{"new":7,"old":8}}}}}}]}"#;
        assert_eq!(counted(&format!("{line}\n\n")).unwrap(), counts(&[("f i", 7)]));
        for bad in ["", "{}", "no", r#"{"function_name":"f","profiles":[]}"#] {
            assert!(counted(bad).is_err(), "{bad}");
        }
    }
}

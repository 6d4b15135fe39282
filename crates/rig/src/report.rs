//! What a rig came to, as a line of a table or as JSON.

use std::time::Duration;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use rig::Tally;
use serde::{Deserialize, Serialize};

/// What a rig came to.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) rig: String,
    pub(crate) seed: u64,
    #[serde(flatten)]
    pub(crate) tally: Tally,
    /// Why it was not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) skipped: Option<String>,
    /// Why it did not come to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failed: Option<String>,
    /// What else there is to say.
    pub(crate) remarks: Vec<String>,
    /// How much there was of something.
    #[serde(default)]
    pub(crate) counts: Vec<Count>,
    /// How long something took, each time.
    pub(crate) times: Vec<Times>,
    pub(crate) seconds: u64,
}

/// How much there was of something.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Count {
    pub(crate) what: String,
    pub(crate) number: u64,
}

/// How long the same thing took, each time.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Times {
    pub(crate) what: String,
    #[serde(rename = "milliseconds")]
    pub(crate) each: Vec<u64>,
}

impl Report {
    /// Adds one time more.
    pub(crate) fn took(&mut self, what: &str, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        match self.times.iter_mut().find(|times| times.what == what) {
            Some(times) => times.each.push(millis),
            None => self.times.push(Times { what: what.to_owned(), each: vec![millis] }),
        }
    }

    /// Counts so many of something more.
    pub(crate) fn count(&mut self, what: &str, number: usize) {
        let number = number as u64;
        match self.counts.iter_mut().find(|count| count.what == what) {
            Some(count) => count.number += number,
            None => self.counts.push(Count { what: what.to_owned(), number }),
        }
    }

    /// Adds what another part of the same rig came to.
    pub(crate) fn add(&mut self, other: Self) {
        self.tally += other.tally;
        for count in other.counts {
            self.count(&count.what, usize::try_from(count.number).unwrap_or(usize::MAX));
        }
        for times in other.times {
            for millis in times.each {
                self.took(&times.what, Duration::from_millis(millis));
            }
        }
        for remark in other.remarks {
            self.remark(remark);
        }
    }

    /// Says something, once.
    pub(crate) fn remark(&mut self, remark: String) {
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// Whether a release may be made, as far as this rig knows.
    pub(crate) const fn is_good(&self) -> bool {
        self.failed.is_none() && self.tally.is_clean()
    }

    fn words(&self) -> String {
        let times = self.times.iter().map(|times| {
            let mut each = times.each.clone();
            each.sort_unstable();
            let at = |percent: usize| each.get((each.len() * percent / 100).min(each.len() - 1));
            let [middle, most, last] =
                [at(50), at(99), each.last()].map(|time| time.copied().unwrap_or_default());
            format!("{} p50 {middle} ms, p99 {most} ms, max {last} ms", times.what)
        });
        let skipped = self.skipped.iter().map(|why| format!("SKIPPED: {why}"));
        // What the server has said may be long: all of it is on standard error and in the JSON.
        let why = self.failed.as_ref().map(|why| why.lines().next().unwrap_or_default());
        let failed = why.map(|why| format!("FAILED: {why}"));
        let counts = self.counts.iter().map(|count| format!("{} {}", count.number, count.what));
        let remarks = self.remarks.iter().cloned();
        let all: Vec<String> = skipped.chain(failed).chain(remarks).chain(counts).chain(times).collect();
        all.join("\n")
    }
}

/// The table of all.
pub(crate) fn table(reports: &[Report]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header([
        "rig",
        "cycles",
        "acknowledged",
        "silent",
        "done",
        "refused",
        "reads",
        "lost",
        "half applied",
        "wrong",
        "s",
        "remarks",
    ]);
    for report in reports {
        let tally = &report.tally;
        let numbers = [
            tally.cycles,
            tally.acknowledged,
            tally.silent,
            tally.silent_done,
            tally.refused,
            tally.reads,
            tally.lost,
            tally.half_applied,
            tally.wrong,
            report.seconds,
        ];
        let line = std::iter::once(report.rig.clone()).chain(numbers.map(|number| number.to_string()));
        table.add_row(line.chain([report.words()]));
    }
    for column in table.column_iter_mut().skip(1).take(10) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

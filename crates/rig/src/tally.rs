//! What the checker counts.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// So many notes are kept.
const NOTES: usize = 40;
/// Longer ones are cut off.
const LONGEST: usize = 1200;

/// What a history came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Histories that were settled.
    pub cycles: u64,
    /// Writes that were answered as done.
    pub acknowledged: u64,
    /// Writes of which nobody said whether they were done, and which were not asked about again.
    pub silent: u64,
    /// Those of them that were found to be done.
    pub silent_done: u64,
    /// Requests that were refused for the time being.
    pub refused: u64,
    /// Requests that read.
    pub reads: u64,
    /// Writes that were acknowledged and are not there.
    pub lost: u64,
    /// Batches of which a part is there, or groups without the run, or the run without the groups.
    pub half_applied: u64,
    /// Everything else that one request after another could not have come to.
    pub wrong: u64,
    /// What was lost, half applied or wrong, in words; not all of it if it is much.
    pub notes: Vec<String>,
}

impl Tally {
    /// Whether nothing was lost, half applied or wrong.
    pub const fn is_clean(&self) -> bool {
        self.faults() == 0
    }

    pub(crate) const fn faults(&self) -> u64 {
        self.lost + self.half_applied + self.wrong
    }

    pub(crate) fn lose(&mut self, note: impl Into<String>) {
        self.lost += 1;
        self.note(&format!("lost: {}", note.into()));
    }

    pub(crate) fn halve(&mut self, note: impl Into<String>) {
        self.half_applied += 1;
        self.note(&format!("half applied: {}", note.into()));
    }

    /// Counts something that no order of the requests explains.
    pub fn wrong(&mut self, note: impl Into<String>) {
        self.wrong += 1;
        self.note(&format!("wrong: {}", note.into()));
    }

    fn note(&mut self, note: &str) {
        if self.notes.len() < NOTES {
            self.notes.push(shorten(note, LONGEST));
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.cycles += other.cycles;
        self.acknowledged += other.acknowledged;
        self.silent += other.silent;
        self.silent_done += other.silent_done;
        self.refused += other.refused;
        self.reads += other.reads;
        self.lost += other.lost;
        self.half_applied += other.half_applied;
        self.wrong += other.wrong;
        for note in other.notes {
            self.note(&note);
        }
    }
}

/// The beginning of a long text.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

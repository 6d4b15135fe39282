//! Bare programs on the same engines: what could be had without rules, a tree, outcomes, runs and HTTP. What rosterd
//! makes of an engine is told as a part of what these make of it in the same run.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use std::time::Duration;

use crate::records::{Record, Version};
use crate::requests::{Load, Phase};

/// The phases that have a bare program. What moves and reads are worth without the rules of a tree is not a
/// question that a bare program can answer.
pub(crate) const PHASES: [Phase; 3] = [Phase::First, Phase::Unchanged, Phase::Changed];

/// What a phase took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Took {
    pub(crate) lasted: Duration,
    /// Of the program, and of the database where it is another one.
    pub(crate) busy: [Duration; 2],
    pub(crate) written: u64,
}

/// The records of a load as a phase sends them, in batches.
pub(crate) fn batches(load: &Load<'_>, phase: Phase) -> Vec<Vec<Record>> {
    let version = Version { is_changed: phase == Phase::Changed, ..Version::default() };
    let record = |number| load.shape.record(number, load.tree, version);
    load.batches.iter().map(|[start, end]| (*start..*end).map(record).collect()).collect()
}

//! Runs: what is kept of each batch that was carried out, so that somebody can look back at it.

use std::fmt;

use crate::clock::Timestamp;
use crate::model::TenantId;
use crate::outcome::{Outcome, RecordResult};

/// The id of a run. Ids sort by the time at which their runs began, and cannot be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(u128);

impl RunId {
    /// How many random bytes an id has.
    pub const RANDOM_BYTES: usize = 10;
    /// How many digits an id has, in lower-case hexadecimal.
    const DIGITS: usize = 32;
    const RANDOM_BITS: u32 = 80;

    /// The id of a run that begins at this moment.
    pub fn new(at: Timestamp, random: [u8; Self::RANDOM_BYTES]) -> Self {
        let random = random.iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
        Self(Self::first_of(at).0 | random)
    }

    /// The lowest id of runs that begin at this moment.
    pub fn first_of(at: Timestamp) -> Self {
        const LAST_MS: i64 = (1 << (128 - RunId::RANDOM_BITS)) - 1;
        let ms = at.0.clamp(0, LAST_MS).unsigned_abs();
        Self(u128::from(ms) << Self::RANDOM_BITS)
    }

    /// Reads an id as it is shown; `None` for what cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = u128::from_str_radix(text, 16).ok().filter(|_| plain && text.len() == Self::DIGITS);
        number.map(Self)
    }

    /// As an engine keeps it: sorts as the ids do.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// What an engine has kept.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

/// A batch that was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Whose groups it was about.
    pub tenant: TenantId,
    /// The public id of the access key that sent it.
    pub key_id: String,
    /// The face by which it came in.
    pub face: String,
    /// What was asked for, in the face's word.
    pub operation: String,
    /// When it began.
    pub started_at: Timestamp,
    /// The tenant's revision at which its outcome holds: its own, if it wrote.
    pub revision: i64,
    /// Whether it was only planned.
    pub dry_run: bool,
    /// The caller's idempotency key.
    pub idempotency_key: Option<String>,
    /// What became of its records.
    pub counts: Counts,
    /// How many of its failures were too many or too long to be kept.
    pub omitted: u32,
}

/// A run with what is kept of its failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRun {
    /// The run.
    pub run: Run,
    /// Its failed records, as the face wrote them.
    pub failures: Vec<u8>,
}

/// What a face keeps of the failures of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failures {
    /// In the face's words.
    pub text: Vec<u8>,
    /// How many are not in it.
    pub omitted: u32,
}

/// How many records of a batch ended in which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Groups that were created.
    pub created: u32,
    /// Groups that were changed.
    pub updated: u32,
    /// Groups that already were as asked, and records that were skipped.
    pub unchanged: u32,
    /// Groups that were archived.
    pub archived: u32,
    /// Groups that were restored.
    pub restored: u32,
    /// Records that were not done.
    pub failed: u32,
}

impl Counts {
    /// Counts the records of a batch.
    pub fn of(outcome: &Outcome) -> Self {
        outcome.records.iter().fold(Self::default(), |mut counts, record| {
            *match record.result {
                RecordResult::Created { .. } => &mut counts.created,
                RecordResult::Updated { .. } => &mut counts.updated,
                RecordResult::Archived { .. } => &mut counts.archived,
                RecordResult::Restored { .. } => &mut counts.restored,
                RecordResult::Unchanged { .. } | RecordResult::Skipped => &mut counts.unchanged,
                RecordResult::Failed(_) => &mut counts.failed,
            } += 1;
            counts
        })
    }

    /// How many records there were.
    pub const fn total(self) -> u32 {
        self.created + self.updated + self.unchanged + self.archived + self.restored + self.failed
    }
}

/// Which runs a list shows: those that meet every condition. By default all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunFilter {
    /// By what became of their records.
    pub success: Success,
    /// By whether they were only planned; `None` for both.
    pub dry_run: Option<bool>,
    /// Only those that came with this idempotency key.
    pub idempotency_key: Option<String>,
}

/// Which runs are shown by what became of their records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Success {
    /// All.
    #[default]
    Any,
    /// Those of which at least one record failed.
    NotWhole,
}

impl RunFilter {
    /// Whether a run meets the conditions.
    pub fn admits(&self, run: &Run) -> bool {
        let failed = self.success == Success::Any || run.counts.failed > 0;
        let planned = self.dry_run.is_none_or(|dry_run| run.dry_run == dry_run);
        let keyed = self.idempotency_key.is_none() || run.idempotency_key == self.idempotency_key;
        failed && planned && keyed
    }
}

/// One page of a list of runs, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunPage {
    /// Only runs with a lower id; `None` from the newest on.
    pub before: Option<RunId>,
    /// No run with a lower id than this: older ones are forgotten, whether they still lie there or not.
    pub oldest: RunId,
    /// The most runs to return, 1–1000.
    pub limit: usize,
}

impl RunPage {
    /// Whether a run belongs behind the start of the page and is not forgotten.
    pub fn covers(&self, id: RunId) -> bool {
        id >= self.oldest && self.before.is_none_or(|before| id < before)
    }
}

/// What one page of runs holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunList {
    /// The runs, at most as many as the page may hold.
    pub runs: Vec<Run>,
    /// The id before which the next page starts; `None` where nothing is left. An engine that has looked at
    /// many runs to find few ends the page early.
    pub next: Option<RunId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_read_back() {
        let earlier = RunId::new(Timestamp(1_760_000_000_000), [0xFF; 10]);
        let later = RunId::new(Timestamp(1_760_000_000_001), [0; 10]);
        assert!(earlier < later && earlier.to_string() < later.to_string());
        assert!(earlier.to_bytes() < later.to_bytes());
        assert_eq!(later, RunId::first_of(Timestamp(1_760_000_000_001)));
        assert_eq!(earlier.to_string(), "0199c82cc000ffffffffffffffffffff");
        for id in [earlier, later, RunId::first_of(Timestamp(-1)), RunId::first_of(Timestamp(i64::MAX))] {
            assert_eq!(RunId::parse(&id.to_string()), Some(id));
            assert_eq!(RunId::from_bytes(id.to_bytes()), id);
        }
    }

    #[test]
    fn what_is_no_id_is_none() {
        let good = RunId::new(Timestamp(7), [0xAB; 10]).to_string();
        for wrong in
            ["", "1", &good[1..], &good.to_uppercase(), &format!("{good}0"), &format!("+{}", &good[1..])]
        {
            assert_eq!(RunId::parse(wrong), None, "{wrong}");
        }
    }
}

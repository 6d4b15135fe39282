//! What an import did, in numbers.

use serde::Serialize;

use super::send::Mode;
use super::stop::Reached;
use crate::cli::exit::Exit;

/// The numbers. Each record of the input counts once, with its final outcome.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Summary {
    pub(super) records: u64,
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    /// Left out, as the call asked for; a face without such a wish shows no number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) skipped: Option<u64>,
    pub(super) failed: u64,
    /// Requests that were answered with results, those of records sent again included.
    pub(super) batches: u64,
    pub(super) seconds: f64,
}

impl Summary {
    /// How many records are in the directory as asked.
    pub(super) fn done(&self) -> u64 {
        self.created + self.updated + self.unchanged
    }

    /// How far the import came. What `sent` says is the client's word on whether anything left this host.
    pub(super) fn reached(&self, sent: bool) -> Reached {
        match (self.created + self.updated, sent) {
            (0, false) => Reached::Nothing,
            (0, true) => Reached::Sent,
            _ => Reached::Written,
        }
    }

    /// The exit code of an import that came to its end.
    pub(super) fn exit(&self) -> Exit {
        match (self.failed, self.done() + self.skipped.unwrap_or_default()) {
            (0, _) => Exit::Success,
            (_, 0) => Exit::InputRejected,
            _ => Exit::Partial,
        }
    }

    /// How often each outcome came.
    pub(super) fn outcomes(&self) -> String {
        let Self { created, updated, unchanged, skipped, failed, .. } = self;
        let skipped = skipped.map(|skipped| format!("{skipped} skipped, ")).unwrap_or_default();
        format!("{created} created, {updated} updated, {unchanged} unchanged, {skipped}{failed} failed")
    }

    /// The last line of standard output for programs.
    pub(super) fn json(&self) -> String {
        serde_json::json!({ "summary": self }).to_string()
    }

    /// The last lines of standard output for people.
    pub(super) fn text(&self, mode: Mode) -> String {
        let Self { records, batches, seconds, .. } = self;
        let numbers = format!("{records} records in {seconds:.1} s ({batches} batches): {}", self.outcomes());
        match mode {
            Mode::Write => numbers,
            Mode::DryRun => format!("{numbers}\ndry run: nothing was written"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Exit, Mode, Summary};

    fn summary(created: u64, unchanged: u64, failed: u64) -> Summary {
        Summary { records: created + unchanged + failed, created, unchanged, failed, ..Summary::default() }
    }

    #[test]
    fn the_exit_code_tells_all_some_and_none_apart() {
        for (created, unchanged, failed, expected) in [
            (0, 0, 0, Exit::Success),
            (1, 0, 0, Exit::Success),
            (1, 0, 1, Exit::Partial),
            (0, 1, 1, Exit::Partial),
            (0, 0, 2, Exit::InputRejected),
        ] {
            assert_eq!(summary(created, unchanged, failed).exit(), expected);
        }
    }

    #[test]
    fn it_is_told_to_people_and_programs() {
        assert_eq!(
            summary(2, 1, 0).json(),
            r#"{"summary":{"batches":0,"created":2,"failed":0,"records":3,"seconds":0.0,"unchanged":1,"updated":0}}"#
        );
        let skipped = Summary { skipped: Some(2), ..summary(0, 0, 1) };
        assert!(skipped.json().contains(r#""records":1,"seconds":0.0,"skipped":2,"#), "{}", skipped.json());
        assert_eq!(skipped.outcomes(), "0 created, 0 updated, 0 unchanged, 2 skipped, 1 failed");
        assert_eq!(skipped.exit(), Exit::Partial);
        assert_eq!(
            summary(2, 1, 0).text(Mode::DryRun),
            "3 records in 0.0 s (0 batches): 2 created, 0 updated, 1 unchanged, 0 failed\n\
             dry run: nothing was written"
        );
    }
}

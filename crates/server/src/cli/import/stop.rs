//! Why an import ends before its time, and the exit code that says so.

use super::record::{Origin, Record};
use crate::cli::exit::Exit;

/// What made the import stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// An input cannot be read.
    Input,
    /// The server refused a whole request.
    Refused,
    /// The server refused the key.
    Unauthorised,
    /// The server did not answer, or asked to wait for longer than the import is willing to.
    Unreachable,
    /// Everything else.
    Failure,
}

/// What had happened by the time the import stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// No batch was sent.
    Nothing,
    /// Batches were sent, none of their records was written.
    Sent,
    /// Records were written.
    Written,
}

/// The end of an import before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) reason: Reason,
    /// The sentence for the user.
    pub(super) message: String,
    /// The first and the last record of the batch that could not be delivered.
    pub(super) batch: Option<(Origin, Origin)>,
}

impl Stop {
    /// A stop for this reason.
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), batch: None }
    }

    /// The same, at this batch.
    pub(super) fn at_batch(self, records: &[Record]) -> Self {
        let ends = records.first().zip(records.last());
        Self { batch: ends.map(|(first, last)| (first.origin, last.origin)), ..self }
    }

    /// A file of our own (a spill or a failed file) could not be written or read back.
    pub(super) fn disk(what: &str, error: &std::io::Error) -> Self {
        Self::new(Reason::Failure, format!("{what}: {error}"))
    }

    /// The exit code: 4 promises that nothing was written, so it depends on how far the import had come.
    pub(super) fn exit(&self, reached: Reached) -> Exit {
        match (self.reason, reached) {
            (Reason::Input, Reached::Nothing) | (Reason::Refused, Reached::Nothing | Reached::Sent) => {
                Exit::InputRejected
            }
            (Reason::Unauthorised, _) => Exit::Unauthorised,
            (Reason::Unreachable, _) => Exit::Unreachable,
            (Reason::Input, Reached::Sent | Reached::Written)
            | (Reason::Refused, Reached::Written)
            | (Reason::Failure, _) => Exit::Failure,
        }
    }
}

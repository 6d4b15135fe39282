//! Exit codes of every subcommand.

use std::process::ExitCode;

/// How a subcommand ended. The numbers are part of the interface: they are never renumbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All well.
    Success = 0,
    /// It failed, and no other code says why.
    Failure = 1,
    /// Some records were rejected, the others are done.
    Partial = 3,
    /// The input was rejected; nothing was written.
    InputRejected = 4,
    /// The server refused the key.
    Unauthorised = 5,
    /// The server cannot be reached or did not answer in time.
    Unreachable = 6,
    /// The configuration, the data directory or its schema is not usable.
    Configuration = 7,
    /// What is stored is damaged.
    Damaged = 8,
}

/// The table of exit codes, shown below every `--help`. Code 2 (usage) is clap's own; 130 is how a shell
/// reports a process that SIGINT ended.
pub(crate) const HELP: &str = "Exit codes:
  0    all well
  1    failed
  2    usage: unknown option or missing argument
  3    partial: some records were rejected, the others are done
  4    input rejected, nothing written
  5    not authorised
  6    server unreachable or timed out
  7    configuration or schema problem
  8    damaged: what is stored is not what was written, or does not fit together
  130  interrupted
  An unknown code means failure.";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

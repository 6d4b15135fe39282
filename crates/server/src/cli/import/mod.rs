//! `rosterd import`: placeholder.

use super::exit::Exit;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

/// Runs it.
pub(crate) fn run(_arguments: &Arguments) -> Exit {
    Exit::Success
}

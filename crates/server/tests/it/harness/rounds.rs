//! How often a test does what it does: a little in the suite, as often as a release has to show by `just promises`.

/// As often as `ROSTERD_TEST_ROUNDS` says, else as often as is usual.
pub(crate) fn rounds(usual: usize) -> usize {
    std::env::var("ROSTERD_TEST_ROUNDS").map_or(usual, |rounds| rounds.parse().unwrap())
}

/// Tells what a promise was held to; `scripts/promises` reads it.
pub(crate) fn measured(what: &str) {
    eprintln!("measured: {what}");
}

//! Limits of this wire that are no limits of the domain (rules §10, contract 1 §1).

/// The most members of one record.
pub const MAX_MEMBERS: usize = 256;
/// The most levels of arrays and objects in a value that the contract does not know.
pub const MAX_NESTING: usize = 32;
/// The most groups of one page.
pub const MAX_PAGE: usize = 1000;
/// The groups of one page when the caller does not say.
pub const DEFAULT_PAGE: usize = 100;
/// The most levels of a tree that one call walks.
pub const MAX_DEPTH: usize = 64;
/// The levels of a tree when the caller does not say.
pub const DEFAULT_DEPTH: usize = 2;

/// The most streams of changes at once.
pub const MAX_STREAMS: usize = 256;
/// The most of them with one key.
pub const MAX_STREAMS_OF_ONE_KEY: usize = 16;
/// For how many seconds a stream is silent at most.
pub const MAX_SILENCE_S: u64 = 15;

/// The most characters of a request that an error or warning repeats.
pub const MAX_ECHO: usize = 64;
/// The most characters of `externalReferenceId` that a result repeats. Every key that can be stored is
/// far shorter; without a bound an answer could be as large as the largest body.
pub const MAX_KEY_ECHO: usize = 1024;
/// The most unknown members of one record that are named one by one. A batch of 1000 records with 256
/// unknown members each would otherwise be answered with 40 MB.
pub const MAX_UNKNOWN_NAMED: usize = 32;
/// The most faults of one record that are named, for the same reason. Its own fields come first.
pub const MAX_FAULTS_NAMED: usize = 64;

/// The most failed records that are kept of one run.
pub const MAX_FAILURES: usize = 1000;
/// The most bytes that are kept of the failed records of one run.
pub const MAX_FAILURES_BYTES: usize = 1 << 20;

/// The text if it has at most `limit` characters, else its beginning with an ellipsis, `limit` in all.
pub(crate) fn shorten(text: &str, limit: usize) -> Box<str> {
    // A text cannot hold more characters than bytes.
    if text.len() <= limit || text.chars().nth(limit).is_none() {
        return text.into();
    }
    text.chars().take(limit - 1).chain(['…']).collect::<String>().into()
}

//! What the store tells about itself: every metric in one place.

use std::time::Duration;

use metrics::{gauge, histogram};

const QUEUE_DEPTH: &str = "rosterd_store_queue_depth";
const COMMIT_JOBS: &str = "rosterd_store_commit_jobs";
const COMMIT_RECORDS: &str = "rosterd_store_commit_records";
const SEARCH_BEHIND: &str = "rosterd_search_behind";
const COMMIT_SECONDS: &str = "rosterd_store_commit_seconds";

/// Tells the recorder what the metrics mean.
pub(crate) fn describe() {
    metrics::describe_gauge!(QUEUE_DEPTH, "Writes that wait for the writer");
    metrics::describe_gauge!(SEARCH_BEHIND, "Commits that the index for searches has not taken in yet");
    metrics::describe_histogram!(COMMIT_JOBS, "Writes made durable by one commit");
    metrics::describe_histogram!(COMMIT_RECORDS, "Groups written by one commit");
    metrics::describe_histogram!(
        COMMIT_SECONDS,
        metrics::Unit::Seconds,
        "Time of one commit, fsync included"
    );
}

/// A write joined the queue.
pub(crate) fn queued() {
    gauge!(QUEUE_DEPTH).increment(1.0);
}

/// A write left the queue.
pub(crate) fn taken() {
    gauge!(QUEUE_DEPTH).decrement(1.0);
}

/// A commit is durable.
pub(crate) fn committed(jobs: usize, records: usize, took: Duration) {
    histogram!(COMMIT_JOBS).record(count(jobs));
    histogram!(COMMIT_RECORDS).record(count(records));
    histogram!(COMMIT_SECONDS).record(took.as_secs_f64());
}

/// There is a commit that the index for searches does not hold. Told before the commit is acknowledged.
pub(crate) fn search_behind() {
    gauge!(SEARCH_BEHIND).increment(1.0);
}

/// The index for searches holds so many commits more.
pub(crate) fn search_followed(commits: u64) {
    gauge!(SEARCH_BEHIND).decrement(f64::from(u32::try_from(commits).unwrap_or(u32::MAX)));
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

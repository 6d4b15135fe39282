//! What is counted, and how it is shown to Prometheus.

use std::time::Duration;

use directory::{Outcome, RecordResult};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

const SECONDS: [f64; 14] =
    [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
const COMMIT_JOBS: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
const COMMIT_RECORDS: [f64; 8] = [1.0, 10.0, 100.0, 1000.0, 2000.0, 4000.0, 8000.0, 16_000.0];

/// How often old samples are folded into the histograms, as the exporter asks of its user.
const UPKEEP: Duration = Duration::from_secs(5);

/// Installs the recorder for this process.
pub(crate) fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full("rosterd_store_commit_jobs".into()), &COMMIT_JOBS)?
        .set_buckets_for_metric(Matcher::Full("rosterd_store_commit_records".into()), &COMMIT_RECORDS)?
        .install_recorder()?;
    describe_counter!("rosterd_http_requests_total", "Requests answered, by route and status");
    describe_histogram!(
        "rosterd_http_request_seconds",
        Unit::Seconds,
        "Time from request head to answer, by route"
    );
    describe_counter!("rosterd_records_total", "Records of batches, by face and outcome");
    describe_gauge!("rosterd_store_queue_depth", "Batches that wait for the writer");
    describe_gauge!("rosterd_search_behind", "Commits that the index for searches has not taken in yet");
    describe_histogram!("rosterd_store_commit_jobs", "Batches made durable by one commit");
    describe_histogram!("rosterd_store_commit_records", "Groups written by one commit");
    describe_histogram!("rosterd_store_commit_seconds", Unit::Seconds, "Time of one commit");
    Ok(handle)
}

/// Keeps the recorder in shape until the runtime ends.
pub(crate) async fn upkeep(handle: PrometheusHandle) {
    let mut interval = tokio::time::interval(UPKEEP);
    loop {
        interval.tick().await;
        handle.run_upkeep();
    }
}

/// Counts an answer.
pub(crate) fn count_request(route: &str, status: u16, seconds: f64) {
    let route = route.to_owned();
    counter!("rosterd_http_requests_total", "route" => route.clone(), "status" => status.to_string())
        .increment(1);
    histogram!("rosterd_http_request_seconds", "route" => route).record(seconds);
}

/// How many records of a batch had which outcome.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    pub(crate) failed: u64,
}

impl Tally {
    /// Counts a batch.
    pub(crate) fn of(outcome: &Outcome) -> Self {
        outcome.records.iter().fold(Self::default(), |mut tally, record| {
            *match record.result {
                RecordResult::Created { .. } => &mut tally.created,
                RecordResult::Updated { .. } => &mut tally.updated,
                RecordResult::Unchanged { .. } => &mut tally.unchanged,
                RecordResult::Failed(_) => &mut tally.failed,
            } += 1;
            tally
        })
    }

    /// Adds it to what this process has done.
    pub(crate) fn count(self, face: &'static str) {
        for (outcome, records) in [
            ("created", self.created),
            ("updated", self.updated),
            ("unchanged", self.unchanged),
            ("failed", self.failed),
        ] {
            counter!("rosterd_records_total", "face" => face, "outcome" => outcome).increment(records);
        }
    }
}

//! What is counted, and how it is shown to Prometheus.

use std::time::Duration;

use directory::{Outcome, RecordResult};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
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
    describe_gauge!("rosterd_http_in_flight", "Places taken by requests that are carried out, by kind");
    describe_gauge!("rosterd_http_waiting", "Requests that wait for a place, by kind");
    describe_gauge!("rosterd_http_memory_bytes", "Bytes of bodies and answers that are counted");
    describe_counter!("rosterd_http_shed_total", "Requests refused over capacity, by reason");
    describe_counter!("rosterd_http_rate_limited_total", "Requests refused for their rate, by limit");
    describe_counter!("rosterd_records_total", "Records of batches, by face and outcome");
    describe_gauge!("rosterd_change_streams", "Clients that follow the changes");
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

/// How many streams of changes there are.
pub(crate) fn count_streams(open: usize) {
    gauge!("rosterd_change_streams").set(u32::try_from(open).unwrap_or(u32::MAX));
}

/// Why a request was refused over capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shed {
    /// The line was full.
    Line,
    /// It waited too long in the line.
    Late,
    /// Its client had gone before its turn came.
    Gone,
    /// No memory for its body or its answer.
    Memory,
    /// Too many wait for their keys to be looked up.
    Keys,
}

/// Counts a request that was refused over capacity.
pub(crate) fn count_shed(why: Shed) {
    let reason = match why {
        Shed::Line => "line",
        Shed::Late => "late",
        Shed::Gone => "gone",
        Shed::Memory => "memory",
        Shed::Keys => "keys",
    };
    counter!("rosterd_http_shed_total", "reason" => reason).increment(1);
}

/// Counts a request that was refused for its rate.
pub(crate) fn count_limited(limit: &'static str) {
    counter!("rosterd_http_rate_limited_total", "limit" => limit).increment(1);
}

/// How many records of a batch had which outcome.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) archived: u64,
    pub(crate) restored: u64,
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
                RecordResult::Archived { .. } => &mut tally.archived,
                RecordResult::Restored { .. } => &mut tally.restored,
                RecordResult::Unchanged { .. } | RecordResult::Skipped => &mut tally.unchanged,
                RecordResult::Failed(_) => &mut tally.failed,
            } += 1;
            tally
        })
    }

    fn by_outcome(self) -> [(&'static str, u64); 6] {
        [
            ("created", self.created),
            ("updated", self.updated),
            ("archived", self.archived),
            ("restored", self.restored),
            ("unchanged", self.unchanged),
            ("failed", self.failed),
        ]
    }

    /// How many records there were.
    pub(crate) fn records(self) -> u64 {
        self.by_outcome().iter().map(|(_, records)| records).sum()
    }

    /// Adds it to what this process has done.
    pub(crate) fn count(self, face: &'static str) {
        for (outcome, records) in self.by_outcome() {
            counter!("rosterd_records_total", "face" => face, "outcome" => outcome).increment(records);
        }
    }
}

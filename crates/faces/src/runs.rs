//! Runs: the batches that were carried out, as every face shows them.

use directory::{Counts, RecordedRun, Run, RunFilter, RunId, RunList, RunPage, Success, TenantId};
use serde::Serialize;

use crate::groups::limits::{DEFAULT_PAGE, MAX_PAGE};
use crate::groups::wire::{Each, Moment, Shown, to_json};
use crate::groups::{self, CURSOR, Given, LIMIT, Refusal, Thread};

/// The parameters of the list of runs, and of one run.
pub(crate) const FAILED: &str = "failed";
pub(crate) const DRY_RUN: &str = "dryRun";
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotencyKey";
pub(crate) const FORMAT: &str = "format";

/// What a caller asks of the list of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunQuery {
    /// Only runs like these.
    pub filter: RunFilter,
    before: Option<RunId>,
    limit: usize,
    thread: Thread,
}

impl RunQuery {
    /// Reads the query of `GET /v3/runs`.
    pub fn parse(query: Option<&str>, tenant: TenantId) -> Result<Self, Refusal> {
        let given = Given::read(query, &[LIMIT, CURSOR, FAILED, DRY_RUN, IDEMPOTENCY_KEY])?;
        let success = match given.text(FAILED) {
            None | Some("false") => Success::Any,
            Some("true") => Success::NotWhole,
            Some(_) => return Err(Refusal::parameter(FAILED, "failed must be true or false.")),
        };
        let dry_run = match given.text(DRY_RUN) {
            None | Some("any") => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) => return Err(Refusal::parameter(DRY_RUN, "dryRun must be true, false or any.")),
        };
        let idempotency_key = given.text(IDEMPOTENCY_KEY).map(ToOwned::to_owned);
        let limit = given.number(LIMIT, DEFAULT_PAGE, MAX_PAGE)?;
        let filter = RunFilter { success, dry_run, idempotency_key };
        let thread = thread(tenant, &filter);
        let before = given.after(|text| groups::read_run(thread, text))?;
        Ok(Self { filter, before, limit, thread })
    }

    /// The page that is meant, where older runs than this one are forgotten.
    pub const fn page(&self, oldest: RunId) -> RunPage {
        RunPage { before: self.before, oldest, limit: self.limit }
    }
}

fn thread(tenant: TenantId, filter: &RunFilter) -> Thread {
    let success = match filter.success {
        Success::Any => "any",
        Success::NotWhole => FAILED,
    };
    let dry_run = match filter.dry_run {
        None => "any",
        Some(true) => "true",
        Some(false) => "false",
    };
    // No key and the empty one, which no run has, are two conditions.
    let key = filter.idempotency_key.as_ref().map(|key| format!("key {key}")).unwrap_or_default();
    Thread::new(tenant, ["runs", success, dry_run, &key])
}

/// How a caller wants to see one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The run with its failures.
    Json,
    /// Its failed records as a table.
    Csv,
    /// Its failed records, one a line.
    Ndjson,
}

impl Format {
    /// Reads the query of `GET /v3/runs/{id}`.
    pub fn parse(query: Option<&str>) -> Result<Self, Refusal> {
        match Given::read(query, &[FORMAT])?.text(FORMAT) {
            None | Some("json") => Ok(Self::Json),
            Some("csv") => Ok(Self::Csv),
            Some("ndjson") => Ok(Self::Ndjson),
            Some(_) => Err(Refusal::parameter(FORMAT, "format must be json, csv or ndjson.")),
        }
    }

    /// The type of the body.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    /// The name under which a browser saves failed records.
    pub fn file_name(self, id: RunId) -> Option<String> {
        match self {
            Self::Json => None,
            Self::Csv => Some(format!("run-{id}.csv")),
            Self::Ndjson => Some(format!("run-{id}.ndjson")),
        }
    }

    /// Writes a run; `None` where what is kept of its failures is damaged.
    pub fn write(self, recorded: &RecordedRun) -> Option<Vec<u8>> {
        match self {
            Self::Json => Some(write_run(recorded)),
            Self::Csv => groups::failed_csv(&recorded.failures),
            Self::Ndjson => groups::failed_ndjson(&recorded.failures),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunLine<'a> {
    id: Shown<RunId>,
    face: &'a str,
    operation: &'a str,
    key_id: &'a str,
    started_at: Moment,
    revision: i64,
    dry_run: bool,
    idempotency_key: Option<&'a str>,
    summary: Summary,
    #[serde(skip_serializing_if = "is_zero")]
    failures_omitted: u32,
}

#[derive(Serialize)]
struct Summary {
    total: u32,
    created: u32,
    updated: u32,
    unchanged: u32,
    archived: u32,
    restored: u32,
    failed: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<R> {
    runs: R,
    next_cursor: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn line(run: &Run) -> RunLine<'_> {
    let Counts { created, updated, unchanged, archived, restored, failed } = run.counts;
    let total = run.counts.total();
    RunLine {
        id: Shown(run.id),
        face: &run.face,
        operation: &run.operation,
        key_id: &run.key_id,
        started_at: Moment(run.started_at),
        revision: run.revision,
        dry_run: run.dry_run,
        idempotency_key: run.idempotency_key.as_deref(),
        summary: Summary { total, created, updated, unchanged, archived, restored, failed },
        failures_omitted: run.omitted,
    }
}

/// Writes one page of runs, with a cursor to the next if there may be one.
pub fn write_runs(list: &RunList, query: &RunQuery) -> Vec<u8> {
    let next_cursor = list.next.map(|before| groups::write_run_cursor(query.thread, before));
    to_json(&Page { runs: Each(list.runs.iter().map(line)), next_cursor }, 64 + 512 * list.runs.len())
}

/// A run with its failures, which are JSON already.
fn write_run(recorded: &RecordedRun) -> Vec<u8> {
    let mut json = to_json(&line(&recorded.run), 512 + recorded.failures.len());
    json.pop();
    json.extend(br#","failures":"#);
    json.extend(&recorded.failures);
    json.push(b'}');
    json
}

//! What the server answers to a batch: one result per record, or a problem with the whole request.

use serde::Deserialize;

use super::record::Fault;

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is in the directory as the record says.
    Done(Done),
    /// It was not done; the faults are those of the server, most important first, at least one.
    Failed(Vec<Fault>),
}

/// A record that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) change: Change,
    /// Code and field of each warning.
    pub(super) warnings: Vec<(String, String)>,
}

/// What a record changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Change {
    Created,
    Updated,
    Unchanged,
    /// Left out, as the call asked for. The answer to a batch of groups never says so.
    #[serde(skip)]
    Skipped,
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<RecordResult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordResult {
    input_index: usize,
    status: Status,
    #[serde(default)]
    errors: Vec<Fault>,
    #[serde(default)]
    warnings: Vec<Fault>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Status {
    Done(Change),
    Failed(Failed),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Failed {
    Failed,
}

/// Reads the answer to a batch of `count` records. Anything but exactly one result per record is an error:
/// which record was done must not be guessed.
pub(super) fn read(body: &[u8], count: usize) -> Result<Vec<Outcome>, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if answer.results.len() != count {
        return Err(format!("{} results for {count} records", answer.results.len()));
    }
    let mut outcomes: Vec<Option<Outcome>> = vec![None; count];
    for result in answer.results {
        let index = result.input_index;
        match outcomes.get_mut(index) {
            Some(place @ None) => *place = Some(outcome(result)?),
            Some(Some(_)) => return Err(format!("two results for the record {index} of the batch")),
            None => return Err(format!("a result for the record {index} of a batch of {count}")),
        }
    }
    // As many results as records, none twice, none beyond the end: every place is taken.
    Ok(outcomes.into_iter().flatten().collect())
}

fn outcome(result: RecordResult) -> Result<Outcome, String> {
    match result.status {
        Status::Done(change) => {
            let warnings = result.warnings.into_iter().map(|warning| (warning.code, warning.field)).collect();
            Ok(Outcome::Done(Done { change, warnings }))
        }
        Status::Failed(Failed::Failed) if result.errors.is_empty() => {
            Err(format!("the record {} of the batch failed without an error", result.input_index))
        }
        Status::Failed(Failed::Failed) => Ok(Outcome::Failed(result.errors)),
    }
}

/// The problem of a request that was refused as a whole (RFC 9457).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Problem {
    pub(super) code: Option<String>,
    pub(super) title: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) request_id: Option<String>,
}

impl Problem {
    /// The problem in a body, or what can be said of a body that is none (a proxy's page, say).
    pub(super) fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_else(|_| {
            let text: String = String::from_utf8_lossy(body).trim().chars().take(200).collect();
            Self { detail: (!text.is_empty()).then_some(text), ..Self::default() }
        })
    }

    /// One sentence: `UNAUTHENTICATED: the key is not known (request 01J…)`.
    pub(super) fn describe(&self) -> String {
        let code = self.code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
        let detail = self.detail.as_deref().or(self.title.as_deref()).unwrap_or("no explanation");
        let request = self.request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
        format!("{code}{detail}{request}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, Done, Outcome, Problem, read};

    fn check_refused(body: &str, count: usize, expected: &str) {
        let error = read(body.as_bytes(), count).expect_err(body);
        assert!(error.contains(expected), "{body}: {error}");
    }

    #[test]
    fn results_are_matched_by_their_index() {
        let body = r#"{"summary":{},"results":[
            {"inputIndex":1,"status":"failed","errors":[{"code":"X","reason":"Y","field":"name","message":"m"}]},
            {"inputIndex":0,"status":"created","externalReferenceId":"g","id":"1",
             "warnings":[{"code":"UNKNOWN_FIELD","field":"colour","message":"m"}]}]}"#;
        let outcomes = read(body.as_bytes(), 2).expect("an answer");
        let warnings = vec![("UNKNOWN_FIELD".to_owned(), "colour".to_owned())];
        assert_eq!(outcomes[0], Outcome::Done(Done { change: Change::Created, warnings }));
        let Outcome::Failed(faults) = &outcomes[1] else { panic!("{outcomes:?}") };
        assert_eq!((faults[0].code.as_str(), faults[0].field.as_str()), ("X", "name"));
    }

    #[test]
    fn an_answer_that_leaves_something_open_is_an_error() {
        check_refused("<html>", 1, "expected value");
        check_refused("{}", 1, "missing field `results`");
        check_refused(r#"{"results":[]}"#, 1, "0 results for 1 records");
        let twice =
            r#"{"results":[{"inputIndex":0,"status":"created"},{"inputIndex":0,"status":"created"}]}"#;
        check_refused(twice, 2, "two results for the record 0");
        check_refused(r#"{"results":[{"inputIndex":1,"status":"created"}]}"#, 1, "a result for the record 1");
        check_refused(r#"{"results":[{"inputIndex":0,"status":"archived"}]}"#, 1, "did not match");
        check_refused(r#"{"results":[{"inputIndex":0,"status":"failed"}]}"#, 1, "failed without an error");
    }

    #[test]
    fn a_problem_is_one_sentence() {
        let check = |body: &str, expected: &str| {
            assert_eq!(Problem::read(body.as_bytes()).describe(), expected);
        };
        check(
            r#"{"code":"FORBIDDEN","title":"t","detail":"d","requestId":"r1"}"#,
            "FORBIDDEN: d (request r1)",
        );
        check(r#"{"title":"t"}"#, "t");
        check("<h1>Bad gateway</h1>\n", "<h1>Bad gateway</h1>");
        check("", "no explanation");
    }
}

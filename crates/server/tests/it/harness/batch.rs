//! Batches and what became of them, as lines that can be compared.

use serde_json::Value;

use super::client::Client;

/// The longest text that an answer says of one record.
const LONGEST_MESSAGE: usize = 4096;

/// Sends records and compares what became of each; the lines are those of [`describe`].
#[track_caller]
pub(crate) fn check(client: &Client, records: &Value, expected: &[&str]) {
    let (status, answer) = client.upsert(records);
    assert_eq!(outcomes(records, status, &answer), expected, "{answer:#}");
}

/// What became of each record. On the way: everything that holds for every answer to every batch.
#[track_caller]
pub(crate) fn outcomes(records: &Value, status: u16, answer: &Value) -> Vec<String> {
    let records = records.as_array().unwrap();
    let results = answer["results"].as_array().unwrap_or_else(|| panic!("{status} {answer:#}"));
    assert_eq!(results.len(), records.len(), "one result for each record");
    let count = |status: &str| results.iter().filter(|result| result["status"] == *status).count();
    for name in ["created", "updated", "unchanged", "failed"] {
        assert_eq!(answer["summary"][name], count(name), "{name} in the summary");
    }
    assert_eq!(answer["summary"]["total"], records.len());
    assert_eq!(answer["summary"].as_object().unwrap().len(), 5);
    assert_eq!(status, if count("failed") == 0 { 200 } else { 207 });
    for (index, (record, result)) in records.iter().zip(results).enumerate() {
        check_result(index, record, result, answer["dryRun"] == true);
    }
    results.iter().map(describe).collect()
}

#[track_caller]
fn check_result(index: usize, record: &Value, result: &Value, dry_run: bool) {
    assert_eq!(result["inputIndex"], index);
    let sent = record.get("externalReferenceId").filter(|key| key.is_string());
    assert_eq!(result.get("externalReferenceId"), sent, "the key as it was sent");
    let (failed, created) = (result["status"] == "failed", result["status"] == "created");
    assert_eq!(result.get("id").is_none(), failed || (created && dry_run), "{result}");
    assert_eq!(result.get("errors").is_some(), failed, "{result}");
    assert_eq!(result.get("changes").is_some(), result["status"] == "updated", "{result}");
    assert_eq!(result.get("diff").is_some(), dry_run && result["status"] == "updated", "{result}");
    for said in list(&result["errors"]).iter().chain(list(&result["warnings"])) {
        let message = said["message"].as_str().unwrap();
        assert!((10..LONGEST_MESSAGE).contains(&message.len()), "{message}");
    }
}

/// A result as one line: `updated name,description`, `failed CODE/REASON field`, and behind them what the
/// error points at (`peers=1,2`, `path=a>b>a`, `parent=3`, `level=65`), the canonical key and the warnings.
pub(crate) fn describe(result: &Value) -> String {
    let mut words = vec![result["status"].as_str().unwrap().to_owned()];
    words.extend(result.get("changes").map(|changes| texts(changes).join(",")));
    for (position, error) in list(&result["errors"]).iter().enumerate() {
        words.extend((position > 0).then(|| "&".to_owned()));
        let reason = error["reason"].as_str().map(|reason| format!("/{reason}")).unwrap_or_default();
        words.push(format!("{}{reason}", error["code"].as_str().unwrap()));
        words.extend(error["field"].as_str().map(ToOwned::to_owned));
        let numbers = |peers: &Value| list(peers).iter().map(Value::to_string).collect::<Vec<_>>();
        words.extend(error.get("peers").map(|peers| format!("peers={}", numbers(peers).join(","))));
        words.extend(error.get("path").map(|path| format!("path={}", texts(path).join(">"))));
        words.extend(error.get("parentIndex").map(|index| format!("parent={index}")));
        words.extend(error.get("level").map(|level| format!("level={level}")));
    }
    words.extend(result["canonicalKey"].as_str().map(|key| format!("canonical={key}")));
    for warning in list(&result["warnings"]) {
        words.push(format!("+{}", warning["code"].as_str().unwrap()));
        words.extend(warning["field"].as_str().map(ToOwned::to_owned));
    }
    words.join(" ")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn texts(value: &Value) -> Vec<&str> {
    list(value).iter().map(|text| text.as_str().unwrap()).collect()
}

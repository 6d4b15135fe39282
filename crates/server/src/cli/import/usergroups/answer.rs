//! What the server answers to a batch of usergroups: one entry per record in the order of the records, or an
//! error of the whole request.

use std::collections::BTreeMap;

use directory::ReferenceKey;
use serde::Deserialize;
use serde_json::Value;

use super::Key;
use crate::cli::import::answer::{Change, Done, Outcome, Problem};
use crate::cli::import::face::{Blame, Faults, Refusal};
use crate::cli::import::record::{Fault, Record};

/// How the message of an update that changed nothing starts.
const UNCHANGED: &str = "Unchanged";

/// How the message of an update that was not done in all its fields starts.
const SKIPPED: &str = "Skipped";

/// How many messages of a refusal are shown.
const SHOWN_MESSAGES: usize = 5;

/// The errors of a whole request that one record can cause: not JSON, against the schema, no lookup key.
const CAUSED_BY_A_RECORD: [u64; 3] = [10005, 10007, 10016];

#[derive(Deserialize)]
struct Answer {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    action: Action,
    #[serde(default)]
    key: Value,
    success: bool,
    #[serde(default)]
    error: String,
    error_code: Option<String>,
    #[serde(default)]
    reason: Box<str>,
    #[serde(default)]
    field: String,
    #[serde(default)]
    message: String,
    /// The fields that a directive kept as they are.
    #[serde(default)]
    skipped: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Create,
    Update,
    Skip,
}

/// Reads the answer to a batch. Entries have no index; that they are in the order of the records is checked
/// by the keys they repeat, because which record was done must not be guessed.
pub(super) fn read(body: &[u8], key: Key, records: &[&Record]) -> Result<Vec<Outcome>, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if answer.data.len() != records.len() {
        return Err(format!("{} results for {} records", answer.data.len(), records.len()));
    }
    let outcomes = answer.data.into_iter().zip(records).enumerate().map(|(place, (entry, record))| {
        let own = own_key(record, key);
        if differ(&own, &entry.key) {
            let echoed = &entry.key;
            return Err(format!("the result {place} is for the key {echoed}, the record has {own}"));
        }
        outcome(entry).ok_or_else(|| format!("the record {place} of the batch failed without an error"))
    });
    outcomes.collect()
}

fn own_key(record: &Record, key: Key) -> Value {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Keys {
        #[serde(default)]
        id: Value,
        #[serde(default)]
        source_id: Value,
    }
    let keys: Option<Keys> = serde_json::from_str(&record.object).ok();
    keys.map_or(Value::Null, |keys| match key {
        Key::Id => keys.id,
        Key::SourceId => keys.source_id,
    })
}

/// Whether these are surely not one key. Numbers may be written in several ways, texts are compared in NFC.
fn differ(own: &Value, echoed: &Value) -> bool {
    match (own, echoed) {
        (Value::String(own), Value::String(echoed)) => {
            ReferenceKey::parse(own).is_ok_and(|own| own.as_str() != echoed)
        }
        (Value::Number(own), Value::Number(echoed)) => own.as_f64() != echoed.as_f64(),
        _ => false,
    }
}

fn outcome(entry: Entry) -> Option<Outcome> {
    if !entry.success {
        let Entry { error, error_code, reason, field, .. } = entry;
        let code = error_code.or_else(|| (!error.is_empty()).then(|| "FAILED".to_owned()))?;
        return Some(Outcome::Failed(vec![Fault { code, reason, field, message: error }]));
    }
    let change = match entry.action {
        Action::Create => Change::Created,
        Action::Update if entry.message.starts_with(UNCHANGED) => Change::Unchanged,
        Action::Update => Change::Updated,
        Action::Skip => Change::Skipped,
    };
    let mut warnings: Vec<(String, String)> =
        entry.skipped.into_iter().map(|field| ("SKIPPED_BY_DIRECTIVE".to_owned(), field)).collect();
    if !entry.message.is_empty() && ![UNCHANGED, SKIPPED].iter().any(|known| entry.message.starts_with(known))
    {
        // What follows the colon is about this one record.
        let kind = entry.message.split(':').next().unwrap_or_default();
        warnings.push((kind.to_owned(), String::new()));
    }
    Some(Outcome::Done(Done { change, warnings }))
}

#[derive(Deserialize)]
struct Envelope {
    error: Refused,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Refused {
    code: u64,
    messages: Vec<String>,
    r#type: String,
    error_code: Option<String>,
    reason: Box<str>,
    field: Option<String>,
}

/// Reads the answer to a refused request of so many records.
pub(super) fn refusal(body: &[u8], records: usize) -> Refusal {
    let Ok(Envelope { error }) = serde_json::from_slice(body) else {
        // From before the face, or from a proxy.
        return Refusal { problem: Problem::read(body), blame: Blame::Request };
    };
    let blame = blame(&error, records);
    let Refused { code, messages, r#type, error_code, .. } = error;
    let more = messages.len().saturating_sub(SHOWN_MESSAGES);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let messages = messages[..messages.len().min(SHOWN_MESSAGES)].join("; ");
    let detail = Some(format!("{code} {type}: {messages}{more}"));
    Refusal { problem: Problem { code: error_code, detail, ..Problem::default() }, blame }
}

fn blame(error: &Refused, records: usize) -> Blame {
    if !CAUSED_BY_A_RECORD.contains(&error.code) {
        return Blame::Request;
    }
    let code = error.error_code.as_deref().unwrap_or(&error.r#type);
    let mut faults: Faults = BTreeMap::new();
    for (place, message) in error.messages.iter().enumerate() {
        match pointer(message) {
            Pointer::Record { place: record, field, text } if record < records => {
                // Reason and field of the error are those of its first message.
                let (reason, field) = match (place, &error.field) {
                    (0, Some(field)) => (error.reason.clone(), field.clone()),
                    (0, None) => (error.reason.clone(), field),
                    _ => (Box::default(), field),
                };
                let fault = Fault { code: code.to_owned(), reason, field, message: text.to_owned() };
                faults.entry(record).or_default().push(fault);
            }
            Pointer::Record { .. } | Pointer::Elsewhere => return Blame::Request,
            Pointer::None => {}
        }
    }
    if faults.is_empty() { Blame::Unnamed } else { Blame::Records(faults) }
}

enum Pointer<'a> {
    /// Into a record of the batch: `#/usergroups/3/parent/id: text`.
    Record {
        place: usize,
        field: String,
        text: &'a str,
    },
    /// To something else of the request, such as its directives.
    Elsewhere,
    None,
}

fn pointer(message: &str) -> Pointer<'_> {
    let Some(pointer) = message.strip_prefix('#') else { return Pointer::None };
    let (path, text) = pointer.split_once(": ").unwrap_or((pointer, ""));
    let mut parts = path.trim_end_matches(':').split('/').skip(1);
    match (parts.next(), parts.next().map(str::parse)) {
        (Some("usergroups"), Some(Ok(place))) => Pointer::Record { place, field: field(parts), text },
        _ => Pointer::Elsewhere,
    }
}

/// The rest of a pointer as a name: `addresses[1].street`.
fn field<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    parts.fold(String::new(), |field, part| {
        let is_index = part.bytes().all(|byte| byte.is_ascii_digit());
        match (field.is_empty(), is_index) {
            (true, _) => part.to_owned(),
            (false, true) => format!("{field}[{part}]"),
            (false, false) => format!("{field}.{part}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Blame, Change, Key, Outcome, read, refusal};
    use crate::cli::import::record::{Origin, Record};

    fn record(object: &str) -> Record {
        Record { origin: Origin { input: 0, line: 1 }, object: object.to_owned(), row: None }
    }

    fn answer(data: &Value, objects: &[&str]) -> Result<Vec<Outcome>, String> {
        let records: Vec<Record> = objects.iter().map(|object| record(object)).collect();
        let answer = json!({"data": data, "messages": ["Completed"], "total": objects.len()}).to_string();
        read(answer.as_bytes(), Key::Id, &records.iter().collect::<Vec<_>>())
    }

    #[test]
    fn each_entry_is_an_outcome() {
        let data = json!([
            {"action": "create", "id": 1, "key": 1, "success": true, "message": "A similar sourceId exists: [x]"},
            {"action": "update", "id": 2, "key": 2, "success": true, "message": "Unchanged"},
            {"action": "update", "id": 3, "key": 3, "success": true, "message": "Skipped: name", "skipped": ["name"]},
            {"action": "skip", "key": 4, "success": true, "message": "Skipped: does not exist"},
            {"action": "update", "key": 5, "success": false, "error": "e", "errorCode": "X", "field": "name"},
        ]);
        let objects = [r#"{"id":1}"#, r#"{"id":2.0}"#, r#"{"id":3}"#, r#"{"id":4}"#, r#"{"id":5}"#];
        let outcomes = answer(&data, &objects).expect("an answer");
        let changes: Vec<Option<Change>> = outcomes
            .iter()
            .map(|outcome| if let Outcome::Done(done) = outcome { Some(done.change) } else { None })
            .collect();
        let expected = [Change::Created, Change::Unchanged, Change::Updated, Change::Skipped].map(Some);
        assert_eq!((&changes[..4], changes[4]), (&expected[..], None));
        let warnings: Vec<(String, String)> = outcomes
            .iter()
            .flat_map(|outcome| if let Outcome::Done(done) = outcome { &done.warnings[..] } else { &[] })
            .cloned()
            .collect();
        let told = |code: &str, field: &str| (code.to_owned(), field.to_owned());
        assert_eq!(warnings, [told("A similar sourceId exists", ""), told("SKIPPED_BY_DIRECTIVE", "name")]);
        let Outcome::Failed(faults) = &outcomes[4] else { panic!("{outcomes:?}") };
        assert_eq!(faults[0].describe(), "X name: e");
    }

    #[test]
    fn an_answer_that_leaves_something_open_is_an_error() {
        for (data, objects, expected) in [
            (json!([]), &[r#"{"id":1}"#][..], "0 results for 1 records"),
            (
                json!([{"action": "create", "key": 2, "success": true}]),
                &[r#"{"id":1}"#],
                "the result 0 is for the key 2, the record has 1",
            ),
            (json!([{"action": "update", "key": 1, "success": false}]), &[r#"{"id":1}"#], "without an error"),
            (json!([{"action": "delete", "key": 1, "success": true}]), &[r#"{"id":1}"#], "unknown variant"),
        ] {
            let error = answer(&data, objects).expect_err("refused");
            assert!(error.contains(expected), "{error}");
        }
    }

    fn refused(code: u64, messages: &[&str]) -> (String, Blame) {
        let first =
            json!({"code": code, "type": "T", "messages": messages, "status": 400, "field": "colour"});
        let body = json!({ "error": first });
        let refusal = refusal(body.to_string().as_bytes(), 3);
        (refusal.problem.describe(), refusal.blame)
    }

    #[test]
    fn a_refusal_blames_the_records_it_names() {
        let schema =
            ["#/usergroups/2: extraneous key [colour]", "#/usergroups/0/addresses/1/city: expected Long"];
        let (said, blame) = refused(10007, &schema);
        assert_eq!(said, format!("10007 T: {}; {}", schema[0], schema[1]));
        let Blame::Records(faults) = blame else { panic!("{blame:?}") };
        let told: Vec<String> =
            faults.iter().map(|(place, faults)| format!("{place} {}", faults[0].describe())).collect();
        assert_eq!(told, ["0 T addresses[1].city: expected Long", "2 T colour: extraneous key [colour]"]);
        assert_eq!(refused(10016, &["a key is missing"]).1, Blame::Unnamed);
        assert_eq!(refused(10005, &[]).1, Blame::Unnamed);
        for (code, message) in [
            (10017, "#/usergroups/0: x"),
            (10007, "#/usergroups/3: there is none"),
            (10007, "#/usergroups: expected an array"),
            (10007, "#/directives/0: unknown"),
            (10007, "#: extraneous key [colour]"),
        ] {
            assert_eq!(refused(code, &[schema[0], message]).1, Blame::Request, "{message}");
        }
    }

    #[test]
    fn a_refusal_from_before_the_face_is_read_too() {
        let refusal = refusal(br#"{"code":"UNAVAILABLE","detail":"d","requestId":"r"}"#, 1);
        assert_eq!(refusal.problem.describe(), "UNAVAILABLE: d (request r)");
        assert_eq!(refusal.blame, Blame::Request);
    }
}

//! A server that knows just enough of the contract: keys, names, parents, duplicates, dry runs.

mod usergroups;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use serde_json::{Map, Value, json};

/// The server. It serves until the test process ends.
pub(super) struct Fake {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
pub(super) struct State {
    /// The groups, by key.
    pub(super) groups: BTreeMap<String, Map<String, Value>>,
    /// The usergroups, by id or key.
    pub(super) usergroups: BTreeMap<String, Map<String, Value>>,
    /// The attributes and their types.
    pub(super) attributes: BTreeMap<&'static str, &'static str>,
    /// The request bodies, as sent.
    pub(super) bodies: Vec<String>,
    /// Answers given before anything else: status line, further headers, body.
    pub(super) script: VecDeque<(&'static str, &'static str, String)>,
    /// Bodies longer than this are refused.
    pub(super) body_limit: Option<usize>,
}

impl Fake {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(connection.expect("a connection"), &shared));
            }
        });
        Self { url, state }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test has panicked in here")
    }

    /// The next answers to give, whatever is asked.
    pub(super) fn will_answer(&self, status: &'static str, headers: &'static str, body: &Value) {
        self.state().script.push_back((status, headers, body.to_string()));
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
    let mut writer = stream;
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            head.push(line.trim_end().to_owned());
        }
        let header = |name: &str| {
            let mut fields = head.iter().skip(1).filter_map(|line| line.split_once(": "));
            fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
        };
        if header("expect") == "100-continue" {
            writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").expect("written");
        }
        let mut body = vec![0; header("content-length").parse().unwrap_or_default()];
        reader.read_exact(&mut body).expect("a body");
        let body = String::from_utf8(body).expect("UTF-8");
        let (status, headers, answer) = answer(state, &head[0], header("authorization"), &body);
        let length = answer.len();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{answer}");
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn answer(
    state: &Mutex<State>,
    request: &str,
    key: &str,
    body: &str,
) -> (&'static str, &'static str, String) {
    let mut state = state.lock().expect("no test has panicked in here");
    state.bodies.push(body.to_owned());
    if let Some(scripted) = state.script.pop_front() {
        return scripted;
    }
    if key != "Bearer secret" {
        let problem =
            json!({"code": "UNAUTHENTICATED", "detail": "this key is not known", "requestId": "r1"});
        return ("401 Unauthorized", "", problem.to_string());
    }
    if state.body_limit.is_some_and(|limit| body.len() > limit) {
        return ("413 Content Too Large", "", json!({"code": "PAYLOAD_TOO_LARGE"}).to_string());
    }
    if let Some(answer) = usergroups::answer(&mut state, request, body) {
        return answer;
    }
    let dry = match request {
        "POST /v3/groups/batch-upsert HTTP/1.1" => false,
        "POST /v3/groups/batch-upsert?dryRun=true HTTP/1.1" => true,
        other => panic!("{other}"),
    };
    let request: Value = serde_json::from_str(body).expect("JSON");
    let records = request["groups"].as_array().expect("groups");
    let results = upsert(&mut state.groups, records, dry);
    ("207 Multi-Status", "", json!({ "results": results }).to_string())
}

fn upsert(groups: &mut BTreeMap<String, Map<String, Value>>, records: &[Value], dry: bool) -> Vec<Value> {
    let key = |record: &Value| record["externalReferenceId"].as_str().unwrap_or_default().to_owned();
    let mut times: HashMap<String, usize> = HashMap::new();
    for record in records {
        *times.entry(key(record)).or_default() += 1;
    }
    let mut faults: Vec<Option<(&str, &str)>> = records
        .iter()
        .map(|record| match key(record) {
            key if key.is_empty() => Some(("REQUIRED_FIELD_MISSING", "externalReferenceId")),
            key if record["name"].is_null() && !groups.contains_key(&key) => {
                Some(("REQUIRED_FIELD_MISSING", "name"))
            }
            key if times[&key] > 1 => Some(("DUPLICATE_IN_REQUEST", "externalReferenceId")),
            _ => None,
        })
        .collect();
    loop {
        let before = faults.clone();
        for (place, record) in records.iter().enumerate() {
            let Some(parent) = record["parentExternalReferenceId"].as_str() else { continue };
            let in_batch = records.iter().position(|other| key(other) == parent);
            if faults[place].is_none() && !groups.contains_key(parent) {
                faults[place] = match in_batch {
                    None => Some(("PARENT_GROUP_NOT_FOUND", "parentExternalReferenceId")),
                    Some(other) if faults[other].is_some() => {
                        Some(("PARENT_FAILED_IN_REQUEST", "parentExternalReferenceId"))
                    }
                    Some(_) => None,
                };
            }
        }
        if before == faults {
            break;
        }
    }
    let results = records.iter().zip(faults).enumerate().map(|(index, (record, fault))| {
        let mut result = json!({"inputIndex": index, "externalReferenceId": key(record)});
        if let Some((code, field)) = fault {
            result["status"] = "failed".into();
            result["errors"] =
                json!([{"code": code, "field": field, "message": format!("{field} is wrong")}]);
            return result;
        }
        let stored = groups.get(&key(record)).cloned();
        let mut group = stored.clone().unwrap_or_default();
        group.extend(record.as_object().expect("an object").clone());
        result["status"] = match stored {
            None => "created",
            Some(stored) if stored == group => "unchanged",
            Some(_) => "updated",
        }
        .into();
        if !record["colour"].is_null() {
            result["warnings"] = json!([{"code": "UNKNOWN_FIELD", "field": "colour", "message": "unknown"}]);
        }
        if !dry {
            groups.insert(key(record), group);
        }
        result
    });
    // From the last to the first: the client must go by the index, not by the place.
    results.collect::<Vec<_>>().into_iter().rev().collect()
}

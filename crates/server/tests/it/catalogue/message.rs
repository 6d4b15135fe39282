//! One request as the catalogue describes it, and how it was answered.

use std::fmt::Write as _;
use std::io::{self, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::case::Case;
use super::face::Face;
use super::scene::{Scene, State};
use crate::harness::{Answer, Client, UPSERT};

/// How long an answer may take at most.
const PATIENCE: Duration = Duration::from_secs(30);
/// How soon a connection ends that is to be closed. One that is kept ends too, for idleness, but later.
const AT_ONCE: Duration = Duration::from_secs(4);

/// A request, not yet sent.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    /// The body as sent.
    pub(super) body: Vec<u8>,
    /// The body as meant, where it is sent compressed or in chunks.
    pub(super) plain: Option<Vec<u8>>,
    /// Written instead of request line and headers.
    pub(super) head: Option<Vec<u8>>,
}

/// What came of it.
pub(super) struct Reaction {
    pub(super) sent: Message,
    pub(super) answer: Answer,
    /// Whether nothing followed but the end of the connection. Only known where it was asked for.
    pub(super) closed: bool,
    pub(super) before: State,
    pub(super) after: State,
}

impl Message {
    /// The plain request with what the case changes about it.
    pub(super) fn of(scene: &Scene<'_>, case: &Case) -> Self {
        let mut message = Self::batch(scene, case.body(scene.face));
        if let Some(method) = case.request("method").as_str() {
            method.clone_into(&mut message.method);
        }
        if let Some(path) = case.request("path").as_str() {
            message.target = scene.fill(path);
        }
        message.change_headers(scene, case);
        if let Some(head) = case.request("raw_head").as_str() {
            let more = ["authorization", "content-type"].map(|name| message.line(name)).concat();
            let head = head.replace(UPSERT, scene.face.target());
            message.head = Some(format!("{head}{more}\r\n").into());
            message.body = case.request("raw_body").as_str().unwrap_or("").into();
        }
        if case.is_bare() {
            message.head = Some(Vec::new());
        }
        message
    }

    /// A batch of T1, in the words of the scene's face.
    pub(super) fn batch(scene: &Scene<'_>, body: impl Into<Vec<u8>>) -> Self {
        Self::from(&scene.t1, scene.face, body)
    }

    /// A batch of somebody's.
    pub(super) fn from(client: &Client, face: Face, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let headers = [
            ("host", client.address.to_string()),
            ("authorization", format!("Bearer {}", client.key)),
            ("content-type", "application/json".to_owned()),
        ];
        Self {
            method: "POST".into(),
            target: face.target().into(),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            body,
            plain: None,
            head: None,
        }
    }

    fn change_headers(&mut self, scene: &Scene<'_>, case: &Case) {
        let given: Vec<(String, &Value)> = match case.request("headers") {
            // The only case that changes nothing by changing nothing (K-001).
            Value::Object(members) if members.is_empty() => vec![("authorization".into(), &Value::Null)],
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.to_lowercase(), value)).collect()
            }
            Value::Array(pairs) => {
                pairs.iter().map(|pair| (pair[0].as_str().unwrap().to_lowercase(), &pair[1])).collect()
            }
            _ => Vec::new(),
        };
        self.headers.retain(|(name, _)| given.iter().all(|(other, _)| other != name));
        let present = given.into_iter().filter_map(|(name, value)| Some((name, scene.fill(value.as_str()?))));
        self.headers.extend(present);
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(present, _)| present != name);
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    fn line(&self, name: &str) -> String {
        let matching = self.headers.iter().filter(|(present, _)| present == name);
        let lines: Vec<String> = matching.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        lines.concat()
    }

    /// The bytes of the request.
    pub(super) fn bytes(&self) -> Vec<u8> {
        if let Some(head) = &self.head {
            return [head, &self.body[..]].concat();
        }
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        let framed = ["content-length", "transfer-encoding"];
        if !self.headers.iter().any(|(name, _)| framed.contains(&name.as_str())) && !self.body.is_empty()
            || self.method == "POST" && self.body.is_empty() && self.line("content-length").is_empty()
        {
            write!(head, "content-length: {}\r\n", self.body.len()).unwrap();
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }

    /// The body as meant, in JSON; null if it is none.
    pub(super) fn input(&self) -> Value {
        serde_json::from_slice(self.plain.as_ref().unwrap_or(&self.body)).unwrap_or(Value::Null)
    }

    /// Sends it on a connection of its own and looks at the state before and after.
    pub(super) fn exchange(self, scene: &Scene<'_>, expect: &Value) -> io::Result<Reaction> {
        let before = scene.state();
        let mut stream = open(&scene.t1)?;
        // A server that refuses early may stop listening: its answer is there all the same.
        let sent = stream.write_all(&self.bytes());
        let mut stream = BufReader::new(stream);
        let answer = Answer::next(&mut stream).map_err(|error| sent.err().unwrap_or(error))?;
        let closed = expect["connection"] == "close" && ends(&mut stream);
        Ok(Reaction { sent: self, answer, closed, before, after: scene.state() })
    }
}

/// A connection on which nothing was sent yet.
pub(super) fn open(client: &Client) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(client.address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Whether nothing more comes but the end, be it a reset.
fn ends(stream: &mut BufReader<TcpStream>) -> bool {
    stream.get_ref().set_read_timeout(Some(AT_ONCE)).unwrap();
    match stream.read(&mut [0; 1]) {
        Ok(bytes) => bytes == 0,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

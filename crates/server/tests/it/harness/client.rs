//! An HTTP client that sends exactly what a test says, one connection a request.

use std::fmt::Write as _;
use std::io::{self, BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

use super::process::GUARD;

pub(crate) const GROUPS: &str = "/v3/groups";
pub(crate) const UPSERT: &str = "/v3/groups/batch-upsert";
pub(crate) const BY_REFERENCE: &str = "/v3/groups/by-reference-id/";

/// Somebody with a key.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
}

impl Client {
    /// The same server with another key.
    pub(crate) fn with_key(&self, key: impl Into<String>) -> Self {
        Self { address: self.address, key: key.into() }
    }

    pub(crate) fn get(&self, target: &str) -> Exchange {
        Exchange::new(self, "GET", target)
    }

    pub(crate) fn post(&self, target: &str, body: impl Into<Vec<u8>>) -> Exchange {
        Exchange::new(self, "POST", target).with_body(body)
    }

    /// Sends records; gives the status and the answer.
    pub(crate) fn upsert(&self, records: &Value) -> (u16, Value) {
        self.try_upsert(records).unwrap()
    }

    /// The same, where the server may be gone.
    pub(crate) fn try_upsert(&self, records: &Value) -> io::Result<(u16, Value)> {
        let answer = self.post(UPSERT, json!({ "groups": records }).to_string()).try_send()?;
        Ok((answer.status, answer.json()))
    }

    /// The group of this reference, which must be there.
    pub(crate) fn group(&self, reference: &str) -> Value {
        let answer = self.find(reference);
        assert_eq!(answer.status, 200, "{reference:?}: {}", answer.text());
        answer.json()
    }

    /// What is said about this reference.
    pub(crate) fn find(&self, reference: &str) -> Answer {
        self.by_reference(reference).send()
    }

    pub(crate) fn by_reference(&self, reference: &str) -> Exchange {
        self.get(&format!("{BY_REFERENCE}{}", encode(reference)))
    }

    /// Every living group, page by page.
    pub(crate) fn all(&self, limit: usize) -> Vec<Value> {
        self.all_with(limit, "")
    }

    /// Every group that these conditions let through, page by page.
    pub(crate) fn all_with(&self, limit: usize, conditions: &str) -> Vec<Value> {
        let (mut groups, mut cursor) = (Vec::new(), String::new());
        loop {
            let answer = self.get(&format!("{GROUPS}?limit={limit}{conditions}{cursor}")).send();
            assert_eq!(answer.status, 200, "{}", answer.text());
            let mut page = answer.json();
            groups.append(page["groups"].as_array_mut().unwrap());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return groups,
            }
        }
    }
}

/// A text as one segment of a path: everything but letters and digits is escaped.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() {
            path.push(byte.into());
        } else {
            write!(path, "%{byte:02X}").unwrap();
        }
        path
    })
}

/// A request about to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    address: SocketAddr,
    request_line: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Exchange {
    fn new(client: &Client, method: &str, target: &str) -> Self {
        let exchange = Self {
            address: client.address,
            request_line: format!("{method} {target} HTTP/1.1"),
            headers: Vec::new(),
            body: Vec::new(),
        };
        exchange
            .header("host", client.address.to_string())
            .header("connection", "close")
            .header("authorization", format!("Bearer {}", client.key))
    }

    /// A body in JSON.
    pub(crate) fn with_body(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let length = body.len().to_string();
        let exchange = self.with("content-type", "application/json").with("content-length", length);
        Self { body, ..exchange }
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Another method.
    pub(crate) fn method(mut self, method: &str) -> Self {
        let (_, rest) = self.request_line.split_once(' ').unwrap();
        self.request_line = format!("{method} {rest}");
        self
    }

    /// The same to another server.
    pub(crate) fn with_address(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }.with("host", address.to_string())
    }

    /// One header more.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// One header fewer.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(present, _)| present != name);
        self
    }

    /// One header otherwise.
    pub(crate) fn with(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).header(name, value)
    }

    pub(crate) fn send(&self) -> Answer {
        self.try_send().unwrap()
    }

    pub(crate) fn try_send(&self) -> io::Result<Answer> {
        let mut stream = self.connect()?;
        // A server that refuses early may stop listening: its answer is there all the same.
        let sent = stream.write_all(&self.head()).and_then(|()| stream.write_all(&self.body));
        let answer = Answer::read(&mut stream, &self.request_line);
        answer.map_err(|error| sent.err().unwrap_or(error))
    }

    /// Sends the whole request and does not wait for the answer.
    pub(crate) fn begin(&self) -> TcpStream {
        let mut stream = self.connect().unwrap();
        stream.write_all(&[self.head(), self.body.clone()].concat()).unwrap();
        stream
    }

    /// The answer on a connection on which this request was sent by hand.
    pub(crate) fn answer(&self, stream: &mut TcpStream) -> io::Result<Answer> {
        Answer::read(stream, &self.request_line)
    }

    /// A connection on which nothing was sent yet.
    pub(crate) fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.address, GUARD)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(GUARD))?;
        stream.set_write_timeout(Some(GUARD))?;
        Ok(stream)
    }

    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.request_line).into_bytes();
        for (name, value) in &self.headers {
            head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        head.extend(b"\r\n");
        head
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads to the end of the connection; an answer that is cut short is an error.
    fn read(stream: &mut impl Read, request_line: &str) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let ended = stream.read_to_end(&mut bytes).map(drop);
        let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "the answer is cut short");
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|end| end + 4);
        let Some(end) = end else { return Err(ended.err().unwrap_or_else(cut)) };
        let answer = Self::parse(&bytes[..end], bytes[end..].to_vec());
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        let expected = if request_line.starts_with("HEAD ") { 0 } else { length };
        if answer.body.len() == expected { Ok(answer) } else { Err(ended.err().unwrap_or_else(cut)) }
    }

    /// The head of an answer, whose body is still to be read.
    pub(crate) fn head(stream: &mut impl BufRead) -> io::Result<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_until(b'\n', &mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Self::parse(&head, Vec::new()))
    }

    /// The next answer on a connection that may go on.
    pub(crate) fn next(stream: &mut impl BufRead) -> io::Result<Self> {
        let mut answer = Self::head(stream)?;
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body.resize(length, 0);
        stream.read_exact(&mut answer.body)?;
        Ok(answer)
    }

    fn parse(head: &[u8], body: Vec<u8>) -> Self {
        let head = str::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let pairs = lines.filter_map(|line| line.split_once(": "));
        let headers = pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Self { status, headers, body }
    }

    pub(crate) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(present, _)| present == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert_eq!(values.next(), None, "{name} occurs twice");
        value
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }
}

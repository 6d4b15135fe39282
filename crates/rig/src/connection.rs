//! A client's connection to a server: one after another, each kept as long as it goes on.

use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::history::Reply;
use crate::workload::{Asked, Write};

/// Whoever waits longer for an answer hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// Somebody with a key.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    key: String,
    stream: Option<BufReader<TcpStream>>,
}

/// What came back, with the headers that a rig looks at.
#[derive(Debug)]
pub struct Answer {
    /// As the checker wants it.
    pub reply: Reply,
    /// Whether the server ends the connection behind it.
    pub closes: bool,
}

impl Connection {
    /// Nothing is sent yet.
    pub fn new(address: SocketAddr, key: impl Into<String>) -> Self {
        Self { address, key: key.into(), stream: None }
    }

    /// Another one, of the same client.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::new(self.address, self.key.clone())
    }

    /// Where it goes to.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens it, unless it is.
    pub fn open(&mut self) -> io::Result<()> {
        if self.stream.is_none() {
            self.stream = Some(self.connect()?);
        }
        Ok(())
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, asked: &Asked) -> io::Result<Reply> {
        match asked {
            Asked::Write(write) => {
                self.send("POST", write.call.target(), write.key.as_deref(), Some(&write.body))
            }
            Asked::Read(read) => self.get(&read.target()),
        }
    }

    /// Reads.
    pub fn get(&mut self, target: &str) -> io::Result<Reply> {
        self.send("GET", target, None, None)
    }

    /// Sends a request and waits for the answer. After an error, the next one goes over a new connection.
    pub fn send(
        &mut self,
        method: &str,
        target: &str,
        idempotency_key: Option<&str>,
        body: Option<&str>,
    ) -> io::Result<Reply> {
        let mut head = self.head(method, target, idempotency_key);
        if let Some(body) = body {
            let _ = write!(head, "content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        }
        head.push_str("\r\n");
        head.push_str(body.unwrap_or_default());
        let mut stream = self.stream.take().map_or_else(|| self.connect(), Ok)?;
        // A server that refuses early may stop listening: its answer is there all the same.
        let sent = stream.get_mut().write_all(head.as_bytes());
        let answer = read_answer(&mut stream).map_err(|error| sent.err().unwrap_or(error))?;
        if !answer.closes {
            self.stream = Some(stream);
        }
        Ok(answer.reply)
    }

    /// The bytes of a request that writes, its head and its body, for whoever sends them himself; the body in
    /// chunks of these sizes, one after the other, unless there are none.
    pub fn parts(&self, write: &Write, chunks: &[usize]) -> [Vec<u8>; 2] {
        let mut head = self.head("POST", write.call.target(), write.key.as_deref());
        head.push_str("content-type: application/json\r\n");
        if chunks.is_empty() {
            let _ = write!(head, "content-length: {}\r\n\r\n", write.body.len());
            return [head.into_bytes(), write.body.clone().into_bytes()];
        }
        head.push_str("transfer-encoding: chunked\r\n\r\n");
        let (mut body, mut rest) = (Vec::new(), write.body.as_bytes());
        for most in chunks.iter().cycle() {
            let (chunk, behind) = rest.split_at(rest.len().min(*most));
            body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
            if chunk.is_empty() {
                break;
            }
            rest = behind;
        }
        [head.into_bytes(), body]
    }

    /// What every request begins with.
    fn head(&self, method: &str, target: &str, idempotency_key: Option<&str>) -> String {
        let mut head = format!(
            "{method} {target} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n",
            self.address, self.key
        );
        if let Some(key) = idempotency_key {
            let _ = write!(head, "idempotency-key: {key}\r\n");
        }
        head
    }

    /// A stream to the server, for whoever sends and reads himself.
    pub fn connect(&self) -> io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(BufReader::new(stream))
    }
}

/// One answer, whole.
pub fn read_answer(stream: &mut BufReader<TcpStream>) -> io::Result<Answer> {
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let garbled = || io::Error::from(io::ErrorKind::InvalidData);
    let (mut line, mut length) = (String::new(), 0);
    let mut reply = Reply { status: 0, body: String::new(), run: None, is_replay: false };
    let mut closes = false;
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(cut());
        }
        let text = line.trim_end();
        if reply.status == 0 {
            reply.status = text.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(garbled)?;
        } else if let Some((name, value)) = text.split_once(": ") {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().map_err(|_| garbled())?,
                "rosterd-run-id" => reply.run = Some(value.to_owned()),
                "idempotent-replayed" => reply.is_replay = value == "true",
                "connection" => closes = value.eq_ignore_ascii_case("close"),
                _ => {}
            }
        } else if text.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    reply.body = String::from_utf8(body).map_err(|_| garbled())?;
    Ok(Answer { reply, closes })
}

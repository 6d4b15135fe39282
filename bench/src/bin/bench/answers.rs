//! A connection that sends requests as they are and reads their answers, and what an answer says.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use crate::requests::{Expected, Face};

/// An answer takes no longer than this.
const PATIENCE: Duration = Duration::from_mins(2);

/// A connection, and the answer that it read last.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    /// The status of the last answer, and where its body lies.
    last: (u16, std::ops::Range<usize>),
}

impl Connection {
    pub(crate) fn to(host: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(host).with_context(|| format!("no connection to {host}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; 256 * 1024], filled: 0, last: (0, 0..0) })
    }

    /// Sends a request and reads its answer to the end: the status and the body.
    pub(crate) fn ask(&mut self, request: &[u8]) -> anyhow::Result<(u16, &[u8])> {
        self.stream.write_all(request)?;
        self.filled = 0;
        let head = loop {
            if let Some(end) = find(&self.buffer[..self.filled], b"\r\n\r\n") {
                break end + 4;
            }
            self.read_more()?;
        };
        let text = std::str::from_utf8(&self.buffer[..head])?.to_ascii_lowercase();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).context("a status")?;
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if field("transfer-encoding:") == Some("chunked") {
            let end = self.read_chunks(head)?;
            self.last = (status, head..end);
            return self.last();
        }
        let length: usize = field("content-length:").unwrap_or("0").parse()?;
        while self.filled < head + length {
            self.read_more()?;
        }
        self.last = (status, head..head + length);
        self.last()
    }

    /// The answer that was read last.
    pub(crate) fn last(&self) -> anyhow::Result<(u16, &[u8])> {
        let (status, body) = self.last.clone();
        Ok((status, self.buffer.get(body).context("an answer")?))
    }

    fn read_more(&mut self) -> anyhow::Result<()> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(2 * self.filled, 0);
        }
        let more = self.stream.read(&mut self.buffer[self.filled..])?;
        ensure!(more > 0, "the server has closed the connection");
        self.filled += more;
        Ok(())
    }

    /// Joins the pieces of a body from this place on; where it ends then.
    fn read_chunks(&mut self, body: usize) -> anyhow::Result<usize> {
        let (mut from, mut to) = (body, body);
        loop {
            let line = loop {
                if let Some(end) = find(&self.buffer[from..self.filled], b"\r\n") {
                    break end;
                }
                self.read_more()?;
            };
            let size = std::str::from_utf8(&self.buffer[from..from + line])?;
            let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)?;
            from += line + 2;
            while self.filled < from + size + 2 {
                self.read_more()?;
            }
            self.buffer.copy_within(from..from + size, to);
            to += size;
            from += size + 2;
            if size == 0 {
                return Ok(to);
            }
        }
    }
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}

/// Whether an answer says what it has to. Cheap: counts are read where the contract puts them, or counted.
pub(crate) fn check(face: Face, expected: &Expected, status: u16, body: &[u8]) -> anyhow::Result<()> {
    let text = std::str::from_utf8(body)?;
    let said = match (expected, face) {
        (Expected::Text(part), _) => text.contains(part.as_str()).then(|| expected.clone()),
        (Expected::Counts { .. }, Face::Groups) => summary(text),
        (Expected::Counts { .. }, Face::Usergroups) => Some(entries(text)),
    };
    if status != 200 || said.as_ref() != Some(expected) {
        let shown: String = text.chars().take(600).collect();
        bail!("{expected:?} was expected, the answer is {status}, {said:?}: {shown}");
    }
    Ok(())
}

fn summary(text: &str) -> Option<Expected> {
    let summary = text.split_once("\"summary\"")?.1.split_once('{')?.1.split_once('}')?.0;
    let count = |name: &str| -> Option<usize> {
        let value = summary.split_once(name)?.1.split_once(':')?.1;
        value.split(',').next()?.trim().parse().ok()
    };
    // Something failed where these do not add up to what was sent.
    Some(Expected::Counts {
        created: count("\"created\"")?,
        updated: count("\"updated\"")?,
        unchanged: count("\"unchanged\"")?,
    })
}

fn entries(text: &str) -> Expected {
    let count = |part: &str| text.matches(part).count();
    let (created, unchanged) = (count("\"action\":\"create\""), count("\"message\":\"Unchanged\""));
    let done = count("\"success\":true");
    Expected::Counts { created, updated: done.saturating_sub(created + unchanged), unchanged }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;

    use super::*;

    fn counts(created: usize, updated: usize, unchanged: usize) -> Expected {
        Expected::Counts { created, updated, unchanged }
    }

    #[test]
    fn an_answer_is_held_to_its_counts() {
        let groups =
            br#"{"summary":{"total":4,"created":1,"updated":1,"unchanged":2,"failed":0},"results":[]}"#;
        assert!(check(Face::Groups, &counts(1, 1, 2), 200, groups).is_ok());
        assert!(check(Face::Groups, &counts(1, 2, 1), 200, groups).is_err());
        assert!(check(Face::Groups, &counts(1, 1, 2), 207, groups).is_err());
        let done = r#"{"action":"create","success":true},{"action":"update","success":true},
            {"action":"update","success":true,"message":"Unchanged"}"#;
        let failed = r#",{"action":"create","success":false}"#;
        let usergroups = |entries: String| format!("{{\"data\":[{entries}]}}").into_bytes();
        let expected = counts(1, 1, 1);
        assert!(check(Face::Usergroups, &expected, 200, &usergroups(done.to_owned())).is_ok());
        assert!(check(Face::Usergroups, &expected, 200, &usergroups(done.to_owned() + failed)).is_err());
    }

    #[test]
    fn answers_are_read_whole_in_both_framings() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for answer in [
                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwhol",
                "HTTP/1.1 207 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n",
            ] {
                assert!(stream.read(&mut [0; 100]).unwrap() > 0);
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let mut connection = Connection::to(&host).unwrap();
        assert_eq!(connection.ask(b"GET").unwrap(), (200, &b"whol"[..]));
        assert_eq!(connection.ask(b"GET").unwrap(), (207, &b"abc0123456789"[..]));
        server.join().unwrap();
    }
}

//! A client of a stream of events, as a browser has one.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::Value;

use super::client::{Answer, Exchange};
use super::process::GUARD;

/// A stream that was begun.
pub(crate) struct Events {
    pub(crate) head: Answer,
    connection: BufReader<TcpStream>,
    /// What has arrived and was not looked at yet.
    text: Vec<u8>,
}

/// One event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) group: Value,
}

impl Events {
    /// Begins a stream; gives the answer where there is none.
    pub(crate) fn begin(exchange: &Exchange) -> Result<Self, Answer> {
        let mut connection = BufReader::new(exchange.begin());
        let head = Answer::head(&mut connection).unwrap();
        if head.header("content-type") == Some("text/event-stream") {
            return Ok(Self { head, connection, text: Vec::new() });
        }
        let mut answer = head;
        connection.read_to_end(&mut answer.body).unwrap();
        Err(answer)
    }

    /// The next group; `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let asked = Instant::now();
        loop {
            let block = self.block().unwrap()?;
            // Signs of life are not what is waited for.
            assert!(asked.elapsed() < GUARD, "no event came");
            let field = |name: &str| {
                let mut values = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                values.next().map(ToOwned::to_owned)
            };
            let Some(data) = field("data") else {
                assert!([":", "retry: 1000"].contains(&block.as_str()), "{block:?}");
                continue;
            };
            assert_eq!((block.lines().count(), field("event").as_deref()), (3, Some("group")), "{block:?}");
            return Some(Event { id: field("id").unwrap(), group: serde_json::from_str(&data).unwrap() });
        }
    }

    /// What stands before the next empty line; `None` at the end of the stream.
    pub(crate) fn block(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.text.windows(2).position(|window| window == b"\n\n") {
                let block: Vec<u8> = self.text.drain(..end + 2).take(end).collect();
                return Ok(Some(String::from_utf8(block).unwrap()));
            }
            if !self.read_chunk()? {
                assert!(self.text.is_empty(), "a stream ends between two events");
                return Ok(None);
            }
        }
    }

    /// One chunk of the body; false behind the last one.
    fn read_chunk(&mut self) -> io::Result<bool> {
        let mut size = String::new();
        if self.connection.read_line(&mut size)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
        let mut chunk = vec![0; size + 2];
        self.connection.read_exact(&mut chunk)?;
        self.text.extend_from_slice(&chunk[..size]);
        Ok(size > 0)
    }
}

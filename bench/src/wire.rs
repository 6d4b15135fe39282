//! HTTP as far as a load driver needs it: requests as bytes, answers by their status.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;
use tokio::time::timeout;

/// An answer takes no longer than this, or it is none.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server, and the connections to it that are free.
#[derive(Clone)]
pub struct Lines {
    address: SocketAddr,
    free: Arc<Mutex<Vec<TcpStream>>>,
}

impl Lines {
    /// No connection yet.
    pub fn to(address: SocketAddr) -> Self {
        Self { address, free: Arc::default() }
    }

    /// The status of the answer to this request.
    pub async fn ask(&self, request: &[u8]) -> io::Result<u16> {
        timeout(PATIENCE, self.ask_once(request)).await?
    }

    async fn ask_once(&self, request: &[u8]) -> io::Result<u16> {
        let free = self.lock().pop();
        let mut stream = match free {
            Some(stream) if !is_closed(&stream) => stream,
            _ => connect(self.address).await?,
        };
        let (status, keeps) = exchange(&mut stream, request).await?;
        if keeps {
            self.lock().push(stream);
        }
        Ok(status)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that does not wait for more to send.
pub async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Something can be read where nothing was asked: the end.
fn is_closed(stream: &TcpStream) -> bool {
    !matches!(stream.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// Reads while it writes: an answer may come before the request has been sent to its end.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> io::Result<(u16, bool)> {
    let (mut from, mut to) = stream.split();
    let mut answer = pin!(read_answer(&mut from));
    let sent = tokio::select! {
        biased;
        answered = answer.as_mut() => {
            let (status, _) = answered?;
            return Ok((status, false));
        }
        sent = to.write_all(request) => sent,
    };
    let (status, keeps) = answer.await?;
    Ok((status, keeps && sent.is_ok()))
}

async fn read_answer(from: &mut ReadHalf<'_>) -> io::Result<(u16, bool)> {
    let mut bytes = vec![0; 4096];
    let mut filled = 0;
    let (head, body) = loop {
        if let Some(end) = bytes[..filled].windows(4).position(|window| window == b"\r\n\r\n") {
            break (String::from_utf8_lossy(&bytes[..end]).to_lowercase(), filled - end - 4);
        }
        let more = from.read(&mut bytes[filled..]).await?;
        if more == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += more;
    };
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let mut left = field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0_usize) - body;
    while left > 0 {
        let most = left.min(bytes.len());
        let more = from.read(&mut bytes[..most]).await?;
        if more == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left -= more;
    }
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    Ok((status, field("connection") != Some("close")))
}

/// A request without a body.
pub fn get(target: &str, key: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {key}\r\n\r\n").into_bytes()
}

/// A batch of groups that can be asked to be different each time.
pub struct Batch {
    bytes: Vec<u8>,
    /// Where the names end in digits.
    places: Vec<usize>,
}

const DIGITS: usize = 10;

impl Batch {
    /// So many groups with keys of this beginning, in a tree two levels deep.
    pub fn new(beginning: &str, records: usize, key: &str) -> Self {
        let mut body = Vec::from(br#"{"groups":["#);
        let mut places = Vec::with_capacity(records);
        for record in 0..records {
            let separator = if record == 0 { "" } else { "," };
            let parent =
                if record < 10 { "null".to_owned() } else { format!("\"{beginning}-{}\"", record % 10) };
            body.extend(
                format!(r#"{separator}{{"externalReferenceId":"{beginning}-{record}","parentExternalReferenceId":{parent},"name":"A group of some length "#)
                    .bytes(),
            );
            places.push(body.len());
            body.extend([b'0'; DIGITS]);
            body.extend(b"\"}");
        }
        body.extend(b"]}");
        let mut bytes = post(key, body.len());
        let head = bytes.len();
        bytes.extend(body);
        Self { bytes, places: places.into_iter().map(|place| place + head).collect() }
    }

    /// The request with names that were not sent before.
    pub fn numbered(&self, number: u64) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let digits = format!("{number:0DIGITS$}");
        for place in &self.places {
            bytes[*place..place + DIGITS].copy_from_slice(&digits.as_bytes()[..DIGITS]);
        }
        bytes
    }
}

/// The head of a batch with a body of so many bytes.
pub fn post(key: &str, length: usize) -> Vec<u8> {
    format!(
        "POST /v3/groups/batch-upsert HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
    .into_bytes()
}

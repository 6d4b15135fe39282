//! Requests and answers over the simulated network: as a client writes them that is slow, or goes away at any
//! byte.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rig::history::Reply;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};
use turmoil::net::{TcpListener, TcpStream};

use super::dice::Dice;
use crate::http::sockets::{Listener, Socket};

pub(super) const SERVER: (&str, u16) = ("server", 80);

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.accept().await
    }
}

impl Socket for TcpStream {
    fn send_at_once(&self) -> io::Result<()> {
        self.set_nodelay(true)
    }

    async fn skip(&mut self) -> io::Result<usize> {
        self.read(&mut [0; 1024]).await
    }
}

/// How a client sends a request and takes its answer.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    /// Bytes that it sends at once, and the time between them.
    piece: usize,
    pause: Duration,
    /// It goes away after sending, or taking, so many bytes.
    sends: Option<usize>,
    takes: Option<usize>,
    /// How long it waits for all of it.
    patience: Duration,
}

impl Manner {
    /// As it should be.
    pub(super) const PLAIN: Self = Self {
        piece: usize::MAX,
        pause: Duration::ZERO,
        sends: None,
        takes: None,
        patience: Duration::from_secs(30),
    };

    pub(super) fn of(dice: &mut Dice) -> (Self, &'static str) {
        let patience = Duration::from_millis(500 + dice.next() % 14_500);
        let plain = Self { patience, ..Self::PLAIN };
        match dice.below(12) {
            0 => (Self { sends: Some(dice.below(1500)), ..plain }, "requests cut"),
            1 => (Self { takes: Some(dice.below(700)), ..plain }, "answers cut"),
            2 => {
                let pause = Duration::from_millis(dice.next() % 400);
                (Self { piece: 1 + dice.below(200), pause, ..plain }, "slow requests")
            }
            // A body that stops for longer than anything waits.
            3 if dice.once_in(4) => {
                let (piece, pause) = (150 + dice.below(500), Duration::from_secs(12));
                let patience = Duration::from_mins(1);
                (Self { piece, pause, patience, ..plain }, "requests that stop")
            }
            _ => (plain, "plain requests"),
        }
    }
}

/// An open connection.
pub(super) struct Wire {
    stream: TcpStream,
    is_open: bool,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) head: String,
    pub(super) reply: Reply,
}

fn cut() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

impl Wire {
    pub(super) async fn open(patience: Duration) -> io::Result<Self> {
        let stream = timeout(patience, TcpStream::connect(SERVER)).await??;
        Ok(Self { stream, is_open: true })
    }

    pub(super) const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Sends a request and takes its answer.
    pub(super) async fn exchange(&mut self, request: &[u8], manner: &Manner) -> io::Result<Answer> {
        self.is_open = false;
        let answer = timeout(manner.patience, self.talk(request, manner)).await??;
        self.is_open = !has(&answer.head, "connection", "close");
        Ok(answer)
    }

    async fn talk(&mut self, request: &[u8], manner: &Manner) -> io::Result<Answer> {
        let cut_after = manner.sends.filter(|sends| *sends < request.len());
        for (number, piece) in request[..cut_after.unwrap_or(request.len())].chunks(manner.piece).enumerate()
        {
            if number > 0 {
                sleep(manner.pause).await;
            }
            // Whoever has heard enough may have answered already.
            if self.stream.write_all(piece).await.is_err() {
                break;
            }
        }
        if cut_after.is_some() {
            return Err(cut());
        }
        let mut read = Vec::new();
        loop {
            if manner.takes.is_some_and(|takes| read.len() > takes) {
                return Err(cut());
            }
            if let Some(answer) = parse(&read) {
                return Ok(answer);
            }
            if self.stream.read_buf(&mut read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().filter_map(|line| line.split_once(": ")).find(|(found, _)| *found == name).map(|(_, v)| v)
}

fn has(head: &str, name: &str, value: &str) -> bool {
    header(head, name) == Some(value)
}

/// An answer, once it is there as a whole.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = str::from_utf8(&bytes[..end]).unwrap();
    let length: usize = header(head, "content-length").map_or(0, |length| length.parse().unwrap());
    let body = bytes.get(end..end + length)?;
    let reply = Reply {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        body: String::from_utf8(body.to_vec()).unwrap(),
        run: header(head, "rosterd-run-id").map(ToOwned::to_owned),
        is_replay: has(head, "idempotent-replayed", "true"),
    };
    // The machine's own clock is none of ours.
    let head = head.lines().filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n");
    Some(Answer { head, reply })
}

//! Whether the driver is the bottleneck: the same requests, sent to a program that answers and does nothing else.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;

/// The program that does nothing, as a process of its own.
pub(crate) struct Answerer {
    child: Child,
    pub(crate) host: String,
}

impl Answerer {
    /// Answers everything with this body.
    pub(crate) fn start(body: &[u8]) -> anyhow::Result<Self> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(body)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("answer").arg(file.path()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("what it says")?).read_line(&mut line)?;
        Ok(Self { child, host: line.trim().to_owned() })
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// That program: answers with what is in a file, until it is killed.
pub(crate) fn answer(file: &Path) -> anyhow::Result<()> {
    let body = std::fs::read(file)?;
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let whole: &'static [u8] = [head.as_bytes(), &body].concat().leak();
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let mut out = anstream::stdout();
    writeln!(out, "{}", listener.local_addr()?)?;
    out.flush()?;
    for stream in listener.incoming() {
        let stream = stream?;
        // A client that goes away ends its thread.
        std::thread::spawn(move || serve(stream, whole));
    }
    Ok(())
}

fn serve(mut stream: TcpStream, answer: &[u8]) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut from = BufReader::with_capacity(64 * 1024, stream.try_clone()?);
    let mut line = String::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let mut left = 0_usize;
        loop {
            line.clear();
            if from.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(length) = line.strip_prefix("content-length: ") {
                left = length.trim().parse()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        while left > 0 {
            let most = left.min(piece.len());
            let more = from.read(&mut piece[..most])?;
            anyhow::ensure!(more > 0, "the client has gone");
            left -= more;
        }
        stream.write_all(answer)?;
    }
}

//! Programs that answer in place of rosterd. One does nothing else: whether the driver is the bottleneck.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::Context as _;

/// Such a program, as a process of its own.
pub(crate) struct Answerer {
    child: Child,
    pub(crate) host: String,
}

impl Answerer {
    /// Answers everything with this body.
    pub(crate) fn with(body: &[u8]) -> anyhow::Result<Self> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(body)?;
        Self::start(&["answer".as_ref(), file.path().as_ref()])
    }

    /// This program, with arguments with which it listens.
    pub(crate) fn start(arguments: &[&OsStr]) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("what it says")?).read_line(&mut line)?;
        Ok(Self { child, host: line.trim().to_owned() })
    }

    /// The number of its process.
    pub(crate) fn number(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The program that does nothing: answers with what is in a file, until it is killed.
pub(crate) fn answer(file: &Path) -> anyhow::Result<()> {
    let body = std::fs::read(file)?;
    listen(move || {
        let body = body.clone();
        Ok(move |_: Asked<'_>| Ok(body.clone()))
    })
}

/// What is asked of such a program.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The access key, which is a number here: that of a tenant.
    pub(crate) key: i64,
    pub(crate) body: &'a [u8],
}

/// Says where it listens, and answers, each connection on a thread of its own with a work of its own.
pub(crate) fn listen<W>(work: impl Fn() -> anyhow::Result<W> + Send + Sync + 'static) -> anyhow::Result<()>
where
    W: FnMut(Asked<'_>) -> anyhow::Result<Vec<u8>>,
{
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let mut out = anstream::stdout();
    writeln!(out, "{}", listener.local_addr()?)?;
    out.flush()?;
    let work = Arc::new(work);
    for stream in listener.incoming() {
        let (stream, work) = (stream?, Arc::clone(&work));
        // A client that goes away ends its thread; so does a failure, which the client notices.
        std::thread::spawn(move || serve(stream, work()?));
    }
    Ok(())
}

fn serve(
    mut stream: TcpStream,
    mut work: impl FnMut(Asked<'_>) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut from = BufReader::with_capacity(64 * 1024, stream.try_clone()?);
    let (mut line, mut body) = (String::new(), Vec::new());
    loop {
        let (mut length, mut key) = (0, 0);
        loop {
            line.clear();
            if from.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse()?;
            }
            if let Some(value) = line.strip_prefix("authorization: Bearer ") {
                key = value.trim().parse().unwrap_or_default();
            }
            if line == "\r\n" {
                break;
            }
        }
        body.resize(length, 0);
        from.read_exact(&mut body)?;
        let answer = work(Asked { key, body: &body })?;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all(&[head.as_bytes(), &answer].concat())?;
    }
}

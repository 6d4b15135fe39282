//! The program under test: started, listened to, ended.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rig::Connection;
use rustix::process::{Pid, Signal, kill_process};

/// Whatever takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// How often something is looked at that nobody tells about.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// So much of the log is kept.
const LOG: usize = 1 << 18;

/// A running server. It is killed when nobody needs it any more.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: Arc<Log>,
    reader: Option<JoinHandle<()>>,
    pub(crate) address: SocketAddr,
}

/// What it has written to stderr.
#[derive(Debug, Default)]
struct Log {
    state: Mutex<Text>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Text {
    text: String,
    ended: bool,
}

impl Server {
    /// Starts it and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let program = command.get_program().to_owned();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let log = Arc::new(Log::default());
        let pipe = child.stderr.take().context("its stderr")?;
        let writing = Arc::clone(&log);
        let reader = Some(std::thread::spawn(move || writing.follow(pipe)));
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, log, reader, address };
        server.address = server.wait_for("where it listens", |log| {
            lines(log).find_map(|line| line.strip_prefix("listening on ")?.split_once("://")?.1.parse().ok())
        })?;
        Ok(server)
    }

    /// The key that it shows at its first start.
    pub(crate) fn first_key(&self) -> anyhow::Result<String> {
        self.wait_for("its first key", |log| {
            let key = lines(log).find_map(|line| line.strip_prefix("    rosterd_"))?;
            Some(format!("rosterd_{key}"))
        })
    }

    /// Waits until the log says something.
    pub(crate) fn wait_for<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> anyhow::Result<T> {
        let found = self.log.wait(PATIENCE, &find);
        found.with_context(|| format!("the server never said {what}:\n{}", self.log()))
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().text.clone()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(self.pid(), signal).context("cannot signal the server")
    }

    /// Whether it shows a first key, because it has found nothing.
    pub(crate) fn is_new(&self) -> bool {
        self.log().contains("    rosterd_")
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.wait(PATIENCE).map(drop)
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        // The pipe ends with the process; unlike `Child::wait` this can be bounded.
        let never = self.log.wait(patience, &|_| None::<()>);
        if never.is_some() || !self.log.lock().ended {
            bail!("the server does not end:\n{}", self.log());
        }
        if let Some(reader) = self.reader.take() {
            drop(reader.join());
        }
        Ok(self.child.wait()?)
    }

    /// Waits until it answers whoever has this key.
    pub(crate) fn wait_until_answers(&mut self, key: &str) -> anyhow::Result<()> {
        let (start, mut connection) = (Instant::now(), Connection::new(self.address, key));
        loop {
            let said = connection.get("/v3/groups?limit=1");
            if matches!(&said, Ok(reply) if reply.status == 200) {
                return Ok(());
            }
            // A key that was shown, and is not known any more.
            let is_lost = matches!(&said, Ok(reply) if reply.status == 401);
            if is_lost || start.elapsed() > PATIENCE || self.has_ended() {
                bail!("the server does not answer: {said:?}\n{}", self.log());
            }
            sleep(LOOK_AGAIN);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Text> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pipe is read to its end, so that the server never waits for its reader.
    fn follow(&self, pipe: impl Read) {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            let mut state = self.lock();
            if state.text.len() > LOG {
                state.text.clear();
            }
            state.text.push_str(&String::from_utf8_lossy(&line));
            drop(state);
            self.changed.notify_all();
            line.clear();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits until something is found, or nothing more will come.
    fn wait<T>(&self, patience: Duration, find: &impl Fn(&str) -> Option<T>) -> Option<T> {
        let mut found = None;
        let waiting = |state: &mut Text| {
            found = find(&state.text);
            found.is_none() && !state.ended
        };
        drop(self.changed.wait_timeout_while(self.lock(), patience, waiting));
        found
    }
}

fn lines(log: &str) -> impl Iterator<Item = &str> {
    log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'))
}

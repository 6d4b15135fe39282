//! The program itself: started, listened to, ended.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// Nothing is expected to take this long: a test that waits for it hangs.
pub(crate) const GUARD: Duration = Duration::from_mins(2);

/// Switches a defect on in a build that can have one: what `scripts/sabotage` says is for the servers.
pub(crate) const SABOTAGE: &str = "ROSTERD_SABOTAGE";

/// The program, without what the tester's environment says to it.
pub(crate) fn rosterd() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rosterd"));
    for (name, _) in std::env::vars_os() {
        let ours = name.to_str().is_some_and(|name| {
            (name.starts_with("ROSTERD_") && name != SABOTAGE) || ["RUST_LOG", "DATABASE_URL"].contains(&name)
        });
        if ours {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// What a command that ends by itself came to: exit code, stdout, stderr.
pub(crate) fn finish(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A running server. It is killed when the test is done with it.
pub(crate) struct Process {
    child: Child,
    log: Arc<Log>,
    reader: Option<JoinHandle<()>>,
}

/// What the process has written to stderr so far.
#[derive(Default)]
struct Log {
    state: Mutex<Text>,
    changed: Condvar,
}

#[derive(Default)]
struct Text {
    text: String,
    ended: bool,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Log::default());
        let (pipe, writing) = (child.stderr.take().unwrap(), Arc::clone(&log));
        let reader = std::thread::spawn(move || writing.follow(pipe));
        Self { child, log, reader: Some(reader) }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().text.clone()
    }

    /// Waits until the log says something; fails if the process ends before.
    pub(crate) fn wait_for<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let found = self.log.wait(&find);
        found.unwrap_or_else(|| panic!("the server never said {what}:\n{}", self.log()))
    }

    /// Asks the process to stop, and goes on.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill`: a minimal machine has no other.
        let told = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(told.unwrap().success());
    }

    /// Ends the process as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.wait();
    }

    /// Waits for the end of the process and of its log.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        // The pipe ends with the process; unlike `Child::wait` this can be bounded.
        assert_eq!(self.log.wait(&|_| None::<()>), None);
        assert!(self.log.lock().ended, "the server does not end:\n{}", self.log());
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Text> {
        self.state.lock().unwrap()
    }

    /// The pipe is read to its end, so that the server never waits for its reader.
    fn follow(&self, pipe: impl Read) {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            self.lock().text.push_str(&String::from_utf8_lossy(&line));
            self.changed.notify_all();
            line.clear();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits until something is found, or nothing more will come.
    fn wait<T>(&self, find: &impl Fn(&str) -> Option<T>) -> Option<T> {
        let mut found = None;
        let waiting = |state: &mut Text| {
            found = find(&state.text);
            found.is_none() && !state.ended
        };
        drop(self.changed.wait_timeout_while(self.lock(), GUARD, waiting).unwrap());
        found
    }
}

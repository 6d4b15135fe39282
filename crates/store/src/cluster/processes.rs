//! Processes: as whom they run, how they are told, when they are gone.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};

/// Nothing is expected to take this long: a test that waits for it hangs.
pub(super) const GUARD: Duration = Duration::from_mins(1);
/// How far apart two looks are.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// As whom the servers run: they refuse to run as root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    /// User and group; `None` for those of this process.
    other: Option<(u32, u32)>,
}

impl Account {
    /// This process's own account, or for root the one of Debian's packages.
    pub(super) fn find() -> Self {
        if !geteuid().is_root() {
            return Self { other: None };
        }
        let users = fs::read_to_string("/etc/passwd").expect("root can read the users");
        let find = |name| users.lines().find_map(|line| ids(line, name));
        Self { other: Some(find("postgres").or_else(|| find("nobody")).expect("a user that is not root")) }
    }

    /// A command of this account, without what the tester's environment says to it.
    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").stdin(Stdio::null()).current_dir("/");
        if let Some((user, group)) = self.other {
            command.uid(user).gid(group);
        }
        command
    }

    /// The number of the user.
    pub(super) fn user(self) -> u32 {
        self.other.map_or_else(|| geteuid().as_raw(), |(user, _)| user)
    }

    /// Whether a directory is there and nobody else's.
    pub(super) fn owns(self, directory: &Path) -> bool {
        fs::symlink_metadata(directory).is_ok_and(|found| found.is_dir() && found.uid() == self.user())
    }

    /// Makes a file or a directory the account's own.
    pub(super) fn give(self, path: &Path) {
        if let Some((user, group)) = self.other {
            chown(path, Some(user), Some(group)).expect("root gives files away");
        }
    }
}

/// User and group of a line of the list of users, if it is of this name.
fn ids(line: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields = line.split(':');
    (fields.next()? == name).then_some(())?;
    Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Tells a process something; one that is gone is told nothing.
pub(super) fn tell(process: i32, signal: Signal) {
    if let Some(process) = Pid::from_raw(process) {
        // It may have ended by itself.
        let _ = kill_process(process, signal);
    }
}

/// The number of a child that was not waited for yet.
pub(super) fn number(child: &Child) -> i32 {
    i32::try_from(child.id()).expect("numbers of processes are small")
}

/// Whether a process is there. One that has ended holds nothing, whether its parent knows or not.
pub(super) fn is_there(process: i32) -> bool {
    status(process).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

/// The children of a process.
pub(super) fn children(of: i32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").expect("the list of processes");
    let numbers = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.filter(|process| status(*process).is_some_and(|(_, parent)| parent == of)).collect()
}

/// State and parent of a process.
fn status(process: i32) -> Option<(char, i32)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in parentheses and may hold anything, also parentheses.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// The arguments with which a process was started.
pub(super) fn arguments(process: i32) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default()).into_owned()
}

/// Looks until something is found.
pub(super) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < GUARD, "waited in vain for {what}");
        sleep(LOOK_AGAIN);
    }
}

/// Waits until none of these processes is there.
pub(super) fn wait_until_gone(processes: &[i32]) {
    wait_for("processes to end", || (!processes.iter().any(|process| is_there(*process))).then_some(()));
}

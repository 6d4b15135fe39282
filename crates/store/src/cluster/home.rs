//! Where a server lives, and what is left of those whose tests were ended before they could clean up.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Once;

use rustix::process::Signal;
use tempfile::TempDir;

use super::processes::{self, Account, arguments, children, is_there, tell, wait_until_gone};

/// What the names of all homes begin with; the process that owns the home follows.
const PREFIX: &str = "rosterd-postgres-";
/// The number of the server that lives here.
const PROCESS: &str = "process";
/// What the server says.
const LOG: &str = "log";

/// A directory of a server's own. It goes when the server has gone.
#[derive(Debug)]
pub(super) struct Home {
    directory: TempDir,
    pub(super) account: Account,
}

impl Home {
    /// An empty home.
    pub(super) fn new() -> Self {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(|| sweep(&std::env::temp_dir()));
        let account = Account::find();
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let directory = tempfile::Builder::new()
            .prefix(&prefix)
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("a directory for a server");
        account.give(directory.path());
        Self { directory, account }
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A file that the server may read.
    pub(super) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).expect("a file for a server");
        self.account.give(&path);
        path
    }

    /// Starts a server that lives here.
    pub(super) fn spawn(&self, command: &mut Command) -> Child {
        let log = fs::File::options().create(true).append(true).open(self.path().join(LOG)).expect("a log");
        let errors = log.try_clone().expect("a log");
        let child = command.stdout(log).stderr(errors).spawn().expect("a server starts");
        fs::write(self.path().join(PROCESS), child.id().to_string()).expect("a note of the server");
        child
    }

    /// What the server has said.
    pub(super) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.path().join(LOG)).unwrap_or_default()).into_owned()
    }
}

/// Takes away homes whose owners are gone, and the servers in them. Others may be sweeping as well.
fn sweep(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let owner = entry.file_name().to_str().and_then(owner);
        if owner.is_some_and(|owner| !is_there(owner)) {
            end_server_in(&entry.path());
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// The process that made a home of this name.
fn owner(name: &str) -> Option<i32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

/// Ends the server that lives here. The number alone would not do: it may be somebody else's by now.
fn end_server_in(home: &Path) {
    let number = fs::read_to_string(home.join(PROCESS)).ok().and_then(|text| text.parse().ok());
    let Some(server) = number.filter(|server| arguments(*server).contains(&*home.to_string_lossy())) else {
        return;
    };
    let all = [children(server), vec![server]].concat();
    // The server first: it must not start others.
    all.iter().rev().for_each(|process| tell(*process, Signal::KILL));
    wait_until_gone(&all);
    forget_memory(&home.join("data"));
}

/// Gives back the piece of shared memory that a killed server could not give back itself.
pub(super) fn forget_memory(data: &Path) {
    let note = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let Some(memory) = note.lines().nth(6).and_then(|line| line.split_whitespace().nth(1)) else { return };
    // A few bytes: where the command is absent, they stay.
    let mut command = Command::new("ipcrm");
    drop(command.args(["--shmem-id", memory]).stderr(std::process::Stdio::null()).status());
}

/// Runs a command to its end, which must be good.
pub(super) fn run(command: &mut Command) {
    let output = command.output().expect("a program of the server starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

/// Waits until a server takes connections, as a look tells.
pub(super) fn wait_until_ready<T>(home: &Home, child: &mut Child, mut look: impl FnMut() -> Option<T>) -> T {
    processes::wait_for("a server to take connections", || {
        let ended = child.try_wait().expect("a child can be asked");
        assert_eq!(ended, None, "the server has ended:\n{}", home.log());
        look()
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::{PREFIX, sweep};

    #[test]
    fn what_the_dead_have_left_is_swept_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let mut dead = Command::new("true").spawn().unwrap();
        dead.wait().unwrap();
        let path = |owner: u32, name: &str| place.path().join(format!("{PREFIX}{owner}-{name}"));
        let orphan = path(dead.id(), "orphan");
        let others =
            [path(dead.id(), "reused"), path(std::process::id(), "alive"), place.path().join("other")];
        // A server knows its home by its arguments; the number that the second note tells is somebody else's.
        let server = |does, home| Command::new("sh").args(["-c", does, home]).spawn().unwrap();
        let mut servers =
            [server("sleep 600 & wait", orphan.to_str().unwrap()), server("exec sleep 600", "elsewhere")];
        for (home, server) in [&orphan, &others[0]].into_iter().zip(&servers) {
            fs::create_dir(home).unwrap();
            fs::write(home.join("process"), server.id().to_string()).unwrap();
        }
        fs::create_dir(&others[1]).unwrap();
        fs::create_dir(&others[2]).unwrap();
        sweep(place.path());
        assert!(!servers[0].wait().unwrap().success(), "it was killed");
        assert!(servers[1].try_wait().unwrap().is_none(), "another's server was killed");
        servers[1].kill().unwrap();
        servers[1].wait().unwrap();
        assert!([&orphan, &others[0]].iter().all(|home| !home.exists()));
        assert!(others[1].exists() && others[2].exists());
    }
}

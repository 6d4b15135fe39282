//! A server of one's own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::client::Client;
use super::process::{GUARD, Process, finish, rosterd};

/// How far apart two looks at the files are. The store moves its log into the data file when it has had
/// nothing to do for a tenth of a second.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

pub(crate) struct Server {
    // Dropped first: the directory goes when nobody uses it any more.
    pub(crate) process: Process,
    /// The owner of the first key.
    pub(crate) client: Client,
    directory: TempDir,
    /// The address of the database in which the data is, if it is not in the directory.
    database: Option<String>,
}

impl Server {
    /// A first start on an empty database.
    pub(crate) fn start_on(database: &str) -> Self {
        Self::start_on_with(database, &[])
    }

    /// The same with more options.
    pub(crate) fn start_on_with(database: &str, options: &[&str]) -> Self {
        Self::first_start_on(database, serve_on(database).args(options))
    }

    fn first_start_on(database: &str, command: &mut Command) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let process = Process::spawn(command);
        let address = address(&process);
        let key = process.wait_for("how to try it", first_key);
        Self { process, client: Client { address, key }, directory, database: Some(database.to_owned()) }
    }

    /// The same with a log of this level.
    pub(crate) fn start_on_logging(database: &str, level: &str) -> Self {
        Self::first_start_on(database, serve_on(database).env("ROSTERD_LOG", level))
    }

    /// One server more on the same database, which may have another address.
    pub(crate) fn beside(&self, database: &str) -> Self {
        self.beside_with(database, &[])
    }

    /// The same with more options.
    pub(crate) fn beside_with(&self, database: &str, options: &[&str]) -> Self {
        let process = Process::spawn(serve_on(database).args(options));
        let client = Client { address: address(&process), key: self.client.key.clone() };
        let directory = tempfile::tempdir().unwrap();
        Self { process, client, directory, database: Some(database.to_owned()) }
    }

    /// A first start: an empty data directory, a free port.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// A first start with more options.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        Self::first_start(|data| {
            let mut command = serve(data);
            command.args(options);
            command
        })
    }

    /// A first start with a log of this level.
    pub(crate) fn start_logging(level: &str) -> Self {
        Self::first_start(|data| {
            let mut command = serve(data);
            command.env("ROSTERD_LOG", level);
            command
        })
    }

    /// A first start under a limit that the shell sets.
    pub(crate) fn start_limited(ulimit: &str) -> Self {
        Self::first_start(|data| {
            let command = serve(data);
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("{ulimit}; exec \"$@\""), "sh"]);
            shell.arg(command.get_program()).args(command.get_args()).stdin(std::process::Stdio::null());
            shell
        })
    }

    fn first_start(command: impl FnOnce(&Path) -> Command) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let process = Process::spawn(&mut command(&data_in(directory.path())));
        let address = address(&process);
        let key = process.wait_for("how to try it", first_key);
        Self { process, client: Client { address, key }, directory, database: None }
    }

    pub(crate) fn data(&self) -> PathBuf {
        data_in(self.directory.path())
    }

    /// A file of the test's own, outside the data directory.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Stops cleanly and starts again; what the first process has logged is gone.
    pub(crate) fn restart(&mut self) {
        self.process.terminate();
        self.started_after_stop();
    }

    /// Stops cleanly, has something done to the data directory, and starts again.
    pub(crate) fn restart_after(&mut self, change: impl FnOnce(&Path)) {
        // A server that answers knows the signal.
        self.client.get("/healthz").send();
        self.process.terminate();
        assert_eq!(self.process.wait().code(), Some(0), "a clean stop:\n{}", self.process.log());
        change(&self.data());
        self.start_again();
    }

    /// Waits for a clean end, then starts again.
    pub(crate) fn started_after_stop(&mut self) {
        let status = self.process.wait();
        assert_eq!(status.code(), Some(0), "a clean stop:\n{}", self.process.log());
        self.start_again();
    }

    pub(crate) fn kill9_and_restart(&mut self) {
        self.process.kill();
        self.start_again();
    }

    fn start_again(&mut self) {
        let mut command = self.database.as_deref().map_or_else(|| serve(&self.data()), serve_on);
        self.process = Process::spawn(&mut command);
        self.client.address = address(&self.process);
    }

    /// A command on the data directory that must succeed; what it prints.
    pub(crate) fn cli<const N: usize>(&self, arguments: [&str; N]) -> String {
        let (code, stdout, stderr) = self.try_cli(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {stderr}");
        stdout
    }

    pub(crate) fn try_cli<const N: usize>(&self, arguments: [&str; N]) -> (Option<i32>, String, String) {
        let mut command = rosterd();
        command.args(arguments);
        match &self.database {
            Some(database) => command.args(["--database-url", database]),
            None => command.arg("--data-dir").arg(self.data()),
        };
        finish(&mut command)
    }

    /// A new key: its id, and a client that has it.
    pub(crate) fn new_key(&self, tenant: &str, scopes: &str) -> (String, Client) {
        let printed = self.cli(["keys", "create", "--tenant", tenant, "--scopes", scopes, "--json"]);
        let key: serde_json::Value = serde_json::from_str(&printed).unwrap();
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        (text("id"), self.client.with_key(text("key")))
    }

    /// A new tenant, and a client of it.
    pub(crate) fn new_tenant(&self, name: &str) -> Client {
        self.cli(["tenants", "create", name]);
        self.new_key(name, "groups:read,groups:write").1
    }

    /// Waits until the index for searches holds everything that was acknowledged.
    pub(crate) fn indexed(&self) {
        let start = std::time::Instant::now();
        loop {
            let metrics = self.client.get("/metrics").send();
            if metrics.text().lines().any(|line| line == "rosterd_search_behind 0") {
                return;
            }
            assert!(start.elapsed() < GUARD, "the index does not catch up:\n{}", self.process.log());
            std::thread::sleep(LOOK_AGAIN / 10);
        }
    }

    /// What lies in the data file, in the index for searches, and in their logs, once nothing moves there
    /// any more.
    pub(crate) fn settled_bytes(&self) -> [[u8; 32]; 4] {
        self.indexed();
        let look = || {
            ["rosterd.db", "rosterd.db-wal", "search.db", "search.db-wal"].map(|name| {
                let bytes = std::fs::read(self.data().join(name)).unwrap_or_default();
                Sha256::digest(bytes).into()
            })
        };
        let mut looks = vec![look()];
        while looks.len() < 3 {
            std::thread::sleep(LOOK_AGAIN);
            let next = look();
            looks.retain(|seen| *seen == next);
            looks.push(next);
        }
        looks[0]
    }
}

/// The command that serves from a directory, on a free port.
pub(crate) fn serve(data: &Path) -> Command {
    let mut command = rosterd();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data);
    command
}

/// The command that serves from a database, on a free port.
pub(crate) fn serve_on(database: &str) -> Command {
    let mut command = rosterd();
    // A database that the tests share waits for no disk; those that are killed do, without being made to.
    command.args(["serve", "--listen", "127.0.0.1:0", "--accept-data-loss", "--database-url", database]);
    command
}

/// The server makes it itself, so that its permissions are the server's doing.
fn data_in(directory: &Path) -> PathBuf {
    directory.join("data")
}

pub(crate) fn address(process: &Process) -> SocketAddr {
    process.wait_for("where it listens", |log| {
        complete_lines(log)
            .find_map(|line| line.strip_prefix("listening on ")?.split_once("://")?.1.parse().ok())
    })
}

/// The key of the first start, once everything about it is there.
fn first_key(log: &str) -> Option<String> {
    let key = complete_lines(log).find_map(|line| line.strip_prefix("    rosterd_"))?;
    complete_lines(log).any(|line| line.starts_with("      -d ")).then(|| format!("rosterd_{key}"))
}

fn complete_lines(log: &str) -> impl Iterator<Item = &str> {
    log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'))
}

//! The server under load: a release build, on a store of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Where the server keeps what it is told.
#[derive(Debug, Clone)]
pub enum Place {
    /// On the embedded store. The directory goes with its last user.
    Directory(Arc<TempDir>),
    /// In a `PostgreSQL` database.
    Database(String),
}

impl Place {
    /// A directory that is empty.
    pub fn new_directory() -> anyhow::Result<Self> {
        Ok(Self::Directory(Arc::new(tempfile::tempdir()?)))
    }

    fn tell(&self, command: &mut Command) {
        match self {
            Self::Directory(directory) => command.arg("--data-dir").arg(directory.path().join("data")),
            Self::Database(url) => command.args(["--database-url", url]),
        };
    }
}

/// A running server. It is killed when the driver is done with it.
pub struct Program {
    /// Where it listens.
    pub address: SocketAddr,
    executable: PathBuf,
    child: Child,
    place: Place,
}

impl Program {
    /// Starts the `rosterd` that lies beside this program, without limits over time.
    pub fn start(place: Place) -> anyhow::Result<Self> {
        let executable = std::env::current_exe()?.with_file_name("rosterd");
        if !executable.exists() {
            bail!("{} is not built: cargo build --release", executable.display());
        }
        let mut command = Command::new(&executable);
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command.args(["--requests-per-minute", "0", "--records-per-minute", "0"]);
        if matches!(place, Place::Database(_)) {
            command.args(["--database-connections", "16"]);
        }
        place.tell(&mut command);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let said = BufReader::new(child.stderr.take().context("what it says")?);
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut program = Self { address, executable, child, place };
        program.address = listening(said)?;
        Ok(program)
    }

    /// A tenant more: its key.
    pub fn new_tenant(&self, name: &str) -> anyhow::Result<String> {
        self.administer(&["tenants", "create", name])?;
        let said = self.administer(&["keys", "create", "--tenant", name, "--json"])?;
        let key = said.split("\"key\":\"").nth(1).context("the new key")?;
        Ok(key.split('"').next().unwrap_or_default().to_owned())
    }

    fn administer(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(&self.executable);
        command.args(arguments);
        self.place.tell(&mut command);
        let output = command.output()?;
        if !output.status.success() {
            bail!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.replace("\": ", "\":"))
    }

    /// The number of its process.
    pub fn number(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in MiB: now, and the most so far.
    pub fn memory(&self) -> anyhow::Result<[u64; 2]> {
        memory(self.number())
    }

    /// Ends it without warning. Its store is left as it is.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Has it finish what is under way.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let number = Pid::from_child(&self.child);
        kill_process(number, Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Resident memory of a process in MiB: now, and the most so far.
pub fn memory(process: u32) -> anyhow::Result<[u64; 2]> {
    let status = Path::new("/proc").join(process.to_string()).join("status");
    let status = std::fs::read_to_string(status).context("the server has ended")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("the server has ended")?;
        let number = line.split_whitespace().next().unwrap_or_default();
        number.parse::<u64>().map(|kib| kib / 1024).context("a number of kB")
    };
    Ok([field("VmRSS:")?, field("VmHWM:")?])
}

/// Where it says that it listens.
fn listening(said: BufReader<std::process::ChildStderr>) -> anyhow::Result<SocketAddr> {
    let mut lines = said.lines();
    let mut before = Vec::new();
    for line in lines.by_ref() {
        let line = line?;
        if let Some(address) = line.strip_prefix("listening on http://") {
            let address = address.parse()?;
            // It would stop at a full pipe.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok(address);
        }
        before.push(line);
    }
    bail!("the server does not start: {}", before.join("\n"))
}

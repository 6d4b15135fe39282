//! The server under load: a release build, on a directory of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

/// A running server. It is killed when the driver is done with it.
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    /// The key of the first tenant.
    pub(crate) key: String,
    executable: PathBuf,
    child: Child,
    directory: TempDir,
}

impl Program {
    /// Starts the `rosterd` that lies beside this program, without limits over time.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let executable = std::env::current_exe()?.with_file_name("rosterd");
        if !executable.exists() {
            bail!("{} is not built: cargo build --release", executable.display());
        }
        let directory = tempfile::tempdir()?;
        let log = directory.path().join("log");
        let child = Command::new(&executable)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--requests-per-minute",
                "0",
                "--records-per-minute",
                "0",
            ])
            .arg("--data-dir")
            .arg(directory.path().join("data"))
            .stderr(std::fs::File::create(&log)?)
            .stdout(Stdio::null())
            .spawn()?;
        let mut program = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            key: String::new(),
            executable,
            child,
            directory,
        };
        let said = wait_for(&log)?;
        let url = said.split("listening on http://").nth(1).context("where it listens")?;
        program.address = url.lines().next().unwrap_or_default().parse()?;
        program.key = format!("rosterd_{}", said.split("    rosterd_").nth(1).context("its key")?);
        program.key.truncate(program.key.find('\n').unwrap_or(program.key.len()));
        Ok(program)
    }

    /// A tenant more, with a key.
    pub(crate) fn new_tenant(&self, name: &str) -> anyhow::Result<String> {
        self.administer(&["tenants", "create", name])?;
        let said = self.administer(&["keys", "create", "--tenant", name, "--json"])?;
        let key = said.split("\"key\":\"").nth(1).context("the new key")?;
        Ok(key.split('"').next().unwrap_or_default().to_owned())
    }

    fn administer(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(&self.executable);
        let data = self.directory.path().join("data");
        let output = command.args(arguments).arg("--data-dir").arg(data).output()?;
        if !output.status.success() {
            bail!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.replace("\": ", "\":"))
    }

    /// Resident memory in MiB: now, and the most so far.
    pub(crate) fn memory(&self) -> anyhow::Result<[u64; 2]> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let field = |name: &str| {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)).context("the server has ended")?;
            let number = line.split_whitespace().next().unwrap_or_default();
            number.parse::<u64>().map(|kib| kib / 1024).context("a number of kB")
        };
        Ok([field("VmRSS:")?, field("VmHWM:")?])
    }
}

/// What the server says when it has started.
fn wait_for(log: &Path) -> anyhow::Result<String> {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(30) {
        let said = std::fs::read_to_string(log)?;
        if said.contains("      -d ") {
            return Ok(said);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("the server does not start: {}", std::fs::read_to_string(log)?)
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

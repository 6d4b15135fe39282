//! The server, and the same records sent to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::Times;
use crate::records::{self, ROOT, Records};

/// A running `rosterd`. It is killed when the run is over.
pub(crate) struct Server {
    executable: PathBuf,
    database: String,
    address: String,
    child: Child,
}

impl Server {
    /// Starts the `rosterd` that lies beside this program, without limits over time.
    pub(crate) fn start(database: &str) -> anyhow::Result<Self> {
        let executable = std::env::current_exe()?.with_file_name("rosterd");
        if !executable.exists() {
            bail!("{} is not built: cargo build --release", executable.display());
        }
        let mut child = Command::new(&executable)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--requests-per-minute",
                "0",
                "--records-per-minute",
                "0",
            ])
            .args(["--database-url", database, "--database-connections", "16"])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let said = BufReader::new(child.stderr.take().context("what it says")?);
        let mut lines = said.lines();
        let address = loop {
            let line = lines.next().context("the server does not start")??;
            if let Some(address) = line.strip_prefix("listening on http://") {
                break address.to_owned();
            }
        };
        // It would stop at a full pipe.
        thread::spawn(move || lines.for_each(drop));
        Ok(Self { executable, database: database.to_owned(), address, child })
    }

    /// A tenant more: its key.
    fn new_tenant(&self, name: &str) -> anyhow::Result<String> {
        self.administer(&["tenants", "create", name])?;
        let said = self.administer(&["keys", "create", "--tenant", name, "--json"])?;
        let key = said.split("\"key\":\"").nth(1).context("the new key")?;
        Ok(key.split('"').next().unwrap_or_default().to_owned())
    }

    fn administer(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(&self.executable);
        let output = command.args(arguments).args(["--database-url", &self.database]).output()?;
        if !output.status.success() {
            bail!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.replace("\": ", "\":"))
    }

    /// Each tenant on a connection and a thread of its own; a phase begins and ends for all together.
    pub(crate) fn measure(&self, tenants: &[Records]) -> anyhow::Result<Times> {
        let keys = tenants.iter().map(|tenant| self.new_tenant(&format!("t{}", tenant.tenant)));
        let keys: Vec<String> = keys.collect::<Result<_, _>>()?;
        let barrier = Barrier::new(tenants.len() + 1);
        thread::scope(|scope| {
            let clients: Vec<_> = tenants
                .iter()
                .zip(&keys)
                .map(|(tenant, key)| scope.spawn(|| self.client(tenant, key, &barrier)))
                .collect();
            let times = std::array::from_fn(|_| {
                barrier.wait();
                let start = Instant::now();
                barrier.wait();
                start.elapsed()
            });
            for client in clients {
                client.join().ok().context("a client panicked")??;
            }
            Ok(times)
        })
    }

    fn client(&self, tenant: &Records, key: &str, barrier: &Barrier) -> anyhow::Result<()> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        let mut answers = BufReader::new(stream.try_clone()?);
        for is_changed in [false, false, true] {
            let requests: Vec<Vec<u8>> =
                tenant.batches().map(|batch| request(key, batch, is_changed)).collect();
            barrier.wait();
            for request in &requests {
                stream.write_all(request)?;
                read_answer(&mut answers)?;
            }
            barrier.wait();
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn request(key: &str, batch: &[usize], is_changed: bool) -> Vec<u8> {
    let record = |number: &usize| {
        let parent = if *number == ROOT { "null".to_owned() } else { format!("\"{}\"", records::key(ROOT)) };
        format!(
            r#"{{"externalReferenceId":"{}","name":"{}","description":"{}","photoUrl":"{}","parentExternalReferenceId":{parent}}}"#,
            records::key(*number),
            records::name(*number, is_changed),
            records::description(*number),
            records::url(*number),
        )
    };
    let body = format!("{{\"groups\":[{}]}}", batch.iter().map(record).collect::<Vec<_>>().join(","));
    format!(
        "POST /v3/groups/batch-upsert HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Every record of a batch is good, so the answer is 200.
fn read_answer(from: &mut BufReader<TcpStream>) -> anyhow::Result<()> {
    let (mut line, mut length, mut status) = (String::new(), 0, String::new());
    loop {
        line.clear();
        from.read_line(&mut line)?;
        let text = line.trim_end().to_ascii_lowercase();
        if text.is_empty() {
            break;
        }
        if let Some(value) = text.strip_prefix("content-length: ") {
            length = value.parse()?;
        }
        if status.is_empty() {
            status = text;
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    if !status.contains(" 200 ") || String::from_utf8_lossy(&body).contains("\"failed\":[{") {
        bail!("{status}: {}", String::from_utf8_lossy(&body[..length.min(500)]));
    }
    Ok(())
}

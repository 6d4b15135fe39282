//! A server that is measured, and what it uses.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rosterd_bench::program::{self, Place, Program};
use store::cluster::{Cluster, Settings};
use tempfile::TempDir;

use crate::answers::Connection;
use crate::calibrate::Answerer;
use crate::options::{Engine, Options};
use crate::run::Servers;
use crate::usage;

/// The database server, and how many databases it has had.
pub(crate) struct Postgres {
    cluster: Cluster,
    postmaster: u32,
    databases: std::cell::Cell<u64>,
}

impl Postgres {
    /// A throw-away one that keeps what it acknowledges.
    pub(crate) fn start() -> anyhow::Result<Self> {
        if !store::cluster::available() {
            bail!("PostgreSQL is not installed: leave it out with --engine sqlite");
        }
        let settings = Settings::durable()
            .with("shared_buffers", "512MB")
            .with("max_wal_size", "8GB")
            .with("max_connections", "300");
        let cluster = Cluster::start_with(&settings);
        let file = std::fs::read_to_string(cluster.data().join("postmaster.pid"))?;
        let postmaster = file.lines().next().context("a process")?.trim().parse()?;
        Ok(Self { cluster, postmaster, databases: std::cell::Cell::new(0) })
    }

    pub(crate) fn version(&self) -> anyhow::Result<String> {
        self.ask("SHOW server_version")
    }

    fn ask(&self, statement: &str) -> anyhow::Result<String> {
        self.cluster.admin().value(statement).map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// The name of an empty database.
    pub(crate) fn new_database(&self) -> String {
        let number = self.databases.get();
        self.databases.set(number + 1);
        let name = format!("bench_{number}");
        self.cluster.create_database(&name);
        name
    }

    pub(crate) fn url(&self, database: &str) -> String {
        self.cluster.url(database)
    }

    /// Gives back the space of a database.
    pub(crate) fn drop_database(&self, database: &str) {
        // What is left goes with the cluster.
        drop(self.cluster.admin().execute(&format!("DROP DATABASE \"{database}\" WITH (FORCE)")));
    }

    /// Processor time of all its processes, and bytes of its log.
    pub(crate) fn usage(&self) -> anyhow::Result<(Duration, u64)> {
        let log = self.ask("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")?;
        Ok((usage::of_all_below(self.postmaster), log.parse()?))
    }
}

/// What a server and what it stores in have used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    server: Duration,
    database: Duration,
    written: u64,
}

impl Used {
    /// Processor time of the server and of the database, and bytes written.
    pub(crate) fn since(self, before: Self) -> ([Duration; 2], u64) {
        let busy = [self.server.saturating_sub(before.server), self.database.saturating_sub(before.database)];
        (busy, self.written.saturating_sub(before.written))
    }
}

/// A server with tenants.
pub(crate) struct Served<'p> {
    pub(crate) host: String,
    pub(crate) keys: Vec<String>,
    /// Records that the tenants have from here, beside those that they were filled with.
    pub(crate) sent: u64,
    process: Option<u32>,
    own: Option<(Program, Place)>,
    /// A second server on the same database.
    beside: Option<(Program, String)>,
    database: Option<(&'p Postgres, String)>,
    /// It is none of rosterd's.
    bare: Option<(Answerer, TempDir)>,
}

impl<'p> Served<'p> {
    /// Starts it on an empty store, with so many tenants.
    pub(crate) fn start(
        postgres: Option<&'p Postgres>,
        tenants: u64,
        servers: Servers,
    ) -> anyhow::Result<Self> {
        let (place, database) = match postgres {
            None => (Place::new_directory()?, None),
            Some(postgres) => {
                let database = postgres.new_database();
                (Place::Database(postgres.url(&database)), Some((postgres, database)))
            }
        };
        let program = Program::start(place.clone())?;
        let keys = (0..tenants).map(|tenant| program.new_tenant(&format!("t{tenant}")));
        let keys = keys.collect::<anyhow::Result<_>>()?;
        let (host, process) = (program.address.to_string(), Some(program.number()));
        let second = (servers == Servers::Two).then(|| Program::start(place.clone())).transpose()?;
        let beside = second.map(|second| {
            let host = second.address.to_string();
            (second, host)
        });
        Ok(Self { host, keys, sent: 0, process, own: Some((program, place)), beside, database, bare: None })
    }

    /// Starts a bare service on an empty store. Its tenants are numbers.
    pub(crate) fn bare(postgres: Option<&'p Postgres>, tenants: u64) -> anyhow::Result<Self> {
        let database = postgres.map(|postgres| (postgres, postgres.new_database()));
        let directory = tempfile::tempdir()?;
        let store = match &database {
            None => directory.path().join("bare.db").into_os_string(),
            Some((postgres, name)) => postgres.url(name).into(),
        };
        let answerer = Answerer::start(&["bare".as_ref(), &store])?;
        let (host, process) = (answerer.host.clone(), Some(answerer.number()));
        let keys = (0..tenants).map(|tenant| tenant.to_string()).collect();
        let bare = Some((answerer, directory));
        Ok(Self { host, keys, sent: 0, process, own: None, beside: None, database, bare })
    }

    /// Where connections go to, in turn.
    pub(crate) fn hosts(&self) -> Vec<&str> {
        let beside = self.beside.iter().map(|(_, host)| host.as_str());
        [self.host.as_str()].into_iter().chain(beside).collect()
    }

    /// Every process that is known.
    fn processes(&self) -> impl Iterator<Item = u32> {
        self.process.into_iter().chain(self.beside.iter().map(|(program, _)| program.number()))
    }

    /// The one at `--url`.
    pub(crate) fn at_url(options: &Options) -> anyhow::Result<Self> {
        let url = options.url.as_deref().context("--url")?;
        let host = url.strip_prefix("http://").context("--url is to begin with http://")?;
        let host = host.trim_end_matches('/').to_owned();
        Ok(Self {
            host,
            keys: options.key.clone(),
            sent: 0,
            process: options.pid,
            own: None,
            beside: None,
            database: None,
            bare: None,
        })
    }

    pub(crate) fn used(&self) -> anyhow::Result<Used> {
        let mut used = Used::default();
        for own in self.processes().map(usage::of) {
            (used.server, used.written) = (used.server + own.busy, used.written + own.written);
        }
        if let Some((postgres, _)) = &self.database {
            (used.database, used.written) = postgres.usage()?;
        }
        Ok(used)
    }

    pub(crate) fn forget_peak(&self) {
        self.processes().for_each(usage::forget_peak);
    }

    /// Resident memory in MiB: now, and the most since it was forgotten. Of several servers the sum.
    pub(crate) fn memory(&self) -> anyhow::Result<[u64; 2]> {
        self.processes().map(program::memory).try_fold([0; 2], |[now, most], of_one| {
            let of_one = of_one?;
            Ok([now + of_one[0], most + of_one[1]])
        })
    }

    /// Waits until the index for searches has taken in all that was written, which the server does by the way.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        if self.own.is_none() || self.database.is_some() {
            return Ok(());
        }
        let mut connection = Connection::to(&self.host)?;
        let request = format!("GET /metrics HTTP/1.1\r\nhost: {}\r\n\r\n", self.host);
        let started = Instant::now();
        while started.elapsed() < Duration::from_mins(5) {
            let (_, body) = connection.ask(request.as_bytes())?;
            let text = String::from_utf8_lossy(body);
            let behind = text.lines().find_map(|line| line.strip_prefix("rosterd_search_behind "));
            if behind.is_none_or(|behind| behind == "0") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the index for searches does not catch up")
    }

    /// Ends it and starts it on the same store again; how long it took to answer.
    pub(crate) fn start_again(&mut self, how: End, question: &str) -> anyhow::Result<Duration> {
        let (program, place) = self.own.take().context("a server of this run")?;
        match how {
            End::Stop => program.stop()?,
            End::Kill => program.kill()?,
        }
        let started = Instant::now();
        let program = Program::start(place.clone())?;
        self.host = program.address.to_string();
        self.process = Some(program.number());
        self.own = Some((program, place));
        self.read(question)?;
        Ok(started.elapsed())
    }

    /// Reads something that is there.
    pub(crate) fn read(&self, target: &str) -> anyhow::Result<()> {
        let key = &self.keys[0];
        let request =
            format!("GET {target} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {key}\r\n\r\n", self.host);
        let mut connection = Connection::to(&self.host)?;
        let (status, _) = connection.ask(request.as_bytes())?;
        anyhow::ensure!(status == 200, "{target}: {status}");
        Ok(())
    }
}

/// How a server ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    Stop,
    Kill,
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        drop((self.own.take(), self.beside.take(), self.bare.take()));
        if let Some((postgres, database)) = &self.database {
            postgres.drop_database(database);
        }
    }
}

/// The database server that an engine needs.
pub(crate) fn database(engine: Engine, postgres: Option<&Postgres>) -> Option<&Postgres> {
    postgres.filter(|_| engine == Engine::Postgres)
}

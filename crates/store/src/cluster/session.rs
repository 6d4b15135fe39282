//! A connection of the tests' own, to look behind an engine's back.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::processes::GUARD;

/// How long a server may take to let somebody in, unless the address says so (`connect_timeout`).
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a server did not do what it was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} {text}")]
pub struct Failure {
    /// The five characters that `PostgreSQL` has for it; empty where the server has said nothing.
    pub code: String,
    /// What was said.
    pub text: String,
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let said = error.as_db_error();
        Self {
            code: said.map(|said| said.code().code().to_owned()).unwrap_or_default(),
            text: said.map_or_else(|| error.to_string(), |said| said.message().to_owned()),
        }
    }
}

/// A connection to a database. Blocks: not for use inside of a runtime.
#[derive(Debug)]
pub struct Session {
    // Dropped first: the connection ends on the runtime.
    client: Client,
    runtime: Runtime,
}

impl Session {
    /// Connects to a database by its address.
    ///
    /// # Panics
    /// When the address is none.
    pub fn open(url: &str) -> Result<Self, Failure> {
        let config: Config = url.parse().expect("the address of a database");
        let patience = config.get_connect_timeout().copied().unwrap_or(PATIENCE);
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        // The driver's own limit ends where the socket is connected: a server that is frozen may not answer then.
        let connected = runtime.block_on(async { timeout(patience, config.connect(NoTls)).await });
        let silent = || Failure { code: String::new(), text: "the server does not answer".to_owned() };
        let (client, connection) = connected.map_err(|_| silent())??;
        // How it ends is told by the call that it ends.
        runtime.spawn(async { drop(connection.await) });
        Ok(Self { client, runtime })
    }

    /// The address leads to a server that answers.
    pub(super) fn answers(url: &str) -> Option<Self> {
        Self::open(url).ok().filter(|session| session.execute("SELECT 1").is_ok())
    }

    /// Carries out statements, in one transaction unless there is only one.
    pub fn execute(&self, sql: &str) -> Result<(), Failure> {
        self.rows(sql).map(drop)
    }

    /// The rows that statements give, as texts.
    ///
    /// # Panics
    /// When the server does not answer.
    pub fn rows(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, Failure> {
        let asked = self.runtime.block_on(async { timeout(GUARD, self.client.simple_query(sql)).await });
        let messages = asked.unwrap_or_else(|_| panic!("no answer to {sql}"))?;
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|column| row.get(column).map(ToOwned::to_owned)).collect())
            }
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    /// The first value of the first row; empty where there is none.
    pub fn value(&self, sql: &str) -> Result<String, Failure> {
        let first = |rows: Vec<Vec<Option<String>>>| rows.into_iter().next()?.into_iter().next()?;
        Ok(first(self.rows(sql)?).unwrap_or_default())
    }
}

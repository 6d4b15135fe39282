//! Connections: to the primary, and only to one that keeps what it acknowledges.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, SimpleQueryMessage, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::database::{Database, Security};
use super::failure::{Failure, Phase};
use super::{lock, tls};
use crate::{Durability, StoreError};

/// For one host: to reach it, log in and look whether it is the primary.
const CONNECT: Duration = Duration::from_secs(3);

/// A connection, with the task that moves its bytes.
pub(super) struct Connection {
    pub(super) client: Client,
    /// Whether the server has warned that a commit may not have reached the standby.
    pub(super) warned: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Drop for Connection {
    /// The socket goes at once: a server that is frozen would take no farewell. No cancel is ever sent: during a
    /// commit it would be answered with success (engines.md §6.3).
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Makes connections.
pub(super) struct Connector {
    hosts: Vec<(String, Config)>,
    tls: Option<MakeRustlsConnect>,
    durability: Durability,
    /// The host that was the primary last.
    last: AtomicUsize,
    timelines: Timelines,
}

impl Connector {
    pub(super) fn new(database: &Database, durability: Durability) -> Result<Self, StoreError> {
        let tls = match database.security() {
            Security::Plain => None,
            Security::Verified(certificates) => Some(tls::connector(certificates.as_deref())?),
        };
        let (last, timelines) = (AtomicUsize::new(0), Timelines::default());
        Ok(Self { hosts: database.hosts(), tls, durability, last, timelines })
    }

    /// A connection to the primary, which is looked for from the host on that it was last.
    pub(super) async fn connect(&self) -> Result<Connection, Failure> {
        let first = self.last.load(Ordering::Relaxed);
        let mut failed = Vec::new();
        for step in 0..self.hosts.len() {
            let number = (first + step) % self.hosts.len();
            let (shown, config) = &self.hosts[number];
            let attempt = tokio::time::timeout(CONNECT, self.connect_to(config)).await;
            match attempt.unwrap_or_else(|_| Err(Failure::lost(Phase::Before, "does not answer"))) {
                Ok(connection) => {
                    self.last.store(number, Ordering::Relaxed);
                    return Ok(connection);
                }
                Err(failure) => failed.push((shown, failure)),
            }
        }
        let texts: Vec<String> =
            failed.iter().map(|(shown, failure)| format!("{shown}: {failure}")).collect();
        let best = failed.into_iter().map(|(_, failure)| failure).reduce(Failure::better);
        Err(best.unwrap_or_else(|| Failure::defect("no host")).with_text(texts.join("; ")))
    }

    async fn connect_to(&self, config: &Config) -> Result<Connection, Failure> {
        let connection = match &self.tls {
            None => open(config, NoTls).await,
            Some(tls) => open(config, tls.clone()).await,
        }?;
        self.look(&connection.client).await?;
        Ok(connection)
    }

    /// Refuses a server that takes no writes, that forgets them, or that an older primary has become again.
    async fn look(&self, client: &Client) -> Result<(), Failure> {
        let (state, timeline) = tokio::join!(
            client.simple_query(include_str!("sql/state.sql")),
            client.simple_query(include_str!("sql/timeline.sql"))
        );
        let state = state.map_err(|error| Failure::of(&error, Phase::Before))?;
        let settings = row(&state).ok_or_else(|| Failure::defect("the server tells nothing of its state"))?;
        let is = |column: usize, wanted: &str| settings.get(column).is_some_and(|found| found == wanted);
        if is(0, "t") || is(1, "on") {
            return Err(Failure::lost(Phase::Before, "is a standby, or takes no writes"));
        }
        let forgets = is(2, "off") || is(3, "off") || is(4, "off");
        if forgets && self.durability == Durability::Required {
            return Err(Failure::defect(
                "would lose what it acknowledges when its machine fails: fsync, full_page_writes or \
                 synchronous_commit is off; switch it on, or give --accept-data-loss where data may be lost",
            ));
        }
        // A managed service may not tell.
        if let Some([Some(system), Some(timeline)]) = timeline
            .ok()
            .as_deref()
            .and_then(row)
            .map(|row| [0, 1].map(|column| row.get(column).map(str::to_owned)))
        {
            self.timelines.check(system, &timeline)?;
        }
        Ok(())
    }
}

fn row(messages: &[SimpleQueryMessage]) -> Option<&tokio_postgres::SimpleQueryRow> {
    messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })
}

async fn open<T>(config: &Config, tls: T) -> Result<Connection, Failure>
where
    T: MakeTlsConnect<Socket> + Send,
    T::Stream: Send + 'static,
{
    let opened = config.connect(tls).await;
    let (client, mut connection) = opened.map_err(|error| {
        let failure = Failure::of(&error, Phase::Before);
        match tls::hint(&error) {
            Some(hint) => Failure::defect(format!("{failure}; {hint}")),
            None => failure,
        }
    })?;
    let warned = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&warned);
    let task = tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notice(notice) = message
                && notice.code().code() == "01000"
                && notice.message().starts_with("canceling")
            {
                told.store(true, Ordering::SeqCst);
            }
        }
    });
    Ok(Connection { client, warned, task })
}

/// The latest timeline that was seen of each cluster: an older one is a primary that had been replaced, whose
/// writes since then its cluster will throw away (engines.md §6.2).
#[derive(Debug, Default)]
struct Timelines(Mutex<HashMap<String, u32>>);

impl Timelines {
    fn check(&self, system: String, timeline: &str) -> Result<(), Failure> {
        let Ok(found) = u32::from_str_radix(timeline, 16) else { return Ok(()) };
        let mut seen = lock(&self.0);
        let latest = seen.entry(system).or_insert(found);
        if found < *latest {
            tracing::error!(
                found,
                latest,
                "the database went back to a primary that had been replaced: not used"
            );
            return Err(Failure::lost(
                Phase::Before,
                format!("is on timeline {found}, and {latest} was seen: a primary that had been replaced"),
            ));
        }
        *latest = found;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_never_goes_back() {
        let timelines = Timelines::default();
        let check = |system: &str, timeline| timelines.check(system.to_owned(), timeline).is_ok();
        assert!(check("a", "00000004") && check("a", "00000004") && check("a", "0000000A"));
        assert!(!check("a", "00000004"));
        // Another cluster has its own; what is no timeline says nothing.
        assert!(check("b", "00000001") && check("a", "0000000A") && check("a", ""));
    }
}

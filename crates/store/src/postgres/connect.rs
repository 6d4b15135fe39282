//! Connections: to the primary, and only to one that keeps what it acknowledges.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Config, NoTls, SimpleQueryMessage, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::client::Client;
use super::database::{Database, Security};
use super::failure::{Failure, Phase};
use super::{lock, tls};
use crate::{Durability, StoreError};

/// For one host: to reach it, log in and look whether it is the primary.
const CONNECT: Duration = Duration::from_secs(3);

/// A connection, with what moves its bytes. It lives on the thread that uses it: nothing is handed from thread to
/// thread while rows come in, which would take longer than the rows.
pub(super) struct Connection {
    client: Client,
    /// Whether the server has warned that a commit may not have reached the standby.
    warned: Arc<AtomicBool>,
    heard: Arc<OnceLock<Heard>>,
    /// Moves bytes when it is polled; `None` when there is nothing more to move.
    driver: Option<Driver>,
    /// Turns only while somebody waits for an answer. `None` once it ends.
    runtime: Option<Runtime>,
}

type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Called with what somebody has notified this connection of.
type Heard = Box<dyn Fn(&str) + Send + Sync>;

impl Connection {
    /// Waits for this no longer than that; `None` when it takes longer.
    pub(super) fn run<T>(&mut self, most: Duration, work: impl AsyncFnOnce(&Client) -> T) -> Option<T> {
        let Self { client, driver, runtime, .. } = self;
        let runtime = runtime.as_ref()?;
        runtime.block_on(async { timeout(most, driven(driver, work(client))).await.ok() })
    }

    /// Sends a statement, and does not wait for what becomes of it: whatever is asked next comes behind it.
    pub(super) fn send(&mut self, sql: &str) {
        let Self { client, driver, runtime, .. } = self;
        let Some(runtime) = runtime else { return };
        runtime.block_on(async {
            let mut sending = pin!(client.batch_execute(sql));
            poll_fn(|context| {
                // The first look at it sends it, the first look at the driver writes it.
                let _ = sending.as_mut().poll(context);
                if let Some(driver) = driver {
                    let _ = driver.as_mut().poll(context);
                }
                Poll::Ready(())
            })
            .await;
        });
    }

    /// From now on this is called with every notification that comes while somebody waits. Only once a connection.
    pub(super) fn hear(&self, heard: impl Fn(&str) + Send + Sync + 'static) {
        self.heard.get_or_init(|| Box::new(heard));
    }

    /// Whether the server has warned so since this was asked last.
    pub(super) fn has_warned(&self) -> bool {
        self.warned.swap(false, Ordering::SeqCst)
    }
}

/// Does this while bytes are moved.
async fn driven<T>(driver: &mut Option<Driver>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        if driver.as_mut().is_some_and(|driver| driver.as_mut().poll(context).is_ready()) {
            // Whoever waits for an answer is told that there is none.
            *driver = None;
        }
        work.as_mut().poll(context)
    })
    .await
}

impl Drop for Connection {
    /// The socket goes at once: a server that is frozen would take no farewell. No cancel is ever sent: during a
    /// commit it would be answered with success (engines.md §6.3).
    fn drop(&mut self) {
        self.driver = None;
        // Not by waiting: it may be dropped where nobody may wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
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
    pub(super) fn connect(&self) -> Result<Connection, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::lost(Phase::Before, error.to_string()))?;
        let mut connection = runtime.block_on(self.find())?;
        connection.runtime = Some(runtime);
        Ok(connection)
    }

    async fn find(&self) -> Result<Connection, Failure> {
        let first = self.last.load(Ordering::Relaxed);
        let mut failed = Vec::new();
        for step in 0..self.hosts.len() {
            let number = (first + step) % self.hosts.len();
            let (shown, config) = &self.hosts[number];
            let attempt = timeout(CONNECT, self.connect_to(config)).await;
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
        let mut connection = match &self.tls {
            None => open(config, NoTls).await,
            Some(tls) => open(config, tls.clone()).await,
        }?;
        let Connection { client, driver, .. } = &mut connection;
        let process = driven(driver, self.look(client)).await?;
        client.keep_if_direct(process).await;
        Ok(connection)
    }

    /// Refuses a server that takes no writes, that forgets them, or that an older primary has become again; else which
    /// process of it answers.
    async fn look(&self, client: &Client) -> Result<Option<i32>, Failure> {
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
        Ok(settings.get(5).and_then(|process| process.parse().ok()))
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
    let heard = Arc::new(OnceLock::<Heard>::new());
    let (told, listener) = (Arc::clone(&warned), Arc::clone(&heard));
    let driver = Box::pin(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            match message {
                AsyncMessage::Notice(notice)
                    if notice.code().code() == "01000" && notice.message().starts_with("canceling") =>
                {
                    told.store(true, Ordering::SeqCst);
                }
                AsyncMessage::Notification(notification) => {
                    if let Some(heard) = listener.get() {
                        heard(notification.payload());
                    }
                }
                _ => {}
            }
        }
    });
    Ok(Connection { client: Client::new(client), warned, heard, driver: Some(driver), runtime: None })
}

/// The latest timeline that was seen of each cluster: an older one is a primary that had been replaced, whose
/// writes since then its cluster will throw away (engines.md §6.2).
#[derive(Debug, Default)]
struct Timelines(Mutex<HashMap<String, Timeline>>);

/// Of one cluster.
#[derive(Debug, Clone, Copy)]
struct Timeline {
    latest: u32,
    /// Whether it was told that an older one was met since.
    is_told: bool,
}

impl Timelines {
    fn check(&self, system: String, timeline: &str) -> Result<(), Failure> {
        let Ok(found) = u32::from_str_radix(timeline, 16) else { return Ok(()) };
        let mut seen = lock(&self.0);
        let known = seen.entry(system).or_insert(Timeline { latest: found, is_told: false });
        let latest = known.latest;
        if found < latest {
            // Once: it is met again by every attempt.
            if !std::mem::replace(&mut known.is_told, true) {
                tracing::error!(
                    found,
                    latest,
                    "the database went back to a primary that had been replaced: not used"
                );
            }
            return Err(Failure::lost(
                Phase::Before,
                format!("is on timeline {found}, and {latest} was seen: a primary that had been replaced"),
            ));
        }
        if found > latest {
            *known = Timeline { latest: found, is_told: false };
        }
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

//! Hints between servers: who has committed something tells the others whose it is (NOTIFY, LISTEN).
//!
//! Only hints. They are told after the commit, by a statement of their own that nobody waits for: in the transaction
//! of a batch NOTIFY would take a lock that serialises all commits of the database. They get lost with a connection,
//! and behind a pooler that hands out another connection with each transaction they do not arrive.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use directory::TenantId;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_postgres::types::Type;

use super::connect::{Connection, Connector};
use super::lock;
use super::pool::ROUND_TRIP;
use crate::Told;

/// What one hint takes at least: what is committed meanwhile goes with the next.
const PAUSE: Duration = Duration::from_millis(20);
/// How often it is asked whether the connection is there where nothing is to be told.
const LIFE: Duration = Duration::from_secs(5);
/// How long to wait before a lost connection is made again; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// This server's end.
pub(super) struct Hints {
    connector: Arc<Connector>,
    outbox: Arc<Outbox>,
}

/// Tenants of whom the others are to be told.
#[derive(Default)]
struct Outbox {
    tenants: Mutex<BTreeSet<TenantId>>,
    filled: Notify,
    /// Whether somebody empties it.
    open: AtomicBool,
}

impl Hints {
    pub(super) fn new(connector: &Arc<Connector>) -> Self {
        Self { connector: Arc::clone(connector), outbox: Arc::default() }
    }

    /// Tells others, and is told by them, from now on; on a thread of its own, on which the connection lives.
    pub(super) fn start(&self, told: Told) {
        let exchange = Exchange {
            connector: Arc::clone(&self.connector),
            outbox: Arc::clone(&self.outbox),
            told: Arc::from(told),
            // It does not need to hear what it has said itself.
            sender: format!("{}-{:p}", std::process::id(), Arc::as_ptr(&self.outbox)),
        };
        self.outbox.open.store(true, Ordering::SeqCst);
        let named = thread::Builder::new().name("store-hints".to_owned());
        if let Err(error) = named.spawn(move || exchange.go_on()) {
            self.stop();
            tracing::warn!(%error, "there are no hints between servers: no thread");
        }
    }

    /// Something of this tenant was committed. Does not wait.
    pub(super) fn tell(&self, tenant: TenantId) {
        if self.outbox.open.load(Ordering::Relaxed) && lock(&self.outbox.tenants).insert(tenant) {
            self.outbox.filled.notify_one();
        }
    }

    /// Nobody is told any more. Does not wait until the thread has noticed.
    pub(super) fn stop(&self) {
        self.outbox.open.store(false, Ordering::SeqCst);
        self.outbox.filled.notify_one();
    }
}

/// What goes out and comes in, on a connection of its own.
struct Exchange {
    connector: Arc<Connector>,
    outbox: Arc<Outbox>,
    told: Arc<dyn Fn(TenantId) + Send + Sync>,
    sender: String,
}

impl Exchange {
    /// Makes the connection again whenever it is lost. Whoever follows looks by itself meanwhile.
    fn go_on(self) {
        let mut pause = FIRST_PAUSE;
        while self.is_open() {
            if let Ok(mut connection) = self.connector.connect() {
                pause = FIRST_PAUSE;
                self.use_up(&mut connection);
            }
            if self.is_open() {
                thread::sleep(pause);
            }
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    fn is_open(&self) -> bool {
        self.outbox.open.load(Ordering::SeqCst)
    }

    /// Uses a connection until it is lost, or all ends.
    fn use_up(&self, connection: &mut Connection) -> Option<()> {
        let (told, sender) = (Arc::clone(&self.told), self.sender.clone());
        connection.hear(move |payload| {
            if let Some((from, tenant)) = payload.split_once(' ')
                && from != sender
                && let Ok(tenant) = tenant.parse()
            {
                told(TenantId(tenant));
            }
        });
        connection
            .run(ROUND_TRIP, async |client| client.batch_execute("LISTEN rosterd_changes").await)?
            .ok()?;
        while self.is_open() {
            // What comes meanwhile is heard.
            connection.run(ROUND_TRIP, async |_| timeout(LIFE, self.outbox.filled.notified()).await)?.ok();
            let tenants = std::mem::take(&mut *lock(&self.outbox.tenants));
            let said: Vec<String> =
                tenants.iter().map(|tenant| format!("{} {}", self.sender, tenant.0)).collect();
            let sql = include_str!("sql/hint.sql");
            let tell = connection.run(ROUND_TRIP, async |client| {
                client.query_typed(sql, &[(&said, Type::TEXT_ARRAY)]).await
            })?;
            tell.ok()?;
            connection.run(ROUND_TRIP, async |_| sleep(PAUSE).await)?;
        }
        Some(())
    }
}

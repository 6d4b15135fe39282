//! An empty database for a test that does nothing to its server.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::programs::available;
use super::server::Cluster;
use super::session::{Failure, Session};

/// The variable that names another server for the tests: any database of it whose user may add others. Where that
/// database has the extension of Citus it is used itself, because a new one would be on one node: it must hold no
/// directory, or say in its name that it is there for tests, and one test runs at a time.
const ELSEWHERE: &str = "TEST_POSTGRES_URL";

/// A database of a test's own. It goes with its owner.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
    /// Where it is added and taken away.
    admin: String,
    /// `None` on a server that is somebody else's.
    cluster: Option<Arc<Cluster>>,
    /// Whether it was there before, and stays.
    is_lasting: bool,
}

/// An empty database, on a server that the tests of this process share or on the one that `TEST_POSTGRES_URL`
/// names. `None` where neither can be had; then that was told, and in CI it is a failure.
///
/// # Panics
/// When it cannot be made.
pub fn database() -> Option<Database> {
    // Other processes may be making theirs on the same server.
    let name = format!("rosterd_test_{:016x}", RandomState::new().hash_one(std::process::id()));
    let database = match std::env::var(ELSEWHERE) {
        Ok(url) if !url.is_empty() => {
            Database { url: with_database(&url, &name), name, admin: url, cluster: None, is_lasting: false }
        }
        _ => {
            let cluster = available().then(shared)?;
            Database {
                url: cluster.url(&name),
                admin: cluster.url("postgres"),
                name,
                cluster: Some(cluster),
                is_lasting: false,
            }
        }
    };
    match &database.cluster {
        Some(cluster) => cluster.create_database(&database.name),
        None if database.is_distributed() => return database.borrowed(),
        None => database.tell("CREATE DATABASE", "").expect("a database"),
    }
    Some(database)
}

/// Whether a test of this process has the database that was named.
static BORROWED: AtomicBool = AtomicBool::new(false);

/// Everything that a schema of rosterd has, as far as it is a schema of rosterd.
const OUR_TABLES: &str = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()
    AND EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_migrations')";

impl Database {
    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether it lies on the nodes of Citus.
    fn is_distributed(&self) -> bool {
        let session = Session::open(&self.admin).expect("a connection");
        let extension = "SELECT count(*) FROM pg_extension WHERE extname = 'citus'";
        session.value(extension).expect("an answer") == "1"
    }

    /// The database that was named, as long as nobody else of this process has it. What a schema of rosterd has
    /// there is taken away before and after.
    #[expect(clippy::print_stderr, reason = "skipped tests are told to whoever reads the test's output")]
    fn borrowed(mut self) -> Option<Self> {
        if BORROWED.swap(true, Ordering::SeqCst) {
            eprintln!("skipped: {ELSEWHERE} is one database, and this test needs two");
            return None;
        }
        let session = Session::open(&self.admin).expect("a connection");
        let name = session.value("SELECT current_database()").expect("a name");
        assert!(
            name.contains("test") || session.rows(OUR_TABLES).expect("the tables").is_empty(),
            "{ELSEWHERE} names {name:?}, which holds a directory: it is emptied only if its name says test"
        );
        self.url.clone_from(&self.admin);
        self.is_lasting = true;
        empty(&session).expect("emptied");
        Some(self)
    }

    /// A connection to it.
    ///
    /// # Panics
    /// When the server lets nobody in.
    pub fn session(&self) -> Session {
        Session::open(&self.url).expect("a connection")
    }

    fn tell(&self, what: &str, how: &str) -> Result<(), Failure> {
        Session::open(&self.admin)?.execute(&format!("{what} \"{}\" {how}", self.name))
    }
}

fn empty(session: &Session) -> Result<(), Failure> {
    for row in session.rows(OUR_TABLES)? {
        let table = row[0].as_deref().unwrap_or_default();
        session.execute(&format!("DROP TABLE IF EXISTS \"{table}\" CASCADE"))?;
    }
    Ok(())
}

impl Drop for Database {
    fn drop(&mut self) {
        // A server that goes as well takes its databases along.
        let last = self.cluster.as_ref().is_some_and(|cluster| Arc::strong_count(cluster) == 1);
        // Where it fails there is nobody to tell: the test may be failing for the same reason.
        if self.is_lasting {
            drop(Session::open(&self.admin).and_then(|session| empty(&session)));
            BORROWED.store(false, Ordering::SeqCst);
        } else if !last {
            drop(self.tell("DROP DATABASE IF EXISTS", "WITH (FORCE)"));
        }
    }
}

/// The server that the tests of this process share. It goes with the last database.
fn shared() -> Arc<Cluster> {
    static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let cluster = Arc::new(Cluster::start());
        *shared = Arc::downgrade(&cluster);
        cluster
    })
}

/// The address of another database on the same server.
fn with_database(url: &str, name: &str) -> String {
    let (address, options) =
        url.split_once('?').map_or((url, None), |(address, options)| (address, Some(options)));
    let (scheme, rest) = address.split_once("://").expect("TEST_POSTGRES_URL is an address");
    let server = rest.split('/').next().unwrap_or_default();
    let options = options.map(|options| format!("?{options}")).unwrap_or_default();
    format!("{scheme}://{server}/{name}{options}")
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn the_database_of_an_address_is_replaced() {
        for (given, expected) in [
            ("postgres://u:p@h:1,i:2/old?sslmode=disable", "postgres://u:p@h:1,i:2/new?sslmode=disable"),
            ("postgresql://h", "postgresql://h/new"),
            ("postgres://u@%2Ftmp%2Fs/", "postgres://u@%2Ftmp%2Fs/new"),
            ("postgres:///old?host=/tmp/s&user=u", "postgres:///new?host=/tmp/s&user=u"),
        ] {
            assert_eq!(with_database(given, "new"), expected);
        }
    }
}

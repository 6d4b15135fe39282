//! A server, and what can happen to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::Signal;

use super::home::{Home, forget_memory, run, wait_until_ready};
use super::processes::{Account, children, number, tell, wait_for, wait_until_gone};
use super::programs::{newest, program};
use super::session::{Failure, Session};
use super::settings::Settings;

/// The name of the socket follows from the port; there is one server a directory.
const SOCKET: &str = ".s.PGSQL.5432";
/// Who owns what the tests make: not the superuser, for that is not whom operators let rosterd be.
pub(super) const OWNER: &str = "rosterd";
/// The longest address of a socket.
const LONGEST_SOCKET: usize = 107;

/// A server with a data directory of its own, on a unix socket.
#[derive(Debug)]
pub struct Cluster {
    pub(super) home: Home,
    postmaster: Mutex<Option<Child>>,
}

impl Cluster {
    /// An empty server that keeps nothing safe: see [`Settings::fast`].
    pub fn start() -> Self {
        Self::start_with(&Settings::fast())
    }

    /// An empty server that keeps what it acknowledged: see [`Settings::durable`].
    pub fn durable() -> Self {
        Self::start_with(&Settings::durable())
    }

    /// An empty server.
    ///
    /// # Panics
    /// When it does not start. Ask [`available`](super::available) first.
    pub fn start_with(settings: &Settings) -> Self {
        let home = Home::new();
        let data = home.path().join("data");
        copy(&template(home.account), &data);
        let written = fs::File::options().append(true).open(data.join("postgresql.conf"));
        let lines = settings.lines();
        written
            .and_then(|mut file| std::io::Write::write_all(&mut file, lines.as_bytes()))
            .expect("its settings");
        let cluster = Self::in_home(home);
        let create = format!("CREATE ROLE {OWNER} LOGIN CREATEDB");
        cluster.admin().execute(&create).expect("a role");
        cluster
    }

    /// The server whose data is in this home.
    pub(super) fn in_home(home: Home) -> Self {
        let cluster = Self { home, postmaster: Mutex::new(None) };
        assert!(
            cluster.socket().as_os_str().len() <= LONGEST_SOCKET,
            "{} is too long",
            cluster.socket().display()
        );
        cluster.restart();
        cluster
    }

    /// The address of a database, for the owner of the databases of [`Cluster::create_database`].
    pub fn url(&self, database: &str) -> String {
        self.url_of(OWNER, database)
    }

    /// The address of a database, for the superuser.
    pub fn admin_url(&self, database: &str) -> String {
        self.url_of("postgres", database)
    }

    fn url_of(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@{}/{database}", self.host())
    }

    /// The address of a database on several servers, of which one takes writes.
    pub fn url_of_all(clusters: &[&Self], database: &str) -> String {
        let hosts: Vec<String> = clusters.iter().map(|cluster| format!("{}:5432", cluster.host())).collect();
        format!("postgres://{OWNER}@{}/{database}", hosts.join(","))
    }

    /// The directory of the socket, as the host of an address.
    fn host(&self) -> String {
        self.home.path().to_str().expect("a path in UTF-8").replace('/', "%2F")
    }

    /// The socket on which the server listens.
    pub fn socket(&self) -> PathBuf {
        self.home.path().join(SOCKET)
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        self.home.log()
    }

    /// A connection of the superuser.
    ///
    /// # Panics
    /// When the server lets nobody in.
    pub fn admin(&self) -> Session {
        let session = Session::open(&self.admin_url("postgres"));
        let session = session.unwrap_or_else(|error| panic!("{error}:\n{}", self.log()));
        // So that what the test turns off can be turned on again.
        session.execute("SET default_transaction_read_only = off").expect("a setting");
        session
    }

    /// Adds a database. It sorts texts as people do, like most servers: statements that need the order of code
    /// points have to say so.
    ///
    /// # Panics
    /// When it cannot.
    pub fn create_database(&self, name: &str) {
        self.add(name, "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'");
    }

    /// Adds a copy of a database to which nobody is connected.
    ///
    /// # Panics
    /// When it cannot.
    pub fn create_database_from(&self, template: &str, name: &str) {
        self.add(name, &format!("TEMPLATE \"{template}\""));
    }

    fn add(&self, name: &str, options: &str) {
        let create = format!("CREATE DATABASE \"{name}\" OWNER {OWNER} {options}");
        self.admin().execute(&create).expect("a database");
    }

    /// Carries out statements on a database, as its owner.
    pub fn execute(&self, database: &str, sql: &str) -> Result<(), Failure> {
        Session::open(&self.url(database))?.execute(sql)
    }

    /// Changes a setting while the server runs. The value is to be what `SHOW` prints.
    ///
    /// # Panics
    /// When the server does not take it over.
    pub fn set(&self, name: &str, value: &str) {
        let admin = self.admin();
        admin.execute(&format!("ALTER SYSTEM SET {name} = '{value}'")).expect("a setting");
        admin.execute("SELECT pg_reload_conf()").expect("a reload");
        // A session has what the server had when it began.
        wait_for("a setting to be taken over", || {
            let session = Session::open(&self.admin_url("postgres")).ok()?;
            (session.value(&format!("SHOW {name}")).ok()? == value).then_some(())
        });
    }

    /// The processes that serve clients, of one database or of all.
    ///
    /// # Panics
    /// When the server does not tell.
    pub fn backends(&self, database: Option<&str>) -> Vec<i32> {
        let all = "SELECT pid, datname FROM pg_stat_activity \
                   WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        let rows = self.admin().rows(all).expect("the list of backends");
        let wanted = |row: &&Vec<Option<String>>| database.is_none() || row[1].as_deref() == database;
        rows.iter().filter(wanted).filter_map(|row| row[0].as_ref()?.parse().ok()).collect()
    }

    /// Has the server end the connections of a database, as `pg_terminate_backend` does; how many.
    ///
    /// # Panics
    /// When it cannot.
    pub fn terminate_backends(&self, database: &str) -> usize {
        let admin = self.admin();
        let told = self.backends(Some(database)).into_iter().filter(|backend| {
            admin.value(&format!("SELECT pg_terminate_backend({backend})")).expect("a signal") == "t"
        });
        told.count()
    }

    /// Ends one backend as a crash would: the server throws out everybody and recovers.
    pub fn kill_backend(&self, backend: i32) {
        tell(backend, Signal::KILL);
        wait_until_gone(&[backend]);
    }

    /// Ends all processes as a crash would. [`Cluster::restart`] starts the server again.
    ///
    /// # Panics
    /// When the server is not running.
    pub fn kill9(&self) {
        let mut child = self.lock().take().expect("a running server");
        end_tree(&mut child);
    }

    /// Stops at once, without tidying up: its next start recovers.
    pub fn stop_immediately(&self) {
        self.stop(Signal::QUIT);
    }

    /// Throws everybody out and stops cleanly.
    pub fn stop_cleanly(&self) {
        self.stop(Signal::INT);
    }

    fn stop(&self, how: Signal) {
        if let Some(mut child) = self.lock().take() {
            tell(number(&child), how);
            wait_for("the server to stop", || child.try_wait().expect("a child can be asked"));
        }
    }

    /// Starts the server on its data again, after any kind of end.
    ///
    /// # Panics
    /// When it runs already, or does not start.
    pub fn restart(&self) {
        let mut postmaster = self.lock();
        assert!(postmaster.is_none(), "the server is running");
        let mut command = self.home.account.command(&program("postgres"));
        command.arg("-D").arg(self.data()).arg("-k").arg(self.home.path());
        let mut child = self.home.spawn(&mut command);
        let url = self.admin_url("postgres");
        wait_until_ready(&self.home, &mut child, || Session::answers(&url));
        *postmaster = Some(child);
    }

    /// Stops every process of the server where it is. Connections stay, and nobody answers.
    ///
    /// # Panics
    /// When the server is not running.
    pub fn freeze(&self) {
        let postmaster = self.number();
        // The parent first: from then on there are no new children.
        tell(postmaster, Signal::STOP);
        for child in children(postmaster) {
            tell(child, Signal::STOP);
        }
    }

    /// Lets them go on.
    ///
    /// # Panics
    /// When the server is not running.
    pub fn thaw(&self) {
        let postmaster = self.number();
        for child in children(postmaster) {
            tell(child, Signal::CONT);
        }
        tell(postmaster, Signal::CONT);
    }

    fn number(&self) -> i32 {
        number(self.lock().as_ref().expect("a running server"))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        // A test that failed elsewhere still ends its server.
        self.postmaster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut child) = self.lock().take() {
            end_tree(&mut child);
        }
        forget_memory(&self.data());
    }
}

/// Kills a server and its children, and waits until nothing holds its memory any more.
fn end_tree(child: &mut Child) {
    let postmaster = number(child);
    // It must not start others while they are counted.
    tell(postmaster, Signal::STOP);
    let children = children(postmaster);
    tell(postmaster, Signal::KILL);
    for child in &children {
        tell(*child, Signal::KILL);
    }
    drop(child.wait());
    wait_until_gone(&children);
}

/// An empty data directory to copy, which takes a tenth of the time that `initdb` takes. Made once a version
/// and user, so that all clusters have one system identifier.
fn template(account: Account) -> PathBuf {
    let (version, _) = newest().expect("PostgreSQL is installed");
    let name = format!("rosterd-postgres{version}-template-{}", account.user());
    let template = std::env::temp_dir().join(name);
    if !account.owns(&template) {
        let home = Home::new();
        let data = home.path().join("data");
        let mut command = account.command(&program("initdb"));
        command.args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"]);
        run(command.arg("-D").arg(&data));
        // Whoever was faster has made the same.
        let moved = fs::rename(&data, &template);
        assert!(moved.is_ok() || account.owns(&template), "{}: {moved:?}", template.display());
    }
    template
}

fn copy(from: &Path, to: &Path) {
    run(Command::new("cp").arg("--archive").arg(from).arg(to));
}

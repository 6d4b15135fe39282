//! A pooler in front of a server.

use std::process::Child;

use rustix::process::Signal;

use super::home::{Home, wait_until_ready};
use super::processes::{number, tell};
use super::programs::bouncer;
use super::server::{Cluster, OWNER};
use super::session::Session;

/// `PgBouncer` in transaction mode, on a unix socket: each transaction may get another connection.
#[derive(Debug)]
pub struct PgBouncer {
    home: Home,
    child: Child,
}

impl PgBouncer {
    /// Starts one. Everything else is as `PgBouncer` has it, but that a lost server is tried again after a second.
    ///
    /// # Panics
    /// When it does not start. Ask [`bouncer_available`](super::bouncer_available) first.
    pub fn in_front_of(cluster: &Cluster) -> Self {
        let home = Home::new();
        let settings = format!(
            "[databases]\n* = host={} port=5432 user={OWNER}\n\
             [pgbouncer]\nlisten_addr =\nlisten_port = 5432\nunix_socket_dir = {}\n\
             auth_type = any\npool_mode = transaction\nserver_login_retry = 1\n",
            cluster.home.path().display(),
            home.path().display(),
        );
        let file = home.file("pgbouncer.ini", &settings);
        let mut child = home.spawn(home.account.command(bouncer()).arg(file));
        let console = url(&home, "pgbouncer");
        wait_until_ready(&home, &mut child, || Session::open(&console).ok()?.rows("SHOW VERSION").ok());
        Self { home, child }
    }

    /// The address of a database of the server behind.
    pub fn url(&self, database: &str) -> String {
        url(&self.home, database)
    }

    /// Its own console.
    ///
    /// # Panics
    /// When it lets nobody in.
    pub fn console(&self) -> Session {
        let session = Session::open(&self.url("pgbouncer"));
        session.unwrap_or_else(|error| panic!("{error}:\n{}", self.log()))
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.home.log()
    }
}

fn url(home: &Home, database: &str) -> String {
    let host = home.path().to_str().expect("a path in UTF-8").replace('/', "%2F");
    format!("postgres://{OWNER}@{host}/{database}")
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        tell(number(&self.child), Signal::KILL);
        drop(self.child.wait());
    }
}

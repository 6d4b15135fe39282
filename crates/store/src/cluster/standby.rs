//! A second server that follows the first one.

use super::home::{Home, run};
use super::processes::wait_for;
use super::programs::program;
use super::server::Cluster;

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replication {
    /// For the disk of the primary.
    Asynchronous,
    /// For the disk of the standby as well. Without a standby, commits wait for ever.
    Synchronous,
}

/// How far a standby is, in the words of the server.
const STATE: &str =
    "SELECT state, sync_state FROM pg_stat_replication WHERE application_name = 'walreceiver'";

impl Cluster {
    /// A standby that streams from this server.
    ///
    /// # Panics
    /// When it does not start to.
    #[must_use]
    pub fn standby(&self, replication: Replication) -> Self {
        if replication == Replication::Synchronous {
            // On both: the standby takes over this setting with the data, but not the next one.
            self.set("synchronous_commit", "on");
        }
        let home = Home::new();
        let mut command = home.account.command(&program("pg_basebackup"));
        command.args(["--checkpoint=fast", "--no-sync", "--wal-method=stream", "--write-recovery-conf"]);
        command.args(["--username=postgres", "--host"]).arg(self.home.path());
        run(command.arg("--pgdata").arg(home.path().join("data")));
        let standby = Self::in_home(home);
        self.wait_for_standby("streaming", None);
        if replication == Replication::Synchronous {
            self.set("synchronous_standby_names", "*");
            self.wait_for_standby("streaming", Some("sync"));
        }
        standby
    }

    fn wait_for_standby(&self, state: &str, role: Option<&str>) {
        wait_for("a standby to follow", || {
            let rows = self.admin().rows(STATE).expect("the list of standbys");
            let follows = |row: &Vec<Option<String>>| {
                row[0].as_deref() == Some(state) && (role.is_none() || row[1].as_deref() == role)
            };
            rows.iter().any(follows).then_some(())
        });
    }

    /// Waits until a standby has everything that this server has written.
    ///
    /// # Panics
    /// When there is none.
    pub fn wait_until_followed(&self) {
        let admin = self.admin();
        wait_for("a standby to catch up", || {
            let behind = "SELECT bool_and(replay_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication";
            (admin.value(behind).expect("the list of standbys") == "t").then_some(())
        });
    }

    /// Makes a primary of a standby.
    ///
    /// # Panics
    /// When it is none, or does not become one.
    pub fn promote(&self) {
        let promoted = self.admin().value("SELECT pg_promote(true, 60)").expect("a promotion");
        assert_eq!(promoted, "t", "{}", self.log());
        wait_for("a standby to take writes", || {
            let standby = self.admin().value("SELECT pg_is_in_recovery()").expect("its role");
            (standby == "f").then_some(())
        });
    }
}

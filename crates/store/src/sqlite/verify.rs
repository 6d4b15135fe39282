//! Whether a data file is whole: its structure, its schema, every row, and what the rows are to each other.
//!
//! One read transaction sees all of it, so a server may go on writing. Nothing is written: a log that was left behind
//! stays as it is.

mod rows;
mod walk;

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::connection::{self, Role};
use super::files::DataDir;
use super::migrate;
use super::readers::View;
use super::session::Session;
use crate::digest::{Digested, digest_of};
use crate::moving::{Export as _, PortionSize};
use crate::verify::{Facts, Verified, Watch};
use crate::{Reader as _, StoreError};

pub(crate) fn verify(
    path: &Path,
    tenant: Option<&str>,
    watch: &mut dyn Watch,
) -> Result<Verified, StoreError> {
    let dir = DataDir::existing(path);
    check_file(&dir.data_file(), Role::Admin, tenant, watch)
}

/// A backup is one file, and nobody writes to it.
pub(crate) fn verify_backup(file: &Path, watch: &mut dyn Watch) -> Result<Verified, StoreError> {
    check_file(file, Role::Answers, None, watch)
}

pub(super) fn check_file(
    file: &Path,
    role: Role,
    tenant: Option<&str>,
    watch: &mut dyn Watch,
) -> Result<Verified, StoreError> {
    let mut facts = Facts::new(watch);
    let opened = open(file, role).and_then(|db| Check { db: &db, facts: &mut facts }.run(tenant));
    let (digests, notes) = match opened {
        Ok(seen) => seen,
        Err(error) if is_damage(&error) => {
            facts.find("file", None, String::new(), error.to_string());
            (Vec::new(), Vec::new())
        }
        Err(error) => return Err(error),
    };
    let mut tenants = facts.tenants();
    for digested in digests {
        if let Some(tenant) = tenants.iter_mut().find(|tenant| tenant.id == digested.head.tenant.id) {
            tenant.digested = Some(digested);
        }
    }
    Ok(Verified { found: facts.found(), tenants, notes })
}

fn open(file: &Path, role: Role) -> Result<Connection, StoreError> {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let has_log = fs::metadata(log).is_ok_and(|log| log.len() > 0);
    let db = connection::open(file, role)?;
    // What lies there is evidence as well.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log)?;
    Ok(db)
}

/// Whether something is wrong with what is read, and not with reading it.
const fn is_damage(error: &StoreError) -> bool {
    matches!(error, StoreError::Corrupt(_) | StoreError::Internal(_) | StoreError::OutcomeUnknown(_))
}

/// A check under way.
struct Check<'c, 'w> {
    db: &'c Connection,
    facts: &'c mut Facts<'w>,
}

type Seen = (Vec<Digested>, Vec<String>);

impl Check<'_, '_> {
    fn run(&mut self, tenant: Option<&str>) -> Result<Seen, StoreError> {
        let db = self.db;
        self.ours()?;
        let _view = View::begin(db)?;
        self.structure()?;
        self.rows(tenant)?;
        self.facts.compare();
        let digests = self.digests()?;
        self.manifest(&digests)?;
        let mut notes = Vec::new();
        if let Ok(Some(from)) = Session::new(db).copy_mark(None) {
            notes.push(format!("this is a copy of {from} that was never finished"));
        }
        Ok((digests, notes))
    }

    /// Damage of one part is told, and the others are looked at all the same.
    fn tolerate(&mut self, table: &'static str, done: Result<(), StoreError>) -> Result<(), StoreError> {
        match done {
            Err(error) if is_damage(&error) => {
                self.facts.find(table, None, String::new(), error.to_string());
                Ok(())
            }
            other => other,
        }
    }

    /// Whether it is a file of this version. Where its tables are, a ledger that says otherwise is damaged.
    fn ours(&mut self) -> Result<(), StoreError> {
        let foreign = match migrate::differences(self.db) {
            Ok(differences) => differences,
            Err(error) => return self.tolerate("file", Err(error)),
        };
        match migrate::recognise(self.db).and_then(|()| migrate::require_current(self.db)) {
            Err(StoreError::Schema(text)) if foreign.is_empty() => {
                self.facts.find("schema_migrations", None, String::new(), text);
            }
            Err(error @ StoreError::Schema(_)) => return Err(error),
            Err(error) => self.tolerate("schema_migrations", Err(error))?,
            Ok(()) => {}
        }
        for name in foreign {
            self.facts.find("sqlite_schema", None, name, "is not what this version makes");
        }
        Ok(())
    }

    /// What `SQLite` finds: pages, cells, and indexes that do not hold what their tables do.
    fn structure(&mut self) -> Result<(), StoreError> {
        self.facts.reached("the structure of the file");
        let done = self.integrity();
        self.tolerate("file", done)
    }

    fn integrity(&mut self) -> Result<(), StoreError> {
        // More findings than anybody reads.
        let db = self.db;
        let mut check = db.prepare("PRAGMA integrity_check(1000000)")?;
        let mut found = check.query(())?;
        while let Some(row) = found.next()? {
            let text: String = row.get(0)?;
            // Several faults of one tree come as lines of one row.
            for line in text.lines().filter(|line| *line != "ok") {
                let row = rows::missing_from_index(db, line).unwrap_or_default();
                self.facts.find("file", None, row, line);
            }
        }
        Ok(())
    }

    fn rows(&mut self, tenant: Option<&str>) -> Result<(), StoreError> {
        for table in rows::TABLES {
            self.facts.reached(table.name);
            let done = walk::walk(self.db, table, self.facts);
            self.tolerate(table.name, done)?;
            match table.name {
                "tenants" => self.narrow(tenant)?,
                "groups" => self.facts.groups_are_complete(),
                _ => {}
            }
        }
        Ok(())
    }

    fn narrow(&mut self, tenant: Option<&str>) -> Result<(), StoreError> {
        let Some(name) = tenant else { return Ok(()) };
        if let Some(tenant) = Session::new(self.db).tenant_by_name(name)? {
            self.facts.only(tenant.id);
        }
        Ok(())
    }

    /// Those of the tenants that can be read to the end.
    fn digests(&mut self) -> Result<Vec<Digested>, StoreError> {
        let mut digests = Vec::new();
        for tenant in self.facts.tenants() {
            self.facts.reached("digests");
            match digest_of(&mut Session::new(self.db), tenant.id, PortionSize::default()) {
                Ok(digested) => digests.extend(digested),
                // Whatever keeps it from being read has been told, if that is a row.
                Err(error) if is_damage(&error) => {
                    if self.facts.found_of(tenant.id) == 0 {
                        self.facts.find("tenants", Some(tenant.id), String::new(), error.to_string());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(digests)
    }

    /// In a backup: what it says of itself.
    fn manifest(&mut self, digests: &[Digested]) -> Result<(), StoreError> {
        let kept = match super::backup::manifest(self.db) {
            Ok(kept) => kept,
            Err(error) => return self.tolerate("backups", Err(error)),
        };
        if kept.is_empty() {
            return Ok(());
        }
        for digested in digests {
            let head = &digested.head.tenant;
            let said = kept.iter().find(|entry| entry.tenant == head.id);
            if said.is_none_or(|entry| entry.digest != digested.digest) {
                let problem = "what it holds is not what it held when the backup was made";
                self.facts.find("backups", Some(head.id), format!("tenant {:?}", head.name), problem);
            }
        }
        for entry in
            kept.iter().filter(|entry| digests.iter().all(|known| known.head.tenant.id != entry.tenant))
        {
            let problem = "it was in the backup when it was made, and cannot be read from it";
            self.facts.find("backups", Some(entry.tenant), String::new(), problem);
        }
        Ok(())
    }
}

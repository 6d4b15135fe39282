//! The schema of a store, for people: what it has, what it lacks, and bringing it up to date.

use std::fmt;
use std::str::FromStr;

use crate::{Location, Options, Purpose, StoreError, postgres, sqlite};

/// One step of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Steps are numbered from 1 upwards, and are applied in this order.
    pub number: i64,
    /// What it is about.
    pub name: &'static str,
    /// Whether the store has it.
    pub is_applied: bool,
    /// What it does, in SQL; each statement of a database is a transaction of its own.
    pub statements: Vec<String>,
}

/// How the tables of a database lie. Chosen when they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Each is one table.
    Whole,
    /// Those of tenants are hash-partitioned by tenant, into so many.
    Partitions(u16),
    /// Those of tenants are distributed over the nodes of Citus by tenant, all alike.
    Citus,
}

/// As it is stored.
impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => formatter.write_str("whole"),
            Self::Partitions(count) => write!(formatter, "{count} partitions"),
            Self::Citus => formatter.write_str("citus"),
        }
    }
}

impl FromStr for Spread {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "whole" => Ok(Self::Whole),
            "citus" => Ok(Self::Citus),
            _ => text
                .strip_suffix(" partitions")
                .and_then(|count| count.parse().ok())
                .map(Self::Partitions)
                .ok_or(()),
        }
    }
}

/// The steps of a store's schema. `spread` is how the tables of a database without any would lie; `None` for Citus
/// where that is installed, and whole tables elsewhere. Writes nothing.
pub fn migrations(location: &Location, spread: Option<Spread>) -> Result<Vec<Migration>, StoreError> {
    match location {
        Location::Directory(path) => sqlite::migrations(path),
        Location::Database(database) => postgres::migrations(database, spread),
    }
}

/// Brings a store's schema up to date, and makes the store if it is not there. Several may try at once: one does
/// it, the others wait.
pub fn migrate(location: &Location, spread: Option<Spread>) -> Result<(), StoreError> {
    match location {
        // No server runs there that is older: it holds the directory.
        Location::Directory(path) => {
            sqlite::open(path, &Options::new(Purpose::Admin)).map(|store| store.close())
        }
        Location::Database(database) => postgres::migrate(database, spread),
    }
}

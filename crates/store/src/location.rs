//! Where a store lies.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::postgres::Database;

/// Where a store lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In a data directory: the embedded engine.
    Directory(PathBuf),
    /// In a `PostgreSQL` database.
    Database(Box<Database>),
}

/// Why a text says no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LocationFault(pub(crate) String);

/// `postgres://…` (libpq's URLs), `sqlite:PATH`, or the path of a data directory.
impl FromStr for Location {
    type Err = LocationFault;

    fn from_str(text: &str) -> Result<Self, LocationFault> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Database(Box::new(text.parse()?)));
        }
        let path = text.strip_prefix("sqlite:").unwrap_or(text);
        if path.is_empty() || path.contains("://") {
            return Err(LocationFault(format!(
                "{text:?} is no place of a store: give postgres://USER@HOST/DATABASE, sqlite:DIRECTORY or a directory"
            )));
        }
        Ok(Self::Directory(path.into()))
    }
}

/// As it is shown to people: without a password.
impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(formatter),
            Self::Database(database) => database.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart() {
        let shown = |text: &str| text.parse::<Location>().map(|location| location.to_string());
        assert_eq!(shown("sqlite:/data"), Ok("/data".to_owned()));
        assert_eq!(shown("data"), Ok("data".to_owned()));
        assert_eq!(
            shown("postgres://me:secret@db1,db2:5433/rosterd?sslmode=verify-full"),
            Ok("postgres://me@db1:5432,db2:5433/rosterd".to_owned())
        );
        assert!(
            shown("mysql://db/rosterd").is_err_and(|fault| fault.to_string().contains("sqlite:DIRECTORY"))
        );
        assert!(shown("sqlite:").is_err());
    }
}

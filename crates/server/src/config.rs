//! Where the store lies, and settings that cannot be. Flag before environment before default.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use etcetera::BaseStrategy as _;
use store::Location;

const DATA_DIR: &str = "ROSTERD_DATA_DIR";
const DATABASE_URL: &str = "DATABASE_URL";

/// The options that every command on a store has.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreLocation {
    /// Directory of the embedded store; it is created if need be
    /// [default: rosterd in the XDG data directory, ~/.local/share/rosterd]
    #[arg(long, value_name = "DIR", env = DATA_DIR)]
    data_dir: Option<PathBuf>,
    /// PostgreSQL database to use instead of a directory: a URL as libpq has them, with one host or several, sslmode
    /// and sslrootcert
    #[arg(long, value_name = "postgres://USER@HOST/DATABASE", env = DATABASE_URL, hide_env_values = true)]
    database_url: Option<String>,
}

impl StoreLocation {
    /// The location in force. What is said on the command line wins over the environment.
    pub(crate) fn location(&self) -> anyhow::Result<Location> {
        let is_said =
            |given: &OsStr, variable: &str| std::env::var_os(variable).is_none_or(|set| set != given);
        let directory = self.data_dir.as_deref().map(|path| (path, is_said(path.as_os_str(), DATA_DIR)));
        let database = self.database_url.as_deref().map(|url| (url, is_said(url.as_ref(), DATABASE_URL)));
        match (directory, database) {
            (None, None) => Ok(Location::Directory(default_directory()?)),
            (Some((path, _)), None) | (Some((path, true)), Some((_, false))) => {
                Ok(Location::Directory(path.to_owned()))
            }
            (None, Some((url, _))) | (Some((_, false)), Some((url, true))) => database_at(url),
            (Some(_), Some(_)) => Err(Misconfigured(
                "both a data directory and a database are named: give --data-dir or --database-url, or unset one of \
                 ROSTERD_DATA_DIR and DATABASE_URL"
                    .to_owned(),
            )
            .into()),
        }
    }
}

fn database_at(url: &str) -> anyhow::Result<Location> {
    match url.parse::<Location>() {
        Ok(location @ Location::Database(_)) => Ok(location),
        Ok(Location::Directory(_)) => {
            Err(Misconfigured("the database URL must begin with postgres://".to_owned()).into())
        }
        Err(fault) => Err(Misconfigured(fault.to_string()).into()),
    }
}

/// Where the embedded store lies unless somebody says otherwise.
fn default_directory() -> anyhow::Result<PathBuf> {
    let base = etcetera::choose_base_strategy()
        .context("there is no home directory to keep data in: say where with --data-dir DIR")?;
    Ok(base.data_dir().join("rosterd"))
}

/// Settings that the server refuses to start with; the text says what to do.
#[derive(Debug)]
pub(crate) struct Misconfigured(pub(crate) String);

impl fmt::Display for Misconfigured {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Misconfigured {}

//! Where the data lies, and settings that cannot be. Flag before environment before default.

use std::fmt;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use etcetera::BaseStrategy as _;

/// The option that every command on the data directory has.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataDirectory {
    /// Directory of the embedded store; it is created if need be
    /// [default: rosterd in the XDG data directory, ~/.local/share/rosterd]
    #[arg(long, value_name = "DIR", env = "ROSTERD_DATA_DIR")]
    data_dir: Option<PathBuf>,
}

impl DataDirectory {
    /// The directory in force.
    pub(crate) fn path(&self) -> anyhow::Result<PathBuf> {
        if let Some(given) = &self.data_dir {
            return Ok(given.clone());
        }
        let base = etcetera::choose_base_strategy()
            .context("there is no home directory to keep data in: say where with --data-dir DIR")?;
        Ok(base.data_dir().join("rosterd"))
    }
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

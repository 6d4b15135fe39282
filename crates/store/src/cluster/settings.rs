//! How a cluster is set up.

use std::fmt::Write as _;

/// What is in `postgresql.conf`, beside what `initdb` puts there.
#[derive(Debug, Clone)]
pub struct Settings {
    pairs: Vec<(String, String)>,
}

/// A test has few connections and little data; nobody but the test connects.
const SMALL: &[(&str, &str)] = &[
    ("listen_addresses", ""),
    ("max_connections", "100"),
    ("max_wal_size", "256MB"),
    ("shared_buffers", "32MB"),
    // In its home, so that nothing stays of a server that was killed.
    ("dynamic_shared_memory_type", "mmap"),
    ("log_line_prefix", "%m [%p] "),
    ("timezone", "UTC"),
];

impl Settings {
    /// What a test needs that kills nothing: nothing waits for the disk.
    pub fn fast() -> Self {
        Self::durable().with("fsync", "off").with("synchronous_commit", "off").with("full_page_writes", "off")
    }

    /// What was acknowledged survives.
    pub fn durable() -> Self {
        let pairs = SMALL.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { pairs }.with("fsync", "on").with("synchronous_commit", "on").with("full_page_writes", "on")
    }

    /// One setting more, or another value of one.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.pairs.retain(|(present, _)| present != name);
        self.pairs.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The lines of the file.
    pub(super) fn lines(&self) -> String {
        self.pairs.iter().fold(String::from("\n"), |mut lines, (name, value)| {
            // Writing into a text cannot fail.
            let _ = writeln!(lines, "{name} = '{}'", value.replace('\'', "''"));
            lines
        })
    }
}

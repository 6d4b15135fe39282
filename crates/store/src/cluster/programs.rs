//! The programs, and what happens where they are absent.

use std::fs;
use std::path::{Path, PathBuf};

/// Where Debian keeps the servers, a directory for each version. They are not in `PATH`.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Where Debian keeps the pooler.
const BOUNCER: &str = "/usr/sbin/pgbouncer";

/// Whether clusters can be started here. Where they cannot, this says so, and fails in CI.
///
/// # Panics
/// When they cannot and the environment says `CI=true`.
pub fn available() -> bool {
    found("PostgreSQL", "postgresql", newest().is_some())
}

/// Whether [`PgBouncer`](super::PgBouncer) can be started here, likewise.
///
/// # Panics
/// When it cannot and the environment says `CI=true`.
pub fn bouncer_available() -> bool {
    available() && found("PgBouncer", "pgbouncer", Path::new(BOUNCER).exists())
}

#[expect(clippy::print_stderr, reason = "skipped tests are told to whoever reads the test's output")]
fn found(name: &str, package: &str, found: bool) -> bool {
    let ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(found || !ci, "{name} is not installed: scripts/test installs it");
    if !found {
        eprintln!("skipped: {name} is not installed (scripts/test does it for root; Debian: {package})");
    }
    found
}

/// A program of the newest version.
pub(super) fn program(name: &str) -> PathBuf {
    newest().expect("PostgreSQL is installed").1.join(name)
}

/// The pooler.
pub(super) fn bouncer() -> &'static Path {
    Path::new(BOUNCER)
}

/// The newest version that is installed, and where its programs are.
pub(super) fn newest() -> Option<(u32, PathBuf)> {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let version =
        |entry: fs::DirEntry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")));
    versions.filter_map(version).filter(|(_, programs)| programs.join("initdb").exists()).max()
}

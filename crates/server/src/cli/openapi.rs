//! `rosterd openapi`

use super::administration::print;

/// Prints the document that a server of this version serves at `/openapi.json`.
pub(super) fn run() -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(&crate::http::openapi())?)
}

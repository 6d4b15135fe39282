//! What `verify`, `backup` and `restore` show: how they get on, and what is damaged.

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use store::verify::{Finding, VerifiedTenant, Watch};

use super::administration::{print_table, say};

/// Something is damaged, which has an exit code of its own.
#[derive(Debug)]
pub(super) struct Damaged(pub(super) String);

impl fmt::Display for Damaged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Damaged {}

/// Shows how far a command is, and keeps what it finds.
pub(super) struct Watching {
    bar: ProgressBar,
    /// Whether findings are said at once, on standard error.
    says: bool,
    pub(super) findings: Vec<Finding>,
}

impl Watching {
    /// Drawn on standard error if that is a terminal, and nowhere else.
    pub(super) fn new(says: bool) -> Self {
        let bar = if io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        if !bar.is_hidden() {
            // A bar that stands still looks dead.
            bar.enable_steady_tick(Duration::from_millis(250));
        }
        Self { bar, says, findings: Vec::new() }
    }

    /// Takes the bar off the screen.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Watching {
    fn found(&mut self, finding: Finding) {
        if self.says {
            self.bar.suspend(|| say(&line(&finding)));
        }
        self.findings.push(finding);
    }

    fn reached(&mut self, doing: &str, rows: u64) {
        if !self.bar.is_hidden() {
            self.bar.set_message(format!("{doing}: {rows}"));
        }
    }
}

/// A finding for people.
pub(super) fn line(finding: &Finding) -> String {
    let Finding { table, tenant, row, problem } = finding;
    let whose = tenant.as_ref().map(|name| format!(", tenant {name}")).unwrap_or_default();
    let which = if row.is_empty() { String::new() } else { format!(", {row}") };
    format!("damaged: {table}{whose}{which}: {problem}")
}

/// A finding for programs.
pub(super) fn object(finding: &Finding) -> Value {
    let Finding { table, tenant, row, problem } = finding;
    json!({ "table": table, "tenant": tenant, "row": row, "problem": problem })
}

/// Tenants for programs.
pub(super) fn tenant_objects(tenants: &[VerifiedTenant]) -> Vec<Value> {
    let object = |tenant: &VerifiedTenant| {
        json!({
            "name": tenant.name, "groups": tenant.groups, "levels": tenant.levels,
            "revision": tenant.digested.as_ref().map(|digested| digested.head.tenant.revision),
            "digest": tenant.digested.as_ref().map(|digested| digested.digest.to_string()),
        })
    };
    tenants.iter().map(object).collect()
}

/// Tenants for people.
pub(super) fn show(tenants: &[VerifiedTenant]) -> anyhow::Result<()> {
    let row = |tenant: &VerifiedTenant| {
        let unread = || "-".to_owned();
        let digested = tenant.digested.as_ref();
        [
            tenant.name.clone(),
            tenant.groups.to_string(),
            tenant.levels.to_string(),
            digested.map_or_else(unread, |digested| digested.head.tenant.revision.to_string()),
            digested.map_or_else(unread, |digested| digested.digest.to_string()),
        ]
    };
    print_table(["TENANT", "GROUPS", "LEVELS", "REVISION", "DIGEST"], tenants.iter().map(row))
}

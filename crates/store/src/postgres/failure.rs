//! What a failure of the database means: by SQLSTATE, and by what was under way (engines.md §6.5).

use std::fmt;

use tokio_postgres::error::SqlState;

use crate::StoreError;

/// What was under way when something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Anything before a commit was sent: nothing of it is kept.
    Before,
    /// A commit was sent.
    Commit,
}

/// What can be done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing is kept: the whole transaction can be tried again.
    Again,
    /// The transaction may be there or not.
    Unknown,
    /// What was written is there already.
    Taken,
    /// The disk of the database is full.
    Full,
    /// The database has no resources for it now.
    Busy,
    /// What is stored is damaged.
    Damaged,
    /// Trying again would not help: settings, rights, or a defect of ours.
    Defect,
}

/// A failure of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) class: Class,
    /// Whether the connection cannot be used any more.
    pub(super) lost: bool,
    /// For logs, and for callers where nothing is better; without the server's details, which may show data.
    text: String,
}

impl Failure {
    /// Something that the database was not asked for: a deadline, a connection that is gone, a host that is none.
    pub(super) fn lost(phase: Phase, text: impl Into<String>) -> Self {
        let class = match phase {
            Phase::Before => Class::Again,
            Phase::Commit => Class::Unknown,
        };
        Self { class, lost: true, text: text.into() }
    }

    pub(super) fn defect(text: impl Into<String>) -> Self {
        Self { class: Class::Defect, lost: false, text: text.into() }
    }

    /// The same, where there is something that can be tried again after it.
    pub(super) fn into_another_try(self) -> Self {
        Self { class: Class::Again, ..self }
    }

    /// A plan that missed a race.
    pub(super) fn race(text: impl Into<String>) -> Self {
        Self { class: Class::Taken, lost: false, text: text.into() }
    }

    pub(super) fn busy(text: impl Into<String>) -> Self {
        Self { class: Class::Busy, lost: false, text: text.into() }
    }

    pub(super) fn of(error: &tokio_postgres::Error, phase: Phase) -> Self {
        let Some(database) = error.as_db_error() else {
            if is_ours(error) {
                return Self::defect(described(error));
            }
            // A dead socket has no code: what it means depends on what was sent.
            return Self::lost(phase, described(error));
        };
        let code = database.code();
        let lost = ends_the_connection(code);
        let class = match (phase, class(code)) {
            // The connection went, or the node that committed, between the commit and its answer.
            (Phase::Commit, _) if lost || is_unknown(code) => Class::Unknown,
            (_, class) => class,
        };
        Self { class, lost, text: format!("{} ({})", database.message(), code.code()) }
    }

    /// Of two hosts' failures the one that leaves hope.
    pub(super) fn better(self, other: Self) -> Self {
        if self.class == Class::Again { self } else { other }
    }

    pub(super) fn with_text(self, text: String) -> Self {
        Self { text, ..self }
    }

    pub(super) fn into_error(self) -> StoreError {
        let Self { class, text, .. } = self;
        match class {
            Class::Again | Class::Busy => StoreError::Unavailable(format!("the database: {text}")),
            Class::Unknown => StoreError::OutcomeUnknown(format!("the database: {text}")),
            Class::Taken => StoreError::Conflict(text),
            Class::Full => StoreError::Full,
            Class::Damaged => StoreError::Corrupt(format!("the database: {text}")),
            Class::Defect => StoreError::Internal(format!("the database: {text}")),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn class(code: &SqlState) -> Class {
    match code.code() {
        "23505" => Class::Taken,
        // Among them: a transaction that was idle for too long, and a plan of the server's that is out of date.
        "40001" | "40P01" | "55P03" | "57P01" | "57P02" | "57P03" | "53300" | "25006" | "26000" | "42P05"
        | "25P03" | "0A000" => Class::Again,
        "53100" => Class::Full,
        "57014" => Class::Busy,
        "XX001" | "XX002" => Class::Damaged,
        other => match other.get(..2) {
            Some("08") => Class::Again,
            Some("53" | "54") => Class::Busy,
            _ => Class::Defect,
        },
    }
}

fn is_unknown(code: &SqlState) -> bool {
    // XX000 at a commit is what Citus says when a node went meanwhile.
    matches!(code.code(), "40003" | "08007" | "XX000")
}

/// Whether the server ends the connection with this, or it is one to a server that takes no writes.
fn ends_the_connection(code: &SqlState) -> bool {
    let code = code.code();
    code.starts_with("08") || matches!(code, "57P01" | "57P02" | "57P03" | "53300" | "25006" | "25P03")
}

/// Whether a value could not be written or read: a defect, whatever the connection does.
fn is_ours(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    text.starts_with("error serializing")
        || text.starts_with("error deserializing")
        || text.starts_with("invalid column")
}

fn described(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// A value that is stored and cannot be.
pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(format!("a stored {what} cannot be read"))
}

impl From<tokio_postgres::Error> for StoreError {
    /// Where a row is read: its connection has done its part.
    fn from(error: tokio_postgres::Error) -> Self {
        Failure::defect(described(&error)).into_error()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_what_can_be_done() {
        for (code, expected, ends) in [
            ("40001", Class::Again, false),
            ("40P01", Class::Again, false),
            ("55P03", Class::Again, false),
            ("57P01", Class::Again, true),
            ("57P03", Class::Again, true),
            ("08006", Class::Again, true),
            ("53300", Class::Again, true),
            ("25006", Class::Again, true),
            ("26000", Class::Again, false),
            ("23505", Class::Taken, false),
            ("53100", Class::Full, false),
            ("57014", Class::Busy, false),
            ("53200", Class::Busy, false),
            ("54000", Class::Busy, false),
            ("XX001", Class::Damaged, false),
            ("28P01", Class::Defect, false),
            ("42501", Class::Defect, false),
            ("22021", Class::Defect, false),
            ("21000", Class::Defect, false),
        ] {
            let code = SqlState::from_code(code);
            assert_eq!((class(&code), ends_the_connection(&code)), (expected, ends), "{code:?}");
        }
        for code in ["40003", "08007", "XX000"] {
            assert!(is_unknown(&SqlState::from_code(code)));
        }
    }

    #[test]
    fn what_is_lost_after_a_commit_was_sent_may_be_there() {
        assert_eq!(Failure::lost(Phase::Before, "").class, Class::Again);
        assert_eq!(Failure::lost(Phase::Commit, "").class, Class::Unknown);
        assert!(matches!(Failure::lost(Phase::Commit, "").into_error(), StoreError::OutcomeUnknown(_)));
        assert!(matches!(Failure::lost(Phase::Before, "").into_error(), StoreError::Unavailable(_)));
    }
}

//! What `SQLite` reports, in the words of the contract.

use rusqlite::{Error, ErrorCode};

use crate::StoreError;

impl From<Error> for StoreError {
    /// An I/O error becomes [`StoreError::OutcomeUnknown`], which poisons the writer; the read side turns
    /// it into [`StoreError::Unavailable`], because a read has no outcome.
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::SystemIoFailure) => Self::OutcomeUnknown(text),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(text),
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::PermissionDenied
                | ErrorCode::FileLockingProtocolFailed,
            ) => Self::Unavailable(text),
            Some(_) => Self::Internal(text),
            None => match error {
                Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::InvalidColumnType(..)
                | Error::Utf8Error(..) => Self::Corrupt(text),
                _ => Self::Internal(text),
            },
        }
    }
}

/// A value that no version of this program has written.
pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::Corrupt(format!("a stored {what} is not one"))
}

/// Whether a statement ran into a unique index: somebody was faster.
pub(super) fn is_taken(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

//! The list of records of one request.

use crate::directive::{Directive, LookupKey};
use crate::model::TenantId;
use crate::outcome::Failure;

/// One record: what it asks for, or why it could not be read. Either way it keeps its place.
pub type Record = Result<Directive, Rejection>;

/// A record with faults of its own. Its key, where it could be read, still counts as a duplicate and
/// as a parent of this batch (rules §4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The key, if that at least could be read.
    pub key: Option<LookupKey>,
    /// Whether the record leaves the name out, which a create needs.
    pub lacks_name: bool,
    /// Everything that is wrong with it, most important first; never empty.
    pub failures: Vec<Failure>,
}

/// The records of one request, in order, for one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Whose groups these are; comes from the caller's credential alone.
    pub tenant: TenantId,
    /// 1 … [`Batch::MAX_RECORDS`] records, counted from 0.
    pub records: Vec<Record>,
}

/// A batch that is refused before any record is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchError {
    /// It holds no record.
    Empty,
    /// It holds more than [`Batch::MAX_RECORDS`].
    TooLarge {
        /// Records found.
        records: usize,
    },
}

impl Batch {
    /// The most records of one batch (rules §10).
    pub const MAX_RECORDS: usize = 1000;

    /// A batch of these records.
    pub fn new(tenant: TenantId, records: Vec<Record>) -> Result<Self, BatchError> {
        match records.len() {
            0 => Err(BatchError::Empty),
            1..=Self::MAX_RECORDS => Ok(Self { tenant, records }),
            records => Err(BatchError::TooLarge { records }),
        }
    }
}

/// The key by which a record is known, if it could be read.
pub(crate) fn key_of(record: &Record) -> Option<&LookupKey> {
    match record {
        Ok(directive) => Some(&directive.key),
        Err(rejection) => rejection.key.as_ref(),
    }
}

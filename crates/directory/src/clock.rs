//! Time and ids as parameters, so that every decision can be repeated.

use crate::model::GroupId;

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// Where the time of a batch comes from. Only for display and expiry: order comes from revisions.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// Where the ids of created groups come from.
pub trait IdSource {
    /// An id that no group of the tenant has or had, nor any record of the batch asks for.
    fn next_id(&mut self) -> GroupId;
}

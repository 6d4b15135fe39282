//! The list of records of one request.

use crate::directive::{Directive, LookupKey};
use crate::model::{GroupId, TenantId};
use crate::outcome::{Failure, Field};

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
    /// What all of them ask for.
    pub intent: Intent,
    /// What is not to be done, whatever the records ask.
    pub terms: Terms,
    /// The state that every group meant must be in; `None` where any will do.
    pub expected: Option<Expected>,
    /// 1 … [`Batch::MAX_RECORDS`] records, counted from 0.
    pub records: Vec<Record>,
}

/// What is to become of the groups that the records of a batch mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Intent {
    /// They are created where they are not stored, and take the fields that their records hold.
    #[default]
    Upsert,
    /// They take the fields that their records hold; none is created.
    Update,
    /// They are archived. The records hold no fields.
    Archive(Reach),
    /// They are restored. The records hold no fields.
    Restore,
}

/// How far down the tree archiving goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// The group itself, which must have no living children left.
    Itself,
    /// The group and everything below it.
    Subtree,
}

/// What a batch does not do, whatever its records ask (contract 2 §4).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each stands alone")]
pub struct Terms {
    /// Fields that keep the values that stored groups have for them.
    pub keep: Vec<Field>,
    /// Stored groups stay where they are; what records say of parents is for groups to be created.
    pub keep_place: bool,
    /// No group is created.
    pub no_create: bool,
    /// Groups may be created without a name: it is empty then.
    pub nameless: bool,
    /// A bad entry of a list within a record is left out alone, and told, instead of failing its record.
    pub entries_apart: bool,
}

impl Terms {
    /// Whether they take anything out of records.
    pub(crate) const fn suppress(&self) -> bool {
        !self.keep.is_empty() || self.keep_place
    }
}

/// The state that a caller expects a group to be in (RFC 9110 §13.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// It is stored, in whatever state.
    Stored,
    /// It is not stored.
    Absent,
    /// It is stored, and one of these pairs holds its id and its revision.
    At(Vec<(GroupId, i64)>),
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

    /// An upsert of these records.
    pub fn new(tenant: TenantId, records: Vec<Record>) -> Result<Self, BatchError> {
        match records.len() {
            0 => Err(BatchError::Empty),
            1..=Self::MAX_RECORDS => {
                Ok(Self { tenant, intent: Intent::Upsert, terms: Terms::default(), expected: None, records })
            }
            records => Err(BatchError::TooLarge { records }),
        }
    }

    /// The same records, asking for something else.
    #[must_use]
    pub fn intending(self, intent: Intent) -> Self {
        Self { intent, ..self }
    }

    /// The same records, under these terms.
    #[must_use]
    pub fn under(self, terms: Terms) -> Self {
        Self { terms, ..self }
    }

    /// The same records, on this condition.
    #[must_use]
    pub fn expecting(self, expected: Option<Expected>) -> Self {
        Self { expected, ..self }
    }
}

/// The key by which a record is known, if it could be read.
pub(crate) fn key_of(record: &Record) -> Option<&LookupKey> {
    match record {
        Ok(directive) => Some(&directive.key),
        Err(rejection) => rejection.key.as_ref(),
    }
}

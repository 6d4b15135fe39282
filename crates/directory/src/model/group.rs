//! The group itself.

use super::{Description, Details, ExternalReference, GroupId, Name, PhotoUrl};
use crate::clock::Timestamp;

/// A group as it is stored: one node of its tenant's forest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Unique in the tenant.
    pub id: GroupId,
    /// Zero or more; a pair belongs to one group of the tenant, archived ones included.
    pub references: Vec<ExternalReference>,
    /// Shown to people.
    pub name: Name,
    /// `None` when never set or cleared; an empty text is a value.
    pub description: Option<Description>,
    /// `None` for a root.
    pub parent: Option<GroupId>,
    /// `None` when never set or cleared.
    pub photo_url: Option<PhotoUrl>,
    /// What contract 2 knows of it; `None` where all of that has its defaults.
    pub details: Option<Box<Details>>,
    /// When it was archived; `None` while it lives.
    pub archived_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Time of the last batch that changed it.
    pub updated_at: Timestamp,
    /// Revision of the last batch that changed it (rules §9).
    pub revision: i64,
}

impl Group {
    /// Whether the group is archived.
    pub const fn is_archived(&self) -> bool {
        self.archived_at.is_some()
    }
}

//! The read side.

use crate::model::{Group, GroupId, ReferenceKey};

/// A group with what a reader wants to see of its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupView {
    /// The group.
    pub group: Group,
    /// The first external key of its parent, if it has a parent and that has a key.
    pub parent_key: Option<ReferenceKey>,
}

/// One page of a tenant's living groups, in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only groups with a greater id; `None` from the start.
    pub after: Option<GroupId>,
    /// The most groups to return, 1–1000.
    pub limit: usize,
}

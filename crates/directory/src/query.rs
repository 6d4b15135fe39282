//! The read side.

use crate::clock::Timestamp;
use crate::model::{Group, GroupId, ReferenceKey, Source};

/// A group with what a reader wants to see of its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupView {
    /// The group.
    pub group: Group,
    /// The first external key of its parent, if it has a parent and that has a key.
    pub parent_key: Option<ReferenceKey>,
}

/// Which groups a list shows: those that meet every condition. By default all that live.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Where they lie.
    pub place: Place,
    /// Whether they live.
    pub life: Life,
    /// Of this source only, by the first reference, which is the one that is shown.
    pub source: Option<Source>,
    /// Changed after this moment only.
    pub updated_after: Option<Timestamp>,
}

/// Where in its tenant's forest a list looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// In all of it.
    #[default]
    Anywhere,
    /// Among groups without a parent.
    Roots,
    /// Directly below this group.
    Below(GroupId),
}

/// Which groups are shown by whether they live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Life {
    /// Those that live.
    #[default]
    Living,
    /// Those that are archived.
    Archived,
    /// Both.
    Any,
}

impl Life {
    /// Whether a group that is archived, or is not, is shown.
    pub const fn admits(self, archived: bool) -> bool {
        match self {
            Self::Living => !archived,
            Self::Archived => archived,
            Self::Any => true,
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Only what comes after this group; `None` from the start.
    pub after: Option<GroupId>,
    /// The most groups to return, 1–1000.
    pub limit: usize,
}

/// What one page holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// The groups, at most as many as the page may hold.
    pub views: Vec<GroupView>,
    /// The group after which the next page starts; `None` where nothing is left. An engine that has
    /// looked at many groups to find few ends the page early.
    pub next: Option<GroupId>,
}

/// A page by its number: the groups that a filter lets through, in ascending order of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// Only groups whose name has these beginnings of words.
    pub name: Option<crate::search::Search>,
    /// How many groups come before the page.
    pub skip: usize,
    /// The most groups to return, 1–1000.
    pub limit: usize,
}

/// What such a page holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sliced {
    /// The groups, at most as many as the page may hold.
    pub views: Vec<GroupView>,
    /// How many there are on all pages.
    pub total: usize,
}

/// One page of the tree below a group: level by level, within a level in the order of their parents in the
/// level above, then of ids. The walk goes through groups that are not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreePage {
    /// Which groups are shown.
    pub life: Life,
    /// How many levels, at least 1.
    pub depth: usize,
    /// Only what comes after this place; `None` from the start.
    pub after: Option<TreePlace>,
    /// The most groups to return, 1–1000.
    pub limit: usize,
}

/// A place in the walk through a tree: all of one group is done, as far as its level needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreePlace {
    /// The level that is being walked; children are level 1.
    pub level: usize,
    /// The group, on that level or above it.
    pub group: GroupId,
    /// Whether the level is known to have groups. If it ends without, so does the tree.
    pub inhabited: bool,
}

/// What one page of a tree holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    /// Levels and groups; children are level 1.
    pub groups: Vec<(usize, GroupView)>,
    /// Where the next page starts; `None` where nothing is left. As with lists, a page may end early.
    pub next: Option<TreePlace>,
}

/// A place in the feed of changes, which shows each group once, at its latest revision, in the order of
/// revisions and then of ids. All of lower revisions is done; of this one, groups up to an id are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangePlace {
    /// The revision.
    pub revision: i64,
    /// The last group of this revision that is done; all are behind it.
    pub group: GroupId,
}

impl ChangePlace {
    /// The place where all of a revision is done.
    pub const fn end_of(revision: i64) -> Self {
        Self { revision, group: GroupId::MAX }
    }

    /// The place where a group, as it is shown, is the last one that is done.
    pub const fn after(view: &GroupView) -> Self {
        Self { revision: view.group.revision, group: view.group.id }
    }
}

/// What one page of the feed of changes holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The groups, living and archived, in the order of the feed.
    pub views: Vec<GroupView>,
    /// Where the next page starts: behind the last group, or at the end of the tenant's revision.
    pub next: ChangePlace,
    /// Whether there was more to show at that moment.
    pub more: bool,
}

//! The walk through a tree, level by level, that can go on at any place.
//!
//! A level is reached by going down to it from the top along the index of children, depth first: where the
//! walk stands is then told by one group, however wide the levels are. A queue of parents would have to
//! be remembered between pages, or made anew for each.

use directory::{GroupId, TenantId, Tree, TreePage, TreePlace};
use rusqlite::{CachedStatement, Connection, OptionalExtension};

use super::read::{MOST_LOOKED_AT, complete, view};
use super::rows::group_id;
use crate::StoreError;

pub(super) fn tree(
    db: &Connection,
    tenant: TenantId,
    of: GroupId,
    page: TreePage,
) -> Result<Option<Tree>, StoreError> {
    let Some(mut walk) = Walk::start(db, tenant, of, page.after)? else { return Ok(None) };
    let (mut levels, mut views, mut next, mut looked_at) = (Vec::new(), Vec::new(), None, 0);
    while let Some(step) = walk.step(page.depth)? {
        looked_at += 1;
        if step.reached
            && let Some(view) = view(db, tenant, step.group)?
            && page.life.admits(view.group.is_archived())
        {
            levels.push(walk.level);
            views.push(view);
        }
        if views.len() >= page.limit || looked_at >= MOST_LOOKED_AT {
            next = Some(TreePlace { level: walk.level, group: step.group, inhabited: walk.inhabited });
            break;
        }
    }
    let groups = levels.into_iter().zip(complete(db, tenant, views)?).collect();
    Ok(Some(Tree { groups, next }))
}

struct Walk<'d> {
    tenant: TenantId,
    /// The next child of a group.
    child: CachedStatement<'d>,
    /// From the top to the group whose children are being walked.
    path: Vec<GroupId>,
    /// The last of these children that is done.
    after: i64,
    level: usize,
    inhabited: bool,
}

/// A group that is done: one of the level, or one above it with all that lies below.
struct Step {
    group: GroupId,
    /// Whether it is one of the level.
    reached: bool,
}

impl<'d> Walk<'d> {
    fn start(
        db: &'d Connection,
        tenant: TenantId,
        top: GroupId,
        after: Option<TreePlace>,
    ) -> Result<Option<Self>, StoreError> {
        let child = db.prepare_cached(include_str!("sql/next_child.sql"))?;
        let Some(place) = after else {
            return Ok(Some(Self { tenant, child, path: vec![top], after: 0, level: 1, inhabited: false }));
        };
        let Some(path) = path(db, tenant, top, place)? else { return Ok(None) };
        let TreePlace { level, group, inhabited } = place;
        Ok(Some(Self { tenant, child, path, after: group.get(), level, inhabited }))
    }

    /// Goes on to the next group that is done; `None` at the end of the tree.
    fn step(&mut self, depth: usize) -> Result<Option<Step>, StoreError> {
        while let Some(parent) = self.path.last() {
            let bound = (self.tenant.0, parent.get(), self.after);
            let child: Option<i64> = self.child.query_row(bound, |row| row.get(0)).optional()?;
            match child.map(group_id).transpose()? {
                Some(group) if self.path.len() == self.level => {
                    (self.after, self.inhabited) = (group.get(), true);
                    return Ok(Some(Step { group, reached: true }));
                }
                Some(group) => {
                    self.path.push(group);
                    self.after = 0;
                }
                None if self.path.len() == 1 => {
                    if !self.inhabited || self.level >= depth {
                        return Ok(None);
                    }
                    (self.level, self.after, self.inhabited) = (self.level + 1, 0, false);
                }
                None => {
                    let done = self.path.pop();
                    self.after = done.map_or(0, GroupId::get);
                    return Ok(done.map(|group| Step { group, reached: false }));
                }
            }
        }
        Ok(None)
    }
}

/// The groups from the top to the parent of a place, if it still lies there and not too deep.
fn path(
    db: &Connection,
    tenant: TenantId,
    top: GroupId,
    place: TreePlace,
) -> Result<Option<Vec<GroupId>>, StoreError> {
    let mut select = db.prepare_cached("SELECT parent_id FROM groups WHERE tenant = ?1 AND id = ?2")?;
    let (mut path, mut group) = (Vec::new(), place.group);
    while path.len() < place.level {
        let parent: Option<Option<i64>> =
            select.query_row((tenant.0, group.get()), |row| row.get(0)).optional()?;
        let Some(parent) = parent.flatten() else { return Ok(None) };
        group = group_id(parent)?;
        path.push(group);
        if group == top {
            path.reverse();
            return Ok(Some(path));
        }
    }
    Ok(None)
}

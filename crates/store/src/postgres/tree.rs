//! The walk through a tree, level by level, that can go on at any place.
//!
//! A level is reached by going down to it from the top along the index of children, depth first: where the
//! walk stands is then told by one group, however wide the levels are. What it will come to is fetched ahead,
//! for many parents at once.

use std::collections::HashMap;

use directory::{GroupId, TenantId, Tree, TreePage, TreePlace};
use tokio_postgres::types::Type;

use super::link::Link;
use super::read::{MOST_LOOKED_AT, bound, views};
use super::rows::group_id;
use crate::StoreError;

/// How many parents' children are fetched at once, and how many children at most.
const PARENTS: usize = 256;
const CHILDREN: usize = 1024;
/// How far is looked ahead for parents.
const LOOKED_AHEAD: usize = 8 * CHILDREN;

pub(super) fn tree(
    link: &mut Link,
    tenant: TenantId,
    of: GroupId,
    page: TreePage,
) -> Result<Option<Tree>, StoreError> {
    let Some(mut walk) = Walk::start(&mut *link, tenant, of, page.after)? else { return Ok(None) };
    let (mut places, mut next, mut looked_at) = (Vec::new(), None, 0);
    while let Some(step) = walk.step(page.depth)? {
        looked_at += 1;
        if step.is_reached && page.life.admits(step.child.is_archived) {
            places.push((walk.level, step.child.id));
        }
        if places.len() >= page.limit || looked_at >= MOST_LOOKED_AT {
            next = Some(TreePlace { level: walk.level, group: step.child.id, inhabited: walk.inhabited });
            break;
        }
    }
    let ids: Vec<GroupId> = places.iter().map(|(_, id)| *id).collect();
    let mut views = views(link, tenant, &ids)?;
    let groups = places.into_iter().filter_map(|(level, id)| Some((level, views.remove(&id)?))).collect();
    Ok(Some(Tree { groups, next }))
}

#[derive(Clone, Copy)]
struct Child {
    id: GroupId,
    is_archived: bool,
}

/// What is known of the children of a group.
struct Children {
    /// Those with ids behind this one.
    behind: i64,
    known: Vec<Child>,
    /// Whether there are no more than these.
    is_all: bool,
}

impl Children {
    fn behind(&self, id: i64) -> Option<&[Child]> {
        let skipped = self.known.partition_point(|child| child.id.get() <= id);
        (self.behind <= id).then(|| self.known.get(skipped..).unwrap_or_default())
    }

    /// Behind which child there may be others, where not all behind this one are known.
    fn gap(&self, id: i64) -> Option<i64> {
        let last = self.known.last().map_or(self.behind, |child| child.id.get());
        (!self.is_all).then_some(last.max(id))
    }
}

struct Walk<'w> {
    link: &'w mut Link,
    tenant: TenantId,
    children: HashMap<GroupId, Children>,
    /// From the top to the group whose children are being walked, each with whether it is archived.
    path: Vec<Child>,
    /// The last of these children that is done.
    after: i64,
    level: usize,
    inhabited: bool,
}

/// A group that is done: one of the level, or one above it with all that lies below.
struct Step {
    child: Child,
    /// Whether it is one of the level.
    is_reached: bool,
}

impl<'w> Walk<'w> {
    fn start(
        link: &'w mut Link,
        tenant: TenantId,
        top: GroupId,
        after: Option<TreePlace>,
    ) -> Result<Option<Self>, StoreError> {
        let (path, after, level, inhabited) = match after {
            None => (vec![top], 0, 1, false),
            Some(place) => match path(link, tenant, top, place)? {
                Some(path) => (path, place.group.get(), place.level, place.inhabited),
                None => return Ok(None),
            },
        };
        // Groups above the level are not shown: whether they are archived does not matter.
        let path = path.into_iter().map(|id| Child { id, is_archived: false }).collect();
        Ok(Some(Self { link, tenant, children: HashMap::new(), path, after, level, inhabited }))
    }

    /// Goes on to the next group that is done; `None` at the end of the tree.
    fn step(&mut self, depth: usize) -> Result<Option<Step>, StoreError> {
        while let Some(parent) = self.path.last() {
            match self.next_child(parent.id)? {
                Some(child) if self.path.len() == self.level => {
                    (self.after, self.inhabited) = (child.id.get(), true);
                    return Ok(Some(Step { child, is_reached: true }));
                }
                Some(child) => {
                    self.path.push(child);
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
                    self.after = done.map_or(0, |child| child.id.get());
                    return Ok(done.map(|child| Step { child, is_reached: false }));
                }
            }
        }
        Ok(None)
    }

    /// The next child of the last group of the path.
    fn next_child(&mut self, parent: GroupId) -> Result<Option<Child>, StoreError> {
        loop {
            if let Some(children) = self.children.get(&parent)
                && let Some(behind) = children.behind(self.after)
                && (!behind.is_empty() || children.is_all)
            {
                return Ok(behind.first().copied());
            }
            self.fetch()?;
        }
    }

    /// Fetches what is missing, from where the walk stands.
    fn fetch(&mut self) -> Result<(), StoreError> {
        let missing = self.missing();
        let (parents, behind): (Vec<i64>, Vec<i64>) =
            missing.iter().map(|(id, from)| (id.get(), *from)).unzip();
        let most = bound(CHILDREN);
        let found = self.link.rows(
            include_str!("sql/children.sql"),
            &[
                (&self.tenant.0, Type::INT8),
                (&parents, Type::INT8_ARRAY),
                (&behind, Type::INT8_ARRAY),
                (&most, Type::INT8),
            ],
        )?;
        let mut answers: HashMap<GroupId, Vec<Child>> = HashMap::new();
        for row in &found {
            let child = Child { id: group_id(row.try_get(1)?)?, is_archived: row.try_get(2)? };
            answers.entry(group_id(row.try_get(0)?)?).or_default().push(child);
        }
        // Where there was no room for all, the last parent may have more, and those behind it were not asked.
        let last = match found.last().filter(|_| found.len() >= CHILDREN) {
            Some(row) => Some(group_id(row.try_get(0)?)?),
            None => None,
        };
        for (parent, from) in missing {
            let is_last = last == Some(parent);
            self.keep(parent, from, answers.remove(&parent).unwrap_or_default(), !is_last);
            if is_last {
                break;
            }
        }
        Ok(())
    }

    fn keep(&mut self, parent: GroupId, behind: i64, found: Vec<Child>, is_all: bool) {
        let children = Children { behind, known: Vec::new(), is_all };
        let children = self
            .children
            .entry(parent)
            .and_modify(|known| {
                // What lies before a gap is known no more.
                if known.gap(known.behind) != Some(behind) {
                    (known.behind, known.known) = (behind, Vec::new());
                }
                known.is_all = is_all;
            })
            .or_insert(children);
        children.known.extend(found);
    }

    /// The parents whose children the walk will ask for next and that are not known, each with the child behind
    /// which they are missing.
    fn missing(&self) -> Vec<(GroupId, i64)> {
        let (mut missing, mut looked_at, mut behind) = (Vec::new(), 0, self.after);
        // What the walk comes to last lies lowest.
        let mut ahead = Vec::new();
        for (above, group) in self.path.iter().enumerate().rev() {
            ahead.push((group.id, behind, above + 1));
            behind = group.id.get();
        }
        ahead.reverse();
        while let Some((parent, behind, level)) = ahead.pop() {
            looked_at += 1;
            if missing.len() >= PARENTS || looked_at > LOOKED_AHEAD {
                break;
            }
            let known = self.children.get(&parent);
            let Some((children, known)) = known.and_then(|known| Some((known.behind(behind)?, known))) else {
                missing.push((parent, behind));
                continue;
            };
            match (known.gap(behind), children.is_empty()) {
                (Some(gap), true) => missing.push((parent, gap)),
                (Some(gap), false) => ahead.push((parent, gap, level)),
                (None, _) => {}
            }
            if level < self.level {
                ahead.extend(children.iter().rev().map(|child| (child.id, 0, level + 1)));
            }
        }
        missing
    }
}

/// The groups from the top to the parent of a place, if it still lies there and not too deep.
fn path(
    link: &mut Link,
    tenant: TenantId,
    top: GroupId,
    place: TreePlace,
) -> Result<Option<Vec<GroupId>>, StoreError> {
    let (group, deepest, top_id) = (place.group.get(), bound(place.level), top.get());
    let found = link.rows(
        include_str!("sql/path.sql"),
        &[(&tenant.0, Type::INT8), (&group, Type::INT8), (&deepest, Type::INT8), (&top_id, Type::INT8)],
    )?;
    let mut path: Vec<GroupId> =
        found.iter().map(|row| group_id(row.try_get(0)?)).collect::<Result<_, _>>()?;
    path.reverse();
    Ok(Some(path).filter(|path| path.first() == Some(&top)))
}

//! What the writer has lately written to, so that a plan which looked at nothing of it need not look again.
//!
//! It is a memory of this process, and says yes only where it knows of every revision since the plan's: a revision
//! that somebody else made breaks the chain. What it holds too much, of jobs that were taken back, makes it say no
//! more often than it has to.

use directory::{IdOrigin, Reach, TenantId, Write};
use foldhash::HashMap;

use crate::looked::Looked;

/// Of these many it keeps at least the younger half: several group commits.
const MOST: usize = 1 << 16;

/// What is written to, and when that was.
#[derive(Debug, Default)]
pub(super) struct Recent {
    tenants: HashMap<TenantId, Span>,
    younger: HashMap<Spot, i64>,
    older: HashMap<Spot, i64>,
}

/// The number of a key, or a group, of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Spot {
    Fold(TenantId, i64),
    Group(TenantId, i64),
}

/// The revisions of a tenant of which everything is known.
#[derive(Debug, Clone, Copy)]
struct Span {
    /// Everything behind this one.
    after: i64,
    /// The same, when what is now older has been forgotten.
    after_older: i64,
    /// Up to this one, the last.
    last: i64,
    /// No id was assigned in them that lies outside of these two.
    assigned: (i64, i64),
}

impl Span {
    /// Nothing is known but what comes behind this revision.
    const fn behind(revision: i64) -> Self {
        let assigned = (i64::MAX, i64::MIN);
        Self { after: revision, after_older: revision, last: revision, assigned }
    }
}

impl Recent {
    /// Notes that these writes, and keys with these numbers, make the revision of a tenant.
    pub(super) fn note(
        &mut self,
        tenant: TenantId,
        revision: i64,
        writes: &[Write],
        folds: impl Iterator<Item = i64>,
    ) {
        let before = revision - 1;
        let known = self.tenants.get(&tenant).filter(|span| span.last == before);
        let mut span = known.copied().unwrap_or(Span::behind(before));
        span.last = revision;
        for write in writes {
            let id = match write {
                Write::Create { id, id_origin: IdOrigin::Assigned, .. } => {
                    let (lowest, highest) = span.assigned;
                    span.assigned = (lowest.min(id.get()), highest.max(id.get()));
                    continue;
                }
                Write::Create { id, id_origin: IdOrigin::Given, .. }
                | Write::Update { id, .. }
                | Write::Restore { id }
                | Write::Archive { id, reach: Reach::Itself } => id,
                Write::Archive { reach: Reach::Subtree, .. } => {
                    // Nobody says what lies below.
                    self.tenants.remove(&tenant);
                    return;
                }
            };
            self.younger.insert(Spot::Group(tenant, id.get()), revision);
        }
        self.tenants.insert(tenant, span);
        self.younger.extend(folds.map(|fold| (Spot::Fold(tenant, fold), revision)));
        if self.younger.len() > MOST / 2 {
            self.forget_older();
        }
    }

    fn forget_older(&mut self) {
        std::mem::swap(&mut self.older, &mut self.younger);
        self.younger.clear();
        // Who has not written since is not remembered at all.
        self.tenants.retain(|_, span| span.after_older < span.last);
        for span in self.tenants.values_mut() {
            (span.after, span.after_older) = (span.after_older, span.last);
        }
    }

    /// Whether nothing was written to what was looked at, up to the tenant's revision now.
    pub(super) fn is_untouched(&self, tenant: TenantId, now: i64, looked: &Looked) -> bool {
        let Some(span) = self.tenants.get(&tenant) else { return false };
        if span.last != now || looked.revision < span.after {
            return false;
        }
        let (lowest, highest) = span.assigned;
        if looked.absent.iter().any(|id| (lowest..=highest).contains(id)) {
            return false;
        }
        let is_old = |spot: Spot| {
            let written = |spots: &HashMap<Spot, i64>| spots.get(&spot).copied();
            let last = written(&self.younger).or_else(|| written(&self.older));
            last.is_none_or(|revision| revision <= looked.revision)
        };
        looked.folds.iter().all(|fold| is_old(Spot::Fold(tenant, *fold)))
            && looked.ids.iter().chain(&looked.absent).all(|id| is_old(Spot::Group(tenant, *id)))
    }
}

#[cfg(test)]
mod tests {
    use directory::GroupId;

    use super::*;
    use crate::conformance::desk::{create, give};

    const ONE: TenantId = TenantId(1);
    const OTHER: TenantId = TenantId(2);

    fn restore(id: i64) -> Write {
        Write::Restore { id: GroupId::new(id).expect("a good id") }
    }

    fn looked(revision: i64, folds: &[i64], ids: &[i64]) -> Looked {
        looked_in_vain(revision, folds, ids, &[])
    }

    fn looked_in_vain(revision: i64, folds: &[i64], ids: &[i64], absent: &[i64]) -> Looked {
        Looked {
            revision,
            fresh_ids: 0,
            folds: folds.to_vec(),
            ids: ids.to_vec(),
            absent: absent.to_vec(),
            numbers: Vec::new(),
            claims_are_free: false,
        }
    }

    /// Revisions 5 and 6 of a tenant, of which the first ones are not known.
    fn two() -> Recent {
        let mut recent = Recent::default();
        recent.note(ONE, 5, &[restore(50)], [500].into_iter());
        recent.note(ONE, 6, &[restore(60)], [600].into_iter());
        recent
    }

    #[test]
    fn what_was_written_since_is_known() {
        let recent = two();
        for (revision, folds, ids, untouched) in [
            (4, vec![1], vec![1], true),
            (4, vec![500], vec![], false),
            (4, vec![], vec![50], false),
            (5, vec![500], vec![50], true),
            (5, vec![1, 600], vec![50], false),
            (5, vec![500], vec![50, 60], false),
            (6, vec![500, 600], vec![50, 60], true),
            (3, vec![1], vec![1], false),
        ] {
            let found = recent.is_untouched(ONE, 6, &looked(revision, &folds, &ids));
            assert_eq!(found, untouched, "{revision} {folds:?} {ids:?}");
        }
        assert!(!recent.is_untouched(OTHER, 6, &looked(4, &[], &[])), "nothing is known of it");
    }

    #[test]
    fn an_id_that_nobody_had_may_be_somebody_s_by_now() {
        let mut recent = two();
        let given = [give(700), give(702)];
        recent.note(ONE, 7, &given, std::iter::empty());
        let is_untouched = |recent: &Recent, looked_at, now, id| {
            recent.is_untouched(ONE, now, &looked_in_vain(looked_at, &[], &[], &[id]))
        };
        for (id, untouched) in [(700, false), (701, true), (702, false)] {
            assert_eq!(is_untouched(&recent, 6, 7, id), untouched, "{id}");
        }
        let assigned = [80, 83].map(|id| create(id, &[]));
        recent.note(ONE, 8, &assigned, std::iter::empty());
        // Of what lies between two that were assigned nothing is known.
        for (id, untouched) in [(79, true), (80, false), (82, false), (83, false), (84, true), (701, true)] {
            assert_eq!(is_untouched(&recent, 6, 8, id), untouched, "{id}");
        }
    }

    #[test]
    fn a_revision_of_somebody_else_breaks_the_chain() {
        let mut recent = two();
        assert!(!recent.is_untouched(ONE, 7, &looked(6, &[], &[])));
        recent.note(ONE, 8, &[restore(80)], [800].into_iter());
        assert!(!recent.is_untouched(ONE, 8, &looked(6, &[], &[])));
        assert!(recent.is_untouched(ONE, 8, &looked(7, &[], &[50])));
    }

    #[test]
    fn what_was_taken_back_is_not_taken_for_what_came_instead() {
        let mut recent = two();
        // Revision 6 was taken back, and another one came.
        assert!(!recent.is_untouched(ONE, 5, &looked(4, &[], &[])));
        recent.note(ONE, 6, &[restore(61)], std::iter::empty());
        assert!(recent.is_untouched(ONE, 6, &looked(5, &[], &[1])));
        assert!(!recent.is_untouched(ONE, 6, &looked(5, &[], &[61])));
        assert!(
            !recent.is_untouched(ONE, 6, &looked(4, &[], &[1])),
            "what came before is not known any more"
        );
    }

    #[test]
    fn nothing_is_said_of_what_lies_below_an_archived_group() {
        let mut recent = two();
        let id = GroupId::new(1).expect("a good id");
        recent.note(ONE, 7, &[Write::Archive { id, reach: Reach::Subtree }], std::iter::empty());
        assert!(!recent.is_untouched(ONE, 7, &looked(6, &[], &[])));
        recent.note(ONE, 8, &[restore(80)], std::iter::empty());
        assert!(!recent.is_untouched(ONE, 8, &looked(6, &[], &[])));
        assert!(recent.is_untouched(ONE, 8, &looked(7, &[], &[1])));
    }

    #[test]
    fn what_is_forgotten_is_not_guessed() {
        let mut recent = two();
        let many = 0..i64::try_from(MOST).expect("fits");
        recent.note(ONE, 7, &[], many.clone().map(|number| -1 - number));
        assert!(!recent.is_untouched(ONE, 7, &looked(5, &[600], &[])), "the older half is kept");
        assert!(recent.is_untouched(ONE, 7, &looked(5, &[1], &[])));
        recent.note(ONE, 8, &[], many.map(|number| -1 - number));
        assert!(!recent.is_untouched(ONE, 8, &looked(5, &[1], &[])), "nobody knows any more");
        assert!(recent.is_untouched(ONE, 8, &looked(7, &[1], &[])));
        assert!(recent.younger.is_empty() && recent.older.len() >= MOST);
    }
}

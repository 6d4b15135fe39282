//! Which ids may be assigned: the same answer from every engine.

use directory::{FreeIds, GroupId};

/// Taken ids that are passed one by one, so that the gaps of a small or scattered set are all used.
const SINGLE_STEPS: i64 = 32;
/// The longest step over a block of taken ids. Bounded, so that nobody can push the counter far up with a
/// few well placed ids: 2^53 ids would take billions of groups to skip.
const LONGEST_STEP: i64 = 1 << 24;

/// At least `wanted` free ids from `first` upwards. `taken_from` tells the lowest taken id that is not
/// below its argument.
///
/// Gaps between taken ids are used, but a long block of taken ids is crossed in steps that double: callers
/// who give their own ids 1 … 1,000,000 must not make every later batch walk over a million of them. So a
/// gap inside such a block may be passed over.
pub(crate) fn free_ids<E>(
    first: i64,
    wanted: usize,
    mut taken_from: impl FnMut(i64) -> Result<Option<i64>, E>,
) -> Result<FreeIds, E> {
    let mut free = FreeIds::default();
    let mut missing = i64::try_from(wanted).unwrap_or(i64::MAX);
    let mut cursor = first;
    while missing > 0 && cursor <= GroupId::MAX.get() {
        let end = match taken_from(cursor)? {
            Some(taken) if taken == cursor => {
                cursor = end_of_block(cursor, &mut taken_from)?;
                continue;
            }
            Some(taken) => taken - 1,
            None => GroupId::MAX.get(),
        };
        let last = end.min(cursor.saturating_add(missing - 1));
        free.0.push((cursor, last));
        missing -= last - cursor + 1;
        cursor = last + 1;
    }
    Ok(free)
}

/// A free id above this taken one, such that the id before it is taken.
fn end_of_block<E>(taken: i64, taken_from: &mut impl FnMut(i64) -> Result<Option<i64>, E>) -> Result<i64, E> {
    let mut is_taken = |id| Ok(taken_from(id)? == Some(id));
    let (mut inside, mut step) = (taken, 1);
    while is_taken(inside + step)? {
        inside += step;
        if inside - taken >= SINGLE_STEPS {
            step = (step * 2).min(LONGEST_STEP);
        }
    }
    let mut outside = inside + step;
    while outside - inside > 1 {
        let middle = inside + (outside - inside) / 2;
        if is_taken(middle)? { inside = middle } else { outside = middle }
    }
    Ok(outside)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    use super::*;

    fn check(taken: &BTreeSet<i64>, first: i64, wanted: usize, expected: &[(i64, i64)], probes: usize) {
        let mut asked = 0;
        let found = free_ids(first, wanted, |id| {
            asked += 1;
            Ok::<_, Infallible>(taken.range(id..).next().copied())
        });
        assert_eq!(found, Ok(FreeIds(expected.to_vec())));
        assert!(asked <= probes, "{asked} probes");
    }

    #[test]
    fn gaps_are_used_and_blocks_are_crossed_quickly() {
        let max = GroupId::MAX.get();
        check(&BTreeSet::new(), 1, 0, &[], 0);
        check(&BTreeSet::new(), 1, 1000, &[(1, 1000)], 1);
        check(&BTreeSet::from([max]), 1, 1000, &[(1, 1000)], 1);
        check(&BTreeSet::from([2, 3, 5]), 1, 4, &[(1, 1), (4, 4), (6, 7)], 8);
        check(&(1..=1_000_000).collect(), 1, 10, &[(1_000_001, 1_000_010)], 80);
        check(&(100..=1_000_000).collect(), 1, 100, &[(1, 99), (1_000_001, 1_000_001)], 80);
        check(&BTreeSet::from([max - 1]), max - 2, 3, &[(max - 2, max - 2), (max, max)], 5);
        check(&BTreeSet::from([max - 1, max]), max - 2, 3, &[(max - 2, max - 2)], 5);
    }

    #[test]
    fn a_few_well_placed_ids_do_not_push_the_counter_far() {
        let powers: BTreeSet<i64> = (0..53).map(|exponent| 1 << exponent).collect();
        let found = free_ids(1, 1, |id| Ok::<_, Infallible>(powers.range(id..).next().copied()));
        assert!(found.is_ok_and(|free| free.0.len() == 1 && free.0[0].0 <= LONGEST_STEP * 2 + 1));
    }
}

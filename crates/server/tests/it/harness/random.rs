//! Random choices that can be made again: the seed is told when a test fails.

use std::hash::{BuildHasher as _, RandomState};

pub(crate) struct Random(u64);

impl Random {
    /// From `ROSTERD_TEST_SEED`, else from anywhere. What a test writes is shown when it fails.
    pub(crate) fn new() -> Self {
        let given = std::env::var("ROSTERD_TEST_SEED").ok();
        let seed = given.map_or_else(|| RandomState::new().hash_one(0), |seed| seed.parse().unwrap());
        eprintln!("to make the same random choices: ROSTERD_TEST_SEED={seed}");
        Self(seed)
    }

    /// The choices of this seed.
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// `splitmix64`.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let first = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let second = (first ^ (first >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        second ^ (second >> 31)
    }

    /// A number below the bound.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

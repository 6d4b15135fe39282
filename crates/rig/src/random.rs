//! Random choices that can be made again.

use std::hash::{BuildHasher as _, RandomState};

/// A source of choices, which its seed determines.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Choices of a test: from `ROSTERD_TEST_SEED`, else from anywhere. What a test writes is shown when it fails.
    ///
    /// # Panics
    /// When `ROSTERD_TEST_SEED` is no number.
    #[expect(clippy::print_stderr, reason = "whoever reads the test's output can make its choices again")]
    #[expect(clippy::new_without_default, reason = "two calls give two things")]
    pub fn new() -> Self {
        let given = std::env::var("ROSTERD_TEST_SEED").ok();
        let seed = given.map_or_else(Self::any_seed, |seed| seed.parse().expect("a seed is a number"));
        eprintln!("to make the same random choices: ROSTERD_TEST_SEED={seed}");
        Self(seed)
    }

    /// A seed from anywhere.
    pub fn any_seed() -> u64 {
        // Short enough to be typed again.
        RandomState::new().hash_one(0) >> 32
    }

    /// The choices of this seed.
    pub const fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number: `splitmix64`.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let first = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let second = (first ^ (first >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        second ^ (second >> 31)
    }

    /// A number below the bound, which is not 0.
    #[expect(clippy::cast_possible_truncation, reason = "it is below a bound that fits")]
    pub const fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// One of these.
    ///
    /// # Panics
    /// When there are none.
    pub const fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

//! Choices that can be made again from their seed.

use std::time::Duration;

use rig::Random;

/// The checker's choices, apart for each purpose.
#[derive(Debug, Clone)]
pub(super) struct Dice(Random);

impl Dice {
    /// The choices of this seed for one purpose: those of others do not move them.
    pub(super) fn new(seed: u64, purpose: &str) -> Self {
        let of = |seed, byte| Random::from_seed(seed).next() ^ u64::from(byte);
        Self(Random::from_seed(purpose.bytes().fold(seed, of)))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0.next()
    }

    /// A number below the bound.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound)
    }

    /// Once in so many times.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// So many milliseconds at most: short ones mostly.
    pub(super) fn up_to_ms(&mut self, most: u64) -> Duration {
        let most = match self.below(4) {
            0 => most,
            1 | 2 => most / 8,
            _ => 0,
        };
        Duration::from_millis(self.next() % (most + 1))
    }
}

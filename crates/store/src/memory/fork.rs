//! Two stores from one.

use std::sync::Mutex;

use super::{Memory, lock};

impl Memory {
    /// Another store that holds the same: what happens to one does not happen to the other.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { committed: Mutex::new(lock(&self.committed).clone()), turn: Mutex::new(()) }
    }
}

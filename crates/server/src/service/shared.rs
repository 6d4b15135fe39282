//! What servers that share a store ask of it.

use store::{Claim, Lease, StoreError};

use super::Service;

impl Service {
    /// Whether other servers may serve the same data at the same time.
    pub(crate) fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    /// Takes some units of a limit, which all servers take from.
    pub(crate) fn lease(&self, claim: &Claim<'_>) -> Result<Lease, StoreError> {
        self.store.lease(claim)
    }
}

//! What servers that share a store take from the limits of access keys.

use std::time::Duration;

use directory::TenantId;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metered {
    /// Requests.
    Requests,
    /// Records of batches.
    Records,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    /// Whose key it is.
    pub tenant: TenantId,
    /// The public id of the access key.
    pub key_id: &'a str,
    /// Which of its limits.
    pub metered: Metered,
    /// How many there are in a minute. A bucket holds as many and fills steadily.
    pub limit: u32,
    /// At least so many, or none.
    pub least: u32,
    /// At most so many; what is not needed at once is kept for later.
    pub most: u32,
    /// Of what was given earlier so many are left and come back.
    pub back: u32,
}

/// What is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// So many.
    pub granted: u32,
    /// How long until the bucket would be full again.
    pub until_full: Duration,
}

impl Lease {
    /// All that is asked for.
    pub const fn of_all(claim: &Claim<'_>) -> Self {
        Self { granted: claim.most, until_full: Duration::ZERO }
    }
}

//! Ids of tenants and groups.

use std::fmt;

/// A tenant, as the store numbers it. Nothing crosses tenants; the number is never shown to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(pub i64);

/// A group's id: 1 … 2^53−1 (exact in every JSON reader), unique in its tenant, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(i64);

impl GroupId {
    /// The largest id.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// The id with this number, if it lies in 1 … 2^53−1.
    pub const fn new(number: i64) -> Option<Self> {
        if number >= 1 && number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    /// The id written in `text`: decimal digits only, no sign, no leading zero, 1 … 2^53−1.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        if plain { text.parse().ok().and_then(Self::new) } else { None }
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

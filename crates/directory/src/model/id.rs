//! Ids of tenants, groups, and what belongs to these.

use std::fmt;

/// A tenant, as the store numbers it. Nothing crosses tenants; the number is never shown to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(pub i64);

/// Makes an id: a number of its own type.
macro_rules! id {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
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

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

id! {
    /// A group's id: 1 … 2^53−1 (exact in every JSON reader), unique in its tenant, never used again.
    GroupId
}
id! {
    /// The same for an attribute.
    AttributeId
}
id! {
    /// The same for an address.
    AddressId
}

impl AddressId {
    /// The id behind this one. The last one has none: no tenant makes 2^53 addresses.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 < Self::MAX.0 { Self(self.0 + 1) } else { self }
    }
}

/// The first id of a tenant.
impl Default for AddressId {
    fn default() -> Self {
        Self(1)
    }
}

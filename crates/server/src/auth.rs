//! Access keys: made, checked, never kept.
//!
//! A key reads `rosterd_ID_SECRET_CHECK`: 16 hexadecimal digits of a public id, 64 of a random secret,
//! 8 of a CRC-32 over all before it. The check tells a mistyped key from an unknown one without asking
//! the store, and lets scanners for leaked secrets recognise keys. Only the SHA-256 of the whole text is
//! stored: a secret of 256 random bits needs no slow hash.

use std::fmt::Write as _;
use std::str::FromStr;

use directory::{TenantId, Timestamp};
use sha2::{Digest, Sha256};
use store::{AccessKey, Reader, StoreError};
use subtle::ConstantTimeEq as _;

const PREFIX: &str = "rosterd_";
const ID_DIGITS: usize = 16;
const SECRET_BYTES: usize = 32;
const CHECK_DIGITS: usize = 8;

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Read groups.
    GroupsRead,
    /// Create and change groups.
    GroupsWrite,
    /// Administer the tenant.
    Admin,
}

impl Scope {
    /// Every scope.
    pub(crate) const ALL: [Self; 3] = [Self::GroupsRead, Self::GroupsWrite, Self::Admin];

    /// The scope as it is written everywhere.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::GroupsRead => "groups:read",
            Self::GroupsWrite => "groups:write",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::as_str).join(", ");
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| format!("there is no such scope; the scopes are {}", known()))
    }
}

/// A key that was just made: the only time its text is known.
pub(crate) struct NewKey {
    /// What its owner sends.
    pub(crate) text: String,
    /// What the store keeps.
    pub(crate) stored: AccessKey,
}

/// Makes a key for a tenant.
pub(crate) fn new_key(tenant: TenantId, scopes: &[Scope], at: Timestamp) -> anyhow::Result<NewKey> {
    let id = random_hex::<{ ID_DIGITS / 2 }>()?;
    let mut text = format!("{PREFIX}{id}_{}", random_hex::<SECRET_BYTES>()?);
    let check = crc32fast::hash(text.as_bytes());
    write!(text, "_{check:08x}")?;
    let scopes = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
    let hash = hash(&text);
    let stored = AccessKey { id, tenant, hash, scopes, created_at: at, revoked_at: None };
    Ok(NewKey { text, stored })
}

/// A fresh id for a request that brought none.
pub(crate) fn random_request_id() -> String {
    random_hex::<12>().unwrap_or_else(|_| "unknown".to_owned())
}

/// Random bytes. The one place where randomness is drawn.
#[expect(clippy::disallowed_methods, reason = "this is where randomness comes from")]
pub(crate) fn random_bytes<const BYTES: usize>() -> anyhow::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    Ok(bytes)
}

/// Random bytes in hexadecimal digits.
fn random_hex<const BYTES: usize>() -> anyhow::Result<String> {
    let bytes = random_bytes::<BYTES>()?;
    Ok(bytes.iter().fold(String::with_capacity(2 * BYTES), |mut text, byte| {
        text.extend([byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0')));
        text
    }))
}

/// What is known of a key without knowing it.
pub(crate) fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Who sends a request: the tenant comes from the key alone.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    /// Whose groups are meant.
    pub(crate) tenant: TenantId,
    /// The public id of the key, for logs.
    pub(crate) key_id: String,
    scopes: String,
}

impl Principal {
    /// The holder of a key that is good.
    pub(crate) fn of(key: AccessKey) -> Self {
        Self { tenant: key.tenant, key_id: key.id, scopes: key.scopes }
    }

    /// Whether the key has the scope.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.scopes.split(' ').any(|word| word == scope.as_str())
    }
}

/// Why nobody is known by what was presented. For the audit log alone: callers are told one and the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Nothing was presented.
    NoKey,
    /// It has not the form of a key.
    Malformed,
    /// No key with this public id is known, or its secret is another one.
    Unknown(String),
    /// The key with this public id was revoked.
    Revoked(String),
}

impl Denied {
    /// The class, as it is logged.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::NoKey => "NO_KEY",
            Self::Malformed => "MALFORMED",
            Self::Unknown(_) => "UNKNOWN",
            Self::Revoked(_) => "REVOKED",
        }
    }

    /// The public part of a key that is well formed.
    pub(crate) fn key_id(&self) -> Option<&str> {
        match self {
            Self::NoKey | Self::Malformed => None,
            Self::Unknown(id) | Self::Revoked(id) => Some(id),
        }
    }
}

/// Finds out who sent this key; a key that is malformed, unknown or revoked is denied.
/// The store is asked every time, so a revocation holds from the next request on.
pub(crate) fn authenticate(
    reader: &mut dyn Reader,
    presented: &str,
) -> Result<Result<Principal, Denied>, StoreError> {
    let Some(id) = public_id(presented) else { return Ok(Err(Denied::Malformed)) };
    let stored = reader.access_key(id)?;
    // An unknown id is compared too, with a hash that nothing has, so that it takes as long.
    let expected = stored.as_ref().map_or([0; 32], |key| key.hash);
    let equal = bool::from(hash(presented).ct_eq(&expected));
    Ok(match stored.filter(|_| equal) {
        None => Err(Denied::Unknown(id.to_owned())),
        Some(key) if key.revoked_at.is_some() => Err(Denied::Revoked(key.id)),
        Some(key) => Ok(Principal::of(key)),
    })
}

/// Whether the key of somebody who was let in is still good.
pub(crate) fn holds(reader: &mut dyn Reader, principal: &Principal) -> Result<bool, StoreError> {
    let stored = reader.access_key(&principal.key_id)?;
    Ok(stored.is_some_and(|key| key.revoked_at.is_none()))
}

/// The public id in a key text that is well formed.
pub(crate) fn public_id(text: &str) -> Option<&str> {
    let (body, check) = text.rsplit_once('_')?;
    let (id, secret) = body.strip_prefix(PREFIX)?.split_once('_')?;
    let sizes = id.len() == ID_DIGITS && secret.len() == 2 * SECRET_BYTES && check.len() == CHECK_DIGITS;
    let sound = sizes && format!("{:08x}", crc32fast::hash(body.as_bytes())) == check;
    sound.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_recognised_by_its_form() {
        let key = new_key(TenantId(1), &[Scope::GroupsRead], Timestamp(0)).unwrap();
        assert_eq!(public_id(&key.text), Some(key.stored.id.as_str()));
        assert_eq!(key.stored.hash, hash(&key.text));
        for wrong in [
            "",
            "rosterd_",
            "rosterd___",
            &key.text.to_uppercase(),
            &key.text[1..],
            &key.text[..key.text.len() - 1],
            &format!("{}0", key.text),
            &key.text.replace("rosterd_", "rosterc_"),
            &"x".repeat(20_000),
        ] {
            assert_eq!(public_id(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_two_keys_are_alike() {
        let make = || new_key(TenantId(1), &Scope::ALL, Timestamp(0)).unwrap();
        let (one, other) = (make(), make());
        assert_ne!(one.text, other.text);
        assert_ne!(one.stored.id, other.stored.id);
        assert_eq!(one.stored.scopes, "groups:read groups:write admin");
    }

    #[test]
    fn scopes_are_words() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        assert!("groups".parse::<Scope>().is_err());
        let principal =
            Principal { tenant: TenantId(1), key_id: String::new(), scopes: "groups:read".into() };
        assert!(principal.may(Scope::GroupsRead));
        assert!(!principal.may(Scope::GroupsWrite));
        assert!(!principal.may(Scope::Admin));
    }
}

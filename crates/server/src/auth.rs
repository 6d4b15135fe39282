//! Access keys: made, checked, never kept.
//!
//! A key reads `rosterd_ID_SECRET_CHECK`: 16 hexadecimal digits of a public id, 64 of a random secret,
//! 8 of a CRC-32 over all before it. The check tells a mistyped key from an unknown one without asking
//! the store, and lets scanners for leaked secrets recognise keys. Only the SHA-256 of the whole text is
//! stored: a secret of 256 random bits needs no slow hash.
//!
//! The secret of an OAuth client is such a key too. It is not sent with requests, but gets [`token`]s.

mod signing;
pub(crate) mod token;

use std::fmt::Write as _;
use std::str::FromStr;

use directory::{TenantId, Timestamp};
use sha2::{Digest, Sha256};
use store::{AccessKey, KeyKind, Reader, StoreError};
use subtle::ConstantTimeEq as _;

use signing::SigningKey;
use token::Token;

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

/// Scopes as they are stored and sent.
pub(crate) fn as_words(scopes: impl Iterator<Item = Scope>) -> String {
    scopes.map(Scope::as_str).collect::<Vec<_>>().join(" ")
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
    let scopes = as_words(scopes.iter().copied());
    let hash = hash(&text);
    let kind = KeyKind::Bearer;
    let stored = AccessKey { id, tenant, kind, hash, scopes, created_at: at, revoked_at: None };
    Ok(NewKey { text, stored })
}

/// Makes an OAuth client for a tenant: its id is that of the key, its secret the text.
pub(crate) fn new_client(tenant: TenantId, scopes: &[Scope], at: Timestamp) -> anyhow::Result<NewKey> {
    let mut key = new_key(tenant, scopes, at)?;
    key.stored.kind = KeyKind::Client { token_key: SigningKey::of(&key.text)?.public()? };
    Ok(key)
}

/// A fresh id for a request that brought none.
pub(crate) fn random_request_id() -> String {
    random_hex::<12>().unwrap_or_else(|_| "unknown".to_owned())
}

/// Random bytes. The one place where randomness is drawn.
#[expect(clippy::disallowed_methods, reason = "this is where randomness comes from")]
pub(crate) fn random_bytes<const BYTES: usize>() -> anyhow::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    #[cfg(test)]
    if crate::simulation::fill(&mut bytes) {
        return Ok(bytes);
    }
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
    /// When what was presented is good no longer; a key is until it is revoked.
    until: Option<Timestamp>,
}

impl Principal {
    /// The holder of a key that is good.
    pub(crate) fn of(key: AccessKey) -> Self {
        Self { tenant: key.tenant, key_id: key.id, scopes: key.scopes, until: None }
    }

    /// The same with those of its scopes that are among these words, until then.
    fn narrowed(self, words: &str, until: Timestamp) -> Self {
        let named = |scope: &Scope| words.split(' ').any(|word| word == scope.as_str());
        let scopes = as_words(Scope::ALL.into_iter().filter(|scope| self.may(*scope) && named(scope)));
        Self { scopes, until: Some(until), ..self }
    }

    /// What it may do, as words.
    pub(crate) fn scopes(&self) -> &str {
        &self.scopes
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
    /// The token of this client is too old, or of the future.
    Expired(String),
    /// The key with this public id is good, but not for this: the secret of an OAuth client is not sent with
    /// requests, and other keys get no tokens.
    WrongKind(String),
}

impl Denied {
    /// The class, as it is logged.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::NoKey => "NO_KEY",
            Self::Malformed => "MALFORMED",
            Self::Unknown(_) => "UNKNOWN",
            Self::Revoked(_) => "REVOKED",
            Self::Expired(_) => "EXPIRED",
            Self::WrongKind(_) => "WRONG_KIND",
        }
    }

    /// The public part of a key that is well formed.
    pub(crate) fn key_id(&self) -> Option<&str> {
        match self {
            Self::NoKey | Self::Malformed => None,
            Self::Unknown(id) | Self::Revoked(id) | Self::Expired(id) | Self::WrongKind(id) => Some(id),
        }
    }

    /// Whether somebody may be guessing. Who sends a token that was good once is not.
    pub(crate) const fn is_guess(&self) -> bool {
        !matches!(self, Self::Expired(_))
    }
}

/// Finds out who sent this key or token; what is malformed, unknown, revoked or expired is denied. `look_up` asks
/// the store for the key of an id. It is asked every time, so a revocation holds from the next request on.
pub(crate) fn authenticate_with(
    presented: &str,
    look_up: impl FnOnce(&str) -> Result<Option<AccessKey>, StoreError>,
    now: Timestamp,
) -> Result<Result<Principal, Denied>, StoreError> {
    if Token::is_meant(presented) {
        let Some(token) = Token::parse(presented) else { return Ok(Err(Denied::Malformed)) };
        return Ok(token.judge(look_up(&token.id)?, now));
    }
    let Some(id) = public_id(presented) else { return Ok(Err(Denied::Malformed)) };
    let key = judge(presented, id, look_up(id)?);
    Ok(key.and_then(|key| of_kind(key, |kind| kind == KeyKind::Bearer)))
}

/// Finds out which OAuth client this is the secret of.
pub(crate) fn authenticate_client(
    id: &str,
    secret: &str,
    look_up: impl FnOnce(&str) -> Result<Option<AccessKey>, StoreError>,
) -> Result<Result<Principal, Denied>, StoreError> {
    if public_id(secret) != Some(id) {
        return Ok(Err(Denied::Malformed));
    }
    let key = judge(secret, id, look_up(id)?);
    Ok(key.and_then(|key| of_kind(key, |kind| matches!(kind, KeyKind::Client { .. }))))
}

/// The key that is stored under its id, if its text is this one and it was not revoked.
fn judge(presented: &str, id: &str, stored: Option<AccessKey>) -> Result<AccessKey, Denied> {
    // An unknown id is compared too, with a hash that nothing has, so that it takes as long.
    let expected = stored.as_ref().map_or([0; 32], |key| key.hash);
    let equal = bool::from(hash(presented).ct_eq(&expected));
    good(stored, equal, id)
}

/// The key of an id, if it is there, what was presented fits it, and it was not revoked.
fn good(stored: Option<AccessKey>, fits: bool, id: &str) -> Result<AccessKey, Denied> {
    match stored.filter(|_| fits) {
        None => Err(Denied::Unknown(id.to_owned())),
        Some(key) if key.revoked_at.is_some() => Err(Denied::Revoked(key.id)),
        Some(key) => Ok(key),
    }
}

fn of_kind(key: AccessKey, fits: impl FnOnce(KeyKind) -> bool) -> Result<Principal, Denied> {
    if fits(key.kind) { Ok(Principal::of(key)) } else { Err(Denied::WrongKind(key.id)) }
}

/// Whether what somebody was let in with is still good.
pub(crate) fn holds(
    reader: &mut dyn Reader,
    principal: &Principal,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let stored = reader.access_key(&principal.key_id)?;
    let in_time = principal.until.is_none_or(|until| now < until);
    Ok(in_time && stored.is_some_and(|key| key.revoked_at.is_none()))
}

/// The public id that a key or token names, whether or not it is right.
pub(crate) fn claimed_id(text: &str) -> Option<String> {
    let of_token = || Token::parse(text).map(|token| token.id);
    public_id(text).map(ToOwned::to_owned).or_else(of_token)
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
        let principal = Principal {
            tenant: TenantId(1),
            key_id: String::new(),
            scopes: "groups:read".into(),
            until: None,
        };
        assert!(principal.may(Scope::GroupsRead));
        assert!(!principal.may(Scope::GroupsWrite));
        assert!(!principal.may(Scope::Admin));
    }

    #[test]
    fn a_secret_gets_tokens_and_a_key_does_not() {
        let now = Timestamp(0);
        let (key, client) = (
            new_key(TenantId(1), &Scope::ALL, now).unwrap(),
            new_client(TenantId(1), &Scope::ALL, now).unwrap(),
        );
        let other = new_client(TenantId(1), &Scope::ALL, now).unwrap();
        let look_up = |id: &str| {
            Ok([&key, &client]
                .into_iter()
                .find(|known| known.stored.id == id)
                .map(|known| known.stored.clone()))
        };
        let sent = |text: &str| authenticate_with(text, look_up, now).unwrap().err();
        let asked = |id: &str, text: &str| authenticate_client(id, text, look_up).unwrap().err();
        let [key_id, client_id] = [&key, &client].map(|known| known.stored.id.clone());
        assert_eq!(sent(&key.text), None);
        assert_eq!(sent(&client.text), Some(Denied::WrongKind(client_id.clone())));
        assert_eq!(asked(&client_id, &client.text), None);
        assert_eq!(asked(&key_id, &key.text), Some(Denied::WrongKind(key_id.clone())));
        assert_eq!(asked(&key_id, &client.text), Some(Denied::Malformed));
        assert_eq!(asked(&other.stored.id, &other.text), Some(Denied::Unknown(other.stored.id.clone())));
        // The right form and id, and another secret.
        let body = other.text.replace(&other.stored.id, &client_id);
        let body = body.rsplit_once('_').unwrap().0;
        let wrong = format!("{body}_{:08x}", crc32fast::hash(body.as_bytes()));
        assert_eq!(asked(&client_id, &wrong), Some(Denied::Unknown(client_id.clone())));
        let token = token::issue(&Principal::of(client.stored.clone()), &client.text, "admin", now).unwrap();
        assert_eq!(asked(&client_id, &token), Some(Denied::Malformed), "a token gets no token");
        assert_eq!(claimed_id(&token), Some(client_id));
        assert_eq!(claimed_id(&key.text), Some(key_id));
        assert_eq!(claimed_id("rosterd_token_"), None);
    }
}

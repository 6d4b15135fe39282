//! Bearer tokens of OAuth clients (RFC 6749 §4.4): signed, never stored.
//!
//! A token reads `rosterd_token_` and then, in base64url: a version, the client's public id, its tenant, when
//! the token was made, the signature of all this, and between them the scopes as words. Whoever has the client's
//! secret can sign; the store has what is needed to check, and nothing with which to make a token
//! (`docs/decisions/0012`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use directory::{TenantId, Timestamp};
use store::{AccessKey, KeyKind};

use super::signing::{PUBLIC_BYTES, SIGNATURE_BYTES, SigningKey, verify};
use super::{Denied, Principal, good};

/// How long a token is good, in seconds.
pub(crate) const LIFE_SECONDS: i64 = 1800;

const PREFIX: &str = "rosterd_token_";
const VERSION: u8 = 1;
/// Version, id, tenant, time.
const FIXED: usize = 1 + 8 + 8 + 8;
/// More than any token has: what is longer is not even decoded.
const MOST_CHARACTERS: usize = 512;
/// How far the clock of the process that made a token may be ahead, in milliseconds.
const LEEWAY_MS: i64 = 60_000;
/// Checks the tokens of clients that are not there, so that it takes as long. What it says does not count.
const NOBODY: [u8; PUBLIC_BYTES] = [0; PUBLIC_BYTES];

/// A token that has the form of one. Nothing of it is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// The public id of the client.
    pub(super) id: String,
    tenant: TenantId,
    issued_at: Timestamp,
    signed: Vec<u8>,
    signature: [u8; SIGNATURE_BYTES],
}

/// Makes a token for a client that has just shown its secret.
pub(crate) fn issue(
    client: &Principal,
    secret: &str,
    scopes: &str,
    now: Timestamp,
) -> anyhow::Result<String> {
    let id = u64::from_str_radix(&client.key_id, 16)?;
    let numbers = [id.to_be_bytes(), client.tenant.0.to_be_bytes(), now.0.to_be_bytes()].concat();
    let mut bytes = [&[VERSION][..], &numbers, scopes.as_bytes()].concat();
    bytes.extend(SigningKey::of(secret)?.sign(&bytes)?);
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

impl Token {
    /// Whether a text says that it is a token.
    pub(super) fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(PREFIX).filter(|encoded| encoded.len() <= MOST_CHARACTERS)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let (signed, signature) = bytes.split_last_chunk()?;
        let (&version, rest) = signed.split_first()?;
        let ([id, tenant, issued_at], _) = numbers(rest)?;
        (version == VERSION).then(|| Self {
            id: format!("{:016x}", u64::from_be_bytes(id)),
            tenant: TenantId(i64::from_be_bytes(tenant)),
            issued_at: Timestamp(i64::from_be_bytes(issued_at)),
            signed: signed.to_vec(),
            signature: *signature,
        })
    }

    /// Who sends it, if the client that is stored under its id has signed it, and it is neither too old nor of
    /// the future.
    pub(super) fn judge(&self, stored: Option<AccessKey>, now: Timestamp) -> Result<Principal, Denied> {
        let (token_key, is_client) = match stored.as_ref().map(|key| key.kind) {
            Some(KeyKind::Client { token_key }) => (token_key, true),
            Some(KeyKind::Bearer) | None => (NOBODY, false),
        };
        let signed = verify(&token_key, &self.signed, &self.signature);
        let of_tenant = stored.as_ref().is_some_and(|key| key.tenant == self.tenant);
        let client = good(stored, signed && is_client && of_tenant, &self.id)?;
        let until = Timestamp(self.issued_at.0.saturating_add(LIFE_SECONDS * 1000));
        if now >= until || self.issued_at.0.saturating_sub(LEEWAY_MS) > now.0 {
            return Err(Denied::Expired(client.id));
        }
        let scopes = str::from_utf8(&self.signed[FIXED..]).unwrap_or_default();
        Ok(Principal::of(client).narrowed(scopes, until))
    }
}

/// Three numbers of eight bytes, and what follows them.
fn numbers(bytes: &[u8]) -> Option<([[u8; 8]; 3], &[u8])> {
    let (first, rest) = bytes.split_first_chunk()?;
    let (second, rest) = rest.split_first_chunk()?;
    let (third, rest) = rest.split_first_chunk()?;
    Some(([*first, *second, *third], rest))
}

#[cfg(test)]
mod tests {
    use super::super::{NewKey, Scope, authenticate_with, new_client, new_key};
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const LIFE_MS: i64 = LIFE_SECONDS * 1000;

    fn client(tenant: i64) -> NewKey {
        new_client(TenantId(tenant), &[Scope::GroupsRead, Scope::GroupsWrite], NOW).unwrap()
    }

    fn token_of(client: &NewKey, scopes: &str) -> String {
        issue(&Principal::of(client.stored.clone()), &client.text, scopes, NOW).unwrap()
    }

    /// What becomes of a token where this client is stored under its id.
    fn judged(text: &str, stored: Option<&AccessKey>, now: i64) -> Result<Principal, Denied> {
        authenticate_with(text, |_| Ok(stored.cloned()), Timestamp(now)).unwrap()
    }

    fn unknown(client: &NewKey) -> Denied {
        Denied::Unknown(client.stored.id.clone())
    }

    #[test]
    fn a_token_stands_for_its_client() {
        let client = client(7);
        let token = token_of(&client, "groups:read groups:write");
        let sender = judged(&token, Some(&client.stored), NOW.0).unwrap();
        assert_eq!((sender.tenant, &sender.key_id), (TenantId(7), &client.stored.id));
        assert!(sender.may(Scope::GroupsRead) && sender.may(Scope::GroupsWrite));
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{token}");
        assert!(!token.contains(client.text.split('_').nth(2).unwrap()));
    }

    #[test]
    fn a_token_has_the_scopes_that_it_was_made_for_and_its_client_has() {
        let client = client(1);
        for (scopes, expected) in [
            ("groups:read", [true, false, false]),
            ("groups:write", [false, true, false]),
            // Nobody makes such a token. If the client had had the scope once, it has lost it.
            ("admin groups:read", [true, false, false]),
            ("", [false; 3]),
        ] {
            let sender = judged(&token_of(&client, scopes), Some(&client.stored), NOW.0).unwrap();
            assert_eq!(Scope::ALL.map(|scope| sender.may(scope)), expected, "{scopes}");
        }
    }

    #[test]
    fn a_token_lives_for_half_an_hour() {
        let client = client(1);
        let token = token_of(&client, "groups:read");
        let expired = Some(Denied::Expired(client.stored.id.clone()));
        for (now, expected) in [
            (NOW.0, None),
            (NOW.0 + LIFE_MS - 1, None),
            (NOW.0 + LIFE_MS, expired.clone()),
            (i64::MAX, expired.clone()),
            (NOW.0 - LEEWAY_MS, None),
            (NOW.0 - LEEWAY_MS - 1, expired.clone()),
            (i64::MIN, expired),
        ] {
            assert_eq!(judged(&token, Some(&client.stored), now).err(), expected, "{now}");
        }
        assert!(!Denied::Expired(String::new()).is_guess(), "its owner may not know yet");
    }

    #[test]
    fn a_changed_token_is_none() {
        let client = client(1);
        let token = token_of(&client, "groups:read");
        let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX).unwrap()).unwrap();
        let encoded = |bytes: &[u8]| format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        assert_eq!(encoded(&bytes), token);
        for bit in 0..8 * bytes.len() {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(judged(&encoded(&changed), Some(&client.stored), NOW.0).is_err(), "bit {bit}");
        }
        for kept in 0..bytes.len() {
            assert!(judged(&encoded(&bytes[..kept]), Some(&client.stored), NOW.0).is_err(), "{kept} bytes");
        }
        for kept in 0..token.len() {
            assert!(judged(&token[..kept], Some(&client.stored), NOW.0).is_err(), "{kept} characters");
        }
        let longer =
            [&bytes[..bytes.len() - SIGNATURE_BYTES], b" admin", &bytes[bytes.len() - 64..]].concat();
        assert_eq!(judged(&encoded(&longer), Some(&client.stored), NOW.0).err(), Some(unknown(&client)));
        assert!(judged(&format!("{token}A"), Some(&client.stored), NOW.0).is_err());
        for wrong in [
            format!("{token}="),
            format!(" {token}"),
            token.to_uppercase(),
            token.replacen("rosterd_token_", "rosterd_", 1),
            format!("{PREFIX}{}", "A".repeat(100_000)),
            format!("{PREFIX}é"),
            PREFIX.to_owned(),
        ] {
            assert_eq!(judged(&wrong, Some(&client.stored), NOW.0).err(), Some(Denied::Malformed), "{wrong}");
        }
    }

    #[test]
    fn only_its_own_client_has_signed_it() {
        let (one, other) = (client(1), client(1));
        // Another client's signature under the id of this one.
        let forged = issue(&Principal::of(one.stored.clone()), &other.text, "groups:read", NOW).unwrap();
        assert_eq!(judged(&forged, Some(&one.stored), NOW.0).err(), Some(unknown(&one)));
        let token = token_of(&one, "groups:read");
        assert_eq!(judged(&token, None, NOW.0).err(), Some(unknown(&one)));
        // What is stored of a client does not sign for it.
        let hash = one.stored.hash.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let forged = issue(&Principal::of(one.stored.clone()), &hash, "groups:read", NOW).unwrap();
        assert_eq!(judged(&forged, Some(&one.stored), NOW.0).err(), Some(unknown(&one)));
    }

    #[test]
    fn a_token_opens_no_other_tenant() {
        let client = client(1);
        let moved = AccessKey { tenant: TenantId(2), ..client.stored.clone() };
        assert_eq!(
            judged(&token_of(&client, "groups:read"), Some(&moved), NOW.0).err(),
            Some(unknown(&client)),
            "another store has a client of the same secret in another tenant"
        );
        let claimed = issue(&Principal::of(moved), &client.text, "groups:read", NOW).unwrap();
        assert_eq!(judged(&claimed, Some(&client.stored), NOW.0).err(), Some(unknown(&client)));
    }

    #[test]
    fn a_token_dies_with_its_client() {
        let client = client(1);
        let token = token_of(&client, "groups:read");
        let revoked = AccessKey { revoked_at: Some(NOW), ..client.stored.clone() };
        assert_eq!(
            judged(&token, Some(&revoked), NOW.0).err(),
            Some(Denied::Revoked(client.stored.id.clone()))
        );
    }

    /// For some keys signatures can be made up, that of nobody among them. They open nothing.
    #[test]
    fn a_signature_of_nobody_counts_for_nobody() {
        let key = new_key(TenantId(1), &Scope::ALL, NOW).unwrap();
        let forged = (0..).find_map(|later| {
            let numbers = [u64::from_str_radix(&key.stored.id, 16).unwrap(), 1, NOW.0.unsigned_abs() - later];
            let mut bytes = [&[VERSION][..], &numbers.map(u64::to_be_bytes).concat(), b"admin"].concat();
            let mut neutral = [0; SIGNATURE_BYTES];
            neutral[0] = 1;
            let fits = verify(&NOBODY, &bytes, &neutral);
            bytes.extend(neutral);
            fits.then(|| format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
        });
        let forged = forged.unwrap();
        for stored in [None, Some(&key.stored)] {
            assert_eq!(judged(&forged, stored, NOW.0).err(), Some(unknown(&key)));
        }
    }

    #[test]
    fn who_is_no_client_has_no_tokens() {
        let key = new_key(TenantId(1), &Scope::ALL, NOW).unwrap();
        let token = issue(&Principal::of(key.stored.clone()), &key.text, "admin", NOW).unwrap();
        assert_eq!(judged(&token, Some(&key.stored), NOW.0).err(), Some(unknown(&key)));
    }
}

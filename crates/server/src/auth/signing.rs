//! Keys that sign tokens: Ed25519 (RFC 8032), by the library that TLS uses.

use std::sync::{Arc, LazyLock};

use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivatePkcs8KeyDer, SignatureVerificationAlgorithm};
use tokio_rustls::rustls::{SignatureScheme, sign};

pub(super) const PUBLIC_BYTES: usize = 32;
pub(super) const SIGNATURE_BYTES: usize = 64;

/// Told apart from the hash of the secret that is stored: neither can be had from the other.
const PURPOSE: &[u8] = b"rosterd: the key that signs tokens\0";
/// What stands before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410 §7).
const PKCS8: [u8; 16] = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];

static ED25519: LazyLock<&'static dyn SignatureVerificationAlgorithm> = LazyLock::new(|| {
    let mut known = ring::default_provider().signature_verification_algorithms.mapping.iter();
    let found = known.find_map(|(scheme, found)| found.first().filter(|_| *scheme == SCHEME));
    *found.expect("the library has Ed25519, as the test of its vector shows")
});
const SCHEME: SignatureScheme = SignatureScheme::ED25519;

/// The key of one client. It is made of the client's secret each time, and kept nowhere.
pub(super) struct SigningKey(Arc<dyn sign::SigningKey>);

impl SigningKey {
    /// The key of whoever has this secret, which has 256 random bits.
    pub(super) fn of(secret: &str) -> anyhow::Result<Self> {
        Self::from_seed(Sha256::new().chain_update(PURPOSE).chain_update(secret).finalize().into())
    }

    fn from_seed(seed: [u8; 32]) -> anyhow::Result<Self> {
        let der = PrivatePkcs8KeyDer::from([&PKCS8[..], &seed].concat());
        Ok(Self(ring::sign::any_eddsa_type(&der)?))
    }

    /// The half that is stored.
    pub(super) fn public(&self) -> anyhow::Result<[u8; PUBLIC_BYTES]> {
        let described = self.0.public_key();
        let public = described.as_ref().and_then(|described| described.last_chunk());
        public.copied().ok_or_else(|| anyhow::anyhow!("the key has no public half"))
    }

    pub(super) fn sign(&self, message: &[u8]) -> anyhow::Result<Vec<u8>> {
        let signer = self.0.choose_scheme(&[SCHEME]);
        Ok(signer.ok_or_else(|| anyhow::anyhow!("the key cannot sign"))?.sign(message)?)
    }
}

/// Whether the key of this public half has signed the message. Nothing here is secret.
pub(super) fn verify(public: &[u8; PUBLIC_BYTES], message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
    ED25519.verify_signature(public, message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032 §7.1, test 1: seed, public half, signature of nothing.
    const VECTOR: [&str; 3] = [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe\
         24655141438e7a100b",
    ];

    fn bytes<const BYTES: usize>(digits: &str) -> [u8; BYTES] {
        std::array::from_fn(|index| u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).unwrap())
    }

    #[test]
    fn the_published_vector() {
        let [seed, public, signature] = VECTOR;
        let key = SigningKey::from_seed(bytes(seed)).unwrap();
        assert_eq!(key.public().unwrap(), bytes(public));
        assert_eq!(key.sign(b"").unwrap(), bytes::<64>(signature));
        assert!(verify(&bytes(public), b"", &bytes(signature)));
        assert!(!verify(&bytes(public), b"x", &bytes(signature)));
    }

    #[test]
    fn each_secret_has_its_key() {
        let [one, same, other] = ["one", "one", "other"].map(|secret| SigningKey::of(secret).unwrap());
        assert_eq!(one.public().unwrap(), same.public().unwrap());
        assert_ne!(one.public().unwrap(), other.public().unwrap());
        // What is stored beside it does not give it away.
        let stored: [u8; 32] = Sha256::digest("one").into();
        assert_ne!(SigningKey::from_seed(stored).unwrap().public().unwrap(), one.public().unwrap());
    }
}

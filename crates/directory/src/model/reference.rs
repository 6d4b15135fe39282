//! External references: how a caller's own system names a group (rules §1).

use std::fmt;
use std::sync::Arc;

use caseless::Caseless;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::fault::{Fault, KeyProblem};
use super::text::is_plain;

/// The key by which a caller's system knows a group: 1–64 characters after NFC, in canonical form.
/// Compared code point by code point; case matters. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReferenceKey(Arc<str>);

/// The name of a caller's system, such as `Ypareo`: 0–30 characters after NFC. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(Arc<str>);

/// A key together with the system it comes from. The pair belongs to at most one group of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExternalReference {
    /// The system; empty where it was never named.
    pub source: Source,
    /// The key in that system.
    pub key: ReferenceKey,
}

impl ReferenceKey {
    /// The most Unicode scalar values it may hold, counted after NFC.
    pub const MAX_CHARACTERS: usize = 64;

    /// Brings a key to NFC and checks it.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        canonical(text, Self::MAX_CHARACTERS).map(Self)
    }

    /// Brings the key of a parent to NFC and checks it. One that is longer than a key may be, up to
    /// `limit`, has the right form but belongs to no group: its length is returned instead.
    pub(crate) fn parse_parent(text: &str, limit: usize) -> Result<Result<Self, usize>, Fault> {
        let text = canonical(text, limit)?;
        let length = text.chars().count();
        Ok(if length <= Self::MAX_CHARACTERS { Ok(Self(text)) } else { Err(length) })
    }

    /// Takes a key that was parsed before it was stored.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The key in NFC.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key with everything removed that people overlook: NFKC, case folded, without white space.
    /// Two keys with one folded form are "similar" (rules §1), never equal.
    pub fn folded(&self) -> String {
        if self.0.is_ascii() {
            let mut folded = self.0.to_ascii_lowercase();
            if folded.bytes().any(|byte| byte.is_ascii_whitespace()) {
                folded.retain(|character| !character.is_ascii_whitespace());
            }
            return folded;
        }
        // NFKC after folding as well: folding can bring back forms that NFKC unites.
        let folded = self.0.nfkc().default_case_fold().nfkc();
        folded.filter(|character| !character.is_whitespace()).collect()
    }
}

impl Source {
    /// The most Unicode scalar values it may hold, counted after NFC.
    pub const MAX_CHARACTERS: usize = 30;

    /// Brings a source to NFC and checks it. Not empty: a caller who names no system leaves it out.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        canonical(text, Self::MAX_CHARACTERS).map(Self)
    }

    /// The source of a reference whose system was never named.
    pub fn unnamed() -> Self {
        Self("".into())
    }

    /// Takes a source that was parsed before it was stored.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The source in NFC; empty where it was never named.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the system was never named.
    pub fn is_unnamed(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for ReferenceKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// NFC, then every check of rules §1.
fn canonical(text: &str, limit: usize) -> Result<Arc<str>, Fault> {
    if text.is_empty() {
        return Err(Fault::Empty);
    }
    // As most keys are: their own normal form, with nothing in them that is looked for below.
    if is_plain(text) && text.len() <= limit && !text.starts_with(' ') && !text.ends_with(' ') {
        return Ok(text.into());
    }
    let normalised: Arc<str> = match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text.into(),
        _ => text.nfc().collect::<String>().into(),
    };
    let length = normalised.chars().count();
    if length > limit {
        return Err(Fault::TooLong { length, limit });
    }
    match problem(&normalised) {
        Some(problem) => Err(Fault::KeyNotCanonical(problem)),
        None => Ok(normalised),
    }
}

fn problem(text: &str) -> Option<KeyProblem> {
    let inner = text.chars().find_map(|found| match found {
        _ if found.is_control() => Some(KeyProblem::Control(found)),
        '\u{FFFD}' => Some(KeyProblem::NotACharacter(found)),
        _ if is_noncharacter(found) => Some(KeyProblem::NotACharacter(found)),
        _ if is_default_ignorable(found) => Some(KeyProblem::Invisible(found)),
        _ => None,
    });
    let outer = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    inner.or(outer.then_some(KeyProblem::OuterWhiteSpace))
}

fn is_noncharacter(character: char) -> bool {
    let code_point = u32::from(character);
    matches!(code_point, 0xFDD0..=0xFDEF) || code_point & 0xFFFE == 0xFFFE
}

/// `Default_Ignorable_Code_Point` of Unicode 16 (`DerivedCoreProperties.txt`), with the line and
/// paragraph separators and the interlinear marks, which show nothing either.
fn is_default_ignorable(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

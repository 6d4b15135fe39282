//! The number under which a reference is found.

use directory::ReferenceKey;

/// The first 8 bytes of BLAKE3 of the folded key. It is stored, so it must never change; the test below
/// holds it. A cryptographic hash, because callers choose their keys: with a fast one they could make
/// thousands of keys share a number, and each look-up would then read thousands of rows.
pub(crate) fn fold(key: &ReferenceKey) -> i64 {
    let hash = blake3::hash(key.folded().as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    i64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_keys_keep_their_numbers() {
        let known = ["HR-001", "hr-001", "Straße", "STRASSE", "Å 1", "ﬁ", "日本"];
        let folds = known.map(|text| fold(&ReferenceKey::from_stored(text)));
        assert_eq!(
            folds,
            [
                -5_434_105_166_996_785_117,
                -5_434_105_166_996_785_117,
                -210_515_753_673_097_073,
                -210_515_753_673_097_073,
                3_032_941_485_774_405_197,
                5_659_109_513_654_014_242,
                -5_370_995_447_983_484_165,
            ]
        );
    }

    /// A newer Unicode table folds some characters differently, and then stored groups are not found any
    /// more. If this fails after an upgrade of a dependency, a migration has to compute `fold` anew.
    #[test]
    fn every_character_folds_as_it_did_when_it_was_stored() {
        let mut hash = blake3::Hasher::new();
        for character in char::MIN..=char::MAX {
            let mut bytes = [0; 4];
            hash.update(ReferenceKey::from_stored(character.encode_utf8(&mut bytes)).folded().as_bytes());
            hash.update(&[0xFF]);
        }
        assert_eq!(
            hash.finalize().to_hex().as_str(),
            "2a1ab1b004e52d9101bb1fb902240a32a2ceda6087a7b04eb476eee521d30ef5"
        );
    }
}

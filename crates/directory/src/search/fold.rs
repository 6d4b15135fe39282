//! Texts without what people overlook or leave out when they search.

use std::iter;

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};

/// Grows whenever a text may fold to something else than before, also by an upgrade of the Unicode tables:
/// an index of words that was made under another one is worth nothing.
pub const FOLDING: i32 = 1;

/// Adds a text: runs of folded letters and digits, with a blank between two of them.
pub(super) fn add(text: &str, into: &mut String) {
    part(into);
    // Whatever is decomposed or folded, nothing moves past an ASCII character: most texts are done without.
    for piece in text.as_bytes().chunk_by(|one, next| one.is_ascii() == next.is_ascii()) {
        if piece.is_ascii() {
            for byte in piece {
                push(char::from(byte.to_ascii_lowercase()), into);
            }
        } else {
            let piece = str::from_utf8(piece).unwrap_or_default();
            // Folding can bring back what decomposition had taken apart.
            let plain = piece.nfkd().filter(|found| is_kept(*found)).default_case_fold().nfkd();
            plain.filter(|found| is_kept(*found)).for_each(|found| push_plain(found, into));
        }
    }
    if into.ends_with(' ') {
        into.pop();
    }
}

/// Ends the last run.
pub(super) fn part(into: &mut String) {
    if !into.is_empty() && !into.ends_with(' ') {
        into.push(' ');
    }
}

fn push(character: char, into: &mut String) {
    let continues = || !into.is_empty() && !into.ends_with(' ');
    if character.is_alphanumeric() || (is_combining_mark(character) && continues()) {
        into.push(character);
    } else {
        part(into);
    }
}

/// Letters that people without them on their keyboard write otherwise, and that Unicode does not take
/// apart. The dotless `ı` is there because the capital of both is folded to `i`.
fn push_plain(character: char, into: &mut String) {
    match character {
        'ı' => into.push('i'),
        'ł' => into.push('l'),
        'ø' => into.push('o'),
        'đ' | 'ð' => into.push('d'),
        'ħ' => into.push('h'),
        'ŧ' => into.push('t'),
        'æ' => into.push_str("ae"),
        'œ' => into.push_str("oe"),
        'þ' => into.push_str("th"),
        '٠'..='٩' => into.push(digit(character, '٠')),
        '۰'..='۹' => into.push(digit(character, '۰')),
        other => push(other, into),
    }
}

fn digit(character: char, zero: char) -> char {
    let value = u32::from(character) - u32::from(zero);
    char::from_digit(value, 10).unwrap_or(character)
}

/// Whether a character of a decomposed text is looked at: not accents, nor what shows nothing. Marks
/// without which a letter is another one stay: vowel signs, nukta and virama of Indic scripts, the
/// voicing marks of Kana.
fn is_kept(character: char) -> bool {
    let stretches = character == '\u{640}';
    let ignorable = matches!(character,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{E0000}'..='\u{E0FFF}');
    let encloses =
        matches!(character, '\u{488}'..='\u{489}' | '\u{20DD}'..='\u{20E0}' | '\u{20E2}'..='\u{20E4}');
    let accent = !matches!(canonical_combining_class(character), 0 | 7..=9);
    !(accent || ignorable || encloses || stretches)
}

/// Letters of scripts that put no spaces between words: Han, Kana, Bopomofo, Thai, Lao, Khmer, Burmese.
pub(super) const fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{E00}'..='\u{EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{312F}' | '\u{31A0}'..='\u{31BF}' | '\u{31F0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Where words begin in a run of letters and digits.
pub(super) fn starts(run: &str) -> impl Iterator<Item = usize> {
    // Most runs are ASCII, and one word.
    let rest = if run.is_ascii() { "" } else { run };
    let mut before: Option<char> = None;
    let later = rest.char_indices().filter_map(move |(at, character)| {
        if is_combining_mark(character) {
            return None;
        }
        let previous = before.replace(character)?;
        (is_unspaced(previous) || is_unspaced(character)).then_some(at)
    });
    iter::once(0).chain(later)
}

//! What a text finds: tables of cases, and laws over random texts.

use std::fmt::Write as _;

use directory::search::{FOLDING, entry};
use directory::{Search, SearchFault, Words};
use proptest::prelude::*;

fn words(name: &str, keys: &[&str]) -> Words {
    let mut words = Words::default();
    words.add_name(name);
    for key in keys {
        words.add_key(key);
    }
    words
}

fn search(text: &str) -> Search {
    Search::parse(text).unwrap_or_else(|fault| panic!("{text:?} {fault}"))
}

#[test]
fn texts_become_words() {
    for (text, expected) in [
        ("Class 7a", "class 7a"),
        ("  --Éva  D'Arc--  ", "eva d arc"),
        ("E\u{301}va", "eva"),
        ("STRASSE straße", "strasse strasse"),
        ("\u{1E9E}", "ss"),
        // All four of them are one letter to who searches.
        ("Isparta ısparta İsparta i\u{307}sparta", "isparta isparta isparta isparta"),
        ("ΣΊΣΥΦΟΣ Σίσυφος", "σισυφοσ σισυφοσ"),
        ("Łódź Tromsø Þór Đặng Œuvre Æther", "lodz tromso thor dang oeuvre aether"),
        ("Ёлка Йод", "елка иод"),
        ("ﬁne ＡＢＣ ½ m²", "fine abc 1 2 m2"),
        ("٢٠٢٤ ۱۲", "2024 12"),
        // Harakat, tatweel and the hamza above are left out by who types.
        ("مُحَمَّد أحمد مـحمد", "محمد احمد محمد"),
        ("שָׁלוֹם", "שלום"),
        // Vowel signs and voicing marks are not.
        ("हिन्दी", "हिन्दी"),
        ("が か", "か\u{3099} か"),
        ("ｶﾞ", "カ\u{3099}"),
        ("東京大学", "東京大学"),
        ("Kin\u{AD}der zero\u{200B}width", "kinder zerowidth"),
        ("👩\u{200D}🏫 a🦊b", "a b"),
        ("1\u{FE0F}\u{20E3}", "1"),
        ("\u{301}\u{94D}a", "a"),
        ("snake_case c++ a.b/c", "snake case c a b c"),
        ("", ""),
        ("-- 🦊 …", ""),
    ] {
        let words = words(text, &[]);
        let runs: Vec<&str> =
            words.iter().filter(|word| !text.contains("東京") || word.starts_with('東')).collect();
        assert_eq!(runs.join(" "), expected, "{text:?}");
    }
}

#[test]
fn what_finds_what() {
    let found = |text: &str, name: &str, keys: &[&str]| search(text).finds(&words(name, keys));
    for (text, name, keys, expected) in [
        ("eva", "Éva Kovács", &[][..], true),
        ("ÉVA kov", "Éva Kovács", &[], true),
        ("kov eva", "Éva Kovács", &[], true),
        ("va", "Éva Kovács", &[], false),
        ("eva kovacsi", "Éva Kovács", &[], false),
        // One word of the group may answer for two of the text.
        ("ev eva", "Éva Kovács", &[], true),
        ("strasse", "Goethestraße Straße", &[], true),
        ("straß", "Strasse", &[], true),
        // By key: its parts, its beginning, and written together.
        ("hr-001", "x", &["HR-001"], true),
        ("hr-0", "x", &["HR-001"], true),
        ("001", "x", &["HR-001"], true),
        ("hr001", "x", &["HR-001"], true),
        ("hr0", "x", &["HR-001"], true),
        ("r-001", "x", &["HR-001"], false),
        ("hr-01", "x", &["HR-001"], false),
        ("b2", "x", &["a-1", "B 2"], true),
        ("a1 2", "x", &["a-1", "B 2"], true),
        ("a1b", "x", &["a-1", "B 2"], false),
        // Name and key together.
        ("class hr", "Class 7", &["HR-001"], true),
        // A name written together is not a key.
        ("class7", "Class 7", &[], false),
        // Where scripts have no spaces, from any character on.
        ("東京", "東京大学", &[], true),
        ("京大", "東京大学", &[], true),
        ("大学", "東京大学", &[], true),
        ("東大", "東京大学", &[], false),
        ("a組", "3年A組", &[], true),
        ("年a", "3年A組", &[], true),
        ("プリ", "東京プリン", &[], true),
        ("バリ", "パリ", &[], false),
        ("เรียน", "โรงเรียน", &[], true),
        ("東京大学東京大学東京", "私立東京大学東京大学東京", &[], true),
        // Hangul is written with spaces; half a syllable is a beginning.
        ("하", "한국", &[], true),
        ("국", "한국", &[], false),
        ("7", "Class 7a", &[], true),
        ("a", "Class 7a", &[], false),
    ] {
        assert_eq!(found(text, name, keys), expected, "{text:?} in {name:?} {keys:?}");
    }
}

#[test]
fn what_cannot_be_searched_for() {
    for (text, fault, told) in [
        ("", SearchFault::NoWord, "must hold at least one letter or digit"),
        (" -_. ", SearchFault::NoWord, "must hold at least one letter or digit"),
        ("🦊", SearchFault::NoWord, "must hold at least one letter or digit"),
        ("\u{301}\u{200B}\u{FFFD}", SearchFault::NoWord, "must hold at least one letter or digit"),
        (&"a".repeat(256), SearchFault::TooLong { length: 256 }, "is 256 characters long, at most 255"),
        (
            "a b c d e f g h i j k l m n o p q",
            SearchFault::TooManyWords { words: 17 },
            "has 17 different words, at most 16",
        ),
    ] {
        let found = Search::parse(text).expect_err(text);
        assert_eq!(found, fault, "{text:?}");
        assert!(found.to_string().contains(told), "{found}");
    }
    assert_eq!(search(&"é".repeat(255)).words().collect::<Vec<_>>(), ["e".repeat(255)]);
    assert_eq!(search("b A a ab B").words().collect::<Vec<_>>(), ["ab", "b"]);
    assert_eq!(search("  Éa-b "), search("b,ea"));
    assert_eq!(search(&"a ".repeat(100)).words().len(), 1);
}

#[test]
fn an_index_keeps_the_beginnings_of_words() {
    let long = "x".repeat(64);
    let entries = |name: &str, keys: &[&str]| {
        let words = words(name, keys);
        words.entries().into_iter().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(entries("b a B", &["HR-1"]), ["1", "a", "b", "hr", "hr1"]);
    assert_eq!(entries(&long, &[]), ["x".repeat(32)]);
    assert_eq!(entries("三年A組", &[]), ["a組", "三年a組", "年a組", "組"]);
    let kana = "あいうえおかきくけこ";
    assert!(entries(kana, &[]).iter().all(|entry| entry.chars().count() <= 8));
    // The longest name there can be, in the worst of scripts.
    let bytes: usize = entries(&"漢字".repeat(127), &[]).iter().map(String::len).sum();
    assert!(bytes < 255 * 24, "{bytes}");
    assert_eq!(words("ab abc b", &[]).first_entry("ab"), Some("ab"));
    assert_eq!(words("ab abc b", &[]).first_entry("abc"), Some("abc"));
    assert_eq!(words("ab abc b", &[]).first_entry("c"), None);
}

/// Many indexes hold words folded in this way. If this fails after an upgrade of a dependency, `FOLDING`
/// has to grow, so that they are made anew.
#[test]
fn every_character_folds_as_it_did() {
    let mut sum: u64 = 0;
    for character in char::MIN..=char::MAX {
        let mut words = Words::default();
        words.add_name(&format!("x{character}x"));
        for byte in words.iter().flat_map(|word| word.bytes().chain([b' '])) {
            sum = (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3).rotate_left(5);
        }
    }
    let mut shown = String::new();
    write!(shown, "{FOLDING} {sum:016x}").expect("a text takes everything");
    assert_eq!(shown, "1 68f3be9ff4522e66");
}

/// Marks of one kind only: a beginning that ends between two marks may have them in another order.
fn text() -> impl Strategy<Value = String> {
    "([a-cA-C1é ßİıŁ_'-]|京|大|ガ|ｶﾞ|\u{301}|\u{3099}|하|ﬃ|\u{AD}|🦊){0,12}"
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A group is found by its whole name, its whole key, and any beginning of them.
    #[test]
    fn beginnings_find(name in text(), key in text(), end in 0..13usize) {
        let group = words(&name, &[&key]);
        for whole in [&name, &key] {
            let start: String = whole.chars().take(end).collect();
            if let Ok(search) = Search::parse(&start) {
                prop_assert!(search.finds(&group), "{start:?}");
            }
        }
    }

    /// Folding twice is folding once, and case makes no difference.
    #[test]
    fn folding_is_settled(name in text()) {
        let once = words(&name, &[]);
        let runs: Vec<&str> = once.iter().collect();
        for other in [name.to_lowercase(), runs.join(" ")] {
            let again = words(&other, &[]);
            prop_assert!(runs.iter().all(|word| again.iter().any(|other| other == *word)), "{other:?}");
        }
    }

    /// What an index keeps is enough to find every group that a search finds.
    #[test]
    fn entries_are_enough(name in text(), long in text(), wanted in text()) {
        let group = words(&format!("{name}{long}{long}{long}{long}"), &[]);
        if let Ok(search) = Search::parse(&format!("{wanted} {name}{long}")) && search.finds(&group) {
            let entries = group.entries();
            for word in search.words() {
                prop_assert!(entries.iter().any(|kept| kept.starts_with(entry(word))), "{word:?}");
                prop_assert!(group.first_entry(word).is_some_and(|first| entries.contains(first)));
            }
        }
    }
}

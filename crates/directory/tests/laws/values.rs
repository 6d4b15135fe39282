//! What a value may look like: tables of cases, one `check` a type.

use directory::*;

fn check<T: std::fmt::Debug>(parse: impl Fn(&str) -> Result<T, Fault>, text: &str, reason: &str) {
    let found = parse(text).err();
    assert_eq!(found.as_ref().map_or("", Fault::reason), reason, "{text:?}: {found:?}");
}

#[test]
fn keys_are_canonical() {
    for (text, reason) in [
        ("g-1", ""),
        ("a/b", ""),
        ("a b", ""),
        ("'; DROP TABLE groups;--", ""),
        ("%", ""),
        ("\u{1F600}", ""),
        ("p\u{430}ris", ""),
        ("\u{FB01}", ""),
        ("", "EMPTY"),
        (" g", "KEY_NOT_CANONICAL"),
        ("g\u{3000}", "KEY_NOT_CANONICAL"),
        ("g\u{A0}", "KEY_NOT_CANONICAL"),
        ("g\t1", "KEY_NOT_CANONICAL"),
        ("g\u{0}1", "KEY_NOT_CANONICAL"),
        ("g\u{85}", "KEY_NOT_CANONICAL"),
        ("g\u{200B}1", "KEY_NOT_CANONICAL"),
        ("g\u{AD}1", "KEY_NOT_CANONICAL"),
        ("g\u{FEFF}1", "KEY_NOT_CANONICAL"),
        ("g\u{202E}1", "KEY_NOT_CANONICAL"),
        ("g\u{2066}1", "KEY_NOT_CANONICAL"),
        ("g\u{200D}1", "KEY_NOT_CANONICAL"),
        ("g\u{FFFD}", "KEY_NOT_CANONICAL"),
        ("k\u{FFFF}", "KEY_NOT_CANONICAL"),
        ("k\u{FDD0}", "KEY_NOT_CANONICAL"),
    ] {
        check(ReferenceKey::parse, text, reason);
        check(Source::parse, text, reason);
    }
}

#[test]
fn keys_are_counted_after_normalisation() {
    for (text, reason) in [
        ("\u{1F600}".repeat(64), ""),
        ("\u{1F600}".repeat(65), "TOO_LONG"),
        ("e\u{301}".repeat(64), ""),
        ("e\u{301}".repeat(65), "TOO_LONG"),
        ("\u{958}".repeat(32), ""),
        ("\u{958}".repeat(33), "TOO_LONG"),
    ] {
        check(ReferenceKey::parse, &text, reason);
    }
    check(Source::parse, &"s".repeat(30), "");
    check(Source::parse, &"s".repeat(31), "TOO_LONG");
    assert_eq!(ReferenceKey::parse("cafe\u{301}"), ReferenceKey::parse("caf\u{e9}"));
    assert_ne!(ReferenceKey::parse("ABC"), ReferenceKey::parse("abc"));
}

#[test]
fn a_parent_may_be_named_by_a_key_that_no_group_can_have() {
    for (text, reason) in [
        ("", "EMPTY"),
        ("p\u{200B}", "KEY_NOT_CANONICAL"),
        (&"p".repeat(255), ""),
        (&"p".repeat(256), "TOO_LONG"),
        (&format!("{} ", "p".repeat(100)), "KEY_NOT_CANONICAL"),
        (&format!("{}\u{0}p", "p".repeat(100)), "KEY_NOT_CANONICAL"),
    ] {
        check(ParentKey::parse, text, reason);
    }
    assert!(matches!(ParentKey::parse(&"p".repeat(64)), Ok(ParentKey::Key(_))));
    assert_eq!(ParentKey::parse(&"p".repeat(65)), Ok(ParentKey::Unmatchable { length: 65 }));
}

#[test]
fn similar_keys_fold_to_one_form() {
    let folded = |text: &str| ReferenceKey::parse(text).expect("a good key").folded();
    for (one, other, similar) in [
        ("ABC", "abc", true),
        ("g 1", "G1", true),
        ("\u{FF21}BC", "abc", true),
        ("\u{FB01}x", "FIX", true),
        ("stra\u{DF}e", "STRASSE", true),
        ("\u{3A3}", "\u{3C2}", true),
        ("p\u{430}ris", "paris", false),
        ("g-1", "g1", false),
        ("caf\u{e9}", "cafe", false),
    ] {
        assert_eq!(folded(one) == folded(other), similar, "{one} and {other}");
    }
}

#[test]
fn names_and_descriptions() {
    for (text, name, description) in [
        ("n", "", ""),
        ("", "EMPTY", ""),
        (" \u{A0}\u{3000}", "BLANK", ""),
        (" n ", "", ""),
        ("a\tb", "INVALID_CHARACTER", ""),
        ("a\r\nb", "INVALID_CHARACTER", ""),
        ("a\u{7F}b", "INVALID_CHARACTER", "INVALID_CHARACTER"),
        ("a\u{85}b", "INVALID_CHARACTER", "INVALID_CHARACTER"),
        ("a\u{0}b", "INVALID_CHARACTER", "INVALID_CHARACTER"),
        ("\u{FFFF}\u{FDD0}", "", ""),
        ("\u{1F468}\u{200D}\u{1F469}", "", ""),
        (&"\u{E9}".repeat(255), "", ""),
        (&"\u{E9}".repeat(256), "TOO_LONG", "TOO_LONG"),
        (&"e\u{301}".repeat(128), "TOO_LONG", "TOO_LONG"),
    ] {
        check(Name::parse, text, name);
        check(Description::parse, text, description);
    }
}

#[test]
fn photo_urls() {
    for (text, reason) in [
        ("https://example.org/x.png", ""),
        ("HTTP://EXAMPLE.org:8080/?q=1#f", ""),
        ("https://[::1]/x", ""),
        ("https://b\u{FC}cher.example/\u{e9}", ""),
        ("", "EMPTY"),
        ("javascript:alert(1)", "URL_SCHEME"),
        ("data:image/svg+xml,<svg onload=alert(1)>", "URL_SCHEME"),
        ("file:///etc/passwd", "URL_SCHEME"),
        ("ftp://example.org/x", "URL_SCHEME"),
        ("//cdn.example.com/x.png", "INVALID_URL"),
        ("/logo.png", "INVALID_URL"),
        ("logo.png", "INVALID_URL"),
        (" https://example.org", "INVALID_URL"),
        ("https://a b/x", "INVALID_URL"),
        ("https://example.org/a b", "INVALID_URL"),
        ("https:\\\\evil.example\\x", "INVALID_URL"),
        ("https:/example.org", "INVALID_URL"),
        ("https:example.org", "INVALID_URL"),
        ("https://", "INVALID_URL"),
        ("https:///x", "INVALID_URL"),
        ("https://h:99999/", "INVALID_URL"),
        ("https://user:pw@h/x.png", "URL_CREDENTIALS"),
        ("https://user@h/x.png", "URL_CREDENTIALS"),
        ("https://h/\u{0}", "INVALID_CHARACTER"),
        (&format!("https://h/{}", "x".repeat(490)), ""),
        (&format!("https://h/{}", "x".repeat(491)), "TOO_LONG"),
    ] {
        check(PhotoUrl::parse, text, reason);
    }
}

#[test]
fn ids_are_plain_numbers() {
    for (text, number) in [
        ("1", Some(1)),
        ("9007199254740991", Some(9_007_199_254_740_991)),
        ("9007199254740992", None),
        ("0", None),
        ("01", None),
        ("-1", None),
        ("+1", None),
        ("1.0", None),
        ("", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(GroupId::parse(text).map(GroupId::get), number, "{text:?}");
    }
}

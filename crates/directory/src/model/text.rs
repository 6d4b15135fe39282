//! Texts of a group: stored as sent, checked once.

use url::Url;

use super::fault::Fault;

/// Makes a text newtype whose inside is an owned string; `parse` is written by hand below.
macro_rules! text {
    ($(#[$documentation:meta])* $name:ident, limit $limit:literal) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
        pub struct $name(Box<str>);

        impl $name {
            /// The most Unicode scalar values it may hold, as sent.
            pub const MAX_CHARACTERS: usize = $limit;

            /// Takes a value that was parsed before it was stored.
            pub fn from_stored(text: impl Into<Box<str>>) -> Self {
                Self(text.into())
            }

            /// The text, as sent.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

text! {
    /// A group's name: 1–255 characters, not only white space, no control characters.
    Name, limit 255
}
text! {
    /// A group's description: 0–255 characters; tab and newlines are its only control characters.
    Description, limit 255
}
text! {
    /// One line about a group, such as its company: 0–255 characters, no control characters.
    Line, limit 255
}
text! {
    /// Notes on a group: 0–4000 characters; tab and newlines are its only control characters.
    Notes, limit 4000
}
text! {
    /// The address of a picture: an absolute http(s) URL of at most 500 characters. Stored, never fetched.
    PhotoUrl, limit 500
}

impl Name {
    /// Checks a name (contract 1 §1, rules §2).
    pub fn parse(text: &str) -> Result<Self, Fault> {
        check_length(text, Self::MAX_CHARACTERS)?;
        check_characters(text, |_| false)?;
        match text {
            "" => Err(Fault::Empty),
            _ if text.chars().all(char::is_whitespace) => Err(Fault::Blank),
            _ => Ok(Self(text.into())),
        }
    }
}

impl Description {
    /// Checks a description (contract 1 §1, rules §2).
    pub fn parse(text: &str) -> Result<Self, Fault> {
        check_length(text, Self::MAX_CHARACTERS)?;
        check_characters(text, |found| matches!(found, '\t' | '\n' | '\r'))?;
        Ok(Self(text.into()))
    }
}

impl Name {
    /// Checks a name that may be empty (contract 2 §1).
    pub fn parse_optional(text: &str) -> Result<Self, Fault> {
        if text.is_empty() { Ok(Self::default()) } else { Self::parse(text) }
    }
}

impl Line {
    /// Checks a line (contract 2 §1, rules §2).
    pub fn parse(text: &str) -> Result<Self, Fault> {
        check_length(text, Self::MAX_CHARACTERS)?;
        check_characters(text, |_| false)?;
        Ok(Self(text.into()))
    }
}

impl Notes {
    /// Checks notes (contract 2 §1, rules §2).
    pub fn parse(text: &str) -> Result<Self, Fault> {
        check_length(text, Self::MAX_CHARACTERS)?;
        check_characters(text, |found| matches!(found, '\t' | '\n' | '\r'))?;
        Ok(Self(text.into()))
    }
}

impl PhotoUrl {
    /// Checks a URL: http or https, absolute, without credentials. The text is kept as sent, not as the
    /// URL standard would rewrite it, so what that standard silently repairs (outer white space, back
    /// slashes, one slash for two) is refused.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.is_empty() {
            return Err(Fault::Empty);
        }
        check_length(text, Self::MAX_CHARACTERS)?;
        check_characters(text, |_| false)?;
        let rest = after_scheme(text)?;
        let bytes = text.as_bytes();
        if bytes.contains(&b' ') || !text.is_ascii() && text.contains(char::is_whitespace) {
            return Err(Fault::InvalidUrl("it holds white space"));
        }
        if bytes.contains(&b'\\') {
            return Err(Fault::InvalidUrl("it holds a backslash"));
        }
        let rest = rest.strip_prefix("//").unwrap_or_default();
        let end = rest.bytes().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
        let authority = &rest[..end.unwrap_or(rest.len())];
        if authority.is_empty() {
            return Err(Fault::InvalidUrl("the scheme must be followed by // and a host"));
        }
        if is_plain_host(authority) {
            return Ok(Self(text.into()));
        }
        let url = Url::parse(text).map_err(|_| Fault::InvalidUrl("it cannot be parsed"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Fault::UrlCredentials);
        }
        Ok(Self(text.into()))
    }
}

/// Whether this is a host name that needs no parser: labels of ASCII letters, digits and hyphens, the last
/// of which is no number (that would be an address), none in Punycode. Nearly every URL has one, and the
/// parser took 0.5 of the 1.25 ms in which 1000 records are read.
fn is_plain_host(authority: &str) -> bool {
    let plain = |label: &[u8]| {
        !label.is_empty()
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            && !label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"))
    };
    let mut last = &[][..];
    let all = authority.as_bytes().split(|byte| *byte == b'.').all(|label| {
        last = label;
        plain(label)
    });
    all && last.first().is_some_and(u8::is_ascii_alphabetic)
}

fn check_length(text: &str, limit: usize) -> Result<(), Fault> {
    // A string cannot hold more characters than bytes: most texts are settled without counting.
    if text.len() <= limit {
        return Ok(());
    }
    let length = text.chars().count();
    if length <= limit { Ok(()) } else { Err(Fault::TooLong { length, limit }) }
}

/// Whether there is nothing but visible ASCII and spaces: most texts are settled by one look at their bytes.
pub(super) fn is_plain(text: &str) -> bool {
    // No early end: this way it is done for many bytes at once.
    text.bytes().fold(true, |plain, byte| plain & (byte.wrapping_sub(b' ') < 0x5F))
}

fn check_characters(text: &str, allowed: impl Fn(char) -> bool) -> Result<(), Fault> {
    if is_plain(text) {
        return Ok(());
    }
    match text.chars().find(|&found| found.is_control() && !allowed(found)) {
        Some(found) => Err(Fault::InvalidCharacter(found)),
        None => Ok(()),
    }
}

/// What follows the colon behind `http` or `https`.
fn after_scheme(text: &str) -> Result<&str, Fault> {
    let scheme = text.split_once(':').filter(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    });
    match scheme {
        None => Err(Fault::InvalidUrl("it has no scheme")),
        Some((scheme, rest)) if ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
            Ok(rest)
        }
        Some(_) => Err(Fault::UrlScheme),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is taken for a plain host is one to the parser too, whatever follows.
        #[test]
        fn plain_hosts_need_no_parser(
            authority in "([xX][nN]--)?[a-zA-Z0-9.:@%_\u{e9}-]{1,12}",
            rest in "([/?#][ -~\u{e9}]{0,8})?",
        ) {
            if is_plain_host(&authority) {
                let url = Url::parse(&format!("https://{authority}{rest}"));
                prop_assert!(url.is_ok_and(|url| url.has_host() && url.username().is_empty() && url.password().is_none()));
            }
        }
    }
}

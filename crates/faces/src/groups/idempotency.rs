//! The header `Idempotency-Key` (rules §8).

use super::refusal::{InvalidRequest, Refusal};

/// The most characters of a key.
pub const MAX_CHARACTERS: usize = 255;

/// The key of a request: 1–255 visible ASCII characters, at most one; `None` where none was sent.
pub fn idempotency_key(header_values: &[&[u8]]) -> Result<Option<String>, Refusal> {
    match header_values {
        [] => Ok(None),
        [value] if is_key(value) => Ok(Some(value.iter().copied().map(char::from).collect())),
        _ => Err(Refusal::invalid(
            InvalidRequest::InvalidIdempotencyKey,
            Some("Idempotency-Key"),
            format!(
                "Idempotency-Key must be sent once, with 1 to {MAX_CHARACTERS} visible ASCII characters."
            ),
        )),
    }
}

fn is_key(value: &[u8]) -> bool {
    (1..=MAX_CHARACTERS).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let long = [b'k'; 256];
        for (values, key) in [
            (vec![], Some(None)),
            (vec![&b"k-1!"[..]], Some(Some("k-1!"))),
            (vec![&long[..255]], Some(Some(std::str::from_utf8(&long[..255]).unwrap()))),
            (vec![&long[..]], None),
            (vec![&b""[..]], None),
            (vec![&b"a\tb"[..]], None),
            (vec![&b"a b"[..]], None),
            (vec!["\u{e9}".as_bytes()], None),
            (vec![&b"a"[..], &b"a"[..]], None),
        ] {
            assert_eq!(idempotency_key(&values).ok().as_ref().map(Option::as_deref), key, "{values:?}");
        }
    }
}

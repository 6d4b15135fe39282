//! Which character encoding an input is in, decided from its first bytes.

use std::cmp::Ordering;
use std::io::{self, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// How much of an input is looked at at once.
const WINDOW_BYTES: u64 = 64 * 1024;

/// How the encoding is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Given on the command line.
    Asked,
    /// The input starts with a byte order mark.
    Marked,
    /// The bytes looked at are valid UTF-8, the encoding expected of both formats.
    Valid,
    /// From the pattern of the bytes; may be wrong.
    Guessed,
}

/// The encoding of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Detected {
    pub(super) encoding: &'static Encoding,
    pub(super) known: Known,
}

impl Detected {
    /// The name for the user, with how sure it is.
    pub(super) fn describe(&self) -> String {
        let name = display_name(self.encoding);
        match self.known {
            Known::Asked | Known::Valid => name,
            Known::Marked => format!("{name} (byte order mark)"),
            Known::Guessed => format!("{name} (guessed)"),
        }
    }
}

/// How much of an input the decision rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// The input goes on after these bytes.
    Prefix,
    /// The bytes are all there is.
    Whole,
}

/// The name as people write it: the standard's labels are all lower case for the Windows pages.
pub(super) fn display_name(encoding: &'static Encoding) -> String {
    encoding.name().replace("windows", "Windows")
}

/// Decides the encoding from the first bytes of an input.
pub(super) fn detect(bytes: &[u8], extent: Extent, asked: Option<&'static Encoding>) -> Detected {
    let marked = Encoding::for_bom(bytes).map(|(encoding, _)| encoding);
    if let Some(asked) = asked {
        // Who asks for "utf-16" means either order; the mark says which.
        let other_order = marked.filter(|mark| is_utf16(asked) && is_utf16(mark));
        return Detected { encoding: other_order.unwrap_or(asked), known: Known::Asked };
    }
    if let Some(encoding) = marked {
        return Detected { encoding, known: Known::Marked };
    }
    if let Some(encoding) = by_zero_bytes(bytes) {
        return Detected { encoding, known: Known::Guessed };
    }
    if is_utf8(bytes, extent) {
        return Detected { encoding: UTF_8, known: Known::Valid };
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, extent == Extent::Whole);
    Detected { encoding: detector.guess(None, Utf8Detection::Deny), known: Known::Guessed }
}

fn is_utf16(encoding: &'static Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

/// UTF-16 without a mark: what is ASCII has a zero byte, on the side that tells the order. Delimiters, quotes
/// and line ends decide, because they are nothing common when read the other way round; letters would not
/// do, the other way round N is U+4E00, one of the most frequent characters of Chinese.
fn by_zero_bytes(bytes: &[u8]) -> Option<&'static Encoding> {
    let zeros = bytes.split(|byte| *byte == 0).count() - 1;
    // One byte in 32 at least: a table of Chinese has few more, any other text has none.
    if zeros == 0 || zeros * 32 < bytes.len() {
        return None;
    }
    let units = || bytes.chunks_exact(2).map(|unit| (unit[0], unit[1]));
    let is_structure = |byte| b"\n\r\t,;\"".contains(&byte);
    let little = units().filter(|(first, second)| is_structure(*first) && *second == 0).count();
    let big = units().filter(|(first, second)| *first == 0 && is_structure(*second)).count();
    match little.cmp(&big) {
        Ordering::Greater => Some(UTF_16LE),
        Ordering::Less => Some(UTF_16BE),
        Ordering::Equal => None,
    }
}

fn is_utf8(bytes: &[u8], extent: Extent) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        // No length: the last character is cut off by the end of what was looked at.
        Err(error) => extent == Extent::Prefix && error.error_len().is_none(),
    }
}

/// The first bytes of an input, if any, that are not UTF-8, with some of their surroundings.
pub(super) fn first_that_is_no_utf8(mut input: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut window = Vec::new();
    loop {
        let read = input.by_ref().take(WINDOW_BYTES).read_to_end(&mut window)?;
        let end = if read == 0 { Extent::Whole } else { Extent::Prefix };
        if !is_utf8(&window, end) {
            return Ok(Some(window));
        }
        if read == 0 {
            return Ok(None);
        }
        // A character that the end of the window cuts off is judged with the next one.
        let complete = std::str::from_utf8(&window).map_or_else(|error| error.valid_up_to(), str::len);
        window.drain(..complete);
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{UTF_8, WINDOWS_1252};

    use super::{Detected, Extent, Known, UTF_16BE, UTF_16LE, detect};

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    fn check(bytes: &[u8], extent: Extent, expected: &str) {
        assert_eq!(detect(bytes, extent, None).describe(), expected, "{bytes:?}");
    }

    #[test]
    fn the_first_bytes_tell_the_encoding() {
        let russian = "externalReferenceId;name\ng-1;Київ\n";
        let chinese = "编号\t名称\n一一\t一一一\n二\t一二三四五六七\n";
        check(b"", Extent::Whole, "UTF-8");
        check(b"name\nplain\n", Extent::Whole, "UTF-8");
        check("name\nÉcole\n".as_bytes(), Extent::Whole, "UTF-8");
        check(b"\xEF\xBB\xBFname\n", Extent::Whole, "UTF-8 (byte order mark)");
        check(b"\xFF\xFEn\0", Extent::Whole, "UTF-16LE (byte order mark)");
        check(b"\xFE\xFF\0n", Extent::Whole, "UTF-16BE (byte order mark)");
        check(&utf16(russian, u16::to_le_bytes), Extent::Whole, "UTF-16LE (guessed)");
        check(&utf16(russian, u16::to_be_bytes), Extent::Whole, "UTF-16BE (guessed)");
        check(&utf16(chinese, u16::to_le_bytes), Extent::Whole, "UTF-16LE (guessed)");
        check(&utf16(chinese, u16::to_be_bytes), Extent::Whole, "UTF-16BE (guessed)");
        check(b"name;city\ncaf\xE9;l\x92\xE9t\xE9 \x80\n", Extent::Whole, "Windows-1252 (guessed)");
        check(
            b"name\na single zero byte in a text \0 of other characters, which is no UTF-16\n",
            Extent::Whole,
            "UTF-8",
        );
        check(b"name\ncut off here: \xC3", Extent::Prefix, "UTF-8");
    }

    #[test]
    fn a_character_cut_off_at_the_very_end_is_not_utf8() {
        assert_ne!(detect(b"name\ncut off here: \xC3", Extent::Whole, None).encoding, UTF_8);
    }

    #[test]
    fn what_was_asked_for_wins() {
        let asked = |bytes, encoding| detect(bytes, Extent::Whole, Some(encoding));
        let known = Known::Asked;
        assert_eq!(asked(b"plain", WINDOWS_1252), Detected { encoding: WINDOWS_1252, known });
        assert_eq!(asked(b"\xEF\xBB\xBFx", WINDOWS_1252), Detected { encoding: WINDOWS_1252, known });
        assert_eq!(asked(b"\xFE\xFF\0n", UTF_16LE), Detected { encoding: UTF_16BE, known });
    }

    #[test]
    fn what_is_no_utf8_is_found_wherever_it_is() {
        let far = 200_000;
        for (text, found) in [
            ("a".repeat(far).into_bytes(), false),
            ("\u{20ac}".repeat(far).into_bytes(), false),
            ([b"a".repeat(65_535), "\u{e9}".into()].concat(), false),
            ([b"a".repeat(far), vec![0xE9, b't', 0xE9]].concat(), true),
            ([b"a".repeat(far), vec![0xE9]].concat(), true),
            ([vec![0xE9], b"a".repeat(far)].concat(), true),
        ] {
            let window = super::first_that_is_no_utf8(&text[..]).unwrap();
            assert_eq!(window.is_some(), found);
        }
    }
}

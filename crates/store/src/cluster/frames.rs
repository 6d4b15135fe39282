//! As much of `PostgreSQL`'s protocol (version 3) as it takes to know when somebody commits.

use std::collections::HashMap;
use std::io::{self, Read};

/// The first message of a connection has no type.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// The client asks for encryption first.
    Encryption,
    /// The client wants something cancelled, and waits for no answer.
    Cancel(Vec<u8>),
    /// The client says who it is.
    Startup(Vec<u8>),
}

const CANCEL: u32 = 80_877_102;
const ENCRYPTION: [u32; 2] = [80_877_103, 80_877_104];
/// Nothing that the tests send is longer.
const LONGEST: usize = 1 << 28;

impl Opening {
    pub(super) fn read(from: &mut impl Read) -> io::Result<Self> {
        let bytes = read_length_and_rest(from, Vec::new())?;
        let code = bytes.get(4..8).map_or(0, number);
        Ok(match code {
            CANCEL => Self::Cancel(bytes),
            code if ENCRYPTION.contains(&code) => Self::Encryption,
            _ => Self::Startup(bytes),
        })
    }
}

/// A message behind the first one, as it is on the wire.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Vec<u8>,
}

impl Frame {
    pub(super) fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut kind = [0];
        from.read_exact(&mut kind)?;
        Ok(Self { bytes: read_length_and_rest(from, kind.to_vec())? })
    }

    /// What the server says of a statement that it has carried out.
    pub(super) fn completed(&self) -> Option<&str> {
        (self.kind() == b'C').then(|| self.texts().0)
    }

    fn kind(&self) -> u8 {
        self.bytes[0]
    }

    /// The first two texts of the message.
    fn texts(&self) -> (&str, &str) {
        let mut texts =
            self.bytes[5..].split(|byte| *byte == 0).map(|text| str::from_utf8(text).unwrap_or_default());
        (texts.next().unwrap_or_default(), texts.next().unwrap_or_default())
    }
}

/// Appends a length and as much as it says, itself included.
fn read_length_and_rest(from: &mut impl Read, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let rest = (number(&length) as usize).checked_sub(4).filter(|rest| *rest < LONGEST);
    let rest = rest.ok_or(io::ErrorKind::InvalidData)?;
    let start = bytes.len() + 4;
    bytes.extend(length);
    bytes.resize(start + rest, 0);
    from.read_exact(&mut bytes[start..])?;
    Ok(bytes)
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// What a statement does to its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Writes,
    Commits,
    Other,
}

impl Deed {
    /// As far as the beginning of its statements tells, and of those inside of them.
    pub(super) fn of(sql: &str) -> Self {
        let words: Vec<&str> =
            sql.split([' ', '\n', '\t', '(', ';']).filter(|word| !word.is_empty()).collect();
        let is = |at: usize, word: &str| words.get(at).is_some_and(|found| found.eq_ignore_ascii_case(word));
        if sql
            .split(';')
            .any(|one| ["COMMIT", "END"].iter().any(|word| one.trim().eq_ignore_ascii_case(word)))
        {
            return Self::Commits;
        }
        let first = ["INSERT", "UPDATE", "DELETE", "COPY"].iter().any(|word| is(0, word));
        let inside = (1..words.len()).any(|at| {
            (is(at, "INSERT") && is(at + 1, "INTO"))
                || (is(at, "DELETE") && is(at + 1, "FROM"))
                || is(at, "SET")
        });
        if first || (inside && !is(0, "SET")) { Self::Writes } else { Self::Other }
    }
}

/// What a client has prepared, to know what it carries out.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    statements: HashMap<String, Deed>,
    portals: HashMap<String, Deed>,
}

impl Prepared {
    /// What a message of the client has the server do.
    pub(super) fn deed(&mut self, frame: &Frame) -> Deed {
        let (first, second) = frame.texts();
        match frame.kind() {
            b'Q' => return Deed::of(first),
            b'P' => drop(self.statements.insert(first.to_owned(), Deed::of(second))),
            b'B' => {
                let deed = self.statements.get(second).copied().unwrap_or(Deed::Other);
                self.portals.insert(first.to_owned(), deed);
            }
            b'E' => return self.portals.get(first).copied().unwrap_or(Deed::Other),
            _ => {}
        }
        Deed::Other
    }
}

#[cfg(test)]
mod tests {
    use super::{Deed, Frame, Opening, Prepared};

    fn frame(kind: u8, text: &str) -> Frame {
        let length = u32::try_from(text.len() + 4).unwrap().to_be_bytes();
        let bytes = [&[kind], &length[..], text.as_bytes(), b"and what follows"].concat();
        Frame::read(&mut &bytes[..]).unwrap()
    }

    #[test]
    fn statements_are_known_by_their_words() {
        for (sql, deed) in [
            ("COMMIT", Deed::Commits),
            (" commit ;", Deed::Commits),
            ("INSERT INTO t VALUES (1); COMMIT", Deed::Commits),
            ("insert into t select 'COMMIT'", Deed::Writes),
            ("UPDATE t SET a = 1", Deed::Writes),
            ("COPY t FROM STDIN BINARY", Deed::Writes),
            ("BEGIN; DELETE FROM t", Deed::Writes),
            ("WITH x AS (UPDATE t SET a = 1) SELECT 1", Deed::Writes),
            ("SELECT 1 FROM t FOR NO KEY UPDATE", Deed::Other),
            ("SET statement_timeout = 1", Deed::Other),
            ("BEGIN", Deed::Other),
            ("ROLLBACK", Deed::Other),
        ] {
            assert_eq!(Deed::of(sql), deed, "{sql}");
        }
    }

    #[test]
    fn what_is_prepared_is_known_when_it_is_carried_out() {
        let mut prepared = Prepared::default();
        for (kind, text, deed) in [
            (b'P', "s\0COMMIT\0", Deed::Other),
            (b'P', "\0DELETE FROM t\0", Deed::Other),
            (b'B', "\0s\0", Deed::Other),
            (b'E', "\0", Deed::Commits),
            (b'B', "\0\0", Deed::Other),
            (b'E', "\0", Deed::Writes),
            (b'S', "", Deed::Other),
            (b'Q', "COMMIT\0", Deed::Commits),
        ] {
            assert_eq!(prepared.deed(&frame(kind, text)), deed, "{text:?}");
        }
    }

    #[test]
    fn frames_are_as_long_as_they_say() {
        assert_eq!(frame(b'C', "COMMIT\0").completed(), Some("COMMIT"));
        assert_eq!(frame(b'Q', "COMMIT\0").completed(), None);
        for cut in [&b"C"[..], b"C\0\0\0\x03", b"C\0\0\0\x08ab", b"C\xff\xff\xff\xffab"] {
            assert!(Frame::read(&mut &cut[..]).is_err(), "{cut:?}");
        }
    }

    #[test]
    fn openings_are_told_apart() {
        let read = |code: u32| Opening::read(&mut &[[0, 0, 0, 8], code.to_be_bytes()].concat()[..]).unwrap();
        assert_eq!(read(80_877_103), Opening::Encryption);
        assert!(matches!(read(80_877_102), Opening::Cancel(_)));
        assert!(matches!(read(196_608), Opening::Startup(_)));
    }
}

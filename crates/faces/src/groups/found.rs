//! Cursors of searches: a place in the walk that an engine has chosen, its letter first.
//!
//! | letter | behind it |
//! | --- | --- |
//! | `w` | which word of the search, what the index held, the group, and the entry in hexadecimal |
//! | `c` | revision and group of the last change that is done |
//! | `g` | the last group that is done |
//!
//! Numbers have 14 hexadecimal digits, that of the word one. A check of 16 digits comes last.

use directory::{GroupId, Search, SearchPlace, Stamp};

use super::cursor::{Thread, check_of};

const DIGITS: usize = 14;
const CHECK_DIGITS: usize = 16;
const _: () = assert!(Search::MAX_WORDS <= 16, "the word has one digit");

/// The cursor to what comes after this place.
pub(super) fn write(thread: Thread, place: &SearchPlace) -> String {
    let text = match place {
        SearchPlace::Word { until, word, entry, group } => {
            let start = format!("w{word:x}{}{:014x}", stamp(*until), group.get());
            entry.bytes().fold(start, |mut text, byte| {
                text.extend(
                    [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])),
                );
                text
            })
        }
        SearchPlace::Change(change) => format!("c{}", stamp(*change)),
        SearchPlace::Group(group) => format!("g{:014x}", group.get()),
    };
    format!("{text}{:016x}", check_of(thread, &text))
}

fn stamp(Stamp { revision, group }: Stamp) -> String {
    format!("{revision:014x}{group:014x}")
}

/// The place that a cursor of this search comes after. `None` for what this server did not hand out for
/// it, as far as that can be told without a secret; a forged one is worth nothing.
pub(super) fn read(thread: Thread, cursor: &str) -> Option<SearchPlace> {
    let (text, check) = cursor.split_at_checked(cursor.len().checked_sub(CHECK_DIGITS)?)?;
    let mut rest = Rest(text.get(1..)?);
    let place = match text.as_bytes()[0] {
        b'w' => SearchPlace::Word {
            word: usize::try_from(rest.number(1)?).ok()?,
            until: rest.stamp()?,
            group: GroupId::new(rest.number(DIGITS)?)?,
            entry: rest.text()?,
        },
        b'c' => SearchPlace::Change(rest.stamp()?),
        b'g' => SearchPlace::Group(GroupId::new(rest.number(DIGITS)?)?),
        _ => return None,
    };
    // One place has one cursor.
    (check.len() == CHECK_DIGITS && write(thread, &place) == cursor).then_some(place)
}

/// What is not read yet.
struct Rest<'r>(&'r str);

impl Rest<'_> {
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        i64::from_str_radix(number, 16).ok()
    }

    fn stamp(&mut self) -> Option<Stamp> {
        Some(Stamp { revision: self.number(DIGITS)?, group: self.number(DIGITS)? })
    }

    /// All of it, as a text in hexadecimal.
    fn text(&mut self) -> Option<Box<str>> {
        let mut bytes = Vec::with_capacity(self.0.len() / 2);
        while !self.0.is_empty() {
            bytes.push(u8::try_from(self.number(2)?).ok()?);
        }
        String::from_utf8(bytes).ok().map(Into::into)
    }
}

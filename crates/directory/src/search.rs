//! Search: which groups a text finds.
//!
//! A text finds a group when each of its words is the beginning of a word of the group, whatever the case
//! and the accents. The words of a group are those of its name and of its keys; a key written together
//! is one more, so that `hr001` finds `HR-001`.

mod fold;

use std::collections::BTreeSet;
use std::fmt;

use crate::model::GroupId;
use crate::query::GroupView;

pub use fold::FOLDING;
use fold::{is_unspaced, starts};

/// A text to search for, as words that all have to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// In order, each once, none the beginning of another.
    words: Vec<Box<str>>,
}

/// Why a text cannot be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchFault {
    /// More characters than any name has.
    TooLong {
        /// Characters found.
        length: usize,
    },
    /// Not one letter or digit.
    NoWord,
    /// More words than are looked for.
    TooManyWords {
        /// Words found.
        words: usize,
    },
}

impl Search {
    /// The most Unicode scalar values of a text, as sent.
    pub const MAX_CHARACTERS: usize = 255;
    /// The most words of a text. Each is one more to look for in every group.
    pub const MAX_WORDS: usize = 16;

    /// Takes a text apart.
    pub fn parse(text: &str) -> Result<Self, SearchFault> {
        let length = text.chars().count();
        if length > Self::MAX_CHARACTERS {
            return Err(SearchFault::TooLong { length });
        }
        let mut folded = String::new();
        fold::add(text, &mut folded);
        let distinct: BTreeSet<&str> = runs(&folded).collect();
        let longer = |word: &str| distinct.range(word..).nth(1).is_some_and(|next| next.starts_with(word));
        // Whatever begins with the longer one begins with the shorter one too.
        let words: Vec<Box<str>> =
            distinct.iter().filter(|word| !longer(word)).map(|word| (*word).into()).collect();
        match words.len() {
            0 => Err(SearchFault::NoWord),
            1..=Self::MAX_WORDS => Ok(Self { words }),
            words => Err(SearchFault::TooManyWords { words }),
        }
    }

    /// The words, folded, in order. Two texts with the same words find the same groups.
    pub fn words(&self) -> impl ExactSizeIterator<Item = &str> {
        self.words.iter().map(AsRef::as_ref)
    }

    /// Whether it finds a group with these words.
    pub fn finds(&self, group: &Words) -> bool {
        self.words.iter().all(|wanted| group.iter().any(|word| word.starts_with(&**wanted)))
    }
}

/// The caller's sentence: it continues "`parameter` …".
impl fmt::Display for SearchFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { length } => {
                let limit = Search::MAX_CHARACTERS;
                write!(formatter, "is {length} characters long, at most {limit} are allowed")
            }
            Self::NoWord => formatter.write_str("must hold at least one letter or digit"),
            Self::TooManyWords { words } => {
                let limit = Search::MAX_WORDS;
                write!(formatter, "has {words} different words, at most {limit} are allowed")
            }
        }
    }
}

/// The words by which a group is found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// Folded, with one blank between two runs of letters and digits.
    folded: String,
}

impl Words {
    /// Forgets everything, and keeps the memory.
    pub fn clear(&mut self) {
        self.folded.clear();
    }

    /// Adds those of a name.
    pub fn add_name(&mut self, name: &str) {
        fold::add(name, &mut self.folded);
    }

    /// Adds those of a key, and the key written together.
    pub fn add_key(&mut self, key: &str) {
        fold::part(&mut self.folded);
        let start = self.folded.len();
        fold::add(key, &mut self.folded);
        // Where nothing was added, not even the blank before it is there.
        let added = self.folded.get(start..).unwrap_or_default();
        if added.contains(' ') {
            let together: String = added.split(' ').collect();
            fold::part(&mut self.folded);
            self.folded.push_str(&together);
        }
    }

    /// Every word. Scripts that are written without spaces have a word at each character, up to the next
    /// space: who searches in them begins anywhere.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        runs(&self.folded).flat_map(|run| starts(run).map(move |start| &run[start..]))
    }

    /// The words as an index keeps them, in order, each once.
    pub fn entries(&self) -> BTreeSet<&str> {
        self.iter().map(entry).collect()
    }

    /// The first of the entries of words that begin with this one.
    pub fn first_entry(&self, wanted: &str) -> Option<&str> {
        self.iter().filter(|word| word.starts_with(wanted)).map(entry).min()
    }
}

fn runs(folded: &str) -> impl Iterator<Item = &str> {
    folded.split(' ').filter(|run| !run.is_empty())
}

/// What an index keeps of a word: its beginning. Where each character begins a word, a long name would
/// otherwise take the square of its length. A word begins with another one only if its entry begins
/// with that one's.
pub fn entry(word: &str) -> &str {
    const CHARACTERS: usize = 32;
    const UNSPACED_CHARACTERS: usize = 8;
    let most = if word.starts_with(is_unspaced) { UNSPACED_CHARACTERS } else { CHARACTERS };
    // A text has at least as many bytes as characters.
    if word.len() <= most {
        return word;
    }
    word.char_indices().nth(most).map_or(word, |(end, _)| &word[..end])
}

/// One page of the groups that a text finds. They come in no order that means something to people; each
/// group that is found and does not change meanwhile is on one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPage {
    /// What is searched for.
    pub search: Search,
    /// Only what comes after this place; `None` from the start.
    pub after: Option<SearchPlace>,
    /// The most groups to return, 1–1000.
    pub limit: usize,
}

/// A place in the walk through the groups that may be found. Which walk it is, an engine chooses at the
/// first page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchPlace {
    /// Along the index of words: first the groups that did not change since this moment, in the order of
    /// entries, then of ids; then the others.
    Word {
        /// What the index held when the walk began.
        until: Stamp,
        /// Which word of the search is followed.
        word: usize,
        /// The last entry that is done, with this group.
        entry: Box<str>,
        /// The group.
        group: GroupId,
    },
    /// In the order of changes: all up to here is done.
    Change(Stamp),
    /// In the order of ids, among groups that another condition leaves few of.
    Group(GroupId),
}

/// A place in the order of a tenant's changes: by revision, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Stamp {
    /// The revision; 0 before the first one.
    pub revision: i64,
    /// The last group of that revision that is included; 0 for none.
    pub group: i64,
}

/// What one page of a search holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The groups, at most as many as the page may hold.
    pub views: Vec<GroupView>,
    /// Where the next page starts; `None` where nothing is left. As with lists, a page may end early.
    pub next: Option<SearchPlace>,
}

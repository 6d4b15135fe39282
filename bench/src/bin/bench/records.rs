//! The records: trees that follow from a seed and a few numbers, the same for every program that is measured.

use std::ops::Range;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Odd, so that multiplying by it takes no two numbers to one.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// Ids of groups that a client gives: well below the largest there is.
const IDS: u64 = 1 << 52;
/// What the texts of a record are made from, beside its number.
const NAME: u64 = 1;
const DESCRIPTION: u64 = 2;

/// What the records look like.
#[derive(Debug, Clone, PartialEq, clap::Args, Serialize, Deserialize)]
pub(crate) struct Shape {
    /// Records follow from it.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Groups directly below a group.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    pub(crate) fan_out: u32,
    /// In which order keys come, while parents always come before what lies below them.
    #[arg(long, value_enum, default_value_t = KeyOrder::Random)]
    pub(crate) key_order: KeyOrder,
    /// Characters of a key.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(20..=64))]
    pub(crate) key_length: u32,
    /// Characters of a name.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(16..=255))]
    pub(crate) name_length: u32,
    /// Characters of a description.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=255))]
    pub(crate) description_length: u32,
    /// Characters of a URL.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(48..=255))]
    pub(crate) url_length: u32,
    /// What names and descriptions are written in.
    #[arg(long, value_enum, default_value_t = Script::Latin)]
    pub(crate) script: Script,
}

/// In which order keys come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyOrder {
    /// Neighbours in a file lie far apart in an index.
    Random,
    /// Each key is larger than the one before.
    Sequential,
}

/// What texts are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Script {
    /// ASCII.
    Latin,
    /// Latin with accents.
    Accents,
    /// Cyrillic.
    Cyrillic,
    /// Chinese characters.
    Cjk,
    /// Each record in one of these.
    Mixed,
}

impl Script {
    fn words(self, number: u64) -> &'static [&'static str] {
        match self {
            Self::Latin => &["class", "teachers", "evening", "course", "north", "archive", "music", "staff"],
            Self::Accents => {
                &["élèves", "Zürich", "señores", "café", "Łódź", "naïve", "Ångström", "português"]
            }
            Self::Cyrillic => &["класс", "учителя", "вечерний", "курс", "север", "архив", "музыка", "школа"],
            Self::Cjk => &["班级", "教师", "夜校", "课程", "北方", "档案", "音乐", "学校"],
            Self::Mixed => match number % 4 {
                0 => Self::Latin.words(number),
                1 => Self::Accents.words(number),
                2 => Self::Cyrillic.words(number),
                _ => Self::Cjk.words(number),
            },
        }
    }
}

/// What has been asked of the records so far, by which they differ from what they were at first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Version {
    /// Every hundredth record of a batch has another name.
    pub(crate) is_changed: bool,
    /// Every record that can has another parent on the same level.
    pub(crate) is_moved: bool,
    /// Every second record has another name again.
    pub(crate) is_mixed: bool,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// 0 is the root; parents have smaller numbers than what lies below them.
    pub(crate) number: u64,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) url: String,
    pub(crate) parent: Option<u64>,
}

impl Shape {
    /// The record of this number, in a tree of so many.
    pub(crate) fn record(&self, number: u64, tree: u64, version: Version) -> Record {
        Record {
            number,
            key: self.key(number),
            name: self.name(number, version),
            description: self.text(number, DESCRIPTION, self.description_length),
            url: self.url(number),
            parent: if version.is_moved { self.other_parent(number, tree) } else { self.parent(number) },
        }
    }

    /// Different for each number.
    pub(crate) fn key(&self, number: u64) -> String {
        let value = match self.key_order {
            KeyOrder::Random => mix(number ^ mix(self.seed)),
            KeyOrder::Sequential => number,
        };
        let length = self.key_length as usize;
        format!("{value:020}{}", "k".repeat(length - 20))
    }

    /// For contracts in which clients give ids.
    pub(crate) fn id(&self, number: u64) -> u64 {
        match self.key_order {
            KeyOrder::Random => 1 + (number.wrapping_mul(GOLDEN).wrapping_add(mix(self.seed)) & (IDS - 1)),
            KeyOrder::Sequential => 1 + number,
        }
    }

    fn name(&self, number: u64, version: Version) -> String {
        let version = match version {
            Version { is_mixed: true, .. } if !number.is_multiple_of(2) => 3,
            Version { is_changed: true, .. } if number.is_multiple_of(100) => 2,
            _ => 1,
        };
        let end = format!(" {number} v{version}");
        let length = self.name_length as usize;
        let before = u32::try_from(length.saturating_sub(end.len())).unwrap_or(0);
        self.text(number, NAME, before) + &end
    }

    fn url(&self, number: u64) -> String {
        let start = "https://pictures.example.org/";
        let rest = self.url_length as usize - start.len();
        format!("{start}{number:0rest$}")
    }

    /// Words, exactly so many characters, without a space at the end.
    fn text(&self, number: u64, what: u64, length: u32) -> String {
        let words = self.script.words(number);
        let mut random = mix(self.seed ^ number.wrapping_mul(GOLDEN) ^ what);
        let (mut text, mut left) = (String::new(), length as usize);
        while left > 0 {
            let word = words[usize::try_from(random % words.len() as u64).unwrap_or(0)];
            random = mix(random.wrapping_add(GOLDEN));
            for character in word.chars().chain([' ']).take(left) {
                text.push(character);
                left -= 1;
            }
        }
        if text.ends_with(' ') {
            text.pop();
            text.push('.');
        }
        text
    }

    /// The group above.
    pub(crate) fn parent(&self, number: u64) -> Option<u64> {
        Some(number.checked_sub(1)? / u64::from(self.fan_out))
    }

    /// The next group on the level above, where there is another one. All levels stay what they are, so no
    /// subset of such moves closes a cycle.
    fn other_parent(&self, number: u64, tree: u64) -> Option<u64> {
        let parent = self.parent(number)?;
        let level = self.level(parent);
        let next = parent + 1;
        Some(if next < level.end.min(tree) { next } else { level.start })
    }

    /// The numbers that lie as deep as this one.
    fn level(&self, number: u64) -> Range<u64> {
        let (mut start, mut width) = (0, 1);
        while start + width <= number {
            start += width;
            width *= u64::from(self.fan_out);
        }
        start..start + width
    }
}

/// One of the usual ways to spread numbers; it takes no two to one (the end of splitmix64).
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        shape: Shape,
    }

    fn shape(arguments: &[&str]) -> Shape {
        Arguments::parse_from([&["bench"], arguments].concat()).shape
    }

    const ALL: Version = Version { is_changed: true, is_moved: true, is_mixed: true };

    #[test]
    fn a_seed_makes_the_same_records_and_another_one_others() {
        let [one, again, other] = ["7", "7", "8"].map(|seed| shape(&["--seed", seed]));
        for number in 0..100 {
            let record = one.record(number, 1000, ALL);
            assert_eq!(record, again.record(number, 1000, ALL));
            assert_ne!(record.key, other.key(number));
            assert_ne!(one.id(number), other.id(number));
        }
    }

    #[test]
    fn texts_have_their_lengths_in_every_script() {
        for script in ["latin", "accents", "cyrillic", "cjk", "mixed"] {
            let shape = shape(&["--script", script, "--name-length", "40", "--url-length", "77"]);
            for number in [0, 1, 2, 3, 99_999, 12_345_678] {
                let record = shape.record(number, 20_000_000, ALL);
                let lengths = [record.key, record.name, record.description, record.url];
                assert_eq!(lengths.each_ref().map(|text| text.chars().count()), [20, 40, 60, 77], "{script}");
                assert!(lengths.iter().all(|text| text.trim() == text && !text.contains(['"', '\\'])));
            }
        }
    }

    #[test]
    fn keys_differ_and_have_their_order() {
        let numbers = 0..10_000;
        let random = shape(&[]);
        let keys: HashSet<String> = numbers.clone().map(|number| random.key(number)).collect();
        let ids: HashSet<u64> = numbers.clone().map(|number| random.id(number)).collect();
        assert_eq!([keys.len(), ids.len()], [10_000; 2]);
        assert!(!numbers.clone().map(|number| random.key(number)).is_sorted());
        assert!(ids.iter().all(|id| (1..1 << 53).contains(id)));
        let sequential = shape(&["--key-order", "sequential"]);
        assert!(numbers.map(|number| sequential.key(number)).is_sorted());
    }

    #[test]
    fn moves_change_the_parents_and_never_the_levels() {
        let (shape, tree) = (shape(&["--fan-out", "4"]), 1000);
        let mut moved = 0;
        for number in 1..tree {
            let [Some(before), Some(after)] = [shape.parent(number), shape.other_parent(number, tree)] else {
                panic!("{number} has no parent");
            };
            assert!(before < number && after < tree);
            assert_eq!(shape.level(before), shape.level(after));
            assert!(shape.level(before).end <= shape.level(number).start);
            moved += u64::from(before != after);
        }
        // All but the root and those that have nothing but the root above them.
        assert_eq!(moved, tree - 5);
    }
}

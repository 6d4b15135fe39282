//! What contract 2 knows of a group beside what contract 1 knows (contract 2 §1).

use std::fmt;

use super::address::GENDER;
use super::fault::Fault;
use super::text::{Line, Notes};

/// The details of a group. Those that were never set have the defaults of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// Its language, if it was set.
    pub language: Option<Language>,
    /// Its company; empty by default, as the next three.
    pub company: Line,
    /// Its department.
    pub department: Line,
    /// Its office.
    pub office: Line,
    /// Notes on it.
    pub notes: Notes,
    /// What its members may do.
    pub options: Options,
}

/// A language of ISO 639-1: two ASCII letters, in upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language([u8; 2]);

impl Language {
    /// Reads a code in either case.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text.as_bytes() {
            [first, second] if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
                Ok(Self([first.to_ascii_uppercase(), second.to_ascii_uppercase()]))
            }
            _ => Err(Fault::NotALanguage),
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.0;
        write!(formatter, "{}{}", char::from(first), char::from(second))
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Language({self})")
    }
}

/// What the members of a group may do, each by the contract's letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Options {
    /// Whether product lists are inherited.
    pub inherit_product_list: Choice<YES_NO>,
    /// Whether order lists are inherited.
    pub inherit_order_list: Choice<YES_NO>,
    /// Whether budgets are inherited.
    pub budget_inherit: Choice<YES_NO>,
    /// Whether orders stay within a budget.
    pub budget: Choice<BUDGET>,
    /// What may be ordered beside the order list.
    pub order_list_allow_all: Choice<ORDER_LIST>,
}

/// `Y` yes, `N` no.
pub const YES_NO: u8 = 0;
/// `Y` within budget only, `H` also outside it, `N` no budgets.
pub const BUDGET: u8 = 1;
/// `N` everything within the order list, `Y` everything outside it, `A` outside must be authorised, `U`
/// everything, `P` restricted products.
pub const ORDER_LIST: u8 = 2;

/// One letter of a kind's alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Choice<const KIND: u8>(u8);

impl<const KIND: u8> Choice<KIND> {
    /// The letters of this kind.
    pub const LETTERS: &'static str = match KIND {
        YES_NO => "YN",
        BUDGET => "YHN",
        GENDER => "MFU",
        _ => "NYAUP",
    };

    /// Reads a letter.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text.as_bytes() {
            [letter] if Self::LETTERS.as_bytes().contains(letter) => Ok(Self(*letter)),
            _ => Err(Fault::NotAmong(Self::LETTERS)),
        }
    }

    /// The last letter: the default of genders.
    pub fn last() -> Self {
        Self(Self::LETTERS.as_bytes()[Self::LETTERS.len() - 1])
    }

    /// The letter.
    pub fn letter(self) -> char {
        char::from(self.0)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            inherit_product_list: Choice(b'Y'),
            inherit_order_list: Choice(b'Y'),
            budget_inherit: Choice(b'Y'),
            budget: Choice(b'N'),
            order_list_allow_all: Choice(b'U'),
        }
    }
}

impl Options {
    /// The letters in the order of the fields, as engines store them.
    pub fn to_stored(self) -> String {
        let letters = [
            self.inherit_product_list.letter(),
            self.inherit_order_list.letter(),
            self.budget_inherit.letter(),
            self.budget.letter(),
            self.order_list_allow_all.letter(),
        ];
        letters.iter().collect()
    }

    /// The options that were stored as these letters; `None` if they are damaged.
    pub fn from_stored(text: &str) -> Option<Self> {
        if text.len() != 5 || !text.is_ascii() {
            return None;
        }
        Some(Self {
            inherit_product_list: Choice::parse(&text[0..1]).ok()?,
            inherit_order_list: Choice::parse(&text[1..2]).ok()?,
            budget_inherit: Choice::parse(&text[2..3]).ok()?,
            budget: Choice::parse(&text[3..4]).ok()?,
            order_list_allow_all: Choice::parse(&text[4..5]).ok()?,
        })
    }
}

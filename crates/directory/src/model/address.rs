//! Addresses of a group (contract 2 §6).

use std::fmt;

use super::details::Choice;
use super::fault::Fault;
use super::id::AddressId;
use super::reference::ReferenceKey;
use super::text::{Line, Notes};

/// The caller's own key for an address, unique within its group. Its form is that of a [`ReferenceKey`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressCode(ReferenceKey);

impl AddressCode {
    /// The most Unicode scalar values it may hold, counted after NFC.
    pub const MAX_CHARACTERS: usize = ReferenceKey::MAX_CHARACTERS;

    /// Brings a code to NFC and checks it.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        ReferenceKey::parse(text).map(Self)
    }

    /// Takes a code that was parsed before it was stored.
    pub fn from_stored(text: &str) -> Self {
        Self(ReferenceKey::from_stored(text))
    }

    /// The code in NFC.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for AddressCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What an address is for. A group has at most one default of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressType {
    /// Goods go there.
    Delivery,
    /// Invoices go there.
    Invoice,
    /// Somebody lives there.
    Home,
}

impl AddressType {
    /// Every type.
    pub const ALL: [Self; 3] = [Self::Delivery, Self::Invoice, Self::Home];
    /// Their words, in the same order.
    pub const WORDS: &'static [&'static str] = &["delivery", "invoice", "home"];

    /// Reads a word of the contract. Case matters.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(Fault::NotAmongWords(Self::WORDS))
    }

    /// The word.
    pub const fn as_str(self) -> &'static str {
        Self::WORDS[self as usize]
    }
}

/// A country of ISO 3166-1: its alpha-2 code, in upper case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Reads a code in upper case. Only codes that are assigned to a country are let through.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text.as_bytes() {
            [first, second] if COUNTRIES.split(' ').any(|code| code == text) => Ok(Self([*first, *second])),
            _ => Err(Fault::NotACountry),
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.0;
        write!(formatter, "{}{}", char::from(first), char::from(second))
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Country({self})")
    }
}

/// The codes that ISO 3166-1 assigns.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE \
    EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM \
    HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC \
    LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA \
    NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW \
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO \
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// `M` male, `F` female, `U` unknown.
pub const GENDER: u8 = 3;
/// The gender of whom an address names.
pub type Gender = Choice<GENDER>;

/// The lines of an address. Only street and city must hold something. What a telephone number, an e-mail
/// address or a URL looks like is not checked: nothing is ever called, written to or fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressLine {
    /// The first name.
    FirstName,
    /// The middle name.
    MiddleName,
    /// The last name.
    LastName,
    /// The street.
    Street,
    /// The house number.
    Number,
    /// What follows the house number.
    NumberExtension,
    /// The postal code.
    PostalCode,
    /// The city.
    City,
    /// The region.
    Region,
    /// A telephone number.
    Phone,
    /// The number of a mobile telephone.
    Mobile,
    /// An e-mail address.
    Email,
    /// The company.
    Company,
    /// A URL.
    Url,
}

impl AddressLine {
    /// Every line.
    pub const ALL: [Self; 14] = [
        Self::FirstName,
        Self::MiddleName,
        Self::LastName,
        Self::Street,
        Self::Number,
        Self::NumberExtension,
        Self::PostalCode,
        Self::City,
        Self::Region,
        Self::Phone,
        Self::Mobile,
        Self::Email,
        Self::Company,
        Self::Url,
    ];

    /// Whether it must hold more than white space.
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Street | Self::City)
    }

    /// Checks the text of this line.
    pub fn parse(self, text: &str) -> Result<Line, Fault> {
        let line = Line::parse(text)?;
        match text {
            "" if self.is_required() => Err(Fault::Empty),
            _ if self.is_required() && text.chars().all(char::is_whitespace) => Err(Fault::Blank),
            _ if self == Self::Email && !text.is_empty() && !is_email(text) => Err(Fault::NotAnEmail),
            _ => Ok(line),
        }
    }
}

/// Whether mail could be sent there: something on either side of one `@`, no white space. More is for whoever
/// sends mail.
fn is_email(text: &str) -> bool {
    let sides = text.split_once('@');
    sides.is_some_and(|(mailbox, host)| !mailbox.is_empty() && !host.is_empty() && !host.contains('@'))
        && !text.contains(char::is_whitespace)
}

/// One value for each line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lines<T>([T; AddressLine::ALL.len()]);

impl<T> Lines<T> {
    /// The value of a line.
    pub const fn get(&self, line: AddressLine) -> &T {
        &self.0[line as usize]
    }

    /// Where the value of a line lies.
    pub const fn get_mut(&mut self, line: AddressLine) -> &mut T {
        &mut self.0[line as usize]
    }
}

/// An address of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Unique in the tenant.
    pub id: AddressId,
    /// What it holds.
    pub content: AddressContent,
}

impl Address {
    /// The most addresses of a group (rules §10).
    pub const MOST: usize = 50;
}

/// What an address holds beside its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressContent {
    /// The caller's key, if it was given one.
    pub code: Option<AddressCode>,
    /// What it is for.
    pub kind: AddressType,
    /// The country.
    pub country: Country,
    /// The gender of whom it names.
    pub gender: Gender,
    /// The contract's `icp`.
    pub icp: bool,
    /// Whether it is the group's default of its type.
    pub is_default: bool,
    /// Its lines; empty where nothing was given.
    pub lines: Lines<Line>,
    /// Notes on it.
    pub notes: Notes,
}

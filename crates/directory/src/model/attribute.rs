//! Attributes: values that a tenant defines for itself (contract 2 §5).

use std::collections::BTreeMap;
use std::fmt;

use super::details::Language;
use super::fault::Fault;
use super::id::AttributeId;
use super::text::Line;
use super::value::ValueText;

/// An attribute's name: 1–64 of `A`–`Z`, `0`–`9` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeName(Box<str>);

impl AttributeName {
    /// The most characters of a name.
    pub const MAX_CHARACTERS: usize = 64;

    /// Checks a name.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let length = text.chars().count();
        if length > Self::MAX_CHARACTERS {
            return Err(Fault::TooLong { length, limit: Self::MAX_CHARACTERS });
        }
        let known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if text.is_empty() || !text.bytes().all(known) {
            return Err(Fault::NotAnAttributeName);
        }
        Ok(Self(text.into()))
    }

    /// Takes a name that was parsed before it was stored.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AttributeName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Makes a closed list of words that each have one spelling.
macro_rules! words {
    ($(#[$documentation:meta])* $name:ident { $($(#[$of_word:meta])* $word:ident = $text:literal),* $(,)? }) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$of_word])* $word,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$word),*];

            /// Its word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => $text,)*
                }
            }

            /// Reads a word, which is told by its case too.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }
    };
}

words! {
    /// What an attribute is for.
    AttributeClass {
        /// Users and usergroups.
        User = "user",
        /// Products, of which this server knows none.
        Product = "product",
        /// Categories, of which this server knows none.
        Category = "category",
    }
}

words! {
    /// What values an attribute has.
    AttributeType {
        /// A text a language.
        Text = "text",
        /// A list of texts a language.
        List = "list",
        /// One of a list of values that is kept elsewhere.
        Enum = "enum",
        /// Several of them.
        EnumList = "enumlist",
        /// A whole number.
        Integer = "integer",
        /// A decimal number.
        Decimal = "decimal",
        /// A calendar date.
        Date = "date",
        /// A moment.
        DateTime = "datetime",
    }
}

impl AttributeType {
    /// Whether there is a value for each language.
    pub const fn is_localised(self) -> bool {
        matches!(self, Self::Text | Self::List)
    }

    /// Whether a value is a list of texts.
    pub const fn is_list(self) -> bool {
        matches!(self, Self::List | Self::EnumList)
    }

    /// Whether values come from a list that the type's parameter names.
    pub const fn has_parameter(self) -> bool {
        matches!(self, Self::Enum | Self::EnumList)
    }

    /// Whether there can be a default value.
    pub const fn has_default(self) -> bool {
        matches!(self, Self::Integer | Self::Decimal | Self::Date | Self::DateTime)
    }
}

/// A line for each of some languages, such as descriptions. None of them is empty.
pub type Localised = BTreeMap<Language, Line>;

/// What is known of an attribute beside its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeDefinition {
    /// Unique in the tenant.
    pub id: AttributeId,
    /// Unique in its class; as class and kind, it never changes.
    pub name: AttributeName,
    /// What it is for.
    pub class: AttributeClass,
    /// What values it has.
    pub kind: AttributeType,
    /// The name of the list that values are from; empty for other kinds.
    pub type_param: Line,
    /// Names for people.
    pub descriptions: Localised,
    /// Units of values.
    pub units: Localised,
    /// Where it is shown; may be empty.
    pub group: Line,
    /// The value where none is set; only where the kind has one.
    pub default: Option<ValueText>,
    /// What may be done with it.
    pub flags: AttributeFlags,
}

impl AttributeDefinition {
    /// The most attributes that a tenant can define.
    pub const MAX_OF_TENANT: usize = 10_000;
    /// The most languages of a description, a unit or a value.
    pub const MAX_LANGUAGES: usize = 50;
    /// The most attributes of which a group has values of its own (rules §10).
    pub const MAX_OF_GROUP: usize = 200;
}

/// What may be done with an attribute. Kept for the caller; this server shows everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the contract has four independent switches")]
pub struct AttributeFlags {
    /// Whether it is shown to the public.
    pub is_public: bool,
    /// Whether it can be searched for.
    pub is_searchable: bool,
    /// Whether it belongs to the system.
    pub is_system: bool,
    /// Whether it is hidden.
    pub is_hidden: bool,
}

impl AttributeFlags {
    /// As engines store them: a letter each, Y or N, in the order of the fields.
    pub fn to_stored(self) -> String {
        let Self { is_public, is_searchable, is_system, is_hidden } = self;
        let letter = |flag| if flag { 'Y' } else { 'N' };
        [is_public, is_searchable, is_system, is_hidden].map(letter).iter().collect()
    }

    /// From what is stored; `None` where that is something else.
    pub fn from_stored(letters: &str) -> Option<Self> {
        let [is_public, is_searchable, is_system, is_hidden] =
            <[u8; 4]>::try_from(letters.as_bytes()).ok()?.map(|letter| letter == b'Y');
        Some(Self { is_public, is_searchable, is_system, is_hidden })
    }
}

impl Default for AttributeFlags {
    fn default() -> Self {
        Self { is_public: true, is_searchable: false, is_system: false, is_hidden: false }
    }
}

/// How an attribute is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeKey {
    /// By its id.
    Id(AttributeId),
    /// By its name, in its class.
    Name {
        /// Its name.
        name: AttributeName,
        /// Its class.
        class: AttributeClass,
    },
}

/// Between the lines of several languages, as engines keep them: no line holds a control character.
const SEPARATOR: char = '\u{1F}';

/// Lines of languages as engines keep them.
pub fn localised_to_stored(lines: &Localised) -> String {
    let mut stored = String::new();
    for (language, line) in lines {
        if !stored.is_empty() {
            stored.push(SEPARATOR);
        }
        stored.push_str(&language.to_string());
        stored.push_str(line.as_str());
    }
    stored
}

/// Lines that were stored like this; `None` if they are damaged.
pub fn localised_from_stored(text: &str) -> Option<Localised> {
    let lines = text.split(SEPARATOR).filter(|line| !line.is_empty());
    let line = |line: &str| {
        let language = Language::parse(line.get(..2)?).ok()?;
        Some((language, Line::from_stored(line.get(2..)?)))
    };
    lines.map(line).collect()
}

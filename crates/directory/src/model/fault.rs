//! What can be wrong with a value, with the sentence that tells its sender.

use std::fmt;

use super::attribute::AttributeType;
use super::details::Language;

/// The JSON types, by the names used in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonType {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// a number
    Number,
    /// a string
    String,
    /// an array
    Array,
    /// an object
    Object,
}

impl fmt::Display for JsonType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

/// Why a key or source is not in canonical form (rules §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyProblem {
    /// It starts or ends with white space.
    OuterWhiteSpace,
    /// It holds this control character.
    Control(char),
    /// It holds this character, which shows nothing: zero-width, bidi control or otherwise ignorable.
    Invisible(char),
    /// It holds U+FFFD, the mark of a decoding error, or a code point that is no character.
    NotACharacter(char),
}

/// What is wrong with one value or one record: the cause behind the code `VALIDATION_ERROR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The record is not a JSON object.
    NotAnObject(JsonType),
    /// The value has another JSON type than a string.
    WrongType(JsonType),
    /// More than `limit` Unicode scalar values; references are counted after NFC.
    TooLong {
        /// Scalar values found.
        length: usize,
        /// Scalar values allowed.
        limit: usize,
    },
    /// The string is empty.
    Empty,
    /// Nothing but white space.
    Blank,
    /// A character that the field may not hold.
    InvalidCharacter(char),
    /// An escape that stands for no character, such as a lone surrogate.
    InvalidString,
    /// A reference that is not in canonical form.
    KeyNotCanonical(KeyProblem),
    /// Not an absolute URL.
    InvalidUrl(&'static str),
    /// A URL of another scheme than http and https.
    UrlScheme,
    /// A URL with a user name or password.
    UrlCredentials,
    /// `null` for a field that cannot be empty.
    NotClearable,
    /// Two names of one field with different values.
    Conflicting {
        /// The other name.
        other: &'static str,
    },
    /// The member occurs more than once.
    DuplicateMember,
    /// Not a field of the contract (reported only where the caller asked for strict handling).
    Unknown {
        /// The field that was probably meant.
        suggestion: Option<&'static str>,
    },
    /// The record has more members than allowed.
    TooManyMembers {
        /// Members allowed.
        limit: usize,
    },
    /// Not two letters, such as `NL`.
    NotALanguage,
    /// Not one of these letters.
    NotAmong(&'static str),
    /// Not a moment as RFC 3339 writes it.
    InvalidMoment,
    /// Not the number of an id.
    InvalidId,
    /// Two keys for the parent that mean different groups.
    AmbiguousParent,
    /// Not a name that an attribute can have.
    NotAnAttributeName,
    /// Not a value of an attribute of this type.
    NotOfType(AttributeType, Unlike),
    /// The attribute is of this type and not of the one that was given.
    OtherType(AttributeType),
    /// Values of usergroups are of attributes of class user.
    NotForUsergroups,
    /// Another entry of the record means the same attribute.
    SameAttribute {
        /// The first other entry, counted from 0.
        other: usize,
    },
    /// The group would have values of more attributes than allowed.
    TooManyAttributes {
        /// Attributes allowed.
        limit: usize,
    },
    /// A language occurs more than once.
    SameLanguage(Language),
    /// The value would be there in more languages than allowed.
    TooManyLanguages {
        /// Languages allowed.
        limit: usize,
    },
    /// Only for attributes of other types.
    NotForType(AttributeType),
    /// Not one of these words.
    NotAmongWords(&'static [&'static str]),
    /// An id and a name of an attribute that do not mean the same.
    AmbiguousAttribute,
    /// Not the address of a mailbox.
    NotAnEmail,
    /// Not a country of ISO 3166-1, such as `NL`.
    NotACountry,
    /// A code that another address of the group has.
    CodeTaken,
    /// More than one default of a type in one record.
    SecondDefault,
    /// More entries than a group may have.
    TooManyEntries {
        /// Entries allowed.
        limit: usize,
    },
    /// The value is nested too deeply.
    TooDeep {
        /// Levels allowed.
        limit: usize,
    },
}

/// In which way a value is not of its attribute's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlike {
    /// Of another type of JSON.
    Json,
    /// A number that is too large, or has too many digits.
    Range,
    /// No date or moment of the calendar.
    Calendar,
    /// Not one of the values that the attribute lists.
    Listed,
}

impl Unlike {
    const fn reason(self) -> &'static str {
        match self {
            Self::Json => "WRONG_TYPE",
            Self::Range => "OUT_OF_RANGE",
            Self::Calendar => "INVALID_DATE",
            Self::Listed => "NOT_IN_ENUM",
        }
    }
}

impl Fault {
    /// The stable reason, as it stands on the wire.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NotAnObject(_) => "NOT_AN_OBJECT",
            Self::WrongType(_) => "WRONG_TYPE",
            Self::TooLong { .. } => "TOO_LONG",
            Self::Empty => "EMPTY",
            Self::Blank => "BLANK",
            Self::InvalidCharacter(_) => "INVALID_CHARACTER",
            Self::InvalidString => "INVALID_STRING",
            Self::KeyNotCanonical(_) => "KEY_NOT_CANONICAL",
            Self::InvalidUrl(_) => "INVALID_URL",
            Self::UrlScheme => "URL_SCHEME",
            Self::UrlCredentials => "URL_CREDENTIALS",
            Self::NotClearable => "FIELD_NOT_CLEARABLE",
            Self::Conflicting { .. } | Self::SecondDefault => "CONFLICTING_FIELDS",
            Self::DuplicateMember | Self::SameLanguage(_) => "DUPLICATE_MEMBER",
            Self::Unknown { .. } => "UNKNOWN_FIELD",
            Self::TooManyMembers { .. } => "TOO_MANY_MEMBERS",
            Self::NotALanguage => "INVALID_LANGUAGE",
            Self::NotAmong(_) | Self::NotAmongWords(_) => "NOT_IN_ENUM",
            Self::InvalidMoment => "INVALID_DATE",
            Self::InvalidId => "INVALID_ID",
            Self::AmbiguousParent => "AMBIGUOUS_PARENT",
            Self::NotAnAttributeName => "NOT_AN_ATTRIBUTE_NAME",
            Self::NotOfType(_, unlike) => unlike.reason(),
            Self::OtherType(_) => "TYPE_MISMATCH",
            Self::NotForUsergroups => "NOT_FOR_USERGROUPS",
            Self::SameAttribute { .. } => "SAME_ATTRIBUTE",
            Self::TooManyAttributes { .. } => "TOO_MANY_ATTRIBUTES",
            Self::TooManyLanguages { .. } => "TOO_MANY_LANGUAGES",
            Self::NotForType(_) => "NOT_FOR_TYPE",
            Self::AmbiguousAttribute => "AMBIGUOUS_ATTRIBUTE",
            Self::NotAnEmail => "INVALID_EMAIL",
            Self::NotACountry => "INVALID_COUNTRY",
            Self::CodeTaken => "CODE_TAKEN",
            Self::TooManyEntries { .. } => "TOO_MANY_ENTRIES",
            Self::TooDeep { .. } => "TOO_DEEP",
        }
    }
}

/// The caller's sentence: it continues "`field` …" and never repeats the value.
impl fmt::Display for Fault {
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject(found) => write!(formatter, "must be a JSON object, it is {found}"),
            Self::WrongType(found) => write!(formatter, "must be a string, it is {found}"),
            Self::TooLong { length, limit } => {
                write!(formatter, "is {length} characters long, at most {limit} are allowed")
            }
            Self::Empty => formatter.write_str("must not be empty"),
            Self::Blank => formatter.write_str("must hold more than white space"),
            Self::InvalidCharacter(found) => write!(formatter, "must not hold {}", Shown(*found)),
            Self::InvalidString => {
                formatter.write_str("holds an escape that stands for no character (a lone surrogate)")
            }
            Self::KeyNotCanonical(problem) => problem.fmt(formatter),
            Self::InvalidUrl(why) => write!(formatter, "must be an absolute http or https URL: {why}"),
            Self::UrlScheme => formatter.write_str("must be a URL of scheme http or https"),
            Self::UrlCredentials => formatter.write_str("must not hold a user name or password"),
            Self::NotClearable => formatter.write_str("cannot be cleared: leave it out to keep it as it is"),
            Self::Conflicting { other } => {
                write!(formatter, "differs from {other}; both name one field, send one of them")
            }
            Self::DuplicateMember => formatter.write_str("occurs more than once in the record"),
            Self::Unknown { suggestion: Some(name) } => {
                write!(formatter, "is not a field of this contract; did you mean {name}?")
            }
            Self::Unknown { suggestion: None } => formatter.write_str("is not a field of this contract"),
            Self::TooManyMembers { limit } => {
                write!(formatter, "has too many members, at most {limit} are allowed")
            }
            Self::InvalidMoment => {
                formatter.write_str("must be a moment as RFC 3339 writes it, such as 2026-01-31T08:00:00Z")
            }
            Self::InvalidId => formatter.write_str("must be a whole number from 1 to 9007199254740991"),
            Self::AmbiguousParent => {
                formatter.write_str("means two groups: its id one, its reference another")
            }
            Self::NotALanguage => formatter.write_str("must be two letters of ISO 639-1, such as NL"),
            Self::NotAmong(letters) => {
                let letters: Vec<String> = letters.chars().map(String::from).collect();
                write!(formatter, "must be one of {}", letters.join(", "))
            }
            Self::TooDeep { limit } => {
                write!(formatter, "is nested too deeply, at most {limit} levels are allowed")
            }
            Self::NotAnAttributeName => formatter.write_str("must hold nothing but A-Z, 0-9 and _"),
            Self::NotOfType(kind, _) => of_type(formatter, *kind),
            Self::OtherType(kind) => write!(formatter, "is of type {}", kind.as_str()),
            Self::NotForUsergroups => {
                formatter.write_str("is of another class than user: usergroups have no values of it")
            }
            Self::SameAttribute { other } => {
                write!(formatter, "means the same attribute as entry {other}; send one of them")
            }
            Self::TooManyAttributes { limit } => {
                write!(formatter, "is one attribute too many, a usergroup has values of at most {limit}")
            }
            Self::SameLanguage(language) => write!(formatter, "holds the language {language} more than once"),
            Self::NotForType(kind) => write!(formatter, "is not for attributes of type {}", kind.as_str()),
            Self::NotAmongWords(words) => write!(formatter, "must be one of {}", words.join(", ")),
            Self::AmbiguousAttribute => {
                formatter.write_str("means two attributes: its id one, its name another")
            }
            Self::NotAnEmail => formatter.write_str("must be an address such as a@example.org"),
            Self::NotACountry => {
                formatter.write_str("must be the two letters of a country of ISO 3166-1, such as NL")
            }
            Self::CodeTaken => formatter.write_str("belongs to another address of the group"),
            Self::SecondDefault => {
                formatter.write_str("makes a second default of one type: send Y for one address of each type")
            }
            Self::TooManyEntries { limit } => {
                write!(formatter, "would be one too many, at most {limit} are allowed in a group")
            }
            Self::TooManyLanguages { limit } => {
                write!(formatter, "has too many languages, at most {limit} are allowed")
            }
        }
    }
}

/// What a value of this type looks like.
fn of_type(formatter: &mut fmt::Formatter<'_>, kind: AttributeType) -> fmt::Result {
    formatter.write_str(match kind {
        AttributeType::Text => "must be a list of language and value",
        AttributeType::List => "must be a list of language and values",
        AttributeType::Enum => "must be a string",
        AttributeType::EnumList => "must be a list of strings",
        AttributeType::Integer => "must be a whole number between -9007199254740991 and 9007199254740991",
        AttributeType::Decimal => "must be a number of at most 15 digits",
        AttributeType::Date => "must be a date of the calendar, such as 2026-01-31",
        AttributeType::DateTime => "must be a moment of RFC 3339, such as 2026-01-31T12:00:00Z",
    })
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OuterWhiteSpace => formatter.write_str("must not start or end with white space"),
            Self::Control(found) => {
                write!(formatter, "must not hold the control character {}", Shown(*found))
            }
            Self::Invisible(found) => {
                write!(formatter, "must not hold {}, a character that shows nothing", Shown(*found))
            }
            Self::NotACharacter(found) => {
                write!(formatter, "must not hold {}, which stands for no character", Shown(*found))
            }
        }
    }
}

/// A character by its code point, so that what cannot be seen can be read.
struct Shown(char);

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "U+{:04X}", u32::from(self.0))
    }
}

//! Values of attributes. Each has one canonical form, so that equal texts mean equal values.

use super::attribute::AttributeType;
use super::fault::{Fault, Unlike};

/// A value, or its part in one language, in canonical form: a text as sent; a whole or decimal number
/// without signs, zeros and points that say nothing; a date `2026-01-31`; a moment in UTC,
/// `2026-01-31T12:00:00Z`; the items of a list with U+001F between them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueText(Box<str>);

/// Between the items of a list; no item holds it.
const SEPARATOR: char = '\u{1F}';

impl ValueText {
    /// The most Unicode scalar values of a text, and of all the items of a list together (rules §10).
    pub const MAX_CHARACTERS: usize = 8192;
    /// The most digits of a decimal number, without zeros before and behind them. All are kept and shown; not
    /// every reader of JSON can tell more than 15 apart.
    pub const MAX_DIGITS: usize = 40;
    /// The largest whole number, which is exact in every reader of JSON; the smallest is its opposite.
    pub const MAX_INTEGER: i64 = (1 << 53) - 1;

    /// Takes a value that was parsed before it was stored.
    pub fn from_stored(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The canonical form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The items of a list.
    pub fn items(&self) -> impl Iterator<Item = &str> {
        self.0.split(SEPARATOR)
    }

    /// Reads a text, which is not empty.
    pub fn text(text: &str) -> Result<Self, Fault> {
        check(text, text.chars().count())?;
        Ok(Self(text.into()))
    }

    /// Reads a list of texts, which is not empty.
    pub fn list<'t>(items: impl IntoIterator<Item = &'t str>) -> Result<Self, Fault> {
        let (mut joined, mut length) = (String::new(), 0);
        for (place, item) in items.into_iter().enumerate() {
            if item.is_empty() {
                return Err(Fault::Empty);
            }
            length += item.chars().count();
            check(item, length)?;
            if place > 0 {
                joined.push(SEPARATOR);
            }
            joined.push_str(item);
        }
        Ok(Self(joined.into()))
    }

    /// Reads a whole number from the digits of a number of JSON, which may have a fraction of zeros.
    pub fn integer(digits: &str) -> Result<Self, Fault> {
        let plain = decimal(digits).map(|(plain, _)| plain);
        let number = plain.filter(|plain| {
            plain.parse::<i64>().is_ok_and(|number| number.unsigned_abs() <= Self::MAX_INTEGER.unsigned_abs())
        });
        number.map(|plain| Self(plain.into())).ok_or(Fault::NotOfType(AttributeType::Integer, Unlike::Range))
    }

    /// Reads a decimal number from the digits of a number of JSON.
    pub fn decimal(digits: &str) -> Result<Self, Fault> {
        let number = decimal(digits).filter(|(_, found)| *found <= Self::MAX_DIGITS);
        number
            .map(|(plain, _)| Self(plain.into()))
            .ok_or(Fault::NotOfType(AttributeType::Decimal, Unlike::Range))
    }

    /// Reads a date of the calendar: `YYYY-MM-DD`.
    pub fn date(text: &str) -> Result<Self, Fault> {
        let not = Fault::NotOfType(AttributeType::Date, Unlike::Calendar);
        let whole = text.len() == 10;
        let date = Date::parse(text).filter(|_| whole);
        date.map(|_| Self(text.into())).ok_or(not)
    }

    /// Reads a moment of RFC 3339.
    pub fn date_time(text: &str) -> Result<Self, Fault> {
        date_time(text)
            .map(|text| Self(text.into()))
            .ok_or(Fault::NotOfType(AttributeType::DateTime, Unlike::Calendar))
    }
}

/// A text without control characters but tab and newlines, of a length that is allowed.
fn check(text: &str, length: usize) -> Result<(), Fault> {
    if length > ValueText::MAX_CHARACTERS {
        return Err(Fault::TooLong { length, limit: ValueText::MAX_CHARACTERS });
    }
    match text.chars().find(|found| found.is_control() && !matches!(found, '\t' | '\n' | '\r')) {
        Some(found) => Err(Fault::InvalidCharacter(found)),
        None => Ok(()),
    }
}

/// A number of JSON written out plainly, without an exponent, zeros that say nothing and a sign before zero;
/// and how many digits are left without zeros before and behind them.
fn decimal(digits: &str) -> Option<(String, usize)> {
    /// No number that is let through has more places than this.
    const MOST_PLACES: i64 = 40;
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let exponent: i64 = exponent.parse().ok()?;
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all: String = [whole, fraction].concat();
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let behind = all.trim_start_matches('0');
    let significant = behind.trim_end_matches('0');
    if significant.is_empty() {
        return Some(("0".to_owned(), 0));
    }
    // Where the point stands, counted from the first significant digit.
    let whole = i64::try_from(whole.len()).ok()?;
    let leading = i64::try_from(all.len() - behind.len()).ok()?;
    let point = (whole - leading).checked_add(exponent)?;
    let length = i64::try_from(significant.len()).ok()?;
    if !(-MOST_PLACES..=MOST_PLACES).contains(&point) || length > MOST_PLACES {
        return None;
    }
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or_default());
    let plain = if point <= 0 {
        format!("{sign}0.{}{significant}", zeros(-point))
    } else if point >= length {
        format!("{sign}{significant}{}", zeros(point - length))
    } else {
        let (whole, fraction) = significant.split_at(usize::try_from(point).unwrap_or_default());
        format!("{sign}{whole}.{fraction}")
    };
    Some((plain, significant.len()))
}

/// A date of the Gregorian calendar, in the years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let dashes = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
        let (year, month, day) =
            (number(text.get(..4)?)?, number(text.get(5..7)?)?, number(text.get(8..10)?)?);
        let known = dashes && year >= 1 && (1..=12).contains(&month) && day >= 1;
        (known && day <= days_of(year, month)).then_some(Self { year, month, day })
    }

    /// The day before, or the day behind.
    fn moved(self, days: i64) -> Option<Self> {
        let Self { year, month, day } = self;
        let moved = match day + days {
            0 if month == 1 => Self { year: year - 1, month: 12, day: 31 },
            0 => Self { year, month: month - 1, day: days_of(year, month - 1) },
            behind if behind > days_of(year, month) && month == 12 => {
                Self { year: year + 1, month: 1, day: 1 }
            }
            behind if behind > days_of(year, month) => Self { year, month: month + 1, day: 1 },
            day => Self { year, month, day },
        };
        (1..=9999).contains(&moved.year).then_some(moved)
    }
}

const fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A number of digits alone.
fn number(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// A moment of RFC 3339 in UTC, with a fraction only where it says something. A leap second is none: few
/// readers have it.
fn date_time(text: &str) -> Option<String> {
    let date = Date::parse(text)?;
    let marks = matches!(text.as_bytes().get(10)?, b'T' | b't')
        && text.as_bytes().get(13)? == &b':'
        && text.as_bytes().get(16)? == &b':';
    let (hour, minute, second) =
        (number(text.get(11..13)?)?, number(text.get(14..16)?)?, number(text.get(17..19)?)?);
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => rest.split_at(rest.find(|found: char| !found.is_ascii_digit())?),
    };
    let sound = marks && hour < 24 && minute < 60 && second < 60;
    if !sound || fraction.len() > 9 || (fraction.is_empty() && rest.starts_with('.')) {
        return None;
    }
    let utc = hour * 60 + minute - offset(zone)?;
    let date = date.moved(utc.div_euclid(24 * 60))?;
    let (hour, minute) = (utc.rem_euclid(24 * 60) / 60, utc.rem_euclid(60));
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let Date { year, month, day } = date;
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{point}{fraction}Z"))
}

/// How many minutes a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = (number(zone.get(1..3)?)?, number(zone.get(4..6)?)?);
    let sound = zone.len() == 6 && zone.as_bytes()[3] == b':' && hours < 24 && minutes < 60;
    sound.then_some(sign * (hours * 60 + minutes))
}

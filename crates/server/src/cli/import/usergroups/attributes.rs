//! Attributes in tables: what type each has, and how a cell becomes a value of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::columns::{Columns, signed, whole_number, without_zeros};
use crate::cli::import::send::Client;
use crate::cli::import::source::Source;
use crate::cli::import::stop::{Reason, Stop};

/// What stands between the values of one cell.
const SEPARATOR: char = '|';

/// The types of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Type {
    Text,
    List,
    Enum,
    Enumlist,
    Integer,
    Decimal,
    Date,
    Datetime,
}

impl Type {
    /// Whether there is a value in each language.
    pub(super) fn is_localised(self) -> bool {
        matches!(self, Self::Text | Self::List)
    }
}

/// What the cells of one attribute have said.
#[derive(Debug)]
pub(super) struct Attribute {
    kind: Type,
    /// The value as JSON; without one the usergroup loses its own. In a language `null` says so.
    value: Option<String>,
    /// Of a localised one, the values in languages.
    translations: Vec<String>,
}

impl Attribute {
    /// An attribute without a value.
    pub(super) fn new(kind: Type) -> Self {
        Self { kind, value: None, translations: Vec::new() }
    }

    /// Takes in a cell.
    pub(super) fn put(&mut self, language: Option<&str>, text: Option<&str>) -> Result<(), String> {
        let member = if self.kind == Type::List { "values" } else { "value" };
        let value = text.map(|text| value(self.kind, text)).transpose()?;
        match (language, value) {
            (Some(language), value) => {
                let (language, value) = (json!(language), value.as_deref().unwrap_or("null"));
                self.translations.push(format!("{{\"language\":{language},\"{member}\":{value}}}"));
            }
            (None, value) => self.value = value,
        }
        Ok(())
    }

    /// The entry of the contract.
    pub(super) fn entry(self, name: &str) -> String {
        let translated =
            (!self.translations.is_empty()).then(|| format!("[{}]", self.translations.join(",")));
        let value = translated.or(self.value).map(|value| format!(",\"value\":{value}")).unwrap_or_default();
        format!("{{\"name\":{},\"class\":\"user\"{value}}}", json!(name))
    }
}

fn value(kind: Type, text: &str) -> Result<String, String> {
    match kind {
        Type::Text | Type::Enum | Type::Date | Type::Datetime => Ok(json!(text).to_string()),
        Type::List | Type::Enumlist if text.is_empty() => Ok("[]".to_owned()),
        Type::List | Type::Enumlist => Ok(json!(text.split(SEPARATOR).collect::<Vec<_>>()).to_string()),
        Type::Integer => whole_number(Some(text)),
        Type::Decimal => decimal(text),
    }
}

/// A decimal number as JSON, with as many digits as the cell has.
fn decimal(text: &str) -> Result<String, String> {
    let (sign, digits) = signed(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) {
        return Err("must be a number such as 12.50: digits, a point, digits".to_owned());
    }
    let fraction = digits.find('.').map_or("", |point| &digits[point..]);
    Ok(format!("{sign}{}{fraction}", without_zeros(whole)))
}

/// Whether an attribute can have this name.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    !text.is_empty() && text.bytes().all(allowed)
}

#[derive(Deserialize)]
struct Answer {
    data: Definition,
}

#[derive(Deserialize)]
struct Definition {
    r#type: Type,
}

/// Asks the server for the types of the attributes that the tables have columns for, each once, so that a
/// cell becomes what its type needs. A column that does not fit its attribute is found before anything is
/// sent.
pub(in crate::cli::import) fn learn(
    client: &Client<'_>,
    sources: &mut [Source],
    notice: &dyn Fn(String),
) -> Result<(), Stop> {
    let mut types = BTreeMap::new();
    for source in sources {
        let name = source.name.clone();
        let Some(columns) = source.columns() else { continue };
        ask(client, columns, &mut types, notice)?;
        columns.learn(&types).map_err(|message| Stop::new(Reason::Input, format!("{name}: {message}")))?;
    }
    Ok(())
}

fn ask(
    client: &Client<'_>,
    columns: &Columns,
    types: &mut BTreeMap<String, Type>,
    notice: &dyn Fn(String),
) -> Result<(), Stop> {
    for name in columns.attributes() {
        if types.contains_key(name) {
            continue;
        }
        let path = format!("/attributes/name/{name}?attributeClass=user");
        let Some(answer) = client.ask(&path, notice)? else { continue };
        let answer: Answer = serde_json::from_slice(&answer).map_err(|error| {
            Stop::new(Reason::Failure, format!("what the server says of the attribute {name}: {error}"))
        })?;
        types.insert(name.to_owned(), answer.data.r#type);
    }
    Ok(())
}

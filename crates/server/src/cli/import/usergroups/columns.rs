//! The columns of a table of usergroups: a name in its first line is the way to a field, and the cells of a
//! row are put together to the object of the contract.

use std::collections::BTreeMap;

use faces::usergroups::{By, address_fields, known_fields};
use serde_json::json;

use super::attributes::{Attribute, Type, is_name};
use crate::cli::import::csv::FieldCell;
use crate::cli::import::record::Fault;

/// The fields that a cell holds as it is.
fn texts() -> impl Iterator<Item = &'static str> {
    known_fields(By::Id).filter(|name| *name != "parent")
}

/// The field whose cell holds a number.
pub(super) const ID: &str = "id";

/// What names a parent.
const PARENT: [&str; 3] = ["id", "sourceId", "source"];

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Id,
    Text(String),
    Parent(String),
    Attribute { name: String, language: Option<String> },
    Address { index: u16, name: String },
}

/// The columns of one table.
#[derive(Debug)]
pub(in crate::cli::import) struct Columns {
    /// Of each column its field, if it holds one.
    fields: Vec<Option<Field>>,
    /// The types of the attributes, as the server has told them.
    types: BTreeMap<String, Type>,
}

impl Columns {
    /// The columns of these names, each at its place.
    pub(super) fn new(names: &[Option<&str>]) -> Result<Self, String> {
        let mut fields: Vec<Option<Field>> = Vec::with_capacity(names.len());
        for name in names {
            let field = name.map(parse).transpose()?;
            if let Some(name) = name.filter(|_| field.is_some() && fields.contains(&field)) {
                return Err(format!("the column `{name}` says what another one says"));
            }
            fields.push(field);
        }
        Ok(Self { fields, types: BTreeMap::new() })
    }

    /// The attributes that have columns, each once.
    pub(super) fn attributes(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.attribute_columns().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Takes in what the server says of the attributes; an error if a column does not fit.
    pub(super) fn learn(&mut self, types: &BTreeMap<String, Type>) -> Result<(), String> {
        for (name, language) in self.attribute_columns() {
            match (types.get(name), language) {
                (None, _) => {
                    return Err(format!("the column `attributes.{name}`: there is no such attribute"));
                }
                (Some(found), None) if found.is_localised() => {
                    return Err(format!(
                        "the column `attributes.{name}`: this attribute has a value in each language; \
                         name the column `attributes.{name}.EN`, say"
                    ));
                }
                (Some(found), Some(language)) if !found.is_localised() => {
                    return Err(format!(
                        "the column `attributes.{name}.{language}`: this attribute has one value for all \
                         languages; name the column `attributes.{name}`"
                    ));
                }
                (Some(_), _) => {}
            }
        }
        self.types.clone_from(types);
        Ok(())
    }

    /// The object of a row.
    pub(in crate::cli::import) fn object(&self, cells: &[FieldCell<'_>]) -> Result<String, Fault> {
        let mut parts = Parts::default();
        for (place, column, text) in cells {
            // Only cells of fields are handed out.
            let Some(Some(field)) = self.fields.get(*place) else { continue };
            self.put(&mut parts, field, *text).map_err(|message| Fault {
                code: "VALIDATION_ERROR".to_owned(),
                reason: "CELL".into(),
                field: (*column).to_owned(),
                message,
            })?;
        }
        Ok(parts.object())
    }

    fn put(&self, parts: &mut Parts, field: &Field, text: Option<&str>) -> Result<(), String> {
        match field {
            Field::Id => parts.members.push(member(ID, &whole_number(text)?)),
            Field::Text(name) => parts.members.push(member(name, &json!(text).to_string())),
            Field::Parent(name) if name == ID => parts.parent.push(member(name, &whole_number(text)?)),
            Field::Parent(name) => parts.parent.push(member(name, &json!(text).to_string())),
            Field::Address { index, name } => {
                let address = parts.addresses.entry(*index).or_default();
                address.push(member(name, &json!(text).to_string()));
            }
            Field::Attribute { name, language } => {
                let kind = self.types.get(name).copied().unwrap_or(Type::Text);
                let attribute = parts.attributes.entry(name.clone()).or_insert_with(|| Attribute::new(kind));
                attribute.put(language.as_deref(), text)?;
            }
        }
        Ok(())
    }

    fn attribute_columns(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.fields.iter().flatten().filter_map(|field| match field {
            Field::Attribute { name, language } => Some((name.as_str(), language.as_deref())),
            _ => None,
        })
    }
}

/// What the cells of a row have said so far. Objects without any cell are never begun, so they are absent.
#[derive(Default)]
struct Parts {
    members: Vec<String>,
    parent: Vec<String>,
    attributes: BTreeMap<String, Attribute>,
    addresses: BTreeMap<u16, Vec<String>>,
}

impl Parts {
    fn object(self) -> String {
        let mut members = self.members;
        if !self.parent.is_empty() {
            members.push(format!("\"parent\":{{{}}}", self.parent.join(",")));
        }
        if !self.attributes.is_empty() {
            let entries: Vec<String> =
                self.attributes.into_iter().map(|(name, attribute)| attribute.entry(&name)).collect();
            members.push(format!("\"attributes\":[{}]", entries.join(",")));
        }
        if !self.addresses.is_empty() {
            let addresses: Vec<String> =
                self.addresses.into_values().map(|members| format!("{{{}}}", members.join(","))).collect();
            members.push(format!("\"addresses\":[{}]", addresses.join(",")));
        }
        format!("{{{}}}", members.join(","))
    }
}

fn member(name: &str, value: &str) -> String {
    format!("{}:{value}", json!(name))
}

/// A whole number as JSON. How large it may be is for the server to say.
pub(super) fn whole_number(text: Option<&str>) -> Result<String, String> {
    let Some(text) = text else { return Ok("null".to_owned()) };
    let (sign, digits) = signed(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("must be a whole number, in digits alone".to_owned());
    }
    Ok(format!("{sign}{}", without_zeros(digits)))
}

/// The sign, and what follows it.
pub(super) fn signed(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.strip_prefix('-').map_or(("", text), |digits| ("-", digits))
}

/// Digits without the leading zeros that JSON does not allow.
pub(super) fn without_zeros(digits: &str) -> &str {
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() { "0" } else { significant }
}

/// Whether a column of this name holds a field.
pub(super) fn knows(name: &str) -> bool {
    parse(name).is_ok()
}

/// The names of columns, for messages.
pub(super) fn names() -> Vec<String> {
    let own = [ID].into_iter().chain(texts()).map(str::to_owned);
    let parent = PARENT.iter().map(|name| format!("parent.{name}"));
    let attributes = ["attributes.NAME", "attributes.NAME.EN"].map(str::to_owned);
    let addresses = address_fields().map(|name| format!("addresses[0].{name}"));
    own.chain(parent).chain(attributes).chain(addresses).collect()
}

fn parse(name: &str) -> Result<Field, String> {
    if name == ID {
        return Ok(Field::Id);
    }
    if texts().any(|known| known == name) {
        return Ok(Field::Text(name.to_owned()));
    }
    if let Some(of_parent) = name.strip_prefix("parent.").filter(|rest| PARENT.contains(rest)) {
        return Ok(Field::Parent(of_parent.to_owned()));
    }
    let field = match name.strip_prefix("attributes.") {
        Some(attribute) => parse_attribute(attribute),
        None => parse_address(name),
    };
    field.ok_or_else(|| {
        let meant = suggest(name).map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
        format!("the column `{name}` is no field of usergroups{meant} (known: {})", names().join(", "))
    })
}

fn parse_attribute(text: &str) -> Option<Field> {
    let (name, language) = match text.split_once('.') {
        Some((name, language)) => (name, Some(language)),
        None => (text, None),
    };
    let is_language = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let fits = is_name(name) && language.is_none_or(is_language);
    fits.then(|| Field::Attribute { name: name.to_owned(), language: language.map(str::to_ascii_uppercase) })
}

fn parse_address(text: &str) -> Option<Field> {
    let (index, name) = text.strip_prefix("addresses[")?.split_once("].")?;
    let is_plain = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
    let index = index.parse().ok().filter(|_| is_plain)?;
    address_fields().any(|known| known == name).then(|| Field::Address { index, name: name.to_owned() })
}

/// The name that was probably meant.
fn suggest(name: &str) -> Option<String> {
    if let Some(attribute) = name.strip_prefix("attributes.") {
        let corrected = attribute.to_uppercase().replace([' ', '-'], "_");
        return parse_attribute(&corrected).map(|_| format!("attributes.{corrected}"));
    }
    // Without digits, brackets and points: what is easily left out must not count.
    let plain =
        |text: &str| text.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_lowercase();
    let (word, index) = (plain(name), name.chars().filter(char::is_ascii_digit).collect::<String>());
    let near = names().into_iter().map(|known| (strsim::osa_distance(&plain(&known), &word), known));
    let (distance, known) = near.min_by_key(|(distance, _)| *distance)?;
    let known = if index.is_empty() { known } else { known.replace("[0]", &format!("[{index}]")) };
    (distance <= 2 && distance * 3 <= word.len()).then_some(known)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::attributes::Type;
    use super::Columns;

    fn columns(names: &[&str]) -> Columns {
        let names: Vec<Option<&str>> = names.iter().copied().map(Some).collect();
        Columns::new(&names).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Columns with one row of cells, `\N` for null and an empty one for nothing; the object, or the fault.
    fn check(names: &[&str], cells: &[&str], expected: &str) {
        let mut columns = columns(names);
        let types = [
            ("TEXT", Type::Text),
            ("LIST", Type::List),
            ("ENUM", Type::Enum),
            ("ENUMLIST", Type::Enumlist),
            ("INTEGER", Type::Integer),
            ("DECIMAL", Type::Decimal),
        ];
        let types: BTreeMap<_, _> = types.map(|(name, kind)| (name.to_owned(), kind)).into();
        columns.learn(&types).expect("they fit");
        let cells = names.iter().zip(cells).enumerate().filter(|(_, (_, text))| !text.is_empty());
        let cells: Vec<_> =
            cells.map(|(place, (name, text))| (place, *name, (*text != r"\N").then_some(*text))).collect();
        let found = columns.object(&cells).unwrap_or_else(|fault| fault.describe());
        assert_eq!(found, expected, "{names:?} {cells:?}");
    }

    #[test]
    fn fields_of_the_usergroup_are_members() {
        check(
            &["id", "name", "notes", "budget", "sourceId"],
            &["007", "Ωmega \"x\"", r"\N", "", "a"],
            r#"{"id":7,"name":"Ωmega \"x\"","notes":null,"sourceId":"a"}"#,
        );
        check(&["id"], &[""], "{}");
        check(&["id"], &["9007199254740993"], r#"{"id":9007199254740993}"#);
        check(&["id"], &[r"\N"], r#"{"id":null}"#);
        for wrong in ["x", "1.5", "1e3", "-", "+1", "½", "1 000"] {
            check(&["id"], &[wrong], "VALIDATION_ERROR id: must be a whole number, in digits alone");
        }
    }

    #[test]
    fn a_parent_without_any_cell_is_absent() {
        let names = ["name", "parent.id", "parent.sourceId", "parent.source"];
        check(&names, &["a", "", "", ""], r#"{"name":"a"}"#);
        check(&names, &["a", "12", "", ""], r#"{"name":"a","parent":{"id":12}}"#);
        check(&names, &["", "", "p", "S"], r#"{"parent":{"sourceId":"p","source":"S"}}"#);
        check(
            &names,
            &["", "p", "", ""],
            "VALIDATION_ERROR parent.id: must be a whole number, in digits alone",
        );
    }

    #[test]
    fn addresses_are_gathered_by_their_index() {
        let names = ["addresses[1].street", "addresses[0].type", "addresses[1].city", "addresses[0].street"];
        check(
            &names,
            &["Second", "home", "Oss", "First"],
            r#"{"addresses":[{"type":"home","street":"First"},{"street":"Second","city":"Oss"}]}"#,
        );
        check(&names, &["Second", "", "", ""], r#"{"addresses":[{"street":"Second"}]}"#);
        check(&names, &["", "", "", ""], "{}");
    }

    #[test]
    fn attributes_take_the_value_of_their_type() {
        let one = |value: &str| format!(r#"{{"attributes":[{{"name":"{value}}}]}}"#);
        check(&["attributes.INTEGER"], &["-012"], &one(r#"INTEGER","class":"user","value":-12"#));
        check(&["attributes.DECIMAL"], &["012.50"], &one(r#"DECIMAL","class":"user","value":12.50"#));
        check(&["attributes.ENUM"], &["a|b"], &one(r#"ENUM","class":"user","value":"a|b""#));
        check(&["attributes.ENUMLIST"], &["a|b"], &one(r#"ENUMLIST","class":"user","value":["a","b"]"#));
        check(&["attributes.ENUMLIST"], &[r"\N"], &one(r#"ENUMLIST","class":"user""#));
        check(
            &["attributes.TEXT.NL", "attributes.TEXT.en", "attributes.LIST.NL"],
            &["Hallo", "Hello", "x|y"],
            r#"{"attributes":[{"name":"LIST","class":"user","value":[{"language":"NL","values":["x","y"]}]},{"name":"TEXT","class":"user","value":[{"language":"NL","value":"Hallo"},{"language":"EN","value":"Hello"}]}]}"#,
        );
        check(
            &["attributes.INTEGER"],
            &["1,5"],
            "VALIDATION_ERROR attributes.INTEGER: must be a whole number, in digits alone",
        );
        check(
            &["attributes.TEXT.NL"],
            &[r"\N"],
            &one(r#"TEXT","class":"user","value":[{"language":"NL","value":null}]"#),
        );
        check(
            &["attributes.LIST.NL"],
            &[r"\N"],
            &one(r#"LIST","class":"user","value":[{"language":"NL","values":null}]"#),
        );
        for wrong in ["1,5", ".5", "5.", "1e3", "x", "1.2.3", "-"] {
            let said = "VALIDATION_ERROR attributes.DECIMAL: must be a number such as 12.50: digits, a point, digits";
            check(&["attributes.DECIMAL"], &[wrong], said);
        }
    }

    fn check_refused(names: &[&str], expected: &str) {
        let names: Vec<Option<&str>> = names.iter().copied().map(Some).collect();
        let error = Columns::new(&names).expect_err("refused");
        assert!(error.contains(expected), "{names:?}: {error}");
    }

    #[test]
    fn a_column_of_no_field_is_refused_with_what_was_meant() {
        for (name, meant) in [
            ("nmae", "name"),
            ("Name", "name"),
            ("parentId", "parent.id"),
            ("parent.sourceid", "parent.sourceId"),
            ("address[3].street", "addresses[3].street"),
            ("addresses[1].Stret", "addresses[1].street"),
            ("addresses.street", "addresses[0].street"),
            ("attributes.shoe size", "attributes.SHOE_SIZE"),
        ] {
            check_refused(
                &["id", name],
                &format!("the column `{name}` is no field of usergroups; did you mean `{meant}`?"),
            );
        }
        for name in
            ["colour", "parent", "parent.name", "attributes.", "attributes.A.NLD", "addresses[-1].city"]
        {
            check_refused(&["id", name], &format!("the column `{name}` is no field of usergroups"));
        }
        check_refused(&["id", "colour"], "usergroups (known: id, name, language,");
        check_refused(
            &["attributes.A.NL", "attributes.A.nl"],
            "the column `attributes.A.nl` says what another one says",
        );
        check_refused(&["addresses[0].city", "addresses[00].city"], "says what another one says");
    }

    #[test]
    fn columns_must_fit_their_attributes() {
        let types: BTreeMap<_, _> =
            [("TEXT".to_owned(), Type::Text), ("INTEGER".to_owned(), Type::Integer)].into();
        for (name, expected) in [
            ("attributes.TEXT", "has a value in each language; name the column `attributes.TEXT.EN`"),
            (
                "attributes.INTEGER.NL",
                "has one value for all languages; name the column `attributes.INTEGER`",
            ),
            ("attributes.NONE", "the column `attributes.NONE`: there is no such attribute"),
        ] {
            let error = columns(&["id", name]).learn(&types).expect_err(name);
            assert!(error.contains(expected), "{name}: {error}");
        }
        let columns = columns(&["attributes.TEXT.NL", "attributes.INTEGER", "attributes.TEXT.EN", "id"]);
        assert_eq!(columns.attributes(), ["INTEGER", "TEXT"]);
    }
}

//! `POST /usergroups/search` (contract 2 §3), in the shape of the sister resource: pages have numbers, and
//! `offset` is the size of a page.

use directory::model::JsonType;
use directory::{Filter, LookupKey, NumberedPage, Place, Search, Slice, Sliced};
use serde::Serialize;
use serde_json::value::RawValue;

use super::fields::{ID, PARENT, SOURCE};
use super::read::{Item, parse_source};
use super::refusal::Refusal;
use super::schema::{Place as At, Schema};
use super::status::Line;
use super::write::shown_all;
use crate::groups::Reply;
use crate::groups::shape;
use crate::groups::wire::to_json;
use crate::groups::{moment, parameters};

/// The size of a page when the caller does not say.
pub(super) const DEFAULT_PAGE: usize = 12;
/// The largest page.
pub(super) const MAX_PAGE: usize = 100;
/// The last page there can be.
pub(super) const MAX_NUMBER: usize = 1_000_000;

/// Which page is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// Its number, from 1 on.
    pub page: usize,
    /// How much it holds.
    pub size: usize,
}

impl Numbered {
    /// How much comes before it.
    pub const fn skip(self) -> usize {
        (self.page - 1) * self.size
    }

    /// Reads `page` and `offset` of a query.
    pub fn of_query(query: Option<&str>) -> Result<Self, Refusal> {
        let value = |wanted: &str| parameters(query).find(|(name, _)| name == wanted).map(|(_, value)| value);
        Self::parse(value("page").as_deref(), value("offset").as_deref())
    }

    /// Reads `page` and `offset` as texts; `None` is the default.
    pub fn parse(page: Option<&str>, offset: Option<&str>) -> Result<Self, Refusal> {
        let number = |text: Option<&str>, field, default, max| match text {
            None => Ok(default),
            Some(text) => {
                let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let number = if plain { text.parse().ok() } else { None };
                number.filter(|number| (1..=max).contains(number)).ok_or(Refusal::Page { field, max })
            }
        };
        Ok(Self {
            page: number(page, "page", 1, MAX_NUMBER)?,
            size: number(offset, "offset", DEFAULT_PAGE, MAX_PAGE)?,
        })
    }
}

impl From<Numbered> for NumberedPage {
    fn from(page: Numbered) -> Self {
        Self { skip: page.skip(), limit: page.size }
    }
}

/// What is searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery {
    /// Only directly below this usergroup.
    pub parent: Option<LookupKey>,
    /// Every other condition.
    pub filter: Filter,
    /// The name, and the page.
    pub slice: Slice,
    page: Numbered,
}

impl SearchQuery {
    /// Reads the body.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let object = shape::object(body)?;
        let mut schema = Schema::of("");
        let mut item = Item::read(object, At::Root, &mut schema);
        let mut filter = Filter::default();
        let name = item.text("name", |text| Ok(text.to_owned()));
        filter.source = item.text(SOURCE, parse_source);
        filter.updated_after =
            item.text("updatedAfter", |text| moment(text).ok_or(directory::Fault::InvalidMoment));
        if item.is_null(PARENT) {
            filter.place = Place::Roots;
        }
        let parent = item.named_parent();
        let (page, offset) = (item.number("page"), item.number("offset"));
        item.refuse_others();
        let name = schema.judge(name)?;
        let page = Numbered::parse(page, offset)?;
        let name = name.filter(|name| !name.trim().is_empty()).map(|name| Search::parse(&name)).transpose();
        let name = name.map_err(|fault| Refusal::Payload {
            reason: "INVALID_PARAMETER",
            field: "name".to_owned(),
            detail: format!("name {fault}"),
            bounds: None,
        })?;
        Ok(Self { parent, filter, slice: Slice { name, skip: page.skip(), limit: page.size }, page })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    data: Box<RawValue>,
    messages: [&'static str; 0],
    start: usize,
    end: usize,
    page: usize,
    pages: usize,
    total: usize,
    offset: usize,
    items_found: usize,
}

/// Writes a page of entries, a JSON array of so many, out of so many in all.
pub(super) fn paged(entries: Vec<u8>, count: usize, items_found: usize, page: Numbered) -> Reply {
    let data = String::from_utf8(entries).ok().and_then(|text| RawValue::from_string(text).ok());
    let first = page.skip() + 1;
    let found = Answer {
        data: data.unwrap_or_else(|| RawValue::NULL.to_owned()),
        messages: [],
        start: if count == 0 { 0 } else { first },
        end: if count == 0 { 0 } else { page.skip() + count },
        page: page.page,
        pages: items_found.div_ceil(page.size),
        total: count,
        offset: page.size,
        items_found,
    };
    Reply { status: Line::DONE, body: to_json(&found, 256) }
}

/// Writes what was found.
pub fn write_found(found: &Sliced, query: &SearchQuery) -> Reply {
    paged(shown_all(&found.views), found.views.len(), found.total, query.page)
}

impl<'b> Item<'_, 'b> {
    /// A text; absent and `null` are none.
    fn text<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, directory::Fault>) -> Option<T> {
        let json = self.take(name)?;
        if shape::json_type(json) == JsonType::Null { None } else { self.set(name, json, parse) }
    }

    /// A number as it was written; what is none is told with the page.
    fn number(&mut self, name: &str) -> Option<&'b str> {
        self.take(name)
    }

    fn is_null(&self, name: &str) -> bool {
        self.members.iter().any(|(found, value)| found == name && *value == "null")
    }

    fn named_parent(&mut self) -> Option<LookupKey> {
        if self.is_null(PARENT) {
            self.take(PARENT);
            return None;
        }
        let (parent, too) = self.parent();
        if too.is_some() {
            // A search for two parents at once finds nothing that the one would not find.
            self.schema.extraneous(At::Member(&self.place, PARENT), ID);
        }
        match parent {
            directory::Patch::Set(directory::ParentKey::Key(key)) => Some(key),
            _ => None,
        }
    }
}

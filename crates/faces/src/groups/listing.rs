//! Query strings of lists.

use std::collections::BTreeMap;

use directory::{
    Fault, Filter, Life, LookupKey, Page, Place, ReferenceKey, Search, SearchPage, Source, TenantId,
    Timestamp, TreePage,
};

use super::cursor::{self, Thread};
use super::fields::Member;
use super::found;
use super::limits::{self, DEFAULT_DEPTH, DEFAULT_PAGE, MAX_DEPTH, MAX_PAGE};
use super::query::parameters;
use super::refusal::Refusal;

pub(crate) const LIMIT: &str = "limit";
pub(crate) const CURSOR: &str = "cursor";
pub(super) const SOURCE: &str = Member::Source.rule().name;
pub(super) const PARENT: &str = Member::Parent.rule().name;
pub(super) const SEARCH: &str = "search";
pub(super) const ROOTS: &str = "roots";
pub(super) const ARCHIVED: &str = "archived";
pub(super) const DEPTH: &str = "depth";
pub(super) const UPDATED_AFTER: &str = "updatedAfter";

/// What a caller asks of a list. Where the list is that of a group's children, or of those above it, the
/// group itself is named by the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Only groups directly below this one.
    pub parent: Option<LookupKey>,
    /// Every other condition.
    pub filter: Filter,
    /// Which page.
    pub page: Page,
    /// Only groups that a text finds, and which page of them: then this takes the place of `page`.
    pub search: Option<SearchPage>,
    pub(super) thread: Thread,
}

impl ListQuery {
    /// Reads the query of `GET /v3/groups`.
    pub fn parse(query: Option<&str>, tenant: TenantId) -> Result<Self, Refusal> {
        let known = [LIMIT, CURSOR, SEARCH, SOURCE, PARENT, ROOTS, ARCHIVED, UPDATED_AFTER];
        let given = Given::read(query, &known)?;
        let parent = given.parent()?;
        let filter = Filter {
            place: given.place()?,
            life: given.life()?,
            source: given.source()?,
            updated_after: given.updated_after()?,
        };
        if parent.is_some() && filter.place == Place::Roots {
            let detail = format!("{ROOTS}=true and {PARENT} exclude each other: roots have no parent.");
            return Err(Refusal::parameter(ROOTS, detail));
        }
        match given.search()? {
            None => given.page("groups", tenant, parent, filter),
            Some(search) => given.search_page(search, tenant, parent, filter),
        }
    }

    /// Reads the query of a group's children.
    pub fn of_children(query: Option<&str>, tenant: TenantId, of: &LookupKey) -> Result<Self, Refusal> {
        let given = Given::read(query, &[LIMIT, CURSOR, ARCHIVED])?;
        let filter = Filter { life: given.life()?, ..Filter::default() };
        given.page("children", tenant, Some(of.clone()), filter)
    }

    /// Reads the query of the groups above a group.
    pub fn of_ancestors(query: Option<&str>, tenant: TenantId, of: &LookupKey) -> Result<Self, Refusal> {
        let given = Given::read(query, &[LIMIT, CURSOR])?;
        given.page("ancestors", tenant, Some(of.clone()), Filter::default())
    }
}

/// What a caller asks of the tree below a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeQuery {
    /// Which page of it.
    pub page: TreePage,
    pub(super) thread: Thread,
}

impl TreeQuery {
    /// Reads the query of the tree below a group.
    pub fn parse(query: Option<&str>, tenant: TenantId, of: &LookupKey) -> Result<Self, Refusal> {
        let given = Given::read(query, &[DEPTH, LIMIT, CURSOR, ARCHIVED])?;
        let (life, depth) = (given.life()?, given.number(DEPTH, DEFAULT_DEPTH, MAX_DEPTH)?);
        let limit = given.number(LIMIT, DEFAULT_PAGE, MAX_PAGE)?;
        let filter = Filter { life, ..Filter::default() };
        let thread = thread(&format!("tree {depth}"), tenant, Some(of), &filter);
        let after = given.after(|text| cursor::read_place(thread, text))?;
        Ok(Self { page: TreePage { life, depth, after, limit }, thread })
    }
}

/// The parameters of a query, each at most once.
pub(crate) struct Given(BTreeMap<&'static str, String>);

impl Given {
    /// A read may be refused at no cost, so every unknown parameter is: someone whose filter is not known
    /// here would take the whole list for the filtered one.
    pub(crate) fn read(query: Option<&str>, known: &[&'static str]) -> Result<Self, Refusal> {
        let mut given = BTreeMap::new();
        for (name, value) in parameters(query) {
            let Some(known) = known.iter().find(|known| **known == name) else {
                let shown = limits::shorten(&name, limits::MAX_ECHO);
                let all = match known {
                    [] => "it has none".to_owned(),
                    [only] => format!("the only one is {only}"),
                    [others @ .., last] => format!("the parameters are {} and {last}", others.join(", ")),
                };
                let detail = format!("{shown} is not a parameter of this call; {all}.");
                return Err(Refusal::parameter(&shown, detail));
            };
            if given.insert(*known, value).is_some() {
                return Err(Refusal::parameter(known, format!("{known} may be given only once.")));
            }
        }
        Ok(Self(given))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn parent(&self) -> Result<Option<LookupKey>, Refusal> {
        let key = self.text(PARENT).map(ReferenceKey::parse).transpose();
        Ok(key.map_err(|fault| faulty(PARENT, &fault))?.map(LookupKey::Key))
    }

    fn source(&self) -> Result<Option<Source>, Refusal> {
        self.text(SOURCE).map(Source::parse).transpose().map_err(|fault| faulty(SOURCE, &fault))
    }

    fn search(&self) -> Result<Option<Search>, Refusal> {
        let search = self.text(SEARCH).map(Search::parse).transpose();
        search.map_err(|fault| Refusal::parameter(SEARCH, format!("{SEARCH} {fault}.")))
    }

    fn place(&self) -> Result<Place, Refusal> {
        match self.text(ROOTS) {
            None | Some("false") => Ok(Place::Anywhere),
            Some("true") => Ok(Place::Roots),
            Some(_) => Err(Refusal::parameter(ROOTS, format!("{ROOTS} must be true or false."))),
        }
    }

    fn life(&self) -> Result<Life, Refusal> {
        match self.text(ARCHIVED) {
            None | Some("false") => Ok(Life::Living),
            Some("true") => Ok(Life::Archived),
            Some("any") => Ok(Life::Any),
            Some(_) => Err(Refusal::parameter(ARCHIVED, format!("{ARCHIVED} must be true, false or any."))),
        }
    }

    fn updated_after(&self) -> Result<Option<Timestamp>, Refusal> {
        let Some(text) = self.text(UPDATED_AFTER) else { return Ok(None) };
        moment(text).map(Some).ok_or_else(|| {
            let detail = format!(
                "{UPDATED_AFTER} must be a moment as RFC 3339 writes it, such as 2026-01-31T08:00:00Z; a plus \
                 sign in a URL is written %2B."
            );
            Refusal::parameter(UPDATED_AFTER, detail)
        })
    }

    pub(crate) fn number(&self, name: &str, default: usize, max: usize) -> Result<usize, Refusal> {
        let Some(text) = self.text(name) else { return Ok(default) };
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if plain { text.parse().ok() } else { None };
        number.filter(|number| (1..=max).contains(number)).ok_or_else(|| Refusal::invalid_number(name, max))
    }

    pub(crate) fn after<T>(&self, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Refusal> {
        // Clients that always send one send an empty one first.
        let text = self.text(CURSOR).filter(|text| !text.is_empty());
        text.map(|text| read(text).ok_or_else(Refusal::invalid_cursor)).transpose()
    }

    /// Last, because whether a cursor is good depends on all else.
    fn page(
        &self,
        list: &str,
        tenant: TenantId,
        parent: Option<LookupKey>,
        filter: Filter,
    ) -> Result<ListQuery, Refusal> {
        let limit = self.number(LIMIT, DEFAULT_PAGE, MAX_PAGE)?;
        let thread = thread(list, tenant, parent.as_ref(), &filter);
        let after = self.after(|text| cursor::read(thread, text))?;
        Ok(ListQuery { parent, filter, page: Page { after, limit }, search: None, thread })
    }

    /// The same for the groups that a text finds: their cursor tells of another place.
    fn search_page(
        &self,
        search: Search,
        tenant: TenantId,
        parent: Option<LookupKey>,
        filter: Filter,
    ) -> Result<ListQuery, Refusal> {
        let limit = self.number(LIMIT, DEFAULT_PAGE, MAX_PAGE)?;
        let words = search.words().collect::<Vec<_>>().join(" ");
        let thread = thread(&format!("groups with {words}"), tenant, parent.as_ref(), &filter);
        let after = self.after(|text| found::read(thread, text))?;
        let page = Page { after: None, limit };
        let search = Some(SearchPage { search, after, limit });
        Ok(ListQuery { parent, filter, page, search, thread })
    }
}

/// Conditions that mean the same give the same thread, however they were written.
fn thread(list: &str, tenant: TenantId, parent: Option<&LookupKey>, filter: &Filter) -> Thread {
    let parent = match parent {
        None => String::new(),
        Some(LookupKey::Id(id)) => format!("id {id}"),
        Some(LookupKey::New) => "new".to_owned(),
        Some(LookupKey::Key(key)) => format!("key {key}"),
        Some(LookupKey::Reference(reference)) => {
            format!("reference {} {}", reference.source.as_str(), reference.key)
        }
    };
    let life = match filter.life {
        Life::Living => "living",
        Life::Archived => "archived",
        Life::Any => "any",
    };
    let roots = if filter.place == Place::Roots { ROOTS } else { "" };
    let source = filter.source.as_ref().map_or("", Source::as_str);
    let updated_after = filter.updated_after.map(|after| after.0.to_string()).unwrap_or_default();
    Thread::new(tenant, [list, &parent, life, roots, source, &updated_after])
}

fn faulty(name: &str, fault: &Fault) -> Refusal {
    Refusal::parameter(name, format!("{name} {fault}."))
}

/// RFC 3339. Times are stored in milliseconds: what lies within one is after its beginning.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    // The parser knows more forms than the standard.
    let marks = [(4, b"-"), (7, b"-"), (10, b"Tt"), (13, b":"), (16, b":")] as [(usize, &[u8]); 5];
    let formed =
        marks.iter().all(|(at, marks)| text.as_bytes().get(*at).is_some_and(|mark| marks.contains(mark)));
    let plain = !text.contains('[');
    let moment: jiff::Timestamp = text.parse().ok().filter(|_| formed && plain)?;
    i64::try_from(moment.as_nanosecond().div_euclid(1_000_000)).ok().map(Timestamp)
}

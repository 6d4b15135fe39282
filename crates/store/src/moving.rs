//! What moves a directory from one store to another: everything of a tenant in a fixed order, a portion at a time.
//!
//! A store that is read hands out portions, one that is written takes them as they stand. A portion speaks for
//! an interval of the order: whatever else the target has in it goes. So a portion can be put any number of times,
//! and a later one of the same interval brings the target up to date, whether something was added, changed or
//! taken away. `docs/decisions/0016-moving.md` says why.

use std::collections::BTreeMap;

use directory::model::localised_to_stored;
use directory::{
    Address, AddressId, AddressLine, AttributeDefinition, AttributeId, Group, GroupId, Parts, RecordedRun,
    RunId, TenantId, ValueText,
};

use crate::{AccessKey, StoreError, StoredAnswer, Tenant};

/// What a view of one moment hands out to be moved. Part of [`crate::Reader`].
pub trait Export {
    /// What a tenant has behind a place, in the order of places, from its beginning with `None`. `None` where there
    /// is no such tenant. Holds at least one item where there is any, and no more than asked for behind that.
    fn portion(
        &mut self,
        tenant: TenantId,
        after: Option<&ItemPlace>,
        most: PortionSize,
    ) -> Result<Option<Portion>, StoreError>;
    /// How far a copy into this store is: of one tenant, or with `None` of all of it. `None` where none is under way.
    fn copy_mark(&mut self, of: Option<TenantId>) -> Result<Option<String>, StoreError>;
    /// Whether the server that keeps the files notices bits that have changed in them; `None` where the engine sees
    /// to it by itself, and where the server does not tell.
    fn has_checksums(&mut self) -> Result<Option<bool>, StoreError> {
        Ok(None)
    }
}

/// What a transaction does to take in what was moved. Part of [`crate::Transaction`].
pub trait Import {
    /// Makes a tenant have exactly what the portion holds in the interval for which it speaks, and brings the
    /// tenant itself to the state of its head; one that is not there is added under its own id. What lies elsewhere
    /// and stands in the way (another attribute of this name) goes. No revision is taken, nothing is stamped. A
    /// tenant's name or an access key that belongs to another tenant is a [`StoreError::Conflict`]. Only ever called
    /// while the mark of a copy of everything is kept: what follows changes by their revisions waits until it is gone.
    fn put(&mut self, portion: &Portion) -> Result<(), StoreError>;
    /// Keeps how far a copy is: of one tenant, or with `None` of all of it; forgets it with no mark.
    fn set_copy_mark(&mut self, of: Option<TenantId>, mark: Option<&str>) -> Result<(), StoreError>;
}

/// A part of what a tenant has, of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portion {
    /// The tenant itself.
    pub head: TenantHead,
    /// It begins behind this place; `None` for the beginning.
    pub after: Option<ItemPlace>,
    /// In the order of their places.
    pub items: Vec<Item>,
    /// Whether there is something behind the last item. If not, the portion speaks for all that could lie there.
    pub more: bool,
}

/// The bounds of a portion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortionSize {
    /// The most items.
    pub items: usize,
    /// After so many bytes, roughly, no item is added. One item is never divided.
    pub bytes: usize,
}

impl Default for PortionSize {
    /// Large enough that a commit a portion is not felt, small enough for any machine's memory.
    fn default() -> Self {
        Self { items: 4000, bytes: 8 << 20 }
    }
}

/// A tenant with all that its transactions count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantHead {
    /// The tenant.
    pub tenant: Tenant,
    /// The lowest id of a group that was never assigned.
    pub next_group: i64,
    /// The same of attributes.
    pub next_attribute: i64,
    /// The same of addresses.
    pub next_address: AddressId,
}

/// Something that a tenant has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The definition of an attribute.
    Definition(AttributeDefinition),
    /// An access key or OAuth client, revoked ones included.
    AccessKey(AccessKey),
    /// A group with all that belongs to it, archived ones included.
    Group(Box<MovedGroup>),
    /// What is kept of a batch.
    Run(RecordedRun),
    /// An answer that is kept for its idempotency key, whether it has expired or not.
    Answer(StoredAnswer),
}

/// A group with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedGroup {
    /// The group as it is stored, with its stamps and its references in their order.
    pub group: Group,
    /// Its own values of attributes.
    pub values: BTreeMap<AttributeId, Parts>,
    /// Its addresses, in order of ids.
    pub addresses: Vec<Address>,
}

/// What kinds of things there are, in the order in which they move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Definitions of attributes, in order of ids.
    Definition,
    /// Access keys, in the order of their ids' bytes.
    AccessKey,
    /// Groups, in order of ids.
    Group,
    /// Runs, in order of ids: as they began.
    Run,
    /// Stored answers, in the order of their keys' bytes.
    Answer,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Definition, Self::AccessKey, Self::Group, Self::Run, Self::Answer];
}

/// Where an item lies in the order in which everything of a tenant moves: by kind, then by key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemPlace {
    /// That of a definition.
    Definition(AttributeId),
    /// That of an access key.
    AccessKey(String),
    /// That of a group.
    Group(GroupId),
    /// That of a run.
    Run(RunId),
    /// That of a stored answer.
    Answer(String),
}

impl ItemPlace {
    /// What lies there.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Definition(_) => Kind::Definition,
            Self::AccessKey(_) => Kind::AccessKey,
            Self::Group(_) => Kind::Group,
            Self::Run(_) => Kind::Run,
            Self::Answer(_) => Kind::Answer,
        }
    }

    /// The key of a definition.
    pub(crate) fn attribute(&self) -> Option<i64> {
        if let Self::Definition(id) = self { Some(id.get()) } else { None }
    }

    /// That of an access key.
    pub(crate) fn access_key(&self) -> Option<String> {
        if let Self::AccessKey(id) = self { Some(id.clone()) } else { None }
    }

    /// That of a group.
    pub(crate) fn group(&self) -> Option<i64> {
        if let Self::Group(id) = self { Some(id.get()) } else { None }
    }

    /// That of a run.
    pub(crate) fn run(&self) -> Option<[u8; 16]> {
        if let Self::Run(id) = self { Some(id.to_bytes()) } else { None }
    }

    /// That of a stored answer.
    pub(crate) fn answer(&self) -> Option<String> {
        if let Self::Answer(key) = self { Some(key.clone()) } else { None }
    }

    /// A text from which the place can be read again.
    pub fn to_stored(&self) -> String {
        match self {
            Self::Definition(id) => format!("attribute {id}"),
            Self::AccessKey(id) => format!("key {id}"),
            Self::Group(id) => format!("group {id}"),
            Self::Run(id) => format!("run {id}"),
            Self::Answer(key) => format!("answer {key}"),
        }
    }

    /// The place of such a text; `None` if it is none.
    pub fn from_stored(text: &str) -> Option<Self> {
        let (kind, key) = text.split_once(' ')?;
        match kind {
            "attribute" => AttributeId::parse(key).map(Self::Definition),
            "key" => Some(Self::AccessKey(key.to_owned())),
            "group" => GroupId::parse(key).map(Self::Group),
            "run" => RunId::parse(key).map(Self::Run),
            "answer" => Some(Self::Answer(key.to_owned())),
            _ => None,
        }
    }
}

impl Item {
    /// Where it lies.
    pub fn place(&self) -> ItemPlace {
        match self {
            Self::Definition(definition) => ItemPlace::Definition(definition.id),
            Self::AccessKey(key) => ItemPlace::AccessKey(key.id.clone()),
            Self::Group(moved) => ItemPlace::Group(moved.group.id),
            Self::Run(recorded) => ItemPlace::Run(recorded.run.id),
            Self::Answer(answer) => ItemPlace::Answer(answer.key.clone()),
        }
    }

    /// How many bytes it takes, roughly.
    fn weight(&self) -> usize {
        /// Of whatever has a fixed length.
        const REST: usize = 128;
        REST + match self {
            Self::Definition(definition) => {
                let lines = [&definition.descriptions, &definition.units];
                lines.map(|lines| localised_to_stored(lines).len()).iter().sum()
            }
            Self::AccessKey(_) => REST,
            Self::Group(moved) => moved.weight(),
            Self::Run(recorded) => recorded.failures.len(),
            Self::Answer(answer) => answer.body.len(),
        }
    }
}

impl MovedGroup {
    fn weight(&self) -> usize {
        let Group { references, name, description, photo_url, details, .. } = &self.group;
        let references: usize = references.iter().map(|reference| reference.key.as_str().len() + 32).sum();
        let description = description.as_ref().map_or(0, |text| text.as_str().len());
        let photo_url = photo_url.as_ref().map_or(0, |text| text.as_str().len());
        let notes = details.as_ref().map_or(0, |details| details.notes.as_str().len() + 128);
        let parts = self.values.values().flat_map(BTreeMap::values).map(ValueText::as_str);
        let values: usize = parts.map(|text| text.len() + 16).sum();
        let lines = self.addresses.iter().flat_map(|address| {
            AddressLine::ALL.map(|line| address.content.lines.get(line).as_str().len() + 24)
        });
        references
            + name.as_str().len()
            + description
            + photo_url
            + notes
            + values
            + lines.sum::<usize>()
            + self.addresses.iter().map(|address| address.content.notes.as_str().len()).sum::<usize>()
    }
}

/// Above every text that is a key: those are ASCII.
pub(crate) const LAST_TEXT: &str = "\u{10FFFF}";

/// Which keys of one kind a portion speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span<K> {
    /// Those above this one; `None` for all from the first on.
    pub(crate) above: Option<K>,
    /// Those up to this one, with itself; `None` for all up to the last.
    pub(crate) to: Option<K>,
}

impl Portion {
    /// The place up to which it speaks; `None` for the end of everything.
    pub fn until(&self) -> Option<ItemPlace> {
        self.items.last().filter(|_| self.more).map(Item::place)
    }

    /// Whether it speaks for a place.
    pub fn covers(&self, place: &ItemPlace) -> bool {
        self.after.as_ref().is_none_or(|after| place > after)
            && self.until().is_none_or(|until| *place <= until)
    }

    /// The keys of a kind for which it speaks; `None` where that is none. `key` takes the key out of a place of
    /// that kind.
    pub(crate) fn span<K>(&self, kind: Kind, key: impl Fn(&ItemPlace) -> Option<K>) -> Option<Span<K>> {
        let until = self.until();
        let is_behind = self.after.as_ref().is_some_and(|after| after.kind() > kind);
        let is_ahead = until.as_ref().is_some_and(|until| until.kind() < kind);
        if is_behind || is_ahead {
            return None;
        }
        Some(Span { above: self.after.as_ref().and_then(&key), to: until.as_ref().and_then(&key) })
    }
}

/// A portion while it is read: whoever reads asks before each item whether there is room.
pub(crate) struct Filling {
    portion: Portion,
    bytes: usize,
    most: PortionSize,
}

impl Filling {
    pub(crate) const fn new(head: TenantHead, after: Option<ItemPlace>, most: PortionSize) -> Self {
        Self { portion: Portion { head, after, items: Vec::new(), more: false }, bytes: 0, most }
    }

    /// The keys of a kind that the portion may hold. `None` where it begins behind all of them.
    pub(crate) fn start<K>(&self, kind: Kind, key: impl Fn(&ItemPlace) -> Option<K>) -> Option<Span<K>> {
        match &self.portion.after {
            Some(after) if after.kind() > kind => None,
            after => Some(Span { above: after.as_ref().and_then(key), to: None }),
        }
    }

    /// Whether one item more has room. If not, the portion notes that there is one.
    pub(crate) fn has_room(&mut self) -> bool {
        let is_full = !self.portion.items.is_empty()
            && (self.portion.items.len() >= self.most.items || self.bytes >= self.most.bytes);
        self.portion.more |= is_full;
        !is_full
    }

    /// Whether something was left out.
    pub(crate) const fn is_over(&self) -> bool {
        self.portion.more
    }

    pub(crate) fn add(&mut self, item: Item) {
        self.bytes += item.weight();
        self.portion.items.push(item);
    }

    pub(crate) fn done(self) -> Portion {
        self.portion
    }
}

#[cfg(test)]
mod tests {
    use directory::Timestamp;

    use super::*;

    #[test]
    fn places_are_in_order_and_read_back() {
        let attribute = |number| ItemPlace::Definition(AttributeId::new(number).expect("a good id"));
        let group = |number| ItemPlace::Group(GroupId::new(number).expect("a good id"));
        let run = |at| ItemPlace::Run(RunId::new(Timestamp(at), [7; 10]));
        let key = |text: &str| ItemPlace::AccessKey(text.to_owned());
        let answer = |text: &str| ItemPlace::Answer(text.to_owned());
        let places = [
            attribute(9),
            attribute(10),
            key("A"),
            key("a b"),
            group(9),
            group(10),
            run(1),
            run(2),
            answer(""),
            answer("b c "),
        ];
        assert!(places.is_sorted());
        for place in places {
            assert_eq!(ItemPlace::from_stored(&place.to_stored()), Some(place));
        }
        for wrong in ["", "group", "group x", "run 1", "end", "other 1"] {
            assert_eq!(ItemPlace::from_stored(wrong), None, "{wrong}");
        }
    }
}

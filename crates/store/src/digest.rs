//! The digest of a tenant: BLAKE3 over all that it has, the same from every engine and in portions of every size.
//!
//! What is hashed, in this order: the text `rosterd tenant 1`; the tenant's items in the order of their places
//! ([`crate::moving::Kind`]), each its kind as one byte, 1 to 5, and then its fields; the byte 0; the tenant itself.
//! The fields of each are those that are written in this file, in that order:
//! * a whole number is 8 bytes, its lowest first, in two's complement;
//! * a text, and what else has bytes of any number, is the number of its bytes and then these;
//! * what may be absent is the byte 0 where it is, and else the byte 1 and then itself; yes is 1 and no is 0;
//! * a list is the number of its entries and then these.
//!
//! So two different contents are never the same bytes. A tenant's id and its counters are part of it, because
//! whatever is written next depends on them; its access keys are part of it by their hashes. What an engine derives
//! from other columns is not: numbers under which keys are found, counts of rows, indexes.

use std::fmt;

use directory::model::{Localised, Options};
use directory::{
    Address, AddressLine, AttributeDefinition, Counts, Details, Group, RecordedRun, TenantId, Timestamp,
    ValueText,
};

use crate::moving::{Item, Kind, MovedGroup, PortionSize, TenantHead};
use crate::{AccessKey, KeyKind, Reader, Store, StoreError, StoredAnswer, read};

/// What the hash begins with. A digest of other things has another number.
const FORM: &str = "rosterd tenant 1";

/// The digest of a tenant. Shown in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// A tenant's digest, and what was counted on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digested {
    /// The digest.
    pub digest: Digest,
    /// The tenant, as it was at the end.
    pub head: TenantHead,
    /// How many items of each kind there are, in the order of [`Kind::ALL`].
    pub counts: [u64; Kind::ALL.len()],
    /// Whether the tenant's revision was the same from the beginning to the end. If not, it was written to in
    /// between, and the digest is that of no moment.
    pub is_settled: bool,
}

impl Digested {
    /// How many items of a kind there are.
    pub const fn count(&self, kind: Kind) -> u64 {
        self.counts[kind as usize]
    }
}

/// The digest of a tenant; `None` if there is none with this id. Reads it in portions, each in a view of its own.
/// `watch` is told after each how many items it held.
pub fn digest(
    store: &dyn Store,
    tenant: TenantId,
    most: PortionSize,
    watch: &mut dyn FnMut(usize),
) -> Result<Option<Digested>, StoreError> {
    let (mut hashing, mut after, mut first) = (Hashing::new(), None, None);
    loop {
        let Some(portion) = read(store, |reader| reader.portion(tenant, after.as_ref(), most))? else {
            return Ok(None);
        };
        portion.items.iter().for_each(|item| hashing.item(item));
        watch(portion.items.len());
        let revision = portion.head.tenant.revision;
        let is_settled = *first.get_or_insert(revision) == revision;
        after = portion.until();
        if after.is_none() {
            return Ok(Some(hashing.finish(portion.head, is_settled)));
        }
    }
}

/// The digest of a tenant as one view shows it.
pub(crate) fn digest_of(
    reader: &mut dyn Reader,
    tenant: TenantId,
    most: PortionSize,
) -> Result<Option<Digested>, StoreError> {
    let (mut hashing, mut after) = (Hashing::new(), None);
    loop {
        let Some(portion) = reader.portion(tenant, after.as_ref(), most)? else { return Ok(None) };
        portion.items.iter().for_each(|item| hashing.item(item));
        after = portion.until();
        if after.is_none() {
            return Ok(Some(hashing.finish(portion.head, true)));
        }
    }
}

/// A digest while it is made.
pub(crate) struct Hashing {
    hash: blake3::Hasher,
    counts: [u64; Kind::ALL.len()],
}

impl Hashing {
    pub(crate) fn new() -> Self {
        let mut hashing = Self { hash: blake3::Hasher::new(), counts: [0; Kind::ALL.len()] };
        hashing.text(FORM);
        hashing
    }

    /// The tenant itself comes last: it is read with every portion, and so it is that of the end.
    pub(crate) fn finish(mut self, head: TenantHead, is_settled: bool) -> Digested {
        self.byte(0);
        let TenantHead { tenant, next_group, next_attribute, next_address } = &head;
        self.number(tenant.id.0);
        self.text(&tenant.name);
        self.number(tenant.created_at.0);
        self.number(tenant.revision);
        self.number(*next_group);
        self.number(*next_attribute);
        self.number(next_address.get());
        let digest = Digest(*self.hash.finalize().as_bytes());
        Digested { digest, head, counts: self.counts, is_settled }
    }

    pub(crate) fn item(&mut self, item: &Item) {
        let kind = item.place().kind();
        self.counts[kind as usize] += 1;
        self.byte(kind as u8 + 1);
        match item {
            Item::Definition(definition) => self.definition(definition),
            Item::AccessKey(key) => self.access_key(key),
            Item::Group(moved) => self.group(moved),
            Item::Run(recorded) => self.run(recorded),
            Item::Answer(answer) => self.answer(answer),
        }
    }

    fn definition(&mut self, definition: &AttributeDefinition) {
        let AttributeDefinition {
            id,
            name,
            class,
            kind,
            type_param,
            descriptions,
            units,
            group,
            default,
            flags,
        } = definition;
        self.number(id.get());
        self.text(name.as_str());
        self.text(class.as_str());
        self.text(kind.as_str());
        self.text(type_param.as_str());
        self.localised(descriptions);
        self.localised(units);
        self.text(group.as_str());
        self.maybe(default.as_ref().map(ValueText::as_str), Self::text);
        for flag in [flags.is_public, flags.is_searchable, flags.is_system, flags.is_hidden] {
            self.flag(flag);
        }
    }

    fn access_key(&mut self, key: &AccessKey) {
        let AccessKey { id, tenant: _, kind, hash, scopes, created_at, revoked_at } = key;
        self.text(id);
        let token_key = match kind {
            KeyKind::Bearer => None,
            KeyKind::Client { token_key } => Some(token_key.as_slice()),
        };
        self.maybe(token_key, Self::bytes);
        self.bytes(hash);
        self.text(scopes);
        self.moment(*created_at);
        self.maybe(*revoked_at, Self::moment);
    }

    fn group(&mut self, moved: &MovedGroup) {
        let MovedGroup { group, values, addresses } = moved;
        let Group {
            id,
            references,
            name,
            description,
            parent,
            photo_url,
            details,
            archived_at,
            created_at,
            updated_at,
            revision,
        } = group;
        self.number(id.get());
        self.length(references.len());
        for reference in references {
            self.text(reference.source.as_str());
            self.text(reference.key.as_str());
        }
        self.text(name.as_str());
        self.maybe(description.as_ref().map(directory::Description::as_str), Self::text);
        self.maybe(parent.map(directory::GroupId::get), Self::number);
        self.maybe(photo_url.as_ref().map(directory::PhotoUrl::as_str), Self::text);
        self.maybe(details.as_deref(), Self::details);
        self.maybe(*archived_at, Self::moment);
        self.moment(*created_at);
        self.moment(*updated_at);
        self.number(*revision);
        let parts = || {
            values.iter().flat_map(|(id, parts)| parts.iter().map(move |(of, text)| (id.get(), *of, text)))
        };
        self.length(parts().count());
        for (attribute, language, text) in parts() {
            self.number(attribute);
            self.maybe(language.map(|language| language.to_string()).as_deref(), Self::text);
            self.text(text.as_str());
        }
        self.length(addresses.len());
        for address in addresses {
            self.address(address);
        }
    }

    fn details(&mut self, details: &Details) {
        let Details { language, company, department, office, notes, options } = details;
        self.maybe(language.map(|language| language.to_string()).as_deref(), Self::text);
        for line in [company, department, office] {
            self.text(line.as_str());
        }
        self.text(notes.as_str());
        self.text(&Options::to_stored(*options));
    }

    fn address(&mut self, address: &Address) {
        let content = &address.content;
        self.number(address.id.get());
        self.maybe(content.code.as_ref().map(directory::AddressCode::as_str), Self::text);
        self.text(content.kind.as_str());
        self.text(&content.country.to_string());
        self.text(&content.gender.letter().to_string());
        self.flag(content.icp);
        self.flag(content.is_default);
        for line in AddressLine::ALL {
            self.text(content.lines.get(line).as_str());
        }
        self.text(content.notes.as_str());
    }

    fn run(&mut self, recorded: &RecordedRun) {
        let RecordedRun { run, failures } = recorded;
        self.bytes(&run.id.to_bytes());
        self.text(&run.key_id);
        self.text(&run.face);
        self.text(&run.operation);
        self.moment(run.started_at);
        self.number(run.revision);
        self.flag(run.dry_run);
        self.maybe(run.idempotency_key.as_deref(), Self::text);
        let Counts { created, updated, unchanged, archived, restored, failed } = run.counts;
        for count in [created, updated, unchanged, archived, restored, failed, run.omitted] {
            self.number(count.into());
        }
        self.bytes(failures);
    }

    fn answer(&mut self, answer: &StoredAnswer) {
        let StoredAnswer { tenant: _, key, fingerprint, status, body, expires_at, run } = answer;
        self.text(key);
        self.bytes(fingerprint);
        self.number((*status).into());
        self.bytes(body);
        self.moment(*expires_at);
        self.maybe(run.map(directory::RunId::to_bytes).as_ref().map(<[u8; 16]>::as_slice), Self::bytes);
    }

    fn localised(&mut self, lines: &Localised) {
        self.length(lines.len());
        for (language, line) in lines {
            self.text(&language.to_string());
            self.text(line.as_str());
        }
    }

    fn byte(&mut self, byte: u8) {
        self.hash.update(&[byte]);
    }

    fn flag(&mut self, flag: bool) {
        self.byte(flag.into());
    }

    fn number(&mut self, number: i64) {
        self.hash.update(&number.to_le_bytes());
    }

    fn moment(&mut self, at: Timestamp) {
        self.number(at.0);
    }

    fn length(&mut self, length: usize) {
        self.hash.update(&(length as u64).to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.hash.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }
}

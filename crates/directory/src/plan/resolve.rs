//! Which stored group each record means, and what can be said about it without the tree:
//! classes 1–6 of the order of checks (rules §6).

use std::collections::{BTreeMap, BTreeSet};

use foldhash::{HashMap, HashMapExt as _};

use super::addresses;
use super::values::{self, Judged};
use crate::batch::{Batch, Expected, Intent, Record, key_of};
use crate::directive::LookupKey;
use crate::model::{ExternalReference, Group, GroupId, Source};
use crate::outcome::{Failure, Field};
use crate::snapshot::{Snapshot, claimed, parents};

/// The group that a record means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    /// A stored group, archived or not.
    Stored(&'a Group),
    /// A stored group that lives and is just as the record says.
    Alike(GroupId),
    /// None is stored: the record would create it.
    New,
    /// None is stored, and the batch creates none.
    Unwanted,
    /// It cannot be told: the key could not be read, or is ambiguous.
    Unknown,
}

impl Target<'_> {
    /// The group that is stored.
    pub(super) fn id(self) -> Option<GroupId> {
        match self {
            Self::Stored(group) => Some(group.id),
            Self::Alike(id) => Some(id),
            Self::New | Self::Unwanted | Self::Unknown => None,
        }
    }
}

/// What is known of one record so far. It is good as long as `failures` is empty.
#[derive(Debug)]
pub(super) struct Resolved<'a> {
    pub(super) target: Target<'a>,
    pub(super) failures: Vec<Failure>,
    /// What its entries of attributes come to.
    pub(super) values: Vec<Result<Judged, Failure>>,
    /// What its entries of addresses come to.
    pub(super) addresses: addresses::Settled<'a>,
}

impl<'a> Resolved<'a> {
    /// Nothing is wrong with it, and it has nothing beside its group's own fields.
    fn good(target: Target<'a>) -> Self {
        Self { target, failures: Vec::new(), values: Vec::new(), addresses: addresses::Settled::default() }
    }
}

/// What is known of all records.
#[derive(Debug)]
pub(super) struct Resolution<'a> {
    pub(super) records: Vec<Resolved<'a>>,
    /// The records that would create a group, or make a stored one known by a further reference, by those of the
    /// keys that would find that group then which records speak of: of several records with one key, the first.
    creators: HashMap<LookupKey, Vec<usize>>,
}

impl Resolution<'_> {
    pub(super) fn is_good(&self, index: usize) -> bool {
        self.records[index].failures.is_empty()
    }

    /// The records, in order, that would bring a group with this key, failing ones included. Several only
    /// where their own keys differ.
    pub(super) fn creators(&self, key: &LookupKey) -> &[usize] {
        self.creators.get(key).map_or(&[], Vec::as_slice)
    }
}

pub(super) fn resolve<'a>(batch: &Batch, seen: &'a Snapshot) -> Resolution<'a> {
    let mut records: Vec<Resolved<'a>> =
        (0..batch.records.len()).map(|index| resolve_one(index, batch, seen)).collect();
    reject_duplicates(batch, &mut records);
    for (record, resolved) in batch.records.iter().zip(&mut records) {
        if resolved.failures.is_empty() {
            resolved.failures.extend(unfit_match(record, resolved.target, batch, seen));
        }
        if resolved.failures.is_empty() {
            settle_addresses(record, resolved, batch, seen);
        }
    }
    Resolution { records, creators: HashMap::new() }
}

impl Resolution<'_> {
    /// The same with what the records, as the terms leave them, bring and claim.
    pub(super) fn with_claims(mut self, batch: &Batch, seen: &Snapshot) -> Self {
        self.creators = creators(batch, &self.records);
        reject_claims(batch, seen, &self.creators, &mut self.records);
        self
    }
}

/// What becomes of the addresses of a record's group. Entries that fail take the record with them, unless the
/// batch tells them apart.
fn settle_addresses<'a>(record: &Record, resolved: &mut Resolved<'a>, batch: &Batch, seen: &'a Snapshot) {
    let entries = record.as_ref().map_or(&[][..], |directive| &directive.addresses);
    let stored = match resolved.target {
        _ if entries.is_empty() => return,
        Target::Stored(group) => seen.addresses(group.id),
        Target::New => &[],
        Target::Alike(_) | Target::Unwanted | Target::Unknown => return,
    };
    resolved.addresses = addresses::settle(entries, stored);
    if !batch.terms.entries_apart {
        resolved.failures.extend(resolved.addresses.failures().cloned());
        resolved.failures.sort_by_key(Failure::code);
    }
}

/// References that records add: each pair is for one group.
fn reject_claims(
    batch: &Batch,
    seen: &Snapshot,
    creators: &HashMap<LookupKey, Vec<usize>>,
    records: &mut [Resolved<'_>],
) {
    let mut claims: BTreeMap<LookupKey, BTreeSet<usize>> = BTreeMap::new();
    for (index, record) in batch.records.iter().enumerate() {
        for reference in record.iter().flat_map(|directive| &directive.references) {
            claims.entry(LookupKey::Reference(reference.clone())).or_default().insert(index);
        }
    }
    for (pair, mut claimants) in claims {
        claimants.extend(creators.get(&pair).into_iter().flatten());
        let owner = seen.matches(&pair).first();
        for &index in &claimants {
            let own = records[index].target.id();
            let failure = match owner {
                Some(owner) if own != Some(*owner) => Failure::ReferenceTaken { id: *owner },
                None if claimants.len() > 1 => {
                    let others = claimants.iter().copied().filter(|other| *other != index);
                    let peers = others.take(Failure::MAX_PEERS).collect();
                    Failure::DuplicateInRequest { peers, others: claimants.len() - 1 }
                }
                _ => continue,
            };
            if records[index].failures.is_empty() {
                records[index].failures.push(failure);
            }
        }
    }
}

/// The target, and classes 1–3: all faults of the record together, the main one first.
fn resolve_one<'a>(index: usize, batch: &Batch, seen: &'a Snapshot) -> Resolved<'a> {
    if let Some(id) = seen.alike(index) {
        return Resolved::good(Target::Alike(id));
    }
    let record = &batch.records[index];
    let target = match key_of(record).map(|key| seen.matches(key)) {
        Some([]) if batch.terms.no_create && batch.intent == Intent::Upsert => Target::Unwanted,
        Some([]) => Target::New,
        Some([id]) => seen.groups.get(id).map_or(Target::Unknown, Target::Stored),
        Some(_) | None => Target::Unknown,
    };
    let (mut failures, lacks_name) = match record {
        Ok(directive) => (Vec::new(), directive.name.is_none()),
        Err(rejection) => (rejection.failures.clone(), rejection.lacks_name),
    };
    let needs_name = batch.intent == Intent::Upsert && !batch.terms.nameless;
    if lacks_name && needs_name && matches!(target, Target::New) {
        failures.push(Failure::RequiredFieldMissing(Field::Name));
    }
    // Which reference it would be for cannot be told, nor who else has the pair.
    if record.as_ref().is_ok_and(|it| it.source.is_some() && it.key.reference_key().is_none()) {
        failures.push(Failure::RequiredFieldMissing(Field::Key));
    }
    let values = record.as_ref().map(|directive| values::judge(directive, target, seen)).unwrap_or_default();
    if !batch.terms.entries_apart {
        failures.extend(values.iter().filter_map(|judged| judged.as_ref().err().cloned()));
    }
    failures.sort_by_key(Failure::code);
    Resolved { failures, values, ..Resolved::good(target) }
}

/// What two records have in common when they mean one group.
#[derive(PartialEq, Eq, Hash)]
enum Identity<'b> {
    Stored(GroupId),
    Key(&'b LookupKey),
}

/// Class 4. A record with other faults counts too, as long as its key can be read; its own faults
/// remain what it is told.
fn reject_duplicates(batch: &Batch, records: &mut [Resolved<'_>]) {
    let mut first: HashMap<Identity<'_>, usize> = HashMap::with_capacity(records.len());
    let mut shared: HashMap<usize, Vec<usize>> = HashMap::new();
    for (index, record) in batch.records.iter().enumerate() {
        let Some(key) = key_of(record) else { continue };
        let identity = records[index].target.id().map_or(Identity::Key(key), Identity::Stored);
        let start = *first.entry(identity).or_insert(index);
        if start != index {
            shared.entry(start).or_insert_with(|| vec![start]).push(index);
        }
    }
    for members in shared.values() {
        for &index in members.iter().filter(|&&index| records[index].failures.is_empty()).collect::<Vec<_>>()
        {
            let peers =
                members.iter().copied().filter(|&peer| peer != index).take(Failure::MAX_PEERS).collect();
            let failure = Failure::DuplicateInRequest { peers, others: members.len() - 1 };
            records[index].failures.push(failure);
        }
    }
}

/// Classes 5 and 6, and the state that the caller expects.
fn unfit_match(record: &Record, target: Target<'_>, batch: &Batch, seen: &Snapshot) -> Option<Failure> {
    match target {
        Target::Unknown => {
            let groups = key_of(record).map_or(0, |key| seen.matches(key).len());
            Some(Failure::AmbiguousGroupIdentifier { field: Field::Key, groups })
        }
        Target::New if batch.intent != Intent::Upsert => Some(Failure::GroupNotFound),
        Target::Stored(group)
            if group.is_archived() && matches!(batch.intent, Intent::Upsert | Intent::Update) =>
        {
            Some(Failure::ArchivedGroupExists { id: group.id })
        }
        _ if batch.expected.as_ref().is_some_and(|expected| !is_met(expected, target)) => {
            Some(Failure::PreconditionFailed)
        }
        Target::Stored(_) | Target::Alike(_) | Target::New | Target::Unwanted => None,
    }
}

fn is_met(expected: &Expected, target: Target<'_>) -> bool {
    match (expected, target) {
        (Expected::At(states), Target::Stored(group)) => states.contains(&(group.id, group.revision)),
        (Expected::Stored, Target::Stored(_)) | (Expected::Absent, Target::New) => true,
        _ => false,
    }
}

fn creators(batch: &Batch, records: &[Resolved<'_>]) -> HashMap<LookupKey, Vec<usize>> {
    let mut creators: HashMap<LookupKey, Vec<usize>> = HashMap::new();
    let (parents, claimed) = (parents(batch), claimed(batch));
    if parents.is_empty() && claimed.is_empty() {
        return creators;
    }
    for (index, record) in batch.records.iter().enumerate() {
        let Some(key) = key_of(record) else { continue };
        let (created, added) = match records[index].target {
            Target::New if batch.intent == Intent::Upsert => keys_of_created(key, record),
            Target::Stored(group) => ([None, None], keys_of_added(record, Some(group))),
            Target::Alike(_) | Target::New | Target::Unwanted | Target::Unknown => continue,
        };
        let found_by = created.into_iter().flatten().chain(added);
        for found_by in found_by.filter(|key| parents.contains(key) || claimed.contains(key)) {
            let known = creators.entry(found_by).or_default();
            if !known.iter().any(|&other| key_of(&batch.records[other]) == Some(key)) {
                known.push(index);
            }
        }
    }
    creators
}

/// Every key by which the references that this record adds, to a stored group or a new one, would make it known.
fn keys_of_added(record: &Record, group: Option<&Group>) -> Vec<LookupKey> {
    let references = record.iter().flat_map(|directive| &directive.references);
    let is_new = |reference: &&ExternalReference| group.is_none_or(|it| !it.references.contains(reference));
    references.filter(is_new).flat_map(keys_of).collect()
}

fn keys_of(reference: &ExternalReference) -> [LookupKey; 2] {
    [LookupKey::Key(reference.key.clone()), LookupKey::Reference(reference.clone())]
}

/// Every key that would find the group that this record would create: by what the record is known by, and by what
/// it adds.
fn keys_of_created(key: &LookupKey, record: &Record) -> ([Option<LookupKey>; 2], Vec<LookupKey>) {
    let own = match key {
        LookupKey::Id(_) => [Some(key.clone()), None],
        LookupKey::New => [None, None],
        LookupKey::Reference(reference) => keys_of(reference).map(Some),
        LookupKey::Key(_) => {
            let reference = record.as_ref().ok().and_then(|directive| {
                created_reference(key, directive.source.as_ref()).map(LookupKey::Reference)
            });
            [Some(key.clone()), reference]
        }
    };
    (own, keys_of_added(record, None))
}

/// The reference of the group that a create with this key makes.
pub(super) fn created_reference(key: &LookupKey, source: Option<&Source>) -> Option<ExternalReference> {
    match key {
        LookupKey::Id(_) | LookupKey::New => None,
        LookupKey::Reference(reference) => Some(reference.clone()),
        LookupKey::Key(key) => {
            let source = source.cloned().unwrap_or_else(Source::unnamed);
            Some(ExternalReference { source, key: key.clone() })
        }
    }
}

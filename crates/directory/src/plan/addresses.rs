//! What a record does to the addresses of its group (contract 2 §6): which ones its entries mean, what they
//! hold then, and which entries fail. Judged on the state that all good entries lead to, so that their order
//! does not matter, but for assigned ids and for which of too many are left out.

use foldhash::{HashMap, HashMapExt as _};

use super::diff::change;
use crate::directive::{AddressDirective, AddressKey, AddressPatch, Patch};
use crate::model::{
    Address, AddressCode, AddressContent, AddressId, AddressLine, AddressType, Fault, Gender, Line, Lines,
    Notes,
};
use crate::outcome::{AddressField, AddressOutcome, Change, Failure, Field};
use crate::write::AddressWrite;

/// What is known of the addresses of one record, before ids are assigned.
#[derive(Debug, Default)]
pub(super) struct Settled<'a> {
    /// One for each entry, in order.
    entries: Vec<Settlement<'a>>,
    /// Stored addresses that no entry names, without the default that another one takes over.
    unset: Vec<Address>,
    /// Entries that fail only because of later ones, which are the ones to tell of where all fail together.
    first: Vec<usize>,
}

/// What is known of one entry.
#[derive(Debug)]
enum Settlement<'a> {
    /// An address holds this then; it is stored already, or will be created.
    Put {
        content: Box<AddressContent>,
        stored: Option<&'a Address>,
        is_claim: bool,
    },
    Delete(&'a Address),
    Failed {
        stored: Option<AddressId>,
        failures: Vec<Failure>,
    },
}

/// What the entries of a good record do.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) writes: Vec<AddressWrite>,
    pub(super) outcomes: Vec<AddressOutcome>,
    pub(super) changes: Vec<Change>,
}

/// Settles the entries of a record against the addresses that its group has.
pub(super) fn settle<'a>(entries: &[AddressDirective], stored: &'a [Address]) -> Settled<'a> {
    let settled = entries.iter().enumerate().map(|(index, entry)| settle_one(index, entry, stored));
    let mut settled = Settled { entries: settled.collect(), unset: Vec::new(), first: Vec::new() };
    settled.reject_duplicates(entries);
    settled.reject_taken_codes(stored);
    settled.reject_second_defaults();
    settled.reject_beyond_limit(stored.len());
    settled.unset_others(stored);
    settled
}

fn settle_one<'a>(index: usize, entry: &AddressDirective, stored: &'a [Address]) -> Settlement<'a> {
    let by_id = |id: &AddressId| stored.iter().find(|address| address.id == *id);
    let missing = |id: &AddressId| {
        let field = Field::Address(index, AddressField::Whole);
        let failures = vec![Failure::AddressNotFound { field, id: *id }];
        Settlement::Failed { stored: None, failures }
    };
    let patch = match entry {
        AddressDirective::Put(patch) => patch,
        AddressDirective::Delete(id) => return by_id(id).map_or_else(|| missing(id), Settlement::Delete),
    };
    let target = match &patch.key {
        AddressKey::Id(id) => match by_id(id) {
            Some(found) => Some(found),
            None => return missing(id),
        },
        AddressKey::Code(code) => stored.iter().find(|address| address.content.code.as_ref() == Some(code)),
        AddressKey::New => None,
    };
    match content(patch, target.map(|address| &address.content)) {
        Ok(content) => {
            let moves = target.is_none_or(|target| target.content.kind != content.kind);
            let is_claim = content.is_default && (moves || patch.is_default == Some(true));
            Settlement::Put { content: Box::new(content), stored: target, is_claim }
        }
        Err(missing) => {
            let failure = |field| Failure::RequiredFieldMissing(Field::Address(index, field));
            let failures = missing.into_iter().map(failure).collect();
            Settlement::Failed { stored: target.map(|target| target.id), failures }
        }
    }
}

/// What an address holds after a patch, or the fields that it lacks.
fn content(
    patch: &AddressPatch,
    before: Option<&AddressContent>,
) -> Result<AddressContent, Vec<AddressField>> {
    let mut lines = Lines::<Line>::default();
    for line in AddressLine::ALL {
        *lines.get_mut(line) = after(patch.lines.get(line), before.map(|before| before.lines.get(line)));
    }
    let code = match (&patch.key, &patch.code) {
        (AddressKey::Code(code), _) | (_, Patch::Set(code)) => Some(code.clone()),
        (_, Patch::Keep) => before.and_then(|before| before.code.clone()),
        (_, Patch::Clear) => None,
    };
    let kind = patch.kind.or(before.map(|before| before.kind));
    let country = patch.country.or(before.map(|before| before.country));
    let lacks = |line: AddressLine| line.is_required() && lines.get(line).as_str().is_empty();
    let missing = [
        kind.is_none().then_some(AddressField::Type),
        lacks(AddressLine::Street).then_some(AddressField::Line(AddressLine::Street)),
        lacks(AddressLine::City).then_some(AddressField::Line(AddressLine::City)),
        country.is_none().then_some(AddressField::Country),
    ];
    let missing: Vec<AddressField> = missing.into_iter().flatten().collect();
    let (Some(kind), Some(country), true) = (kind, country, missing.is_empty()) else { return Err(missing) };
    Ok(AddressContent {
        code,
        kind,
        country,
        gender: patch.gender.or(before.map(|before| before.gender)).unwrap_or_else(Gender::last),
        icp: patch.icp.or(before.map(|before| before.icp)).unwrap_or_default(),
        is_default: patch.is_default.or(before.map(|before| before.is_default)).unwrap_or_default(),
        lines,
        notes: after::<Notes>(&patch.notes, before.map(|before| &before.notes)),
    })
}

fn after<T: Clone + Default>(patch: &Patch<T>, before: Option<&T>) -> T {
    match patch {
        Patch::Keep => before.cloned().unwrap_or_default(),
        Patch::Clear => T::default(),
        Patch::Set(value) => value.clone(),
    }
}

/// What two entries have in common when they mean one address.
#[derive(PartialEq, Eq, Hash)]
enum Identity<'e> {
    Stored(AddressId),
    Code(&'e AddressCode),
}

/// The code that an entry gives to its address, or finds it by.
fn code_of(entry: &AddressDirective) -> Option<&AddressCode> {
    match entry {
        AddressDirective::Put(patch) => match (&patch.key, &patch.code) {
            (AddressKey::Code(code), _) | (_, Patch::Set(code)) => Some(code),
            _ => None,
        },
        AddressDirective::Delete(_) => None,
    }
}

impl Settlement<'_> {
    /// The stored address that the entry means.
    fn stored(&self) -> Option<AddressId> {
        match self {
            Self::Put { stored, .. } => stored.map(|address| address.id),
            Self::Delete(address) => Some(address.id),
            Self::Failed { stored, .. } => *stored,
        }
    }

    const fn is_good(&self) -> bool {
        !matches!(self, Self::Failed { .. })
    }
}

impl<'a> Settled<'a> {
    /// The failures of all entries, in their order, for the record that they fail.
    pub(super) fn failures(&self) -> impl Iterator<Item = &Failure> {
        let told = self.entries.iter().enumerate().filter(|(index, _)| !self.first.contains(index));
        told.flat_map(|(_, entry)| match entry {
            Settlement::Failed { failures, .. } => &failures[..],
            Settlement::Put { .. } | Settlement::Delete(_) => &[],
        })
    }

    /// Fails an entry. One with other faults keeps these.
    fn fail(&mut self, index: usize, failure: Failure) {
        let entry = &mut self.entries[index];
        if entry.is_good() {
            *entry = Settlement::Failed { stored: entry.stored(), failures: vec![failure] };
        }
    }

    fn reject_duplicates(&mut self, entries: &[AddressDirective]) {
        let mut members: HashMap<Identity<'_>, Vec<usize>> = HashMap::new();
        for (index, (settlement, entry)) in self.entries.iter().zip(entries).enumerate() {
            let identities = [settlement.stored().map(Identity::Stored), code_of(entry).map(Identity::Code)];
            for identity in identities.into_iter().flatten() {
                members.entry(identity).or_default().push(index);
            }
        }
        let mut peers_of: HashMap<usize, Vec<usize>> = HashMap::new();
        for members in members.values().filter(|members| members.len() > 1) {
            for &index in members {
                let others = members.iter().copied().filter(|&other| other != index);
                peers_of.entry(index).or_default().extend(others);
            }
        }
        for (index, mut peers) in peers_of {
            peers.sort_unstable();
            peers.dedup();
            peers.truncate(Failure::MAX_PEERS);
            let is_first = peers.iter().all(|peer| *peer > index) && self.entries[index].is_good();
            self.first.extend(is_first.then_some(index));
            let field = Field::Address(index, AddressField::Code);
            self.fail(index, Failure::DuplicateAddress { field, peers });
        }
    }

    /// A code that a stored address has is not given to another one, even if the record takes it from there.
    fn reject_taken_codes(&mut self, stored: &[Address]) {
        for index in 0..self.entries.len() {
            let Settlement::Put { content, stored: own, .. } = &self.entries[index] else { continue };
            let own = own.map(|own| own.id);
            let takes = |other: &Address| Some(other.id) != own && other.content.code == content.code;
            if content.code.is_some() && stored.iter().any(takes) {
                let field = Some(Field::Address(index, AddressField::Code));
                self.fail(index, Failure::Validation { field, fault: Fault::CodeTaken });
            }
        }
    }

    /// The entries that make an address the default of this type.
    fn claimants(&self, wanted: AddressType) -> Vec<usize> {
        let claims = |entry: &Settlement<'_>| matches!(entry, Settlement::Put { content, is_claim: true, .. } if content.kind == wanted);
        (0..self.entries.len()).filter(|&index| claims(&self.entries[index])).collect()
    }

    fn reject_second_defaults(&mut self) {
        for kind in AddressType::ALL {
            let claimants = self.claimants(kind);
            if claimants.len() < 2 {
                continue;
            }
            self.first.push(claimants[0]);
            for index in claimants {
                let field = Some(Field::Address(index, AddressField::IsDefault));
                self.fail(index, Failure::Validation { field, fault: Fault::SecondDefault });
            }
        }
    }

    /// Of too many, those that come last fail.
    fn reject_beyond_limit(&mut self, stored: usize) {
        let deleted = self.entries.iter().filter(|entry| matches!(entry, Settlement::Delete(_))).count();
        let mut room = (Address::MOST + deleted).saturating_sub(stored);
        for index in 0..self.entries.len() {
            if !matches!(self.entries[index], Settlement::Put { stored: None, .. }) {
                continue;
            }
            if let Some(rest) = room.checked_sub(1) {
                room = rest;
                continue;
            }
            let field = Some(Field::Address(index, AddressField::Whole));
            let fault = Fault::TooManyEntries { limit: Address::MOST };
            self.fail(index, Failure::Validation { field, fault });
        }
    }

    /// A new default takes the place of the old one.
    fn unset_others(&mut self, stored: &'a [Address]) {
        let good = self.entries.iter().filter(|entry| entry.is_good());
        let named: Vec<AddressId> = good.filter_map(Settlement::stored).collect();
        for wanted in AddressType::ALL {
            if self.claimants(wanted).is_empty() {
                continue;
            }
            for entry in &mut self.entries {
                if let Settlement::Put { content, is_claim: false, .. } = entry
                    && content.kind == wanted
                {
                    content.is_default = false;
                }
            }
            let others = stored.iter().filter(|address| {
                let content = &address.content;
                content.is_default && content.kind == wanted && !named.contains(&address.id)
            });
            self.unset.extend(others.map(|address| Address {
                content: AddressContent { is_default: false, ..address.content.clone() },
                ..*address
            }));
        }
    }

    /// What the entries do, with ids from this one on.
    pub(super) fn commit(self, next: &mut AddressId) -> Done {
        let mut done = Done::default();
        for (index, entry) in self.entries.into_iter().enumerate() {
            done.take(index, entry, next);
        }
        done.writes.extend(self.unset.into_iter().map(|address| AddressWrite::Replace(Box::new(address))));
        done
    }
}

impl Done {
    fn take(&mut self, index: usize, entry: Settlement<'_>, next: &mut AddressId) {
        let (content, stored) = match entry {
            Settlement::Put { content, stored, .. } => (*content, stored),
            Settlement::Delete(address) => {
                let id = address.id;
                self.writes.push(AddressWrite::Remove(id));
                self.outcomes.push(AddressOutcome::Deleted { id });
                self.note(index, Some(&name(id, &address.content)), None);
                return;
            }
            Settlement::Failed { stored, failures } => {
                return self.outcomes.push(AddressOutcome::Failed { meant: stored, failures });
            }
        };
        let Some(before) = stored else {
            let id = std::mem::replace(next, next.next());
            self.note(index, None, Some(&name(id, &content)));
            self.writes.push(AddressWrite::Add(Box::new(Address { id, content })));
            return self.outcomes.push(AddressOutcome::Created { id });
        };
        let id = before.id;
        if before.content == content {
            return self.outcomes.push(AddressOutcome::Unchanged { id });
        }
        self.note(index, Some(&name(id, &before.content)), Some(&name(id, &content)));
        self.writes.push(AddressWrite::Replace(Box::new(Address { id, content })));
        self.outcomes.push(AddressOutcome::Updated { id });
    }

    fn note(&mut self, index: usize, from: Option<&str>, to: Option<&str>) {
        let field = Field::Address(index, AddressField::Whole);
        self.changes.push(change(field, from, to));
    }
}

/// An address by its code, or by its id if it has none.
fn name(id: AddressId, content: &AddressContent) -> String {
    content.code.as_ref().map_or_else(|| id.to_string(), AddressCode::to_string)
}

//! References as the engines with SQL find them: by the number of their folded key, then by their texts.

use directory::{ExternalReference, GroupId, LookupKey, Needs, ReferenceKey, Snapshot, Source};

/// How many similar references a record is told about.
const MOST_SIMILAR: usize = 3;

/// A reference of a row.
pub(crate) struct RowReference<'r> {
    pub(crate) source: &'r str,
    pub(crate) key: &'r str,
}

/// Texts that rows share with each other or with the question: they are shared in memory too.
#[derive(Default)]
pub(crate) struct SharedTexts {
    last_source: Option<Source>,
}

impl SharedTexts {
    /// The reference, without a copy of a text that is known already. `asked` is a key that it may have.
    pub(crate) fn reference(
        &mut self,
        found: &RowReference<'_>,
        asked: Option<&ReferenceKey>,
    ) -> ExternalReference {
        let key = match asked {
            Some(asked) if asked.as_str() == found.key => asked.clone(),
            _ => ReferenceKey::from_stored(found.key),
        };
        let source = match &self.last_source {
            Some(last) if last.as_str() == found.source => last.clone(),
            _ => self.last_source.insert(Source::from_stored(found.source)).clone(),
        };
        ExternalReference { source, key }
    }
}

/// Whether a key means the group with this reference.
pub(crate) fn is_meant(lookup: &LookupKey, found: &RowReference<'_>) -> bool {
    match lookup {
        LookupKey::Key(key) => key.as_str() == found.key,
        LookupKey::Reference(ExternalReference { source, key }) => {
            key.as_str() == found.key && source.as_str() == found.source
        }
        LookupKey::Id(_) | LookupKey::New => false,
    }
}

/// Whose key is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// A record's own: what is like it is wanted too.
    Record,
    /// Another group's that a record speaks of.
    Other,
}

impl Whose {
    pub(crate) fn of(key: &LookupKey, needs: &Needs<'_>) -> Self {
        if needs.own_keys.contains(key) { Self::Record } else { Self::Other }
    }
}

/// What one probe found.
#[derive(Default)]
pub(crate) struct Probed {
    /// The groups that the key means.
    pub(crate) ids: Vec<GroupId>,
    similar: Vec<ExternalReference>,
}

impl Probed {
    /// Keeps a reference that differs from the key, but not by its folded form. Equal numbers alone say
    /// nothing: hashes may collide.
    pub(crate) fn consider(
        &mut self,
        texts: &mut SharedTexts,
        key: &ReferenceKey,
        reference: &RowReference<'_>,
    ) {
        if reference.key == key.as_str() {
            return;
        }
        let reference = texts.reference(reference, None);
        if reference.key.folded() == key.folded() {
            self.similar.push(reference);
        }
    }

    /// Puts it into a snapshot: similar references for keys that records are known by and that mean nothing.
    pub(crate) fn enter(mut self, lookup: &LookupKey, whose: Whose, seen: &mut Snapshot) {
        if !self.ids.is_empty() {
            self.ids.sort_unstable();
            self.ids.dedup();
            seen.matches.insert(lookup.clone(), self.ids);
        } else if !self.similar.is_empty() && whose == Whose::Record {
            self.similar.sort_unstable();
            self.similar.truncate(MOST_SIMILAR);
            seen.similar.insert(lookup.clone(), self.similar);
        }
    }
}

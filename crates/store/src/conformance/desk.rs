//! What the cases say things with. The only place of the suite that knows the contract's callbacks.

use std::sync::mpsc::{Receiver, channel};

use directory::write::Content;
use directory::{
    ExternalReference, Filter, Group, GroupId, HierarchyNeeds, IdOrigin, LookupKey, Name, Needs, Page, Reach,
    ReferenceKey, Snapshot, Source, TenantId, Timestamp, Write,
};

use super::TestStore;
use crate::{Reader, Store, StoreError, Transaction, Turn};

/// A store under test.
pub struct Desk {
    test: TestStore,
}

impl Desk {
    /// A desk in front of this store.
    pub fn new(test: TestStore) -> Self {
        Self { test }
    }

    /// The store itself.
    pub fn store(&self) -> &dyn Store {
        &*self.test.store
    }

    /// Runs a write and waits for its fate.
    ///
    /// # Panics
    /// When its fate is never told.
    pub fn write<T: Send + 'static>(
        &self,
        job: impl FnMut(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_for(Turn::Common, job)
    }

    /// The same in this turn.
    ///
    /// # Panics
    /// When its fate is never told.
    pub fn write_for<T: Send + 'static>(
        &self,
        turn: Turn,
        job: impl FnMut(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(turn, job)?.recv().expect("every job that was taken is told its fate")
    }

    /// Queues a write; its fate comes later.
    ///
    /// # Panics
    /// When a job is told to have succeeded that never ran.
    pub fn submit<T: Send + 'static>(
        &self,
        turn: Turn,
        mut job: impl FnMut(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Receiver<Result<T, StoreError>>, StoreError> {
        let (tell, told) = channel();
        let (keep, kept) = channel();
        let job = move |tx: &mut dyn Transaction| {
            let value = job(tx)?;
            // It may run more than once; the last value counts.
            keep.send(value).map_err(|_| StoreError::Internal("nobody waits".to_owned()))
        };
        let done = move |fate: Result<(), StoreError>| {
            let value = fate.map(|()| kept.try_iter().last().expect("a job that succeeded has a value"));
            // Who does not wait does not want to know.
            drop(tell.send(value));
        };
        self.store().write(turn, Box::new(job), Box::new(done))?;
        Ok(told)
    }

    /// Reads.
    ///
    /// # Panics
    /// When the store cannot read.
    pub fn read<T>(&self, job: impl FnMut(&mut dyn Reader) -> Result<T, StoreError>) -> T {
        crate::read(self.store(), job).expect("the store reads")
    }

    /// Adds a tenant.
    ///
    /// # Panics
    /// When it is there already.
    pub fn tenant(&self, name: &'static str) -> TenantId {
        let tenant = self.write(move |tx| tx.create_tenant(name, Timestamp(1)));
        tenant.expect("the store writes").expect("a new tenant").id
    }

    /// Applies writes at this time.
    pub fn apply(&self, tenant: TenantId, at: i64, writes: &[Write]) -> Result<i64, StoreError> {
        let writes = writes.to_vec();
        self.write_for(Turn::Of(tenant), move |tx| tx.apply(tenant, &writes, Timestamp(at), None))
    }

    /// Archives groups at this time.
    ///
    /// # Panics
    /// When the store does not write.
    pub fn archive(&self, tenant: TenantId, at: i64, ids: &[i64]) -> i64 {
        let archive = |number: &i64| Write::Archive { id: id(*number), reach: Reach::Itself };
        self.apply(tenant, at, &ids.iter().map(archive).collect::<Vec<_>>()).expect("the store writes")
    }

    /// Looks for these keys as a batch with records of these keys does.
    pub fn load(&self, tenant: TenantId, keys: &[LookupKey]) -> Snapshot {
        let needs = Needs {
            keys: keys.to_vec(),
            own_keys: keys.iter().cloned().collect(),
            fresh_ids: keys.len(),
            ..Needs::default()
        };
        self.read(|reader| reader.load(tenant, &needs))
    }

    /// Looks at the tree above the first and below the second groups.
    pub fn hierarchy(&self, tenant: TenantId, above: &[i64], below: &[i64]) -> Snapshot {
        let ids = |numbers: &[i64]| numbers.iter().copied().map(id).collect();
        let needs =
            HierarchyNeeds { ancestors_of: ids(above), heights_of: ids(below), ..HierarchyNeeds::default() };
        self.read(|reader| {
            let mut seen = Snapshot::default();
            reader.load_hierarchy(tenant, &needs, &mut seen)?;
            Ok(seen)
        })
    }

    /// Every living group.
    pub fn all(&self, tenant: TenantId) -> Vec<Group> {
        let page = Page { after: None, limit: 1000 };
        self.read(|reader| reader.list(tenant, &Filter::default(), page))
            .views
            .into_iter()
            .map(|view| view.group)
            .collect()
    }

    /// The ids of every living group.
    pub fn ids(&self, tenant: TenantId) -> Vec<i64> {
        self.all(tenant).iter().map(|group| group.id.get()).collect()
    }
}

/// The key of this text, whatever source it is in.
///
/// # Panics
/// When the text is no key.
pub fn key(text: &str) -> LookupKey {
    LookupKey::Key(ReferenceKey::parse(text).expect("a good key"))
}

/// The reference of this source, which may be empty, and key.
///
/// # Panics
/// When the texts are no reference.
pub fn reference(source: &str, key: &str) -> ExternalReference {
    let source =
        if source.is_empty() { Source::unnamed() } else { Source::parse(source).expect("a good source") };
    ExternalReference { source, key: ReferenceKey::parse(key).expect("a good key") }
}

pub(crate) fn id(number: i64) -> GroupId {
    GroupId::new(number).expect("a good id")
}

pub(crate) fn content(name: &str, parent: Option<i64>) -> Content {
    Content {
        name: Name::from_stored(name),
        description: None,
        parent: parent.map(id),
        photo_url: None,
        details: None,
    }
}

/// A create with an assigned id.
pub(crate) fn create(number: i64, references: &[(&str, &str)]) -> Write {
    let references = references.iter().map(|(source, key)| reference(source, key)).collect();
    Write::Create {
        id: id(number),
        id_origin: IdOrigin::Assigned,
        references,
        content: content("name", None),
        values: Vec::new(),
        addresses: Vec::new(),
    }
}

/// A create with an id of the caller's.
pub(crate) fn give(number: i64) -> Write {
    let content = content("name", None);
    Write::Create {
        id: id(number),
        id_origin: IdOrigin::Given,
        references: Vec::new(),
        content,
        values: Vec::new(),
        addresses: Vec::new(),
    }
}

/// A create without a reference, below a parent.
pub(super) fn below(parent: i64, number: i64) -> Write {
    let content = content("name", Some(parent));
    Write::Create {
        id: id(number),
        id_origin: IdOrigin::Assigned,
        references: Vec::new(),
        content,
        values: Vec::new(),
        addresses: Vec::new(),
    }
}

/// An update of name and parent.
pub(super) fn update(number: i64, name: &str, parent: Option<i64>) -> Write {
    Write::Update {
        id: id(number),
        first: None,
        content: content(name, parent),
        reference: None,
        added: Vec::new(),
        values: Vec::new(),
        addresses: Vec::new(),
    }
}

/// An update that replaces a reference.
pub(crate) fn rename(number: i64, from: (&str, &str), to: (&str, &str)) -> Write {
    let reference = Some((reference(from.0, from.1), reference(to.0, to.1)));
    Write::Update {
        id: id(number),
        first: None,
        content: content("name", None),
        reference,
        added: Vec::new(),
        values: Vec::new(),
        addresses: Vec::new(),
    }
}

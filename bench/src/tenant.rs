//! A tenant of a given size on an embedded store of its own.

use directory::write::Content;
use directory::{
    ExternalReference, GroupId, IdOrigin, LookupKey, Name, ReferenceKey, Source, TenantId, Timestamp, Write,
};
use store::{Options, Purpose, Reader, Store, StoreError};
use tempfile::TempDir;

/// The name of every group.
pub(crate) const NAME: &str = "A group of some length, as names are";
/// Children of each group.
const FAN_OUT: usize = 10;
/// Groups written by one transaction.
const CHUNK: usize = 10_000;

/// A store with one tenant: a tree with a fan-out of ten, in the order of numbers from the root 0 on.
pub(crate) struct Filled {
    pub(crate) tenant: TenantId,
    pub(crate) groups: usize,
    store: Box<dyn Store>,
    _directory: TempDir,
}

impl Filled {
    pub(crate) fn new(groups: usize) -> anyhow::Result<Self> {
        let directory = TempDir::new()?;
        let store = store::open(directory.path(), &Options::new(Purpose::Serve))?;
        let tenant = store::write(&*store, |transaction| {
            let tenant = transaction.create_tenant("bench", Timestamp(0))?;
            tenant.map(|tenant| tenant.id).ok_or_else(|| StoreError::Conflict("bench".into()))
        })?;
        let filled = Self { tenant, groups, store, _directory: directory };
        for start in (0..groups).step_by(CHUNK) {
            let writes: Vec<Write> = (start..groups.min(start + CHUNK)).map(Self::create).collect();
            store::write(&*filled.store, move |transaction| {
                transaction.apply(tenant, &writes, Timestamp(0), None)
            })?;
        }
        Ok(filled)
    }

    pub(crate) fn read<T>(
        &self,
        job: impl FnMut(&mut dyn Reader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        store::read(&*self.store, job)
    }

    /// The number of the parent of a group.
    pub(crate) fn parent(number: usize) -> Option<usize> {
        number.checked_sub(1).map(|number| number / FAN_OUT)
    }

    /// Numbers are spread, so that neighbours in the tree are not neighbours in an index of keys.
    pub(crate) fn key(number: usize) -> LookupKey {
        key(&format!("{:x}-{number}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40))
    }

    fn create(number: usize) -> Write {
        let LookupKey::Key(key) = Self::key(number) else { unreachable!("keys are made by key()") };
        Write::Create {
            id: id(number),
            id_origin: IdOrigin::Assigned,
            references: vec![ExternalReference { source: Source::unnamed(), key }],
            content: Content {
                name: Name::from_stored(NAME),
                description: None,
                parent: Self::parent(number).map(id),
                photo_url: None,
                details: None,
            },
            values: Vec::new(),
            addresses: Vec::new(),
        }
    }
}

pub(crate) fn key(text: &str) -> LookupKey {
    LookupKey::Key(ReferenceKey::from_stored(text))
}

fn id(number: usize) -> GroupId {
    i64::try_from(number + 1).ok().and_then(GroupId::new).unwrap_or(GroupId::MAX)
}

//! A tenant of a given size on an embedded store of its own.

use std::sync::mpsc;

use directory::write::Content;
use directory::{
    ExternalReference, GroupId, IdOrigin, LookupKey, Name, ReferenceKey, Source, TenantId, Timestamp, Write,
};
use store::{Options, Purpose, ReadJob, Store, StoreError, Transaction};
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
        let tenant = write(&*store, |transaction| {
            let tenant = transaction.create_tenant("bench", Timestamp(0))?;
            tenant.map(|tenant| tenant.id).ok_or_else(|| StoreError::Conflict("bench".into()))
        })?;
        let filled = Self { tenant, groups, store, _directory: directory };
        for start in (0..groups).step_by(CHUNK) {
            let writes: Vec<Write> =
                (start..groups.min(start + CHUNK)).map(|number| filled.create(number)).collect();
            write(&*filled.store, move |transaction| transaction.apply(tenant, &writes, Timestamp(0)))?;
        }
        Ok(filled)
    }

    pub(crate) fn read(&self, job: ReadJob<'_>) -> Result<(), StoreError> {
        self.store.read(job)
    }

    /// The number of the parent of a group.
    pub(crate) fn parent(number: usize) -> Option<usize> {
        number.checked_sub(1).map(|number| number / FAN_OUT)
    }

    /// Numbers are spread, so that neighbours in the tree are not neighbours in an index of keys.
    pub(crate) fn key(&self, number: usize) -> LookupKey {
        key(&format!("{:x}-{number}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40))
    }

    fn create(&self, number: usize) -> Write {
        let LookupKey::Key(key) = self.key(number) else { unreachable!("keys are made by key()") };
        Write::Create {
            id: id(number),
            id_origin: IdOrigin::Assigned,
            references: vec![ExternalReference { source: Source::unnamed(), key }],
            content: Content {
                name: Name::from_stored(NAME),
                description: None,
                parent: Self::parent(number).map(id),
                photo_url: None,
            },
        }
    }
}

pub(crate) fn key(text: &str) -> LookupKey {
    LookupKey::Key(ReferenceKey::from_stored(text))
}

fn id(number: usize) -> GroupId {
    i64::try_from(number + 1).ok().and_then(GroupId::new).unwrap_or(GroupId::MAX)
}

fn write<T: Send + 'static>(
    store: &dyn Store,
    mut job: impl FnMut(&mut dyn Transaction) -> Result<T, StoreError> + Send + 'static,
) -> anyhow::Result<T> {
    let (answers, answer) = mpsc::channel();
    let (done, fate) = mpsc::channel();
    store.write(
        Box::new(move |transaction| {
            drop(answers.send(job(transaction)?));
            Ok(())
        }),
        Box::new(move |result| drop(done.send(result))),
    )?;
    fate.recv()??;
    Ok(answer.try_iter().last().ok_or_else(|| anyhow::anyhow!("the job gave no answer"))?)
}

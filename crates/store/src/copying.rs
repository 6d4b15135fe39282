//! The copy of a whole directory into an empty store, whatever engines the two are.
//!
//! How far it is lies in the target, in the transactions that bring it there: a copy that ended at any moment is
//! taken up again by the same call. Each tenant is copied portion by portion, and then both stores are read to the
//! end and their digests compared. Where these differ, the source was written to meanwhile: portions are compared
//! one by one, and those that differ are put again.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use directory::TenantId;

use crate::digest::{Digested, digest};
use crate::moving::{Item, ItemPlace, Portion, PortionSize};
use crate::{Store, StoreError, Tenant, Transaction, Turn, read, write, write_for};

/// How often a tenant that does not come out equal is brought up to date before the copy gives up.
const ROUNDS: usize = 3;
/// The mark of a tenant of which every portion was put once.
const WHOLE: &str = "whole";

/// Where a copy is, for whoever waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'p> {
    /// The tenant that is being copied.
    pub tenant: &'p str,
    /// The number of this tenant, from 1.
    pub number: usize,
    /// How many tenants there are.
    pub tenants: usize,
    /// What is being done with it.
    pub phase: Phase,
    /// How many items of the tenant this phase has seen so far.
    pub items: u64,
}

/// What is being done with a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It is read from the source and put into the target.
    Copying,
    /// Both stores are read and their digests compared.
    Checking,
    /// What has changed in the source meanwhile is put again.
    Mending,
}

/// Told after each portion; [`ControlFlow::Break`] stops the copy, which can be taken up again.
pub type Watch<'w> = &'w mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>;

/// Why a copy was not made, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The source cannot be read.
    #[error("the store to copy from: {0}")]
    Source(StoreError),
    /// The target cannot be read or written.
    #[error("the store to copy to: {0}")]
    Target(StoreError),
    /// The source is itself a copy that was never finished.
    #[error(
        "the store to copy from is itself a copy that was never finished (from {0}): finish that one first, by the \
         command that began it"
    )]
    Unfinished(String),
    /// The target holds a directory already.
    #[error(
        "the store to copy to is not empty: it holds {0} tenant(s). A copy takes an empty store, so that it can \
         overwrite nothing: name a new data directory or an empty database"
    )]
    NotEmpty(usize),
    /// The target holds an unfinished copy of another directory.
    #[error(
        "the store to copy to holds an unfinished copy of another directory (from {from}): the tenant {tenant:?} in \
         it is not in the store to copy from. Run the command that began it, or name an empty store"
    )]
    Other {
        /// Of what, as it was named then.
        from: String,
        /// A tenant that the source does not have.
        tenant: String,
    },
    /// The source was written to all the time.
    #[error(
        "the store to copy from was written to while it was copied (tenant {0:?}): the copy is not of one moment and \
         cannot be served yet. Stop the server that writes there, then run the same command again: only what \
         has changed is copied"
    )]
    Moved(String),
    /// Whoever watched it stopped it.
    #[error("stopped; run the same command again to go on where it stopped")]
    Stopped,
}

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The tenants, in order of ids.
    pub tenants: Vec<Digested>,
    /// Whether a copy was taken up that an earlier call had begun.
    pub is_resumed: bool,
}

/// Copies everything that one store holds into another one, which is empty or holds a part of this copy. Both
/// hold the same when it returns: their digests were compared. `name` is what the source is called in messages;
/// it is kept in the target while the copy is under way.
pub fn copy(
    from: &dyn Store,
    to: &dyn Store,
    name: &str,
    most: PortionSize,
    watch: Watch<'_>,
) -> Result<Copied, CopyError> {
    if let Some(of) = read(from, |reader| reader.copy_mark(None)).map_err(CopyError::Source)? {
        return Err(CopyError::Unfinished(of));
    }
    let tenants = tenants(from).map_err(CopyError::Source)?;
    let is_resumed = begin(to, name, &tenants)?;
    let mut copied = Vec::with_capacity(tenants.len());
    for (tenant, number) in tenants.iter().zip(1..) {
        let place = Progress {
            tenant: &tenant.name,
            number,
            tenants: tenants.len(),
            phase: Phase::Copying,
            items: 0,
        };
        copied.push(Copying { from, to, most, tenant: tenant.id, place, watch }.run()?);
    }
    finish(from, to)?;
    Ok(Copied { tenants: copied, is_resumed })
}

/// From what a store is being copied, if that is not finished: nobody may serve it or write to it.
pub fn unfinished(store: &dyn Store) -> Result<Option<String>, StoreError> {
    read(store, |reader| reader.copy_mark(None))
}

/// In order of ids.
fn tenants(store: &dyn Store) -> Result<Vec<Tenant>, StoreError> {
    let mut tenants = read(store, |reader| reader.tenants())?;
    tenants.sort_by_key(|tenant| tenant.id);
    Ok(tenants)
}

/// Marks the target as one that is being copied into, or finds that it is one.
fn begin(to: &dyn Store, name: &str, tenants: &[Tenant]) -> Result<bool, CopyError> {
    let name = name.to_owned();
    let (mark, found) = write(to, move |transaction| {
        let (mark, found) = (transaction.copy_mark(None)?, transaction.tenants()?);
        if mark.is_none() && found.is_empty() {
            transaction.set_copy_mark(None, Some(&name))?;
        }
        Ok((mark, found))
    })
    .map_err(CopyError::Target)?;
    let Some(from) = mark else {
        return if found.is_empty() { Ok(false) } else { Err(CopyError::NotEmpty(found.len())) };
    };
    let same =
        |tenant: &Tenant| tenants.iter().any(|known| (known.id, &known.name) == (tenant.id, &tenant.name));
    match found.into_iter().find(|tenant| !same(tenant)) {
        None => Ok(true),
        Some(tenant) => Err(CopyError::Other { from, tenant: tenant.name }),
    }
}

/// Both have the same tenants at the same revisions: the target is whole from now on. The mark of all goes last.
fn finish(from: &dyn Store, to: &dyn Store) -> Result<(), CopyError> {
    let source = tenants(from).map_err(CopyError::Source)?;
    let target = tenants(to).map_err(CopyError::Target)?;
    if let Some(moved) = source.iter().find(|tenant| !target.contains(tenant)) {
        return Err(CopyError::Moved(moved.name.clone()));
    }
    let forget = |of| write(to, move |transaction| transaction.set_copy_mark(of, None));
    for tenant in target {
        forget(Some(tenant.id)).map_err(CopyError::Target)?;
    }
    forget(None).map_err(CopyError::Target)
}

/// The copy of one tenant.
struct Copying<'c, 'w> {
    from: &'c dyn Store,
    to: &'c dyn Store,
    most: PortionSize,
    tenant: TenantId,
    place: Progress<'c>,
    watch: &'w mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
}

impl Copying<'_, '_> {
    fn run(&mut self) -> Result<Digested, CopyError> {
        let tenant = self.tenant;
        let mark = read(self.to, |reader| reader.copy_mark(Some(tenant))).map_err(CopyError::Target)?;
        match mark.as_deref() {
            Some(WHOLE) => {}
            // A mark that is none begins anew: what is there is put again.
            other => self.fill(other.and_then(ItemPlace::from_stored))?,
        }
        for _ in 0..ROUNDS {
            if let Some(same) = self.compare()? {
                return Ok(same);
            }
            self.mend()?;
        }
        match self.compare()? {
            Some(same) => Ok(same),
            None => Err(CopyError::Moved(self.place.tenant.to_owned())),
        }
    }

    /// Puts everything behind a place. While one portion is written, the next one is read.
    fn fill(&mut self, mut after: Option<ItemPlace>) -> Result<(), CopyError> {
        self.enter(Phase::Copying);
        let mut under_way: Option<Fate> = None;
        loop {
            let portion = self.portion(after.as_ref())?;
            if let Some(fate) = under_way.take() {
                fate.wait()?;
            }
            let (items, until, tenant) = (portion.items.len(), portion.until(), self.tenant);
            let mark = until.as_ref().map_or_else(|| WHOLE.to_owned(), ItemPlace::to_stored);
            let fate = submit(self.to, Turn::Of(tenant), move |transaction| {
                transaction.put(&portion)?;
                transaction.set_copy_mark(Some(tenant), Some(&mark))
            })?;
            if until.is_none() {
                fate.wait()?;
                return self.tell(items);
            }
            (after, under_way) = (until, Some(fate));
            self.tell(items)?;
        }
    }

    /// What both hold, if it is the same.
    fn compare(&mut self) -> Result<Option<Digested>, CopyError> {
        self.enter(Phase::Checking);
        let (from, to, tenant, most) = (self.from, self.to, self.tenant, self.most);
        let mut is_stopped = false;
        let (source, target) = thread::scope(|scope| {
            let target = scope.spawn(move || digest(to, tenant, most, &mut |_| ()));
            let source = digest(from, tenant, most, &mut |items| is_stopped |= self.tell(items).is_err());
            let target = target.join().unwrap_or_else(|_| Err(StoreError::Internal("a panic".to_owned())));
            (source, target)
        });
        let source = source.map_err(CopyError::Source)?;
        let target = target.map_err(CopyError::Target)?;
        if is_stopped {
            return Err(CopyError::Stopped);
        }
        Ok(source.filter(|source| target.is_some_and(|target| target.digest == source.digest)))
    }

    /// Puts the portions that differ once more.
    fn mend(&mut self) -> Result<(), CopyError> {
        self.enter(Phase::Mending);
        let mut after = None;
        loop {
            let portion = self.portion(after.as_ref())?;
            let (tenant, most) = (self.tenant, self.most);
            let there = read(self.to, |reader| reader.portion(tenant, after.as_ref(), most));
            let there = there.map_err(CopyError::Target)?;
            let (items, until) = (portion.items.len(), portion.until());
            if !there.is_some_and(|there| is_same(&portion, &there)) {
                let put = write_for(self.to, Turn::Of(tenant), move |transaction| transaction.put(&portion));
                put.map_err(CopyError::Target)?;
            }
            self.tell(items)?;
            after = until;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn portion(&self, after: Option<&ItemPlace>) -> Result<Portion, CopyError> {
        let (tenant, most) = (self.tenant, self.most);
        let portion = read(self.from, |reader| reader.portion(tenant, after, most));
        portion.map_err(CopyError::Source)?.ok_or_else(|| CopyError::Moved(self.place.tenant.to_owned()))
    }

    fn enter(&mut self, phase: Phase) {
        (self.place.phase, self.place.items) = (phase, 0);
    }

    fn tell(&mut self, items: usize) -> Result<(), CopyError> {
        self.place.items += items as u64;
        match (self.watch)(&self.place) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(CopyError::Stopped),
        }
    }
}

/// Whether the target holds what the source's portion holds, and nothing else in its interval.
fn is_same(portion: &Portion, there: &Portion) -> bool {
    let inside = |item: &&Item| portion.covers(&item.place());
    let is_cut = there.more && portion.until().is_none();
    portion.head == there.head && !is_cut && there.items.iter().filter(inside).eq(&portion.items)
}

/// A write that is under way.
struct Fate(Receiver<Result<(), StoreError>>);

impl Fate {
    fn wait(self) -> Result<(), CopyError> {
        let silent = || StoreError::OutcomeUnknown("the writer ended without an answer".to_owned());
        self.0.recv().unwrap_or_else(|_| Err(silent())).map_err(CopyError::Target)
    }
}

fn submit(
    store: &dyn Store,
    turn: Turn,
    job: impl FnMut(&mut dyn Transaction) -> Result<(), StoreError> + Send + 'static,
) -> Result<Fate, CopyError> {
    let (tell, told) = channel();
    // Who does not wait any more does not want to know.
    let done = move |fate| drop(tell.send(fate));
    store.write(turn, Box::new(job), Box::new(done)).map_err(CopyError::Target)?;
    Ok(Fate(told))
}

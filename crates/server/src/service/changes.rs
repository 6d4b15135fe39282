//! The feed of changes: read in pages, and followed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use directory::{ChangePlace, Changes, TenantId};
use store::{Store, StoreError};
use tokio::sync::watch;

use super::Service;
use crate::auth::{self, Principal};

/// What somebody who follows the changes is told.
#[derive(Debug)]
pub(crate) enum Followed {
    /// The next page, which may be empty.
    Changes(Changes),
    /// The place lies above the tenant's revision.
    Ahead,
    /// The key or token is no longer good.
    Revoked,
}

/// Changes when there may be something new.
pub(crate) type Hint = watch::Receiver<()>;

impl Service {
    /// One page of the changes behind a place; `None` if that lies above the tenant's revision.
    pub(crate) fn changes(
        &self,
        tenant: TenantId,
        after: ChangePlace,
        limit: usize,
    ) -> Result<Option<Changes>, StoreError> {
        let changes = self.read(|reader| reader.changes(tenant, after, limit))?;
        // Asked after reading: a place in the feed acknowledges everything before it.
        self.store.check()?;
        Ok(changes)
    }

    /// The same for somebody who has been let in a while ago.
    pub(crate) fn follow(
        &self,
        principal: &Principal,
        after: ChangePlace,
        limit: usize,
    ) -> Result<Followed, StoreError> {
        let now = self.clock.now();
        let followed = self.read(|reader| {
            if !auth::holds(reader, principal, now)? {
                return Ok(Followed::Revoked);
            }
            let changes = reader.changes(principal.tenant, after, limit)?;
            Ok(changes.map_or(Followed::Ahead, Followed::Changes))
        })?;
        self.store.check()?;
        Ok(followed)
    }

    /// A hint for those who follow a tenant's changes. Only a hint: what another process writes gives none, or one
    /// that may get lost.
    pub(crate) fn hint(&self, tenant: TenantId) -> Hint {
        self.wakes.subscribe(tenant)
    }
}

/// Who is to be woken when a tenant was written to.
#[derive(Debug, Default)]
pub(super) struct Wakes(Mutex<HashMap<TenantId, watch::Sender<()>>>);

impl Wakes {
    /// Those that are also woken where another server of the same store tells it.
    pub(super) fn of(store: &dyn Store) -> Arc<Self> {
        let wakes = Arc::new(Self::default());
        let told = Arc::clone(&wakes);
        store.watch(Box::new(move |tenant| told.wake(tenant)));
        wakes
    }

    fn subscribe(&self, tenant: TenantId) -> Hint {
        let mut tenants = self.lock();
        tenants.retain(|_, sender| sender.receiver_count() > 0);
        tenants.entry(tenant).or_insert_with(|| watch::channel(()).0).subscribe()
    }

    pub(super) fn wake(&self, tenant: TenantId) {
        if let Some(sender) = self.lock().get(&tenant) {
            sender.send_replace(());
        }
    }

    /// Every change of the map is complete.
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use store::{Done, ReadJob, Told, Turn, WriteJob};

    use super::*;

    /// A store that others write to, which tells of it.
    #[derive(Default)]
    struct Elsewhere(Mutex<Option<Told>>);

    impl Store for Elsewhere {
        fn read(&self, _: ReadJob<'_>) -> Result<(), StoreError> {
            Err(StoreError::Overloaded)
        }

        fn write(&self, _: Turn, _: WriteJob, _: Done) -> Result<(), StoreError> {
            Err(StoreError::Overloaded)
        }

        fn check(&self) -> Result<(), StoreError> {
            Ok(())
        }

        fn close(&self) {}

        fn watch(&self, told: Told) {
            *self.0.lock().unwrap() = Some(told);
        }
    }

    #[test]
    fn who_follows_is_woken_by_what_other_servers_write() {
        let store = Elsewhere::default();
        let wakes = Wakes::of(&store);
        let (one, other) = (wakes.subscribe(TenantId(1)), wakes.subscribe(TenantId(2)));
        store.0.lock().unwrap().as_ref().unwrap()(TenantId(1));
        assert_eq!((one.has_changed().unwrap(), other.has_changed().unwrap()), (true, false));
    }

    #[test]
    fn only_who_follows_the_tenant_is_woken_and_nobody_is_kept() {
        let wakes = Wakes::default();
        let (one, other) = (wakes.subscribe(TenantId(1)), wakes.subscribe(TenantId(2)));
        let mut late = wakes.subscribe(TenantId(1));
        late.mark_unchanged();
        wakes.wake(TenantId(1));
        wakes.wake(TenantId(3));
        let woken = |hint: &Hint| hint.has_changed().unwrap();
        assert_eq!((woken(&one), woken(&late), woken(&other)), (true, true, false));
        late.mark_unchanged();
        wakes.wake(TenantId(1));
        assert!(woken(&late));
        drop((one, late));
        drop(wakes.subscribe(TenantId(2)));
        assert_eq!(wakes.lock().keys().copied().collect::<Vec<_>>(), [TenantId(2)]);
    }
}

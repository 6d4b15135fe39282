//! Limits that several servers share: a server takes a block of a key's limit from the store, and spends it alone.
//!
//! What is not spent soon goes back with the next block. Where the store does not answer soon, each server counts
//! for itself: a limit is no reason to refuse what could be done (decision 17).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use directory::TenantId;
use store::{Claim, Lease, Metered, StoreError};
use tokio::time::Instant;

use super::{Bucket, KEYS, lock, time_for};

/// A block is this part of what a minute lets through: it flows in within three seconds.
const BLOCKS: u32 = 20;
/// How long a block may be spent. It is what this server alone can let through beyond the limit.
const GOOD_FOR: Duration = Duration::from_secs(5);
/// How long the store is not asked again where nothing was left: a tenth of a second at least, so that whoever goes
/// on asking costs little.
const SHORTEST_REFUSAL: Duration = Duration::from_millis(100);
const LONGEST_REFUSAL: Duration = Duration::from_secs(1);
/// How long the store is not asked after it has not answered.
const AWAY: Duration = Duration::from_secs(1);

/// Where blocks come from. Answers soon, or fails.
pub(crate) type Lessor = Box<dyn Fn(&Claim<'_>) -> Result<Lease, StoreError> + Send + Sync>;

/// What a caller wants of a key's limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Want<'a> {
    pub(super) tenant: TenantId,
    pub(super) key_id: &'a str,
    pub(super) metered: Metered,
    pub(super) limit: u32,
    pub(super) count: u32,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    /// It may go on.
    Taken,
    /// Not before this time has passed.
    Refused(Duration),
    /// A block has to be leased first.
    NothingHere,
    /// The store does not answer.
    Away,
}

/// The blocks of all keys.
pub(super) struct Leases {
    lessor: Lessor,
    keys: Mutex<Accounts>,
    /// Until when the store is not asked.
    away: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Accounts {
    map: HashMap<String, Arc<Account>>,
    /// With how many those are thrown away that tell nothing.
    sweep_at: usize,
}

/// What there is of a key's limits.
#[derive(Default)]
struct Account {
    requests: Share,
    records: Share,
}

/// What there is of one limit.
#[derive(Default)]
struct Share {
    held: Mutex<Held>,
    /// Held by who leases a block: the others want what is left of it.
    leasing: Mutex<()>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Held {
    /// What is left of the block.
    units: u32,
    until: Option<Instant>,
    /// What all servers have left, when it was last told.
    level: Bucket,
    /// So many were refused, and are until then.
    refused: Option<(u32, Instant)>,
}

impl Leases {
    pub(super) fn new(lessor: Lessor) -> Self {
        Self { lessor, keys: Mutex::default(), away: Mutex::default() }
    }

    /// Spends what is here. Does not wait.
    pub(super) fn spend(&self, want: &Want<'_>) -> Spent {
        let now = Instant::now();
        match lock(&self.account(want.key_id).share(want.metered).held).spend(want, now) {
            Spent::NothingHere if self.is_away(now) => Spent::Away,
            spent => spent,
        }
    }

    /// The same, and leases a block where it has to. To be called where threads may wait.
    pub(super) fn spend_or_lease(&self, want: &Want<'_>) -> Spent {
        let account = self.account(want.key_id);
        let share = account.share(want.metered);
        let _leasing = lock(&share.leasing);
        match self.spend(want) {
            Spent::NothingHere => {}
            spent => return spent,
        }
        let back = std::mem::take(&mut lock(&share.held).units);
        let leased = (self.lessor)(&Claim {
            tenant: want.tenant,
            key_id: want.key_id,
            metered: want.metered,
            limit: want.limit,
            least: want.count,
            most: want.count.max(want.limit / BLOCKS),
            back,
        });
        let now = Instant::now();
        match leased {
            Ok(lease) => lock(&share.held).take_up(want, lease, now),
            Err(error) => {
                if lock(&self.away).replace(now + AWAY).is_none() {
                    tracing::warn!(%error, "limits are counted by this server alone: the store does not answer");
                }
                return Spent::Away;
            }
        }
        if lock(&self.away).take().is_some() {
            tracing::info!("limits are shared with other servers again");
        }
        lock(&share.held).spend(want, now)
    }

    /// What is left of a limit for all servers, as far as it is known here; `None` where nothing is.
    pub(super) fn level(&self, key_id: &str, metered: Metered, limit: u32) -> Option<Bucket> {
        if self.is_away(Instant::now()) {
            return None;
        }
        let account = Arc::clone(lock(&self.keys).map.get(key_id)?);
        let Held { units, level, .. } = *lock(&account.share(metered).held);
        Some(level.with_back(limit, units))
    }

    fn is_away(&self, now: Instant) -> bool {
        lock(&self.away).is_some_and(|until| now < until)
    }

    fn account(&self, key_id: &str) -> Arc<Account> {
        let mut keys = lock(&self.keys);
        if let Some(account) = keys.map.get(key_id) {
            return Arc::clone(account);
        }
        if keys.map.len() >= keys.sweep_at.max(KEYS) {
            let now = Instant::now();
            keys.map.retain(|_, account| Arc::strong_count(account) > 1 || !account.is_idle(now));
            keys.sweep_at = 2 * keys.map.len();
        }
        Arc::clone(keys.map.entry(key_id.to_owned()).or_default())
    }
}

impl Account {
    const fn share(&self, metered: Metered) -> &Share {
        match metered {
            Metered::Requests => &self.requests,
            Metered::Records => &self.records,
        }
    }

    /// Whether it tells nothing: what it holds would be in a full bucket by now.
    fn is_idle(&self, now: Instant) -> bool {
        [&self.requests, &self.records].into_iter().all(|share| lock(&share.held).level.is_full(now))
    }
}

impl Held {
    fn spend(&mut self, want: &Want<'_>, now: Instant) -> Spent {
        if self.units >= want.count && self.until.is_some_and(|until| now < until) {
            self.units -= want.count;
            return Spent::Taken;
        }
        match self.refused {
            Some((count, until)) if want.count >= count && now < until => {
                Spent::Refused(self.level.wait_for(want.limit, want.count, now).unwrap_or(SHORTEST_REFUSAL))
            }
            _ => Spent::NothingHere,
        }
    }

    fn take_up(&mut self, want: &Want<'_>, lease: Lease, now: Instant) {
        self.units = lease.granted;
        self.until = Some(now + GOOD_FOR);
        self.level = Bucket(Some(now + lease.until_full));
        self.refused = (lease.granted < want.count).then(|| {
            let pause = self.level.wait_for(want.limit, want.count, now).unwrap_or_default();
            (want.count, now + pause.clamp(SHORTEST_REFUSAL, LONGEST_REFUSAL))
        });
    }
}

impl Bucket {
    /// With so many more in it.
    fn with_back(self, limit: u32, count: u32) -> Self {
        Self(self.0.and_then(|full| full.checked_sub(time_for(limit, count))))
    }
}

#[cfg(test)]
mod tests;

//! How often an access key may ask, and for how many records (rules §10); and how often an address may
//! present a key that is none.
//!
//! Each limit is a bucket that holds a minute's worth and fills steadily (GCRA): a burst of the whole
//! minute is let through, then as much as flows in. A bucket is one moment, the one at which it will be
//! full again, so what is full need not be remembered.
//!
//! Our own and not the crate `governor`, which can tell what is left in a bucket only when something is
//! taken from it; the fields `RateLimit` are on answers that take nothing (`docs/decisions/0008`).

mod leases;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use faces::groups::{Rate, Refusal};
use store::Metered;
use tokio::time::Instant;

pub(crate) use self::leases::Lessor;
use self::leases::{Leases, Spent, Want};
use crate::auth::Principal;
use crate::metrics::count_limited;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What a bucket holds is allowed in this time.
const WINDOW: Duration = Duration::from_mins(1);
/// Refused keys of one address in a minute. More are answered without being looked up.
pub(super) const FAILURES_PER_MINUTE: u32 = 60;
/// Addresses with refused keys that are told apart; all others share one bucket.
const ADDRESSES: usize = 10_000;
/// How often, at most, those that are full are looked for.
const SWEEP: Duration = Duration::from_secs(1);
/// Buckets that are kept before those that are full are looked for.
const KEYS: usize = 1024;

/// The limits of every access key; `None` for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) requests: Option<u32>,
    pub(crate) records: Option<u32>,
}

/// Who has asked for how much.
pub(super) struct Rates {
    limits: Limits,
    keys: Mutex<Buckets<String, Key>>,
    failures: Mutex<Buckets<IpAddr, Bucket>>,
    /// Where other servers let through what belongs to the same limits.
    leases: Option<Leases>,
}

/// The buckets of one access key.
#[derive(Debug, Clone, Copy, Default)]
struct Key {
    requests: Bucket,
    records: Bucket,
}

impl Key {
    const fn bucket(&mut self, metered: Metered) -> &mut Bucket {
        match metered {
            Metered::Requests => &mut self.requests,
            Metered::Records => &mut self.records,
        }
    }
}

impl Rates {
    /// With blocks of the limits from there, where other servers share them.
    pub(super) fn new(limits: Limits, lessor: Option<Lessor>) -> Self {
        let leases = lessor.map(Leases::new);
        Self { limits, keys: Mutex::default(), failures: Mutex::default(), leases }
    }

    /// Counts a request of this key. Does not wait; `None` where a block has to be leased first.
    pub(super) fn count_request(&self, sender: &Principal) -> Option<Result<(), Refusal>> {
        self.count(sender, Metered::Requests, 1, Leases::spend)
    }

    /// The same, where threads may wait.
    pub(super) fn lease_request(&self, sender: &Principal) -> Result<(), Refusal> {
        self.count(sender, Metered::Requests, 1, Leases::spend_or_lease).unwrap_or(Ok(()))
    }

    /// Counts a request of this key by what this server alone has let through.
    pub(super) fn count_request_alone(&self, sender: &Principal) -> Result<(), Refusal> {
        let Some(limit) = self.limits.requests else { return Ok(()) };
        self.count_alone(&sender.key_id, Metered::Requests, limit, 1)
    }

    /// Counts the records of a batch, all or none. To be called where threads may wait.
    pub(super) fn count_records(&self, sender: &Principal, records: usize) -> Result<(), Refusal> {
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        self.count(sender, Metered::Records, records, Leases::spend_or_lease).unwrap_or(Ok(()))
    }

    fn count(
        &self,
        sender: &Principal,
        metered: Metered,
        count: u32,
        spend: impl Fn(&Leases, &Want<'_>) -> Spent,
    ) -> Option<Result<(), Refusal>> {
        let key_id = sender.key_id.as_str();
        let (limit, rate) = match metered {
            Metered::Requests => (self.limits.requests, Rate::Requests),
            Metered::Records => (self.limits.records, Rate::Records),
        };
        let Some(limit) = limit else {
            self.remember(key_id);
            return Some(Ok(()));
        };
        let want = Want { tenant: sender.tenant, key_id, metered, limit, count };
        match self.leases.as_ref().map_or(Spent::Away, |leases| spend(leases, &want)) {
            Spent::Away => Some(self.count_alone(key_id, metered, limit, count)),
            Spent::NothingHere => None,
            Spent::Refused(pause) => {
                self.remember(key_id);
                Some(Err(refused(rate, pause)))
            }
            Spent::Taken => {
                let mut keys = lock(&self.keys);
                keys.of(key_id, KEYS).bucket(metered).drain_if_there(limit, count, Instant::now());
                Some(Ok(()))
            }
        }
    }

    fn count_alone(&self, key_id: &str, metered: Metered, limit: u32, count: u32) -> Result<(), Refusal> {
        let rate = match metered {
            Metered::Requests => Rate::Requests,
            Metered::Records => Rate::Records,
        };
        let mut keys = lock(&self.keys);
        let taken = keys.of(key_id, KEYS).bucket(metered).take(limit, count, Instant::now());
        taken.map_err(|wait| refused(rate, wait))
    }

    /// This key is good.
    fn remember(&self, key_id: &str) {
        lock(&self.keys).of(key_id, KEYS);
    }

    /// Refuses keys from an address that has sent too many that are none, before they are looked up. A key
    /// that was good a moment ago is no guess, and goes on behind a proxy that others misuse.
    pub(super) fn check_failures(&self, peer: Option<IpAddr>, key_id: Option<&str>) -> Result<(), Refusal> {
        let failures = lock(&self.failures);
        let found = |peer| failures.map.get(&network(peer)).or_else(|| failures.map.get(&SHARED));
        let Some(bucket) = peer.and_then(found) else { return Ok(()) };
        let Some(wait) = bucket.wait_for(FAILURES_PER_MINUTE, 1, Instant::now()) else { return Ok(()) };
        drop(failures);
        if key_id.is_some_and(|key_id| lock(&self.keys).map.contains_key(key_id)) {
            return Ok(());
        }
        Err(refused(Rate::FailedAuthentications, wait))
    }

    /// Counts a key that is none.
    pub(super) fn count_failure(&self, peer: Option<IpAddr>) {
        let Some(peer) = peer else { return };
        let mut failures = lock(&self.failures);
        let known = failures.map.contains_key(&network(peer));
        let address = if known || failures.has_room(ADDRESSES) { network(peer) } else { SHARED };
        let bucket = failures.map.entry(address).or_default();
        // Several that were let in together may be more than there was left for.
        bucket.drain_if_there(FAILURES_PER_MINUTE, 1, Instant::now());
    }

    /// The fields that tell what is left (draft-ietf-httpapi-ratelimit-headers-11). The limit that refused
    /// the request says the same as `Retry-After`.
    pub(super) fn add_fields(&self, key_id: &str, refusal: Option<&Refusal>, headers: &mut HeaderMap) {
        let now = Instant::now();
        let key = lock(&self.keys).map.get(key_id).copied().unwrap_or_default();
        let (mut policy, mut left) = (String::new(), String::new());
        for (rate, metered, limit, bucket) in [
            (Rate::Requests, Metered::Requests, self.limits.requests, key.requests),
            (Rate::Records, Metered::Records, self.limits.records, key.records),
        ] {
            let Some(limit) = limit else { continue };
            let shared = self.leases.as_ref().and_then(|leases| leases.level(key_id, metered, limit));
            let bucket = shared.unwrap_or(bucket);
            let separator = if policy.is_empty() { "" } else { ", " };
            let name = rate.policy();
            let seconds = match refusal {
                Some(Refusal::RateLimited { rate: refused, seconds }) if *refused == rate => *seconds,
                _ => whole_seconds(bucket.until_full(now)),
            };
            let remaining = bucket.left(limit, now);
            write!(policy, "{separator}\"{name}\";q={limit};w={}", WINDOW.as_secs())
                .expect("a String takes every text");
            write!(left, "{separator}\"{name}\";r={remaining};t={seconds}")
                .expect("a String takes every text");
        }
        for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, left)] {
            if let (false, Ok(value)) = (value.is_empty(), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
    }
}

/// No panic happens while it is held, and every change is complete.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refused(rate: Rate, wait: Duration) -> Refusal {
    count_limited(rate.policy());
    Refusal::RateLimited { rate, seconds: whole_seconds(wait).max(1) }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// A moment's level, as the time at which the bucket is full again.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket(Option<Instant>);

impl Bucket {
    fn until_full(self, now: Instant) -> Duration {
        self.0.map_or(Duration::ZERO, |full| full.saturating_duration_since(now))
    }

    fn is_full(self, now: Instant) -> bool {
        self.until_full(now).is_zero()
    }

    /// What flows in meanwhile is not counted before it is there.
    fn left(self, limit: u32, now: Instant) -> u128 {
        let there = WINDOW.saturating_sub(self.until_full(now));
        there.as_nanos() * u128::from(limit) / WINDOW.as_nanos()
    }

    /// How long until so many can be taken; `None` if they can be taken now.
    fn wait_for(self, limit: u32, count: u32, now: Instant) -> Option<Duration> {
        (self.until_full(now) + time_for(limit, count)).checked_sub(WINDOW).filter(|wait| !wait.is_zero())
    }

    fn take(&mut self, limit: u32, count: u32, now: Instant) -> Result<(), Duration> {
        if let Some(wait) = self.wait_for(limit, count, now) {
            return Err(wait);
        }
        self.drain(limit, count, now);
        Ok(())
    }

    /// Takes so many if they are there.
    fn drain_if_there(&mut self, limit: u32, count: u32, now: Instant) {
        if self.wait_for(limit, count, now).is_none() {
            self.drain(limit, count, now);
        }
    }

    fn drain(&mut self, limit: u32, count: u32, now: Instant) {
        self.0 = Some(now + self.until_full(now) + time_for(limit, count));
    }
}

/// The time in which so many flow in.
fn time_for(limit: u32, count: u32) -> Duration {
    WINDOW * count / limit.max(1)
}

/// Whoever shares the bucket of those for whom there is no other.
const SHARED: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// What one client can choose its address from: one of IPv4, a network of IPv6.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !0 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// Something that is as good as forgotten once its buckets are full.
trait Forgettable: Copy + Default {
    fn is_full(self, now: Instant) -> bool;
}

impl Forgettable for Bucket {
    fn is_full(self, now: Instant) -> bool {
        Self::is_full(self, now)
    }
}

impl Forgettable for Key {
    fn is_full(self, now: Instant) -> bool {
        self.requests.is_full(now) && self.records.is_full(now)
    }
}

/// The buckets that are not full, and some that are.
struct Buckets<K, B> {
    map: HashMap<K, B>,
    /// With how many the full ones are thrown away.
    sweep_at: usize,
    /// When that was done last.
    swept: Option<Instant>,
}

impl<K, B> Default for Buckets<K, B> {
    fn default() -> Self {
        Self { map: HashMap::new(), sweep_at: 0, swept: None }
    }
}

impl<K: Eq + Hash, B: Forgettable> Buckets<K, B> {
    /// Whether there is room for one more, perhaps after throwing away what is full: once in a while, so
    /// that many who come in vain cost little.
    fn has_room(&mut self, most: usize) -> bool {
        let now = Instant::now();
        if self.map.len() >= most && self.swept.is_none_or(|swept| now.duration_since(swept) >= SWEEP) {
            self.swept = Some(now);
            self.map.retain(|_, bucket| !bucket.is_full(now));
        }
        self.map.len() < most
    }
}

impl<B: Forgettable> Buckets<String, B> {
    /// The buckets of a key. There are only keys that are good, and each costs a sweep once in a while.
    fn of(&mut self, key_id: &str, at_least: usize) -> &mut B {
        if !self.map.contains_key(key_id) {
            if self.map.len() >= self.sweep_at.max(at_least) {
                self.sweep_at = if self.has_room(at_least) { 0 } else { 2 * self.map.len() };
            }
            self.map.insert(key_id.to_owned(), B::default());
        }
        self.map.entry(key_id.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use directory::{TenantId, Timestamp};
    use store::AccessKey;
    use tokio::time::advance;

    use super::*;
    use crate::auth::{Scope, new_key};

    const SECOND: Duration = Duration::from_secs(1);
    const PEER: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));

    fn rates(requests: u32, records: u32) -> Rates {
        Rates::new(Limits { requests: Some(requests), records: Some(records) }, None)
    }

    fn sender(key_id: &str) -> Principal {
        let key = new_key(TenantId(1), &Scope::ALL, Timestamp(0)).unwrap();
        Principal::of(AccessKey { id: key_id.to_owned(), ..key.stored })
    }

    fn request(rates: &Rates, key_id: &str) -> Result<(), Refusal> {
        rates.count_request(&sender(key_id)).unwrap()
    }

    fn fields(rates: &Rates, refusal: Option<&Refusal>) -> [String; 2] {
        let mut headers = HeaderMap::new();
        rates.add_fields("k", refusal, &mut headers);
        [RATE_LIMIT_POLICY, RATE_LIMIT]
            .map(|name| headers.get(name).map_or(String::new(), |value| value.to_str().unwrap().to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_minute_at_once_and_then_as_it_flows_in() {
        let rates = rates(60, 6000);
        for _ in 0..60 {
            assert_eq!(request(&rates, "k"), Ok(()));
        }
        let refused = Err(Refusal::RateLimited { rate: Rate::Requests, seconds: 1 });
        assert_eq!(request(&rates, "k"), refused);
        assert_eq!(request(&rates, "another"), Ok(()));
        advance(Duration::from_nanos(999_999_999)).await;
        assert_eq!(request(&rates, "k"), refused);
        advance(Duration::from_nanos(1)).await;
        assert_eq!(request(&rates, "k"), Ok(()));
        assert_eq!(request(&rates, "k"), refused);
        advance(2 * WINDOW).await;
        assert_eq!((0..100).filter(|_| request(&rates, "k").is_ok()).count(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_counted_whole_or_not_at_all() {
        let rates = rates(60, 1500);
        assert_eq!(rates.count_records(&sender("k"), 1000), Ok(()));
        let refused = Refusal::RateLimited { rate: Rate::Records, seconds: 20 };
        assert_eq!(rates.count_records(&sender("k"), 1000), Err(refused.clone()));
        let [policy, left] = fields(&rates, Some(&refused));
        assert_eq!(policy, r#""requests";q=60;w=60, "records";q=1500;w=60"#);
        assert_eq!(left, r#""requests";r=60;t=0, "records";r=500;t=20"#);
        assert_eq!(rates.count_records(&sender("k"), 500), Ok(()));
        advance(20 * SECOND).await;
        assert_eq!(fields(&rates, None)[1], r#""requests";r=60;t=0, "records";r=500;t=40"#);
    }

    #[tokio::test(start_paused = true)]
    async fn no_limit_no_field() {
        let rates = Rates::new(Limits { requests: None, records: Some(1000) }, None);
        assert!((0..10_000).all(|_| request(&rates, "k").is_ok()));
        assert_eq!(fields(&rates, None), [r#""records";q=1000;w=60"#, r#""records";r=1000;t=0"#]);
        let rates = Rates::new(Limits { requests: None, records: None }, None);
        assert_eq!(rates.count_records(&sender("k"), usize::MAX), Ok(()));
        assert_eq!(fields(&rates, None), ["", ""]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_full_is_forgotten() {
        let rates = rates(60, 1000);
        for number in 0..100 * KEYS {
            request(&rates, &number.to_string()).unwrap();
            advance(SECOND).await;
        }
        let keys = lock(&rates.keys);
        assert!(keys.map.len() <= 2 * KEYS, "{}", keys.map.len());
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_are_slow_and_good_keys_go_on() {
        let rates = rates(60, 1000);
        request(&rates, "good").unwrap();
        for _ in 0..2 * FAILURES_PER_MINUTE {
            rates.count_failure(PEER);
        }
        let refused = Err(Refusal::RateLimited { rate: Rate::FailedAuthentications, seconds: 1 });
        assert_eq!(rates.check_failures(PEER, Some("guess")), refused);
        assert_eq!(rates.check_failures(PEER, None), refused);
        assert_eq!(rates.check_failures(PEER, Some("good")), Ok(()));
        assert_eq!(rates.check_failures(Some(Ipv4Addr::LOCALHOST.into()), None), Ok(()));
        advance(SECOND).await;
        assert_eq!(rates.check_failures(PEER, None), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_cost_a_bounded_memory() {
        let rates = rates(60, 1000);
        for number in 1..=20_000 {
            rates.count_failure(Some(Ipv4Addr::from_bits(number).into()));
        }
        assert_eq!(lock(&rates.failures).map.len(), ADDRESSES + 1);
        advance(WINDOW).await;
        rates.count_failure(PEER);
        assert_eq!(lock(&rates.failures).map.len(), 1);
        // A client has a whole network of IPv6.
        let [one, other] = ["2001:db8::1", "2001:db8::ffff:1"].map(|text| network(text.parse().unwrap()));
        assert_eq!(one, other);
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), PEER.unwrap());
    }
}

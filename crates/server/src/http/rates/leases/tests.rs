//! Two servers take from one limit.

use tokio::time::advance;

use super::super::WINDOW;
use super::*;

const LIMIT: u32 = 60;
const SECOND: Duration = Duration::from_secs(1);

/// The store of several servers: a bucket, and whether it answers.
#[derive(Default)]
struct Shared {
    bucket: Mutex<Bucket>,
    asked: Mutex<u32>,
    is_away: Mutex<bool>,
}

impl Shared {
    fn lease(&self, claim: &Claim<'_>) -> Result<Lease, StoreError> {
        *lock(&self.asked) += 1;
        if *lock(&self.is_away) {
            return Err(StoreError::Unavailable("away".to_owned()));
        }
        let now = Instant::now();
        let mut bucket = lock(&self.bucket);
        *bucket = bucket.with_back(claim.limit, claim.back);
        let left = u32::try_from(bucket.left(claim.limit, now)).unwrap();
        let granted = if left >= claim.least { left.min(claim.most) } else { 0 };
        bucket.drain(claim.limit, granted, now);
        Ok(Lease { granted, until_full: bucket.until_full(now) })
    }

    fn server(self: &Arc<Self>) -> Leases {
        let shared = Arc::clone(self);
        Leases::new(Box::new(move |claim| shared.lease(claim)))
    }
}

fn want(count: u32) -> Want<'static> {
    Want { tenant: TenantId(1), key_id: "k", metered: Metered::Requests, limit: LIMIT, count }
}

#[tokio::test(start_paused = true)]
async fn together_they_let_through_what_one_would() {
    let shared = Arc::new(Shared::default());
    let servers = [shared.server(), shared.server()];
    let through = |times: u32| {
        let turns = servers.iter().cycle().take(times as usize);
        turns.filter(|server| server.spend_or_lease(&want(1)) == Spent::Taken).count()
    };
    assert_eq!(through(200), 60);
    // Blocks of three, until the last refusals are remembered.
    assert!((20..=24).contains(&*lock(&shared.asked)), "{}", lock(&shared.asked));
    advance(10 * SECOND).await;
    assert_eq!(through(200), 10);
    advance(2 * WINDOW).await;
    assert_eq!(through(200), 60);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_over_is_not_lost() {
    let shared = Arc::new(Shared::default());
    let servers = [shared.server(), shared.server()];
    // As often as they flow in, but by each server so seldom that no block is spent.
    for number in 0..600 {
        assert_eq!(servers[number % 2].spend_or_lease(&want(1)), Spent::Taken, "{number}");
        advance(3 * SECOND).await;
    }
    let left = servers[0].level("k", Metered::Requests, LIMIT).unwrap().left(LIMIT, Instant::now());
    assert!(left >= 57, "{left}");
}

#[tokio::test(start_paused = true)]
async fn a_block_is_not_spent_long_after() {
    let shared = Arc::new(Shared::default());
    let server = shared.server();
    assert_eq!(server.spend(&want(1)), Spent::NothingHere);
    assert_eq!(server.spend_or_lease(&want(1)), Spent::Taken);
    assert_eq!(server.spend(&want(1)), Spent::Taken);
    advance(GOOD_FOR).await;
    assert_eq!(server.spend(&want(1)), Spent::NothingHere);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_counted_whole_and_who_is_refused_costs_little() {
    let shared = Arc::new(Shared::default());
    let server = shared.server();
    assert_eq!(server.spend_or_lease(&want(50)), Spent::Taken);
    let refused = Spent::Refused(5 * SECOND);
    assert_eq!(server.spend_or_lease(&want(15)), refused);
    let asked = *lock(&shared.asked);
    assert_eq!([server.spend(&want(15)), server.spend_or_lease(&want(15))], [refused; 2]);
    assert_eq!(*lock(&shared.asked), asked);
    // Fewer may fit.
    assert_eq!(server.spend_or_lease(&want(10)), Spent::Taken);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_is_asked_once_a_second() {
    let shared = Arc::new(Shared::default());
    let server = shared.server();
    *lock(&shared.is_away) = true;
    for _ in 0..100 {
        assert_eq!(server.spend_or_lease(&want(1)), Spent::Away);
    }
    assert_eq!((server.spend(&want(1)), *lock(&shared.asked)), (Spent::Away, 1));
    assert!(server.level("k", Metered::Requests, LIMIT).is_none());
    *lock(&shared.is_away) = false;
    advance(AWAY).await;
    assert_eq!(server.spend_or_lease(&want(1)), Spent::Taken);
}

#[tokio::test(start_paused = true)]
async fn keys_that_tell_nothing_are_forgotten() {
    let server = Arc::new(Shared::default()).server();
    for number in 0..20 * KEYS {
        server.spend_or_lease(&Want { key_id: &number.to_string(), ..want(1) });
        advance(SECOND).await;
    }
    let kept = lock(&server.keys).map.len();
    assert!(kept <= 2 * KEYS, "{kept}");
}

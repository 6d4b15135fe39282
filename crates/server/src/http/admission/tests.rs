//! The doors, polled by hand: nothing here waits for anything.

use std::pin::Pin;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::task::unconstrained;
use tokio::time::Instant;

use super::*;

const ONE: TenantId = TenantId(1);
const OTHER: TenantId = TenantId(2);
const THIRD: TenantId = TenantId(3);
const SMALL: Size = Size { kind: "test", in_flight: 8, waiting: 20 };

type Entering = Pin<Box<dyn Future<Output = Result<Place, Refusal>>>>;

/// Somebody who has come to a door, and has looked whether it opens.
struct Guest {
    entering: Entering,
    found: Option<Result<Place, Refusal>>,
}

impl Guest {
    fn come(door: &Arc<Door>, tenant: TenantId, places: usize) -> Self {
        let door = Arc::clone(door);
        // Without the runtime's own patience: many are looked after in one go.
        let entering: Entering = Box::pin(unconstrained(async move { door.enter(tenant, places).await }));
        let mut guest = Self { entering, found: None };
        guest.look();
        guest
    }

    fn look(&mut self) -> &'static str {
        if self.found.is_none() {
            self.found = self.entering.as_mut().now_or_never();
        }
        match &self.found {
            None => "waits",
            Some(Ok(_)) => "inside",
            Some(Err(_)) => "refused",
        }
    }
}

fn looks<'g>(guests: impl IntoIterator<Item = &'g mut Guest>) -> Vec<&'static str> {
    guests.into_iter().map(Guest::look).collect()
}

/// So many of one tenant, with a place each.
fn crowd(door: &Arc<Door>, tenant: TenantId, count: usize) -> Vec<Guest> {
    (0..count).map(|_| Guest::come(door, tenant, 1)).collect()
}

fn count(guests: &mut [Guest], look: &str) -> usize {
    looks(guests).into_iter().filter(|found| *found == look).count()
}

fn is_as_new(door: &Door) -> bool {
    let state = door.lock();
    let all = (door.size.in_flight, door.size.waiting, 0, 0);
    (state.free, state.room, state.tenants.len(), state.turns.len()) == all
}

#[tokio::test(start_paused = true)]
async fn one_tenant_fills_half_and_the_next_one_finds_a_place() {
    let door = Door::new(WRITES);
    let mut many = crowd(&door, ONE, 2000);
    assert_eq!(["inside", "waits", "refused"].map(|look| count(&mut many, look)), [128, 512, 1360]);
    assert_eq!(door.look(ONE, 1), Err(Refusal::Unavailable));
    assert_eq!(door.look(OTHER, 1), Ok(()));
    let mut others = crowd(&door, OTHER, 2000);
    let [inside, waits] = ["inside", "waits"].map(|look| count(&mut others, look));
    assert_eq!((inside, waits), (64, 256), "of what was left, half");
    assert_eq!(Guest::come(&door, THIRD, 1).look(), "inside", "there is always a place for one more");
    drop((many, others));
    assert!(is_as_new(&door));
}

#[tokio::test(start_paused = true)]
async fn places_are_given_out_in_turn() {
    let door = Door::new(SMALL);
    let mut first = crowd(&door, ONE, 4);
    let mut other = crowd(&door, OTHER, 2);
    let mut third = Guest::come(&door, THIRD, 1);
    let mut waiting: Vec<Guest> =
        [ONE, ONE, ONE, OTHER, THIRD].into_iter().map(|tenant| Guest::come(&door, tenant, 1)).collect();
    assert_eq!(looks(first.iter_mut().chain(&mut other).chain([&mut third])), ["inside"; 7]);
    assert_eq!(looks(&mut waiting), ["waits"; 5]);
    // One place is left. Whoever holds least is let in first; whose turn it is, where several could be.
    first.pop();
    assert_eq!(looks(&mut waiting), ["waits", "waits", "waits", "waits", "inside"]);
    first.truncate(1);
    assert_eq!(looks(&mut waiting), ["inside", "waits", "waits", "waits", "inside"]);
    drop((first, other, third));
    assert_eq!(looks(&mut waiting), ["inside"; 5]);
    drop(waiting);
    assert!(is_as_new(&door));
}

#[tokio::test(start_paused = true)]
async fn a_heavy_one_is_not_overtaken_for_ever() {
    let door = Door::new(SMALL);
    let mut light = crowd(&door, ONE, 4);
    let mut heavy = Guest::come(&door, OTHER, 5);
    let mut later = crowd(&door, THIRD, 2);
    assert_eq!(heavy.look(), "waits");
    assert_eq!(looks(&mut later), ["waits", "waits"], "behind the heavy one");
    light.pop();
    assert_eq!((heavy.look(), looks(&mut later)), ("inside", vec!["waits", "waits"]));
    light.pop();
    assert_eq!(looks(&mut later), ["inside", "waits"]);
    // What does not fit into the own share holds up nobody else.
    let mut more = Guest::come(&door, OTHER, 1);
    drop(light);
    assert_eq!((more.look(), looks(&mut later)), ("waits", vec!["inside", "inside"]));
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_leaves_no_trace() {
    let door = Door::new(SMALL);
    let mut inside = crowd(&door, ONE, 4);
    let mut waiting = crowd(&door, ONE, 3);
    drop(waiting.remove(1));
    // Granted, and gone before it has looked.
    inside.clear();
    drop(waiting);
    drop(inside);
    assert!(is_as_new(&door));
    assert_eq!(looks(&mut crowd(&door, ONE, 4)), ["inside"; 4]);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_long() {
    let door = Door::new(SMALL);
    let inside = crowd(&door, ONE, 4);
    let started = Instant::now();
    assert!(matches!(door.enter(ONE, 1).await, Err(Refusal::Unavailable)));
    assert_eq!(started.elapsed(), DEADLINES.line);
    drop(inside);
    assert!(is_as_new(&door));
}

#[test]
fn heavier_requests_take_more_places() {
    for (bytes, packed, places) in [
        (0, false, 1),
        ((8 << 10) - 1, false, 1),
        (8 << 10, false, 2),
        (110 << 10, false, 8),
        (300 << 10, false, 8),
        (320 << 10, false, 9),
        (600 << 10, false, 16),
        (75 << 10, true, 16),
        (32 << 20, false, 64),
        (usize::MAX, true, 64),
    ] {
        assert_eq!(places_for(bytes, packed), places, "{bytes} {packed}");
    }
}

#[test]
fn the_last_one_over_the_limit_is_refused_at_the_desk() {
    let desk = KeyDesk::new();
    let mut inside: Vec<_> =
        (0..KEYS_IN_FLIGHT).map(|_| desk.turn().now_or_never().unwrap().unwrap()).collect();
    // Each of these is polled once, and waits.
    let mut queue = Box::pin(join_all((0..KEYS_WAITING).map(|_| desk.turn())));
    assert!(queue.as_mut().now_or_never().is_none());
    assert!(matches!(desk.turn().now_or_never(), Some(Err(Refusal::Unavailable))));
    drop(queue);
    inside.pop();
    assert!(desk.turn().now_or_never().is_some_and(|entered| entered.is_ok()));
    assert_eq!(desk.waiting.load(Ordering::Relaxed), 0);
}

//! How many writes are let in. Over capacity a request is refused at once, rather than queued without
//! bound (rules §7, §10); reads and health keep threads of their own.

use std::sync::atomic::{AtomicUsize, Ordering};

use faces::groups::Refusal;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Writes that are planned and carried out at once.
const IN_FLIGHT: usize = 256;
/// Writes that wait for that.
const WAITING: usize = 1024;
/// Threads for work that waits: for every write in flight, and as many again for reads.
pub(crate) const THREADS: usize = 2 * IN_FLIGHT;

/// The door for writes.
pub(super) struct Admission {
    places: Semaphore,
    waiting: AtomicUsize,
}

impl Admission {
    pub(super) const fn new() -> Self {
        Self { places: Semaphore::const_new(IN_FLIGHT), waiting: AtomicUsize::new(0) }
    }

    /// A place for one write, given back when it is dropped. Waits for one while few others do.
    pub(super) async fn enter(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let _waiting = Waiting::begin(&self.waiting)?;
        self.places.acquire().await.map_err(|_| Refusal::Unavailable)
    }
}

/// Counts a request that waits, also when it gives up.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Result<Self, Refusal> {
        let waiting = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) >= WAITING { Err(Refusal::Unavailable) } else { Ok(waiting) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

    use super::*;

    #[test]
    fn the_last_one_over_the_limit_is_refused() {
        let door = Admission::new();
        let mut inside: Vec<_> =
            (0..IN_FLIGHT).map(|_| door.enter().now_or_never().unwrap().unwrap()).collect();
        // Each of these is polled once, and waits.
        let mut queue = Box::pin(join_all((0..WAITING).map(|_| door.enter())));
        assert!(queue.as_mut().now_or_never().is_none());
        assert!(matches!(door.enter().now_or_never(), Some(Err(Refusal::Unavailable))));
        drop(queue);
        inside.pop();
        assert!(door.enter().now_or_never().is_some_and(|entered| entered.is_ok()));
        assert_eq!(door.waiting.load(Ordering::Relaxed), 0);
    }
}

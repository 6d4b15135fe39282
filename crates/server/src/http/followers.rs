//! Who follows the changes: how many there may be, and what they share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use faces::groups::Refusal;
use faces::groups::limits::{MAX_STREAMS, MAX_STREAMS_OF_ONE_KEY};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::metrics;

/// How many of them read from the store at once: a write wakes all that follow its tenant, and they must not
/// take the store's connections, of which there may be two, from everybody else.
const READS: usize = 1;

/// The seats of those who follow.
pub(super) struct Followers {
    seats: Mutex<Seats>,
    /// Changes when somebody found no seat.
    crowded: watch::Sender<()>,
    pub(super) reads: Semaphore,
    /// Cancelled when all streams are to end.
    pub(super) over: CancellationToken,
}

#[derive(Debug, Default)]
struct Seats {
    taken: usize,
    of_keys: HashMap<String, usize>,
}

impl Followers {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            seats: Mutex::default(),
            crowded: watch::channel(()).0,
            reads: Semaphore::new(READS),
            over: CancellationToken::new(),
        })
    }

    /// A seat for a stream with this key, given back when it is dropped. When there is none, all streams are
    /// told to show whether their clients are still there: a client that comes again has left one behind.
    pub(super) fn sit(self: &Arc<Self>, key_id: &str) -> Result<Seat, Refusal> {
        let mut seats = self.lock();
        let of_key = seats.of_keys.get(key_id).copied().unwrap_or_default();
        if seats.taken >= MAX_STREAMS || of_key >= MAX_STREAMS_OF_ONE_KEY {
            self.crowded.send_replace(());
            return Err(Refusal::Unavailable);
        }
        seats.taken += 1;
        seats.of_keys.insert(key_id.to_owned(), of_key + 1);
        metrics::count_streams(seats.taken);
        Ok(Seat { key_id: key_id.to_owned(), followers: Arc::clone(self) })
    }

    /// Every change is complete.
    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The seat of one stream.
pub(super) struct Seat {
    key_id: String,
    pub(super) followers: Arc<Followers>,
}

impl Seat {
    /// Changes when somebody else found no seat.
    pub(super) fn crowded(&self) -> watch::Receiver<()> {
        self.followers.crowded.subscribe()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.followers.lock();
        seats.taken -= 1;
        if let Some(of_key) = seats.of_keys.get_mut(&self.key_id) {
            *of_key -= 1;
            if *of_key == 0 {
                seats.of_keys.remove(&self.key_id);
            }
        }
        metrics::count_streams(seats.taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_counted_by_key_and_in_all() {
        let followers = Followers::new();
        let mut present: Vec<Seat> =
            (0..MAX_STREAMS_OF_ONE_KEY).map(|_| followers.sit("a").unwrap()).collect();
        let mut crowded = present[0].crowded();
        crowded.mark_unchanged();
        assert!(followers.sit("b").is_ok());
        assert!(!crowded.has_changed().unwrap());
        assert!(matches!(followers.sit("a"), Err(Refusal::Unavailable)));
        assert!(crowded.has_changed().unwrap());
        present.pop();
        present.push(followers.sit("a").unwrap());
        let others = |count: usize| (0..count).map(|number| followers.sit(&number.to_string()));
        present.extend(others(MAX_STREAMS - MAX_STREAMS_OF_ONE_KEY).map(|seat| seat.ok().unwrap()));
        assert!(followers.sit("b").is_err());
        drop(present);
        let seats = followers.lock();
        assert_eq!((seats.taken, seats.of_keys.len()), (0, 0));
    }
}

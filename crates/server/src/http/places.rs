//! Who is connected: how many in all, how many from one address, and who has to go when all places are
//! taken. A client that has not sent a request head yet makes room for the next one, oldest first, so that
//! no number of silent sockets keeps a good client out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) total: usize,
    pub(crate) of_one_address: usize,
}

/// The places of a server.
#[derive(Debug)]
pub(super) struct Places {
    limits: Limits,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    taken: usize,
    /// Told to go, and not gone yet.
    leaving: usize,
    peers: HashMap<IpAddr, Peer>,
    /// Who has not sent a head yet, in the order of arrival.
    silent: BTreeMap<u64, (IpAddr, CancellationToken)>,
}

#[derive(Debug, Default)]
struct Peer {
    taken: usize,
    silent: BTreeSet<u64>,
}

/// What can be done for a newcomer.
enum Seat {
    Taken(Place),
    /// Somebody was told to go.
    Later,
    Never,
}

impl Places {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default(), freed: Notify::new() })
    }

    /// A place for a connection from this address, if there is one or one can be made.
    pub(super) async fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        loop {
            match self.seat(peer.to_canonical()) {
                Seat::Taken(place) => return Some(place),
                Seat::Later => self.freed.notified().await,
                Seat::Never => return None,
            }
        }
    }

    /// Closes the oldest connection that has not sent a head.
    pub(super) fn make_room(&self) {
        let mut state = self.lock();
        if let Some(oldest) = state.silent.keys().next().copied() {
            state.send_away(oldest);
        }
    }

    fn seat(self: &Arc<Self>, peer: IpAddr) -> Seat {
        let mut state = self.lock();
        let of_peer = state.peers.get(&peer);
        let oldest = if of_peer.is_some_and(|peer| peer.taken >= self.limits.of_one_address) {
            of_peer.and_then(|peer| peer.silent.first().copied())
        } else if state.taken >= self.limits.total {
            state.silent.keys().next().copied()
        } else {
            return Seat::Taken(self.take(&mut state, peer));
        };
        match oldest {
            // Whoever was told to go before may free the place that is asked for.
            _ if state.leaving > 0 => Seat::Later,
            Some(oldest) => {
                state.send_away(oldest);
                Seat::Later
            }
            None => Seat::Never,
        }
    }

    fn take(self: &Arc<Self>, state: &mut State, peer: IpAddr) -> Place {
        let (number, leave) = (state.next, CancellationToken::new());
        state.next += 1;
        state.taken += 1;
        state.silent.insert(number, (peer, leave.clone()));
        let of_peer = state.peers.entry(peer).or_default();
        of_peer.taken += 1;
        of_peer.silent.insert(number);
        Place { number, peer, leave, places: Arc::clone(self) }
    }

    /// No panic happens while it is held, and every change is complete.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn send_away(&mut self, number: u64) {
        if let Some((_, leave)) = self.no_longer_silent(number) {
            self.leaving += 1;
            leave.cancel();
        }
    }

    fn no_longer_silent(&mut self, number: u64) -> Option<(IpAddr, CancellationToken)> {
        let removed = self.silent.remove(&number);
        if let Some(of_peer) = removed.as_ref().and_then(|(peer, _)| self.peers.get_mut(peer)) {
            of_peer.silent.remove(&number);
        }
        removed
    }
}

/// The place of one connection, free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    peer: IpAddr,
    leave: CancellationToken,
    places: Arc<Places>,
}

impl Place {
    /// The client has sent a head: from now on it is not closed for others. Tells whether it may stay.
    pub(super) fn spoke(&self) -> bool {
        self.places.lock().no_longer_silent(self.number);
        !self.leave.is_cancelled()
    }

    /// The address that the client comes from.
    pub(super) const fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Cancelled when the connection must make room.
    pub(super) fn leave(&self) -> &CancellationToken {
        &self.leave
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.places.lock();
        state.no_longer_silent(self.number);
        state.taken -= 1;
        state.leaving -= usize::from(self.leave.is_cancelled());
        if let Some(of_peer) = state.peers.get_mut(&self.peer) {
            of_peer.taken -= 1;
            if of_peer.taken == 0 {
                state.peers.remove(&self.peer);
            }
        }
        drop(state);
        self.places.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    /// Seats a newcomer; who is told to go leaves at once.
    fn come(places: &Arc<Places>, present: &mut Vec<Place>, peer: IpAddr) -> bool {
        loop {
            match places.seat(peer) {
                Seat::Taken(place) => present.push(place),
                Seat::Later => {
                    let before = present.len();
                    present.retain(|place| !place.leave.is_cancelled());
                    assert_eq!(present.len() + 1, before, "one goes for one that comes");
                    continue;
                }
                Seat::Never => return false,
            }
            return true;
        }
    }

    fn numbers(present: &[Place]) -> Vec<u64> {
        present.iter().map(|place| place.number).collect()
    }

    #[test]
    fn the_oldest_silent_one_makes_room() {
        let places = Places::new(Limits { total: 3, of_one_address: 3 });
        let mut present = Vec::new();
        for _ in 0..3 {
            assert!(come(&places, &mut present, ONE));
        }
        assert!(present[0].spoke());
        assert!(come(&places, &mut present, OTHER));
        assert_eq!(numbers(&present), [0, 2, 3], "the one that has sent a head stays");
        for place in &present {
            assert!(place.spoke());
        }
        assert!(!come(&places, &mut present, OTHER), "nobody is silent: nobody goes");
        present.remove(0);
        assert!(come(&places, &mut present, OTHER));
        present.clear();
        let state = places.lock();
        assert_eq!((state.taken, state.leaving, state.peers.len(), state.silent.len()), (0, 0, 0, 0));
    }

    #[test]
    fn an_address_has_its_own_limit() {
        let places = Places::new(Limits { total: 10, of_one_address: 2 });
        let mut present = Vec::new();
        assert!(come(&places, &mut present, OTHER));
        for _ in 0..3 {
            assert!(come(&places, &mut present, ONE));
        }
        assert_eq!(numbers(&present), [0, 2, 3], "it makes room for itself, not for others");
        for place in &present {
            assert!(place.spoke());
        }
        assert!(!come(&places, &mut present, ONE));
        assert!(come(&places, &mut present, OTHER));
    }
}

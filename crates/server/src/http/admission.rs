//! How many requests are let in. Over capacity a request is refused at once, rather than queued without
//! bound (rules §7, §10). Writes and reads have a door each, so that neither keeps the other out.
//!
//! One rule shares places in flight, the waiting room and memory alike: nobody takes more than is left. One
//! tenant alone gets half; of several that want all, each gets as much as stays free for the next one. So
//! whoever comes second finds a place, whatever the first one does (`docs/decisions/0008`).

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use directory::TenantId;
use faces::groups::Refusal;
use metrics::{Gauge, gauge};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::time::sleep;

use super::deadlines::DEADLINES;
use super::visit;
use crate::metrics::{Shed, count_shed};

/// How many requests of one kind are let in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    kind: &'static str,
    /// Places for those that are carried out.
    pub(super) in_flight: usize,
    /// Room for those that wait for that, in places too: what waits is to be done soon, not only to be few.
    pub(super) waiting: usize,
}

/// Requests that change something.
pub(super) const WRITES: Size = Size { kind: "write", in_flight: 256, waiting: 1024 };
/// Requests that read.
pub(super) const READS: Size = Size { kind: "read", in_flight: 64, waiting: 512 };

/// Access keys that are looked up at once.
const KEYS_IN_FLIGHT: usize = 16;
/// Requests that wait for that. A look-up takes microseconds.
const KEYS_WAITING: usize = 1024;

/// Threads for work that waits: one for everything that is let in, and some for health and for stopping.
pub(crate) const THREADS: usize = WRITES.in_flight + READS.in_flight + KEYS_IN_FLIGHT + 32;

/// Bytes of a plain body that one place is good for: of batches of a thousand records of 300 bytes, one tenant alone
/// has as many in flight as one commit takes in.
const BYTES_A_PLACE: usize = 40 << 10;
/// The same for the first few places: a thousand short records are as much work, and no more of them may be in flight.
const BYTES_OF_THE_FIRST: usize = 8 << 10;
/// How many these are.
const FIRST_PLACES: usize = 8;
/// What a byte of a packed body counts for.
const UNPACKED: usize = 8;

/// The places that a write of so many bytes takes.
pub(super) fn places_for(bytes: usize, packed: bool) -> usize {
    let bytes = if packed { bytes.saturating_mul(UNPACKED) } else { bytes };
    let of_the_first = (1 + bytes / BYTES_OF_THE_FIRST).min(FIRST_PLACES);
    (1 + bytes / BYTES_A_PLACE).max(of_the_first).min(WRITES.in_flight / 4)
}

/// A door: places in flight, and one line for each tenant before it. Places that become free are given
/// out to the lines in turn.
pub(super) struct Door {
    size: Size,
    state: Mutex<State>,
    taken: Gauge,
    waiting: Gauge,
}

struct State {
    free: usize,
    /// Places that more could wait for.
    room: usize,
    next: u64,
    tenants: HashMap<TenantId, Tenant>,
    /// Tenants with a line, in the order of their turns.
    turns: VecDeque<TenantId>,
}

#[derive(Default)]
struct Tenant {
    held: usize,
    /// Places that its line waits for.
    wanted: usize,
    line: VecDeque<Waiting>,
}

struct Waiting {
    number: u64,
    places: usize,
    grant: oneshot::Sender<Place>,
}

/// What the first one in a line can be given.
enum Turn {
    Now,
    /// When its tenant has given places back.
    OwnShare,
    /// When anybody has: it is its turn, and nobody overtakes it.
    Next,
}

impl Door {
    pub(super) fn new(size: Size) -> Arc<Self> {
        let state = State {
            free: size.in_flight,
            room: size.waiting,
            next: 0,
            tenants: HashMap::new(),
            turns: VecDeque::new(),
        };
        Arc::new(Self {
            size,
            state: Mutex::new(state),
            taken: gauge!("rosterd_http_in_flight", "kind" => size.kind),
            waiting: gauge!("rosterd_http_waiting", "kind" => size.kind),
        })
    }

    /// Refuses where no more may wait, before anything is done for the request.
    pub(super) fn look(&self, tenant: TenantId, places: usize) -> Result<(), Refusal> {
        if self.lock().has_room(tenant, places) {
            return Ok(());
        }
        count_shed(Shed::Line);
        Err(Refusal::Unavailable)
    }

    /// So many places for one request, given back when dropped. Waits for its turn, but not for long, and
    /// not for a client that has gone.
    pub(super) async fn enter(self: &Arc<Self>, tenant: TenantId, places: usize) -> Result<Place, Refusal> {
        let mut ticket = self.queue(tenant, places)?;
        tokio::select! {
            biased;
            () = visit::gone() => count_shed(Shed::Gone),
            () = sleep(DEADLINES.line) => count_shed(Shed::Late),
            Ok(place) = &mut ticket.granted => return Ok(place),
        }
        Err(Refusal::Unavailable)
    }

    fn queue(self: &Arc<Self>, tenant: TenantId, places: usize) -> Result<Ticket, Refusal> {
        let (grant, granted) = oneshot::channel();
        let mut state = self.lock();
        let fits = state.turns.is_empty() && matches!(state.turn_of(tenant, places), Turn::Now);
        if !fits && !state.has_room(tenant, places) {
            drop(state);
            count_shed(Shed::Line);
            return Err(Refusal::Unavailable);
        }
        let number = state.next;
        state.next += 1;
        state.room -= places;
        let Tenant { line, wanted, .. } = state.tenants.entry(tenant).or_default();
        *wanted += places;
        line.push_back(Waiting { number, places, grant });
        if line.len() == 1 {
            state.turns.push_back(tenant);
        }
        self.give(state);
        Ok(Ticket { door: Arc::clone(self), tenant, number, granted })
    }

    /// Gives out what is free.
    fn give(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let undelivered = state.give(self);
        self.taken.set(small(self.size.in_flight - state.free));
        self.waiting.set(small(self.size.waiting - state.room));
        drop(state);
        // Places of those who went away in this very moment, which come back through the lock.
        drop(undelivered);
    }

    /// No panic happens while it is held, and every change is complete.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, tenant: TenantId, places: usize) -> bool {
        let wanted = self.tenants.get(&tenant).map_or(0, |tenant| tenant.wanted);
        wanted + places <= self.room
    }

    fn turn_of(&self, tenant: TenantId, places: usize) -> Turn {
        match self.tenants.get(&tenant).map_or(0, |tenant| tenant.held) {
            held if held + places <= self.free => Turn::Now,
            0 => Turn::Next,
            _ => Turn::OwnShare,
        }
    }

    fn give(&mut self, door: &Arc<Door>) -> Vec<Place> {
        let (mut undelivered, mut passed_over) = (Vec::new(), 0);
        while passed_over < self.turns.len() {
            let tenant = self.turns[0];
            let first = self.tenants.get(&tenant).and_then(|tenant| tenant.line.front());
            let Some(places) = first.map(|first| first.places) else {
                self.turns.pop_front();
                continue;
            };
            match self.turn_of(tenant, places) {
                Turn::Next => break,
                Turn::OwnShare => {
                    self.turns.rotate_left(1);
                    passed_over += 1;
                }
                Turn::Now => {
                    passed_over = 0;
                    self.turns.rotate_left(1);
                    undelivered.extend(self.admit(door, tenant));
                }
            }
        }
        undelivered
    }

    /// Lets the first one of a line in; its place where it is not there any more.
    fn admit(&mut self, door: &Arc<Door>, id: TenantId) -> Option<Place> {
        let tenant = self.tenants.get_mut(&id)?;
        let Waiting { places, grant, .. } = tenant.line.pop_front()?;
        tenant.held += places;
        tenant.wanted -= places;
        if tenant.line.is_empty() {
            self.turns.retain(|other| *other != id);
        }
        self.free -= places;
        self.room += places;
        grant.send(Place { door: Arc::clone(door), tenant: id, places }).err()
    }

    fn leave_line(&mut self, id: TenantId, number: u64) {
        let Some(tenant) = self.tenants.get_mut(&id) else { return };
        let Ok(index) = tenant.line.binary_search_by_key(&number, |waiting| waiting.number) else { return };
        let Some(Waiting { places, .. }) = tenant.line.remove(index) else { return };
        tenant.wanted -= places;
        self.room += places;
        if tenant.line.is_empty() {
            self.turns.retain(|other| *other != id);
        }
        self.forget(id);
    }

    fn give_back(&mut self, id: TenantId, places: usize) {
        self.free += places;
        if let Some(tenant) = self.tenants.get_mut(&id) {
            tenant.held -= places;
        }
        self.forget(id);
    }

    /// Whoever holds nothing and waits for nothing is not remembered.
    fn forget(&mut self, id: TenantId) {
        if self.tenants.get(&id).is_some_and(|tenant| tenant.held == 0 && tenant.line.is_empty()) {
            self.tenants.remove(&id);
        }
    }
}

fn small(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// A place in a line.
struct Ticket {
    door: Arc<Door>,
    tenant: TenantId,
    number: u64,
    granted: oneshot::Receiver<Place>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.door.lock();
        state.leave_line(self.tenant, self.number);
        self.door.give(state);
    }
}

/// Places in flight, free again when dropped.
pub(super) struct Place {
    door: Arc<Door>,
    tenant: TenantId,
    places: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.door.lock();
        state.give_back(self.tenant, self.places);
        self.door.give(state);
    }
}

/// Where access keys are looked up, before it is known whose request it is.
pub(super) struct KeyDesk {
    places: Semaphore,
    waiting: AtomicUsize,
}

impl KeyDesk {
    pub(super) const fn new() -> Self {
        Self { places: Semaphore::const_new(KEYS_IN_FLIGHT), waiting: AtomicUsize::new(0) }
    }

    /// A turn at the desk. Waits for one while not too many others do.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let _waiting = AtDesk::begin(&self.waiting)?;
        self.places.acquire().await.map_err(|_| Refusal::Unavailable)
    }
}

/// Counts a request that waits, also when it gives up.
struct AtDesk<'a>(&'a AtomicUsize);

impl<'a> AtDesk<'a> {
    fn begin(count: &'a AtomicUsize) -> Result<Self, Refusal> {
        let waiting = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) < KEYS_WAITING {
            return Ok(waiting);
        }
        count_shed(Shed::Keys);
        Err(Refusal::Unavailable)
    }
}

impl Drop for AtDesk<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;

//! What a simulated world is made of beside its network: its time, its chances, and what is told of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use directory::{Clock, Timestamp};
use sha2::{Digest as _, Sha256};

use super::dice::Dice;
use super::disk::{Disk, Mishap};
use super::fibers::Threads;
use super::history::History;

/// When every simulation begins: the first second of 2026.
const BEGINNING_MS: i64 = 1_767_225_600_000;

/// What a world is like throughout.
#[derive(Debug, Clone)]
pub(super) struct Climate {
    pub(super) clients: usize,
    /// Requests of each, besides repeated ones.
    pub(super) requests: usize,
    /// How long clients think, the disk writes and reads take, and messages are on their way, at most.
    pub(super) thinking_ms: u64,
    pub(super) writing_ms: u64,
    pub(super) reading_ms: u64,
    pub(super) latency: Duration,
    /// Writes that may wait.
    pub(super) line: usize,
    /// Requests of one key in a minute.
    pub(super) rate: u32,
    /// How fine time is.
    pub(super) tick: Duration,
}

impl Climate {
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed, "climate");
        let mut of = |choices: [u64; 3]| choices[dice.below(3)];
        Self {
            clients: usize::try_from(of([2, 3, 5])).unwrap(),
            requests: usize::try_from(of([6, 10, 16])).unwrap(),
            thinking_ms: of([20, 500, 3000]),
            writing_ms: of([5, 40, 400]),
            reading_ms: of([1, 25, 200]),
            latency: Duration::from_millis(of([2, 20, 120])),
            line: usize::try_from(of([1, 3, 64])).unwrap(),
            rate: u32::try_from(of([60, 600, 6000])).unwrap(),
            tick: Duration::from_millis(of([2, 5, 10])),
        }
    }
}

/// One simulated world.
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) climate: Climate,
    pub(super) disk: Disk,
    pub(super) threads: Threads,
    pub(super) history: Mutex<History>,
    /// Chances of the store: how long its disk takes.
    pub(super) store_dice: Mutex<Dice>,
    /// What happens to the next commit.
    pub(super) mishap: Mutex<Option<Mishap>>,
    /// The machine dies after this step, and its disk with a log that was written up to this byte.
    pub(super) dying: Mutex<Option<super::disk::Torn>>,
    /// Stops the server cleanly.
    pub(super) stop: Mutex<Option<Box<dyn Fn() + Send>>>,
    /// The server must be started again before it takes writes.
    pub(super) is_broken: AtomicBool,
    /// Clients that still send.
    pub(super) busy_clients: AtomicUsize,
    /// The highest revision that a client was told of.
    pub(super) known_revision: AtomicI64,
    entropy: Mutex<Dice>,
    elapsed_ms: AtomicU64,
    clock_offset_ms: AtomicI64,
    told: Mutex<Told>,
}

/// What is told of a world.
#[derive(Default)]
struct Told {
    trace: Vec<String>,
    counts: BTreeMap<&'static str, u64>,
    wrong: Vec<String>,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<World>>> = const { RefCell::new(None) };
}

/// The world that this thread belongs to, if it is a simulated one.
pub(super) fn current() -> Option<Arc<World>> {
    CURRENT.with_borrow(Clone::clone)
}

/// This thread belongs to a world for as long as this lives.
pub(super) struct Inside;

impl Inside {
    pub(super) fn of(world: &Arc<World>) -> Self {
        CURRENT.set(Some(Arc::clone(world)));
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}

impl World {
    pub(super) fn new(seed: u64, disk: Disk) -> Arc<Self> {
        Arc::new(Self {
            seed,
            climate: Climate::of(seed),
            disk,
            threads: Threads::default(),
            history: Mutex::default(),
            store_dice: Mutex::new(Dice::new(seed, "store")),
            mishap: Mutex::default(),
            dying: Mutex::default(),
            stop: Mutex::default(),
            is_broken: AtomicBool::new(false),
            busy_clients: AtomicUsize::new(0),
            known_revision: AtomicI64::new(0),
            entropy: Mutex::new(Dice::new(seed, "entropy")),
            elapsed_ms: AtomicU64::new(0),
            clock_offset_ms: AtomicI64::new(0),
            told: Mutex::default(),
        })
    }

    pub(super) fn fill(&self, bytes: &mut [u8]) {
        let mut dice = lock(&self.entropy);
        bytes.fill_with(|| dice.next().to_le_bytes()[0]);
    }

    pub(super) fn set_elapsed(&self, elapsed: Duration) {
        self.elapsed_ms.store(u64::try_from(elapsed.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(super) fn elapsed_ms(&self) -> u64 {
        self.elapsed_ms.load(Ordering::SeqCst)
    }

    /// The clock of the server shows so much more, or less, from now on.
    pub(super) fn shift_clock(&self, by_ms: i64) {
        self.clock_offset_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    pub(super) fn clock_offset_ms(&self) -> i64 {
        self.clock_offset_ms.load(Ordering::SeqCst)
    }

    /// Something has happened.
    pub(super) fn tell(&self, who: &str, what: &str) {
        let line = format!("{} {who} {what}", self.elapsed_ms());
        lock(&self.told).trace.push(line);
    }

    pub(super) fn count(&self, what: &'static str) {
        *lock(&self.told).counts.entry(what).or_default() += 1;
    }

    /// Something has happened that must not.
    pub(super) fn wrong(&self, what: String) {
        self.tell("!", &what);
        lock(&self.told).wrong.push(what);
    }

    pub(super) fn take_wrong(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.told).wrong)
    }

    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.told).counts.clone()
    }

    pub(super) fn trace(&self) -> Vec<String> {
        lock(&self.told).trace.clone()
    }
}

/// A trace as one number.
pub(super) fn digest(trace: &[String]) -> String {
    short(trace.join("\n").as_bytes())
}

/// Some bytes as one number.
pub(super) fn short(bytes: &[u8]) -> String {
    format!("{:016x}", u64::from_be_bytes(Sha256::digest(bytes)[..8].try_into().unwrap()))
}

/// The clock of the server.
pub(super) struct SimulatedClock(pub(super) Arc<World>);

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.0.elapsed_ms()).unwrap();
        Timestamp(BEGINNING_MS + elapsed + self.0.clock_offset_ms())
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

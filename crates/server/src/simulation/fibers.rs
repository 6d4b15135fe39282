//! Work that waits for the store, in an order that can be told again.
//!
//! The store's contract is blocking, so such work needs threads of its own. Here only one thread of a world
//! runs at any time: the one that carries the world hands over to that of the work and stands still until the
//! work has ended or waits. What it waits for is a future, which the world awaits in its own time. So work is
//! interrupted wherever it asks the store for something, others come in between, and all of it is decided by
//! the seed.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::world::{Inside, World, lock};

type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;
type Work = Box<dyn FnOnce() + Send>;

/// What a thread says when it gives the turn back.
enum Said {
    Waits(Waiting),
    Ended,
}

/// Whether the machine on which work runs is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Machine {
    Up,
    Down,
}

/// A thread as the world sees it.
struct Thread {
    work: Sender<Work>,
    turn: Sender<Machine>,
    said: Receiver<Said>,
}

/// A thread as its work sees it.
struct Inner {
    turn: Receiver<Machine>,
    said: Sender<Said>,
}

thread_local! {
    static THREAD: RefCell<Option<Inner>> = const { RefCell::new(None) };
}

/// Those that have nothing to do. They end with their world.
#[derive(Default)]
pub(super) struct Threads(Mutex<Vec<Thread>>);

impl Thread {
    fn start() -> Self {
        let (work, works) = channel::<Work>();
        let (turn, turns) = channel();
        let (say, said) = channel();
        thread::spawn(move || {
            THREAD.set(Some(Inner { turn: turns, said: say.clone() }));
            for work in works {
                work();
                if say.send(Said::Ended).is_err() {
                    break;
                }
            }
        });
        Self { work, turn, said }
    }
}

/// Whether this is a thread that may wait.
pub(super) fn may_wait() -> bool {
    THREAD.with_borrow(Option::is_some)
}

/// Waits, while the world goes on. When the machine goes down nothing more comes of the work.
pub(super) fn pause(until: impl Future<Output = ()> + Send + 'static) -> Machine {
    THREAD.with_borrow(|thread| {
        let Some(Inner { turn, said }) = thread else { return Machine::Up };
        if said.send(Said::Waits(Box::pin(until))).is_err() {
            return Machine::Down;
        }
        turn.recv().unwrap_or(Machine::Down)
    })
}

/// Runs work that may wait. It goes on when nobody waits for it any more, until the machine goes down.
pub(super) async fn wait<T: Send + 'static>(
    world: &Arc<World>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (answer, answered) = oneshot::channel();
    let (inside, handle) = (Arc::clone(world), Handle::current());
    let work = move || {
        let _inside = Inside::of(&inside);
        let _runtime = handle.enter();
        let said = catch_unwind(AssertUnwindSafe(work)).map_err(|_| "work panicked".to_owned());
        drop(answer.send(said));
    };
    let running = Running { world: Arc::clone(world), work: Some(Box::new(work)), thread: None };
    tokio::spawn(running.finish());
    let said = answered.await.unwrap_or_else(|_| Err("work has ended without a word".to_owned()));
    if let Err(why) = &said {
        world.wrong(why.clone());
    }
    said
}

/// Work under way.
struct Running {
    world: Arc<World>,
    work: Option<Work>,
    thread: Option<Thread>,
}

impl Running {
    async fn finish(mut self) {
        self.begin();
        while let Some(until) = self.run() {
            until.await;
            self.turn(Machine::Up);
        }
    }

    fn begin(&mut self) {
        let thread = lock(&self.world.threads.0).pop().unwrap_or_else(Thread::start);
        if let Some(work) = self.work.take() {
            thread.work.send(work).unwrap();
        }
        self.thread = Some(thread);
    }

    fn turn(&self, machine: Machine) {
        if let Some(thread) = &self.thread {
            thread.turn.send(machine).unwrap();
        }
    }

    /// Stands still while the thread runs. What it waits for then; nothing when it has ended.
    fn run(&mut self) -> Option<Waiting> {
        let thread = self.thread.take()?;
        match thread.said.recv().unwrap() {
            Said::Waits(until) => {
                self.thread = Some(thread);
                Some(until)
            }
            Said::Ended => {
                lock(&self.world.threads.0).push(thread);
                None
            }
        }
    }
}

impl Drop for Running {
    /// The machine goes down. Its threads come to their ends, one after the other, and reach nothing any more.
    fn drop(&mut self) {
        while self.thread.is_some() {
            self.turn(Machine::Down);
            self.run();
        }
    }
}

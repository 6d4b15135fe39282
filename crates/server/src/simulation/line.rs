//! The store as the service sees it: reads take their time, writes wait in a line and are made durable in
//! groups, and the disk has its mishaps.

use std::collections::VecDeque;
use std::future::pending;
use std::mem::take;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use store::{Done, ReadFor, ReadJob, Store, StoreError, Turn, WriteJob};
use tokio::sync::{Notify, oneshot};
use tokio::time::sleep;

use super::disk::{Engine, Mishap};
use super::fibers::{self, Machine};
use super::world::{World, lock};

/// What a group commit takes at most.
const MOST_JOBS: usize = 4;

/// The store of one life of a server.
#[derive(Clone)]
pub(super) struct Line(Arc<Inner>);

struct Inner {
    world: Arc<World>,
    engine: Engine,
    waiting: Mutex<VecDeque<Waiting>>,
    arrived: Notify,
    is_closed: AtomicBool,
}

struct Waiting {
    turn: Turn,
    job: WriteJob,
    done: Done,
    told: oneshot::Sender<()>,
}

/// Whom to tell what.
type Untold = (Done, oneshot::Sender<()>, Result<(), StoreError>);

fn gone() -> StoreError {
    StoreError::Unavailable("the machine went down".to_owned())
}

impl Line {
    pub(super) fn new(world: &Arc<World>, engine: Engine) -> Self {
        Self(Arc::new(Inner {
            world: Arc::clone(world),
            engine,
            waiting: Mutex::default(),
            arrived: Notify::new(),
            is_closed: AtomicBool::new(false),
        }))
    }

    /// What the writer's thread does elsewhere. It ends with the machine.
    pub(super) async fn work(self) {
        let _forgetting = Forgetting(Arc::clone(&self.0));
        loop {
            self.0.arrived.notified().await;
            while !lock(&self.0.waiting).is_empty() {
                self.0.pass_time(self.0.world.climate.writing_ms).await;
                let group = self.0.take_some();
                self.0.commit(group).await;
            }
        }
    }
}

/// What waits when the machine goes down is gone. It holds the service, which holds the line.
struct Forgetting(Arc<Inner>);

impl Drop for Forgetting {
    fn drop(&mut self) {
        self.0.forget();
    }
}

impl Inner {
    fn forget(&self) {
        let forgotten = take(&mut *lock(&self.waiting));
        drop(forgotten);
    }

    async fn pass_time(&self, most_ms: u64) {
        let time = lock(&self.world.store_dice).up_to_ms(most_ms);
        sleep(time).await;
    }

    fn take_some(&self) -> Vec<Waiting> {
        let mut waiting = lock(&self.waiting);
        let count = waiting.len().min(1 + lock(&self.world.store_dice).below(MOST_JOBS));
        waiting.drain(..count).collect()
    }

    async fn commit(&self, group: Vec<Waiting>) {
        let mishap = take(&mut *lock(&self.world.mishap));
        let fates = match mishap {
            None => self.write(group),
            Some(Mishap::Full) => refuse(group, &StoreError::Full),
            Some(Mishap::FailedAndThere) => {
                let fates = self.write(group);
                self.fail();
                fates.into_iter().map(|(done, told, fate)| (done, told, fate.and(Err(unknown())))).collect()
            }
            Some(Mishap::FailedAndGone) => {
                self.fail();
                refuse(group, &unknown())
            }
            Some(Mishap::Death) => {
                // Nobody is told anything any more.
                let _untold = self.die_with(group);
                return pending().await;
            }
        };
        let well = fates.iter().filter(|(.., fate)| fate.is_ok()).count();
        self.world.tell("disk", &format!("commits {well} of {} {mishap:?}", fates.len()));
        self.world.count(if well > 1 { "commits of several" } else { "commits" });
        // It is durable, and nobody knows yet.
        self.pass_time(self.world.climate.writing_ms).await;
        for (done, told, fate) in fates {
            done(fate);
            told.send(()).ok();
        }
        if lock(&self.world.store_dice).once_in(16) {
            self.engine.settle();
        }
    }

    fn is_dying(&self) -> bool {
        lock(&self.world.dying).is_some()
    }

    fn fail(&self) {
        self.world.is_broken.store(true, Ordering::SeqCst);
    }

    fn die_with(&self, group: Vec<Waiting>) -> Vec<Untold> {
        self.world.tell("disk", "dies in a commit");
        let begins = lock(&self.world.store_dice).once_in(2);
        let (torn, untold) = match &self.engine {
            // It is there as a whole, or not at all.
            Engine::Memory(_) if !begins => (None, refuse(group, &gone())),
            engine => engine.watch(|| self.write(group)),
        };
        *lock(&self.world.dying) = Some(torn.unwrap_or_default());
        untold
    }

    /// One transaction. What became of each is kept, to be told later.
    fn write(&self, group: Vec<Waiting>) -> Vec<Untold> {
        let fates = Arc::<Mutex<Vec<Untold>>>::default();
        for Waiting { turn, job, done, told } in group {
            let kept = Arc::clone(&fates);
            let keep = Box::new(move |fate| lock(&kept).push((done, told, fate)));
            self.engine.write(turn, job, keep).unwrap();
        }
        self.engine.step();
        take(&mut *lock(&fates))
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.is_closed.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the store is closed".to_owned()));
        }
        if self.world.is_broken.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("a write to the disk failed".to_owned()));
        }
        self.engine.check()
    }
}

fn unknown() -> StoreError {
    StoreError::OutcomeUnknown("the disk has failed".to_owned())
}

fn refuse(group: Vec<Waiting>, why: &StoreError) -> Vec<Untold> {
    group.into_iter().map(|Waiting { done, told, .. }| (done, told, Err(why.clone()))).collect()
}

impl Store for Line {
    fn read(&self, job: ReadJob<'_>) -> Result<(), StoreError> {
        self.read_for(ReadFor::Answers, job)
    }

    fn read_for(&self, _: ReadFor, job: ReadJob<'_>) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.0);
        let look = async move {
            inner.pass_time(inner.world.climate.reading_ms).await;
            if inner.is_dying() {
                // Nobody has seen what the machine takes along.
                pending::<()>().await;
            }
        };
        if fibers::pause(look) == Machine::Down {
            return Err(gone());
        }
        self.0.engine.read(job)
    }

    fn write(&self, turn: Turn, job: WriteJob, done: Done) -> Result<(), StoreError> {
        self.0.check()?;
        if !fibers::may_wait() {
            self.0.engine.write(turn, job, done)?;
            self.0.engine.step();
            return Ok(());
        }
        let (told, fate) = oneshot::channel();
        {
            let mut waiting = lock(&self.0.waiting);
            if waiting.len() >= self.0.world.climate.line {
                self.0.world.count("full lines of writes");
                return Err(StoreError::Overloaded);
            }
            waiting.push_back(Waiting { turn, job, done, told });
        }
        self.0.arrived.notify_one();
        match fibers::pause(async move { drop(fate.await) }) {
            Machine::Up => Ok(()),
            Machine::Down => {
                self.0.forget();
                Err(gone())
            }
        }
    }

    fn check(&self) -> Result<(), StoreError> {
        self.0.check()
    }

    fn give_back(&self) {
        self.0.engine.give_back();
    }

    fn close(&self) {
        if fibers::pause(async {}) == Machine::Down {
            return;
        }
        self.0.is_closed.store(true, Ordering::SeqCst);
        let group = lock(&self.0.waiting).drain(..).collect();
        for (done, told, fate) in self.0.write(group) {
            done(fate);
            told.send(()).ok();
        }
        self.0.engine.close();
    }
}

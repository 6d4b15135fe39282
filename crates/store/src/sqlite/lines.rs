//! What waits for the writer: a line for each turn. They are served one after another, so that who comes with one
//! job does not wait for all of somebody who came with many.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, PoisonError};

use super::idle::UNUSED_FOR;
use super::lock;
use super::writer::Queued;
use crate::Turn;

/// The lines.
pub(super) struct Lines {
    state: Mutex<State>,
    changed: Condvar,
    /// How many jobs may wait.
    room: usize,
}

#[derive(Default)]
struct State {
    lines: HashMap<Turn, VecDeque<Queued>>,
    /// Who has a line, in the order in which they are served.
    turns: VecDeque<Turn>,
    waiting: usize,
    closed: bool,
}

/// Why a job cannot wait, with the job.
pub(super) enum Refused {
    Full(Queued),
    Closed(Queued),
}

impl Lines {
    pub(super) fn new(room: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), room }
    }

    /// Puts a job at the end of its line.
    pub(super) fn join(&self, turn: Turn, job: Queued) -> Result<(), Refused> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(Refused::Closed(job));
        }
        if state.waiting == self.room {
            return Err(Refused::Full(job));
        }
        let line = state.lines.entry(turn).or_default();
        line.push_back(job);
        if line.len() == 1 {
            state.turns.push_back(turn);
        }
        state.waiting += 1;
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The next job, when there is one; `None` when nothing waits and nothing more can come. Says if it takes long.
    pub(super) fn wait(&self, long: impl FnOnce()) -> Option<(Turn, Queued)> {
        let nothing = |state: &mut State| state.waiting == 0 && !state.closed;
        let waited = self.changed.wait_timeout_while(lock(&self.state), UNUSED_FOR, nothing);
        let (mut state, time) = waited.unwrap_or_else(PoisonError::into_inner);
        if !time.timed_out() {
            return state.next();
        }
        drop(state);
        long();
        let waited = self.changed.wait_while(lock(&self.state), nothing);
        waited.unwrap_or_else(PoisonError::into_inner).next()
    }

    /// The next job, if one waits that may come now: of who has had the least so far, the first one of these.
    pub(super) fn next_if(
        &self,
        had: impl Fn(Turn) -> usize,
        may_come: impl FnOnce(Turn) -> bool,
    ) -> Option<(Turn, Queued)> {
        let mut state = lock(&self.state);
        let (place, turn) = state.turns.iter().copied().enumerate().min_by_key(|(_, turn)| had(*turn))?;
        if may_come(turn) { state.take(place) } else { None }
    }

    /// Nothing more may come. What waits is still served.
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// Nobody serves them any more: who waits is told so.
    pub(super) fn abandon(&self) {
        let end = State { closed: true, ..State::default() };
        let left = std::mem::replace(&mut *lock(&self.state), end);
        drop(left);
    }
}

impl State {
    fn next(&mut self) -> Option<(Turn, Queued)> {
        self.take(0)
    }

    /// The first job of the line at this place in the order.
    fn take(&mut self, place: usize) -> Option<(Turn, Queued)> {
        let turn = self.turns.remove(place)?;
        let line = self.lines.get_mut(&turn)?;
        let job = line.pop_front()?;
        if line.is_empty() {
            self.lines.remove(&turn);
        } else {
            self.turns.push_back(turn);
        }
        self.waiting -= 1;
        Some((turn, job))
    }
}

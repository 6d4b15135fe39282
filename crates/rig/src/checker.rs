//! The one rule by which a history is judged.
//!
//! A batch that writes makes a revision, and its run tells which. So the history is told again, one batch after
//! another in the order of the revisions, by the reference engine: each answer must be the one that was given, the
//! order must be one that the clients could have seen, and in the end the same must be stored. What was not
//! answered may be there or not: its run tells. What was answered without leaving a run (a read, or a batch that
//! changed nothing and whose run a crash has taken along) must be right at some revision between those that were
//! answered before it was sent and those that were sent after it was answered.

mod state;
#[cfg(test)]
mod tests;
mod told;

use std::collections::{HashMap, HashSet};

use self::told::{Attempt, Kept, Look, Told, shorten};
use crate::history::{Found, Operation, Run, Shown};
use crate::oracle::Oracle;
use crate::tally::Tally;

/// So many ways to explain a history are tried at most.
const EXPLANATIONS: usize = 500;

/// Judges the histories of one tenant, one after another.
#[derive(Debug)]
pub struct Checker {
    /// What must be stored since the last history.
    oracle: Oracle,
    /// The answers to requests with idempotency keys.
    kept: HashMap<String, Kept>,
    /// The runs of histories that are settled.
    settled: HashSet<String>,
}

impl Default for Checker {
    fn default() -> Self {
        Self::new()
    }
}

/// A batch at its place in the order.
struct Event<'a> {
    run: &'a Run,
    /// `None` for a run that nobody has asked for.
    attempt: Option<&'a Attempt<'a>>,
}

impl Event<'_> {
    /// A batch that wrote made its revision; one that did not saw it.
    const fn place(&self) -> (i64, bool) {
        (self.run.revision, !self.run.wrote())
    }
}

/// What an explanation has to fit.
struct Clues<'a> {
    looks: &'a [Look<'a>],
    found: &'a Found,
    /// Batches of which it is known already that they were lost.
    lost: u64,
}

/// A history told again.
struct Replay {
    oracle: Oracle,
    kept: Vec<(String, Kept)>,
    tally: Tally,
}

impl Checker {
    /// Of a tenant that has the attributes of the workload and nothing else.
    pub fn new() -> Self {
        Self { oracle: Oracle::new(), kept: HashMap::new(), settled: HashSet::new() }
    }

    /// Another one that knows as much.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { oracle: self.oracle.fork(), kept: self.kept.clone(), settled: self.settled.clone() }
    }

    /// The revision of what was found last.
    pub fn revision(&self) -> i64 {
        self.oracle.revision()
    }

    /// Judges what has happened since the last time, when nothing moves any more. Where something was lost, half
    /// applied or wrong, what comes after it cannot be judged: begin anew.
    pub fn settle(&mut self, history: &[Operation], found: &Found) -> Tally {
        let told = Told::of(history, &self.kept);
        let new: Vec<&Run> = found.runs.iter().filter(|run| !self.settled.contains(&run.id)).collect();
        let by_id: HashMap<&str, &Run> = new.iter().map(|run| (run.id.as_str(), *run)).collect();
        let by_key: HashMap<&str, &Run> =
            new.iter().filter_map(|run| Some((run.idempotency_key.as_deref()?, *run))).collect();
        let mut tally = told.tally.clone();
        let (mut events, mut looks, mut spare) = (Vec::new(), told.looks.clone(), Vec::new());
        for attempt in &told.attempts {
            let key = attempt.write.key.as_deref();
            let by_key = key.and_then(|key| by_key.get(key).copied());
            let run = match attempt.answer {
                Some(answer) => answer.run.as_deref().and_then(|id| by_id.get(id).copied()),
                None => by_key,
            };
            match (run, attempt.answer) {
                (Some(run), None) => {
                    if attempt.is_refused {
                        tally.wrong(format!("{} was refused or not sent whole, and done", attempt.name()));
                    } else {
                        tally.silent_done += 1;
                    }
                    events.push(Event { run, attempt: Some(attempt) });
                }
                (Some(run), Some(_)) => events.push(Event { run, attempt: Some(attempt) }),
                (None, None) if key.is_none() && !attempt.is_refused => spare.push(attempt),
                (None, None) => {}
                (None, Some(_)) if key.is_some() => tally.lose(attempt.name()),
                (None, Some(answer)) => looks.push(Look::of_attempt(attempt, answer)),
            }
        }
        let claimed: HashSet<&str> = events.iter().map(|event| event.run.id.as_str()).collect();
        let orphans: Vec<&Run> =
            new.iter().copied().filter(|run| run.wrote() && !claimed.contains(run.id.as_str())).collect();
        let clues = Clues { looks: &looks, found, lost: tally.lost };
        let replay = self.explain(&events, &orphans, &spare, &clues);
        tally += replay.tally;
        tally.cycles = 1;
        (self.oracle, tally.silent) = (replay.oracle, tally.silent.saturating_sub(tally.silent_done));
        self.kept.extend(replay.kept);
        self.settled.extend(new.into_iter().map(|run| run.id.clone()));
        tally
    }

    /// Batches without a key that were not answered may be those whose runs are found: any way in which everything
    /// is right will do, and if there is none, the one in which least is wrong.
    fn explain(
        &self,
        events: &[Event<'_>],
        orphans: &[&Run],
        spare: &[&Attempt<'_>],
        clues: &Clues<'_>,
    ) -> Replay {
        let mut ways = vec![Vec::new()];
        for orphan in orphans {
            let longer = |way: &Vec<Option<usize>>| {
                let fits = |index: &usize| {
                    spare[*index].write.call.operation() == orphan.operation && !way.contains(&Some(*index))
                };
                let candidates: Vec<Option<usize>> = (0..spare.len()).filter(fits).map(Some).collect();
                let candidates = if candidates.is_empty() { vec![None] } else { candidates };
                let way = way.clone();
                candidates.into_iter().map(move |next| [way.as_slice(), &[next]].concat())
            };
            ways = ways.iter().flat_map(longer).take(EXPLANATIONS).collect();
        }
        let mut best: Option<Replay> = None;
        for way in ways {
            let explained = orphans.iter().zip(way).map(|(run, index)| Event {
                run,
                attempt: index.and_then(|index| spare.get(index).copied()),
            });
            let known = events.iter().map(|event| Event { run: event.run, attempt: event.attempt });
            let mut replay = self.replay(known.chain(explained).collect(), clues);
            replay.tally.silent_done = orphans.len() as u64;
            if best.as_ref().is_none_or(|best| replay.tally.faults() < best.tally.faults()) {
                best = Some(replay);
            }
            if best.as_ref().is_some_and(|best| best.tally.is_clean()) {
                break;
            }
        }
        best.expect("there is at least one way")
    }

    /// Tells the history again in this order.
    fn replay(&self, mut events: Vec<Event<'_>>, clues: &Clues<'_>) -> Replay {
        events.sort_by_key(Event::place);
        let mut replay = Replay { oracle: self.oracle.fork(), kept: Vec::new(), tally: Tally::default() };
        check_order(&events, &mut replay.tally);
        let mut open: Vec<Open<'_>> = clues.looks.iter().map(|look| Open::of(look, &events)).collect();
        look_around(&replay.oracle, &mut open);
        let mut is_whole = true;
        for event in &events {
            is_whole = replay.tell(event);
            if !is_whole {
                break;
            }
            if event.run.wrote() {
                look_around(&replay.oracle, &mut open);
            }
        }
        // Writes first: whoever read what was lost was told the truth, at that time.
        open.retain(|open| !open.is_right && (is_whole || open.until <= replay.oracle.revision()));
        let (reads, writes): (Vec<_>, Vec<_>) =
            open.iter().partition(|open| matches!(open.look, Look::Read { .. }));
        for open in writes {
            replay.unexplained(open);
        }
        if clues.lost + replay.tally.lost == 0 {
            for open in reads {
                replay.unexplained(open);
            }
        }
        if is_whole {
            state::compare(&replay.oracle, clues.found, &mut replay.tally);
        }
        replay
    }
}

impl Replay {
    /// The next batch; false if nothing behind it can be judged.
    fn tell(&mut self, event: &Event<'_>) -> bool {
        let (run, revision) = (event.run, self.oracle.revision());
        let expected = if run.wrote() { revision + 1 } else { revision };
        if run.revision > expected {
            self.tally.halve(format!("revision {} has no run", revision + 1));
            return false;
        }
        if run.revision < expected {
            self.tally.wrong(format!("two runs made revision {}, or one saw it too late", run.revision));
            return false;
        }
        let Some(attempt) = event.attempt else {
            self.tally.wrong(format!("nobody has sent the batch of run {}", run.id));
            return false;
        };
        let planned = self.oracle.plan(attempt.write);
        if planned.writes() != run.wrote() {
            let word = if run.wrote() { "wrote" } else { "did not write" };
            self.tally.wrong(format!("at revision {}, {} {word}", run.revision, attempt.name()));
            return false;
        }
        if let Some(answer) = attempt.answer.filter(|answer| answer.body != planned.answer) {
            let [said, due] = [&answer.body, &planned.answer].map(|text| shorten(text));
            let name = attempt.name();
            self.tally.wrong(format!("at revision {}, {name} said {said} for {due}", run.revision));
        }
        if run.wrote() {
            self.oracle.apply(&planned);
        }
        if let Some(key) = &attempt.write.key {
            self.kept.push((key.clone(), Kept { run: run.id.clone(), body: planned.answer }));
        }
        true
    }

    /// Something for which no revision was found.
    fn unexplained(&mut self, open: &Open<'_>) {
        match open.look {
            Look::Write { attempt, .. } => self.tally.lose(attempt.name()),
            Look::Read { read, shown, .. } => {
                let (target, said) = (read.target(), shorten(&shown.body));
                let from = open.from;
                self.tally
                    .wrong(format!("at no revision from {from} on, {target} shows {} {said}", shown.status));
            }
        }
    }
}

/// Something that was answered and has no revision, and the revisions at which it may have been right.
struct Open<'a> {
    look: &'a Look<'a>,
    from: i64,
    until: i64,
    is_right: bool,
}

impl<'a> Open<'a> {
    fn of(look: &'a Look<'a>, events: &[Event<'_>]) -> Self {
        let (began, ended) = look.times();
        let (mut from, mut until) = (0, i64::MAX);
        for event in events {
            let Some(attempt) = event.attempt else { continue };
            if attempt.ended.is_some_and(|ended| ended < began) {
                from = from.max(event.run.revision);
            }
            if attempt.began > ended {
                until = until.min(event.run.revision - i64::from(event.run.wrote()));
            }
        }
        Self { look, from, until, is_right: false }
    }
}

/// Finds out for whom this revision is the right one.
fn look_around(oracle: &Oracle, open: &mut [Open<'_>]) {
    let revision = oracle.revision();
    let fits = |open: &&mut Open<'_>| !open.is_right && (open.from..=open.until).contains(&revision);
    let mut seen: HashMap<_, Shown> = HashMap::new();
    for open in open.iter_mut().filter(fits) {
        open.is_right = match open.look {
            Look::Read { read, shown, .. } => {
                *seen.entry(*read).or_insert_with(|| oracle.show(read)) == *shown
            }
            Look::Write { attempt, answer } => {
                let planned = oracle.plan(attempt.write);
                !planned.writes() && planned.answer == answer.body
            }
        };
    }
}

/// Whoever was answered before another one began comes before it.
fn check_order(events: &[Event<'_>], tally: &mut Tally) {
    // The earliest answer among those that come later, by place.
    let mut later: Option<(u64, String)> = None;
    for same in events.chunk_by(|one, other| one.place() == other.place()).rev() {
        for attempt in same.iter().filter_map(|event| event.attempt) {
            if let Some((_, name)) = later.as_ref().filter(|(ended, _)| *ended < attempt.began) {
                tally.wrong(format!(
                    "{name} was answered before {} was sent, and comes later",
                    attempt.name()
                ));
            }
        }
        for attempt in same.iter().filter_map(|event| event.attempt) {
            if let Some(ended) = attempt.ended
                && later.as_ref().is_none_or(|(earliest, _)| ended < *earliest)
            {
                later = Some((ended, attempt.name()));
            }
        }
    }
}

//! What the clients tell: requests that were sent several times put together.

use std::collections::{BTreeMap, HashMap};

use crate::history::{Fate, Operation, Reply, Shown};
use crate::tally::{self, Tally};
use crate::workload::{Asked, Read, Write};

/// A write, with everything that came back to it.
#[derive(Debug, Clone)]
pub(super) struct Attempt<'a> {
    pub(super) write: &'a Write,
    pub(super) began: u64,
    /// When it was first answered.
    pub(super) ended: Option<u64>,
    pub(super) answer: Option<&'a Reply>,
    /// Every time it was refused, or not sent whole.
    pub(super) is_refused: bool,
}

impl Attempt<'_> {
    pub(super) fn name(&self) -> String {
        let call = self.write.call.target();
        match &self.write.key {
            Some(key) => format!("{call} ({key})"),
            None => format!("{call} {}", shorten(&self.write.body)),
        }
    }
}

/// The beginning of what a client sent or was told.
pub(super) fn shorten(text: &str) -> String {
    tally::shorten(text, 400)
}

/// The answer to a request with an idempotency key that was done.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) run: String,
    pub(super) body: String,
}

/// Something that was answered from what is stored and has left nothing there.
#[derive(Debug, Clone)]
pub(super) enum Look<'a> {
    Read { read: &'a Read, shown: Shown, began: u64, ended: u64 },
    Write { attempt: Attempt<'a>, answer: &'a Reply },
}

impl<'a> Look<'a> {
    pub(super) fn of_attempt(attempt: &Attempt<'a>, answer: &'a Reply) -> Self {
        Self::Write { attempt: attempt.clone(), answer }
    }

    pub(super) fn times(&self) -> (u64, u64) {
        match self {
            Self::Read { began, ended, .. } => (*began, *ended),
            Self::Write { attempt, .. } => (attempt.began, attempt.ended.unwrap_or(u64::MAX)),
        }
    }
}

/// A history as its clients tell it.
#[derive(Debug, Default)]
pub(super) struct Told<'a> {
    pub(super) attempts: Vec<Attempt<'a>>,
    pub(super) looks: Vec<Look<'a>>,
    pub(super) tally: Tally,
}

impl<'a> Told<'a> {
    /// Requests whose answers are kept since an earlier history are judged here, and are no part of this one.
    pub(super) fn of(history: &'a [Operation], kept: &HashMap<String, Kept>) -> Self {
        let mut told = Self::default();
        let mut keyed: BTreeMap<&str, Vec<(&'a Write, &'a Operation)>> = BTreeMap::new();
        for operation in history {
            match (&operation.asked, &operation.fate) {
                (_, Fate::Strange(said)) => {
                    let asked = shorten(&format!("{:?}", operation.asked));
                    told.tally.wrong(format!("{said} to {asked}"));
                }
                (_, Fate::Refused(_)) => told.tally.refused += 1,
                _ => {}
            }
            match &operation.asked {
                Asked::Read(read) => told.read(read, operation),
                Asked::Write(write) => match &write.key {
                    Some(key) => keyed.entry(key).or_default().push((write, operation)),
                    None => told.attempts.push(together(&[(write, operation)])),
                },
            }
        }
        for (key, operations) in keyed {
            match kept.get(key) {
                Some(kept) => told.repeated(kept, &operations),
                None => told.keyed(&operations),
            }
        }
        told.tally.acknowledged +=
            told.attempts.iter().filter(|attempt| attempt.answer.is_some()).count() as u64;
        let silent = |attempt: &&Attempt<'_>| attempt.answer.is_none() && !attempt.is_refused;
        told.tally.silent += told.attempts.iter().filter(silent).count() as u64;
        told
    }

    fn read(&mut self, read: &'a Read, operation: &'a Operation) {
        if let Fate::Answered(reply) = &operation.fate {
            self.tally.reads += 1;
            let shown = Shown::of(read, reply.status, &reply.body);
            self.looks.push(Look::Read { read, shown, began: operation.began, ended: operation.ended });
        }
    }

    /// A request with a key, sent once or more often: it is done at most once, and answered alike each time.
    fn keyed(&mut self, operations: &[(&'a Write, &'a Operation)]) {
        let attempt = together(operations);
        let answers: Vec<&Reply> = answers(operations).map(|(_, reply)| reply).collect();
        if let Some(first) = attempt.answer {
            let alike = |reply: &&&Reply| reply.body == first.body && reply.run == first.run;
            if answers.iter().filter(alike).count() < answers.len() {
                self.tally.wrong(format!("{} was answered in two ways", attempt.name()));
            }
        }
        if answers.iter().filter(|reply| !reply.is_replay).count() > 1 {
            self.tally.wrong(format!("{} was done twice", attempt.name()));
        }
        let is_source = |fate: &Fate| match fate {
            Fate::Answered(reply) => !reply.is_replay,
            Fate::Silent(_) | Fate::Strange(_) => true,
            Fate::Refused(_) | Fate::Fragment(_) => false,
        };
        if !answers.is_empty() && !operations.iter().any(|(_, operation)| is_source(&operation.fate)) {
            self.tally.wrong(format!("{} was done before it was sent whole", attempt.name()));
        }
        self.attempts.push(attempt);
    }

    /// The same, where it was done before: every answer is the kept one.
    fn repeated(&mut self, kept: &Kept, operations: &[(&'a Write, &'a Operation)]) {
        for (write, reply) in answers(operations) {
            self.tally.acknowledged += 1;
            let is_kept = reply.body == kept.body && reply.run.as_ref() == Some(&kept.run);
            if !(reply.is_replay && is_kept) {
                let (key, said) = (write.key.as_deref().unwrap_or_default(), shorten(&reply.body));
                self.tally.wrong(format!("{key} was done before, and answered with {said}"));
            }
        }
    }
}

fn answers<'a, 'o>(
    operations: &'o [(&'a Write, &'a Operation)],
) -> impl Iterator<Item = (&'a Write, &'a Reply)> + 'o {
    operations.iter().filter_map(|(write, operation)| match &operation.fate {
        Fate::Answered(reply) => Some((*write, reply)),
        _ => None,
    })
}

/// Its effect lies between the moment at which it was first sent whole and the one at which it was first answered.
fn together<'a>(operations: &[(&'a Write, &'a Operation)]) -> Attempt<'a> {
    let (write, first) = operations[0];
    let answered = operations.iter().filter_map(|(_, operation)| match &operation.fate {
        Fate::Answered(reply) => Some((operation.ended, reply)),
        _ => None,
    });
    let earliest = answered.min_by_key(|(ended, _)| *ended);
    let whole = operations.iter().filter(|(_, operation)| !matches!(operation.fate, Fate::Fragment(_)));
    Attempt {
        write,
        began: whole.map(|(_, operation)| operation.began).min().unwrap_or(first.began),
        ended: earliest.map(|(ended, _)| ended),
        answer: earliest.map(|(_, reply)| reply),
        is_refused: operations
            .iter()
            .all(|(_, operation)| matches!(operation.fate, Fate::Refused(_) | Fate::Fragment(_))),
    }
}

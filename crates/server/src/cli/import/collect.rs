//! Takes in what became of each record: counts it, keeps it for later, or puts it in its failed file.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::answer::{Change, Done, Outcome};
use super::deferred::{Deferred, Spill, WouldBeCreated, may_pass};
use super::face::Face;
use super::failed::{End, FailedFile};
use super::flow::Event;
use super::progress::Progress;
use super::record::{Failure, Fault, Origin, Record};
use super::send::Mode;
use super::stop::{Reason, Stop};
use super::summary::Summary;

/// How many failures are shown; the rest is in the failed files.
const SHOWN_FAILURES: usize = 10;

/// How many kinds of warnings are told apart. Field names come from the input, so there may be any number.
const WARNING_KINDS: usize = 50;

/// Everything an import keeps about the records that are behind it: numbers, and files.
pub(super) struct Collector<'a> {
    pub(super) summary: Summary,
    face: &'a dyn Face,
    progress: Progress,
    stderr: &'a mut dyn Write,
    inputs: Vec<Input>,
    consumed_bytes: Arc<AtomicU64>,
    deferred: Spill,
    would_be_created: Option<WouldBeCreated>,
    warnings: BTreeMap<(String, String), u64>,
    shown: Vec<String>,
}

/// An input, as far as its outcomes are concerned.
pub(super) struct Input {
    pub(super) name: String,
    pub(super) failed: FailedFile,
}

impl<'a> Collector<'a> {
    /// A collector for these inputs.
    pub(super) fn new(
        face: &'a dyn Face,
        inputs: Vec<Input>,
        mode: Mode,
        progress: Progress,
        consumed_bytes: Arc<AtomicU64>,
        stderr: &'a mut dyn Write,
    ) -> Self {
        Self {
            summary: face.summary(),
            face,
            progress,
            stderr,
            inputs,
            consumed_bytes,
            deferred: Spill::default(),
            would_be_created: (mode == Mode::DryRun).then(WouldBeCreated::default),
            warnings: BTreeMap::new(),
            shown: Vec::new(),
        }
    }

    /// Takes what a thread reports.
    pub(super) fn take(&mut self, event: Event) -> Result<(), Stop> {
        match event {
            Event::Delivered { records, delivery } => {
                self.summary.batches += delivery.requests;
                for (record, outcome) in records.into_iter().zip(delivery.outcomes) {
                    self.outcome(record, outcome)?;
                }
                self.show_progress();
                Ok(())
            }
            Event::Unsendable(failure) => self.failure(&failure),
            Event::Notice(text) => {
                self.say(&text);
                Ok(())
            }
            Event::Stopped(stop) => Err(stop),
        }
    }

    /// How many records wait for their parent.
    pub(super) fn waiting(&self) -> u64 {
        self.deferred.count()
    }

    /// Takes out the records that wait, to be sent again.
    pub(super) fn take_waiting(
        &mut self,
    ) -> Result<impl Iterator<Item = io::Result<Deferred>> + Send + use<>, Stop> {
        self.deferred.drain().map_err(|error| Stop::disk("the records that wait for their parent", &error))
    }

    /// In a dry run: counts the waiting records whose parent another batch would create, and those below
    /// them. The server cannot know these parents, as nothing is written.
    pub(super) fn judge_waiting(&mut self) -> Result<(), Stop> {
        let Some(mut known) = self.would_be_created.take() else { return Ok(()) };
        let mut judged = 0;
        loop {
            let before = judged;
            for deferred in self.take_waiting()? {
                let deferred = deferred.map_err(|error| Stop::disk("the records that wait", &error))?;
                if known.admit(self.face.identity(&deferred.record.object)) {
                    self.count(Change::Created);
                    judged += 1;
                } else {
                    self.defer(&deferred)?;
                }
            }
            if judged == before {
                break;
            }
        }
        if judged > 0 {
            self.say(&format!(
                "dry run: {judged} records have a parent that this import would create in another batch; \
                 they were judged by this client, not the server, and are counted as created"
            ));
        }
        Ok(())
    }

    /// The records that still wait have failed.
    pub(super) fn give_up_waiting(&mut self) -> Result<(), Stop> {
        for deferred in self.take_waiting()? {
            let Deferred { record, fault } =
                deferred.map_err(|error| Stop::disk("the records that wait", &error))?;
            self.failure(&Failure { origin: record.origin, kept: record.kept(), fault })?;
        }
        Ok(())
    }

    /// Tells the user something on standard error.
    pub(super) fn say(&mut self, text: &str) {
        // Whether anybody reads it makes no difference to the import.
        let _ = self.progress.aside(|| writeln!(self.stderr, "{text}"));
    }

    /// The reason for a stop, with the place in the input where it has one.
    pub(super) fn describe(&self, stop: &Stop) -> String {
        match stop.batch {
            Some((first, last)) if matches!(stop.reason, Reason::Refused | Reason::Failure) => {
                format!("{} (batch from {} to {})", stop.message, self.place(first), self.place(last))
            }
            _ => stop.message.clone(),
        }
    }

    /// Puts the failed files in place and tells what went wrong. The numbers are left to the caller.
    pub(super) fn finish(mut self, end: End) -> (Summary, Result<(), Stop>) {
        self.progress.clear();
        for line in std::mem::take(&mut self.shown) {
            self.say(&line);
        }
        let more = self.summary.failed.saturating_sub(SHOWN_FAILURES as u64);
        if more > 0 {
            self.say(&format!("… and {more} more"));
        }
        for ((code, field), records) in std::mem::take(&mut self.warnings) {
            let space = if field.is_empty() { "" } else { " " };
            self.say(&format!("warning: {code}{space}{field}: {records} records"));
        }
        let mut result = Ok(());
        for Input { name, failed } in std::mem::take(&mut self.inputs) {
            match failed.finish(end) {
                Ok(Some(path)) => self.say(&format!("{name}: failed records are in {}", path.display())),
                Ok(None) => {}
                Err(error) => result = Err(Stop::disk(&format!("the failed records of {name}"), &error)),
            }
        }
        (self.summary, result)
    }

    fn outcome(&mut self, record: Record, outcome: Outcome) -> Result<(), Stop> {
        match outcome {
            Outcome::Done(done) => {
                self.done(&record, done);
                Ok(())
            }
            Outcome::Failed(faults) => {
                let waits = may_pass(&faults);
                let fault = combine(faults);
                if waits {
                    self.defer(&Deferred { record, fault })
                } else {
                    self.failure(&Failure { origin: record.origin, kept: record.kept(), fault })
                }
            }
        }
    }

    fn done(&mut self, record: &Record, done: Done) {
        self.count(done.change);
        if let (Some(known), Change::Created) = (&mut self.would_be_created, done.change)
            && let Some(identity) = self.face.identity(&record.object)
        {
            known.insert(identity);
        }
        for kind in done.warnings {
            if self.warnings.len() < WARNING_KINDS || self.warnings.contains_key(&kind) {
                *self.warnings.entry(kind).or_default() += 1;
            } else {
                *self.warnings.entry(("other warnings".to_owned(), String::new())).or_default() += 1;
            }
        }
    }

    fn count(&mut self, change: Change) {
        self.summary.records += 1;
        match change {
            Change::Created => self.summary.created += 1,
            Change::Updated => self.summary.updated += 1,
            Change::Unchanged => self.summary.unchanged += 1,
            Change::Skipped => *self.summary.skipped.get_or_insert_default() += 1,
        }
    }

    fn defer(&mut self, deferred: &Deferred) -> Result<(), Stop> {
        self.deferred
            .push(deferred)
            .map_err(|error| Stop::disk("the records that wait for their parent", &error))
    }

    fn failure(&mut self, failure: &Failure) -> Result<(), Stop> {
        self.summary.records += 1;
        self.summary.failed += 1;
        if self.shown.len() < SHOWN_FAILURES {
            self.shown.push(format!("{}: {}", self.place(failure.origin), failure.fault.describe()));
        }
        let Some(input) = self.inputs.get_mut(failure.origin.input) else { return Ok(()) };
        input.failed.push(failure).map_err(|error| Stop::disk("the failed records", &error))
    }

    fn place(&self, origin: Origin) -> String {
        let name = self.inputs.get(origin.input).map_or("", |input| input.name.as_str());
        format!("{name}:{}", origin.line)
    }

    fn show_progress(&self) {
        let consumed = self.consumed_bytes.load(Ordering::Relaxed);
        self.progress.show(consumed, &self.summary, self.deferred.count());
    }
}

/// The faults of a record as one, so that all of them can be repaired at once: code and field are those of
/// the most important one, the message names the others.
fn combine(faults: Vec<Fault>) -> Fault {
    let mut faults = faults.into_iter();
    let first = faults.next().unwrap_or_else(|| Fault::of_record("UNKNOWN", String::new()));
    faults.fold(first, |first, other| Fault {
        message: faces::failed::combine(&first.message, [other.describe()].into_iter()),
        ..first
    })
}

#[cfg(test)]
mod tests {
    use super::{Fault, combine};

    #[test]
    fn all_faults_of_a_record_are_told() {
        let fault = |code: &str, field: &str, message: &str| Fault {
            code: code.into(),
            reason: Box::default(),
            field: field.into(),
            message: message.into(),
        };
        let combined =
            combine(vec![fault("A", "name", "too long"), fault("B", "", "odd"), fault("C", "x", "y")]);
        assert_eq!(combined, fault("A", "name", "too long; also B: odd; also C x: y"));
    }
}

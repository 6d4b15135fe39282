//! The threads of an import: one reads, some send, the caller's own takes what comes back.
//!
//! All channels are bounded, so a slow server slows the reader down and a large input needs no more memory
//! than a small one: at most one batch more than there are senders is held.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::record::{Failure, Record};
use super::send::{Client, Delivery};
use super::stop::Stop;

/// How large a batch may become.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchLimits {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

/// What the threads report.
pub(super) enum Event {
    /// A batch was taken on by the server.
    Delivered { records: Vec<Record>, delivery: Delivery },
    /// A record cannot be sent.
    Unsendable(Failure),
    /// Something the user should know.
    Notice(String),
    /// A thread gave up.
    Stopped(Stop),
}

/// Where the reader puts what it reads.
pub(super) struct Outlet {
    limits: BatchLimits,
    pending: Vec<Record>,
    pending_bytes: usize,
    batches: SyncSender<Vec<Record>>,
    events: SyncSender<Event>,
    halt: Arc<AtomicBool>,
}

impl Outlet {
    /// Adds a record to the batch, which is sent when it is full.
    pub(super) fn record(&mut self, record: Record) -> ControlFlow<()> {
        let bytes = record.object.len() + 1;
        if !self.pending.is_empty() && self.pending_bytes + bytes > self.limits.bytes {
            self.flush()?;
        }
        self.pending_bytes += bytes;
        self.pending.push(record);
        if self.pending.len() >= self.limits.records { self.flush() } else { ControlFlow::Continue(()) }
    }

    /// Reports a record that cannot be sent.
    pub(super) fn unsendable(&mut self, failure: Failure) -> ControlFlow<()> {
        self.event(Event::Unsendable(failure))
    }

    /// Sends what is there as a batch.
    pub(super) fn flush(&mut self) -> ControlFlow<()> {
        self.pending_bytes = 0;
        let batch = std::mem::take(&mut self.pending);
        if self.halt.load(Ordering::Relaxed) || (!batch.is_empty() && self.batches.send(batch).is_err()) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn event(&self, event: Event) -> ControlFlow<()> {
        match self.events.send(event) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

/// Runs the threads until everything `produce` hands out is sent and taken by `take`, or until one of them
/// stops; the first reason to stop is returned. Batches in flight by then are still taken.
pub(super) fn run(
    client: &Client<'_>,
    parallel: usize,
    limits: BatchLimits,
    produce: impl FnOnce(&mut Outlet) -> Result<(), Stop> + Send,
    take: &mut dyn FnMut(Event) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let halt = Arc::new(AtomicBool::new(false));
    let mut first_stop = None;
    thread::scope(|scope| {
        let (batches, queue) = sync_channel(1);
        let (events, arriving) = sync_channel(parallel * 2);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..parallel {
            let (queue, events, halt) = (Arc::clone(&queue), events.clone(), Arc::clone(&halt));
            scope.spawn(move || send_batches(client, &queue, &events, &halt));
        }
        drop(queue);
        let mut outlet = Outlet {
            limits,
            pending: Vec::new(),
            pending_bytes: 0,
            batches,
            events,
            halt: Arc::clone(&halt),
        };
        // A reader that stops sends no half batch, and what it has queued is still sent: so what was written
        // by then depends on the input alone, not on which thread was faster.
        scope.spawn(move || {
            if let Err(stop) = produce(&mut outlet) {
                let _ = outlet.event(Event::Stopped(stop));
            }
        });
        for event in arriving {
            let taken = match event {
                Event::Stopped(stop) => Err(stop),
                other => take(other).inspect_err(|_| halt.store(true, Ordering::Relaxed)),
            };
            if let Err(stop) = taken {
                first_stop.get_or_insert(stop);
            }
        }
    });
    first_stop.map_or(Ok(()), Err)
}

/// Sends batches until there are no more. After a halt the queue is emptied without sending: the reader may
/// be waiting for room in it.
fn send_batches(
    client: &Client<'_>,
    queue: &Mutex<Receiver<Vec<Record>>>,
    events: &SyncSender<Event>,
    halt: &AtomicBool,
) {
    // The receiving end of `events` outlives the senders: it is read until all of them are gone.
    let notice = |text| drop(events.send(Event::Notice(text)));
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(records) = next else { return };
        if halt.load(Ordering::Relaxed) {
            continue;
        }
        let event = match client.deliver(&records, &notice) {
            Ok(delivery) => Event::Delivered { records, delivery },
            Err(stop) => {
                halt.store(true, Ordering::Relaxed);
                Event::Stopped(stop.at_batch(&records))
            }
        };
        drop(events.send(event));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::sync_channel;

    use super::{BatchLimits, Outlet, Record};
    use crate::cli::import::record::Origin;

    /// The sizes of the batches that objects of these lengths make.
    fn check(lengths: &[usize], expected: &[usize]) {
        let (batches, queue) = sync_channel(lengths.len());
        let limits = BatchLimits { records: 3, bytes: 100 };
        let (pending, pending_bytes) = (Vec::new(), 0);
        let (events, halt) = (sync_channel(1).0, Arc::default());
        let mut outlet = Outlet { limits, pending, pending_bytes, batches, events, halt };
        for length in lengths {
            let origin = Origin { input: 0, line: 1 };
            let record = Record { origin, object: "x".repeat(*length), row: None };
            assert!(outlet.record(record).is_continue());
        }
        assert!(outlet.flush().is_continue());
        drop(outlet);
        assert_eq!(queue.iter().map(|batch| batch.len()).collect::<Vec<_>>(), expected, "{lengths:?}");
    }

    #[test]
    fn a_batch_is_full_by_records_or_by_bytes() {
        check(&[], &[]);
        check(&[1, 1], &[2]);
        check(&[1; 7], &[3, 3, 1]);
        check(&[49, 49, 1], &[2, 1]);
        check(&[500, 1, 1, 500, 500], &[1, 2, 1, 1]);
    }
}

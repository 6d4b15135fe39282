//! What waits is carried along, lost by no failure, and forgotten in time.

use std::sync::atomic::{AtomicI64, AtomicUsize};

use directory::write::Content;
use directory::{
    Clock, Directive, ExternalReference, GroupId, IdOrigin, LookupKey, Name, RecordResult, ReferenceKey,
    Source, Write,
};
use store::{Done as Told, Options, Purpose, ReadJob, Store, WriteJob};

use super::*;

/// A store that fails when it is told to: after a job has run, as a commit does.
struct Moody {
    store: Box<dyn Store>,
    failing: Arc<AtomicBool>,
    writes: Arc<AtomicUsize>,
    /// Whether it says that others share it.
    shared: Arc<AtomicBool>,
}

impl Store for Moody {
    fn is_shared(&self) -> bool {
        self.shared.load(Ordering::SeqCst)
    }

    fn read(&self, job: ReadJob<'_>) -> Result<(), StoreError> {
        self.store.read(job)
    }

    fn write(&self, turn: Turn, mut job: WriteJob, done: Told) -> Result<(), StoreError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        let failing = self.failing.load(Ordering::SeqCst);
        let moody = move |transaction: &mut dyn Transaction| {
            job(transaction)?;
            if failing { Err(StoreError::Full) } else { Ok(()) }
        };
        self.store.write(turn, Box::new(moody), done)
    }

    fn check(&self) -> Result<(), StoreError> {
        self.store.check()
    }

    fn close(&self) {
        self.store.close();
    }
}

struct Given(Arc<AtomicI64>);

impl Clock for Given {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// A service on a store of its own, with what it is told.
struct World {
    service: Arc<Service>,
    tenant: TenantId,
    now: Arc<AtomicI64>,
    failing: Arc<AtomicBool>,
    writes: Arc<AtomicUsize>,
    shared: Arc<AtomicBool>,
    directory: tempfile::TempDir,
}

const KEPT_MS: i64 = 100_000;

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (now, failing, writes) = (Arc::new(AtomicI64::new(1)), Arc::default(), Arc::default());
        let shared = Arc::default();
        let service = service(directory.path(), &now, &failing, &writes, &shared);
        let made = store::write(&*service.store, |tx| tx.create_tenant("t", Timestamp(1)));
        let tenant = made.unwrap().unwrap().id;
        Self { service, tenant, now, failing, writes, shared, directory }
    }

    /// The same files in a new process, as far as the service knows.
    fn reopened(mut self) -> Self {
        self.service = service(self.directory.path(), &self.now, &self.failing, &self.writes, &self.shared);
        self
    }

    /// Sends a batch that creates a group, or is only planned, with failures of so many bytes.
    fn send(&self, key: &str, execution: Execution, bytes: usize) -> Result<RunId, StoreError> {
        self.now.fetch_add(1, Ordering::SeqCst);
        let mut records = vec![Ok(directive(key))];
        // Twice the same key: both fail.
        records.extend((bytes > 0).then(|| [Ok(directive("x")), Ok(directive("x"))]).into_iter().flatten());
        let batch = Arc::new(Batch::new(self.tenant, records).unwrap());
        self.service.carry_out(&batch, execution, caller(bytes)).map(|executed| executed.run.id)
    }

    fn rehearse(&self, bytes: usize) -> RunId {
        self.send("r", Execution::DryRun, bytes).unwrap()
    }

    fn write(&self, key: &str) -> Result<RunId, StoreError> {
        self.send(key, Execution::Apply, 0)
    }

    fn waiting(&self) -> usize {
        self.service.ledger.lock().runs.len()
    }

    /// Every run, newest first.
    fn listed(&self) -> Vec<RunId> {
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page =
                RunPage { before, oldest: self.service.ledger.oldest(self.service.clock.now()), limit: 7 };
            let waiting = self.service.ledger.on_page(self.tenant, &RunFilter::default(), page);
            let stored = self.service.read(|reader| reader.runs(self.tenant, &RunFilter::default(), page));
            let list = merge(waiting, stored.unwrap(), page.limit);
            found.extend(list.runs.iter().map(|run| run.id));
            before = list.next;
            if before.is_none() {
                return found;
            }
        }
    }

    fn stored(&self) -> usize {
        let all = RunPage { before: None, oldest: RunId::first_of(Timestamp(0)), limit: 5000 };
        self.service.read(|reader| reader.runs(self.tenant, &RunFilter::default(), all)).unwrap().runs.len()
    }

    /// Waits until nothing is queued: jobs take effect in the order of the queue.
    fn settle(&self) {
        while self.service.ledger.flushing.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
    }
}

fn directive(key: &str) -> Directive {
    let name = Some(Name::from_stored("n"));
    Directive { name, ..Directive::new(LookupKey::Key(ReferenceKey::from_stored(key))) }
}

/// Somebody who keeps failures of so many bytes.
fn caller(bytes: usize) -> Caller {
    let failures = move |_: &Outcome| Failures { text: vec![b' '; bytes], omitted: 0 };
    Caller {
        key_id: "k".into(),
        face: "groups",
        operation: "batch-upsert",
        show: Show::Outcome,
        failures: Box::new(failures),
    }
}

fn service(
    path: &std::path::Path,
    now: &Arc<AtomicI64>,
    failing: &Arc<AtomicBool>,
    writes: &Arc<AtomicUsize>,
    shared: &Arc<AtomicBool>,
) -> Arc<Service> {
    let store = store::open(path, &Options::new(Purpose::Serve)).unwrap();
    let (failing, writes, shared) = (Arc::clone(failing), Arc::clone(writes), Arc::clone(shared));
    let moody = Moody { store, failing, writes, shared };
    Arc::new(Service::new(Box::new(moody), Box::new(Given(Arc::clone(now))), 64, KEPT_MS, KEPT_MS))
}

fn newest_first(mut ids: Vec<RunId>) -> Vec<RunId> {
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids
}

#[test]
fn what_waits_goes_with_the_next_write_unless_that_fails() {
    let world = World::new();
    let mut sent: Vec<RunId> = (0..3).map(|_| world.rehearse(10)).collect();
    let before = world.writes.load(Ordering::SeqCst);
    assert_eq!((world.waiting(), world.stored()), (3, 0));
    world.failing.store(true, Ordering::SeqCst);
    assert_eq!(world.write("a"), Err(StoreError::Full));
    assert_eq!((world.waiting(), world.stored(), world.listed()), (3, 0, newest_first(sent.clone())));
    world.failing.store(false, Ordering::SeqCst);
    sent.push(world.write("a").unwrap());
    assert_eq!((world.waiting(), world.stored(), world.listed()), (0, 4, newest_first(sent)));
    assert_eq!(world.writes.load(Ordering::SeqCst) - before, 2, "no transaction of their own");
}

#[test]
fn a_write_carries_no_more_than_it_may_and_the_rest_follows() {
    for (count, bytes) in [(CARRIED.runs + 1, 0), (2, CARRIED.bytes / 2), (1, CARRIED.bytes)] {
        let world = World::new();
        let mut sent: Vec<RunId> = (0..count).map(|_| world.rehearse(bytes)).collect();
        let carried = world.service.ledger.some(Turn::Common, CARRIED);
        assert_eq!(carried.len(), count - 1, "{bytes}");
        assert!(carried.iter().map(|recorded| size(recorded)).sum::<usize>() <= CARRIED.bytes);
        sent.push(world.write("a").unwrap());
        world.settle();
        assert_eq!((world.waiting(), world.stored(), world.listed()), (0, count + 1, newest_first(sent)));
    }
}

#[test]
fn many_get_a_transaction_of_their_own() {
    for (count, bytes) in [(FLUSHED.runs, 0), (4, FLUSHED.bytes / 4)] {
        let world = World::new();
        let mut sent: Vec<RunId> = (1..count).map(|_| world.rehearse(bytes)).collect();
        assert_eq!((world.waiting(), world.stored()), (count - 1, 0));
        sent.push(world.rehearse(bytes));
        world.settle();
        assert_eq!(world.listed(), newest_first(sent));
        // What did not fit into the one goes with the next.
        assert!(world.stored() >= count - 1 && world.waiting() == count - world.stored());
    }
}

#[test]
fn where_nothing_can_be_written_the_newest_are_kept() {
    let world = World::new();
    world.failing.store(true, Ordering::SeqCst);
    let sent: Vec<RunId> = (0..FULL.runs + 10).map(|_| world.rehearse(0)).collect();
    world.settle();
    assert_eq!(world.waiting(), FULL.runs - 1);
    assert_eq!(world.listed(), newest_first(sent[11..].to_vec()));
    // As soon as the store writes again they are all there.
    world.failing.store(false, Ordering::SeqCst);
    world.rehearse(0);
    world.settle();
    assert_eq!((world.waiting(), world.stored()), (0, FULL.runs));
}

#[test]
fn a_clean_end_loses_none() {
    let world = World::new();
    let mut sent: Vec<RunId> = (0..5).map(|_| world.rehearse(2 << 20)).collect();
    world.settle();
    sent.push(world.rehearse(0));
    world.service.close();
    let world = world.reopened();
    assert_eq!((world.waiting(), world.listed()), (0, newest_first(sent)));
}

#[test]
fn runs_are_forgotten_in_time() {
    let world = World::new();
    let old = world.write("a").unwrap();
    let waiting = world.rehearse(0);
    let found = |id| world.service.run(world.tenant, id).unwrap().is_some();
    // The last moment at which the first one is shown, and the one after.
    world.now.store(2 + KEPT_MS - 1, Ordering::SeqCst);
    assert_eq!((found(old), found(waiting), world.listed().len()), (true, true, 2));
    world.now.store(2 + KEPT_MS, Ordering::SeqCst);
    assert_eq!((found(old), found(waiting), world.listed()), (false, true, vec![waiting]));
    assert_eq!(world.stored(), 1, "it still lies there");
    world.now.store(9 * KEPT_MS, Ordering::SeqCst);
    assert_eq!(world.listed(), []);
    let new = world.write("b").unwrap();
    assert_eq!((world.stored(), world.listed()), (1, vec![new]));
}

/// A tenant that has gone silent, and more than one transaction takes away.
#[test]
fn runs_of_the_silent_are_forgotten() {
    let world = World::new();
    world.send("a", Execution::Apply, 0).unwrap();
    for _ in 0..1100 {
        world.rehearse(0);
    }
    world.service.flush().unwrap();
    world.now.store(KEPT_MS + 100, Ordering::SeqCst);
    let kept = world.write("b").unwrap();
    let all = world.stored();
    world.service.forget_expired_runs().unwrap();
    assert!(all > 1000 && world.stored() < all, "those that have expired are gone");
    world.now.store(2 * KEPT_MS + 99, Ordering::SeqCst);
    world.service.forget_expired_runs().unwrap();
    assert_eq!((world.stored(), world.listed()), (1, vec![kept]), "what has not expired is there");
    let before = world.writes.load(Ordering::SeqCst);
    world.service.forget_expired_runs().unwrap();
    assert_eq!(world.writes.load(Ordering::SeqCst), before, "nothing was to be done");
}

#[test]
fn what_waits_is_written_soon_where_others_read_it() {
    let world = World::new();
    world.rehearse(0);
    world.service.flush_for_others();
    world.settle();
    assert_eq!((world.waiting(), world.stored()), (1, 0), "nobody else reads it");
    world.shared.store(true, Ordering::SeqCst);
    world.service.flush_for_others();
    world.settle();
    assert_eq!((world.waiting(), world.stored()), (0, 1));
    let before = world.writes.load(Ordering::SeqCst);
    world.service.flush_for_others();
    assert_eq!(world.writes.load(Ordering::SeqCst), before, "nothing waits");
}

#[test]
fn a_run_that_is_seen_twice_is_listed_once() {
    let run = |at: i64| Run {
        id: RunId::new(Timestamp(at), [1; 10]),
        tenant: TenantId(1),
        key_id: String::new(),
        face: String::new(),
        operation: String::new(),
        started_at: Timestamp(at),
        revision: 0,
        dry_run: false,
        idempotency_key: None,
        counts: Counts::default(),
        omitted: 0,
    };
    let id = |at: i64| run(at).id;
    let page = |waiting: &[i64], stored: &[i64], next: Option<i64>, limit| {
        let runs = stored.iter().copied().map(run).collect();
        let stored = RunList { runs, next: next.map(id) };
        let list = merge(waiting.iter().copied().map(run).collect(), stored, limit);
        (list.runs.iter().map(|run| run.started_at.0).collect::<Vec<_>>(), list.next)
    };
    assert_eq!(page(&[5, 3], &[4, 3], None, 9), (vec![5, 4, 3], None));
    assert_eq!(page(&[5, 3], &[4, 2], None, 3), (vec![5, 4, 3], Some(id(3))));
    assert_eq!(page(&[5, 1], &[4, 3], Some(3), 2), (vec![5, 4], Some(id(4))));
    // Behind the end of the stored page there may be others between.
    assert_eq!(page(&[1], &[4, 3], Some(3), 9), (vec![4, 3], Some(id(3))));
    assert_eq!(page(&[3], &[], Some(2), 9), (vec![3], Some(id(2))));
}

/// A group with this key comes in between.
fn create(key: &str) -> Write {
    let reference = ExternalReference { source: Source::unnamed(), key: ReferenceKey::from_stored(key) };
    let name = Name::from_stored("of somebody else");
    Write::Create {
        id: GroupId::new(1000).unwrap(),
        id_origin: IdOrigin::Given,
        references: vec![reference],
        content: Content { name, description: None, parent: None, photo_url: None, details: None },
        values: Vec::new(),
        addresses: Vec::new(),
    }
}

#[test]
fn a_plan_for_what_was_taken_back_is_not_taken_for_what_came_instead() {
    let world = World::new();
    world.write("a").unwrap();
    let (service, tenant) = (Arc::clone(&world.service), world.tenant);
    let batch = Arc::new(Batch::new(tenant, vec![Ok(directive("b"))]).unwrap());
    let begun = service.begin(caller(0), &batch, Execution::Apply, None).unwrap();
    let planned = Arc::new(Mutex::new(service.plan_first(&batch, &begun).unwrap().0));
    let attempt = |before: Write, is_taken_back: bool| {
        let (service, batch) = (Arc::clone(&service), Arc::clone(&batch));
        let (begun, planned) = (Arc::clone(&begun), Arc::clone(&planned));
        let told = Arc::new(Mutex::new(None));
        let tell = Arc::clone(&told);
        let written = store::write_for(&*world.service.store, Turn::Of(tenant), move |tx| {
            tx.apply(tenant, std::slice::from_ref(&before), Timestamp(1), None)?;
            let done = service.take_turn(tx, &batch, &begun, &planned)?;
            *tell.lock().unwrap() = Some(done.outcome.records[0].result.clone());
            if is_taken_back { Err(StoreError::Conflict("on purpose".to_owned())) } else { Ok(()) }
        });
        assert_eq!(written.is_err(), is_taken_back);
        told.lock().unwrap().take().unwrap()
    };
    let updated = attempt(create("b"), true);
    assert!(matches!(updated, RecordResult::Updated { .. }), "{updated:?}");
    let created = attempt(create("c"), false);
    assert!(matches!(created, RecordResult::Created { .. }), "{created:?}");
}

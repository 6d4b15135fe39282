//! Faults of the disk, which cannot be had through the contract.

use std::sync::mpsc::channel;
use std::time::Duration;

use directory::write::Content;
use directory::{Description, GroupId, IdOrigin, Name, TenantId, Timestamp, Write};
use tempfile::TempDir;

use super::*;
use crate::Transaction;
use crate::sqlite::connection::{self, Role};
use crate::sqlite::files::DataDir;
use crate::sqlite::ready;

const TENANT: TenantId = TenantId(1);

/// A writer without its thread, so that a test can reach its connection.
struct Bench {
    directory: TempDir,
    turns: Turns,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = DataDir::prepare(directory.path()).expect("usable").data_file();
        let db = connection::open(&file, Role::Writer).expect("opens");
        ready(&db).expect("migrates");
        let (_, turns) = Writer::without_thread(db, 64, &Arc::default(), Arc::default());
        let bench = Self { directory, turns };
        let created = bench.run(vec![Box::new(|tx| tx.create_tenant("a", Timestamp(0)).map(drop))]);
        assert_eq!(created, [Ok(())]);
        bench
    }

    /// Runs jobs in one transaction.
    fn run(&self, jobs: Vec<WriteJob>) -> Vec<Result<(), StoreError>> {
        let count = jobs.len();
        let (tell, told) = channel();
        for (number, job) in jobs.into_iter().enumerate() {
            let tell = tell.clone();
            let done: Done = Box::new(move |fate| tell.send((number, fate)).expect("the test waits"));
            let queued = Queued { job, ticket: Ticket(Some(done)) };
            assert!(self.turns.lines.join(Turn::Common, queued).is_ok());
        }
        assert!(self.turns.step());
        // Jobs that did not get a turn are told so when they are dropped.
        while self.turns.lines.next_if(|_| 0, |_| true).is_some() {}
        let mut fates: Vec<_> = (0..count).map(|_| told.recv().expect("told")).collect();
        fates.sort_by_key(|(number, _)| *number);
        fates.into_iter().map(|(_, fate)| fate).collect()
    }

    fn groups(&self) -> i64 {
        self.turns.db.query_row("SELECT count(*) FROM groups", (), |row| row.get(0)).expect("reads")
    }
}

/// Adds as many groups of about 8 KiB each as the ids are.
fn add(ids: std::ops::Range<i64>) -> WriteJob {
    Box::new(move |tx: &mut dyn Transaction| {
        let create = |number| Write::Create {
            id: GroupId::new(number).expect("a good id"),
            id_origin: IdOrigin::Assigned,
            references: Vec::new(),
            content: Content {
                name: Name::from_stored("name"),
                description: Some(Description::from_stored("x".repeat(8000))),
                parent: None,
                photo_url: None,
                details: None,
            },
            values: Vec::new(),
            addresses: Vec::new(),
        };
        let writes: Vec<Write> = ids.clone().map(create).collect();
        tx.apply(TENANT, &writes, Timestamp(1), None).map(drop)
    })
}

#[test]
fn a_full_disk_takes_everything_back_and_the_writer_lives_on() {
    let bench = Bench::new();
    let limit = |pages: i64| {
        bench.turns.db.pragma_update(None, "max_page_count", pages).expect("set");
    };
    limit(60);
    let refuse: WriteJob = Box::new(|_| Err(StoreError::Conflict("on purpose".to_owned())));
    let fates = bench.run(vec![add(1..3), refuse, add(3..100), add(100..101)]);
    assert_eq!(fates[0], Err(StoreError::Full));
    assert_eq!(fates[1], Err(StoreError::Conflict("on purpose".to_owned())));
    assert_eq!(fates[2], Err(StoreError::Full));
    // The last one waits for the next transaction; here there is none.
    assert!(matches!(fates[3], Err(StoreError::OutcomeUnknown(_))), "{:?}", fates[3]);
    assert_eq!(bench.groups(), 0);
    assert_eq!(bench.run(vec![add(1..3)]), [Ok(())]);
    limit(100_000);
    assert_eq!(bench.run(vec![add(3..100), add(100..101)]), [Ok(()), Ok(())]);
    assert_eq!(bench.groups(), 100);
}

#[test]
fn after_an_io_error_nothing_is_written_until_a_restart() {
    let bench = Bench::new();
    let fail: WriteJob = Box::new(|_| Err(StoreError::OutcomeUnknown("disk I/O error".to_owned())));
    let fates = bench.run(vec![add(1..2), fail]);
    assert!(fates.iter().all(|fate| matches!(fate, Err(StoreError::OutcomeUnknown(_)))), "{fates:?}");
    let later = bench.run(vec![add(1..2)]);
    assert!(
        matches!(&later[..], [Err(StoreError::Unavailable(text))] if text.contains("restart")),
        "{later:?}"
    );
    assert_eq!(bench.groups(), 0);
}

#[test]
fn of_a_job_that_panics_half_way_nothing_is_kept() {
    let bench = Bench::new();
    let mut session = Session::new(&bench.turns.db);
    let write = || session.writing::<()>(1, |_| panic!("on purpose"));
    assert!(catch_unwind(AssertUnwindSafe(write)).is_err());
    assert!(session.wrote, "so that the writer takes it back");
    let panics: WriteJob = Box::new(|tx| add(3..4)(tx).map(|()| panic!("on purpose")));
    let fates = bench.run(vec![add(1..3), panics, add(4..6)]);
    assert!(matches!(fates[..], [Ok(()), Err(StoreError::Internal(_)), Ok(())]), "{fates:?}");
    assert_eq!(bench.groups(), 4);
}

#[test]
fn a_transaction_that_sqlite_ends_on_its_own_takes_all_its_jobs_along() {
    let bench = Bench::new();
    let trigger = "CREATE TEMP TRIGGER ends_it BEFORE INSERT ON groups WHEN NEW.id = 3
        BEGIN SELECT RAISE(ROLLBACK, 'on purpose'); END";
    bench.turns.db.execute_batch(trigger).expect("a trigger");
    let fates = bench.run(vec![add(1..3), add(3..4), add(4..6)]);
    assert!(fates.iter().all(Result::is_err), "{fates:?}");
    assert_eq!(bench.groups(), 0);
    assert_eq!(bench.run(vec![add(1..3)]), [Ok(())]);
    assert_eq!(bench.groups(), 2);
}

#[test]
fn a_writer_that_waits_too_long_for_its_turn_refuses_one_job() {
    let bench = Bench::new();
    bench.turns.db.busy_timeout(Duration::from_millis(10)).expect("set");
    let file = bench.directory.path().join("rosterd.db");
    let other = connection::open(&file, Role::Admin).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("the other one's turn");
    let fates = bench.run(vec![add(1..2)]);
    assert!(matches!(fates[..], [Err(StoreError::Unavailable(_))]), "{fates:?}");
    other.execute_batch("COMMIT").expect("ends");
    assert_eq!(bench.run(vec![add(1..2)]), [Ok(())]);
}

#[test]
fn a_caller_that_panics_when_told_does_not_take_the_writer_along() {
    let ticket = Ticket(Some(Box::new(|_| panic!("on purpose"))));
    ticket.tell(Ok(()));
}

#[test]
fn who_comes_with_one_job_does_not_wait_for_all_of_somebody_with_many() {
    let bench = Bench::new();
    let (many, one) = (Turn::Of(TENANT), Turn::Of(TenantId(2)));
    let (tell, told) = channel();
    let join = |turn: Turn, ids: std::ops::Range<i64>| {
        let (tell, first) = (tell.clone(), ids.start);
        let done: Done = Box::new(move |fate| tell.send((first, fate)).expect("the test waits"));
        assert!(bench.turns.lines.join(turn, Queued { job: add(ids), ticket: Ticket(Some(done)) }).is_ok());
    };
    let most = i64::try_from(MOST_OF_SEVERAL).expect("fits");
    for number in 0..3 {
        join(many, 1 + number * most..1 + (number + 1) * most);
    }
    join(one, 1_000_000..1_000_001);
    assert!(bench.turns.step());
    let fates: Vec<_> = told.try_iter().collect();
    assert_eq!(fates, [(1, Ok(())), (1_000_000, Ok(()))], "both are told, and the others wait");
    assert!(bench.turns.step() && !bench.turns.step());
    assert_eq!(told.try_iter().count(), 2, "alone, somebody has what is waiting");
}

#[test]
fn small_jobs_are_not_counted_against_large_ones() {
    let bench = Bench::new();
    let (large, small) = (Turn::Of(TENANT), Turn::Of(TenantId(2)));
    let (tell, told) = channel();
    let join = |turn: Turn, ids: std::ops::Range<i64>| {
        let (tell, first) = (tell.clone(), ids.start);
        let done: Done = Box::new(move |fate| tell.send((first, fate)).expect("the test waits"));
        assert!(bench.turns.lines.join(turn, Queued { job: add(ids), ticket: Ticket(Some(done)) }).is_ok());
    };
    for number in 0..3 {
        join(large, 1 + number * 100..1 + (number + 1) * 100);
    }
    for number in 1..=5 {
        join(small, number * 1_000_000..number * 1_000_000 + 1);
    }
    assert!(bench.turns.step());
    let order: Vec<_> = told.try_iter().map(|(first, _)| first).collect();
    assert_eq!(order, [1, 1_000_000, 2_000_000, 3_000_000, 4_000_000, 5_000_000, 101, 201]);
}

#[test]
fn a_job_that_fails_half_way_takes_back_only_itself() {
    let bench = Bench::new();
    let mut half = add(2..3);
    let fail: WriteJob = Box::new(move |tx| half(tx).and(Err(StoreError::Conflict("on purpose".to_owned()))));
    let fates = bench.run(vec![add(1..2), fail, add(3..4)]);
    assert_eq!(fates, [Ok(()), Err(StoreError::Conflict("on purpose".to_owned())), Ok(())]);
    assert_eq!(bench.groups(), 2);
}

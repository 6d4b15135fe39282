//! Jobs: their order, their independence, their fates.

use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use directory::{TenantId, Timestamp};

use super::Case;
use super::desk::{Desk, create, id, key};
use crate::{ReadFor, StoreError, Turn};

pub(super) const CASES: &[Case] = &[
    ("jobs take effect in the order of the queue", order),
    ("a job that fails takes back only its own changes", failing_job),
    ("a job that goes on after a failed write fails", swallowed_failure),
    ("a job that writes nothing changes nothing", no_writes),
    ("whatever is read for, it is read as it was written", read_for),
    ("a closed store refuses", closing),
];

/// How long an engine that runs jobs on the caller's thread makes the others wait for the first.
const GRACE: Duration = Duration::from_millis(200);

/// Blocks the writer with a first job, submits the others behind it, and returns their fates in order.
/// Works for engines that queue jobs and for those that run them on the caller's thread.
fn behind_a_blocked_writer(
    desk: &Desk,
    submit: impl FnOnce() -> Vec<Receiver<Result<i64, StoreError>>> + Send,
) -> Vec<Result<i64, StoreError>> {
    let (started, has_started) = channel();
    let (release, released) = channel::<()>();
    let (submitted, all_submitted) = channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            let job = move |_: &mut dyn crate::Transaction| {
                let _ = started.send(());
                let _ = released.recv();
                Ok(())
            };
            desk.store().write(Turn::Common, Box::new(job), Box::new(drop)).expect("queued");
        });
        has_started.recv().expect("the first job runs");
        let others = scope.spawn(move || {
            let fates = submit();
            let _ = submitted.send(());
            fates
        });
        let _ = all_submitted.recv_timeout(GRACE);
        drop(release);
        let fates = others.join().expect("submitted");
        fates.into_iter().map(|fate| fate.recv().expect("told")).collect()
    })
}

fn read_for(desk: &Desk) {
    let tenant = desk.tenant("a");
    for number in 1..=3 {
        desk.write(move |tx| tx.apply(tenant, &[create(number, &[])], Timestamp(number), None))
            .expect("applied");
        for purpose in [ReadFor::Answers, ReadFor::Plans, ReadFor::Keys] {
            let seen = crate::read_for(desk.store(), purpose, |reader| reader.revision(tenant));
            assert_eq!(seen, Ok(number), "{purpose:?}");
        }
    }
}

fn order(desk: &Desk) {
    let tenant = desk.tenant("a");
    let fates = behind_a_blocked_writer(desk, || {
        let submit = |number| {
            desk.submit(Turn::Of(tenant), move |tx| {
                tx.apply(tenant, &[create(number, &[])], Timestamp(number), None)
            })
        };
        (1..=100).map(|number| submit(number).expect("queued")).collect()
    });
    let expected: Vec<_> = (1..=100).map(Ok).collect();
    assert_eq!(fates, expected);
    let stamped: Vec<(i64, i64)> =
        desk.all(tenant).iter().map(|group| (group.id.get(), group.revision)).collect();
    assert_eq!(stamped, (1..=100).map(|number| (number, number)).collect::<Vec<_>>());
}

fn failing_job(desk: &Desk) {
    let (tenant, other) = (desk.tenant("a"), desk.tenant("b"));
    let add = |tenant: TenantId, number: i64, text: &'static str, end: fn() -> Result<(), StoreError>| {
        desk.submit(Turn::Of(tenant), move |tx| {
            let revision = tx.apply(tenant, &[create(number, &[("S", text)])], Timestamp(number), None)?;
            end().map(|()| revision)
        })
        .expect("queued")
    };
    let fates = behind_a_blocked_writer(desk, || {
        vec![
            add(tenant, 1, "A", || Ok(())),
            add(tenant, 2, "B", || Err(StoreError::Unavailable("on purpose".to_owned()))),
            add(other, 3, "A", || Ok(())),
            add(tenant, 4, "D", || panic!("on purpose")),
            add(tenant, 5, "A", || Ok(())),
            add(tenant, 6, "F", || Ok(())),
        ]
    });
    assert_eq!((&fates[0], &fates[2], &fates[5]), (&Ok(1), &Ok(1), &Ok(2)));
    assert_eq!(fates[1], Err(StoreError::Unavailable("on purpose".to_owned())));
    assert!(matches!(fates[3], Err(StoreError::Internal(_))), "{:?}", fates[3]);
    assert!(matches!(fates[4], Err(StoreError::Conflict(_))), "{:?}", fates[4]);
    assert_eq!((desk.ids(tenant), desk.ids(other)), (vec![1, 6], vec![3]));
    let seen = desk.load(tenant, &[key("A"), key("B"), key("D"), key("F")]);
    assert_eq!((seen.revision, seen.matches.len(), seen.free_ids.0), (2, 2, vec![(7, 10)]));
    assert_eq!(seen.matches[&key("A")], [id(1)]);
}

fn swallowed_failure(desk: &Desk) {
    let tenant = desk.tenant("a");
    desk.apply(tenant, 2, &[create(1, &[("S", "A")])]).expect("applied");
    let fate = desk.write(move |tx| {
        drop(tx.apply(tenant, &[create(2, &[("S", "B")]), create(3, &[("S", "A")])], Timestamp(3), None));
        Ok(())
    });
    assert!(matches!(fate, Err(StoreError::Conflict(_))), "{fate:?}");
    assert_eq!(desk.ids(tenant), [1]);
}

fn no_writes(desk: &Desk) {
    let tenant = desk.tenant("a");
    assert_eq!(desk.write(move |tx| tx.revision(tenant)), Ok(0));
    assert_eq!(
        desk.write(move |tx| Ok(tx
            .list(tenant, &directory::Filter::default(), directory::Page { after: None, limit: 5 })?
            .views
            .len())),
        Ok(0)
    );
    assert_eq!(desk.read(|reader| reader.revision(tenant)), 0);
}

fn closing(desk: &Desk) {
    let tenant = desk.tenant("a");
    let fates: Vec<_> = (1..=20)
        .map(|number| {
            desk.submit(Turn::Of(tenant), move |tx| {
                tx.apply(tenant, &[create(number, &[])], Timestamp(2), None)
            })
            .expect("queued")
        })
        .collect();
    desk.store().close();
    // What was taken is finished first.
    for fate in fates {
        fate.recv().expect("told").expect("applied");
    }
    desk.store().close();
    let refused = desk.apply(tenant, 3, &[create(21, &[])]);
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let refused = desk.store().read(&mut |_| Ok(()));
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}

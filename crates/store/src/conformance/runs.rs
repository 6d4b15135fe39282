//! What is kept of batches that were carried out.

use directory::{Counts, RecordedRun, Run, RunFilter, RunId, RunList, RunPage, Success, TenantId, Timestamp};

use super::Case;
use super::desk::Desk;
use crate::StoreError;

pub(super) const CASES: &[Case] = &[
    ("a run is found by tenant and id, with its failures", found),
    ("a run that is kept again stays as it is", again),
    ("runs are listed newest first, page by page, each exactly once", listed),
    ("runs are listed under conditions", filtered),
    ("runs below the oldest that is asked for are not listed", forgotten_ones),
    ("the oldest runs are forgotten, so many at once", forget),
    ("a run is kept with the writes of its job or not at all", together),
];

/// A run that begins at this moment.
fn run(tenant: TenantId, at: i64) -> RecordedRun {
    let run = Run {
        id: RunId::new(Timestamp(at), [7; 10]),
        tenant,
        key_id: "key".to_owned(),
        face: "groups".to_owned(),
        operation: "batch-upsert".to_owned(),
        started_at: Timestamp(at),
        revision: 0,
        dry_run: false,
        idempotency_key: None,
        counts: Counts { created: 1, ..Counts::default() },
        omitted: 0,
    };
    RecordedRun { run, failures: b"[]".to_vec() }
}

fn keep(desk: &Desk, runs: &[RecordedRun]) -> Result<(), StoreError> {
    let runs = runs.to_vec();
    desk.write(move |tx| runs.iter().try_for_each(|run| tx.keep_run(run)))
}

fn find(desk: &Desk, tenant: TenantId, id: RunId) -> Option<RecordedRun> {
    desk.read(|reader| reader.run(tenant, id))
}

fn list(desk: &Desk, tenant: TenantId, filter: &RunFilter, page: RunPage) -> RunList {
    desk.read(|reader| reader.runs(tenant, filter, page))
}

/// A page from the newest on, back to the first moment.
fn first(limit: usize) -> RunPage {
    RunPage { before: None, oldest: RunId::first_of(Timestamp(0)), limit }
}

/// When the runs on a page began.
fn starts(list: &RunList) -> Vec<i64> {
    list.runs.iter().map(|run| run.started_at.0).collect()
}

fn found(desk: &Desk) {
    let (left, right) = (desk.tenant("left"), desk.tenant("right"));
    let mut full = run(left, 5);
    full.run.counts = Counts { created: 1, updated: 2, unchanged: 3, archived: 4, restored: 5, failed: 1000 };
    (full.run.revision, full.run.dry_run, full.run.omitted) = (12, true, 6);
    full.run.idempotency_key = Some("k\u{e9}".to_owned());
    full.failures = b"[\x00\xFF]".to_vec();
    assert_eq!(keep(desk, std::slice::from_ref(&full)), Ok(()));
    assert_eq!(find(desk, left, full.run.id), Some(full.clone()));
    assert_eq!(list(desk, left, &RunFilter::default(), first(9)).runs, [full.run.clone()]);
    for tenant in [right, TenantId(77)] {
        assert_eq!(find(desk, tenant, full.run.id), None);
        assert_eq!(list(desk, tenant, &RunFilter::default(), first(9)), RunList::default());
    }
    assert_eq!(find(desk, left, RunId::first_of(Timestamp(5))), None);
    // The same id in another tenant is another run.
    let other = run(right, 5);
    assert_eq!(keep(desk, std::slice::from_ref(&other)), Ok(()));
    assert_eq!(find(desk, left, full.run.id), Some(full));
    assert_eq!(find(desk, right, other.run.id), Some(other));
    assert!(matches!(keep(desk, &[run(TenantId(77), 1)]), Err(StoreError::Internal(_))));
}

fn again(desk: &Desk) {
    let tenant = desk.tenant("a");
    let once = run(tenant, 5);
    let mut other = once.clone();
    other.run.counts.created = 99;
    assert_eq!(keep(desk, &[once.clone(), other.clone()]), Ok(()));
    assert_eq!(keep(desk, &[other]), Ok(()));
    assert_eq!(find(desk, tenant, once.run.id), Some(once));
}

fn listed(desk: &Desk) {
    let (tenant, other) = (desk.tenant("a"), desk.tenant("b"));
    // Not in the order of their times.
    let runs: Vec<RecordedRun> = [3, 1, 7, 5, 2, 6, 4].map(|at| run(tenant, at)).to_vec();
    assert_eq!(keep(desk, &runs), Ok(()));
    assert_eq!(keep(desk, &[run(other, 9)]), Ok(()));
    for limit in 1..=8 {
        let (mut seen, mut page) = (Vec::new(), first(limit));
        loop {
            let list = list(desk, tenant, &RunFilter::default(), page);
            assert!(list.runs.len() <= limit);
            seen.extend(starts(&list));
            page.before = list.next;
            if page.before.is_none() {
                break;
            }
        }
        assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1], "{limit} a page");
    }
}

fn filtered(desk: &Desk) {
    let tenant = desk.tenant("a");
    let mut runs: Vec<RecordedRun> = (1..=6).map(|at| run(tenant, at)).collect();
    for (place, dry_run, failed, key) in
        [(1, true, 0, None), (2, false, 3, Some("k")), (3, true, 1, None), (4, false, 0, Some("k"))]
    {
        let run: &mut Run = &mut runs[place].run;
        (run.dry_run, run.counts.failed) = (dry_run, failed);
        run.idempotency_key = key.map(str::to_owned);
    }
    assert_eq!(keep(desk, &runs), Ok(()));
    let all = RunFilter::default;
    for (filter, expected) in [
        (all(), &[6, 5, 4, 3, 2, 1][..]),
        (RunFilter { success: Success::NotWhole, ..all() }, &[4, 3]),
        (RunFilter { dry_run: Some(true), ..all() }, &[4, 2]),
        (RunFilter { dry_run: Some(false), ..all() }, &[6, 5, 3, 1]),
        (RunFilter { dry_run: Some(false), success: Success::NotWhole, ..all() }, &[3]),
        (RunFilter { idempotency_key: Some("k".into()), ..all() }, &[5, 3]),
        (RunFilter { idempotency_key: Some("K".into()), ..all() }, &[]),
        (RunFilter { idempotency_key: Some("k".into()), success: Success::NotWhole, ..all() }, &[3]),
    ] {
        assert_eq!(starts(&list(desk, tenant, &filter, first(9))), expected, "{filter:?}");
    }
}

fn forgotten_ones(desk: &Desk) {
    let tenant = desk.tenant("a");
    let runs: Vec<RecordedRun> = (1..=5).map(|at| run(tenant, at)).collect();
    assert_eq!(keep(desk, &runs), Ok(()));
    for filter in [RunFilter::default(), RunFilter { dry_run: Some(false), ..RunFilter::default() }] {
        for (oldest, expected) in [(0, &[5, 4, 3, 2, 1][..]), (4, &[5, 4]), (6, &[])] {
            let page = RunPage { oldest: RunId::first_of(Timestamp(oldest)), ..first(9) };
            assert_eq!(starts(&list(desk, tenant, &filter, page)), expected, "{oldest}");
        }
    }
}

fn forget(desk: &Desk) {
    let (left, right) = (desk.tenant("left"), desk.tenant("right"));
    let runs: Vec<RecordedRun> = (1..=6).map(|at| run(if at % 2 == 0 { left } else { right }, at)).collect();
    assert_eq!(keep(desk, &runs), Ok(()));
    let mut left_over = Vec::new();
    for (tenant, until, most) in [(left, 0, 9), (left, 4, 1), (right, 4, 3), (left, 4, 3)] {
        assert_eq!(desk.write(move |tx| tx.forget_runs(tenant, Timestamp(until), most)), Ok(()));
        let all = [left, right].map(|tenant| starts(&list(desk, tenant, &RunFilter::default(), first(9))));
        left_over.push(all);
    }
    assert_eq!(
        left_over,
        [
            [vec![6, 4, 2], vec![5, 3, 1]],
            [vec![6, 4], vec![5, 3, 1]],
            [vec![6, 4], vec![5]],
            [vec![6], vec![5]]
        ]
    );
}

fn together(desk: &Desk) {
    let tenant = desk.tenant("a");
    let kept = run(tenant, 5);
    let id = kept.run.id;
    let given_up: Result<(), StoreError> = desk.write(move |tx| {
        tx.keep_run(&kept)?;
        Err(StoreError::Internal("given up".to_owned()))
    });
    assert!(given_up.is_err());
    assert_eq!(find(desk, tenant, id), None);
}

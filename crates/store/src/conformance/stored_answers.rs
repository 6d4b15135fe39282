//! Answers to writes that came with an idempotency key.

use directory::{RunId, TenantId, Timestamp};

use super::Case;
use super::desk::Desk;
use crate::{StoreError, StoredAnswer};

pub(super) const CASES: &[Case] = &[
    ("an answer is found by tenant and key until it expires", lifecycle),
    ("a key that has an answer takes no other before it expires", taken),
    ("an answer is kept with the writes of its job or not at all", together),
];

fn answer(tenant: TenantId, key: &str, body: &str, expires_at: i64) -> StoredAnswer {
    StoredAnswer {
        tenant,
        key: key.to_owned(),
        fingerprint: [7; 32],
        status: 207,
        body: body.as_bytes().to_vec(),
        expires_at: Timestamp(expires_at),
        run: Some(RunId::new(Timestamp(expires_at), [3; 10])),
    }
}

fn keep(desk: &Desk, answer: &StoredAnswer, now: i64) -> Result<(), StoreError> {
    let answer = answer.clone();
    desk.write(move |tx| tx.keep_answer(&answer, Timestamp(now)))
}

fn find(desk: &Desk, tenant: TenantId, key: &str, now: i64) -> Option<StoredAnswer> {
    desk.read(|reader| reader.stored_answer(tenant, key, Timestamp(now)))
}

fn lifecycle(desk: &Desk) {
    let (left, right) = (desk.tenant("left"), desk.tenant("right"));
    let kept = answer(left, "k", "{}\u{e9}", 100);
    assert_eq!(keep(desk, &kept, 1), Ok(()));
    assert_eq!(find(desk, left, "k", 99), Some(kept));
    let of_no_run = StoredAnswer { run: None, ..answer(left, "old", "", 100) };
    assert_eq!(keep(desk, &of_no_run, 1), Ok(()));
    assert_eq!(find(desk, left, "old", 99), Some(of_no_run));
    for (tenant, key, now) in [(left, "k", 100), (left, "K", 1), (right, "k", 1), (TenantId(77), "k", 1)] {
        assert_eq!(find(desk, tenant, key, now), None, "{tenant:?} {key} {now}");
    }
    assert!(matches!(keep(desk, &answer(TenantId(77), "k", "", 9), 1), Err(StoreError::Internal(_))));
}

fn taken(desk: &Desk) {
    let tenant = desk.tenant("a");
    let (first, second) = (answer(tenant, "k", "first", 100), answer(tenant, "k", "second", 200));
    assert_eq!(keep(desk, &first, 1), Ok(()));
    assert!(matches!(keep(desk, &second, 99), Err(StoreError::Conflict(_))));
    assert_eq!(find(desk, tenant, "k", 1), Some(first));
    assert_eq!(keep(desk, &second, 100), Ok(()));
    assert_eq!(find(desk, tenant, "k", 100), Some(second));
}

fn together(desk: &Desk) {
    let tenant = desk.tenant("a");
    let kept = answer(tenant, "k", "", 100);
    let given_up: Result<(), StoreError> = desk.write(move |tx| {
        tx.keep_answer(&kept, Timestamp(1))?;
        Err(StoreError::Internal("given up".to_owned()))
    });
    assert!(given_up.is_err());
    assert_eq!(find(desk, tenant, "k", 1), None);
}

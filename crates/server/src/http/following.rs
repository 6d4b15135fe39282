//! A stream of changes: page after page until all is said, then what comes.
//!
//! A page is read when the connection asks for more, and none before: a client that does not read costs its
//! page and what the connection holds back, and is cut by the deadline of writes. Nothing is held in the
//! store between two pages.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use directory::ChangePlace;
use faces::groups::{self, ChangesQuery, Refusal};
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::answer::Refused;
use super::credentials::blocking;
use super::followers::Seat;
use crate::auth::Principal;
use crate::service::{Followed, Hint, Service};

/// How long nothing is said at most: proxies close what is silent, and a peer that has gone is noticed only
/// by writing to it.
const HEARTBEAT: Duration = Duration::from_secs(groups::limits::MAX_SILENCE_S);
/// The same where somebody else waits for a seat.
const HEARTBEAT_WHEN_CROWDED: Duration = Duration::from_secs(1);
/// How often the store is asked without a hint: another process may have written, or revoked the key.
const POLL: Duration = Duration::from_secs(1);
/// How often it is asked at most once all is said: writes that come in quick succession are told together.
const PAUSE: Duration = Duration::from_millis(50);

/// One stream.
pub(super) struct Following {
    service: Arc<Service>,
    principal: Principal,
    seat: Seat,
    after: ChangePlace,
    limit: usize,
    /// Whether there is more to say already.
    more: bool,
    hint: Hint,
    crowded: watch::Receiver<()>,
    looked: Instant,
    /// When something was last said.
    said: Instant,
    /// When something is to be said at the latest.
    beat: Instant,
    tale: Tale,
}

/// What the log is told at the end.
struct Tale {
    key_id: String,
    started: Instant,
    groups: usize,
    why: &'static str,
}

impl Following {
    /// A stream that has said nothing yet.
    pub(super) fn new(
        service: &Arc<Service>,
        principal: &Principal,
        seat: Seat,
        query: &ChangesQuery,
    ) -> Self {
        let (now, key_id) = (Instant::now(), principal.key_id.clone());
        Self {
            service: Arc::clone(service),
            principal: principal.clone(),
            after: query.after,
            limit: query.limit,
            more: true,
            hint: service.hint(principal.tenant),
            crowded: seat.crowded(),
            seat,
            looked: now,
            said: now,
            beat: now + HEARTBEAT,
            tale: Tale { key_id, started: now, groups: 0, why: "the client left" },
        }
    }

    /// The body of the answer. The first page is read before the answer begins: what is wrong from the start
    /// is still told by a status.
    pub(super) async fn body(mut self, query: &ChangesQuery) -> Result<Body, Refused> {
        let events = match self.look().await? {
            Followed::Changes(changes) => self.say(&changes),
            Followed::Ahead => return Err(query.ahead().into()),
            Followed::Revoked => return Err(Refusal::Unauthenticated.into()),
        };
        let first = [groups::OPENING.as_bytes(), &events].concat();
        let rest = stream::unfold(self, Self::next);
        let all = stream::iter([Bytes::from(first)]).chain(rest);
        Ok(Body::from_stream(all.map(Ok::<Bytes, Infallible>)))
    }

    async fn next(mut self) -> Option<(Bytes, Self)> {
        let over = self.seat.followers.over.clone();
        let Some(bytes) = over.run_until_cancelled(self.step()).await else {
            self.tale.why = "the server is stopping";
            return None;
        };
        bytes.map(|bytes| (bytes, self))
    }

    /// What is said next; `None` at the end.
    async fn step(&mut self) -> Option<Bytes> {
        loop {
            if !self.more && self.wait().await {
                self.spoke();
                return Some(Bytes::from_static(groups::HEARTBEAT.as_bytes()));
            }
            self.tale.why = match self.look().await {
                Ok(Followed::Changes(changes)) if changes.views.is_empty() => {
                    (self.after, self.more) = (changes.next, changes.more);
                    continue;
                }
                Ok(Followed::Changes(changes)) => return Some(self.say(&changes).into()),
                Ok(Followed::Ahead) => "revisions were lost",
                Ok(Followed::Revoked) => "the key is no longer good",
                // What it was has been logged; the client comes again, and is told by a status.
                Err(_) => "the store could not be read",
            };
            return None;
        }
    }

    /// Reads the next page.
    async fn look(&mut self) -> Result<Followed, Refused> {
        // Before reading: what is written from now on gives a new hint.
        self.hint.mark_unchanged();
        let _turn = self.seat.followers.reads.acquire().await.map_err(|_| Refusal::Unavailable)?;
        let (service, principal) = (Arc::clone(&self.service), self.principal.clone());
        let (after, limit) = (self.after, self.limit);
        let followed = blocking(move || Ok(service.follow(&principal, after, limit)?)).await;
        self.looked = Instant::now();
        followed
    }

    fn say(&mut self, changes: &directory::Changes) -> Vec<u8> {
        (self.after, self.more) = (changes.next, changes.more);
        self.tale.groups += changes.views.len();
        self.spoke();
        groups::write_events(changes)
    }

    fn spoke(&mut self) {
        self.said = Instant::now();
        self.beat = self.said + HEARTBEAT;
    }

    /// Waits until there may be something new. Tells whether a sign of life is due instead.
    async fn wait(&mut self) -> bool {
        tokio::select! {
            () = sleep_until(self.beat) => return true,
            _ = self.hint.changed() => {}
            _ = self.crowded.changed() => self.beat = self.beat.min(self.said + HEARTBEAT_WHEN_CROWDED),
            () = sleep_until(self.looked + POLL) => {}
        }
        sleep_until(self.looked + PAUSE).await;
        false
    }
}

impl Drop for Tale {
    fn drop(&mut self) {
        let seconds = self.started.elapsed().as_secs_f64();
        tracing::info!(
            key_id = self.key_id,
            groups = self.groups,
            seconds,
            why = self.why,
            "a stream of changes ended"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;

    use ::directory::{Batch, Clock, Failures, Timestamp};
    use axum::body::HttpBody as _;
    use store::{Options, Purpose};

    use super::super::followers::Followers;
    use super::*;
    use crate::auth::{Scope, new_key};
    use crate::service::{Caller, Execution, Show};

    const SECOND: Duration = Duration::from_secs(1);

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }
    }

    /// A server's inside, with one tenant and one key.
    struct House {
        service: Arc<Service>,
        principal: Principal,
        followers: Arc<Followers>,
        directory: tempfile::TempDir,
    }

    impl House {
        fn build() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let store = store::open(directory.path(), &Options::new(Purpose::Serve)).unwrap();
            let tenant = store::write(&*store, |tx| tx.create_tenant("t", Timestamp(0))).unwrap().unwrap().id;
            let key = new_key(tenant, &Scope::ALL, Timestamp(0)).unwrap();
            let (text, stored) = (key.text, key.stored);
            store::write(&*store, move |tx| tx.create_access_key(&stored)).unwrap();
            let service = Arc::new(Service::new(store, Box::new(Noon), 64, 1, 1));
            let principal = service.authenticate(&text).unwrap().unwrap();
            Self { service, principal, followers: Followers::new(), directory }
        }

        async fn follow(&self) -> Body {
            let query = ChangesQuery::of_stream(None, &[]).unwrap();
            let seat = self.followers.sit(&self.principal.key_id).unwrap();
            Following::new(&self.service, &self.principal, seat, &query).body(&query).await.unwrap()
        }
    }

    /// What is said next, and how many seconds later.
    async fn hear(body: &mut Body) -> Option<(String, u64)> {
        let asked = Instant::now();
        let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
        let bytes = frame.unwrap().into_data().unwrap();
        Some((String::from_utf8(bytes.into()).unwrap(), asked.elapsed().as_secs()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_shows_that_it_is_there() {
        let house = House::build();
        let mut body = house.follow().await;
        assert_eq!(hear(&mut body).await, Some((groups::OPENING.to_owned(), 0)));
        for _ in 0..20 {
            assert_eq!(hear(&mut body).await, Some((groups::HEARTBEAT.to_owned(), 15)));
        }
        // Where seats are wanted, at once; but only then.
        while house.followers.sit(&house.principal.key_id).map(std::mem::forget).is_ok() {}
        assert_eq!(hear(&mut body).await, Some((groups::HEARTBEAT.to_owned(), 1)));
        assert_eq!(hear(&mut body).await, Some((groups::HEARTBEAT.to_owned(), 15)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_soon_after_its_key_and_at_once_with_the_server() {
        let house = House::build();
        let (mut one, mut other) = (house.follow().await, house.follow().await);
        for body in [&mut one, &mut other] {
            hear(body).await.unwrap();
        }
        house.followers.over.cancel();
        let asked = Instant::now();
        assert_eq!((hear(&mut one).await, asked.elapsed()), (None, Duration::ZERO));

        let house = House::build();
        let mut body = house.follow().await;
        hear(&mut body).await.unwrap();
        house.service.close();
        assert!(hear(&mut body).await.is_none() && asked.elapsed() < 2 * SECOND, "the store cannot be read");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_written_here_is_told_at_once() {
        let house = House::build();
        let mut body = house.follow().await;
        hear(&mut body).await.unwrap();
        for number in 1..4 {
            let record = format!(r#"{{"groups":[{{"externalReferenceId":"{number}","name":"n"}}]}}"#);
            let records = groups::read(record.as_bytes(), groups::Handling::Lenient).unwrap().records;
            let batch = Arc::new(Batch::new(house.principal.tenant, records).unwrap());
            let service = Arc::clone(&house.service);
            let caller = Caller {
                key_id: String::new(),
                face: "groups",
                operation: "batch-upsert",
                show: Show::Outcome,
                failures: Box::new(|_| Failures::default()),
            };
            blocking(move || Ok(service.carry_out(&batch, Execution::Apply, caller)?)).await.unwrap();
            let asked = Instant::now();
            let (said, _) = hear(&mut body).await.unwrap();
            assert!(said.starts_with(&format!("event: group\nid: {number}-{number}\n")), "{said}");
            assert!(asked.elapsed() < POLL, "{:?}", asked.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_process_writes_is_told_within_a_second() {
        let house = House::build();
        let mut body = house.follow().await;
        hear(&mut body).await.unwrap();
        // No hint is given: this goes past the service, as the command line does.
        let admin = store::open(house.directory.path(), &Options::new(Purpose::Admin)).unwrap();
        let id = house.principal.key_id.clone();
        assert!(store::write(&*admin, move |tx| tx.revoke_access_key(&id, Timestamp(0))).unwrap());
        let asked = Instant::now();
        assert!(hear(&mut body).await.is_none(), "the key is no longer good");
        assert!(asked.elapsed() <= 2 * SECOND, "{:?}", asked.elapsed());
    }
}

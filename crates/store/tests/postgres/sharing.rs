//! Several servers on one database.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use directory::{TenantId, Timestamp};
use store::cluster::{Cluster, available};
use store::{Claim, Metered, Purpose, ReadFor, Store, StoreError, Turn};

use crate::open;

/// Nothing that is waited for takes this long.
const GUARD: Duration = Duration::from_mins(1);
const DATABASE: &str = "directory";

/// What a server is told by the others.
fn watched(store: &dyn Store) -> Receiver<TenantId> {
    let (tell, told) = channel();
    store.watch(Box::new(move |tenant| tell.send(tenant).unwrap_or_default()));
    told
}

/// Writes until the other one has heard of it: only hints that are given while it listens arrive.
fn tell(writer: &dyn Store, tenant: TenantId, told: &Receiver<TenantId>) {
    let start = Instant::now();
    while start.elapsed() < GUARD {
        store::write_for(writer, Turn::Of(tenant), |_| Ok(())).expect("writes");
        if let Ok(heard) = told.recv_timeout(Duration::from_millis(100)) {
            return assert_eq!(heard, tenant);
        }
    }
    panic!("hints do not arrive");
}

fn tenant(store: &dyn Store) -> TenantId {
    let made = store::write(store, |tx| tx.create_tenant("t", Timestamp(1)));
    made.expect("writes").expect("a new tenant").id
}

#[test]
fn a_server_hears_what_others_write_also_after_its_connection_was_lost() {
    if !available() {
        return;
    }
    let cluster = Cluster::start();
    cluster.create_database(DATABASE);
    let [one, other] = [(); 2].map(|()| open(&cluster.url(DATABASE), Purpose::Serve));
    let tenant = tenant(&*one);
    let (heard, heard_itself) = (watched(&*other), watched(&*one));
    tell(&*one, tenant, &heard);
    cluster.terminate_backends(DATABASE);
    tell(&*one, tenant, &heard);
    assert!(heard_itself.try_recv().is_err(), "what it has written itself");
}

/// Whoever counts goes on without: it is told so before a round trip would be given up.
#[test]
fn limits_wait_for_nobody() {
    if !available() {
        return;
    }
    let cluster = Cluster::start();
    cluster.create_database(DATABASE);
    let store = open(&cluster.url(DATABASE), Purpose::Serve);
    let tenant = tenant(&*store);
    let claim =
        Claim { tenant, key_id: "k", metered: Metered::Requests, limit: 60, least: 1, most: 3, back: 0 };
    let look = || store::read_for(&*store, ReadFor::Keys, |reader| reader.access_key("k"));
    let lease = || store.lease(&claim);
    look().expect("it answers");
    assert_eq!(lease().expect("it answers").granted, 3);
    // Somebody holds the row; then nobody answers at all.
    let holder = store::cluster::Session::open(&cluster.url(DATABASE)).expect("a connection");
    holder.execute("BEGIN").expect("begun");
    holder.execute("SELECT 1 FROM rate_leases FOR NO KEY UPDATE").expect("held");
    let start = Instant::now();
    assert!(matches!(lease(), Err(StoreError::Unavailable(_))));
    holder.execute("ROLLBACK").expect("ended");
    assert_eq!(lease().expect("it answers").granted, 3);
    cluster.freeze();
    assert!(matches!(lease(), Err(StoreError::Unavailable(_))));
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    cluster.thaw();
    while look().is_err() || lease().is_err() {
        assert!(start.elapsed() < GUARD, "it never answers again");
    }
}

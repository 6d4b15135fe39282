//! A standby takes over.

use store::cluster::{Cluster, Replication, available};

use super::{Pair, Stream};

const DATABASE: &str = "directory";
const SOME: usize = 12;

/// Commits wait for the standby, so that it has what was acknowledged. The servers know both.
#[test]
fn a_standby_takes_over() {
    if !available() {
        return;
    }
    let primary = Cluster::durable();
    primary.create_database(DATABASE);
    let standby = primary.standby(Replication::Synchronous);
    let pair = Pair::start(&Cluster::url_of_all(&[&primary, &standby], DATABASE));
    let stream = Stream::start(&pair.clients());
    stream.go_on(SOME);
    primary.kill9();
    pair.wait_until_not_ready();
    standby.promote();
    stream.go_on(SOME);
    // The old primary comes back, does not know that it was replaced, and is the only one that can be reached. Its
    // writes would be thrown away, so it is not used.
    primary.restart();
    primary.set("synchronous_standby_names", "");
    standby.kill9();
    for server in &pair.servers {
        let refused = |log: &str| log.contains("went back to a primary that had been replaced").then_some(());
        server.process.wait_for("that the old primary is not used", refused);
    }
    pair.wait_until_not_ready();
    standby.restart();
    stream.go_on(2 * SOME);
    stream.end(&pair.clients());
    assert!(primary.backends(Some(DATABASE)).is_empty(), "somebody uses the old primary");
}

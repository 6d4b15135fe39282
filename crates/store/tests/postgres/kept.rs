//! Statements that the server keeps for a connection.

use store::cluster::{Cluster, PgBouncer, Session, available, bouncer_available};
use store::{Purpose, ReadFor, Store};

use crate::open;

const DATABASE: &str = "directory";
/// More often than any statement has to be asked to be kept, on a machine that does so many in a second.
const OFTEN: usize = 100;
/// How the server's log tells of a statement that has a name, and of one that has none.
const NAMED: &str = "execute s";
const UNNAMED: &str = "execute <unnamed>";

fn cluster() -> Cluster {
    let cluster = Cluster::start();
    cluster.create_database(DATABASE);
    cluster.set("log_statement", "all");
    cluster
}

fn look(store: &dyn Store) {
    store::read_for(store, ReadFor::Keys, |reader| reader.access_key("k")).expect("it answers");
}

#[test]
fn what_is_asked_often_is_kept_also_when_it_is_out_of_date() {
    if !available() {
        return;
    }
    let cluster = cluster();
    let store = open(&cluster.url(DATABASE), Purpose::Serve);
    let kept = || cluster.log().lines().any(|line| line.contains(NAMED) && line.contains("FROM access_keys"));
    let tried = (0..OFTEN * OFTEN).find(|_| {
        look(&*store);
        kept()
    });
    assert!(tried.is_some(), "it was never kept: {}", cluster.log());
    // What it answers with now is of another type than when it was kept.
    let owner = Session::open(&cluster.url(DATABASE)).expect("a connection");
    owner.execute("ALTER TABLE access_keys ALTER COLUMN scopes TYPE varchar").expect("altered");
    look(&*store);
}

/// It would mean something else, or nothing, on the connection of the next transaction.
#[test]
fn nothing_is_kept_behind_a_pooler() {
    if !bouncer_available() {
        return;
    }
    let cluster = cluster();
    let bouncer = PgBouncer::in_front_of(&cluster);
    let store = open(&bouncer.url(DATABASE), Purpose::Serve);
    (0..OFTEN).for_each(|_| look(&*store));
    let log = cluster.log();
    assert!(log.contains(UNNAMED) && !log.contains(NAMED), "{log}");
}

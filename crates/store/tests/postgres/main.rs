//! The engine on `PostgreSQL`: it conforms as it is, on partitioned tables, and behind `PgBouncer`.

mod kept;
mod moving;
mod schema;
mod sharing;
mod statements;

use store::cluster::{self, Cluster, PgBouncer, Session};
use store::conformance::{self, TestStore};
use store::{Durability, Location, Options, Purpose, Spread, Store};

/// What is emptied between two cases: nothing is as fast as that.
const EMPTY: &str =
    "TRUNCATE tenants, tenant_names, access_keys, groups, extra_refs, stored_answers, runs, attributes,
                     attribute_values, addresses, copies, rate_leases";

fn location(url: &str) -> Location {
    url.parse().expect("a location")
}

fn open(url: &str, purpose: Purpose) -> Box<dyn Store> {
    let options = Options { durability: Durability::Waived, ..Options::new(purpose) };
    store::open_at(&location(url), &options).expect("opens")
}

/// The suite on tables that lie like this, through one address of a database; the other one leads straight to it.
fn conforms(direct: &str, spread: Option<Spread>, url: &str) {
    store::migrate(&location(direct), spread).expect("migrated");
    let session = Session::open(direct).expect("a connection");
    conformance::run(&|| {
        session.execute(EMPTY).expect("emptied");
        TestStore { store: open(url, Purpose::Serve), keep: None }
    });
}

#[test]
fn postgres_conforms() {
    let Some(database) = cluster::database() else { return };
    conforms(database.url(), None, database.url());
}

/// Stands in for Citus: a statement that does not name its tenant, and a key that does not begin with it, fail.
#[test]
fn postgres_conforms_on_partitions() {
    let Some(database) = cluster::database() else { return };
    conforms(database.url(), Some(Spread::Partitions(4)), database.url());
}

/// In transaction mode: what a connection remembers from one transaction is not there in the next.
#[test]
fn postgres_conforms_behind_a_pooler() {
    if !cluster::bouncer_available() {
        return;
    }
    let cluster = Cluster::start();
    cluster.create_database("pooled");
    let bouncer = PgBouncer::in_front_of(&cluster);
    conforms(&cluster.url("pooled"), None, &bouncer.url("pooled"));
}

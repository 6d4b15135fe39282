//! Random batches through both faces at once, against the reference engine: every answer carries its run, every
//! run its revision, so what happened can be told again one batch after another, and each answer compared. The one
//! who does that is the checker of the rigs.

use rig::load::{Client as Loader, Course, Until, run_all};
use rig::survey::{Back, Survey, define};
use rig::workload::{Shape, Workload};
use rig::{Checker, Connection};

use crate::harness::{Client, Random, Server};

/// Batches that each client sends.
const BATCHES: usize = 40;
const CLIENTS: usize = 4;

#[test]
fn both_faces_at_once_do_what_the_oracle_does() {
    do_what_the_oracle_does(&[&Server::start().client], Shape::NARROW);
}

#[test]
fn retries_and_reads_beside_them_show_what_the_oracle_shows() {
    do_what_the_oracle_does(&[&Server::start().client], Shape::WIDE);
}

/// The oracle knows of one server, and of no engine.
#[test]
fn two_servers_on_one_database_do_what_the_oracle_does() {
    let Some(database) = store::cluster::database() else { return };
    let server = Server::start_on(database.url());
    let beside = server.beside(database.url());
    do_what_the_oracle_does(&[&server.client, &beside.client], Shape::NARROW);
}

/// Several clients at once, each at these servers of one store in turn.
fn do_what_the_oracle_does(servers: &[&Client], shape: Shape) {
    let connect = || -> Vec<Connection> {
        servers.iter().map(|server| Connection::new(server.address, &server.key)).collect()
    };
    define(&mut connect()[0]).unwrap();
    let mut random = Random::new();
    let mut clients: Vec<Loader> = (0..CLIENTS)
        .map(|number| Loader::new(Workload::new(format!("c{number}"), random.next(), shape), connect()))
        .collect();
    let history = run_all(&mut clients, &Course::default(), Until::Sent(BATCHES));
    let mut checker = Checker::new();
    let before = checker.revision();
    let found = Survey::default().look(&mut connect()[0], Back::News).unwrap();
    let tally = checker.settle(&history, &found);
    assert!(tally.is_clean(), "{:#?}", tally.notes);
    assert_eq!((tally.refused, tally.silent), (0, 0));
    let wrote = usize::try_from(checker.revision() - before).unwrap();
    assert!(wrote > history.len() / 5, "only {wrote} of {} wrote", history.len());
}

//! One connection for one job: statements in order, each round trip with a deadline of our own.

use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::client::Client;
pub(super) use super::client::Parameter;
use super::failure::{Failure, Phase};
use super::pool::{Lent, ROUND_TRIP};
use crate::StoreError;

/// A statement and its values.
pub(super) type Query<'p> = (&'static str, &'p [Parameter<'p>]);

/// A value that a statement keeps until it is sent.
pub(super) type Owned = (Box<dyn ToSql + Sync + Send>, Type);

/// How a statement that waits may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// Whatever number of rows it changes.
    Any,
    /// As many rows as this; else a race was missed, as the text says.
    Rows(u64, &'static str),
}

/// A statement whose result nobody needs yet.
struct Waiting {
    sql: &'static str,
    values: Vec<Owned>,
    expect: Expect,
}

/// A connection in the hands of a job. Unless it is given back, it is closed: nobody knows in which state it is.
pub(super) struct Link {
    lent: Option<Lent>,
    /// How long a round trip may take.
    patience: Duration,
    /// What is sent together with the next statement: the beginning of a transaction or savepoint.
    before: Vec<&'static str>,
    waiting: Vec<Waiting>,
    /// Whether a transaction was begun.
    begun: bool,
    /// Why nothing more can be asked in this transaction, or since its savepoint.
    pub(super) failure: Option<Failure>,
}

impl Link {
    /// With what begins the transaction; nothing for statements on their own.
    pub(super) fn new(lent: Lent, before: Option<&'static str>) -> Self {
        let (before, waiting) = (before.into_iter().collect(), Vec::new());
        Self { lent: Some(lent), patience: ROUND_TRIP, before, waiting, begun: false, failure: None }
    }

    /// The same for somebody who does not wait as long for a round trip.
    pub(super) fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The rows of a statement.
    pub(super) fn rows(
        &mut self,
        sql: &'static str,
        values: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let mut rows = self.all(&[(sql, values)])?;
        Ok(rows.pop().unwrap_or_default())
    }

    /// The row of a statement that has one at most.
    pub(super) fn row(
        &mut self,
        sql: &'static str,
        values: &[Parameter<'_>],
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values)?.pop())
    }

    /// The rows of several statements, in one round trip.
    pub(super) fn all(&mut self, queries: &[Query<'_>]) -> Result<Vec<Vec<Row>>, StoreError> {
        self.round(async |client| {
            let queries = queries.iter().map(|(sql, values)| client.rows(sql, values));
            join_all(queries).await.into_iter().collect()
        })
    }

    /// The same of those that are asked at all.
    pub(super) fn each<const N: usize>(
        &mut self,
        queries: [Option<Query<'_>>; N],
    ) -> Result<[Vec<Row>; N], StoreError> {
        let asked: Vec<Query<'_>> = queries.into_iter().flatten().collect();
        let mut found = if asked.is_empty() { Vec::new() } else { self.all(&asked)? }.into_iter();
        Ok(queries.map(|query| query.and_then(|_| found.next()).unwrap_or_default()))
    }

    /// How many rows a statement changes.
    pub(super) fn run(&mut self, sql: &'static str, values: &[Parameter<'_>]) -> Result<u64, StoreError> {
        self.round(async |client| client.run(sql, values).await)
    }

    /// One round trip, or few, of what is neither.
    pub(super) fn round<T>(
        &mut self,
        work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, StoreError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone().into_error());
        }
        let (before, waiting) = (std::mem::take(&mut self.before), std::mem::take(&mut self.waiting));
        let is_free = !self.begun;
        self.begun |= !before.is_empty();
        // In this order: each is sent when it is looked at first.
        let done = self.ask(Phase::Before, async |client| {
            if is_free {
                client.keep().await;
            }
            let (first, done) = join(send(client, &before, &waiting), work(client)).await;
            // What came first says why the rest failed.
            first?;
            done.map_err(|error| Failure::of(&error, Phase::Before))
        });
        done.map_err(|failure| self.fail(failure))
    }

    fn ask<T>(
        &mut self,
        phase: Phase,
        work: impl AsyncFnOnce(&Client) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let patience = self.patience;
        let Some(lent) = &mut self.lent else {
            return Err(Failure::lost(Phase::Before, "the connection is gone"));
        };
        lent.connection()?.run(patience, work).unwrap_or_else(|| {
            Err(Failure::lost(phase, format!("it has not answered for {} s", patience.as_secs())))
        })
    }

    /// A statement that goes with the next round trip: its result is known only then.
    pub(super) fn later(&mut self, sql: &'static str, values: Vec<Owned>, expect: Expect) {
        self.waiting.push(Waiting { sql, values, expect });
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        if self.waiting.is_empty() {
            return self.failure.clone().map_or(Ok(()), |failure| Err(failure.into_error()));
        }
        self.round(async |_| Ok(()))
    }

    /// Something to be sent with the next statement.
    pub(super) fn before_next(&mut self, sql: &'static str) {
        self.before.push(sql);
    }

    /// Forgets what failed since a savepoint, to which it goes back with the next statement.
    pub(super) fn back_to(&mut self, savepoint: Option<&'static str>) {
        self.waiting.clear();
        if let Some(sql) = savepoint {
            self.failure = None;
            self.before.push(sql);
        }
    }

    /// Nothing more can be asked after this.
    pub(super) fn fail(&mut self, failure: Failure) -> StoreError {
        self.failure = Some(failure.clone());
        failure.into_error()
    }

    /// Makes everything durable.
    pub(super) fn commit(mut self) -> Result<(), Failure> {
        // What may turn out to have missed a race must not be sent along with the commit.
        if self.waiting.iter().any(|waiting| waiting.expect != Expect::Any) {
            drop(self.flush());
        }
        if let Some(failure) = self.failure.clone() {
            self.end();
            return Err(failure);
        }
        let (before, waiting) = (std::mem::take(&mut self.before), std::mem::take(&mut self.waiting));
        let committed = self.ask(Phase::Commit, async |client| {
            let (first, done) = join(send(client, &before, &waiting), client.batch_execute("COMMIT")).await;
            match first {
                Ok(()) => done.map_err(|error| Failure::of(&error, Phase::Commit)),
                Err(failure) if failure.lost => Err(Failure::lost(Phase::Commit, failure.to_string())),
                // The server has rolled back what failed before the commit.
                Err(failure) => Err(failure),
            }
        });
        committed?;
        let Some(mut lent) = self.lent.take() else { return Ok(()) };
        if lent.connection()?.has_warned() {
            return Err(Failure::lost(Phase::Commit, "the commit may not have reached the standby"));
        }
        lent.give_back();
        Ok(())
    }

    /// Ends a transaction that has nothing to keep, without waiting for it.
    pub(super) fn leave(mut self) {
        self.end();
    }

    /// Where the connection is lost, it is closed.
    fn end(&mut self) {
        let is_lost = self.failure.as_ref().is_some_and(|failure| failure.lost);
        let Some(mut lent) = self.lent.take().filter(|_| !is_lost) else { return };
        if self.begun
            && let Ok(connection) = lent.connection()
        {
            connection.send("ROLLBACK");
        }
        lent.give_back();
    }
}

/// In this order, without waiting for one before the next is sent.
async fn send(client: &Client, before: &[&str], waiting: &[Waiting]) -> Result<(), Failure> {
    let begin = join_all(before.iter().map(|sql| client.batch_execute(sql)));
    let statements = waiting.iter().map(|waiting| async {
        let values: Vec<Parameter<'_>> = waiting
            .values
            .iter()
            .map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone()))
            .collect();
        client.run(waiting.sql, &values).await
    });
    let (openings, done) = join(begin, join_all(statements)).await;
    for opened in openings {
        opened.map_err(|error| Failure::of(&error, Phase::Before))?;
    }
    for (waiting, done) in waiting.iter().zip(done) {
        let changed = done.map_err(|error| Failure::of(&error, Phase::Before))?;
        if let Expect::Rows(expected, race) = waiting.expect
            && changed != expected
        {
            return Err(Failure::race(race));
        }
    }
    Ok(())
}

//! What statements are asked with: those that come again soon are parsed and planned once.
//!
//! Of an unchanged batch of 1000 groups two fifths of the database's time was parsing and planning, of one group nine
//! tenths (decision 25).

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Ready, ready};
use std::io;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Row, Statement};

/// A value of a statement, with its type.
pub(super) type Parameter<'p> = (&'p (dyn ToSql + Sync), Type);

/// How long statements are kept. Their plans are made for tables of the size that these have then, and the database
/// makes new ones only when it has counted again: what is written in this time is what a plan may be wrong by.
const LIFE: Duration = Duration::from_secs(1);
/// A statement that is asked this often within that time is kept.
const OFTEN: u32 = 3;

/// A client to whom the server keeps what is asked often, where it can.
pub(super) struct Client {
    client: tokio_postgres::Client,
    /// `None` behind a pooler.
    statements: Option<RefCell<Statements<Statement>>>,
}

impl Deref for Client {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &tokio_postgres::Client {
        &self.client
    }
}

impl Client {
    /// A client of a connection that may lead to a pooler, or to the server itself.
    pub(super) const fn new(client: tokio_postgres::Client) -> Self {
        Self { client, statements: None }
    }

    /// Has statements kept, if it is this process of the server that is at the other end. A pooler is another one: it
    /// would pass on the next transaction over another connection, where the name of a statement means nothing, or
    /// another statement.
    pub(super) async fn keep_if_direct(&mut self, process: Option<i32>) {
        if process.is_some() && process == process_at_the_end(&self.client).await {
            self.statements = Some(RefCell::new(Statements::new(Instant::now())));
        }
    }

    /// Has the server keep what was asked often. Never within a transaction, which it would end if it failed.
    pub(super) async fn keep(&self) {
        let Some(statements) = &self.statements else { return };
        let wanted = statements.borrow_mut().wanted(Instant::now());
        let prepared = wanted.iter().map(|(sql, types)| self.client.prepare_typed(sql, types));
        for ((sql, _), prepared) in wanted.iter().zip(join_all(prepared).await) {
            // Where it fails the statement is asked as before, which tells why.
            if let Ok(statement) = prepared {
                statements.borrow_mut().keep(sql, statement);
            }
        }
    }

    /// The rows of a statement.
    pub(super) async fn rows(&self, sql: &'static str, values: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        match self.kept(sql, values) {
            Some(statement) => self.client.query(&statement, &untyped(values)).await,
            None => self.client.query_typed(sql, values).await,
        }
    }

    /// How many rows a statement changes.
    pub(super) async fn run(&self, sql: &'static str, values: &[Parameter<'_>]) -> Result<u64, Error> {
        match self.kept(sql, values) {
            Some(statement) => self.client.execute(&statement, &untyped(values)).await,
            None => self.client.execute_typed(sql, values).await,
        }
    }

    /// The statement, if the server keeps it; it is asked in any case.
    pub(super) fn kept(&self, sql: &'static str, values: &[Parameter<'_>]) -> Option<Statement> {
        self.statements
            .as_ref()?
            .borrow_mut()
            .asked(sql, || values.iter().map(|(_, it)| it.clone()).collect())
    }
}

fn untyped<'v>(values: &[Parameter<'v>]) -> Vec<&'v (dyn ToSql + Sync)> {
    values.iter().map(|(value, _)| *value).collect()
}

/// What was asked since a moment. At most as many as there are statements in this program.
struct Statements<S> {
    since: Instant,
    known: HashMap<&'static str, Known<S>>,
}

enum Known<S> {
    /// Asked so often.
    Asked(u32),
    /// To be kept, with the types of its values.
    Wanted(Vec<Type>),
    Kept(S),
}

impl<S: Clone> Statements<S> {
    fn new(since: Instant) -> Self {
        Self { since, known: HashMap::new() }
    }

    /// Counts that it is asked.
    fn asked(&mut self, sql: &'static str, types: impl FnOnce() -> Vec<Type>) -> Option<S> {
        let known = self.known.entry(sql).or_insert(Known::Asked(0));
        match known {
            Known::Asked(times) if *times + 1 == OFTEN => *known = Known::Wanted(types()),
            Known::Asked(times) => *times += 1,
            Known::Wanted(_) => {}
            Known::Kept(statement) => return Some(statement.clone()),
        }
        None
    }

    /// What is to be kept, after all was forgotten whose time is over.
    fn wanted(&mut self, now: Instant) -> Vec<(&'static str, Vec<Type>)> {
        if now.saturating_duration_since(self.since) >= LIFE {
            *self = Self::new(now);
        }
        let wanted = self.known.iter().filter_map(|(sql, known)| match known {
            Known::Wanted(types) => Some((*sql, types.clone())),
            _ => None,
        });
        wanted.collect()
    }

    fn keep(&mut self, sql: &'static str, statement: S) {
        self.known.insert(sql, Known::Kept(statement));
    }
}

/// The process of the server that this end of the connection was told of when it was made, to cancel queries of; here
/// it is only read from what would ask for that. `None` if it cannot be read.
async fn process_at_the_end(client: &tokio_postgres::Client) -> Option<i32> {
    /// `CancelRequest` of the protocol, version 3.0: length, code, process, secret, four bytes each.
    const REQUEST: usize = 16;
    let (near, mut far) = duplex(64);
    // Where TLS is wanted it is asked first whether it may be.
    far.write_all(b"S").await.ok()?;
    client.cancel_token().cancel_query_raw(near, Bare).await.ok()?;
    let mut asked = Vec::new();
    far.read_to_end(&mut asked).await.ok()?;
    let request = asked.last_chunk::<REQUEST>()?;
    Some(i32::from_be_bytes([request[8], request[9], request[10], request[11]]))
}

/// Stands for TLS where nothing leaves this process.
struct Bare;

struct BareStream(DuplexStream);

impl TlsConnect<DuplexStream> for Bare {
    type Stream = BareStream;
    type Error = io::Error;
    type Future = Ready<io::Result<BareStream>>;

    fn connect(self, stream: DuplexStream) -> Self::Future {
        ready(Ok(BareStream(stream)))
    }
}

impl TlsStream for BareStream {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for BareStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for BareStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_often_is_kept_for_a_while() {
        let start = Instant::now();
        let mut statements = Statements::new(start);
        let ask = |statements: &mut Statements<u8>, sql| statements.asked(sql, || vec![Type::INT8]);
        for _ in 1..OFTEN {
            assert_eq!(ask(&mut statements, "often"), None);
        }
        assert_eq!(ask(&mut statements, "once"), None);
        assert!(statements.wanted(start).is_empty());
        assert_eq!(ask(&mut statements, "often"), None);
        let wanted = vec![("often", vec![Type::INT8])];
        assert_eq!(statements.wanted(start), wanted);
        // Also if it could not be kept at first.
        assert_eq!(statements.wanted(start), wanted);
        statements.keep("often", 1);
        assert_eq!((ask(&mut statements, "often"), ask(&mut statements, "once")), (Some(1), None));
        assert!(statements.wanted(start).is_empty());
        // Its plan was made for a time that is over.
        assert!(statements.wanted(start + LIFE).is_empty());
        assert_eq!(ask(&mut statements, "often"), None);
    }
}

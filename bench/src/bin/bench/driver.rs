//! Clients that each wait for their answers, on threads that block: the cheapest way to keep connections busy.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::answers::{Connection, check};
use crate::requests::{Face, Request};

/// How often a request is sent again that the server has no room for, and how long it waits for that.
const REPEATS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(200);

/// Requests of one tenant, in their order. Connections that share them take the next one each.
pub(crate) struct Queue<'q> {
    pub(crate) key: &'q str,
    pub(crate) count: usize,
    pub(crate) supply: Supply<'q>,
}

/// Where requests come from.
pub(crate) enum Supply<'q> {
    /// Built before the clock starts.
    Built(Vec<(Request, Vec<u8>)>),
    /// Made when they are sent, where nothing is measured.
    Made(&'q (dyn Fn(usize) -> Request + Sync)),
}

impl<'q> Queue<'q> {
    /// With everything that can be done before.
    pub(crate) fn built(host: &str, key: &'q str, requests: Vec<Request>) -> Self {
        let count = requests.len();
        let with_bytes = |request: Request| {
            let bytes = request.bytes(host, key);
            // The text is not needed a second time.
            (Request { body: String::new(), ..request }, bytes)
        };
        Self { key, count, supply: Supply::Built(requests.into_iter().map(with_bytes).collect()) }
    }
}

/// Whether answers are held to what they have to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// One that does not say it ends the run.
    Held,
    /// Looked at just as long, but whatever they say: those of the program that does nothing.
    LookedAt,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Driven {
    pub(crate) lasted: Duration,
    /// Of each request that writes, from the first byte sent to the last one read.
    pub(crate) writes: Vec<Duration>,
    /// The same of those that read.
    pub(crate) reads: Vec<Duration>,
    /// Answers that asked to come again later, which was done.
    pub(crate) refused: u64,
    /// The body of the last answer to a batch.
    pub(crate) answer: Vec<u8>,
}

/// A queue, and how far it is.
struct Progress<'q> {
    queue: &'q Queue<'q>,
    next: AtomicUsize,
    answered: Vec<AtomicBool>,
}

impl Progress<'_> {
    /// Waits until this request and all before it are answered; in a tree that is sent from the top this is rare.
    fn wait_for(&self, place: usize) {
        while !self.answered[..=place].iter().all(|answered| answered.load(Ordering::Acquire)) {
            thread::sleep(Duration::from_micros(50));
        }
    }
}

/// Sends all requests over so many connections, to these servers in turn.
pub(crate) fn drive(
    hosts: &[&str],
    face: Face,
    queues: &[Queue<'_>],
    connections: usize,
    answers: Answers,
) -> anyhow::Result<Driven> {
    let progress: Vec<Progress<'_>> = queues
        .iter()
        .map(|queue| {
            let answered = (0..queue.count).map(|_| AtomicBool::new(false)).collect();
            Progress { queue, next: AtomicUsize::new(0), answered }
        })
        .collect();
    let (barrier, sum) = (Barrier::new(connections + 1), Mutex::new(Driven::default()));
    thread::scope(|scope| {
        let clients: Vec<_> = (0..connections)
            .map(|client| {
                let (progress, barrier, sum) = (&progress[client % progress.len()], &barrier, &sum);
                let host = hosts[client % hosts.len()];
                scope.spawn(move || {
                    // Everybody has to come to both barriers, also without a connection.
                    let connection = Connection::to(host);
                    barrier.wait();
                    let done =
                        connection.and_then(|connection| work(connection, host, face, progress, answers));
                    barrier.wait();
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    let done = done?;
                    sum.writes.extend(done.writes);
                    sum.reads.extend(done.reads);
                    sum.refused += done.refused;
                    sum.answer = done.answer;
                    anyhow::Ok(())
                })
            })
            .collect();
        barrier.wait();
        let start = Instant::now();
        barrier.wait();
        sum.lock().unwrap_or_else(PoisonError::into_inner).lasted = start.elapsed();
        clients.into_iter().try_for_each(|client| client.join().ok().context("a client panicked")?)
    })?;
    Ok(sum.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// What one connection does.
fn work(
    mut connection: Connection,
    host: &str,
    face: Face,
    progress: &Progress<'_>,
    answers: Answers,
) -> anyhow::Result<Driven> {
    let mut done = Driven::default();
    loop {
        let place = progress.next.fetch_add(1, Ordering::Relaxed);
        if place >= progress.queue.count {
            return Ok(done);
        }
        let for_now;
        let (request, bytes) = match &progress.queue.supply {
            Supply::Built(requests) => (&requests[place].0, &requests[place].1),
            Supply::Made(make) => {
                let request = make(place);
                let bytes = request.bytes(host, progress.queue.key);
                for_now = (request, bytes);
                (&for_now.0, &for_now.1)
            }
        };
        if let Some(before) = request.after {
            progress.wait_for(before);
        }
        let start = Instant::now();
        let answer = ask(&mut connection, bytes, &mut done.refused);
        let took = start.elapsed();
        // Those who wait for this one must not wait for ever, whatever became of it.
        progress.answered[place].store(true, Ordering::Release);
        let (status, body) = answer?;
        let checked = check(face, &request.expected, status, body);
        if answers == Answers::Held {
            checked.with_context(|| format!("{} {}", request.method, request.path))?;
        }
        if request.records == 0 {
            done.reads.push(took);
            continue;
        }
        done.writes.push(took);
        if place + 1 == progress.queue.count || done.answer.is_empty() {
            done.answer = body.to_vec();
        }
    }
}

/// Asks until it is not told to come again later. The time of a request is that of all of it.
fn ask<'c>(
    connection: &'c mut Connection,
    request: &[u8],
    refused: &mut u64,
) -> anyhow::Result<(u16, &'c [u8])> {
    for _ in 0..REPEATS {
        let (status, _) = connection.ask(request)?;
        if !matches!(status, 429 | 503) {
            break;
        }
        *refused += 1;
        thread::sleep(PAUSE);
    }
    connection.last()
}

//! Clients that send what a workload says, and write down what became of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::connection::Connection;
use crate::history::{Fate, Operation};
use crate::workload::{Asked, Workload};

/// What all clients of a history share.
#[derive(Debug, Default)]
pub struct Course {
    /// Grows with each request and each answer: which of two came first.
    moments: AtomicU64,
    /// Writes that were answered as done so far.
    acknowledged: AtomicU64,
    is_over: AtomicBool,
}

impl Course {
    /// The next moment.
    pub fn moment(&self) -> u64 {
        self.moments.fetch_add(1, Ordering::SeqCst)
    }

    /// Writes that were answered as done so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// Tells the clients to send nothing more.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// Lets clients go on after an end.
    pub fn go_on(&self) {
        self.is_over.store(false, Ordering::SeqCst);
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }
}

/// When a client stops.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// It has sent so many requests.
    Sent(usize),
    /// The course is over, or the server does not answer any more.
    Gone,
    /// The course is over, whatever the server does meanwhile.
    Over,
}

/// One client: what it sends, and what it does not know the outcome of.
#[derive(Debug)]
pub struct Client {
    workload: Workload,
    connections: Vec<Connection>,
    turn: usize,
    /// Requests with idempotency keys that nobody has answered.
    unanswered: Vec<Asked>,
}

/// A client keeps asking about so many requests.
const UNANSWERED: usize = 4;
/// What a client waits after a refusal, so that it is not the load.
const BREATH: Duration = Duration::from_millis(5);

impl Client {
    /// One that has sent nothing yet, and sends to these servers in turn.
    pub fn new(workload: Workload, connections: Vec<Connection>) -> Self {
        Self { workload, connections, turn: 0, unanswered: Vec::new() }
    }

    /// The servers have moved.
    pub fn reconnect(&mut self, connections: Vec<Connection>) {
        self.connections = connections;
    }

    /// Sends until the end; gives what became of everything.
    pub fn run(&mut self, course: &Course, until: Until) -> Vec<Operation> {
        let mut operations = Vec::new();
        loop {
            let is_enough = match until {
                Until::Sent(most) => operations.len() >= most,
                Until::Gone | Until::Over => course.is_over(),
            };
            if is_enough {
                return operations;
            }
            let operation = self.send(course);
            let is_gone = matches!(operation.fate, Fate::Silent(_));
            operations.push(operation);
            if is_gone && matches!(until, Until::Gone) && !self.answers() {
                return operations;
            }
        }
    }

    fn send(&mut self, course: &Course) -> Operation {
        let asked = self.next();
        self.turn += 1;
        let turn = self.turn % self.connections.len();
        let connection = &mut self.connections[turn];
        // Whoever does not even reach the server has begun nothing.
        let opened = connection.open();
        let began = course.moment();
        let fate = Fate::of(&asked, opened.and_then(|()| connection.ask(&asked)));
        let ended = course.moment();
        match (&asked, &fate) {
            (Asked::Write(_), Fate::Answered(_)) => {
                course.acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            (Asked::Write(write), Fate::Silent(_) | Fate::Refused(_)) => {
                if write.key.is_some() && self.unanswered.len() < UNANSWERED {
                    self.unanswered.push(asked.clone());
                }
                std::thread::sleep(BREATH);
            }
            (_, Fate::Refused(_) | Fate::Silent(_)) => std::thread::sleep(BREATH),
            _ => {}
        }
        Operation { asked, began, ended, fate }
    }

    /// Something new; or what was not answered again, sooner or later; or, now and then, what was answered before.
    fn next(&mut self) -> Asked {
        let random = self.workload.random();
        if !self.unanswered.is_empty() && random.below(3) == 0 {
            let index = random.below(self.unanswered.len());
            return self.unanswered.swap_remove(index);
        }
        let asked = self.workload.request();
        let is_repeated = self.workload.random().below(20) == 0;
        if let Asked::Write(write) = &asked
            && write.key.is_some()
            && is_repeated
        {
            self.unanswered.push(asked.clone());
        }
        asked
    }

    /// Whether a server is still there: it takes connections.
    fn answers(&self) -> bool {
        self.connections.iter().any(|connection| std::net::TcpStream::connect(connection.address()).is_ok())
    }
}

/// Lets clients run until each has sent so many requests, or until the course is over.
///
/// # Panics
/// When one of them panics.
pub fn run_all(clients: &mut [Client], course: &Course, until: Until) -> Vec<Operation> {
    std::thread::scope(|scope| {
        let running: Vec<_> =
            clients.iter_mut().map(|client| scope.spawn(move || client.run(course, until))).collect();
        running.into_iter().flat_map(|client| client.join().expect("a client does not panic")).collect()
    })
}

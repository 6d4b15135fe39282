//! A network between a client and a server, which can be cut.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::frames::{Deed, Frame, Opening, Prepared};
use super::processes::wait_for;
use super::server::{Cluster, OWNER};

/// When the connection of a transaction that wrote is cut. Its client cannot tell one from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Its COMMIT never arrives at the server.
    BeforeCommit,
    /// The server has committed; its answer never arrives at the client.
    AfterCommit,
}

/// Listens on a free port of this machine and passes everything on to the socket of a server.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
}

/// What the connections share.
#[derive(Debug)]
struct Line {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    behind: PathBuf,
    traffic: Traffic,
    /// So many cuts are still to be made, at this moment of a commit.
    cuts: (Moment, usize),
    connections: HashMap<usize, (TcpStream, UnixStream)>,
    accepted: usize,
    commits: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Traffic {
    Passes,
    Held,
    Refused,
    /// The proxy is gone.
    Ended,
}

impl Proxy {
    /// A proxy that passes everything.
    ///
    /// # Panics
    /// When there is no port.
    pub fn in_front_of(cluster: &Cluster) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("a port");
        let state = State {
            behind: cluster.socket(),
            traffic: Traffic::Passes,
            cuts: (Moment::AfterCommit, 0),
            connections: HashMap::new(),
            accepted: 0,
            commits: 0,
        };
        let line = Arc::new(Line { state: Mutex::new(state), changed: Condvar::new() });
        let listening = Arc::clone(&line);
        thread::spawn(move || listening.listen(&listener));
        Self { address, line }
    }

    /// The address of a database of the server behind.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{OWNER}@{}/{database}?sslmode=disable", self.address)
    }

    /// Leads new connections to another server.
    pub fn lead_to(&self, cluster: &Cluster) {
        self.line.lock().behind = cluster.socket();
    }

    /// Passes everything again.
    pub fn pass(&self) {
        self.line.turn(Traffic::Passes);
    }

    /// Lets nothing through in either direction. Connections stay, new ones are accepted.
    pub fn hold(&self) {
        self.line.turn(Traffic::Held);
    }

    /// Cuts all connections, and new ones at once.
    pub fn refuse(&self) {
        self.line.turn(Traffic::Refused);
        self.cut_all();
    }

    /// Cuts all connections. New ones pass.
    pub fn cut_all(&self) {
        self.line.lock().connections.drain().for_each(|(_, sockets)| cut(&sockets));
        self.line.changed.notify_all();
    }

    /// Cuts the connections of the next transactions that have written something, when they commit.
    pub fn cut_commits(&self, moment: Moment, times: usize) {
        self.line.lock().cuts = (moment, times);
    }

    /// How many of those cuts have not been made yet.
    pub fn cuts_left(&self) -> usize {
        self.line.lock().cuts.1
    }

    /// Waits until all of them have been made.
    pub fn wait_for_cuts(&self) {
        wait_for("commits to cut", || (self.cuts_left() == 0).then_some(()));
    }

    /// How many connections there have been.
    pub fn accepted(&self) -> usize {
        self.line.lock().accepted
    }

    /// How many transactions that wrote something the server has committed.
    pub fn commits(&self) -> usize {
        self.line.lock().commits
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.line.turn(Traffic::Ended);
        self.cut_all();
        // Wakes the one who listens.
        drop(TcpStream::connect(self.address));
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, traffic: Traffic) {
        self.lock().traffic = traffic;
        self.changed.notify_all();
    }

    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            let mut state = self.lock();
            match state.traffic {
                Traffic::Ended => return,
                Traffic::Refused => {}
                Traffic::Passes | Traffic::Held => {
                    state.accepted += 1;
                    let (line, number, behind) = (Arc::clone(self), state.accepted, state.behind.clone());
                    thread::spawn(move || {
                        // However it ends, it has ended.
                        drop(line.connect(number, client, &behind));
                        line.lock().connections.remove(&number).iter().for_each(cut);
                    });
                }
            }
        }
    }

    /// One connection, to its end.
    fn connect(self: &Arc<Self>, number: usize, mut client: TcpStream, behind: &PathBuf) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut server = UnixStream::connect(behind)?;
        self.lock().connections.insert(number, (client.try_clone()?, server.try_clone()?));
        let startup = loop {
            match Opening::read(&mut client)? {
                Opening::Encryption => client.write_all(b"N")?,
                Opening::Cancel(bytes) => return server.write_all(&bytes),
                Opening::Startup(bytes) => break bytes,
            }
        };
        self.pass()?;
        server.write_all(&startup)?;
        let wrote = Arc::new(AtomicBool::new(false));
        let (line, writes) = (Arc::clone(self), Arc::clone(&wrote));
        let sockets = (client.try_clone()?, server.try_clone()?);
        let asking = (client.try_clone()?, server.try_clone()?);
        let asks = thread::spawn(move || {
            drop(line.forward_questions(asking, &writes));
            cut(&sockets);
        });
        let ended = self.forward_answers(&mut server, &mut client, &wrote);
        cut(&(client, server));
        drop(asks.join());
        ended
    }

    fn forward_questions(&self, sockets: (TcpStream, UnixStream), wrote: &AtomicBool) -> io::Result<()> {
        let (mut client, mut server) = (io::BufReader::new(sockets.0), sockets.1);
        let mut prepared = Prepared::default();
        loop {
            let frame = Frame::read(&mut client)?;
            let deed = prepared.deed(&frame);
            self.pass()?;
            match deed {
                Deed::Writes => wrote.store(true, Ordering::SeqCst),
                Deed::Commits if wrote.load(Ordering::SeqCst) => self.cut_at(Moment::BeforeCommit)?,
                Deed::Commits | Deed::Other => {}
            }
            server.write_all(&frame.bytes)?;
        }
    }

    fn forward_answers(
        &self,
        server: &mut impl Read,
        client: &mut impl Write,
        wrote: &AtomicBool,
    ) -> io::Result<()> {
        let mut server = io::BufReader::new(server);
        loop {
            let frame = Frame::read(&mut server)?;
            let ended = frame.completed().is_some_and(|tag| ["COMMIT", "ROLLBACK"].contains(&tag));
            if ended && wrote.swap(false, Ordering::SeqCst) && frame.completed() == Some("COMMIT") {
                self.lock().commits += 1;
                self.cut_at(Moment::AfterCommit)?;
            }
            self.pass()?;
            client.write_all(&frame.bytes)?;
        }
    }

    /// Waits while nothing passes.
    fn pass(&self) -> io::Result<()> {
        let held = |state: &mut State| state.traffic == Traffic::Held;
        let state = self.changed.wait_while(self.lock(), held).unwrap_or_else(PoisonError::into_inner);
        if state.traffic == Traffic::Passes { Ok(()) } else { Err(io::ErrorKind::ConnectionAborted.into()) }
    }

    /// An error, which ends the connection, where a cut is to be made.
    fn cut_at(&self, moment: Moment) -> io::Result<()> {
        let (wanted, left) = &mut self.lock().cuts;
        if *wanted != moment || *left == 0 {
            return Ok(());
        }
        *left -= 1;
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

/// Ends both halves of a connection; they may have ended.
fn cut((client, server): &(TcpStream, UnixStream)) {
    drop(client.shutdown(Shutdown::Both));
    drop(server.shutdown(Shutdown::Both));
}

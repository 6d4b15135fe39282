//! How long a client may take, all in one place (rules §10).

use std::time::Duration;

use tokio::time::Instant;

/// The deadlines of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    /// For a request head, counted from the accepted connection or the answer before; for TLS, the handshake.
    pub(super) head: Duration,
    /// For which nothing of a body may arrive.
    pub(super) idle: Duration,
    /// After which a body must have arrived at `rate`.
    pub(super) grace: Duration,
    /// Bytes a second, after `grace`.
    pub(super) rate: u32,
    /// For a whole body, counted from its request's head.
    pub(super) arrival: Duration,
    /// For a request in the line before its place.
    pub(super) line: Duration,
    /// For which a client may take nothing of its answer.
    pub(super) write: Duration,
    /// For a client to take an answer that came before its request was read to the end.
    pub(super) linger: Duration,
    /// In which an open connection may still bring a request after the server was told to stop, to be told so.
    pub(super) last_requests: Duration,
    /// For requests under way after the server was told to stop.
    pub(super) drain: Duration,
    /// Before accepting again when the process is out of file descriptors.
    pub(super) accept_pause: Duration,
}

/// The deadlines in force. Tests run them on a paused clock instead of shortening them.
pub(super) const DEADLINES: Deadlines = Deadlines {
    head: Duration::from_secs(10),
    idle: Duration::from_secs(10),
    grace: Duration::from_secs(10),
    rate: 1 << 10,
    arrival: Duration::from_mins(1),
    line: Duration::from_secs(5),
    write: Duration::from_mins(1),
    linger: Duration::from_secs(2),
    last_requests: Duration::from_secs(1),
    drain: Duration::from_secs(30),
    accept_pause: Duration::from_millis(50),
};

/// How a body has arrived so far.
#[derive(Debug)]
pub(super) struct Pace {
    started: Instant,
    latest: Instant,
    bytes: u32,
}

impl Pace {
    pub(super) fn start() -> Self {
        let now = Instant::now();
        Self { started: now, latest: now, bytes: 0 }
    }

    /// So many bytes more.
    pub(super) fn arrived(&mut self, bytes: usize) {
        self.latest = Instant::now();
        self.bytes = self.bytes.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// When the next bytes must be there. The rate is that of all bytes together: what came fast pays for
    /// what comes slowly, up to the idle deadline.
    pub(super) fn deadline(&self) -> Instant {
        let paid = Duration::from_secs(1) * self.bytes / DEADLINES.rate;
        let slow = self.started + DEADLINES.grace + paid;
        slow.min(self.latest + DEADLINES.idle).min(self.started + DEADLINES.arrival)
    }
}

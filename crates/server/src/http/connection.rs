//! Connections: accepted, counted, bounded in time, drained.
//!
//! An accept loop of our own, because `axum::serve` sets none of hyper's timeouts: a client that sends
//! nothing, or its head byte by byte, would hold its connection for ever.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::deadlines::DEADLINES;
use super::head::{MAX_FIELDS, MAX_HEADERS, MAX_TARGET};
use super::places::{Limits, Place, Places};
use super::sockets::{Listener, Socket};
use super::stall::Stall;
use super::tls::Tls;
use super::visit::Peer;

/// What is read of a connection ahead of what is asked for: a head, with what its lines need around it.
/// hyper's own limit is ten times as much, which adds up over as many connections as there may be.
const READ_AHEAD: usize = MAX_HEADERS + MAX_TARGET + (8 << 10);
/// What is read behind the last answer of a connection: more than the body of a usual batch, little enough
/// that hundreds who send the largest body do not keep everything else waiting.
const LINGER_BYTES: usize = 2 << 20;

/// Where clients come in.
#[derive(Debug)]
pub(crate) struct Entrance<L = TcpListener> {
    pub(crate) listener: L,
    pub(crate) limits: Limits,
    pub(crate) tls: Option<Arc<Tls>>,
}

/// What every connection is served with.
struct House {
    tls: Option<Arc<Tls>>,
    router: Router,
    /// Connections end behind the request that is under way.
    close: CancellationToken,
}

/// Tells a connection that the answer under way on it ends with its client or with the server only.
#[derive(Debug, Clone, Default)]
pub(super) struct Endless(Arc<AtomicBool>);

impl Endless {
    /// The connection is not waited for when the server stops.
    pub(super) fn mark(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// For the next request.
    fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    fn is_marked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Serves until `stop` is cancelled; then finishes what is under way, for at most 30 seconds. Returns
/// whether everything was finished.
pub(crate) async fn serve<L: Listener>(
    entrance: Entrance<L>,
    router: Router,
    stop: CancellationToken,
) -> bool {
    let Entrance { listener, limits, tls } = entrance;
    let places = Places::new(limits);
    let close = CancellationToken::new();
    let house = Arc::new(House { tls, router, close: close.clone() });
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = places.admit(peer.ip()).await else {
                    tracing::debug!(%peer, "no place for a connection");
                    continue;
                };
                connections.spawn(receive(stream, place, Arc::clone(&house)));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                places.make_room();
                sleep(DEADLINES.accept_pause).await;
            }
        }
    }
    drop(listener);
    connections.close();
    // A client on an open connection is told that the server is stopping, where a closed connection would
    // leave it to guess.
    if timeout(DEADLINES.last_requests, connections.wait()).await.is_ok() {
        return true;
    }
    close.cancel();
    timeout(DEADLINES.drain, connections.wait()).await.is_ok()
}

/// One connection from its beginning to its end, unless it must make room before it has sent anything of use.
async fn receive<S: Socket>(stream: S, place: Place, house: Arc<House>) {
    // Answers are written whole: waiting to fill a segment only delays them.
    if let Err(error) = stream.send_at_once() {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let ended = tokio::select! {
        biased;
        () = place.leave().cancelled() => Err("made room for another one".into()),
        ended = visit(stream, &place, &house) => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a connection ended early");
    }
}

/// A connection with all its requests. After an answer that did not wait for the whole of its request,
/// what still comes is read and thrown away for a moment: a socket that is closed over bytes that nobody
/// has read is reset, and the reset can destroy the answer on its way.
async fn visit<S: Socket>(stream: S, place: &Place, house: &House) -> Result<(), String> {
    let mut stream = Stall::new(stream, DEADLINES.write);
    greet(&mut stream, place, house).await?;
    let lingered = timeout(DEADLINES.linger, linger(stream.inner_mut())).await;
    lingered.map_err(|late| late.to_string())?.map_err(|error| error.to_string())
}

/// Reads and throws away what still comes.
async fn linger(stream: &mut impl Socket) -> io::Result<()> {
    let mut left = LINGER_BYTES;
    while left > 0 {
        match stream.skip().await? {
            0 => break,
            bytes => left = left.saturating_sub(bytes),
        }
    }
    Ok(())
}

/// Shakes hands where there is TLS, then attends.
async fn greet<T>(stream: T, place: &Place, house: &House) -> Result<(), String>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let Some(tls) = &house.tls else { return attend(stream, place, house).await };
    let greeted = timeout(DEADLINES.head, tls.acceptor().accept(stream)).await;
    let stream = greeted.map_err(|late| late.to_string())?.map_err(|error| error.to_string())?;
    attend(stream, place, house).await
}

/// Answers the requests of a connection, one after the other.
async fn attend<T>(stream: T, place: &Place, house: &House) -> Result<(), String>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let router = TowerToHyperService::new(house.router.clone());
    let endless = Endless::default();
    let service = service_fn(|mut request: Request<Incoming>| {
        endless.clear();
        request.extensions_mut().insert(endless.clone());
        request.extensions_mut().insert(Peer(place.peer()));
        // Whoever was told to go in this very moment goes: nothing of the request is done.
        let answer = place.spoke().then(|| router.call(request));
        async {
            match answer {
                Some(answer) => answer.await.map_err(|never| match never {}),
                None => Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(DEADLINES.head)
        // A client may close its sending side behind its last request and still wants the answer.
        .half_close(true)
        .max_headers(4 * MAX_FIELDS)
        .max_buf_size(READ_AHEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        // A request that is there already is answered.
        biased;
        ended = connection.as_mut() => ended,
        () = house.close.cancelled() => {
            connection.as_mut().graceful_shutdown();
            // It was told to end, and has had the time of the last requests for that: its client does not read.
            if endless.is_marked() {
                return Err("a stream was not read to its end".into());
            }
            connection.await
        }
    };
    ended.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::pin::Pin;
    use std::sync::Mutex;
    use std::task::{Context, Poll, ready};
    use std::time::Duration;

    use axum::body::{Body, Bytes};
    use axum::routing::{get, post};
    use tokio::io::ReadBuf;
    use tokio::time::{Instant, Sleep};

    use super::*;

    /// The bytes of the largest answer.
    const LARGE: usize = 1 << 20;
    const SECOND: Duration = Duration::from_secs(1);

    /// A client that says something, perhaps goes on with a letter each second, and takes so many bytes of
    /// what it is told, at once or each second.
    #[derive(Default)]
    struct Script {
        says: &'static [u8],
        babbles: bool,
        takes: usize,
        takes_each_second: usize,
        heard: Arc<Mutex<Vec<u8>>>,
        reading: Option<Pin<Box<Sleep>>>,
        writing: Option<Pin<Box<Sleep>>>,
    }

    fn a_second(timer: &mut Option<Pin<Box<Sleep>>>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(timer.get_or_insert_with(|| Box::pin(sleep(SECOND))).as_mut().poll(cx));
        *timer = None;
        Poll::Ready(())
    }

    impl AsyncRead for Script {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if !self.says.is_empty() {
                buffer.put_slice(std::mem::take(&mut self.says));
            } else if self.babbles {
                ready!(a_second(&mut self.reading, cx));
                buffer.put_slice(b"x");
            } else {
                return Poll::Pending;
            }
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Script {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            if self.takes == 0 && self.takes_each_second == 0 {
                return Poll::Pending;
            }
            if self.takes == 0 {
                ready!(a_second(&mut self.writing, cx));
                self.takes = self.takes_each_second;
            }
            let taken = self.takes.min(bytes.len());
            self.takes -= taken;
            self.heard.lock().unwrap().extend_from_slice(&bytes[..taken]);
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// An answer that ends after an hour, said bit by bit.
    fn endless(pause: Duration) -> Body {
        let until = Instant::now() + 3600 * SECOND;
        Body::from_stream(futures_util::stream::unfold((), move |()| async move {
            sleep(pause).await;
            let bytes = Ok::<_, io::Error>(Bytes::from_static(&[b'x'; 100]));
            (Instant::now() < until).then_some((bytes, ()))
        }))
    }

    /// Attends to a client: how it ended, after how many seconds, and what the client has heard.
    async fn play(script: Script) -> (bool, u64, String) {
        play_with(script, None).await
    }

    async fn play_with(script: Script, tls: Option<Arc<Tls>>) -> (bool, u64, String) {
        let receive = async |body: Body| {
            super::super::body::collect(body, |_| Ok(())).await.map_err(|late| late.code())
        };
        let router = Router::new()
            .route("/large", get(async || Bytes::from(vec![b'x'; LARGE])))
            .route("/endless", get(async || endless(Duration::ZERO)))
            .route("/quiet", get(async || endless(15 * SECOND)))
            .route("/", post(receive));
        let places = Places::new(Limits { total: 1, of_one_address: 1 });
        let place = places.admit(IpAddr::V4(Ipv4Addr::LOCALHOST)).await.unwrap();
        let (heard, started) = (Arc::clone(&script.heard), Instant::now());
        let stream = Stall::new(script, DEADLINES.write);
        let ended = greet(stream, &place, &House { tls, router, close: CancellationToken::new() }).await;
        let heard = String::from_utf8(heard.lock().unwrap().clone()).unwrap();
        (ended.is_ok(), started.elapsed().as_secs(), heard)
    }

    #[tokio::test(start_paused = true)]
    async fn heads_that_do_not_end() {
        for (says, babbles) in [
            (&b""[..], false),
            (b"GET / HTTP/1.1\r\nHost: h\r\n", false),
            (b"", true),
            (b"GET / HTTP/1.1\r\nHost: h\r\nx: ", true),
        ] {
            let script = Script { says, babbles, takes: LARGE, ..Script::default() };
            assert_eq!(play(script).await, (false, 10, String::new()), "{says:?} {babbles}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn handshakes_that_do_not_end() {
        let directory = tempfile::tempdir().unwrap();
        let [certificates, key] = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
        let made = rcgen::generate_simple_self_signed(["h".to_owned()]).unwrap();
        std::fs::write(&certificates, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let tls = Arc::new(Tls::load(certificates, key).unwrap());
        // Nothing, or the beginning of a record of 512 bytes.
        let record = b"\x16\x03\x01\x02\x00";
        for (says, babbles) in [(&b""[..], false), (record, false), (record, true)] {
            let script = Script { says, babbles, ..Script::default() };
            assert_eq!(play_with(script, Some(Arc::clone(&tls))).await, (false, 10, String::new()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_kept_connection_is_not_kept_for_ever() {
        let says = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\nx";
        let (_, seconds, heard) = play(Script { says, takes: LARGE, ..Script::default() }).await;
        assert_eq!((seconds, heard.starts_with("HTTP/1.1 200 OK")), (10, true), "{heard}");
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_that_do_not_end() {
        let says = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1000\r\n\r\n{";
        for babbles in [false, true] {
            let script = Script { says, babbles, takes: LARGE, ..Script::default() };
            let (_, seconds, heard) = play(script).await;
            assert!(seconds <= 11 && heard.ends_with("REQUEST_TIMEOUT"), "{seconds} {heard}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_without_end() {
        let says = b"GET /quiet HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
        let (well, seconds, _) = play(Script { says, takes: LARGE, ..Script::default() }).await;
        assert_eq!((well, seconds), (true, 3600), "as long as it is read");
        let says = b"GET /endless HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
        let (well, seconds, heard) = play(Script { says, takes: 5000, ..Script::default() }).await;
        assert_eq!((well, seconds, heard.len()), (false, 60, 5000), "and no longer");
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_are_not_read() {
        let says = b"GET /large HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
        let (well, seconds, heard) = play(Script { says, takes: 1000, ..Script::default() }).await;
        assert_eq!((well, seconds, heard.len()), (false, 60, 1000));
        // A slow reader is no stalled one.
        let (well, seconds, heard) =
            play(Script { says, takes_each_second: 8 << 10, ..Script::default() }).await;
        assert!(well && seconds > 120 && heard.len() > LARGE, "{seconds}");
    }
}

//! Two servers on one database, and what can happen to it: nothing that was acknowledged is lost, nothing is
//! done twice, and whoever asks is told whether the server is ready.
//!
//! Each test lets a stream of batches run, does something to the database in the middle of it, and compares what
//! is stored in the end with what was acknowledged.

mod failover;
mod faults;
mod pair;
mod sharing;
mod stream;

use self::pair::Pair;
use self::stream::Stream;

/// What the stream compares holds where nothing happens, whatever the engine.
#[test]
fn a_stream_on_the_embedded_engine() {
    let server = crate::harness::Server::start();
    let clients = [(); 2].map(|()| server.client.clone());
    let stream = Stream::start(&clients);
    stream.go_on(100);
    assert!(stream.end(&clients).is_empty(), "batches were refused");
}

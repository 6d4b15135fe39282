//! Where connections come from: the network of the machine, or a simulated one.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

const SKIPPED_AT_ONCE: usize = 16 << 10;

/// Where clients come in.
pub(crate) trait Listener {
    /// A connection to one of them.
    type Stream: Socket;

    /// The next connection, with the address at its other end.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>>;
}

/// A connection.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static {
    /// Sends what is written without waiting for more to fill a segment.
    fn send_at_once(&self) -> io::Result<()>;

    /// Reads some of what comes, throws it away, and tells how much it was; nothing at the end. No buffer is
    /// kept while nothing comes.
    fn skip(&mut self) -> impl Future<Output = io::Result<usize>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.accept().await
    }
}

impl Socket for TcpStream {
    fn send_at_once(&self) -> io::Result<()> {
        self.set_nodelay(true)
    }

    async fn skip(&mut self) -> io::Result<usize> {
        loop {
            self.readable().await?;
            match self.try_read(&mut [0; SKIPPED_AT_ONCE]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }
}

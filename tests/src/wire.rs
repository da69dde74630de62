//! Reading a byte stream with a deadline: what the client and the scripted origins both stand on.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::SockRef;

/// A TCP or Unix stream, so that both ends of the harness speak either.
#[derive(Debug)]
pub enum Socket {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix stream socket.
    Unix(UnixStream),
}

impl Socket {
    fn sock(&self) -> SockRef<'_> {
        match self {
            Socket::Tcp(stream) => SockRef::from(stream),
            Socket::Unix(stream) => SockRef::from(stream),
        }
    }

    /// Makes the close, when it comes, a reset rather than an end of stream. (A Unix socket has no
    /// reset: there it stays a close.)
    pub fn close_by_reset(&self) {
        let _ = self.sock().set_linger(Some(Duration::ZERO));
    }

    /// Ends the sending direction and leaves the other open.
    pub fn end_sending(&self) {
        let _ = self.sock().shutdown(std::net::Shutdown::Write);
    }

    /// Ends both directions at once, whoever else is using the socket.
    pub fn kill(&self) {
        self.close_by_reset();
        let _ = self.sock().shutdown(std::net::Shutdown::Both);
    }

    fn set_read_timeout(&self, limit: Duration) -> io::Result<()> {
        self.sock()
            .set_read_timeout(Some(limit.max(Duration::from_millis(1))))
    }
}

impl Read for &Socket {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => (&mut &*stream).read(buf),
            Socket::Unix(stream) => (&mut &*stream).read(buf),
        }
    }
}

impl Write for &Socket {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => (&mut &*stream).write(buf),
            Socket::Unix(stream) => (&mut &*stream).write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A socket and the bytes that came and were not yet consumed.
#[derive(Debug)]
pub struct Wire {
    socket: Arc<Socket>,
    pending: Vec<u8>,
    /// Every byte that ever came, up to [`Wire::KEEP`].
    pub transcript: Vec<u8>,
    /// How many bytes ever came.
    pub received: usize,
}

impl Wire {
    /// How much of a stream the transcript keeps.
    pub const KEEP: usize = 1 << 20;

    /// Wraps a connected socket, which others may hold to kill it.
    pub fn new(socket: Arc<Socket>) -> Wire {
        if let Socket::Tcp(stream) = &*socket {
            let _ = stream.set_nodelay(true);
        }
        Wire {
            socket,
            pending: Vec::new(),
            transcript: Vec::new(),
            received: 0,
        }
    }

    /// The socket beneath.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// What came and was not consumed yet.
    pub fn pending(&self) -> &[u8] {
        &self.pending
    }

    /// Sends everything, or says why not.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        (&mut &*self.socket).write_all(bytes)
    }

    /// Waits for more bytes until `until`. `Ok(0)` is the end of the stream; `TimedOut` the deadline.
    pub fn fill(&mut self, until: Instant) -> io::Result<usize> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.socket.set_read_timeout(left)?;
        let mut chunk = [0u8; 64 * 1024];
        let got = loop {
            match (&mut &*self.socket).read(&mut chunk) {
                Ok(got) => break got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Err(error) => return Err(error),
            }
        };
        self.received += got;
        self.pending.extend_from_slice(&chunk[..got]);
        let room = Wire::KEEP.saturating_sub(self.transcript.len());
        self.transcript.extend_from_slice(&chunk[..got.min(room)]);
        Ok(got)
    }

    /// Takes `count` bytes off the front, waiting for them. An early end is `UnexpectedEof`.
    pub fn take(&mut self, count: usize, until: Instant) -> io::Result<Vec<u8>> {
        while self.pending.len() < count {
            if self.fill(until)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.pending.drain(..count).collect())
    }

    /// Takes everything up to and with the first `mark`, waiting for it.
    pub fn take_through(&mut self, mark: &[u8], until: Instant) -> io::Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            if let Some(at) = find(&self.pending[searched..], mark) {
                return self.take(searched + at + mark.len(), until);
            }
            searched = self.pending.len().saturating_sub(mark.len() - 1);
            if self.fill(until)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Takes everything until the peer ends the stream.
    pub fn take_to_end(&mut self, until: Instant) -> io::Result<Vec<u8>> {
        while self.fill(until)? > 0 {}
        Ok(std::mem::take(&mut self.pending))
    }

    /// Takes what is pending, without waiting.
    pub fn take_pending(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pending)
    }
}

/// Where `needle` first lies in `hay`.
pub fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len())
        .position(|window| window == needle)
}

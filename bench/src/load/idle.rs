//! Keep-alive connections that lie idle after one exchange each, and single exchanges to see whether a server answers.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::load::answer::{Answer, Progress};
use crate::load::request::Request;

/// How long one answer may take here.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connections that are held open.
#[derive(Debug)]
pub struct Idle(Vec<TcpStream>);

impl Idle {
    /// Opens `count` connections to `target`, each with one exchange of `request` behind it.
    ///
    /// # Errors
    /// The first thing that goes wrong.
    pub fn open(target: SocketAddr, request: &Request, count: usize) -> io::Result<Self> {
        (0..count)
            .map(|_| exchange(target, request))
            .collect::<io::Result<_>>()
            .map(Self)
    }

    /// How many the peer has closed, or sent something on, since.
    #[must_use]
    pub fn disturbed(&self) -> usize {
        self.0.iter().filter(|stream| !is_quiet(stream)).count()
    }
}

/// Whether a connection is open with nothing to read.
fn is_quiet(stream: &TcpStream) -> bool {
    let quiet = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
    stream.set_nonblocking(true).is_ok() && stream.peek(&mut [0]).is_err_and(quiet)
}

/// One exchange on a new connection, which is handed back open.
///
/// # Errors
/// What is wrong with connection or answer.
pub fn exchange(target: SocketAddr, request: &Request) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&target, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&request.bytes)?;
    let mut answer = Answer::default();
    let mut buffer = [0; 16 * 1024];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let progress = answer.take(&buffer[..count], request.expect);
        match progress.map_err(|fault| io::Error::other(fault.word()))? {
            Progress::Partial => {}
            Progress::Whole { .. } => return Ok(stream),
        }
    }
}

//! The client's side of a dialogue: says bytes, hears responses, and panics with the whole story
//! when it hears something else than the test expected.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Type};

use crate::PATIENCE;
use crate::response::{Response, Wrong};
use crate::wire::{Socket, Wire};

/// One connection of a client that does exactly what it is told, right or wrong.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
    patience: Duration,
}

/// One request on a connection of its own.
#[track_caller]
pub fn get(address: SocketAddr, path: &str) -> Response {
    Client::connect(address).gets(path)
}

impl Client {
    /// Connects over TCP.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Client {
        let stream =
            TcpStream::connect(address).unwrap_or_else(|e| panic!("connect {address}: {e}"));
        Client {
            wire: over(stream),
            patience: PATIENCE,
        }
    }

    /// Connects over TCP, or says why it could not.
    pub fn try_connect(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        Ok(Client {
            wire: over(stream),
            patience: PATIENCE,
        })
    }

    /// Connects from a chosen loopback address, as a client of that address would.
    #[track_caller]
    pub fn connect_from(source: IpAddr, address: SocketAddr) -> Client {
        let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket
            .bind(&SockAddr::from(SocketAddr::new(source, 0)))
            .expect("bind to the source");
        socket.connect(&SockAddr::from(address)).expect("connect");
        Client {
            wire: over(socket.into()),
            patience: PATIENCE,
        }
    }

    /// Connects with a small receive buffer, so that the server soon cannot send any more.
    #[track_caller]
    pub fn connect_narrow(address: SocketAddr, receive_buffer: usize) -> Client {
        let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket
            .set_recv_buffer_size(receive_buffer)
            .expect("receive buffer");
        socket.connect(&SockAddr::from(address)).expect("connect");
        Client {
            wire: over(socket.into()),
            patience: PATIENCE,
        }
    }

    /// Waits that long for answers instead of [`PATIENCE`].
    pub fn patient(mut self, patience: Duration) -> Client {
        self.patience = patience;
        self
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn says(&mut self, bytes: impl AsRef<[u8]>) -> &mut Client {
        self.try_says(bytes).expect("the server stopped listening");
        self
    }

    /// Sends bytes, or says that the server took no more.
    pub fn try_says(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.wire.send(bytes.as_ref())
    }

    /// Sends a GET request and reads the answer.
    #[track_caller]
    pub fn gets(&mut self, path: &str) -> Response {
        self.asks("GET", path, "")
    }

    /// Sends a request without content, with extra field lines (each ended by CRLF).
    #[track_caller]
    pub fn asks(&mut self, method: &str, path: &str, fields: &str) -> Response {
        self.says(format!(
            "{method} {path} HTTP/1.1\r\nHost: test.example\r\n{fields}\r\n"
        ));
        self.read(method == "HEAD")
    }

    /// Sends a request with content and Content-Length, and reads the answer.
    #[track_caller]
    pub fn sends(&mut self, method: &str, path: &str, body: &[u8]) -> Response {
        let length = body.len();
        self.says(format!(
            "{method} {path} HTTP/1.1\r\nHost: test.example\r\nContent-Length: {length}\r\n\r\n"
        ));
        self.says(body).read(false)
    }

    /// Reads the next response.
    #[track_caller]
    pub fn hears(&mut self) -> Response {
        self.read(false)
    }

    /// Reads the next response, which answers a HEAD request.
    #[track_caller]
    pub fn hears_of_head(&mut self) -> Response {
        self.read(true)
    }

    /// Reads the next response, or says what was wrong with it.
    pub fn try_hears(&mut self) -> Result<Response, Wrong> {
        let until = Instant::now() + self.patience;
        Response::read(&mut self.wire, false, until)
    }

    /// Reads some raw bytes and throws them away: their number, 0 at the end.
    pub fn try_hears_some(&mut self) -> io::Result<usize> {
        let count = self.wire.fill(Instant::now() + self.patience)?;
        self.wire.take_pending();
        Ok(count)
    }

    /// Reads exactly that many raw bytes of whatever comes.
    #[track_caller]
    pub fn hears_bytes(&mut self, count: usize) -> Vec<u8> {
        let until = Instant::now() + self.patience;
        self.wire
            .take(count, until)
            .unwrap_or_else(|e| panic!("{e} after {:?}", self.heard()))
    }

    /// Reads raw bytes through the first `mark`.
    #[track_caller]
    pub fn hears_through(&mut self, mark: &str) -> String {
        let until = Instant::now() + self.patience;
        let got = self.wire.take_through(mark.as_bytes(), until);
        String::from_utf8_lossy(&got.unwrap_or_else(|e| panic!("{e} after {:?}", self.heard())))
            .into()
    }

    /// Reads everything that comes until the server closes or resets the connection.
    pub fn hears_out(&mut self) -> Vec<u8> {
        let until = Instant::now() + self.patience;
        while matches!(self.wire.fill(until), Ok(count) if count > 0) {}
        self.wire.take_pending()
    }

    /// Panics unless the server closes now, without another byte.
    #[track_caller]
    pub fn hears_close(&mut self) {
        let until = Instant::now() + self.patience;
        match self.wire.fill(until) {
            Ok(0) => assert_eq!(self.heard(), "", "bytes before the close"),
            Ok(_) => panic!("expected a close, heard {:?}", self.heard()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("expected a close: {error}"),
        }
    }

    /// Whether the server has closed, waiting at most `limit` for it.
    pub fn is_closed_within(&mut self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        loop {
            match self.wire.fill(until) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == io::ErrorKind::ConnectionReset,
            }
        }
    }

    /// Panics when the server says anything, or closes, within `quiet`.
    #[track_caller]
    pub fn hears_nothing(&mut self, quiet: Duration) {
        match self.wire.fill(Instant::now() + quiet) {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
            Ok(0) => panic!("expected silence, the server closed"),
            Ok(_) => panic!("expected silence, heard {:?}", self.heard()),
            Err(error) => panic!("expected silence: {error}"),
        }
    }

    /// Ends the sending direction: a half-closed client still listens.
    pub fn ends_sending(&mut self) -> &mut Client {
        self.wire.socket().end_sending();
        self
    }

    /// Goes away with a reset.
    pub fn resets(self) {
        self.wire.socket().close_by_reset();
    }

    /// How many bytes ever came.
    pub fn received(&self) -> usize {
        self.wire.received
    }

    /// The address of this end.
    pub fn local(&self) -> SocketAddr {
        match self.wire.socket() {
            Socket::Tcp(stream) => stream.local_addr().expect("a local address"),
            Socket::Unix(_) => unreachable!("clients speak TCP"),
        }
    }

    #[track_caller]
    fn read(&mut self, to_head: bool) -> Response {
        let until = Instant::now() + self.patience;
        match Response::read(&mut self.wire, to_head, until) {
            Ok(response) => response,
            Err(wrong) => panic!("no proper answer: {wrong}; pending {:?}", self.heard()),
        }
    }

    fn heard(&self) -> String {
        String::from_utf8_lossy(self.wire.pending()).into_owned()
    }
}

fn over(stream: TcpStream) -> Wire {
    Wire::new(Arc::new(Socket::Tcp(stream)))
}

//! One client connection: connecting, sending, receiving, without ever blocking.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use crate::load::answer::{Answer, Progress};
use crate::load::fault::Fault;
use crate::load::request::Request;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There is no socket.
    Shut,
    /// It is open and nothing is under way.
    Free,
    /// The request is being sent.
    Sending,
    /// The answer is awaited or on its way.
    Receiving,
    /// The answer is whole and the peer has to close.
    Closing,
}

/// What reading brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Nothing that ends anything.
    Nothing,
    /// A whole, right answer.
    Answered,
    /// The peer closed, as it had to.
    Closed,
}

/// A connection, used again after it was closed.
#[derive(Debug)]
pub struct Connection {
    socket: Option<OwnedFd>,
    /// What it is doing.
    pub state: State,
    /// Which request is under way.
    pub request: usize,
    /// When that request was due or begun, in nanoseconds of the load's clock.
    pub began: u64,
    /// Whether the kernel said that the peer's end of stream is there to be read, of which it will raise no other event.
    pub ended: bool,
    /// Bytes of the request that were sent.
    sent: usize,
    answer: Answer,
}

impl Connection {
    /// One without a socket.
    #[must_use]
    pub fn new() -> Self {
        Self {
            socket: None,
            state: State::Shut,
            request: 0,
            began: 0,
            ended: false,
            sent: 0,
            answer: Answer::default(),
        }
    }

    /// Whether an exchange is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self.state, State::Sending | State::Receiving)
    }

    /// Opens a socket to `target`, which may still be connecting when this returns.
    ///
    /// # Errors
    /// [`Fault::Broken`] where that fails at once.
    pub fn open(&mut self, target: SocketAddr) -> Result<BorrowedFd<'_>, Fault> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let family = if target.is_ipv4() {
            AddressFamily::INET
        } else {
            AddressFamily::INET6
        };
        let socket =
            rustix::net::socket_with(family, SocketType::STREAM, flags, None).map_err(broken)?;
        sockopt::set_tcp_nodelay(&socket, true).map_err(broken)?;
        match rustix::net::connect(&socket, &target) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(broken(error)),
        }
        self.state = State::Free;
        self.ended = false;
        let socket: &OwnedFd = self.socket.insert(socket);
        Ok(socket.as_fd())
    }

    /// Closes the socket, if there is one.
    pub fn shut(&mut self) {
        self.socket = None;
        self.state = State::Shut;
    }

    /// Begins the exchange of request number `request`.
    pub fn begin(&mut self, request: usize, began: u64) {
        self.request = request;
        self.began = began;
        self.sent = 0;
        self.answer.clear();
        self.state = State::Sending;
    }

    /// Sends as much as the kernel takes.
    ///
    /// # Errors
    /// [`Fault::Broken`].
    pub fn send(&mut self, request: &Request) -> Result<(), Fault> {
        let Some(socket) = &self.socket else {
            return Err(Fault::Broken);
        };
        while self.state == State::Sending {
            match rustix::net::send(socket, &request.bytes[self.sent..], SendFlags::NOSIGNAL) {
                Ok(sent) => self.sent += sent,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(broken(error)),
            }
            if self.sent == request.bytes.len() {
                self.state = State::Receiving;
            }
        }
        Ok(())
    }

    /// Receives what is there, until the answer is whole. `must_close` says that the peer has to close after it.
    ///
    /// # Errors
    /// What is wrong with the answer or the connection.
    pub fn receive(
        &mut self,
        request: &Request,
        must_close: bool,
        buffer: &mut [u8],
    ) -> Result<Event, Fault> {
        let Some(socket) = &self.socket else {
            return Ok(Event::Nothing);
        };
        loop {
            let count = match rustix::net::recv(socket, &mut *buffer, RecvFlags::empty()) {
                Ok((count, _)) => count,
                Err(Errno::AGAIN) => return Ok(Event::Nothing),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(broken(error)),
            };
            if count == 0 {
                return if self.state == State::Closing {
                    Ok(Event::Closed)
                } else {
                    Err(Fault::ClosedEarly)
                };
            }
            match self.state {
                State::Receiving => {}
                State::Sending => return Err(Fault::TooEarly),
                _ => return Err(Fault::WrongBody),
            }
            if let Progress::Whole { close } = self.answer.take(&buffer[..count], request.expect)? {
                self.state = if close || must_close {
                    State::Closing
                } else {
                    State::Free
                };
                return Ok(Event::Answered);
            }
            // A short read has emptied the socket; what comes next raises a new event.
            if count < buffer.len() && !self.ended {
                return Ok(Event::Nothing);
            }
        }
    }
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

/// Every error of a socket is the same fault to us.
fn broken(_: Errno) -> Fault {
    Fault::Broken
}

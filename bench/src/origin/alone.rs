//! Our own origin: one event at a time, one answer in one write, so that nothing reaches the proxy in batches.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::sockopt;

use crate::body;
use crate::machine::raise_descriptor_limit;
use crate::origin::answers::{Answers, Found};

/// Bytes received at once.
const BUFFER: usize = 256 * 1024;
/// Fields that a head may have.
const MAX_FIELDS: usize = 64;
/// Bytes that a head may have.
const MAX_HEAD: usize = 64 * 1024;
/// The backlog of each listening socket; the kernel caps it.
const BACKLOG: i32 = 65_535;

/// A connection of a proxy.
#[derive(Debug)]
struct Client {
    stream: TcpStream,
    /// A head that has come in pieces.
    piece: Vec<u8>,
    /// Bytes of a request body that were received, and its length, while one is on its way.
    upload: Option<(usize, usize)>,
    /// What is still to be sent of an answer.
    unsent: Option<Answer>,
    /// An answer that is not to be sent yet.
    held: Option<Answer>,
    /// Which of all connections it is.
    number: u64,
}

/// An answer that is due later, and whose it is.
#[derive(Debug)]
struct Due {
    at: Instant,
    descriptor: i32,
    number: u64,
}

/// An answer and how far it was sent.
#[derive(Debug)]
struct Answer {
    bytes: Cow<'static, [u8]>,
    sent: usize,
    /// Whether the next event is that there is room to send.
    waits: bool,
}

/// Serves on `addresses` until the process is ended. `cacheable` has answers say for how long they may be kept.
///
/// # Errors
/// That an address cannot be listened on, or what the kernel says about epoll.
pub fn serve(addresses: &[SocketAddr], cacheable: bool) -> io::Result<()> {
    raise_descriptor_limit();
    let mut answers = Answers::new(cacheable);
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    let mut listeners = HashMap::new();
    for address in addresses {
        let listener = TcpListener::bind(address)?;
        // Listening again only changes the backlog, which the standard library keeps short.
        rustix::net::listen(&listener, BACKLOG)?;
        listener.set_nonblocking(true)?;
        watch(&epoll, &listener)?;
        listeners.insert(listener.as_raw_fd(), listener);
    }
    let mut clients: HashMap<i32, Client> = HashMap::new();
    let mut numbers = 0..;
    // All are late by as much, so that they are due in the order in which they came.
    let mut later: VecDeque<Due> = VecDeque::new();
    let mut buffer = vec![0; BUFFER];
    let mut events = Vec::with_capacity(1);
    loop {
        events.clear();
        let wait = later.front().map(|due| timespec(due.at));
        match epoll::wait(&epoll, spare_capacity(&mut events), wait.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        release(&mut later, &mut clients, &epoll);
        let Some(number) = events.first().map(|event| event.data.u64() as i32) else {
            continue;
        };
        if let Some(listener) = listeners.get(&number) {
            let number = numbers.next().unwrap_or_default();
            accept(listener, number, &epoll, &mut clients)?;
        } else if let Some(client) = clients.get_mut(&number) {
            match client.advance(&mut answers, &epoll, &mut buffer) {
                Ok(due) => later.extend(due),
                Err(_) => drop(clients.remove(&number)),
            }
        }
    }
}

/// The time from now to `at`.
fn timespec(at: Instant) -> Timespec {
    let left = at.saturating_duration_since(Instant::now());
    Timespec {
        tv_sec: left.as_secs().cast_signed(),
        tv_nsec: left.subsec_nanos().into(),
    }
}

/// Sends the answers that are due.
fn release(later: &mut VecDeque<Due>, clients: &mut HashMap<i32, Client>, epoll: impl AsFd) {
    let now = Instant::now();
    while let Some(due) = later.pop_front_if(|due| due.at <= now) {
        let Some(client) = clients.get_mut(&due.descriptor) else {
            continue;
        };
        // Another one may have its descriptor by now.
        if client.number == due.number {
            client.unsent = client.held.take();
            if client.send(epoll.as_fd()).is_err() {
                clients.remove(&due.descriptor);
            }
        }
    }
}

/// Raises an event whenever `socket` has something to read.
fn watch(epoll: impl AsFd, socket: &(impl AsFd + AsRawFd)) -> io::Result<()> {
    Ok(epoll::add(epoll, socket, data(socket), EventFlags::IN)?)
}

/// The event data by which a socket is known: its descriptor.
fn data(socket: &impl AsRawFd) -> EventData {
    EventData::new_u64(socket.as_raw_fd() as u64)
}

/// Accepts one connection.
fn accept(
    listener: &TcpListener,
    number: u64,
    epoll: impl AsFd,
    clients: &mut HashMap<i32, Client>,
) -> io::Result<()> {
    let (stream, _) = match listener.accept() {
        Ok(accepted) => accepted,
        // It was gone again before we came to it.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
        Err(error) => return Err(error),
    };
    stream.set_nonblocking(true)?;
    sockopt::set_tcp_nodelay(&stream, true)?;
    watch(epoll, &stream)?;
    clients.insert(
        stream.as_raw_fd(),
        Client {
            stream,
            piece: Vec::new(),
            upload: None,
            unsent: None,
            held: None,
            number,
        },
    );
    Ok(())
}

impl Client {
    /// Does what an event allows; says what of it is due later. An error means that the connection is over.
    fn advance(
        &mut self,
        answers: &mut Answers,
        epoll: impl AsFd,
        buffer: &mut [u8],
    ) -> io::Result<Option<Due>> {
        if self.unsent.is_some() {
            return self.send(epoll).map(|()| None);
        }
        let count = match self.stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        if self.held.is_some() {
            return Err(io::Error::other("a request before the last one's answer"));
        }
        let Some(found) = self.take(&buffer[..count], answers)? else {
            return Ok(None);
        };
        let answer = Answer {
            bytes: found.bytes,
            sent: 0,
            waits: false,
        };
        if found.after.is_zero() {
            self.unsent = Some(answer);
            return self.send(epoll).map(|()| None);
        }
        self.held = Some(answer);
        Ok(Some(Due {
            at: Instant::now() + found.after,
            descriptor: self.stream.as_raw_fd(),
            number: self.number,
        }))
    }

    /// Takes what was received; says the answer when the request is whole.
    fn take(&mut self, bytes: &[u8], answers: &mut Answers) -> io::Result<Option<Found>> {
        if self.upload.is_some() {
            return self.take_body(bytes, answers);
        }
        let mut piece = std::mem::take(&mut self.piece);
        let whole = if piece.is_empty() {
            bytes
        } else {
            piece.extend_from_slice(bytes);
            &piece
        };
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        let httparse::Status::Complete(end) = request.parse(whole).map_err(io::Error::other)?
        else {
            if whole.len() > MAX_HEAD {
                return Err(io::Error::other("a head without an end"));
            }
            self.piece = whole.to_vec();
            return Ok(None);
        };
        if request.method == Some("POST") {
            let length = content_length(request.headers).ok_or(io::ErrorKind::InvalidData)?;
            self.upload = Some((0, length));
            return self.take_body(&whole[end..], answers);
        }
        Ok(Some(answers.find(request.path.unwrap_or_default())))
    }

    /// Compares the next piece of a request body with what the load sends.
    fn take_body(&mut self, bytes: &[u8], answers: &mut Answers) -> io::Result<Option<Found>> {
        let Some((received, length)) = self.upload else {
            return Ok(None);
        };
        let end = received + bytes.len();
        let right = body::of(length).get(received..end) == Some(bytes);
        if !right {
            self.upload = None;
            return Ok(Some(Found {
                bytes: answers.wrong_upload.into(),
                after: Duration::ZERO,
            }));
        }
        self.upload = (end < length).then_some((end, length));
        Ok((end == length).then(|| answers.find("/128")))
    }

    /// Sends as much as the kernel takes, and waits for room where that was not all.
    fn send(&mut self, epoll: impl AsFd) -> io::Result<()> {
        let Some(answer) = &mut self.unsent else {
            return Ok(());
        };
        while answer.sent < answer.bytes.len() {
            match self.stream.write(&answer.bytes[answer.sent..]) {
                Ok(sent) => answer.sent += sent,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    answer.waits = true;
                    return Ok(epoll::modify(
                        epoll,
                        &self.stream,
                        data(&self.stream),
                        EventFlags::OUT,
                    )?);
                }
                Err(error) => return Err(error),
            }
        }
        if answer.waits {
            epoll::modify(epoll, &self.stream, data(&self.stream), EventFlags::IN)?;
        }
        self.unsent = None;
        Ok(())
    }
}

/// The length that a head announces.
fn content_length(fields: &[httparse::Header<'_>]) -> Option<usize> {
    let field = fields
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case("content-length"))?;
    std::str::from_utf8(field.value).ok()?.parse().ok()
}

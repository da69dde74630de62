//! Threads with a ring each, and the sockets on which they listen.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::thread;

use rustix::net::{AddressFamily, SocketType, sockopt};
use rustix::process::{Resource, getrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::op::{Completion, Op};
use crate::options::{Manner, Options};
use crate::ring::Ring;

/// The most sockets that a ring has room for.
const MAX_FILES: u64 = 32_768;
/// Bytes of all receive buffers of a ring.
const BUFFER_BYTES: usize = 8 * 1024 * 1024;
/// The most receive buffers of a ring.
const MAX_BUFFERS: usize = 1024;
/// The backlog of listening sockets; the kernel caps it.
const BACKLOG: i32 = 65_535;

/// What a relay does with completions.
pub(crate) trait Handler {
    /// The ring that it works with.
    fn ring(&mut self) -> &mut Ring;
    /// Does what follows from a completion.
    fn handle(&mut self, completion: Completion);
    /// Does what had to wait for buffers, of which there are some again.
    fn refill(&mut self);
}

/// Whether the kernel allows what the relays need.
///
/// # Errors
/// What it does not allow.
pub fn probe() -> io::Result<()> {
    // A ring belongs to the thread that made it, so the trial has one of its own.
    let tried = thread::spawn(|| Ring::new(8, 8, 4096).map(drop)).join();
    tried.unwrap_or_else(|_| Err(io::Error::other("the probe panicked")))
}

/// Runs a relay on every worker. Returns when the first of them ends, which it does with an error only.
pub(crate) fn run<H: Handler>(
    options: &Options,
    make: impl Fn(Ring, Manner) -> H + Clone + Send + 'static,
) -> io::Result<()> {
    let (ended, ends) = mpsc::channel();
    for number in 0..options.workers {
        let (options, make, ended) = (options.clone(), make.clone(), ended.clone());
        let listener = listen(options.listen)?;
        // Nobody listens any more once another worker has ended.
        thread::spawn(move || ended.send(work(&options, number, listener, make)));
    }
    drop(ended);
    ends.recv()
        .unwrap_or_else(|_| Err(io::Error::other("every worker panicked")))
}

/// One worker: its CPU, its ring, its loop.
fn work<H: Handler>(
    options: &Options,
    number: usize,
    listener: OwnedFd,
    make: impl Fn(Ring, Manner) -> H,
) -> io::Result<()> {
    if let Some(cpu) = options.cpus.get(number % options.cpus.len().max(1)) {
        let mut set = CpuSet::new();
        set.set(*cpu);
        sched_setaffinity(None, &set)?;
    }
    let files = getrlimit(Resource::Nofile)
        .current
        .unwrap_or(MAX_FILES)
        .min(MAX_FILES) as u32;
    let count = (BUFFER_BYTES / options.buffer)
        .clamp(16, MAX_BUFFERS)
        .next_power_of_two() as u16;
    let mut handler = make(Ring::new(files, count, options.buffer)?, options.manner);
    let listener: &'static OwnedFd = Box::leak(Box::new(listener));
    handler.ring().accept(listener);
    let mut completions = Vec::with_capacity(1024);
    loop {
        handler.ring().wait(&mut completions)?;
        for completion in completions.drain(..) {
            if completion.token.op == Op::Accept && !completion.more {
                handler.ring().accept(listener);
            }
            handler.handle(completion);
        }
        if handler.ring().publish() {
            handler.refill();
        }
    }
}

/// A socket of its own on a shared port.
fn listen(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    // Accepted sockets inherit it.
    sockopt::set_tcp_nodelay(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

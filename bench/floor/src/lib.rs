//! The floor: two relays that do the least that a proxy can, straight on io_uring, to know what the kernel alone costs.
//!
//! [`relay()`] passes a request to a server over a kept connection and the answer back; [`memory()`] answers by itself. They
//! find a head's end and its `Content-Length` and nothing more: no field is checked, changed or added, there are no
//! time-outs, no limits, no log. Multishot accept and receive, a ring of provided buffers, fixed files, SINGLE_ISSUER and
//! DEFER_TASKRUN; the bytes are sent from the buffer that they were received into.
//!
//! They run until the process ends and give nothing back before: buffers and rings are leaked on purpose.

#[allow(unsafe_code, reason = "the memory that the kernel writes to")]
mod buffers;
mod memory;
mod message;
mod op;
mod options;
mod relay;
#[allow(unsafe_code, reason = "submission entries point at memory")]
mod ring;
mod slot;
mod worker;

use std::io;
use std::net::SocketAddr;

pub use options::{Manner, Options};
pub use worker::probe;

/// Passes requests to `servers` (IPv4) and answers back. Returns only with an error.
///
/// # Errors
/// What the kernel does not allow.
pub fn relay(options: &Options, servers: &[SocketAddr]) -> io::Result<()> {
    let servers = servers.to_vec();
    worker::run(options, move |ring, manner| {
        relay::Relay::new(ring, &servers, manner)
    })
}

/// Answers requests with a body of `body`. Returns only with an error.
///
/// # Errors
/// What the kernel does not allow.
pub fn memory(options: &Options, body: &[u8]) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: floor\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer: &'static [u8] = [head.as_bytes(), body].concat().leak();
    worker::run(options, move |ring, manner| {
        memory::Memory::new(ring, answer, manner)
    })
}

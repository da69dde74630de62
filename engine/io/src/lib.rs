//! The I/O facade: sockets, deadlines, tasks and mailboxes of one worker.
//!
//! Everything here belongs to the core (the thread) that made it, except [`Postbox`], [`Mailbox`]
//! until it is first received from, and [`ListenSocket`]. What waits is the driver's business.
//! A receive is a non-blocking call of our own, made when the socket is ready for it, or bytes
//! that the driver has received ahead into buffers that all connections share. Either way a
//! future that is dropped loses no bytes and an idle connection holds no buffer. A send is such a
//! call too, or handed over to the driver, which then holds its bytes until the kernel has them.
//! Bytes that are only passed on can stay with the kernel from receive to send, in a pipe.

#[cfg(test)]
extern crate self as ringfence_io;

mod accept;
mod bell;
mod budget;
mod clock;
mod close;
mod connect;
mod counters;
mod datagrams;
mod deadline;
mod driver;
mod lease;
mod limits;
mod listen;
mod mailbox;
mod outgoing;
mod outq;
mod pages;
mod peer;
mod pipe;
mod pool;
mod recv;
mod runtime;
mod scratch;
mod send;
mod shared_buf;
mod shelf;
mod shortage;
pub mod sim;
mod spares;
mod stream;
mod task;

pub use ringfence_config::{DriverChoice, Endpoint};

pub use self::accept::Listener;
pub use self::budget::next_turn;
pub use self::clock::{now, unix_now};
pub use self::datagrams::Datagrams;
pub use self::deadline::{Elapsed, timeout_at};
pub use self::driver::{Datagram, Socket, probe_io_uring, sleep};
pub use self::lease::Lease;
pub use self::limits::{NofileLimit, raise_nofile_limit};
pub use self::listen::ListenSocket;
pub use self::mailbox::{Mailbox, Postbox, mailbox};
pub use self::outgoing::{Outgoing, Payload};
pub use self::pages::refuse_huge_pages;
pub use self::peer::Peer;
pub use self::pipe::Pipe;
pub use self::pool::{held_bytes, trim as trim_pools};
pub use self::recv::Received;
pub use self::runtime::{
    DriverKind, DriverReport, RunOptions, Stats, driver_report, probe_driver, run, stats,
};
pub use self::scratch::Scratch;
pub use self::shared_buf::SharedBuf;
pub use self::shelf::shelve;
pub use self::shortage::is_shortage;
pub use self::spares::Spares;
pub use self::stream::Stream;
pub use self::task::{panics, spawn};

//! A bell's clapper: what any thread may ring, and a core waits for.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{EventfdFlags, eventfd};

use super::sim;
use super::socket::{Kind, Socket};
use super::source::Source;

/// What is rung.
pub(crate) enum Chime {
    /// An eventfd.
    Eventfd(OwnedFd),
    /// A bell of the simulated world.
    Simulated(sim::Chime),
}

impl Chime {
    /// One for this core, and what the core hears it by.
    ///
    /// # Errors
    /// When no descriptor is left.
    pub(crate) fn hang() -> io::Result<(Self, Source)> {
        if sim::is_running()
            && let Some((chime, socket)) = sim::hang()
        {
            let source = Source::new(Socket(Kind::Simulated(socket)))?;
            return Ok((Self::Simulated(chime), source));
        }
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let source = Source::new(fd.try_clone()?.into())?;
        Ok((Self::Eventfd(fd), source))
    }

    /// Makes what the core waits for readable.
    pub(crate) fn ring(&self) {
        match self {
            // A write of 1 fails only when the counter is full, and then the bell is ringing.
            Self::Eventfd(fd) => drop(rustix::io::write(fd, &1u64.to_ne_bytes())),
            Self::Simulated(chime) => chime.ring(),
        }
    }
}

//! A pipe: holds bytes of one stream until another takes them, out of reach of our memory.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use super::sim;

/// A pipe that holds bytes on their way from one stream to another.
pub(crate) enum Pipe {
    /// The kernel's, which moves the pages that the bytes lie in.
    Kernel {
        /// Where they come out.
        exit: OwnedFd,
        /// Where they go in.
        entry: OwnedFd,
    },
    /// For the simulated network.
    Simulated(sim::Pipe),
}

impl Pipe {
    /// A pipe with room for `size` bytes where each page is full.
    ///
    /// # Errors
    /// When no descriptor is left, or the user's pipes hold all the memory that they may.
    pub(crate) fn new(size: usize) -> Result<Self, Errno> {
        if sim::is_running() {
            return sim::Pipe::new().map(Self::Simulated);
        }
        let (exit, entry) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        fcntl_setpipe_size(&entry, size)?;
        Ok(Self::Kernel { exit, entry })
    }
}

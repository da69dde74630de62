//! What a simulated core has in place of a pipe of the kernel's.

use rustix::io::Errno;

use super::source::Source;
use super::world;

/// Most bytes that it takes at once.
const MOST: usize = 64 << 10;

/// Bytes between two connections.
pub(crate) struct Pipe(Vec<u8>);

impl Pipe {
    /// An empty one.
    ///
    /// # Errors
    /// [`Errno::MFILE`] where the weather has it that no descriptor is left.
    pub(crate) fn new() -> Result<Self, Errno> {
        match world::with(|world| world.net_mut().is_short()) {
            Some(true) => Err(Errno::MFILE),
            _ => Ok(Self(Vec::new())),
        }
    }

    /// Takes at most `most` bytes that have come.
    pub(crate) fn fill(&mut self, from: &Source, most: usize) -> Result<usize, Errno> {
        let held = self.0.len();
        self.0.resize(held + most.min(MOST), 0);
        let result = from.recv(&mut self.0[held..]);
        self.0.truncate(held + result.unwrap_or(0));
        result
    }

    /// Sends as many of its bytes as there is room for.
    pub(crate) fn drain(&mut self, to: &Source) -> Result<usize, Errno> {
        let n = to.send(&[std::io::IoSlice::new(&self.0)])?;
        self.0.drain(..n);
        Ok(n)
    }
}

//! Pooled space for heads that we write.

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::pool;

/// A pooled `Vec<u8>`, empty when taken; it goes back to the core's pool when dropped, and is
/// freed instead when it has grown very large.
pub struct Scratch(Vec<u8>);

impl Scratch {
    /// Takes an empty vector from the core's pool.
    pub fn take() -> Self {
        Self(pool::take_scratch())
    }

    /// One that holds no memory, for a send that has no head.
    pub const fn none() -> Self {
        Self(Vec::new())
    }
}

impl Deref for Scratch {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        pool::give_scratch(std::mem::take(&mut self.0));
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scratch({:?})", self.escape_ascii().to_string())
    }
}

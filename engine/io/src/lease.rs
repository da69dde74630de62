//! Leased views of pooled receive buffers.

use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use crate::counters;
use crate::pool::{self, Block};

/// A view of a pooled receive buffer. Clones and splits share the buffer by a plain count, so a
/// lease stays on its core; the buffer goes back to the core's pool when its last view is dropped.
#[derive(Default)]
pub struct Lease {
    /// Nothing for a view that was made empty.
    block: Option<Block>,
    start: u32,
    end: u32,
}

impl Lease {
    /// A view of nothing, which holds no buffer.
    pub const fn empty() -> Self {
        Self {
            block: None,
            start: 0,
            end: 0,
        }
    }

    /// A copy of `bytes`, in a pooled buffer where one is large enough.
    ///
    /// # Panics
    /// When `bytes` are more than 4 GiB.
    pub fn copy_from(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::empty();
        }
        let block = if bytes.len() <= pool::LARGEST {
            pool::take_block(bytes.len())
        } else {
            pool::new_block(bytes.len())
        };
        let mut lease = Self::holding(block, 0);
        lease.fill_with(|room| {
            room[..bytes.len()].copy_from_slice(bytes);
            bytes.len()
        });
        lease
    }

    /// Drops the first `n` bytes from the view.
    ///
    /// # Panics
    /// When the view is shorter.
    pub fn advance(&mut self, n: usize) {
        assert!(n <= self.len(), "advanced past the end of a lease");
        self.start += n as u32;
    }

    /// Shortens the view to its first `n` bytes; no effect when it is no longer than that.
    pub fn truncate(&mut self, n: usize) {
        if n < self.len() {
            self.end = self.start + n as u32;
        }
    }

    /// Splits off the first `n` bytes; `self` keeps the rest.
    ///
    /// # Panics
    /// When the view is shorter.
    pub fn split_to(&mut self, n: usize) -> Lease {
        assert!(n <= self.len(), "split past the end of a lease");
        if n == 0 {
            return Self::empty();
        }
        if n == self.len() {
            return std::mem::take(self);
        }
        let mut first = self.clone();
        first.truncate(n);
        self.advance(n);
        first
    }

    /// The bytes for writing, unless another view shares the buffer.
    pub fn get_mut(&mut self) -> Option<&mut [u8]> {
        let (start, end) = (self.start as usize, self.end as usize);
        match &mut self.block {
            Some(block) => Rc::get_mut(block).map(|bytes| &mut bytes[start..end]),
            None => Some(&mut []),
        }
    }

    /// The bytes for writing; copies them to a buffer of their own first where another view
    /// shares this one.
    pub fn make_mut(&mut self) -> &mut [u8] {
        if self.get_mut().is_none() {
            *self = Self::copy_from(self);
        }
        self.get_mut().expect("a fresh copy is not shared")
    }

    /// A view of `block`'s bytes up to `len`.
    pub(crate) fn holding(block: Block, len: usize) -> Self {
        assert!(
            u32::try_from(block.len()).is_ok(),
            "a lease spans at most 4 GiB"
        );
        debug_assert!(len <= block.len(), "a view lies within its buffer");
        counters::up(|c| &c.leases);
        Self {
            block: Some(block),
            start: 0,
            end: len as u32,
        }
    }

    /// Makes sure that bytes can be appended in place: moves the view to the front of a buffer of
    /// its own, larger than what it holds, where there is no room behind it.
    pub(crate) fn make_room(&mut self) {
        if self.room() > 0 {
            return;
        }
        let held = self.len();
        let wanted = if held < pool::LARGEST {
            pool::take_block(held + 1)
        } else {
            pool::new_block(held * 2)
        };
        let mut roomy = Self::holding(wanted, 0);
        roomy.fill_with(|room| {
            room[..held].copy_from_slice(self);
            held
        });
        *self = roomy;
    }

    /// Bytes that can be appended in place.
    pub(crate) fn room(&mut self) -> usize {
        let end = self.end as usize;
        let block = self.block.as_mut().and_then(Rc::get_mut);
        block.map_or(0, |bytes| bytes.len() - end)
    }

    /// Appends as many of `bytes` as there is room for, and gives their count.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.room());
        if n > 0 {
            self.fill_with(|room| {
                room[..n].copy_from_slice(&bytes[..n]);
                n
            });
        }
        n
    }

    /// Lets `fill` write behind the view and lengthens the view by the count that it returns.
    /// The buffer must be unshared.
    pub(crate) fn fill_with(&mut self, fill: impl FnOnce(&mut [u8]) -> usize) {
        let block = self
            .block
            .as_mut()
            .and_then(Rc::get_mut)
            .expect("only an unshared buffer is filled");
        let room = &mut block[self.end as usize..];
        let most = room.len();
        let n = fill(room);
        assert!(n <= most, "more was filled than there was room for");
        self.end += n as u32;
    }
}

impl Deref for Lease {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.block {
            Some(block) => &block[self.start as usize..self.end as usize],
            None => &[],
        }
    }
}

impl AsRef<[u8]> for Lease {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Clone for Lease {
    fn clone(&self) -> Self {
        if self.block.is_some() {
            counters::up(|c| &c.leases);
        }
        Self {
            block: self.block.clone(),
            start: self.start,
            end: self.end,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            counters::down(|c| &c.leases);
            if Rc::strong_count(&block) == 1 {
                pool::give_block(block);
            }
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({:?})", self.escape_ascii().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leases() -> u64 {
        counters::get(|c| &c.leases)
    }

    #[test]
    fn views_of_one_buffer_are_independent() {
        let mut rest = Lease::copy_from(b"GET / HTTP/1.1\r\n\r\nbody");
        let mut head = rest.split_to(18);
        assert_eq!(&*head, b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(&*rest, b"body");
        head.advance(4);
        head.truncate(1);
        assert_eq!(&*head, b"/");
        rest.advance(4);
        assert!(rest.is_empty());
    }

    #[test]
    fn only_an_unshared_buffer_is_written_in_place() {
        let mut rest = Lease::copy_from(b"abcd");
        let place = rest.as_ptr();
        let mut first = rest.split_to(2);
        assert!(first.get_mut().is_none());
        first.make_mut()[0] = b'X';
        assert_eq!((&*first, &*rest), (&b"Xb"[..], &b"cd"[..]));
        drop(first);
        rest.make_mut()[0] = b'Y';
        assert_eq!(&*rest, b"Yd");
        assert_eq!(
            rest.as_ptr() as usize - place as usize,
            2,
            "no copy was made"
        );
    }

    #[test]
    fn the_last_view_gives_the_buffer_back() {
        let lease = Lease::copy_from(b"x");
        let other = lease.clone();
        assert_eq!(leases(), 2);
        drop(lease);
        assert_eq!(pool::pooled_bytes(), 0);
        drop(other);
        assert_eq!((leases(), pool::pooled_bytes()), (0, pool::SMALL));
    }

    #[test]
    fn room_is_made_by_moving_only_when_there_is_none() {
        let mut lease = Lease::copy_from(b"head");
        let place = lease.as_ptr();
        lease.make_room();
        assert_eq!(lease.as_ptr(), place);
        let other = lease.clone();
        lease.make_room();
        assert_ne!(lease.as_ptr(), place);
        drop(other);
        let mut full = Lease::copy_from(&vec![7; pool::SMALL]);
        full.make_room();
        full.fill_with(|room| {
            room[0] = 8;
            1
        });
        assert_eq!((full.len(), full[pool::SMALL]), (pool::SMALL + 1, 8));
    }

    #[test]
    fn a_copy_may_be_larger_than_any_pooled_buffer() {
        let big = vec![3; pool::LARGEST + 1];
        assert_eq!(&*Lease::copy_from(&big), &big[..]);
        assert_eq!(pool::pooled_bytes(), 0);
    }
}

//! A list without holes that grows and shrinks by a little at a time.

use std::ops::{Index, IndexMut};

/// Items of a chunk.
const CHUNK: usize = 128;

/// Items that lie side by side in chunks: no item moves as it grows, and where one is taken out the last takes its place.
#[derive(Debug)]
pub(crate) struct Dense<T> {
    /// All are full but the last one or two, of which the very last may be empty.
    chunks: Vec<Vec<T>>,
    len: usize,
}

impl<T> Dense<T> {
    pub(crate) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that it has allocated.
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.len() * Self::chunk_bytes() + self.list_bytes()
    }

    /// Bytes of the list of chunks.
    pub(crate) fn list_bytes(&self) -> usize {
        self.chunks.capacity() * size_of::<Vec<T>>()
    }

    /// Bytes of a chunk.
    pub(crate) const fn chunk_bytes() -> usize {
        CHUNK * size_of::<T>()
    }

    /// Makes room for one more, which stays even while items are taken out one by one.
    pub(crate) fn reserve_one(&mut self) {
        if self.len == self.chunks.len() * CHUNK {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
    }

    pub(crate) fn push(&mut self, item: T) {
        self.reserve_one();
        self.chunks[self.len / CHUNK].push(item);
        self.len += 1;
    }

    /// Takes the item at `at` out, where there is one, and puts the last in its place.
    pub(crate) fn swap_remove(&mut self, at: usize) -> Option<T> {
        let end = self.len.checked_sub(1).filter(|end| at <= *end)?;
        let last = self.chunks[end / CHUNK].pop()?;
        self.len = end;
        if self.chunks.len() * CHUNK - end >= 2 * CHUNK {
            self.chunks.pop();
        }
        if at == end {
            return Some(last);
        }
        Some(std::mem::replace(&mut self[at as u32], last))
    }

    /// Gives back all that is not in use.
    pub(crate) fn shrink(&mut self) {
        self.chunks.truncate(self.len.div_ceil(CHUNK));
        if self.chunks.capacity() > 4 * self.chunks.len() {
            self.chunks.shrink_to_fit();
        }
    }
}

impl<T> Index<u32> for Dense<T> {
    type Output = T;

    fn index(&self, at: u32) -> &T {
        &self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }
}

impl<T> IndexMut<u32> for Dense<T> {
    fn index_mut(&mut self, at: u32) -> &mut T {
        &mut self.chunks[at as usize / CHUNK][at as usize % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_takes_the_place_and_chunks_go() {
        let mut dense = Dense::new();
        let count = 10 * CHUNK;
        (0..count).for_each(|item| dense.push(item));
        assert_eq!(dense.swap_remove(3), Some(3));
        assert_eq!((dense[3], dense.len()), (count - 1, count - 1));
        assert_eq!(dense.swap_remove(count), None);
        let full = dense.bytes();
        while dense.len() > 1 {
            assert_eq!(dense.swap_remove(0).is_some(), dense.len() > 0);
        }
        assert!(dense.bytes() * 4 < full, "{} of {full}", dense.bytes());
        dense.swap_remove(0);
        dense.shrink();
        assert_eq!(dense.bytes(), 0);
    }

    #[test]
    fn room_that_was_made_is_kept() {
        let mut dense = Dense::new();
        (0..CHUNK).for_each(|item| dense.push(item));
        dense.reserve_one();
        let bytes = dense.bytes();
        dense.swap_remove(0);
        assert_eq!(dense.bytes(), bytes);
    }
}

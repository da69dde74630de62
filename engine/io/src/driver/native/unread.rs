//! Bytes that have come for one connection and were not asked for yet.

use std::collections::VecDeque;

use crate::driver::incoming::Wish;
use crate::lease::Lease;
use crate::pool;

/// A queue of leases, none of them empty. Most hold one at most, and then no memory of their own.
#[derive(Default)]
pub(super) struct Unread {
    /// Empty where nothing is there.
    first: Lease,
    more: VecDeque<Lease>,
}

impl Unread {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        usize::from(!self.is_empty()) + self.more.len()
    }

    pub(super) fn push(&mut self, lease: Lease) {
        debug_assert!(!lease.is_empty(), "what has come is some bytes");
        if self.is_empty() {
            self.first = lease;
        } else {
            self.more.push_back(lease);
        }
    }

    /// Puts back what was taken too soon.
    pub(super) fn put_back(&mut self, lease: Lease) {
        let second = std::mem::replace(&mut self.first, lease);
        if !second.is_empty() {
            self.more.push_front(second);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The first of what has come. Where much is expected, all that fits into one large buffer: a
    /// copy costs less than what is done for each piece.
    pub(super) fn take(&mut self, wish: Wish) -> Lease {
        let first = self.pop();
        let two = first.len() + self.first.len();
        if !wish.is_bulk() || self.is_empty() || two > wish.most.min(pool::LARGEST) {
            return first;
        }
        let mut large = Lease::holding(pool::take_block(wish.most), 0);
        large.append(&first);
        while !self.is_empty() && self.first.len() <= large.room() {
            large.append(&self.pop());
        }
        large
    }

    fn pop(&mut self) -> Lease {
        let next = self.more.pop_front().unwrap_or_default();
        std::mem::replace(&mut self.first, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(most: usize) -> Wish {
        Wish { eager: false, most }
    }

    #[test]
    fn what_has_come_goes_in_order() {
        let mut unread = Unread::default();
        for bytes in [&b"one"[..], b"two", b"three"] {
            unread.push(Lease::copy_from(bytes));
        }
        let mut first = unread.take(wish(pool::SMALL));
        first.advance(1);
        unread.put_back(first);
        assert_eq!((unread.len(), unread.is_empty()), (3, false));
        let got: Vec<u8> = std::iter::from_fn(|| {
            (!unread.is_empty()).then(|| unread.take(wish(pool::SMALL)).to_vec())
        })
        .flatten()
        .collect();
        assert_eq!(got, b"netwothree");
        assert_eq!(unread.len(), 0);
    }

    #[test]
    fn where_much_is_expected_pieces_are_joined() {
        let mut unread = Unread::default();
        for byte in 0..5u8 {
            unread.push(Lease::copy_from(&[byte; pool::SMALL]));
        }
        let most = 64 << 10;
        let large = unread.take(wish(most));
        assert_eq!((large.len(), unread.len()), (most, 1));
        assert!(
            large
                .chunks(pool::SMALL)
                .zip(0..)
                .all(|(piece, byte)| piece[0] == byte)
        );
    }
}

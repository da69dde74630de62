//! What one send puts on the wire.

use std::io::IoSlice;
use std::ops::Range;

use bytes::Bytes;

use crate::lease::Lease;
use crate::scratch::Scratch;
use crate::shelf::{Place, place_of};

/// Bytes that are rather copied behind a head than sent from where they are: the kernel takes one
/// run of bytes at less cost than several.
const COPIED: usize = 1 << 10;

/// What one send puts on the wire: head, then body, then tail, in one vectored call where it fits.
#[derive(Debug)]
pub struct Outgoing {
    /// Bytes written for this send.
    pub head: Scratch,
    /// Bytes passed on.
    pub body: Payload,
    /// A constant end, such as that of a chunk.
    pub tail: &'static [u8],
}

/// A run of body bytes that a send takes over.
#[derive(Debug)]
pub enum Payload {
    /// No bytes.
    None,
    /// Bytes received on this core.
    Lease(Lease),
    /// Bytes that cores may share.
    Bytes(Bytes),
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::None => &[],
            Self::Lease(lease) => lease,
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl Outgoing {
    /// A send of a head alone.
    pub fn head(head: Scratch) -> Self {
        Self {
            head,
            body: Payload::None,
            tail: b"",
        }
    }

    /// A send of bytes passed on as they are.
    pub fn body(body: Payload) -> Self {
        Self {
            head: Scratch::none(),
            body,
            tail: b"",
        }
    }

    /// A head, and behind it a range of bytes that others may have views of too; where it is short it is copied at once.
    ///
    /// # Panics
    /// When the range is not within the bytes.
    pub fn with_part(mut head: Scratch, bytes: &Bytes, range: Range<usize>) -> Self {
        let mut body = Payload::None;
        if range.len() > COPIED {
            body = Payload::Bytes(bytes.slice(range));
        } else {
            head.extend_from_slice(&bytes[range]);
        }
        Self {
            head,
            body,
            tail: b"",
        }
    }

    /// A send of nothing.
    pub(crate) const fn none() -> Self {
        Self {
            head: Scratch::none(),
            body: Payload::None,
            tail: b"",
        }
    }

    /// True where there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes in all.
    pub(crate) fn len(&self) -> usize {
        self.parts().iter().map(|part| part.len()).sum()
    }

    /// Where its body lies, if the kernel can send it from there, and nothing comes behind it.
    pub(crate) fn place(&self) -> Option<Place> {
        match &self.body {
            Payload::Bytes(bytes) if self.tail.is_empty() => place_of(bytes),
            _ => None,
        }
    }

    /// Makes one run of bytes of it where the copy costs less than the run spared.
    pub(crate) fn join(&mut self) {
        let behind = self.body.as_ref().len() + self.tail.len();
        if self.head.is_empty() || behind == 0 || behind > COPIED {
            return;
        }
        let body = std::mem::replace(&mut self.body, Payload::None);
        self.head.extend_from_slice(body.as_ref());
        self.head.extend_from_slice(self.tail);
        self.tail = b"";
    }

    /// What is left after the first `sent` bytes, and in how many runs.
    pub(crate) fn after(&self, sent: usize) -> ([IoSlice<'_>; 3], usize) {
        let mut slices = [IoSlice::new(&[]); 3];
        let mut skip = sent;
        let mut used = 0;
        for part in self.parts() {
            let skipped = skip.min(part.len());
            skip -= skipped;
            if skipped < part.len() {
                slices[used] = IoSlice::new(&part[skipped..]);
                used += 1;
            }
        }
        (slices, used)
    }

    fn parts(&self) -> [&[u8]; 3] {
        [&self.head, self.body.as_ref(), self.tail]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: usize) -> Outgoing {
        let mut head = Scratch::take();
        head.extend_from_slice(b"head");
        Outgoing {
            head,
            body: Payload::Bytes(vec![b'x'; body].into()),
            tail: b"end",
        }
    }

    fn all(out: &Outgoing, sent: usize) -> Vec<u8> {
        let (runs, used) = out.after(sent);
        runs[..used].iter().flat_map(|run| run.to_vec()).collect()
    }

    #[test]
    fn joined_or_not_it_is_the_same_bytes() {
        for (body, runs) in [(0, 1), (10, 1), (COPIED - 3, 1), (COPIED, 3)] {
            let apart = message(body);
            let mut joined = message(body);
            joined.join();
            assert_eq!(joined.after(0).1, runs, "{body}");
            assert_eq!(joined.len(), apart.len());
            for sent in [0, 3, 4, 5, joined.len() - 1, joined.len()] {
                assert_eq!(all(&joined, sent), all(&apart, sent));
                assert_eq!(all(&apart, sent).len(), apart.len() - sent);
            }
        }
    }
}

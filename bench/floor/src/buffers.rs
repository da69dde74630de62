//! The ring of buffers that the kernel receives into.

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

/// The group by which receives name these buffers.
pub(crate) const GROUP: u16 = 0;
/// The alignment that the kernel asks of the ring.
const PAGE: usize = 4096;

/// Received bytes: a buffer that the kernel has handed over and that goes back by [`Buffers::recycle`].
#[derive(Debug)]
pub(crate) struct Piece {
    buffer: u16,
    length: u32,
}

/// Equal buffers, each at any time either the kernel's or a [`Piece`]'s. Never freed.
#[derive(Debug)]
pub(crate) struct Buffers {
    ring: NonNull<BufRingEntry>,
    memory: NonNull<u8>,
    size: usize,
    count: u16,
    /// Our end of the ring; what lies before the published one is the kernel's.
    tail: u16,
    /// Whether buffers were recycled since the last publishing.
    fresh: bool,
}

impl Buffers {
    /// `count` buffers (a power of two) of `size` bytes, all handed to the kernel.
    pub(crate) fn new(submitter: &Submitter<'_>, count: u16, size: usize) -> io::Result<Self> {
        let ring = zeroed(usize::from(count) * size_of::<BufRingEntry>())?.cast();
        let memory = zeroed(usize::from(count) * size)?;
        // SAFETY: the ring has `count` entries, is aligned to a page, zeroed, and never freed.
        unsafe { submitter.register_buf_ring_with_flags(ring.as_ptr() as u64, count, GROUP, 0)? };
        let mut buffers = Self {
            ring,
            memory,
            size,
            count,
            tail: 0,
            fresh: false,
        };
        for buffer in 0..count {
            buffers.recycle(Piece { buffer, length: 0 });
        }
        buffers.publish();
        Ok(buffers)
    }

    /// The piece of which a completion says that the kernel wrote `length` bytes into `buffer`. Called once for each
    /// such completion, which is what makes pieces unique.
    pub(crate) fn piece(&self, buffer: u16, length: u32) -> Piece {
        assert!(
            buffer < self.count && length as usize <= self.size,
            "the kernel names a buffer that it was given"
        );
        Piece { buffer, length }
    }

    /// The bytes of a piece.
    pub(crate) fn bytes(&mut self, piece: &mut Piece) -> &mut [u8] {
        let start = self.start(piece);
        // SAFETY: the buffer is the piece's and not the kernel's; pieces are unique, and both are borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(start, piece.length as usize) }
    }

    /// Where a piece's bytes are, to be sent by the kernel, and how many.
    pub(crate) fn raw(&self, piece: &Piece) -> (*const u8, u32) {
        (self.start(piece), piece.length)
    }

    /// Gives a buffer back; the kernel sees it after [`Self::publish`].
    pub(crate) fn recycle(&mut self, piece: Piece) {
        let place = usize::from(self.tail & (self.count - 1));
        let address = self.start(&piece) as u64;
        // SAFETY: the place is within the ring and, as there are no more buffers than places, not in use by the kernel.
        let entry = unsafe { &mut *self.ring.as_ptr().add(place) };
        entry.set_addr(address);
        entry.set_len(u32::try_from(self.size).unwrap_or(u32::MAX));
        entry.set_bid(piece.buffer);
        self.tail = self.tail.wrapping_add(1);
        self.fresh = true;
    }

    /// Shows recycled buffers to the kernel. Says whether there were any.
    pub(crate) fn publish(&mut self) -> bool {
        if !std::mem::take(&mut self.fresh) {
            return false;
        }
        // SAFETY: the ring's base is valid, and its tail is a u16 that only we write and the kernel reads.
        let tail = unsafe { &*BufRingEntry::tail(self.ring.as_ptr()).cast::<AtomicU16>() };
        tail.store(self.tail, Ordering::Release);
        true
    }

    /// The first byte of a piece's buffer.
    fn start(&self, piece: &Piece) -> *mut u8 {
        // SAFETY: `memory` holds `count` buffers of `size` bytes, and `buffer` is less than `count`.
        unsafe {
            self.memory
                .as_ptr()
                .add(usize::from(piece.buffer) * self.size)
        }
    }
}

/// Zeroed memory, aligned to a page.
fn zeroed(size: usize) -> io::Result<NonNull<u8>> {
    let layout = Layout::from_size_align(size.max(1), PAGE).map_err(io::Error::other)?;
    // SAFETY: the size is not zero.
    let memory = unsafe { alloc_zeroed(layout) };
    Ok(NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout)))
}

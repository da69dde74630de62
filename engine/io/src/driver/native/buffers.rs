//! The ring of buffers that the kernel receives into.
//!
//! They are blocks of the core's pool. One that the kernel has filled leaves for good, as a
//! lease like any other, and a fresh block takes its place: nothing ever has to find its way
//! back here, and no lease can outlive its memory.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring_07::types::BufRingEntry;

#[cfg(test)]
use super::faults;
use super::ring::{GROUP, Ring};
use crate::pool::{self, Block};

/// Buffers that the kernel has at least.
const FEWEST: usize = 64;

/// Turns over which it is looked how many are used.
const LOOK: u32 = 1024;

/// The alignment that the kernel asks of the ring.
const PAGE: usize = 4096;

/// Blocks that the kernel may fill, by the numbers that it knows them by.
pub(super) struct Buffers {
    places: NonNull<BufRingEntry>,
    layout: Layout,
    /// Nothing where the kernel has used the block and none has followed yet.
    blocks: Vec<Option<Block>>,
    /// Numbers without a block.
    vacant: Vec<u16>,
    /// Our end of the ring; what lies before the published one is the kernel's.
    tail: u16,
    demand: Demand,
}

/// How many buffers the kernel is to have. It uses one after the other, each after all others: the fewer, the more likely is one
/// still in the cache of the core when its turn comes.
struct Demand {
    wanted: usize,
    /// Used in this turn.
    used: usize,
    /// Most that one turn has used since the last look.
    most_used: usize,
    turns: u32,
}

impl Demand {
    fn new() -> Self {
        Self {
            wanted: FEWEST,
            used: 0,
            most_used: 0,
            turns: 0,
        }
    }

    /// How many the kernel is to have after a turn that has left it with `left` of at most `count`: twice what turns use, and all
    /// that there are where they were not enough.
    fn after_turn(&mut self, left: usize, count: usize) -> usize {
        let used = std::mem::take(&mut self.used);
        self.most_used = self.most_used.max(used);
        self.turns += 1;
        if left == 0 && used > 0 {
            self.wanted = count;
        } else if 2 * used > self.wanted {
            self.wanted = 2 * used;
        } else if self.turns >= LOOK {
            self.wanted = 2 * self.most_used;
        }
        if self.turns >= LOOK {
            (self.turns, self.most_used) = (0, 0);
        }
        self.wanted = self.wanted.max(FEWEST).min(count);
        self.wanted
    }
}

impl Buffers {
    /// Registers `count` buffers, a power of two; the first [`Buffers::refill`] fills them in.
    pub(super) fn new(ring: &Ring, count: u16) -> io::Result<Self> {
        assert!(count.is_power_of_two(), "the kernel takes powers of two");
        let size = usize::from(count) * size_of::<BufRingEntry>();
        let layout = Layout::from_size_align(size, PAGE).map_err(io::Error::other)?;
        // SAFETY: the size is not zero.
        let memory = unsafe { alloc_zeroed(layout) }.cast();
        let Some(places) = NonNull::new(memory) else {
            handle_alloc_error(layout)
        };
        let buffers = Self {
            places,
            layout,
            blocks: vec![None; usize::from(count)],
            vacant: (0..count).rev().collect(),
            tail: 0,
            demand: Demand::new(),
        };
        let address = places.as_ptr() as u64;
        // SAFETY: the memory has `count` zeroed entries on a page boundary, and stays until
        // `retire` has taken it back from the kernel, or for ever.
        unsafe {
            ring.submitter()
                .register_buf_ring_with_flags(address, count, GROUP, 0)
        }
        .inspect_err(|_| buffers.free())?;
        Ok(buffers)
    }

    /// The block that the kernel has filled; its place is vacant now.
    pub(super) fn take(&mut self, number: u16) -> Block {
        let block = self.blocks[usize::from(number)].take();
        self.vacant.push(number);
        self.demand.used += 1;
        pool::lend(block.expect("the kernel names a buffer that it was given"))
    }

    /// Puts fresh blocks into vacant places, as many as are wanted, and at most `most`.
    pub(super) fn refill(&mut self, most: usize) {
        let (count, vacant) = (self.blocks.len(), self.vacant.len());
        let left = count - vacant;
        let wanted = self.demand.after_turn(left, count);
        let many = wanted.saturating_sub(left).min(vacant).min(most);
        if many == 0 {
            return;
        }
        for _ in 0..many {
            if let Some(number) = self.vacant.pop() {
                self.provide(number, pool::withhold());
            }
        }
        // SAFETY: the base is that of the ring, whose tail only we write and the kernel reads.
        let tail = unsafe { &*BufRingEntry::tail(self.places.as_ptr()).cast::<AtomicU16>() };
        tail.store(self.tail, Ordering::Release);
    }

    fn provide(&mut self, number: u16, mut block: Block) {
        let bytes = Rc::get_mut(&mut block).expect("a fresh block has no other view");
        let (address, length) = (bytes.as_mut_ptr() as u64, bytes.len() as u32);
        #[cfg(test)]
        let length = faults::length(length);
        let place = usize::from(self.tail) & (self.blocks.len() - 1);
        // SAFETY: the place is within the ring, and as there are no more buffers than places,
        // not one that the kernel still has to read.
        let entry = unsafe { &mut *self.places.as_ptr().add(place) };
        entry.set_addr(address);
        entry.set_len(length);
        entry.set_bid(number);
        self.tail = self.tail.wrapping_add(1);
        self.blocks[usize::from(number)] = Some(block);
    }

    /// Takes everything back from the kernel and frees it; where the kernel does not let go, the
    /// memory is leaked instead.
    pub(super) fn retire(self, ring: &Ring) {
        if ring.submitter().unregister_buf_ring(GROUP).is_err() {
            std::mem::forget(self);
            return;
        }
        self.free();
        for block in self.blocks.into_iter().flatten() {
            pool::give_block(pool::lend(block));
        }
    }

    fn free(&self) {
        // SAFETY: allocated in `new` with this layout; the kernel does not know it (any more), and
        // both callers give `self` up.
        unsafe { dealloc(self.places.as_ptr().cast(), self.layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wanted after turns that each used so many of what the kernel had.
    fn wanted(demand: &mut Demand, turns: u32, used: usize) -> usize {
        let mut wanted = demand.wanted;
        for _ in 0..turns {
            demand.used = used.min(wanted);
            wanted = demand.after_turn(wanted - demand.used, 512);
        }
        wanted
    }

    #[test]
    fn twice_what_turns_use_is_wanted() {
        let mut demand = Demand::new();
        assert_eq!(wanted(&mut demand, 1, 5), FEWEST);
        assert_eq!(wanted(&mut demand, 1, 50), 100);
        assert_eq!(wanted(&mut demand, 1, 80), 160);
        assert_eq!(wanted(&mut demand, 10, 0), 160, "it may come again");
        assert_eq!(wanted(&mut demand, 2 * LOOK, 40), 80);
        assert_eq!(wanted(&mut demand, 2 * LOOK, 0), FEWEST);
    }

    #[test]
    fn where_there_were_not_enough_all_are_wanted() {
        let mut demand = Demand::new();
        assert_eq!(wanted(&mut demand, 1, 1000), 512);
        assert_eq!(wanted(&mut demand, 1, 1000), 512);
    }
}

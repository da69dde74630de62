//! This core's pools of receive buffers and of scratch space.
//!
//! A buffer is taken when bytes are there and goes back when the last view of it is dropped, so
//! an idle connection holds none. Each pool keeps a bounded number; what is over is freed, and so is,
//! bit by bit, what lies unused.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::spares::Spares;

/// Sizes of pooled receive buffers in bytes, and how many of each a core keeps.
const CLASSES: [Class; 3] = [
    Class {
        size: SMALL,
        // What thousands of active connections take and give within one turn of the driver.
        kept: 1024,
    },
    Class {
        size: 64 << 10,
        kept: 32,
    },
    Class {
        size: LARGEST,
        kept: 16,
    },
];

/// Bytes of the buffer that a plain receive uses.
pub(crate) const SMALL: usize = 16 << 10;

/// Bytes of the largest pooled buffer.
pub(crate) const LARGEST: usize = 256 << 10;

/// Most scratch vectors that a core keeps.
const SCRATCHES_KEPT: usize = 256;

/// Scratch space that has grown beyond this is freed rather than kept.
const SCRATCH_LARGEST: usize = 64 << 10;

/// Capacity that a new scratch vector starts with: most heads fit.
const SCRATCH_START: usize = 1 << 10;

struct Class {
    size: usize,
    kept: usize,
}

/// A receive buffer; shared by count, never by thread.
pub(crate) type Block = Rc<Box<[u8]>>;

/// One core's pools.
pub(crate) struct Pools {
    blocks: [Spares<Block>; CLASSES.len()],
    scratches: Spares<Vec<u8>>,
}

impl Pools {
    pub(crate) const fn new() -> Self {
        let [small, middle, large] = CLASSES;
        Self {
            blocks: [
                Spares::new(small.kept),
                Spares::new(middle.kept),
                Spares::new(large.kept),
            ],
            scratches: Spares::new(SCRATCHES_KEPT),
        }
    }
}

thread_local! {
    static POOLS: RefCell<Pools> = const { RefCell::new(Pools::new()) };
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// Exchanges the pools, and the count of bytes in use, with those of another core, which takes its
/// turn on this thread.
pub(crate) fn swap(pools: &mut Pools, held: &Cell<usize>) {
    POOLS.with_borrow_mut(|own| std::mem::swap(own, pools));
    HELD.with(|own| own.swap(held));
}

/// A buffer of the smallest class that holds `hint` bytes, or of the largest class. Its contents
/// are left from earlier use.
pub(crate) fn take_block(hint: usize) -> Block {
    let class = CLASSES
        .iter()
        .position(|class| class.size >= hint)
        .unwrap_or(CLASSES.len() - 1);
    let pooled = POOLS.with_borrow_mut(|pools| pools.blocks[class].take());
    let Some(block) = pooled else {
        return new_block(CLASSES[class].size);
    };
    debug_assert_eq!(Rc::strong_count(&block), 1, "a pooled buffer has no views");
    HELD.set(HELD.get() + block.len());
    block
}

/// A small buffer for the kernel to fill; not in use before [`lend`] says so.
pub(crate) fn withhold() -> Block {
    let block = take_block(SMALL);
    HELD.set(HELD.get() - block.len());
    block
}

/// The buffer has been filled and is in use.
pub(crate) fn lend(block: Block) -> Block {
    HELD.set(HELD.get() + block.len());
    block
}

/// A buffer of exactly `size` bytes that no pool holds.
pub(crate) fn new_block(size: usize) -> Block {
    HELD.set(HELD.get() + size);
    Rc::new(vec![0; size].into_boxed_slice())
}

/// Takes back a buffer that has no other view.
pub(crate) fn give_block(block: Block) {
    debug_assert_eq!(
        Rc::strong_count(&block),
        1,
        "only the last view gives a buffer back"
    );
    HELD.set(HELD.get() - block.len());
    let Some(class) = CLASSES.iter().position(|class| class.size == block.len()) else {
        return;
    };
    // After this thread's pools are gone the buffer is simply freed.
    let _ = POOLS.try_with(|pools| pools.borrow_mut().blocks[class].give(block));
}

/// An empty vector with some capacity.
pub(crate) fn take_scratch() -> Vec<u8> {
    let pooled = POOLS.with_borrow_mut(|pools| pools.scratches.take());
    pooled.unwrap_or_else(|| Vec::with_capacity(SCRATCH_START))
}

/// Takes back a vector, emptied.
pub(crate) fn give_scratch(mut scratch: Vec<u8>) {
    if scratch.capacity() == 0 || scratch.capacity() > SCRATCH_LARGEST {
        return;
    }
    scratch.clear();
    let _ = POOLS.try_with(|pools| pools.borrow_mut().scratches.give(scratch));
}

/// Frees some of what this core's pools have kept unused since the last call; to be called every now and then.
pub fn trim() {
    POOLS.with_borrow_mut(|pools| {
        pools.blocks.iter_mut().for_each(Spares::trim);
        pools.scratches.trim();
    });
}

/// Counts bytes of a pipe with those in use: so many are held now, and so many were before.
pub(crate) fn count_held(before: usize, now: usize) {
    HELD.set(HELD.get() + now - before);
}

/// Bytes of this core's receive buffers and pipes that are in use.
pub fn held_bytes() -> usize {
    HELD.get()
}

/// Bytes that this core's pools hold for later use.
pub(crate) fn pooled_bytes() -> usize {
    POOLS.with_borrow(|pools| {
        let blocks: usize = pools
            .blocks
            .iter()
            .flat_map(Spares::iter)
            .map(|block| block.len())
            .sum();
        let scratches: usize = pools.scratches.iter().map(Vec::capacity).sum();
        blocks + scratches
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_picks_the_class_that_holds_it() {
        assert_eq!(take_block(0).len(), SMALL);
        assert_eq!(take_block(SMALL).len(), SMALL);
        assert_eq!(take_block(SMALL + 1).len(), 64 << 10);
        assert_eq!(take_block(usize::MAX).len(), LARGEST);
    }

    #[test]
    fn what_is_given_back_is_used_again() {
        let block = take_block(0);
        let place = block.as_ptr();
        assert_eq!(held_bytes(), SMALL);
        give_block(block);
        assert_eq!((pooled_bytes(), held_bytes()), (SMALL, 0));
        assert_eq!(take_block(0).as_ptr(), place);
    }

    #[test]
    fn pools_are_bounded() {
        for block in (0..100).map(|_| take_block(LARGEST)).collect::<Vec<_>>() {
            give_block(block);
        }
        assert_eq!(pooled_bytes(), 16 * LARGEST);
        give_scratch(Vec::with_capacity(SCRATCH_LARGEST + 1));
        assert_eq!(pooled_bytes(), 16 * LARGEST);
    }
}

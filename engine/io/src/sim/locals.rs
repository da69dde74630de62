//! What a core keeps for itself, while another has its turn.

use std::cell::Cell;

use crate::counters::Counters;
use crate::deadline::Table;
use crate::pipe::Pipes;
use crate::pool::Pools;
use crate::{bell, counters, deadline, pipe, pool, task};

/// Everything that a core's own thread would keep.
pub(super) struct Locals {
    bell: bell::Kept,
    tasks: task::Kept,
    deadlines: Table,
    pools: Pools,
    pipes: Pipes,
    held: Cell<usize>,
    counters: Counters,
}

impl Locals {
    pub(super) fn new() -> Self {
        Self {
            bell: bell::Kept::default(),
            tasks: task::Kept::default(),
            deadlines: Table::new(),
            pools: Pools::new(),
            pipes: Pipes::new(),
            held: Cell::new(0),
            counters: Counters::new(),
        }
    }

    /// Exchanges it with what this thread has in place.
    fn swap(&mut self) {
        bell::swap(&mut self.bell);
        task::swap(&mut self.tasks);
        deadline::swap(&mut self.deadlines);
        pipe::swap(&mut self.pipes);
        pool::swap(&mut self.pools, &self.held);
        counters::swap(&self.counters);
    }
}

/// Keeps a core's own in place for as long as its turn lasts, however that ends.
pub(super) struct InPlace<'c>(&'c mut Locals);

impl<'c> InPlace<'c> {
    pub(super) fn put(locals: &'c mut Locals) -> Self {
        locals.swap();
        Self(locals)
    }
}

impl Drop for InPlace<'_> {
    fn drop(&mut self) {
        self.0.swap();
    }
}

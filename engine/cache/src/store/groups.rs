//! What is stored of each group, counted as it comes and goes.

use hashbrown::HashTable;

use super::stored::Holdings;

/// The groups of which something is stored, or was since they were last told of.
#[derive(Debug)]
pub(crate) struct Groups {
    all: HashTable<Group>,
}

#[derive(Debug)]
struct Group {
    /// It hashes as itself: it is a hash.
    id: u64,
    held: Holdings,
}

impl Groups {
    pub(crate) const fn new() -> Self {
        Self {
            all: HashTable::new(),
        }
    }

    /// Bytes that it has allocated.
    pub(crate) fn bytes(&self) -> usize {
        self.all.allocation_size()
    }

    /// Makes room for a group. Until the next time nothing more is allocated.
    pub(crate) fn reserve(&mut self, id: u64) {
        // To look for the place of one that is there already would make room for another.
        if self.all.find(id, |group| group.id == id).is_none() {
            let held = Holdings::default();
            self.all
                .insert_unique(id, Group { id, held }, |group| group.id);
        }
    }

    /// Counts an entry that comes with so many bytes; there is room for its group.
    pub(crate) fn came(&mut self, id: u64, bytes: usize) {
        let held = self.of(id);
        held.entries += 1;
        held.bytes += bytes;
    }

    /// Counts one that has other bytes than it had.
    pub(crate) fn changed(&mut self, id: u64, before: usize, after: usize) {
        let held = self.of(id);
        held.bytes = held.bytes - before + after;
    }

    /// Counts one that goes.
    pub(crate) fn went(&mut self, id: u64, bytes: usize) {
        let held = self.of(id);
        held.entries -= 1;
        held.bytes -= bytes;
    }

    /// Counts that one went to make room.
    pub(crate) fn evicted(&mut self, id: u64) {
        self.of(id).evictions += 1;
    }

    /// Tells of every group, and forgets those of which nothing is stored.
    pub(crate) fn tell(&mut self, mut tell: impl FnMut(u64, Holdings)) {
        self.all.retain(|group| {
            tell(group.id, group.held);
            group.held.evictions = 0;
            group.held.entries > 0
        });
        if self.all.len() <= self.all.num_buckets() / 8 {
            self.all.shrink_to_fit(|group| group.id);
        }
    }

    /// Forgets all, once nothing is stored.
    pub(crate) fn clear(&mut self) {
        self.all = HashTable::new();
    }

    fn of(&mut self, id: u64) -> &mut Holdings {
        self.reserve(id);
        let found = self.all.find_mut(id, |group| group.id == id);
        &mut found.expect("there is room for it").held
    }
}

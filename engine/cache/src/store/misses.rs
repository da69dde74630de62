//! How often keys were missed of late, for many more keys than are stored.

/// The counters of a word: sixteen of four bits, of which a key has up to four.
const COUNTERS: u32 = 16;

/// The lower three bits of each counter of a word.
const HALVED: u64 = 0x7777_7777_7777_7777;

/// The fewest words that there are, once there is an entry.
pub(crate) const LEAST_WORDS: usize = 256;

/// Words that are looked at for each miss, whether they are to be halved: all of them have their turn while as many misses
/// go by as there are entries, or half of that.
const STEPS: usize = 2;

/// Words are halved every turn, every second, fourth and so on up to this power of two. What is asked for in a loop that is
/// longer than one memory is then remembered in part by another: a part that can be kept, where all of it cannot.
const LONGEST: u32 = 3;

/// A count-min sketch with a word for each entry that there is room for, all counters of a key in one word. Counts grow old
/// word by word, so that no miss has to wait for all.
#[derive(Debug)]
pub(crate) struct Misses {
    /// None, or a power of two of them.
    words: Vec<u64>,
    /// The word whose turn is next.
    hand: usize,
    turn: u32,
}

impl Misses {
    pub(crate) const fn new() -> Self {
        Self {
            words: Vec::new(),
            hand: 0,
            turn: 0,
        }
    }

    /// Bytes that it has allocated.
    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }

    /// Makes room for so many entries.
    pub(crate) fn reserve(&mut self, entries: usize) {
        let (old, new) = (self.words.len(), words(entries));
        if new <= old {
            return;
        }
        self.words.reserve_exact(new - old);
        match old {
            0 => self.words.resize(new, 0),
            // A key's word is now one of several, and all of them say what the one did.
            _ => (old..new).for_each(|at| self.words.push(self.words[at % old])),
        }
    }

    /// Gives back what so many entries do not need, if that is most of it.
    pub(crate) fn shrink(&mut self, entries: usize) {
        let needed = words(entries);
        if self.words.len() > 4 * needed {
            self.words.truncate(needed);
            self.words.shrink_to_fit();
        }
    }

    /// How often the key with this hash was missed, up to 15.
    pub(crate) fn count(&self, hash: u64) -> u8 {
        let word = self.place(hash).map_or(0, |at| self.words[at]);
        let least = shifts(hash)
            .map(|shift| word >> shift & 15)
            .into_iter()
            .min();
        least.unwrap_or(0) as u8
    }

    /// Counts a miss of the key with this hash.
    pub(crate) fn count_one(&mut self, hash: u64) {
        let Some(at) = self.place(hash) else { return };
        // Before it is counted, so that this one is told for sure.
        (0..STEPS).for_each(|_| self.grow_old());
        let count = u64::from(self.count(hash));
        let word = &mut self.words[at];
        for shift in shifts(hash) {
            // Higher counters are so because of other keys.
            if *word >> shift & 15 == count && count < 15 {
                *word += 1 << shift;
            }
        }
    }

    fn grow_old(&mut self) {
        if self.hand >= self.words.len() {
            self.hand = 0;
            self.turn = self.turn.wrapping_add(1);
        }
        if self.turn.trailing_zeros() >= self.hand.trailing_zeros().min(LONGEST) {
            self.words[self.hand] = self.words[self.hand] >> 1 & HALVED;
        }
        self.hand += 1;
    }

    fn place(&self, hash: u64) -> Option<usize> {
        let mask = self.words.len().checked_sub(1)?;
        Some((hash >> 32) as usize & mask)
    }
}

/// Words for so many entries.
fn words(entries: usize) -> usize {
    match entries {
        0 => 0,
        _ => entries.next_power_of_two().max(LEAST_WORDS),
    }
}

/// Where in their word the counters of a key are; where two are the same it has fewer.
fn shifts(hash: u64) -> [u32; 4] {
    [0, 4, 8, 12].map(|bits| (hash >> bits) as u32 % COUNTERS * 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a good hash is.
    fn hash(number: u64) -> u64 {
        let x = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        x ^ (x >> 32)
    }

    #[test]
    fn counts_are_right_and_grow_old() {
        let mut misses = Misses::new();
        misses.count_one(hash(1));
        assert_eq!((misses.count(hash(1)), misses.bytes()), (0, 0));
        misses.reserve(1000);
        assert_eq!(misses.bytes(), 8 * 1024);
        for _ in 0..4 {
            misses.count_one(hash(1));
        }
        assert_eq!((misses.count(hash(1)), misses.count(hash(2))), (4, 0));
        (0..100_000).for_each(|other| misses.count_one(hash(1000 + other)));
        assert!(misses.count(hash(1)) <= 2, "they are others by now");
        for _ in 0..100 {
            misses.count_one(hash(1));
        }
        assert_eq!(misses.count(hash(1)), 15);
    }

    #[test]
    fn few_keys_are_taken_for_others() {
        let mut misses = Misses::new();
        misses.reserve(4096);
        (0..2048).for_each(|key| misses.count_one(hash(key)));
        let wrong = (5000..9096).filter(|key| misses.count(hash(*key)) > 0);
        assert!(wrong.count() < 100);
    }

    #[test]
    fn counts_outlast_growth() {
        let mut misses = Misses::new();
        misses.reserve(1);
        (0..3).for_each(|_| misses.count_one(hash(7)));
        misses.reserve(5000);
        assert_eq!(misses.count(hash(7)), 3);
        misses.shrink(4000);
        assert_eq!(misses.count(hash(7)), 3);
        misses.shrink(0);
        assert_eq!((misses.count(hash(7)), misses.bytes()), (0, 0));
    }
}

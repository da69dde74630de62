//! Things that are kept for later use, and let go again where they lie unused.

/// Things that are kept for later use, a bounded number of them: the one last given is taken first. After a rush most of
/// them lie unused, and [`Spares::trim`] frees them bit by bit.
#[derive(Debug)]
pub struct Spares<T> {
    /// Oldest first.
    kept: Vec<T>,
    most: usize,
    /// The fewest that were here since the last trim: so many of the oldest have not been touched.
    fewest: usize,
}

impl<T> Spares<T> {
    /// None yet, and never more than `most`.
    pub const fn new(most: usize) -> Self {
        Self {
            kept: Vec::new(),
            most,
            fewest: 0,
        }
    }

    /// The one last given, if there is any.
    pub fn take(&mut self) -> Option<T> {
        let taken = self.kept.pop();
        self.fewest = self.fewest.min(self.kept.len());
        taken
    }

    /// Keeps `spare` where there is room, and drops it else.
    pub fn give(&mut self, spare: T) {
        if self.kept.len() < self.most {
            self.kept.push(spare);
        }
    }

    /// Drops half of those that have not been touched since the last call. Called now and then, it leaves what is used and
    /// at most one more.
    pub fn trim(&mut self) {
        self.kept.drain(..self.fewest / 2);
        self.fewest = self.kept.len();
    }

    /// Those that are kept.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.kept.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(count: u32) -> Spares<u32> {
        let mut spares = Spares::new(8);
        (0..count).for_each(|spare| spares.give(spare));
        spares
    }

    fn kept(spares: &Spares<u32>) -> Vec<u32> {
        spares.iter().copied().collect()
    }

    #[test]
    fn no_more_are_kept_than_may_be_and_the_last_one_comes_first() {
        let mut spares = of(10);
        assert_eq!(kept(&spares), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!((spares.take(), spares.take()), (Some(7), Some(6)));
        assert_eq!(Spares::<u32>::new(3).take(), None);
    }

    #[test]
    fn a_trim_drops_of_the_oldest_that_were_not_touched() {
        let mut spares = of(8);
        spares.trim();
        assert_eq!(kept(&spares).len(), 8, "they have only just come");
        let used: Vec<_> = (0..2).filter_map(|_| spares.take()).collect();
        used.into_iter().rev().for_each(|spare| spares.give(spare));
        spares.trim();
        assert_eq!(kept(&spares), [3, 4, 5, 6, 7], "half of the six untouched");
        for _ in 0..5 {
            spares.trim();
        }
        assert_eq!(kept(&spares), [7]);
    }

    #[test]
    fn what_is_in_use_all_the_time_is_never_trimmed() {
        let mut spares = of(4);
        for _ in 0..10 {
            let used: Vec<_> = std::iter::from_fn(|| spares.take()).collect();
            assert_eq!(used.len(), 4);
            used.into_iter().for_each(|spare| spares.give(spare));
            spares.trim();
        }
    }
}

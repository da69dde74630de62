//! How the memory of what was purged or is good for nothing comes back: bit by bit, away from requests.

use super::entry::State;
use super::purges::Pass;
use super::stored::Stored;
use super::{Gone, Store};

impl<V: Stored> Store<V> {
    /// Goes on over at most so many entries, fewer where each has to be held against many purges of URLs, and drops those that
    /// are purged or for which `expired` is true, and gives memory back when it has come around. True if it now has and there
    /// was no purge since it began: there is no more to do until there is, or until more has expired.
    pub fn sweep(&mut self, at_most: usize, expired: impl FnMut(&V) -> bool) -> bool {
        self.look_over(at_most.div_ceil(self.purges.burden()), expired)
    }

    /// As [`sweep`](Self::sweep), however long it takes.
    pub(super) fn look_over(
        &mut self,
        at_most: usize,
        mut expired: impl FnMut(&V) -> bool,
    ) -> bool {
        let begin = Pass {
            left: self.table.len(),
            purges: self.purges.count(),
        };
        let mut pass = self.pass.take().unwrap_or(begin);
        // Entries may have gone since.
        pass.left = pass.left.min(self.table.len());
        let end = pass.left.saturating_sub(at_most);
        while pass.left > end {
            pass.left -= 1;
            let at = pass.left as u32;
            if self.state(at) == State::Dead || expired(&self.table.entry(at).value) {
                self.take(at, Gone::Expired);
            }
        }
        if pass.left > 0 {
            self.pass = Some(pass);
            return false;
        }
        self.purges.swept(pass.purges, self.table.len());
        self.shrink();
        pass.purges == self.purges.count()
    }
}

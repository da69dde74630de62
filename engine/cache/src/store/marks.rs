//! Up to where responses are purged.

use super::entry::State;
use super::stored::Purge;

/// The generations below which responses are dead, and stale.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    hard: u64,
    soft: u64,
}

impl Marks {
    pub(crate) fn raise(&mut self, generation: u64, kind: Purge) {
        let mark = match kind {
            Purge::Hard => &mut self.hard,
            Purge::Soft => &mut self.soft,
        };
        *mark = generation.max(*mark);
    }

    /// No response with this generation is covered.
    pub(crate) fn highest(self) -> u64 {
        self.hard.max(self.soft)
    }

    pub(crate) fn state(self, generation: u64) -> State {
        if generation < self.hard {
            State::Dead
        } else if generation < self.soft {
            State::Stale
        } else {
            State::Sound
        }
    }
}

//! The tests of the facade once more, on a ring on which things go wrong.

#[expect(dead_code, reason = "`each` is another here")]
#[path = "../../../../tests/io/support.rs"]
mod plain;

#[path = "../../../../tests/io/accepting.rs"]
mod accepting;
#[path = "../../../../tests/io/closing.rs"]
mod closing;
#[path = "../../../../tests/io/datagrams.rs"]
mod datagrams;
#[path = "../../../../tests/io/deadlines.rs"]
mod deadlines;
#[path = "../../../../tests/io/fairness.rs"]
mod fairness;
#[path = "../../../../tests/io/mailboxes.rs"]
mod mailboxes;
#[path = "../../../../tests/io/receiving.rs"]
mod receiving;
#[path = "../../../../tests/io/sending.rs"]
mod sending;

/// What these tests share, but that each of them runs through storms.
mod support {
    use ringfence_config::DriverChoice;

    use super::super::super::faults::{self, Trouble};
    pub(crate) use super::plain::*;
    use crate::clock::now;
    use crate::deadline::timeout_at;
    use crate::runtime::stats;

    /// Storms that each test goes through.
    const SEEDS: u64 = 3;

    pub(crate) fn each(test: impl AsyncFn()) {
        for seed in 0..SEEDS {
            on(DriverChoice::Native, async {
                let _storm = faults::begin(seed, Trouble::Whole);
                timeout_at(now() + millis(20_000), test())
                    .await
                    .expect("the test ends in time");
            });
            let left = stats();
            let left = (left.tasks, left.streams, left.leases);
            assert_eq!(left, (0, 0, 0), "left behind with SEED={seed}");
        }
    }
}

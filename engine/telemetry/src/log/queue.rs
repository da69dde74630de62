//! The bounded way from a worker to the log writer.

use super::Record;
use crate::stats::WorkerStats;
use crossbeam_queue::ArrayQueue;
use std::sync::Arc;

/// A worker's queue of records: the worker pushes and never waits, the log writer pops.
#[derive(Debug)]
pub struct LogQueue {
    records: ArrayQueue<Record>,
    stats: Arc<WorkerStats>,
}

impl LogQueue {
    /// An empty queue of one worker. It holds at most `capacity` records (at least one); drops are counted in `stats`.
    #[must_use]
    pub fn new(capacity: usize, stats: Arc<WorkerStats>) -> Self {
        Self {
            records: ArrayQueue::new(capacity.max(1)),
            stats,
        }
    }

    /// Hands over a record, or drops and counts it if the queue is full. Only the owning worker may call this.
    pub fn push(&self, record: Record) {
        if self.records.push(record).is_err() {
            self.stats.log_dropped.inc();
        }
    }

    /// Whether no record waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The oldest record, if there is any.
    #[must_use]
    pub fn pop(&self) -> Option<Record> {
        self.records.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_full_queue_drops_the_newest_and_counts() {
        let stats = Arc::new(WorkerStats::default());
        let queue = LogQueue::new(2, stats.clone());
        for second in 0..5 {
            queue.push(Record::new(Duration::from_secs(second), 0));
        }
        assert_eq!(stats.log_dropped.get(), 3);
        assert_eq!(queue.pop().map(|r| r.time.as_secs()), Some(0));
        assert_eq!(queue.pop().map(|r| r.time.as_secs()), Some(1));
        assert!(queue.is_empty() && queue.pop().is_none());
    }
}

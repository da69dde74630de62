//! Waits until the workers have carried out what they were told.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use ringfence_proxy::{House, Order};

/// How long to wait; the workers need far less than a millisecond each.
const LIMIT: Duration = Duration::from_secs(5);

/// Waits, so that an answer given after this means that it is in force. A sentence for each thing that is not.
pub(crate) fn await_workers(house: &House) -> Vec<String> {
    let (done, reports) = channel();
    for post in &house.posts {
        post.post(Order::Report(done.clone()));
    }
    let until = Instant::now() + LIMIT;
    let mut missing = house.posts.len();
    let mut complaints = Vec::new();
    while missing > 0 {
        let left = until.saturating_duration_since(Instant::now());
        let Ok(report) = reports.recv_timeout(left) else {
            complaints.push(format!("{missing} workers are busy, and take it up later"));
            break;
        };
        complaints.extend(report);
        missing -= 1;
    }
    complaints
}

//! Waits until the workers have carried out what they were told.

use std::sync::mpsc::{Receiver, channel};
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
    let reports = await_each(&reports, house.posts.len());
    let missing = house.posts.len() - reports.len();
    let mut complaints: Vec<_> = reports.into_iter().flatten().collect();
    if missing > 0 {
        complaints.push(format!("{missing} workers are busy, and take it up later"));
    }
    complaints
}

/// Waits until `count` workers have sent, or the limit has passed; what was sent until then.
pub(crate) fn await_each<T>(reports: &Receiver<T>, count: usize) -> Vec<T> {
    let until = Instant::now() + LIMIT;
    let next = |_| {
        let left = until.saturating_duration_since(Instant::now());
        reports.recv_timeout(left).ok()
    };
    (0..count).map_while(next).collect()
}

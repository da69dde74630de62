//! What an origin remembers of the connections that it had.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use super::request::Request;

/// What an origin remembers; shared with its threads.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) requests: Mutex<Vec<Request>>,
    pub(super) transcripts: Mutex<Vec<Vec<u8>>>,
    pub(super) accepted: AtomicUsize,
    pub(super) connections: AtomicUsize,
    pub(super) open: AtomicUsize,
    pub(super) served: AtomicUsize,
    pub(super) forgetful: AtomicBool,
}

//! What a request has been told that waits for a key's home.

use std::rc::Rc;
use std::task::Waker;

use crate::cache::flight::Flight;
use crate::note::Answer;

/// What a request that waits has been told.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) answer: Option<Answer>,
    /// What it may join.
    pub(super) flight: Option<Rc<Flight>>,
    /// Others wait for what it fetches.
    pub(super) is_followed: bool,
    pub(super) waker: Option<Waker>,
}

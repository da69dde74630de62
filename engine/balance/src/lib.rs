//! Which server gets a request: pickers, the health table, outlier ejection, the retry budget and stickiness.
//!
//! A mind: it reads no clock (`now` is the time since the process started, given by the caller), opens no socket and
//! starts no thread. [`Roster`] holds a [`Group`] for each upstream of the plan, and each group its [`Server`]s. A
//! server's health is a block of atomics that checks and failures write and pickers read, without a lock; it outlives
//! reloads. Every worker has a [`Picker`] and a [`RetryBudget`] of its own for each group.

mod budget;
mod checks;
mod choice;
mod choose;
mod ejection;
mod group;
mod hash;
mod health;
mod limit;
mod maglev;
mod picker;
mod rng;
mod roster;
mod server;
mod standing;
mod sticky;
mod sync;
mod view;
mod waiters;
mod window;

pub use budget::RetryBudget;
pub use group::Group;
pub use hash::hash_key;
pub use health::{Transition, TransitionCounts};
pub use limit::Limit;
pub use picker::{NoPick, Outcome, Picker, Preview, Want};
pub use roster::{Resolved, Roster};
pub use server::{Permit, Server, ServerId};
pub use sticky::StickySecret;
pub use waiters::{MAX_WORKERS, WorkerIx};

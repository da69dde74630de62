//! What does the waiting. All that lies above speaks only of what is re-exported here, so that
//! another driver can stand behind it.

#[allow(
    unsafe_code,
    reason = "descriptors cross between monoio's ownership and ours"
)]
mod monoio;
#[allow(unsafe_code, reason = "submitting to a ring is unsafe by its nature")]
mod ring;

pub use self::monoio::sleep;
pub(crate) use self::monoio::{Source, run, spawn};
pub(crate) use self::ring::Strength;
pub use self::ring::probe_io_uring;

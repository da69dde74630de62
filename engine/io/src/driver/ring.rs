//! Which io_uring the kernel lets us have, and why none.

use std::io;

use io_uring::{Builder, IoUring, opcode};
use rustix::io::Errno;

/// How much of io_uring a kernel gives, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strength {
    /// COOP_TASKRUN and SINGLE_ISSUER: Linux 6.0.
    Full,
    /// COOP_TASKRUN: Linux 5.19.
    Cooperative,
    /// No flags.
    Plain,
}

impl Strength {
    const BEST_FIRST: [Self; 3] = [Self::Full, Self::Cooperative, Self::Plain];

    /// The builder of such a ring.
    pub(crate) fn builder(self, entries: u32) -> Builder {
        let mut builder = IoUring::builder();
        // Every waiting connection may complete in the same turn; room for that spares the
        // kernel's slow overflow list.
        builder
            .setup_clamp()
            .setup_cqsize(entries.saturating_mul(4));
        match self {
            Self::Full => builder.setup_coop_taskrun().setup_single_issuer(),
            Self::Cooperative => builder.setup_coop_taskrun(),
            Self::Plain => &mut builder,
        };
        builder
    }

    /// What it lacks, in words for the operator.
    pub(crate) fn lack(self) -> Option<&'static str> {
        match self {
            Self::Full => None,
            Self::Cooperative => {
                Some("io_uring without SINGLE_ISSUER: the kernel is older than 6.0")
            }
            Self::Plain => Some(
                "io_uring without COOP_TASKRUN, at a higher cost: the kernel is older than 5.19",
            ),
        }
    }

    /// The strongest ring that this thread can have.
    ///
    /// # Errors
    /// The reason why it can have none, in words for the operator.
    pub(crate) fn find(entries: u32) -> Result<Self, String> {
        let mut refusal = None;
        for strength in Self::BEST_FIRST {
            match try_ring(strength, entries) {
                Ok(()) => return Ok(strength),
                Err(error) => refusal = Some(error),
            }
        }
        let why = explain(&refusal.expect("something was tried"));
        Err(format!("no io_uring: {why}"))
    }
}

/// Whether a ring with that many submission entries would work on this thread.
///
/// # Errors
/// The reason why not, in words for the operator.
pub fn probe_io_uring(entries: u32) -> Result<(), String> {
    Strength::find(entries).map(drop)
}

/// Builds a ring and sends one no-op around it: a sandbox may allow the first and not the second.
fn try_ring(strength: Strength, entries: u32) -> io::Result<()> {
    let mut ring: IoUring = strength.builder(entries).build(entries)?;
    let mut probe = io_uring::Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    let needed = [
        opcode::PollAdd::CODE,
        opcode::AsyncCancel::CODE,
        opcode::Close::CODE,
    ];
    if needed.iter().any(|code| !probe.is_supported(*code)) {
        return Err(io::Error::from(Errno::OPNOTSUPP));
    }
    // SAFETY: a no-op refers to no memory.
    unsafe { ring.submission().push(&opcode::Nop::new().build()) }.map_err(io::Error::other)?;
    ring.submit_and_wait(1)?;
    match ring.completion().next() {
        Some(completion) if completion.result() == 0 => Ok(()),
        _ => Err(io::Error::other("a no-op did not complete")),
    }
}

pub(super) fn explain(error: &io::Error) -> String {
    let why = match Errno::from_io_error(error) {
        Some(Errno::NOSYS) => "the kernel has no io_uring, or a sandbox hides it",
        Some(Errno::PERM | Errno::ACCESS) => {
            "forbidden by the container's seccomp profile or by the sysctl kernel.io_uring_disabled"
        }
        Some(Errno::NOMEM) => "too little locked memory allowed (see `ulimit -l`)",
        Some(Errno::INVAL | Errno::OPNOTSUPP) => "the kernel's io_uring is too old",
        Some(Errno::MFILE | Errno::NFILE) => "no file descriptor left",
        _ => "unexpected refusal",
    };
    format!("{why} ({error})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_explained() {
        let told = |errno: Errno| explain(&errno.into());
        assert!(told(Errno::PERM).contains("kernel.io_uring_disabled"));
        assert!(told(Errno::NOSYS).contains("no io_uring"));
        assert!(told(Errno::NOMEM).contains("ulimit -l"));
        assert!(told(Errno::INVAL).contains("too old"));
    }
}

//! Bytes that the kernel is told to send, kept where they are until it has.

use std::ptr::NonNull;

use crate::outgoing::Outgoing;

/// A send, and the memory that it refers to. What is sent lies on the heap, or for ever, so that
/// it stays where it is when this is moved.
pub(super) struct Sending {
    out: Outgoing,
    /// More than one run of bytes needs a header; it and its list are on the heap too.
    header: Option<Box<Header>>,
}

struct Header {
    message: libc::msghdr,
    runs: [libc::iovec; 3],
}

/// Where the bytes are.
pub(super) enum Place {
    /// One run.
    Run(*const u8, u32),
    /// Several, behind a header.
    Runs(*const libc::msghdr),
}

impl Sending {
    pub(super) fn new(out: Outgoing) -> Self {
        let (_, runs) = out.after(0);
        let longest = out.len() <= u32::MAX as usize;
        let header = (runs > 1 || !longest).then(|| Header::of(&out));
        Self { out, header }
    }

    /// What the kernel is to be told. It is true for as long as `self` lives.
    pub(super) fn place(&self) -> Place {
        if let Some(header) = &self.header {
            return Place::Runs(&raw const header.message);
        }
        let (runs, _) = self.out.after(0);
        Place::Run(runs[0].as_ptr(), runs[0].len() as u32)
    }

    /// The bytes, once the kernel has sent them or has not.
    pub(super) fn into_inner(self) -> Outgoing {
        self.out
    }
}

impl Header {
    fn of(out: &Outgoing) -> Box<Self> {
        let (slices, used) = out.after(0);
        let runs = slices.map(|slice| libc::iovec {
            iov_base: slice.as_ptr().cast_mut().cast(),
            iov_len: slice.len(),
        });
        // SAFETY: a header of zeros is one with no address, no runs and no ancillary data.
        let message: libc::msghdr = unsafe { std::mem::zeroed() };
        let mut header = Box::new(Self { message, runs });
        let list = NonNull::from(&mut header.runs).cast();
        header.message.msg_iov = list.as_ptr();
        header.message.msg_iovlen = used as _;
        header
    }
}

//! A send that is with the kernel. Its bytes belong to the driver until it has completed,
//! whatever becomes of whoever began it.

use std::os::fd::RawFd;
use std::ptr;

use io_uring_07::opcode;
use io_uring_07::squeue::Entry;
use io_uring_07::types::Fd;
use rustix::io::Errno;

#[cfg(test)]
use super::faults;
use crate::outgoing::Outgoing;

/// Without MSG_WAITALL, so that a part that has gone is known of: with it, a peer that reads slowly could not be told from
/// one that does not, and a reset behind a part would be told to nobody.
const FLAGS: i32 = libc::MSG_NOSIGNAL;

/// Runs of bytes that one send has at most.
const RUNS: usize = 3;

/// One send. In a box, it and its bytes stay where they are.
pub(super) struct Departure {
    fd: RawFd,
    out: Outgoing,
    sent: usize,
    runs: [libc::iovec; RUNS],
    message: libc::msghdr,
}

/// What a completion means for a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The kernel has all of it.
    Whole,
    /// The kernel has a part of it, or was interrupted.
    Part,
    /// The kernel would not wait by itself for the socket to have room.
    Full,
    /// It has ended early.
    Failed(Errno),
}

impl Departure {
    /// One that holds nothing.
    pub(super) fn empty() -> Box<Self> {
        let nowhere = libc::iovec {
            iov_base: ptr::null_mut(),
            iov_len: 0,
        };
        Box::new(Self {
            fd: -1,
            out: Outgoing::none(),
            sent: 0,
            runs: [nowhere; RUNS],
            message: blank_message(),
        })
    }

    /// Takes a send over.
    pub(super) fn load(&mut self, fd: RawFd, out: Outgoing) {
        self.fd = fd;
        self.out = out;
        self.sent = 0;
    }

    /// The descriptor that it is sent to.
    pub(super) fn fd(&self) -> RawFd {
        self.fd
    }

    /// Bytes that the kernel has not taken.
    pub(super) fn left(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Lets go of the bytes.
    pub(super) fn unload(&mut self) {
        self.out = Outgoing::none();
    }

    /// The operation that sends what is left. It refers to this departure, which must stay in its
    /// box, loaded, until that has completed.
    pub(super) fn entry(self: &mut Box<Self>) -> Entry {
        let (slices, used) = self.out.after(self.sent);
        #[cfg(test)]
        if let Some(part) = faults::part(&slices[0]) {
            let len = part.len() as u32;
            return opcode::Send::new(Fd(self.fd), part.as_ptr(), len)
                .flags(FLAGS)
                .build();
        }
        if let [only] = &slices[..used] {
            // The plain send costs the kernel less.
            let len = u32::try_from(only.len()).unwrap_or(u32::MAX);
            return opcode::Send::new(Fd(self.fd), only.as_ptr(), len)
                .flags(FLAGS)
                .build();
        }
        for (run, slice) in self.runs.iter_mut().zip(&slices[..used]) {
            run.iov_base = slice.as_ptr().cast_mut().cast();
            run.iov_len = slice.len();
        }
        self.message.msg_iov = self.runs.as_mut_ptr();
        self.message.msg_iovlen = used as _;
        opcode::SendMsg::new(Fd(self.fd), &raw const self.message)
            .flags(FLAGS as u32)
            .build()
    }

    /// What has come of the operation.
    pub(super) fn completed(&mut self, result: i32) -> Progress {
        match usize::try_from(result) {
            // A send of some bytes that takes none would come again and again.
            Ok(0) if self.left() > 0 => Progress::Failed(Errno::PIPE),
            Ok(n) => {
                self.sent += n;
                if self.left() > 0 {
                    Progress::Part
                } else {
                    Progress::Whole
                }
            }
            Err(_) => match Errno::from_raw_os_error(-result) {
                Errno::INTR => Progress::Part,
                Errno::AGAIN => Progress::Full,
                errno => Progress::Failed(errno),
            },
        }
    }
}

/// A message header without a name, runs or control data.
pub(super) fn blank_message() -> libc::msghdr {
    // SAFETY: the structure is numbers and pointers, for all of which zero is a value.
    unsafe { std::mem::zeroed() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing::Payload;
    use crate::scratch::Scratch;

    fn of(head: &[u8], body: &'static [u8]) -> Box<Departure> {
        let mut scratch = Scratch::take();
        scratch.extend_from_slice(head);
        let mut departure = Departure::empty();
        departure.load(
            0,
            Outgoing {
                head: scratch,
                body: Payload::Bytes(body.into()),
                tail: b"",
            },
        );
        departure
    }

    #[test]
    fn it_is_whole_when_every_byte_has_gone() {
        let mut departure = of(b"head", b"body");
        assert_eq!(departure.completed(3), Progress::Part);
        assert_eq!(
            departure.completed(-Errno::INTR.raw_os_error()),
            Progress::Part
        );
        assert_eq!(departure.completed(5), Progress::Whole);
    }

    #[test]
    fn it_fails_with_what_the_kernel_says() {
        let reset = -Errno::CONNRESET.raw_os_error();
        assert_eq!(
            of(b"head", b"").completed(reset),
            Progress::Failed(Errno::CONNRESET)
        );
        assert_eq!(
            of(b"head", b"").completed(0),
            Progress::Failed(Errno::PIPE),
            "no endless repetition"
        );
        assert_eq!(of(b"", b"").completed(0), Progress::Whole);
    }

    #[test]
    fn several_runs_go_as_one_message() {
        let mut departure = of(b"head", b"body");
        let _ = departure.entry();
        assert_eq!(departure.message.msg_iovlen, 2);
        assert_eq!(departure.runs.map(|run| run.iov_len), [4, 4, 0]);
        departure.completed(3);
        let _ = departure.entry();
        assert_eq!(departure.runs.map(|run| run.iov_len), [1, 4, 0]);
    }
}

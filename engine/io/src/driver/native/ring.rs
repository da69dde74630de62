//! The ring: its queues, what may be asked of it, and the one system call.
//!
//! Three operations that are asked for here refer to memory of ours: a timer to its moment and a
//! receive of datagrams to their layout, which the ring itself holds, and a send to its bytes, which
//! a slot holds until it has completed (see [`super::departure`]). Received bytes go to the provided
//! buffers (see [`super::buffers`]). So nothing that happens above can leave the kernel with a stale
//! pointer.

use std::collections::VecDeque;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::time::Duration;

use io_uring_07::squeue::Entry;
use io_uring_07::types::{Fd, Timespec};
use io_uring_07::{
    Builder, CompletionQueue, IoUring, SubmissionQueue, Submitter, cqueue, opcode, squeue,
};
use rustix::io::Errno;

use super::departure::{Departure, blank_message};
#[cfg(test)]
use super::faults;
use super::token::{Key, Op};
use crate::counters;

/// The group by which receives name the provided buffers.
pub(super) const GROUP: u16 = 0;

/// Bytes before a received datagram in which its sender's address stands.
pub(super) const SENDER: usize = size_of::<libc::sockaddr_in6>();

/// The end, or with `more` a step, of an operation.
#[derive(Debug)]
pub(super) struct Completion {
    pub(super) key: Key,
    pub(super) op: Op,
    /// What the system call would return, or a negative error number.
    pub(super) result: i32,
    /// The provided buffer that was used.
    pub(super) buffer: Option<u16>,
    /// The connection that was accepted.
    pub(super) socket: Option<OwnedFd>,
    /// Whether the operation goes on.
    pub(super) more: bool,
}

/// A ring that this thread alone uses.
pub(super) struct Ring {
    submitter: ManuallyDrop<Submitter<'static>>,
    submission: ManuallyDrop<SubmissionQueue<'static>>,
    completion: ManuallyDrop<CompletionQueue<'static>>,
    /// What the three above borrow from; freed after them.
    whole: NonNull<IoUring>,
    /// The ring's descriptor is registered with this thread, which spares a look-up each call.
    registered: bool,
    /// Operations that the kernel would not take in time.
    backlog: VecDeque<Entry>,
    /// The moment of the timer that was submitted last.
    moment: Box<Timespec>,
    /// How a received datagram is laid out; never written to.
    layout: Box<libc::msghdr>,
}

impl Ring {
    /// A ring with room for `entries` submissions and `completions` completions.
    pub(super) fn new(entries: u32, completions: u32) -> io::Result<Self> {
        let uring = builder(completions).build(entries)?;
        let whole = NonNull::from(Box::leak(Box::new(uring)));
        // SAFETY: `whole` was just leaked, is borrowed here and nowhere else, and is freed only in
        // `drop`, after the three parts.
        let (mut submitter, submission, completion) = unsafe { &mut *whole.as_ptr() }.split();
        let registered = submitter.register_ring_fd().is_ok();
        Ok(Self {
            submitter: ManuallyDrop::new(submitter),
            submission: ManuallyDrop::new(submission),
            completion: ManuallyDrop::new(completion),
            whole,
            registered,
            backlog: VecDeque::new(),
            moment: Box::default(),
            layout: Box::new(layout()),
        })
    }

    /// For registering things with the ring.
    pub(super) fn submitter(&self) -> &Submitter<'static> {
        &self.submitter
    }

    /// Receives from a socket into provided buffers until a completion without `more`.
    pub(super) fn receive(&mut self, fd: RawFd, key: Key) {
        let entry = opcode::RecvMulti::new(Fd(fd), GROUP).build();
        self.push(entry, key, Op::Receive);
    }

    /// Receives datagrams, each with its sender before it, into provided buffers until a
    /// completion without `more`.
    pub(super) fn receive_datagrams(&mut self, fd: RawFd, key: Key) {
        let entry = opcode::RecvMsgMulti::new(Fd(fd), &raw const *self.layout, GROUP).build();
        self.push(entry, key, Op::Receive);
    }

    /// Accepts connections until a completion without `more`.
    pub(super) fn accept(&mut self, fd: RawFd, key: Key) {
        let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        let entry = opcode::AcceptMulti::new(Fd(fd)).flags(flags).build();
        self.push(entry, key, Op::Accept);
    }

    /// Completes once a read is worth trying.
    pub(super) fn poll_in(&mut self, fd: RawFd, key: Key) {
        let entry = opcode::PollAdd::new(Fd(fd), libc::POLLIN as u32).build();
        self.push(entry, key, Op::Readable);
    }

    /// Completes once a write is worth trying.
    pub(super) fn poll_out(&mut self, fd: RawFd, key: Key) {
        let entry = opcode::PollAdd::new(Fd(fd), libc::POLLOUT as u32).build();
        self.push(entry, key, Op::Writable);
    }

    /// Sends what is left of a departure.
    ///
    /// # Safety
    /// It stays in its box, loaded, until the operation has completed.
    pub(super) unsafe fn send(&mut self, departure: &mut Box<Departure>, key: Key) {
        self.push(departure.entry(), key, Op::Send);
    }

    /// Completes after a while.
    pub(super) fn timer(&mut self, after: Duration) {
        // The kernel copies the moment when it takes the entry; should an earlier one still wait
        // for that, it now means the same.
        *self.moment = Timespec::from(after);
        let entry = opcode::Timeout::new(&raw const *self.moment).build();
        self.push(entry, Key::NONE, Op::Timer);
    }

    /// Makes an operation end, if it has not; it completes either way.
    pub(super) fn cancel(&mut self, key: Key, op: Op) {
        #[cfg(test)]
        if faults::delays_cancel(key, op) {
            return;
        }
        self.cancel_now(key, op);
    }

    fn cancel_now(&mut self, key: Key, op: Op) {
        let entry = opcode::AsyncCancel::new(key.token(op)).build();
        self.push(entry, Key::NONE, Op::Nothing);
    }

    /// Submits what was asked for in one system call, which also waits until something has
    /// completed where `wait` says so and nothing has. Makes none where there is no reason to.
    pub(super) fn turn(&mut self, wait: bool) -> io::Result<()> {
        #[cfg(test)]
        for (key, op) in faults::begin_turn() {
            self.cancel_now(key, op);
        }
        #[cfg(test)]
        if faults::interrupts() {
            return Ok(());
        }
        #[cfg(test)]
        let wait = wait && faults::may_wait();
        while let Some(entry) = self.backlog.pop_front() {
            if !self.enqueue(&entry) {
                self.backlog.push_front(entry);
                break;
            }
        }
        self.submission.sync();
        self.completion.sync();
        let wait = wait && self.backlog.is_empty();
        let wait = wait && self.completion.is_empty();
        let overflown = self.submission.cq_overflow();
        if overflown {
            counters::up(|c| &c.overflows);
        }
        if !wait && !overflown && self.submission.is_empty() && !self.submission.taskrun() {
            return Ok(());
        }
        let entered = self.submitter.submit_and_wait(usize::from(wait));
        self.submission.sync();
        self.completion.sync();
        match entered {
            Ok(_) => Ok(()),
            Err(error) => match Errno::from_io_error(&error) {
                // A signal; or the kernel is short of memory or wants completions to be taken
                // first: what was not submitted is so the next time.
                Some(Errno::INTR | Errno::AGAIN | Errno::BUSY) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// Whether the kernel has taken all that was asked for.
    pub(super) fn has_submitted(&mut self) -> bool {
        self.backlog.is_empty() && self.submission.is_empty()
    }

    /// Whether the kernel holds completions that found no room, and that nobody sees before the next turn.
    pub(super) fn has_overflown(&mut self) -> bool {
        self.submission.cq_overflow()
    }

    /// Whether something has completed that has not been taken. Costs no system call.
    pub(super) fn has_news(&mut self) -> bool {
        self.completion.sync();
        !self.completion.is_empty()
    }

    /// Takes completions, at most so many.
    pub(super) fn take(&mut self, most: usize, into: &mut Vec<Completion>) {
        into.extend(self.completion.by_ref().take(most).map(|entry| {
            let (key, op) = Key::read(entry.user_data());
            let result = entry.result();
            let socket = (op == Op::Accept && result >= 0).then(|| {
                // SAFETY: the result of an accept is a new descriptor, and this is the only place
                // that ever learns of it.
                unsafe { OwnedFd::from_raw_fd(result) }
            });
            Completion {
                key,
                op,
                result,
                socket,
                buffer: cqueue::buffer_select(entry.flags()),
                more: cqueue::more(entry.flags()),
            }
        }));
        #[cfg(test)]
        faults::pass(into);
    }

    /// Queues an operation, submitting the queue first where it is full.
    fn push(&mut self, entry: Entry, key: Key, op: Op) {
        #[cfg(test)]
        if faults::fails(key, op) {
            return;
        }
        let entry = entry.user_data(key.token(op));
        if self.backlog.is_empty() {
            if self.enqueue(&entry) {
                return;
            }
            self.submission.sync();
            // Where this fails the queue stays full, and the next turn goes on.
            let _ = self.submitter.submit();
            self.submission.sync();
            if self.enqueue(&entry) {
                return;
            }
        }
        self.backlog.push_back(entry);
    }

    /// False where the queue is full.
    fn enqueue(&mut self, entry: &Entry) -> bool {
        // SAFETY: of the entries made in this file only those of timers and datagrams refer to memory,
        // which is the ring's own, and a send's, whose memory the caller of `send` answers for.
        unsafe { self.submission.push(entry) }.is_ok()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        #[cfg(test)]
        faults::clear();
        if self.registered {
            // Else it would keep the ring until the thread ends.
            let _ = self.submitter.unregister_ring_fd();
        }
        // SAFETY: each is dropped once, here, and not used after.
        unsafe {
            ManuallyDrop::drop(&mut self.submission);
            ManuallyDrop::drop(&mut self.completion);
            ManuallyDrop::drop(&mut self.submitter);
        }
        // SAFETY: it came from a box, and what borrowed from it has just gone.
        drop(unsafe { Box::from_raw(self.whole.as_ptr()) });
    }
}

/// Room for a sender's address, and none for anything else that may come with a datagram.
fn layout() -> libc::msghdr {
    libc::msghdr {
        msg_namelen: SENDER as libc::socklen_t,
        ..blank_message()
    }
}

fn builder(completions: u32) -> Builder<squeue::Entry, cqueue::Entry> {
    let mut builder = IoUring::builder();
    builder
        .setup_clamp()
        .setup_cqsize(completions)
        .setup_submit_all()
        .setup_single_issuer()
        .setup_defer_taskrun()
        .setup_taskrun_flag();
    builder
}

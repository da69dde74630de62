//! Bytes on their way from one stream to another that stay with the kernel, and this core's pipes
//! to hold them.
//!
//! A pipe is taken when bytes are there and goes back once it is empty, so a connection that waits
//! for its peer holds none. How many a core opens is bounded: where none is left, bytes are copied.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use rustix::io::Errno;

use crate::clock::now;
use crate::counters;
use crate::driver::{self, Source};
use crate::pool;

/// Bytes that a pipe has room for where each of its pages is full.
pub(crate) const SIZE: usize = 256 << 10;

/// Time for which no pipe is opened after one could not be had.
const BACK_OFF: Duration = Duration::from_secs(1);

/// Bytes that came over one stream, to be sent over another by [`crate::Stream::send_piped`]. They
/// are never in our memory. Dropped before that, they are lost.
pub struct Pipe {
    /// Nothing once it was given back.
    held: Option<driver::Pipe>,
    len: usize,
}

impl Pipe {
    /// An empty pipe, where one can be had.
    pub(crate) fn take() -> Option<Self> {
        let held = PIPES.with_borrow_mut(Pipes::take)?;
        counters::up(|c| &c.pipes);
        Some(Self {
            held: Some(held),
            len: 0,
        })
    }

    /// Bytes that it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes at most `most` bytes that have come for `from`; 0 at the end.
    pub(crate) fn fill(&mut self, from: &Source, most: usize) -> Result<usize, Errno> {
        debug_assert!(self.is_empty(), "a pipe is filled once");
        let n = from.recv_into(self.held(), most)?;
        self.set_len(n);
        Ok(n)
    }

    /// Sends as many of its bytes as `to` has room for.
    pub(crate) fn drain(&mut self, to: &Source) -> Result<usize, Errno> {
        let most = self.len;
        let n = to.send_from(self.held(), most)?;
        counters::add(|c| &c.moved, n as u64);
        self.set_len(most - n);
        Ok(n)
    }

    fn held(&mut self) -> &mut driver::Pipe {
        self.held.as_mut().expect("only a drop gives it back")
    }

    fn set_len(&mut self, len: usize) {
        pool::count_held(self.len, len);
        self.len = len;
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let (Some(held), len) = (self.held.take(), self.len) else {
            return;
        };
        counters::down(|c| &c.pipes);
        self.set_len(0);
        // After this thread's pipes are gone it is simply closed.
        let _ = PIPES.try_with(|pipes| pipes.borrow_mut().give(held, len));
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipe({} bytes)", self.len)
    }
}

thread_local! {
    static PIPES: RefCell<Pipes> = const { RefCell::new(Pipes::new()) };
}

/// Allows this core `most` pipes. With 0 it closes those that it has as they become empty.
pub(crate) fn allow(most: usize) {
    let closed = PIPES.with_borrow_mut(|pipes| pipes.allow(most));
    drop(closed);
}

/// Exchanges the pipes with those of another core, which takes its turn on this thread.
pub(crate) fn swap(pipes: &mut Pipes) {
    PIPES.with_borrow_mut(|own| std::mem::swap(own, pipes));
}

/// One core's pipes.
pub(crate) struct Pipes {
    most: usize,
    /// Those in use and those in `idle`.
    open: usize,
    idle: Vec<driver::Pipe>,
    /// None is opened before.
    next: Duration,
}

impl Pipes {
    pub(crate) const fn new() -> Self {
        Self {
            most: 0,
            open: 0,
            idle: Vec::new(),
            next: Duration::ZERO,
        }
    }

    fn take(&mut self) -> Option<driver::Pipe> {
        if let Some(idle) = self.idle.pop() {
            return Some(idle);
        }
        if self.open >= self.most || self.next > Duration::ZERO && now() < self.next {
            return None;
        }
        match driver::Pipe::new(SIZE) {
            Ok(pipe) => {
                self.open += 1;
                Some(pipe)
            }
            Err(_) => {
                self.next = now() + BACK_OFF;
                None
            }
        }
    }

    /// Takes one back. What still holds bytes is closed: nobody could tell them from the next.
    fn give(&mut self, pipe: driver::Pipe, len: usize) {
        if len == 0 && self.open <= self.most {
            self.idle.push(pipe);
        } else {
            self.open -= 1;
        }
    }

    fn allow(&mut self, most: usize) -> Vec<driver::Pipe> {
        self.most = most;
        self.next = Duration::ZERO;
        let over = self.open.saturating_sub(most).min(self.idle.len());
        self.open -= over;
        self.idle.split_off(self.idle.len() - over)
    }
}

//! Memory that responses take on their way into a store, beside what it holds.

use std::cell::Cell;
use std::rc::Rc;

/// Of what a store may hold, one part in so many may be under way to it.
const SHARE: usize = 4;

/// How much of it one core has, and may have.
#[derive(Default)]
pub(crate) struct Margin {
    bytes: Cell<usize>,
    most: Cell<usize>,
}

impl Margin {
    /// Goes by a store that may hold so many bytes.
    pub(crate) fn set_limit(&self, store: usize) {
        self.most.set(store / SHARE);
    }

    /// Sets so many bytes aside; nothing where too much is under way already.
    pub(crate) fn take(self: &Rc<Self>, bytes: usize) -> Option<Aside> {
        let sum = self.bytes.get().checked_add(bytes)?;
        (sum <= self.most.get()).then(|| {
            self.bytes.set(sum);
            Aside {
                margin: self.clone(),
                bytes,
            }
        })
    }
}

/// Bytes that are set aside for as long as this lives.
pub(crate) struct Aside {
    margin: Rc<Margin>,
    bytes: usize,
}

impl Aside {
    /// Sets some more aside; false where too much is under way.
    pub(crate) fn widen(&mut self, bytes: usize) -> bool {
        let Some(mut more) = self.margin.take(bytes) else {
            return false;
        };
        self.bytes += std::mem::take(&mut more.bytes);
        true
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let sum = &self.margin.bytes;
        sum.set(sum.get() - self.bytes);
    }
}

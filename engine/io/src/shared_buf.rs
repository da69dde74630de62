//! Memory that one core fills while others read what is there already.

#![expect(
    unsafe_code,
    reason = "the language has no memory that is written at one end and shared at the other"
)]

use std::cell::UnsafeCell;
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr;
use std::slice;
use std::sync::Arc;

use bytes::Bytes;

/// Memory of a fixed size that is filled from its start. What is there can be shared with other cores at any time, and is
/// never copied for that nor changed again.
pub struct SharedBuf {
    memory: Arc<Memory>,
    /// Bytes that are there.
    len: usize,
}

struct Memory(Box<[UnsafeCell<MaybeUninit<u8>>]>);

// SAFETY: bytes are written by the one `SharedBuf` of a memory, which has it for itself from `len` on; views end there, and
// are handed to other cores by ways that order what was done before.
unsafe impl Sync for Memory {}

/// The first bytes of a memory.
struct View {
    memory: Arc<Memory>,
    len: usize,
}

impl SharedBuf {
    /// Room for so many bytes, and no more.
    pub fn with_capacity(capacity: usize) -> Self {
        let memory = Box::new_uninit_slice(capacity);
        // SAFETY: that a byte may be uninitialized is in its type.
        let memory = unsafe { memory.assume_init() };
        Self {
            memory: Arc::new(Memory(memory)),
            len: 0,
        }
    }

    /// Bytes for which there is room yet.
    pub fn room(&self) -> usize {
        self.memory.0.len() - self.len
    }

    /// Adds bytes behind those that are there.
    ///
    /// # Panics
    /// When there is no room for them.
    pub fn extend(&mut self, bytes: &[u8]) {
        let room = &self.memory.0[self.len..];
        assert!(bytes.len() <= room.len(), "filled past its end");
        let to = room.as_ptr().cast::<u8>().cast_mut();
        // SAFETY: there is room for all of them, which may be written as it lies in cells; no view reaches there, and `bytes`
        // cannot lie there either, since nobody can have a reference to what no view reaches.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        self.len += bytes.len();
    }

    /// All that is there. It keeps the whole memory alive.
    pub fn so_far(&self) -> Bytes {
        Bytes::from_owner(View {
            memory: self.memory.clone(),
            len: self.len,
        })
    }
}

impl AsRef<[u8]> for View {
    fn as_ref(&self) -> &[u8] {
        let start = self.memory.0.as_ptr().cast::<u8>();
        // SAFETY: the first `len` bytes were written before the view was made, and are not written again.
        unsafe { slice::from_raw_parts(start, self.len) }
    }
}

impl fmt::Debug for SharedBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let capacity = self.memory.0.len();
        write!(f, "SharedBuf({} of {capacity} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    #[test]
    fn what_was_shared_stays_as_it_was() {
        let mut buf = SharedBuf::with_capacity(6);
        let nothing = buf.so_far();
        buf.extend(b"abc");
        let some = buf.so_far();
        buf.extend(b"");
        buf.extend(b"def");
        assert_eq!((&*nothing, &*some), (&b""[..], &b"abc"[..]));
        assert_eq!(&*buf.so_far().slice(2..), b"cdef");
        assert_eq!(buf.room(), 0);
        assert_eq!(buf.so_far().as_ptr(), some.as_ptr(), "nothing is copied");
        drop(buf);
        assert_eq!(&*some, b"abc");
    }

    #[test]
    #[should_panic(expected = "filled past its end")]
    fn it_does_not_grow() {
        let mut buf = SharedBuf::with_capacity(2);
        buf.extend(b"a");
        buf.extend(b"bc");
    }

    #[test]
    fn others_read_what_is_there_while_it_is_filled() {
        let byte = |at: usize| (at % 251) as u8;
        let (tell, told) = channel::<Bytes>();
        let reader = thread::spawn(move || {
            let mut seen = 0;
            for view in told {
                assert!(view.len() >= seen);
                assert!((seen..view.len()).all(|at| view[at] == byte(at)));
                seen = view.len();
            }
            seen
        });
        let mut buf = SharedBuf::with_capacity(1000);
        for at in 0..1000 {
            buf.extend(&[byte(at)]);
            tell.send(buf.so_far()).unwrap();
        }
        drop(tell);
        assert_eq!(reader.join().unwrap(), 1000);
    }
}

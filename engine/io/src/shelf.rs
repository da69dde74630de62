//! Memory for bytes that are sent often: the kernel sends its pages as they are, where it would copy others.
//!
//! It is a file of the kernel's memory (memfd_create(2)), mapped to be read. Each run of bytes has a range of the file to
//! itself, which is written once and then given back as a hole: pages that are still on their way to a peer stay with the
//! kernel, and who has the range next gets others. That is so where ranges are made of whole pages, which is tried out at the
//! start: there is no shelf where the kernel has larger pages for such files (shmem_enabled, or the machine's own), and who
//! has it use them from then on has to start the process anew. All cores share the file. Ranges come in sizes that are powers of two,
//! each from a region of its own, so that nothing is ever moved; what of a range is not written takes no memory.

#![expect(unsafe_code, reason = "a mapping is made and read")]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::slice;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use crossbeam_queue::SegQueue;
use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, ftruncate, memfd_create};
use rustix::io::{Errno, pwrite, read};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap};
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};
use rustix::process::{Resource, getrlimit};

/// Fewer bytes than this are rather copied.
const LEAST: usize = 16 << 10;

/// More bytes than this are not written here: that would hold the core up.
const MOST: usize = 1 << 20;

/// Sizes that a range may have: [`LEAST`], and each twice the one before, to [`MOST`].
const SIZES: usize = (MOST / LEAST).ilog2() as usize + 1;

/// Bytes of address space for the ranges of one size.
const REGION: usize = 1 << 38;

/// The shelf of the process, where it can have one.
static SHELF: OnceLock<Option<Shelf>> = OnceLock::new();

struct Shelf {
    file: OwnedFd,
    start: NonNull<u8>,
    sizes: [Ranges; SIZES],
}

// SAFETY: the mapping stays for good, and what lies in it is only read through it; ranges are handed out by atomics.
unsafe impl Sync for Shelf {}
// SAFETY: nothing of it belongs to a thread.
unsafe impl Send for Shelf {}

/// The ranges of one size.
#[derive(Default)]
struct Ranges {
    /// Those that have been given back.
    free: SegQueue<u32>,
    /// Those from here on were never used.
    fresh: AtomicU32,
}

/// Bytes that lie on the shelf.
struct Run {
    shelf: &'static Shelf,
    size: usize,
    number: u32,
    len: usize,
}

/// Where bytes lie in the shelf's file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) file: BorrowedFd<'static>,
    /// Offset of the first byte.
    pub(crate) offset: u64,
}

/// Keeps bytes to be sent: on the shelf where they are many and there is room, else where they are.
#[must_use]
pub fn shelve(bytes: Bytes) -> Bytes {
    if !(LEAST..=MOST).contains(&bytes.len()) {
        return bytes;
    }
    let shelf = SHELF.get_or_init(|| Shelf::open().ok());
    let run = shelf.as_ref().and_then(|shelf| shelf.put(&bytes));
    run.map_or(bytes, Bytes::from_owner)
}

/// Where bytes lie, if they lie on the shelf.
pub(crate) fn place_of(bytes: &[u8]) -> Option<Place> {
    if bytes.len() < LEAST {
        return None;
    }
    let shelf = SHELF.get()?.as_ref()?;
    let offset = bytes
        .as_ptr()
        .addr()
        .checked_sub(shelf.start.addr().get())?;
    (offset < SIZES * REGION).then(|| Place {
        file: shelf.file.as_fd(),
        offset: offset as u64,
    })
}

impl Shelf {
    fn open() -> Result<Self, Errno> {
        // Past this limit the kernel would end the process.
        if getrlimit(Resource::Fsize).current.is_some() {
            return Err(Errno::FBIG);
        }
        let file = memory_file()?;
        let len = SIZES * REGION;
        ftruncate(&file, len as u64)?;
        if !keeps_pages(&file, give_back)? {
            return Err(Errno::OPNOTSUPP);
        }
        // SAFETY: a new mapping takes the place of none.
        let start = unsafe {
            mmap(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ,
                MapFlags::SHARED | MapFlags::NORESERVE,
                &file,
                0,
            )
        }?;
        // Bodies of strangers are nothing for a core dump, and no pages are to be put together.
        for advice in [Advice::LinuxDontDump, Advice::LinuxNoHugepage] {
            // SAFETY: the mapping is ours.
            let _ = unsafe { madvise(start, len, advice) };
        }
        Ok(Self {
            file,
            start: NonNull::new(start.cast()).ok_or(Errno::NOMEM)?,
            sizes: Default::default(),
        })
    }

    /// Writes bytes to a range of their own; nothing where there is no room or no memory.
    fn put(&'static self, bytes: &[u8]) -> Option<Run> {
        let size = (bytes.len().next_power_of_two() / LEAST).ilog2() as usize;
        let run = Run {
            shelf: self,
            size,
            number: self.sizes[size].take(REGION / (LEAST << size))?,
            len: bytes.len(),
        };
        write_all(&self.file, bytes, run.offset() as u64).ok()?;
        Some(run)
    }
}

/// A file in memory that nobody can run, as some systems ask for.
fn memory_file() -> Result<OwnedFd, Errno> {
    let name = c"ringfence-bodies";
    match memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::NOEXEC_SEAL) {
        // Linux before 6.3 does not know it.
        Err(Errno::INVAL) => memfd_create(name, MemfdFlags::CLOEXEC),
        made => made,
    }
}

fn write_all(file: &OwnedFd, bytes: &[u8], offset: u64) -> Result<(), Errno> {
    let mut written = 0;
    while written < bytes.len() {
        match pwrite(file, &bytes[written..], offset + written as u64) {
            Ok(0) => return Err(Errno::NOSPC),
            Ok(n) => written += n,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes a hole of a range.
fn give_back(file: &OwnedFd, offset: u64, len: u64) -> Result<(), Errno> {
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(file, hole, offset, len)
}

/// Whether pages on their way stay as they are when `give_back` has had their range and it is written to again. Of a page that
/// is larger than the range the kernel only clears a part.
fn keeps_pages(
    file: &OwnedFd,
    give_back: impl Fn(&OwnedFd, u64, u64) -> Result<(), Errno>,
) -> Result<bool, Errno> {
    let (exit, entry) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    write_all(file, &[b'a'; LEAST], 0)?;
    let moved = splice(
        file,
        Some(&mut 0),
        &entry,
        None,
        LEAST,
        SpliceFlags::NONBLOCK,
    )?;
    give_back(file, 0, LEAST as u64)?;
    write_all(file, &[b'b'; LEAST], 0)?;
    give_back(file, 0, LEAST as u64)?;
    let mut seen = vec![0; moved];
    let seen_of = read(&exit, &mut seen)?;
    Ok(seen_of > 0 && seen[..seen_of].iter().all(|byte| *byte == b'a'))
}

impl Ranges {
    fn take(&self, most: usize) -> Option<u32> {
        self.free.pop().or_else(|| {
            let next = |fresh: u32| ((fresh as usize) < most).then_some(fresh + 1);
            self.fresh
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
                .ok()
        })
    }
}

impl Run {
    fn offset(&self) -> usize {
        self.size * REGION + self.number as usize * (LEAST << self.size)
    }
}

impl AsRef<[u8]> for Run {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the range lies in the mapping, has been written to its length, and belongs to this run alone, which nobody
        // writes to any more.
        unsafe { slice::from_raw_parts(self.shelf.start.as_ptr().add(self.offset()), self.len) }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let (offset, len) = (self.offset() as u64, (LEAST << self.size) as u64);
        // A range with its old pages would be written to while they are on their way to a peer: it is not used again.
        if give_back(&self.shelf.file, offset, len).is_ok() {
            self.shelf.sizes[self.size].free.push(self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use rustix::fs::fstat;

    use super::*;

    fn pattern(seed: u32, len: usize) -> Vec<u8> {
        let mut x = seed | 1;
        let next = |_| {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            x as u8
        };
        (0..len).map(next).collect()
    }

    fn shelf() -> &'static Shelf {
        let shelf = SHELF.get_or_init(|| Shelf::open().ok());
        shelf.as_ref().expect("the kernel has memory files")
    }

    #[test]
    fn only_what_is_worth_it_lies_there() {
        for (len, there) in [
            (0, false),
            (LEAST - 1, false),
            (LEAST, true),
            (MOST, true),
            (MOST + 1, false),
        ] {
            let bytes = shelve(pattern(1, len).into());
            assert_eq!(*bytes, *pattern(1, len));
            assert_eq!(place_of(&bytes).is_some(), there, "{len}");
        }
    }

    #[test]
    fn a_slice_has_its_own_place() {
        let bytes = shelve(pattern(2, 100_000).into());
        let (whole, part) = (place_of(&bytes), place_of(&bytes.slice(7_000..)));
        let (whole, part) = (whole.expect("it lies there"), part.expect("so does it"));
        assert_eq!(part.offset, whole.offset + 7_000);
        let mut read = vec![0; 93_000];
        rustix::io::pread(part.file, &mut read, part.offset).unwrap();
        assert_eq!(read, pattern(2, 100_000)[7_000..]);
    }

    #[test]
    fn what_comes_and_goes_is_never_mixed_up() {
        let mut held = VecDeque::new();
        for seed in 0..400_u32 {
            let len = LEAST + (seed as usize * 7_919) % (MOST / 2);
            held.push_back((seed, shelve(pattern(seed, len).into())));
            if held.len() > 20 {
                let (seed, bytes) = held.pop_front().unwrap();
                assert!(*bytes == *pattern(seed, bytes.len()), "{seed}");
            }
        }
        for (seed, bytes) in held {
            assert!(*bytes == *pattern(seed, bytes.len()), "{seed}");
        }
    }

    #[test]
    fn memory_is_given_back() {
        // One that no other test writes to.
        static ALONE: OnceLock<Shelf> = OnceLock::new();
        let shelf = ALONE.get_or_init(|| Shelf::open().unwrap());
        let held = || fstat(&shelf.file).unwrap().st_blocks * 512;
        let bytes = pattern(3, 300_000);
        let run = shelf.put(&bytes).unwrap();
        assert!((300_000..320_000).contains(&held()), "{}", held());
        assert_eq!(*run.as_ref(), *bytes);
        let number = run.number;
        drop(run);
        assert_eq!(held(), 0);
        assert_eq!(
            shelf.put(&bytes).unwrap().number,
            number,
            "it is used again"
        );
    }

    #[test]
    fn pages_that_change_under_way_are_noticed() {
        let file = memory_file().unwrap();
        assert!(keeps_pages(&file, give_back).unwrap());
        // As it is where a page is larger than a range.
        let clear = |file: &OwnedFd, offset, len| write_all(file, &vec![0; len as usize], offset);
        assert!(!keeps_pages(&file, clear).unwrap());
    }

    #[test]
    fn there_is_an_end() {
        let ranges = Ranges::default();
        let taken: Vec<_> = std::iter::from_fn(|| ranges.take(3)).collect();
        assert_eq!(taken, [0, 1, 2]);
        ranges.free.push(1);
        assert_eq!(ranges.take(3), Some(1));
        assert_eq!(ranges.take(3), None);
    }

    #[test]
    fn other_memory_is_not_on_it() {
        let _ = shelf();
        assert!(place_of(&pattern(4, LEAST)).is_none());
    }
}

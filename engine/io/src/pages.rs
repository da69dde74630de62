//! The size of the pages that the process's memory is made of.

use std::io;

/// Keeps the kernel from backing the process's memory with huge pages, of which the first byte used takes 2 MiB at once:
/// what connections hold is little and spread thin, so that much of that would be held for nothing. For memory that is
/// touched from now on.
///
/// # Errors
/// When the kernel refuses.
pub fn refuse_huge_pages() -> io::Result<()> {
    Ok(rustix::thread::disable_transparent_huge_pages(true)?)
}

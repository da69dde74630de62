//! A file, or something like one that may have to be waited for.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

/// What a pipe that says it is writable takes without waiting: PIPE_BUF of Linux.
const PIPE_BUF: usize = 4096;
/// How long a pipe, terminal or socket may take nothing before that is an error.
const READER_LIMIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};

/// Where bytes go in order. Never waits for long, whoever reads.
#[derive(Debug)]
pub(crate) struct Stream {
    file: File,
    is_regular: bool,
}

impl Stream {
    /// Over an open file, pipe, terminal or socket.
    ///
    /// # Errors
    /// If the system can't say what it is.
    pub(super) fn over(file: File) -> io::Result<Self> {
        let is_regular = file.metadata()?.is_file();
        Ok(Self { file, is_regular })
    }

    /// Opens a file to append to, or a FIFO, which need not have a reader yet.
    ///
    /// # Errors
    /// If it can't be opened.
    pub(super) fn append(path: &Path) -> io::Result<Self> {
        let is_fifo = fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo());
        // A FIFO's opening for writing alone waits for a reader. One that is also open for reading (fifo(7)) keeps what
        // was written while readers come and go.
        let mut options = OpenOptions::new();
        options.append(true).read(is_fifo).create(true).mode(0o640);
        Self::over(options.open(path)?)
    }

    /// Writes some of these lines, as many as go.
    ///
    /// # Errors
    /// If nothing was written: [`io::ErrorKind::WouldBlock`] where nobody reads.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let lines = match self.is_regular {
            true => lines,
            false => {
                self.await_room()?;
                whole_lines(lines, PIPE_BUF)
            }
        };
        match self.file.write(lines)? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            written => Ok(written),
        }
    }

    fn await_room(&self) -> io::Result<()> {
        let mut fds = [PollFd::new(&self.file, PollFlags::OUT)];
        match poll(&mut fds, Some(&READER_LIMIT))? {
            0 => Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                "nobody reads what was written",
            )),
            _ => Ok(()),
        }
    }
}

/// As many whole lines as `most` bytes hold, or the beginning of one that is longer.
fn whole_lines(lines: &[u8], most: usize) -> &[u8] {
    if lines.len() <= most {
        return lines;
    }
    let end = lines[..most].iter().rposition(|&byte| byte == b'\n');
    &lines[..end.map_or(most, |end| end + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_between_them_where_that_is_possible() {
        assert_eq!(whole_lines(b"ab\ncd\n", 9), b"ab\ncd\n");
        assert_eq!(whole_lines(b"ab\ncd\n", 5), b"ab\n");
        assert_eq!(whole_lines(b"ab\ncd\n", 3), b"ab\n");
        assert_eq!(whole_lines(b"abcdef\n", 3), b"abc");
    }
}

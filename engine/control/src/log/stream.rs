//! A file, or something like one that may have to be waited for.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::SendFlags,
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::{
        fd::AsRawFd,
        unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
    },
    path::Path,
};

/// `O_NONBLOCK` of Linux, as the standard library takes it.
const O_NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;
/// What a pipe takes whole or not at all: PIPE_BUF of Linux.
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
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A disk does not keep anybody waiting.
    Regular,
    /// A pipe, a terminal or another device.
    Device,
    Socket,
}

impl Stream {
    /// Over an open file, pipe, terminal or socket, which others may write to as well.
    ///
    /// # Errors
    /// If the system can't say what it is.
    pub(super) fn over(file: File) -> io::Result<Self> {
        let kind = kind_of(&file)?;
        if kind != Kind::Device {
            return Ok(Self { file, kind });
        }
        // Whether a write may wait is a property of the opening, which others share: so this opens its own.
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let own = OpenOptions::new()
            .write(true)
            .custom_flags(O_NONBLOCK)
            .open(path);
        let file = own.unwrap_or(file);
        Ok(Self { file, kind })
    }

    /// Opens a file to append to, or a FIFO, which need not have a reader yet.
    ///
    /// # Errors
    /// If it can't be opened.
    pub(super) fn append(path: &Path) -> io::Result<Self> {
        let is_fifo = fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo());
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o640);
        if !is_fifo {
            let file = options.open(path)?;
            let kind = kind_of(&file)?;
            return Ok(Self { file, kind });
        }
        // A FIFO's opening for writing alone wants a reader. One that is also open for reading (fifo(7)) keeps what was
        // written while readers come and go.
        options.custom_flags(O_NONBLOCK);
        let file = options
            .read(true)
            .open(path)
            .or_else(|_| options.read(false).open(path))?;
        Ok(Self {
            file,
            kind: Kind::Device,
        })
    }

    /// Whether the two are one file, so that what was begun in one is there in the other.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let identity = |stream: &Self| {
            let meta = stream.file.metadata().ok()?;
            Some((meta.dev(), meta.ino()))
        };
        identity(self).is_some_and(|this| identity(other) == Some(this))
    }

    /// Writes some of these lines, as many as go.
    ///
    /// # Errors
    /// If nothing was written: [`io::ErrorKind::WouldBlock`] where nobody reads.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        if self.kind == Kind::Regular {
            return some(self.file.write(lines)?);
        }
        let lines = whole_lines(lines, PIPE_BUF);
        match self.write_now(lines) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.await_room()?;
                some(self.write_now(lines)?)
            }
            outcome => some(outcome?),
        }
    }

    fn write_now(&mut self, lines: &[u8]) -> io::Result<usize> {
        match self.kind {
            Kind::Socket => {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                Ok(rustix::net::send(&self.file, lines, flags)?)
            }
            Kind::Regular | Kind::Device => self.file.write(lines),
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

fn kind_of(file: &File) -> io::Result<Kind> {
    let kind = file.metadata()?.file_type();
    Ok(match () {
        () if kind.is_file() => Kind::Regular,
        () if kind.is_socket() => Kind::Socket,
        () => Kind::Device,
    })
}

fn some(written: usize) -> io::Result<usize> {
    match written {
        0 => Err(io::ErrorKind::WriteZero.into()),
        written => Ok(written),
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

//! Where access-log lines go.

use super::stream::Stream;
use ringfence_config::LogTarget;
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    os::{fd::AsFd, unix::net::UnixDatagram},
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a syslog daemon may hold up one datagram.
const SEND_LIMIT: Duration = Duration::from_secs(1);

/// An open log.
#[derive(Debug)]
pub(crate) enum Sink {
    /// Standard output.
    Stdout(Stream),
    /// A file, and its path to open it again.
    File(Stream, PathBuf),
    /// A syslog daemon's socket, and its path to connect again.
    SyslogUnix(UnixDatagram, PathBuf),
    /// A syslog server.
    SyslogUdp(UdpSocket),
}

/// What became of the beginning of some lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// So many bytes are written.
    Written(usize),
    /// So many bytes, one line, can't be written ever.
    Lost(usize),
}

impl Sink {
    /// Opens a log.
    ///
    /// # Errors
    /// If it can't be opened, or the daemon does not listen.
    pub(crate) fn open(target: &LogTarget) -> io::Result<Self> {
        match target {
            LogTarget::Stdout => {
                let stdout = io::stdout().as_fd().try_clone_to_owned()?;
                Ok(Self::Stdout(Stream::over(stdout.into())?))
            }
            LogTarget::File(path) => Ok(Self::File(Stream::append(path)?, path.clone())),
            LogTarget::SyslogUnix(path) => Ok(Self::SyslogUnix(to_daemon(path)?, path.clone())),
            LogTarget::SyslogUdp(address) => Ok(Self::SyslogUdp(to_server(*address)?)),
        }
    }

    /// Opens a file again by its path, as log rotation asks; connects again to a daemon. If that fails, the old one
    /// stays in use. True if lines go to another file from now on.
    ///
    /// # Errors
    /// If it can't be opened.
    pub(crate) fn reopen(&mut self) -> io::Result<bool> {
        match self {
            Self::File(file, path) => {
                let fresh = Stream::append(path)?;
                let is_other = !fresh.is_same(file);
                if is_other {
                    *file = fresh;
                }
                Ok(is_other)
            }
            Self::SyslogUnix(socket, path) => {
                *socket = to_daemon(path)?;
                Ok(false)
            }
            Self::Stdout(_) | Self::SyslogUdp(_) => Ok(false),
        }
    }

    /// Whether each line is a datagram of syslog's.
    pub(crate) fn is_syslog(&self) -> bool {
        matches!(self, Self::SyslogUnix(..) | Self::SyslogUdp(_))
    }

    /// Writes some of the whole lines in `lines`, which is not empty: as much as goes, or one datagram.
    ///
    /// # Errors
    /// If nothing was written; the same bytes may be offered again.
    pub(crate) fn write(&mut self, lines: &[u8]) -> io::Result<Taken> {
        match self {
            Self::Stdout(file) | Self::File(file, _) => file.write(lines).map(Taken::Written),
            Self::SyslogUnix(socket, path) => {
                let (line, len) = first_line(lines);
                match socket.send(line) {
                    Ok(_) => Ok(Taken::Written(len)),
                    Err(error) if is_too_long(&error) => Ok(Taken::Lost(len)),
                    Err(error) => {
                        // The daemon may have restarted: its socket is another one then.
                        if let Ok(fresh) = to_daemon(path) {
                            *socket = fresh;
                        }
                        Err(error)
                    }
                }
            }
            Self::SyslogUdp(socket) => {
                let (line, len) = first_line(lines);
                // An error tells of this datagram or an earlier one; UDP promises nothing, so none is sent again.
                Ok(match socket.send(line) {
                    Ok(_) => Taken::Written(len),
                    Err(_) => Taken::Lost(len),
                })
            }
        }
    }
}

/// The first line without its end, and its length with it.
fn first_line(lines: &[u8]) -> (&[u8], usize) {
    match lines.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&lines[..end], end + 1),
        None => (lines, lines.len()),
    }
}

fn is_too_long(error: &io::Error) -> bool {
    /// EMSGSIZE of Linux.
    const TOO_LONG: i32 = 90;
    error.raw_os_error() == Some(TOO_LONG)
}

fn to_daemon(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_write_timeout(Some(SEND_LIMIT))?;
    Ok(socket)
}

fn to_server(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?,
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?,
    };
    socket.connect(address)?;
    Ok(socket)
}

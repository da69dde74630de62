//! The control socket's file: made for its owner only, taken over when stale, removed when done.

use crate::error::StartError;
use socket2::{Domain, SockAddr, Socket, Type};
use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

/// A control socket that listens; its file goes when this is dropped.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    listener: UnixListener,
    file: SocketFile,
}

/// A socket's file, known by its inode, so that another process's is never removed.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl ControlSocket {
    /// Listens at `path`, for the owner only. A file that a dead process left is replaced.
    ///
    /// # Errors
    /// If a live process answers there, something else than a socket is there, or the system refuses.
    pub(crate) fn bind(path: &Path) -> Result<Self, StartError> {
        let refused = |source| StartError::Control {
            path: path.to_owned(),
            source,
        };
        if is_live(path).map_err(refused)? {
            return Err(StartError::ControlInUse {
                path: path.to_owned(),
            });
        }
        remove_stale(path).map_err(refused)?;
        listen(path).map_err(refused)
    }

    /// The listener for the runtime, and the file to keep while it is used.
    ///
    /// # Errors
    /// If the runtime can't take it.
    pub(crate) fn into_parts(self) -> io::Result<(tokio::net::UnixListener, SocketFile)> {
        Ok((
            tokio::net::UnixListener::from_std(self.listener)?,
            self.file,
        ))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a process listens at `path`. Only a refusal proves that it is dead; one that we may not ask is not ours.
fn is_live(path: &Path) -> io::Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A process that hangs has a full queue, in which a blocking connect would wait for ever.
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Ok(()) => Ok(true),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock => Ok(true),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Ok(false),
            _ => Err(error),
        },
    }
}

/// Removes what a dead process left; only ever a socket.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => fs::remove_file(path),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "the path exists and is not a socket",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn listen(path: &Path) -> io::Result<ControlSocket> {
    const BACKLOG: i32 = 16;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile {
        path: path.to_owned(),
        identity: identity(path),
    };
    // Before it listens nobody can connect, so there is no moment with wider rights.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(ControlSocket {
        listener: socket.into(),
        file,
    })
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let meta = fs::symlink_metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn is_for_the_owner_and_goes_when_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        let socket = ControlSocket::bind(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn a_live_socket_is_refused_and_a_stale_one_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        let live = UnixListener::bind(&path).unwrap();
        let error = ControlSocket::bind(&path).unwrap_err();
        assert!(matches!(error, StartError::ControlInUse { .. }), "{error}");
        drop(live);
        assert!(path.exists());
        ControlSocket::bind(&path).unwrap();
    }

    #[test]
    fn one_that_hangs_is_live() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        let hung = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        hung.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        hung.listen(0).unwrap();
        let _queued = UnixStream::connect(&path).unwrap();
        let error = ControlSocket::bind(&path).unwrap_err();
        assert!(matches!(error, StartError::ControlInUse { .. }), "{error}");
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("precious");
        fs::write(&path, "text").unwrap();
        let error = ControlSocket::bind(&path).unwrap_err().to_string();
        assert!(error.contains("not a socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
    }

    #[test]
    fn anothers_file_is_not_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        let first = ControlSocket::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let _second = UnixListener::bind(&path).unwrap();
        drop(first);
        assert!(path.exists());
    }
}

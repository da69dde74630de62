//! Why the control plane could not start or adopt a plan.

use std::{fmt, io, net::SocketAddr, path::PathBuf};

/// A plan that the control plane can't follow. Nothing was changed.
#[derive(Debug)]
pub enum StartError {
    /// The admin listener's address can't be bound.
    Admin {
        /// The address, as configured.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Another process answers on the control socket.
    ControlInUse {
        /// The socket's path, as configured.
        path: PathBuf,
    },
    /// The control socket can't be made.
    Control {
        /// The socket's path, as configured.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The access log can't be opened.
    Log {
        /// Where it was to go.
        target: String,
        /// Why.
        source: io::Error,
    },
    /// A thread or its runtime could not be started.
    Thread(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admin { address, source } if source.kind() == io::ErrorKind::AddrInUse => write!(
                f,
                "admin listener: {address} is in use by another process; choose another `listen` in [admin]"
            ),
            Self::Admin { address, source } => {
                write!(f, "admin listener: cannot listen on {address}: {source}")
            }
            Self::ControlInUse { path } => write!(
                f,
                "control socket: another process answers on {}; stop it, or choose another `control` in [admin]",
                path.display()
            ),
            Self::Control { path, source } => {
                write!(
                    f,
                    "control socket: cannot listen on {}: {source}",
                    path.display()
                )
            }
            Self::Log { target, source } => {
                write!(f, "access log: cannot write to {target}: {source}")
            }
            Self::Thread(source) => write!(f, "cannot start a control thread: {source}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Admin { source, .. }
            | Self::Control { source, .. }
            | Self::Log { source, .. }
            | Self::Thread(source) => Some(source),
            Self::ControlInUse { .. } => None,
        }
    }
}

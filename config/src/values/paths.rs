//! Paths of files and sockets.

use std::path::PathBuf;

use schemars::{Schema, json_schema};

use crate::limits;
use crate::values::scalar::{FromScalar, ToScalar, Written};
use crate::values::wrong::Wrong;

/// Reads the path of a Unix socket.
///
/// # Errors
/// If it is empty, has a NUL, or is longer than `sockaddr_un` holds.
pub fn unix_path(path: &str) -> Result<PathBuf, Wrong> {
    if path.is_empty() {
        return Err(Wrong::new("the path of the Unix socket is missing")
            .help("for example \"unix:/run/app.sock\""));
    }
    if path.contains('\0') {
        return Err(Wrong::new("the path of the Unix socket holds a NUL"));
    }
    if path.len() > limits::UNIX_PATH {
        let message = format!("the path of the Unix socket is {} bytes long", path.len());
        return Err(
            Wrong::new(message).help(format!("the kernel takes at most {}", limits::UNIX_PATH))
        );
    }
    Ok(PathBuf::from(path))
}

impl FromScalar for PathBuf {
    const WHAT: &'static str = "a path";

    fn from_text(text: &str) -> Result<Self, Wrong> {
        match text {
            "" => Err(Wrong::new("the path is empty")),
            _ if text.contains('\0') => Err(Wrong::new("the path holds a NUL")),
            _ => Ok(Self::from(text)),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

impl ToScalar for PathBuf {
    fn to_scalar(&self) -> Written {
        self.display().to_string().into()
    }
}

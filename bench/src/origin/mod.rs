//! The servers behind the proxies. Which one it is changes what a proxy costs, so there are two.

pub mod alone;
mod answers;
pub mod count;
pub mod kind;
pub mod nginx;
pub mod place;

use std::io;

pub use crate::origin::kind::Kind;
use crate::origin::place::Place;
use crate::process::Program;

/// Prepares an origin and says how to start it.
///
/// # Errors
/// What the file system says.
pub fn prepare(kind: Kind, place: &Place<'_>) -> io::Result<Program> {
    match kind {
        Kind::Nginx => nginx::prepare(place),
        Kind::Alone => alone_program(place),
    }
}

/// How to start our own origin: this program, called otherwise.
fn alone_program(place: &Place<'_>) -> io::Result<Program> {
    let mut command = vec![std::env::current_exe()?.into_os_string(), "origin".into()];
    if place.cacheable {
        command.push("--cacheable".into());
    }
    command.extend(
        place
            .addresses
            .iter()
            .map(|address| address.to_string().into()),
    );
    Ok(Program {
        name: "our own origin".to_owned(),
        command,
        cpus: place.cpus.clone(),
        stdout: place.dir.join("stdout"),
        stderr: place.dir.join("stderr"),
    })
}

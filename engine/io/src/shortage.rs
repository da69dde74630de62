//! What this process or machine runs out of, told apart from what a peer does.

use std::io;

use rustix::io::Errno;

/// True for an error that says that we lack descriptors or memory, and nothing of the peer. (No local address or port
/// is to be had for one destination, and may well be for another.)
pub fn is_shortage(error: &io::Error) -> bool {
    let Some(errno) = Errno::from_io_error(error) else {
        return false;
    };
    matches!(
        errno,
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_the_peers_and_a_lack_of_descriptors_is_ours() {
        for (errno, ours) in [
            (Errno::MFILE, true),
            (Errno::NOBUFS, true),
            (Errno::CONNREFUSED, false),
            (Errno::ADDRNOTAVAIL, false),
            (Errno::TIMEDOUT, false),
        ] {
            assert_eq!(is_shortage(&errno.into()), ours, "{errno}");
        }
        assert!(!is_shortage(&io::ErrorKind::TimedOut.into()));
    }
}

//! The listening sockets: each bound once for every worker.

use std::io;
use std::net::SocketAddr;

use ringfence_io::ListenSocket;

/// A listener of the plan and where it really listens: they differ where the plan says port 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    /// As the plan says.
    pub(crate) asked: SocketAddr,
    /// As the kernel says.
    pub(crate) real: SocketAddr,
}

/// One socket for each worker, all on the same port.
#[derive(Debug)]
pub(crate) struct Sockets {
    /// Where they listen.
    pub(crate) bound: Bound,
    /// One for each worker.
    pub(crate) each: Vec<ListenSocket>,
}

/// Binds `address` for `workers` workers.
///
/// # Errors
/// As [`ListenSocket::bind`]: one line with the address, the reason and a hint.
pub(crate) fn bind(address: SocketAddr, workers: usize, backlog: u32) -> io::Result<Sockets> {
    let first = ListenSocket::bind(address, backlog, true)?;
    let bound = Bound {
        asked: address,
        real: first.local_addr(),
    };
    let mut each = Vec::with_capacity(workers);
    for _ in 1..workers {
        each.push(first.sibling()?);
    }
    each.push(first);
    Ok(Sockets { bound, each })
}

/// Binds all of `addresses`, or none.
///
/// # Errors
/// The first that failed; those bound before it are closed again.
pub(crate) fn bind_all(
    addresses: &[SocketAddr],
    workers: usize,
    backlog: u32,
) -> io::Result<Vec<Sockets>> {
    addresses
        .iter()
        .map(|address| bind(*address, workers, backlog))
        .collect()
}

/// Says why a reload could not bind; a port that the reload is about to free is held by this very process.
pub(crate) fn blame(error: &io::Error, added: &[SocketAddr], gone: &[Bound]) -> String {
    let ours = gone.iter().find(|bound| {
        added
            .iter()
            .any(|address| address.port() == bound.real.port())
    });
    match ours {
        Some(bound) if error.kind() == io::ErrorKind::AddrInUse => format!(
            "{error}; this process listens on {} until the reload: take that listener out in a reload of its own first",
            bound.real
        ),
        _ => error.to_string(),
    }
}

/// Deals sockets out by worker: one hand for each, in the order of the listeners.
pub(crate) fn deal(sockets: Vec<Sockets>, workers: usize) -> Vec<Vec<ListenSocket>> {
    let mut hands: Vec<Vec<ListenSocket>> = (0..workers).map(|_| Vec::new()).collect();
    for listener in sockets {
        for (hand, socket) in hands.iter_mut().zip(listener.each) {
            hand.push(socket);
        }
    }
    hands
}

/// What a reload has to do: addresses to bind, and listeners to close.
pub(crate) fn difference(have: &[Bound], want: &[SocketAddr]) -> (Vec<SocketAddr>, Vec<Bound>) {
    let mut gone = have.to_vec();
    let mut added = Vec::new();
    for address in want {
        match gone.iter().position(|bound| bound.asked == *address) {
            Some(ix) => drop(gone.remove(ix)),
            None => added.push(*address),
        }
    }
    (added, gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn every_worker_gets_a_socket_on_the_same_port() {
        let sockets = bind(address(0), 3, 16).unwrap();
        assert_ne!(sockets.bound.real.port(), 0);
        assert_eq!(sockets.each.len(), 3);
        assert!(
            sockets
                .each
                .iter()
                .all(|socket| socket.local_addr() == sockets.bound.real)
        );
        let hands = deal(vec![sockets], 3);
        assert!(hands.iter().all(|hand| hand.len() == 1));
    }

    #[test]
    fn a_port_in_use_is_refused_and_named() {
        let held = bind(address(0), 1, 16).unwrap();
        let error = bind_all(&[address(0), held.bound.real], 2, 16).unwrap_err();
        assert!(
            error.to_string().contains(&held.bound.real.to_string()),
            "{error}"
        );
    }

    #[test]
    fn a_reload_binds_what_is_new_and_closes_what_is_gone() {
        let bound = |port, real| Bound {
            asked: address(port),
            real: address(real),
        };
        let have = [bound(1, 1), bound(0, 40_000), bound(3, 3)];
        let (added, gone) = difference(&have, &[address(0), address(4), address(3)]);
        assert_eq!((added, gone), (vec![address(4)], vec![bound(1, 1)]));
    }
}

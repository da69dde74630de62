//! Scripted origins on threads: each connection runs a script, well-behaved or not, and every
//! byte that came is kept, so that a test can see what the balancer really sent.

mod closed_door;
pub mod kit;
mod ledger;
pub mod misbehave;
mod request;
pub mod visit;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub use closed_door::ClosedDoor;
use ledger::Ledger;
pub use request::Request;
pub use visit::Visit;

use crate::wire::Socket;

/// What an origin does with a connection.
pub type Script = Arc<dyn Fn(&mut Visit) -> io::Result<()> + Send + Sync>;

/// An origin server of the harness; stops when dropped.
pub struct Origin {
    name: String,
    place: Place,
    script: Script,
    ledger: Arc<Ledger>,
    running: Option<Running>,
    /// Keeps the address of a dead origin from others.
    reserved: Option<socket2::Socket>,
}

/// Where an origin listens.
#[derive(Debug, Clone)]
enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

struct Running {
    stop: Arc<AtomicBool>,
    live: Live,
    thread: JoinHandle<()>,
}

/// The sockets of connections that are open, for when the origin has to die.
type Live = Arc<Mutex<Vec<Weak<Socket>>>>;

enum Door {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Origin {
    /// A well-behaved origin on TCP; see [`kit`] for what its paths do.
    pub fn kit(name: &str) -> Origin {
        Origin::serving(name, kit::serve)
    }

    /// A well-behaved origin on a Unix socket.
    pub fn kit_at(name: &str, path: PathBuf) -> Origin {
        Origin::open(name, Place::Unix(path), Arc::new(kit::serve))
    }

    /// A well-behaved origin at a chosen TCP address.
    pub fn kit_on(name: &str, address: SocketAddr) -> Origin {
        Origin::open(name, Place::Tcp(address), Arc::new(kit::serve))
    }

    /// An origin on TCP that runs `script` on every connection.
    pub fn serving<F>(name: &str, script: F) -> Origin
    where
        F: Fn(&mut Visit) -> io::Result<()> + Send + Sync + 'static,
    {
        Origin::open(
            name,
            Place::Tcp(SocketAddr::from((own_loopback(), 0))),
            Arc::new(script),
        )
    }

    /// An address where nobody listens: connections are refused at once.
    pub fn absent(name: &str) -> Origin {
        let mut origin = Origin::kit(name);
        origin.dies();
        origin
    }

    /// As [`Origin::kit`], keeping no record of requests: for long loads.
    pub fn forgetful_kit(name: &str) -> Origin {
        let origin = Origin::kit(name);
        origin.ledger.forgetful.store(true, Ordering::Relaxed);
        origin
    }

    fn open(name: &str, place: Place, script: Script) -> Origin {
        let ledger = Arc::new(Ledger::default());
        let mut origin = Origin {
            name: name.into(),
            place,
            script,
            ledger,
            running: None,
            reserved: None,
        };
        origin.revives();
        origin
    }

    /// Dies as a killed process does: the port is closed, every connection reset.
    pub fn dies(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        running.stop.store(true, Ordering::Relaxed);
        let _ = running.thread.join();
        for socket in running.live.lock().expect("live sockets").drain(..) {
            if let Some(socket) = socket.upgrade() {
                socket.kill();
            }
        }
        self.reserved = self.place.reserve();
    }

    /// Comes back at the address that it had.
    pub fn revives(&mut self) {
        if self.running.is_some() {
            return;
        }
        self.reserved = None;
        let door = self.place.listen();
        if let (Place::Tcp(address), Door::Tcp(listener)) = (&mut self.place, &door) {
            *address = listener.local_addr().expect("a local address");
        }
        let stop = Arc::new(AtomicBool::new(false));
        let live = Arc::new(Mutex::new(Vec::new()));
        let thread = {
            let (stop, live) = (stop.clone(), live.clone());
            let (script, ledger, name) =
                (self.script.clone(), self.ledger.clone(), self.name.clone());
            std::thread::spawn(move || accept_until(&stop, &door, &live, &script, &ledger, &name))
        };
        self.running = Some(Running { stop, live, thread });
    }

    /// The address as the configuration file writes it.
    pub fn address(&self) -> String {
        match &self.place {
            Place::Tcp(address) => address.to_string(),
            Place::Unix(path) => format!("unix:{}", path.display()),
        }
    }

    /// Every request that was read whole (or whose head was read), in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.ledger.requests.lock().expect("requests").clone()
    }

    /// The only request that came.
    #[track_caller]
    pub fn only_request(&self) -> Request {
        let mut all = self.requests();
        assert_eq!(all.len(), 1, "requests at {}: {all:?}", self.name);
        all.remove(0)
    }

    /// How many requests were answered; counted also by an origin that keeps no record.
    pub fn served(&self) -> usize {
        self.ledger.served.load(Ordering::Relaxed)
    }

    /// How many connections brought a request; checks that only connect do not count.
    pub fn connections(&self) -> usize {
        self.ledger.connections.load(Ordering::Relaxed)
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> usize {
        self.ledger.open.load(Ordering::Relaxed)
    }

    /// The raw bytes of every connection that has ended.
    pub fn transcripts(&self) -> Vec<Vec<u8>> {
        self.ledger.transcripts.lock().expect("transcripts").clone()
    }

    /// Forgets requests and transcripts so far.
    pub fn forgets(&self) {
        self.ledger.requests.lock().expect("requests").clear();
        self.ledger.transcripts.lock().expect("transcripts").clear();
        self.ledger.served.store(0, Ordering::Relaxed);
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.dies();
        if let Place::Unix(path) = &self.place {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "origin {} at {}", self.name, self.address())
    }
}

impl Place {
    fn listen(&self) -> Door {
        match self {
            Place::Tcp(address) => {
                let listener = TcpListener::bind(address).expect("the origin's port is free");
                listener.set_nonblocking(true).expect("non-blocking");
                Door::Tcp(listener)
            }
            Place::Unix(path) => {
                let _ = std::fs::remove_file(path);
                let listener = UnixListener::bind(path).expect("the origin's path is free");
                listener.set_nonblocking(true).expect("non-blocking");
                Door::Unix(listener)
            }
        }
    }
}

impl Place {
    /// Holds a TCP address without listening: connections are refused, and nobody else gets it.
    fn reserve(&self) -> Option<socket2::Socket> {
        let Place::Tcp(address) = self else {
            return None;
        };
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).ok()?;
        socket.set_reuse_address(true).ok()?;
        socket.bind(&(*address).into()).ok()?;
        Some(socket)
    }
}

impl Door {
    fn accept(&self) -> io::Result<Socket> {
        let socket = match self {
            Door::Tcp(listener) => Socket::Tcp(listener.accept()?.0),
            Door::Unix(listener) => Socket::Unix(listener.accept()?.0),
        };
        match &socket {
            Socket::Tcp(stream) => stream.set_nonblocking(false)?,
            Socket::Unix(stream) => stream.set_nonblocking(false)?,
        }
        Ok(socket)
    }

    fn wait(&self) {
        let fd = match self {
            Door::Tcp(listener) => listener.as_fd(),
            Door::Unix(listener) => listener.as_fd(),
        };
        let pause = Timespec {
            tv_sec: 0,
            tv_nsec: 10_000_000,
        };
        let _ = poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&pause));
    }
}

fn accept_until(
    stop: &AtomicBool,
    door: &Door,
    live: &Live,
    script: &Script,
    ledger: &Arc<Ledger>,
    name: &str,
) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(socket) = door.accept() else {
            door.wait();
            continue;
        };
        let number = ledger.accepted.fetch_add(1, Ordering::Relaxed);
        ledger.open.fetch_add(1, Ordering::Relaxed);
        let socket = Arc::new(socket);
        remember(live, &socket);
        let mut visit = Visit::new(socket, name, number, ledger.clone());
        let script = script.clone();
        std::thread::spawn(move || {
            // A script fails when the balancer hangs up on it, which is a thing tests look at
            // from the balancer's side.
            let _ = script(&mut visit);
        });
    }
}

fn remember(live: &Live, socket: &Arc<Socket>) {
    let mut live = live.lock().expect("live sockets");
    live.retain(|other| other.strong_count() > 0);
    live.push(Arc::downgrade(socket));
}

/// A loopback address of this process alone, so that a port which one test's dead origin left
/// cannot be taken by the origin of a test that runs beside it.
fn own_loopback() -> Ipv4Addr {
    let pid = std::process::id();
    Ipv4Addr::new(127, 64 + (pid / 250 % 128) as u8, 1 + (pid % 250) as u8, 1)
}

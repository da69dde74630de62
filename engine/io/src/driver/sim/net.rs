//! The simulated network: its connections, its listeners, and the bells of the cores.

use std::collections::{BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll, Waker};

use rustix::io::Errno;

use super::conn::Conn;
use super::dice::Dice;
use super::weather::Weather;
use super::wire::{Flight, Side};

/// The first port that is given out.
const FIRST_PORT: u16 = 20_000;

/// The time after which a wish to be connected that went unheard is repeated, in nanoseconds.
const KNOCK_AGAIN: u64 = 1_000_000_000;

/// The longest time for which a bell goes unheard, in nanoseconds.
const RING: u64 = 50_000;

/// The simulated network.
pub(crate) struct Net {
    seed: u64,
    weather: Weather,
    dice: Dice,
    conns: Vec<Conn>,
    doors: Vec<Door>,
    chimes: Vec<Chime>,
    /// Sent off in this moment, and when it arrives.
    pub(super) sent: Vec<(u64, Flight)>,
    /// Ends of connections and listeners that someone holds.
    open: usize,
    next_port: u16,
    /// What is sent there vanishes.
    lost: BTreeSet<SocketAddr>,
}

/// A listening socket.
struct Door {
    address: SocketAddr,
    open: bool,
    backlog: usize,
    waiting: VecDeque<usize>,
    waker: Option<Waker>,
}

/// A bell.
#[derive(Default)]
struct Chime {
    rung: bool,
    waker: Option<Waker>,
}

impl Net {
    pub(super) fn new(seed: u64, weather: Weather) -> Self {
        Self {
            seed,
            weather,
            dice: Dice::of(seed, 2),
            conns: Vec::new(),
            doors: Vec::new(),
            chimes: Vec::new(),
            sent: Vec::new(),
            open: 0,
            next_port: FIRST_PORT,
            lost: BTreeSet::new(),
        }
    }

    /// Ends of connections and listeners that someone holds.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// Makes what is sent to connect to an address vanish, or no longer.
    pub(crate) fn lose(&mut self, address: SocketAddr, lost: bool) {
        if lost {
            self.lost.insert(address);
        } else {
            self.lost.remove(&address);
        }
    }

    pub(super) fn conn(&mut self, id: usize) -> &mut Conn {
        &mut self.conns[id]
    }

    /// A connection and what is sent off.
    pub(super) fn both(&mut self, id: usize) -> (&mut Conn, &mut Vec<(u64, Flight)>) {
        (&mut self.conns[id], &mut self.sent)
    }

    /// Begins to connect.
    pub(super) fn connect(&mut self, to: SocketAddr, now: u64) -> usize {
        let id = self.conns.len();
        let from = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port()));
        let mut conn = Conn::new(id, self.seed, self.weather, [from, to]);
        let at = conn.arrival(now);
        self.conns.push(conn);
        self.open += 1;
        self.sent.push((at, Flight::Knock(id)));
        id
    }

    fn port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = port.checked_add(1).unwrap_or(FIRST_PORT);
        port
    }

    /// Listens; `joins` says that others may listen there already.
    pub(super) fn listen(
        &mut self,
        mut address: SocketAddr,
        backlog: u32,
        joins: bool,
    ) -> Result<(usize, SocketAddr), Errno> {
        if address.port() == 0 {
            address.set_port(self.port());
        }
        let held = self
            .doors
            .iter()
            .any(|door| door.open && door.address == address);
        if held && !joins {
            return Err(Errno::ADDRINUSE);
        }
        self.doors.push(Door {
            address,
            open: true,
            backlog: backlog as usize,
            waiting: VecDeque::new(),
            waker: None,
        });
        self.open += 1;
        Ok((self.doors.len() - 1, address))
    }

    /// Whether no descriptor is left just now.
    pub(super) fn is_short(&mut self) -> bool {
        self.dice.chance(self.weather.no_descriptors)
    }

    /// Takes a connection that waits.
    pub(super) fn accept(&mut self, door: usize) -> Result<usize, Errno> {
        if self.is_short() {
            return Err(Errno::MFILE);
        }
        let id = self.doors[door].waiting.pop_front().ok_or(Errno::AGAIN)?;
        if self.conns[id].is_hung_up(Side::Far) && self.dice.chance(500) {
            self.close_end(id, Side::Far, 0);
            return Err(Errno::CONNABORTED);
        }
        Ok(id)
    }

    pub(super) fn poll_accept(&mut self, door: usize, cx: &Context<'_>) -> Poll<()> {
        let door = &mut self.doors[door];
        if !door.waiting.is_empty() || self.dice.chance(self.weather.false_calls) {
            return Poll::Ready(());
        }
        door.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The address at which a listener is.
    pub(super) fn address(&self, door: usize) -> SocketAddr {
        self.doors[door].address
    }

    /// Ends a listener; what waits there is cut off.
    pub(super) fn close_door(&mut self, door: usize, now: u64) {
        let door = &mut self.doors[door];
        door.open = false;
        door.waker = None;
        self.open -= 1;
        for id in std::mem::take(&mut door.waiting) {
            let (conn, sent) = self.both(id);
            conn.abort(Side::Far, now, sent);
            self.close_end(id, Side::Far, now);
        }
    }

    /// Lets go of one end of a connection.
    pub(super) fn close_end(&mut self, id: usize, side: Side, now: u64) {
        let (conn, sent) = self.both(id);
        conn.close(side, now, sent);
        self.open -= 1;
    }

    /// A new bell.
    pub(super) fn hang(&mut self) -> usize {
        self.chimes.push(Chime::default());
        self.chimes.len() - 1
    }

    pub(super) fn ring(&mut self, chime: usize, now: u64) {
        let at = now + self.dice.below(RING);
        self.sent.push((at, Flight::Ring(chime)));
    }

    pub(super) fn hear(&mut self, chime: usize) {
        self.chimes[chime].rung = false;
    }

    pub(super) fn poll_rung(&mut self, chime: usize, cx: &Context<'_>) -> Poll<()> {
        let chime = &mut self.chimes[chime];
        if chime.rung {
            return Poll::Ready(());
        }
        chime.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Something that was under way arrives.
    pub(super) fn arrive(&mut self, now: u64, flight: Flight) {
        match flight {
            Flight::Knock(id) => self.knock(id, now),
            Flight::Welcome(id) => self.conns[id].answer(false),
            Flight::Refusal(id) => self.conns[id].answer(true),
            Flight::Bytes(id, from, n) => {
                let (conn, sent) = self.both(id);
                conn.bring(from, n, now, sent);
            }
            Flight::End(id, from) => self.conns[id].bring_end(from),
            Flight::Reset(id, from) => self.conns[id].bring_reset(from),
            Flight::Taken(id, side) => self.conns[id].bring_taken(side),
            Flight::Cut(id) => self.conns[id].cut(),
            Flight::Ring(chime) => {
                let chime = &mut self.chimes[chime];
                chime.rung = true;
                if let Some(waker) = chime.waker.take() {
                    waker.wake();
                }
            }
        }
    }

    /// Someone wants to be connected.
    fn knock(&mut self, id: usize, now: u64) {
        let conn = &mut self.conns[id];
        let to = conn.addresses[1];
        if !conn.is_open(Side::Near) || self.lost.contains(&to) {
            return;
        }
        let here = |door: &&mut Door| door.open && door.address == to;
        let doors = self.doors.iter_mut().filter(|door| here(door)).count() as u64;
        let which = conn.dice.below(doors) as usize;
        let at = conn.arrival(now);
        let Some(door) = self.doors.iter_mut().filter(here).nth(which) else {
            return self.sent.push((at, Flight::Refusal(id)));
        };
        if door.waiting.len() >= door.backlog {
            return self.sent.push((now + KNOCK_AGAIN, Flight::Knock(id)));
        }
        door.waiting.push_back(id);
        if let Some(waker) = door.waker.take() {
            waker.wake();
        }
        conn.open_far();
        self.open += 1;
        let cut = conn.cut_at(now);
        self.sent.push((at, Flight::Welcome(id)));
        self.sent.extend(cut.map(|at| (at, Flight::Cut(id))));
    }
}

//! The relay that asks a server.

use std::net::SocketAddr;

use memchr::memmem::Finder;

use crate::buffers::Piece;
use crate::op::{Completion, Op};
use crate::options::Manner;
use crate::ring::{Address, Ring};
use crate::slot::{Side, Slot, at};
use crate::worker::Handler;

/// The field by which a client asks for the close after its answer …
const CLOSE: &[u8] = b"Connection: close\r\n";
/// … and what the server sees in its place, so that its connection is kept.
const KEEP: &[u8; CLOSE.len()] = b"X-Connection: off\r\n";

/// Its state.
pub(crate) struct Relay {
    ring: Ring,
    servers: Vec<Address>,
    /// Which server gets the next connection.
    turn: usize,
    manner: Manner,
    /// Finds [`CLOSE`].
    close: Finder<'static>,
    slots: Vec<Slot>,
    /// Connections to servers that wait for a request, with their generations. Ended ones are left out when taken.
    kept: Vec<(u32, u16)>,
    /// Connections whose receiving ended for want of buffers.
    starved: Vec<u32>,
}

impl Relay {
    pub(crate) fn new(ring: Ring, servers: &[SocketAddr], manner: Manner) -> Self {
        Self {
            ring,
            servers: servers
                .iter()
                .filter_map(|server| Address::new(*server))
                .collect(),
            turn: 0,
            manner,
            close: Finder::new(CLOSE),
            slots: Vec::new(),
            kept: Vec::new(),
            starved: Vec::new(),
        }
    }

    fn slot(&mut self, number: u32) -> &mut Slot {
        &mut self.slots[number as usize]
    }

    /// Begins with a client's connection.
    fn accepted(&mut self, number: u32) {
        at(&mut self.slots, number).open(Side::Client);
        self.receive(number);
    }

    /// Takes what came in on either side.
    fn received(&mut self, number: u32, completion: Completion) {
        let slot = self.slot(number);
        slot.receiving = completion.more;
        let Some(piece) = completion.piece else {
            if completion.result == -libc::ENOBUFS && !slot.closing {
                return self.starved.push(number);
            }
            return self.end(number);
        };
        if slot.closing {
            self.ring.recycle(piece);
            return self.end(number);
        }
        match slot.side {
            Side::Client => self.received_request(number, piece),
            Side::Server => self.received_answer(number, piece),
            Side::None => self.ring.recycle(piece),
        }
    }

    /// Passes a piece of a request on, over a kept connection if there is one.
    fn received_request(&mut self, client: u32, mut piece: Piece) {
        let slot = &mut self.slots[client as usize];
        let bytes = self.ring.bytes(&mut piece);
        let whole = slot.messages.take(bytes);
        if self.manner == Manner::Close
            && let Some(place) = self.close.find(bytes)
        {
            bytes[place..place + KEEP.len()].copy_from_slice(KEEP);
        }
        self.go_on_receiving(client, whole);
        if self.slot(client).peer.is_none() {
            self.find_server(client);
        }
        match self.slot(client).peer {
            Some(server) => self.pass(server, piece),
            None => self.slot(client).queue.push_back(piece),
        }
    }

    /// Passes a piece of an answer on, and parts the two where it was the last.
    fn received_answer(&mut self, server: u32, mut piece: Piece) {
        let slot = &mut self.slots[server as usize];
        let whole = slot.messages.take(self.ring.bytes(&mut piece));
        let Some(client) = slot.peer else {
            // Nobody asked.
            self.ring.recycle(piece);
            return self.end(server);
        };
        self.go_on_receiving(server, whole);
        self.pass(client, piece);
        if whole {
            self.slot(client).peer = None;
            let slot = self.slot(server);
            slot.peer = None;
            let kept = (server, slot.generation);
            self.kept.push(kept);
        }
    }

    /// Receives again after a piece, which was the last of a message or not, where that does not go on by itself.
    fn go_on_receiving(&mut self, number: u32, whole: bool) {
        let slot = &self.slots[number as usize];
        let now = match self.manner {
            Manner::Short => true,
            // What ends a message waits for nothing; within one, `sent` goes on.
            Manner::Long => whole,
            // Nothing may be under way on a client's connection when it is closed after its answer.
            Manner::Close => !whole || slot.side == Side::Server,
        };
        if now && !slot.receiving {
            self.receive(number);
        }
    }

    /// Pairs a client with a kept connection, or asks for a new one.
    fn find_server(&mut self, client: u32) {
        while let Some((server, generation)) = self.kept.pop() {
            let slot = self.slot(server);
            if slot.generation == generation && slot.side == Side::Server && !slot.closing {
                slot.peer = Some(client);
                self.slot(client).peer = Some(server);
                return;
            }
        }
        let slot = &mut self.slots[client as usize];
        if !slot.connecting {
            slot.connecting = true;
            self.ring.socket(client);
        }
    }

    /// Connects the socket that was made for a client.
    fn made_socket(&mut self, client: u32, result: i32) {
        self.slot(client).connecting = false;
        let Ok(server) = u32::try_from(result) else {
            return self.end(client);
        };
        let address = self.servers[self.turn % self.servers.len()];
        self.turn += 1;
        let slot = at(&mut self.slots, server);
        slot.open(Side::Server);
        slot.connecting = true;
        slot.peer = Some(client);
        self.ring.connect(server, address);
        // From here on what the client sends waits on the server's side.
        let waiting = std::mem::take(&mut self.slot(client).queue);
        self.slot(server).queue = waiting;
        self.slot(client).peer = Some(server);
        if self.slot(client).closing {
            self.end(client);
        }
    }

    /// Begins with a server's connection.
    fn connected(&mut self, server: u32, result: i32) {
        let slot = self.slot(server);
        slot.connecting = false;
        if result < 0 || slot.closing {
            return self.end(server);
        }
        self.receive(server);
        self.send_next(server);
    }

    /// Sends a piece on a connection, after what waits there.
    fn pass(&mut self, to: u32, piece: Piece) {
        let slot = self.slot(to);
        slot.queue.push_back(piece);
        if !slot.sending && !slot.connecting {
            self.send_next(to);
        }
    }

    /// Sends what has waited longest.
    fn send_next(&mut self, number: u32) {
        let slot = &mut self.slots[number as usize];
        if let Some(piece) = slot.queue.pop_front() {
            slot.sending = true;
            self.ring.send(number, piece);
        }
    }

    /// Goes on after a piece was sent.
    fn sent(&mut self, number: u32, result: i32) {
        let closes = self.manner == Manner::Close;
        let slot = self.slot(number);
        slot.sending = false;
        let idle = slot.queue.is_empty();
        let source = slot.peer;
        let answered = closes && slot.side == Side::Client && source.is_none() && idle;
        if result < 0 || slot.closing || answered {
            return self.end(number);
        }
        self.send_next(number);
        if self.manner == Manner::Long
            && idle
            && let Some(source) = source
            && !self.slot(source).receiving
        {
            self.receive(source);
        }
    }

    /// Receives (again).
    fn receive(&mut self, number: u32) {
        let slot = &mut self.slots[number as usize];
        let once = match self.manner {
            Manner::Short => false,
            Manner::Long => true,
            Manner::Close => slot.side == Side::Client,
        };
        slot.receiving = true;
        self.ring.receive(number, !once);
    }

    /// Ends a connection and the exchange that it was in, and closes it as soon as nothing is under way on it.
    fn end(&mut self, number: u32) {
        let slot = &mut self.slots[number as usize];
        let first = !std::mem::replace(&mut slot.closing, true);
        if first && slot.receiving {
            self.ring.shutdown(number);
        }
        let slot = &mut self.slots[number as usize];
        for piece in slot.queue.drain(..) {
            self.ring.recycle(piece);
        }
        let peer = slot.peer.take();
        if slot.is_quiet() && slot.side != Side::None {
            slot.side = Side::None;
            self.ring.close(number);
        }
        if let Some(peer) = peer {
            self.slot(peer).peer = None;
            self.end(peer);
        }
    }
}

impl Handler for Relay {
    fn ring(&mut self) -> &mut Ring {
        &mut self.ring
    }

    fn handle(&mut self, completion: Completion) {
        let token = completion.token;
        match token.op {
            Op::Accept => {
                if let Ok(number) = u32::try_from(completion.result) {
                    self.accepted(number);
                }
            }
            Op::Receive => self.received(token.slot, completion),
            Op::Send => self.sent(token.slot, completion.result),
            Op::Socket => self.made_socket(token.slot, completion.result),
            Op::Connect => self.connected(token.slot, completion.result),
            Op::Other => {}
        }
    }

    fn refill(&mut self) {
        for number in std::mem::take(&mut self.starved) {
            let slot = self.slot(number);
            if slot.side != Side::None && !slot.closing && !slot.receiving {
                self.receive(number);
            }
        }
    }
}

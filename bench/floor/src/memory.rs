//! The relay that relays nothing: it has the answer.

use crate::op::{Completion, Op};
use crate::options::Manner;
use crate::ring::Ring;
use crate::slot::{Side, Slot, at};
use crate::worker::Handler;

/// Its state.
pub(crate) struct Memory {
    ring: Ring,
    answer: &'static [u8],
    manner: Manner,
    slots: Vec<Slot>,
    /// Connections whose receiving ended for want of buffers.
    starved: Vec<u32>,
}

impl Memory {
    pub(crate) fn new(ring: Ring, answer: &'static [u8], manner: Manner) -> Self {
        Self {
            ring,
            answer,
            manner,
            slots: Vec::new(),
            starved: Vec::new(),
        }
    }

    /// Takes what a client sent, and answers where that ends a request.
    fn received(&mut self, number: u32, completion: Completion) {
        let slot = &mut self.slots[number as usize];
        slot.receiving = completion.more;
        let Some(mut piece) = completion.piece else {
            if completion.result == -libc::ENOBUFS && !slot.closing {
                return self.starved.push(number);
            }
            return self.end(number);
        };
        let whole = slot.messages.take(self.ring.bytes(&mut piece));
        self.ring.recycle(piece);
        if slot.closing {
            self.end(number);
        } else if whole && !slot.sending {
            slot.sending = true;
            self.ring.send_static(number, self.answer);
        } else if !slot.receiving {
            self.receive(number);
        }
    }

    /// Goes on after an answer was sent.
    fn sent(&mut self, number: u32, result: i32) {
        let slot = &mut self.slots[number as usize];
        slot.sending = false;
        let whole = usize::try_from(result) == Ok(self.answer.len());
        if self.manner == Manner::Close || !whole || slot.closing {
            self.end(number);
        } else if !slot.receiving {
            self.receive(number);
        }
    }

    /// Receives again.
    fn receive(&mut self, number: u32) {
        let slot = &mut self.slots[number as usize];
        slot.receiving = true;
        self.ring.receive(number, self.manner != Manner::Close);
    }

    /// Closes a connection as soon as nothing is under way on it.
    fn end(&mut self, number: u32) {
        let slot = &mut self.slots[number as usize];
        if !slot.closing && slot.receiving {
            self.ring.shutdown(number);
        }
        slot.closing = true;
        if slot.is_quiet() {
            slot.side = Side::None;
            self.ring.close(number);
        }
    }
}

impl Handler for Memory {
    fn ring(&mut self) -> &mut Ring {
        &mut self.ring
    }

    fn handle(&mut self, completion: Completion) {
        let token = completion.token;
        match token.op {
            Op::Accept => {
                if let Ok(number) = u32::try_from(completion.result) {
                    at(&mut self.slots, number).open(Side::Client);
                    self.receive(number);
                }
            }
            Op::Receive => self.received(token.slot, completion),
            Op::Send => self.sent(token.slot, completion.result),
            Op::Socket | Op::Connect | Op::Other => {}
        }
    }

    fn refill(&mut self) {
        for number in std::mem::take(&mut self.starved) {
            let slot = &self.slots[number as usize];
            if !slot.closing && !slot.receiving {
                self.receive(number);
            }
        }
    }
}

//! Coding a response on its way through, in memory that is bounded.

use std::rc::Rc;

use ringfence_coding::{CannotEncode, ContentCoding, Effort, Encoder, memory};

use crate::exchange::Exchange;
use crate::worker::Worker;

/// The part of the memory for receiving that the encoders of responses on their way may have beside it, as a divisor.
const SHARE: usize = 4;

/// Codes a response on its way through.
pub(crate) struct Coder {
    encoder: Encoder,
    /// What it has made and was not taken yet.
    made: Vec<u8>,
    /// It was given bytes since it was last flushed.
    holds: bool,
    room: Room,
}

impl Coder {
    /// One for a response with this length, where that is known; whether there is room for it, [`has_room`] says. Nothing where
    /// it cannot be made.
    pub(crate) fn new(
        ex: &Exchange<'_>,
        coding: ContentCoding,
        length: Option<u64>,
    ) -> Option<Self> {
        let room = Room::take(&ex.conn.worker, memory(coding, Effort::Live, length));
        let encoder = Encoder::new(coding, Effort::Live, length).ok()?;
        Some(Self {
            encoder,
            made: Vec::new(),
            holds: false,
            room,
        })
    }

    /// Codes bytes, no more than [`ringfence_coding::SLICE`], and gives what there is to be sent.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<&[u8], CannotEncode> {
        self.made.clear();
        self.encoder.push(bytes, &mut self.made)?;
        self.holds |= !bytes.is_empty();
        self.room.0.stats.coded_in.add(bytes.len() as u64);
        Ok(self.count())
    }

    /// Gives what was held back.
    pub(crate) fn flush(&mut self) -> Result<&[u8], CannotEncode> {
        self.made.clear();
        if std::mem::take(&mut self.holds) {
            self.encoder.flush(&mut self.made)?;
        }
        Ok(self.count())
    }

    /// Ends the response, and gives its last bytes.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, CannotEncode> {
        let mut last = std::mem::take(&mut self.made);
        last.clear();
        self.encoder.finish(&mut last)?;
        self.room.0.stats.coded_out.add(last.len() as u64);
        Ok(last)
    }

    fn count(&mut self) -> &[u8] {
        self.room.0.stats.coded_out.add(self.made.len() as u64);
        &self.made
    }
}

/// Whether there is room for another encoder on this core.
pub(crate) fn has_room(ex: &Exchange<'_>, coding: ContentCoding, length: Option<u64>) -> bool {
    let held = ex.conn.worker.encoding.get();
    held + memory(coding, Effort::Live, length) <= ex.epoch.most_held / SHARE
}

/// Memory that an encoder on this core has, for as long as this lives.
struct Room(Rc<Worker>, usize);

impl Room {
    fn take(worker: &Rc<Worker>, bytes: usize) -> Self {
        worker.encoding.set(worker.encoding.get() + bytes);
        Self(worker.clone(), bytes)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let Self(worker, bytes) = self;
        worker.encoding.set(worker.encoding.get() - *bytes);
    }
}

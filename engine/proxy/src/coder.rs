//! Coding a response on its way through, in memory that is bounded.

use std::rc::Rc;

use ringfence_coding::{CannotEncode, ContentCoding, Effort, Encoder, memory};

use crate::exchange::Exchange;
use crate::worker::Worker;

/// The part of the memory for receiving that encoders may have beside it, as a divisor. A response that finds no room goes out
/// as it is.
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
    /// One for a response with this length, where that is known; nothing where there is no room for it.
    pub(crate) fn new(
        ex: &Exchange<'_>,
        coding: ContentCoding,
        length: Option<u64>,
    ) -> Option<Self> {
        let memory = memory(coding, Effort::Live);
        let room = Room::take(&ex.conn.worker, memory, ex.epoch.most_held / SHARE)?;
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

/// Memory that an encoder on this core has, for as long as this lives.
pub(crate) struct Room(Rc<Worker>, usize);

impl Room {
    /// Takes so many bytes, where there are no more than `most` then.
    pub(crate) fn take(worker: &Rc<Worker>, bytes: usize, most: usize) -> Option<Self> {
        let sum = worker.encoding.get() + bytes;
        (sum <= most).then(|| {
            worker.encoding.set(sum);
            Self(worker.clone(), bytes)
        })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let Self(worker, bytes) = self;
        worker.encoding.set(worker.encoding.get() - *bytes);
    }
}

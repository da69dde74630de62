//! Bodies: where they end, and what is data in them.

mod chunked;
mod decoded;
mod extension;
mod trailers;

pub use decoded::Decoded;
pub use trailers::Trailers;

use crate::fault::{Fault, Reason};
use crate::message::Framing;
use chunked::Chunked;

/// Takes a body apart as it arrives, in pieces of any size.
#[derive(Clone, Debug)]
pub struct BodyDecoder(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// So many bytes are still to come.
    Length(u64),
    Chunked(Chunked),
    UntilClose {
        closed: bool,
    },
}

impl BodyDecoder {
    /// A decoder for a body that is delimited like this.
    #[inline]
    pub fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::None => Kind::Length(0),
            Framing::Length(length) => Kind::Length(length),
            Framing::Chunked => Kind::Chunked(Chunked::default()),
            Framing::UntilClose => Kind::UntilClose { closed: false },
        })
    }

    /// Decodes the next bytes of the connection. It uses up all of `input` unless the body ends
    /// within.
    ///
    /// # Errors
    /// [`Reason::BadChunk`], [`Reason::ChunkExtTooLong`] or [`Reason::BadTrailer`]; the body is
    /// lost then, and the decoder refuses everything after. For a response use
    /// [`Fault::from_upstream`].
    #[inline]
    pub fn decode(&mut self, input: &mut [u8]) -> Result<Decoded, Fault> {
        if let Kind::Chunked(chunked) = &mut self.0 {
            return Ok(chunked.decode(input)?);
        }
        Ok(self
            .decode_plain(input.len())
            .expect("what is not chunked is plain"))
    }

    /// As [`BodyDecoder::decode`] for the next `len` bytes of a body that is not chunked: its bytes
    /// are data as they stand, so they are neither needed nor changed. `None` for a chunked one.
    #[inline]
    pub fn decode_plain(&mut self, len: usize) -> Option<Decoded> {
        let (len, done) = match &mut self.0 {
            Kind::Length(left) => {
                let len = usize::try_from(*left).map_or(len, |left| left.min(len));
                *left -= len as u64;
                (len, *left == 0)
            }
            Kind::UntilClose { closed } => (len, *closed),
            Kind::Chunked(_) => return None,
        };
        Some(Decoded {
            data: 0..len,
            consumed: len,
            done,
        })
    }

    /// The peer has closed: says whether the body is complete. It ends a body that is delimited so.
    ///
    /// # Errors
    /// [`Reason::BodyTooShort`] if more was promised.
    pub fn eof(&mut self) -> Result<(), Fault> {
        if let Kind::UntilClose { closed } = &mut self.0 {
            *closed = true;
        }
        if self.is_done() {
            Ok(())
        } else {
            Err(Reason::BodyTooShort.into())
        }
    }

    /// True once the body is complete.
    #[inline]
    pub fn is_done(&self) -> bool {
        match &self.0 {
            Kind::Length(left) => *left == 0,
            Kind::Chunked(chunked) => chunked.is_done(),
            Kind::UntilClose { closed } => *closed,
        }
    }

    /// Bytes of data that are known to be still to come: the rest of a length, or of the current
    /// chunk.
    #[inline]
    pub fn known_left(&self) -> u64 {
        match &self.0 {
            Kind::Length(left) => *left,
            Kind::Chunked(chunked) => chunked.known_left(),
            Kind::UntilClose { .. } => 0,
        }
    }

    /// The trailer fields of a complete chunked body that may be forwarded, once; `None` if there
    /// are none.
    pub fn trailers(&mut self) -> Option<Trailers> {
        match &mut self.0 {
            Kind::Chunked(chunked) => chunked.take_trailers(),
            _ => None,
        }
    }
}

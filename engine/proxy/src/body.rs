//! A message's body on its way through: decoded from one framing, written in another.

use ringfence_http::{BodyDecoder, Fault, Framing, HeadWriter, Reason, Trailers, chunk_header};
use ringfence_io::{Lease, Outgoing, Payload, Scratch};

/// What a receive asks for where the framing does not tell how much is to come, in bytes.
const UNKNOWN: usize = 16 << 10;

/// How a body is delimited on the way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Coding {
    /// As it is: a length was announced, or the end of the connection ends it.
    Plain,
    /// In chunks (RFC 9112 section 7.1).
    Chunked,
}

/// Says something of a field's name.
type Test = dyn Fn(&[u8]) -> bool;

/// A body that is being received.
pub(crate) struct Body {
    decoder: BodyDecoder,
    /// Its length was announced.
    sized: bool,
    received: u64,
    limit: u64,
    kept: Kept,
    /// True for a trailer field that is not passed on.
    drops: Option<Box<Test>>,
}

/// Decoded bytes that are kept so that the request can be sent again. They are copied: a
/// small piece must not pin a large receive buffer.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    limit: usize,
    trailers: Option<Trailers>,
    overflowed: bool,
}

/// One run of body bytes.
pub(crate) struct Piece {
    pub(crate) data: Lease,
    /// Nothing follows.
    pub(crate) done: bool,
    pub(crate) trailers: Option<Trailers>,
}

/// The body bytes that arrived together with the head.
#[derive(Default)]
pub(crate) struct Prefix {
    pub(crate) data: Option<Lease>,
    pub(crate) done: bool,
    pub(crate) trailers: Option<Trailers>,
}

impl Body {
    /// A body of at most `limit` bytes.
    pub(crate) fn new(framing: Framing, limit: u64) -> Self {
        Self {
            decoder: BodyDecoder::new(framing),
            sized: matches!(framing, Framing::Length(_)),
            received: 0,
            limit,
            kept: Kept::default(),
            drops: None,
        }
    }

    /// Passes no trailer field on for whose name `drops` is true.
    pub(crate) fn drop_trailers(&mut self, drops: impl Fn(&[u8]) -> bool + 'static) {
        self.drops = Some(Box::new(drops));
    }

    /// From now on keeps up to `limit` decoded bytes.
    pub(crate) fn keep_up_to(&mut self, limit: usize) {
        self.kept.limit = limit;
    }

    /// Lets nothing go by unseen.
    pub(crate) fn see_all(&mut self) {
        self.sized = false;
    }

    /// Takes from `pending` what belongs to this body.
    pub(crate) fn decode(&mut self, pending: &mut Lease) -> Result<Piece, Fault> {
        // Only chunks are taken apart in place; other bodies need no buffer of their own.
        let decoded = match self.decoder.decode_plain(pending.len()) {
            Some(decoded) => decoded,
            None => self.decoder.decode(pending.make_mut())?,
        };
        let mut data = pending.split_to(decoded.consumed);
        data.truncate(decoded.data.end);
        data.advance(decoded.data.start);
        self.received += data.len() as u64;
        if self.received > self.limit {
            return Err(Reason::BodyTooLarge.into());
        }
        Ok(Piece {
            data,
            done: decoded.done,
            trailers: self.trailers(),
        })
    }

    /// Takes `len` bytes that went by unseen, no more than [`Self::unseen`] says.
    pub(crate) fn pass(&mut self, len: usize) {
        debug_assert!(len <= self.unseen(), "what passes unseen is body");
        self.decoder.decode_plain(len);
        self.received += len as u64;
        self.kept.give_up();
    }

    fn trailers(&mut self) -> Option<Trailers> {
        let mut trailers = self.decoder.trailers()?;
        if let Some(drops) = &self.drops {
            let Trailers { bytes, fields } = &mut trailers;
            fields.retain(|field| !drops(field.name.of(bytes)));
        }
        (!trailers.fields.is_empty()).then_some(trailers)
    }

    /// Keeps a piece that is about to be sent, as far as the limit allows.
    pub(crate) fn keep(&mut self, piece: &Piece) {
        if piece.data.len() > self.kept.room() {
            self.kept.give_up();
        } else if !self.kept.overflowed {
            self.kept.bytes.extend_from_slice(&piece.data);
            self.kept.trailers.clone_from(&piece.trailers);
        }
    }

    /// True while all that was taken since [`Self::keep_up_to`] is still there to be sent again.
    pub(crate) fn is_kept(&self) -> bool {
        !self.kept.overflowed
    }

    /// What was kept, as one piece.
    pub(crate) fn kept(&self) -> Piece {
        Piece {
            data: Lease::copy_from(&self.kept.bytes),
            done: self.is_done(),
            trailers: self.kept.trailers.clone(),
        }
    }

    /// Tells the body that its connection has ended: an error where bytes were owed.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        self.decoder.eof()
    }

    /// True when the whole body has been taken.
    pub(crate) fn is_done(&self) -> bool {
        self.decoder.is_done()
    }

    /// How many bytes the next receive had best bring, as far as the framing tells; never 0. What can
    /// be kept comes by itself: what follows may then go by unseen.
    pub(crate) fn expected(&self) -> usize {
        let left = match self.decoder.known_left() {
            0 => UNKNOWN,
            left => usize::try_from(left).unwrap_or(usize::MAX),
        };
        match self.kept.room() {
            0 => left,
            room => left.min(room),
        }
    }

    /// How many bytes come next that nobody need look at: they are passed on as they are, they cannot
    /// be kept, and their announced length is within every limit.
    pub(crate) fn unseen(&self) -> usize {
        if self.sized && self.kept.room() == 0 {
            usize::try_from(self.decoder.known_left()).unwrap_or(usize::MAX)
        } else {
            0
        }
    }

    /// Body bytes taken so far, without framing.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }
}

impl Kept {
    /// How many more bytes can be kept.
    fn room(&self) -> usize {
        match self.overflowed {
            true => 0,
            false => self.limit - self.bytes.len(),
        }
    }

    /// Bytes have come that are not kept: those that were are of no use any more.
    fn give_up(&mut self) {
        self.overflowed = true;
        self.bytes = Vec::new();
    }
}

/// Puts a piece behind what `head` already holds, framed for the way out.
pub(crate) fn frame(
    mut head: Scratch,
    data: impl Into<Payload>,
    done: bool,
    trailers: Option<&Trailers>,
    coding: Coding,
) -> Outgoing {
    let data = data.into();
    if coding == Coding::Plain {
        return Outgoing {
            head,
            body: data,
            tail: b"",
        };
    }
    let trailers = trailers.filter(|_| done);
    if data.as_ref().is_empty() {
        match (done, trailers) {
            (false, _) => {}
            (true, None) => head.extend_from_slice(b"0\r\n\r\n"),
            (true, Some(trailers)) => write_trailers(&mut head, trailers),
        }
        return Outgoing {
            head,
            body: Payload::None,
            tail: b"",
        };
    }
    chunk_header(&mut head, data.as_ref().len());
    if let Some(trailers) = trailers {
        // Rare enough to copy: one send carries the last chunk and the trailer section.
        head.extend_from_slice(data.as_ref());
        head.extend_from_slice(b"\r\n");
        write_trailers(&mut head, trailers);
        return Outgoing {
            head,
            body: Payload::None,
            tail: b"",
        };
    }
    let tail: &'static [u8] = if done { b"\r\n0\r\n\r\n" } else { b"\r\n" };
    Outgoing {
        head,
        body: data,
        tail,
    }
}

fn write_trailers(out: &mut Vec<u8>, trailers: &Trailers) {
    out.extend_from_slice(b"0\r\n");
    let mut writer = HeadWriter::new(out);
    for field in &trailers.fields {
        writer.field(
            field.name.of(&trailers.bytes),
            field.value.of(&trailers.bytes),
        );
    }
    writer.end();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(body: &mut Body, len: usize) {
        let mut pending = Lease::copy_from(&vec![7; len]);
        let piece = body.decode(&mut pending).unwrap();
        body.keep(&piece);
    }

    #[test]
    fn what_is_kept_is_seen_and_what_cannot_be_kept_need_not_be() {
        let mut body = Body::new(Framing::Length(1000), u64::MAX);
        body.keep_up_to(100);
        assert_eq!((body.unseen(), body.expected()), (0, 100));
        take(&mut body, 60);
        assert_eq!((body.unseen(), body.expected()), (0, 40));
        take(&mut body, 40);
        assert_eq!((body.unseen(), body.expected()), (900, 900));
        assert!(body.is_kept(), "all that has come is kept");
        body.pass(300);
        assert_eq!((body.unseen(), body.received()), (600, 400));
        assert!(!body.is_kept() && !body.is_done());
        body.pass(600);
        assert!(body.is_done());
    }

    #[test]
    fn a_piece_that_is_too_large_to_be_kept_ends_keeping() {
        let mut body = Body::new(Framing::Length(1000), u64::MAX);
        body.keep_up_to(100);
        take(&mut body, 101);
        assert_eq!((body.unseen(), body.is_kept()), (899, false));
        take(&mut body, 1);
        assert!(!body.is_kept(), "once lost it stays so");
    }

    #[test]
    fn only_an_announced_length_goes_by_unseen() {
        for (framing, unseen) in [
            (Framing::Length(70_000), 70_000),
            (Framing::Length(0), 0),
            (Framing::None, 0),
            (Framing::Chunked, 0),
            (Framing::UntilClose, 0),
        ] {
            assert_eq!(Body::new(framing, u64::MAX).unseen(), unseen, "{framing:?}");
        }
        let mut chunked = Body::new(Framing::Chunked, u64::MAX);
        chunked.decode(&mut Lease::copy_from(b"ffff\r\n")).unwrap();
        assert_eq!((chunked.unseen(), chunked.expected()), (0, 0xffff));
    }
}

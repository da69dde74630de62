//! The trailer section of a chunked body (RFC 9112 section 7.1.2).

use crate::fault::Reason;
use crate::field::{Field, Fields};
use crate::head::{Section, read_fields};
use crate::name::Name;
use httparse::Status;

/// Longest trailer section, in bytes.
const MOST_BYTES: usize = 8 * 1024;
/// Most fields in it.
const MOST_FIELDS: usize = 64;

/// The trailer fields of a body. Those with a meaning before the body (framing, routing,
/// authentication, and so on: RFC 9110 section 6.5.1) have been dropped.
#[derive(Clone, Debug)]
pub struct Trailers {
    /// The bytes that the fields' spans point into; they hold the dropped ones too.
    pub bytes: Vec<u8>,
    /// The fields that may be forwarded.
    pub fields: Vec<Field>,
}

/// Collects a trailer section byte by byte.
#[derive(Clone, Debug, Default)]
pub(super) struct TrailerSection {
    /// Empty for the usual section, which has no fields.
    bytes: Vec<u8>,
    line_start: usize,
    ending: bool,
    fields: Vec<Field>,
}

impl TrailerSection {
    /// Takes the next byte; true if it completes the section.
    pub(super) fn push(&mut self, byte: u8) -> Result<bool, Reason> {
        if self.ending {
            return match byte {
                b'\n' => self.read().map(|()| true),
                _ => Err(Reason::BadTrailer),
            };
        }
        if byte == b'\r' && self.line_start == self.bytes.len() {
            self.ending = true;
            return Ok(false);
        }
        if self.bytes.len() == MOST_BYTES {
            return Err(Reason::BadTrailer);
        }
        self.bytes.push(byte);
        if byte == b'\n' {
            if !self.bytes.ends_with(b"\r\n") {
                return Err(Reason::BadTrailer);
            }
            self.line_start = self.bytes.len();
        }
        Ok(false)
    }

    /// The complete section, once; `None` if no field may be forwarded.
    pub(super) fn take(&mut self) -> Option<Trailers> {
        if self.fields.is_empty() {
            return None;
        }
        Some(Trailers {
            bytes: std::mem::take(&mut self.bytes),
            fields: std::mem::take(&mut self.fields),
        })
    }

    /// Parses the section, whose last CRLF has just been seen.
    fn read(&mut self) -> Result<(), Reason> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        self.bytes.extend_from_slice(b"\r\n");
        let mut headers = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let Ok(Status::Complete((_, headers))) = httparse::parse_headers(&self.bytes, &mut headers)
        else {
            return Err(Reason::BadTrailer);
        };
        let section = Section {
            window: &self.bytes,
            base: 0,
            at: 0,
            headers,
        };
        let mut fields = Fields::default();
        read_fields(&section, &mut fields).map_err(|_| Reason::BadTrailer)?;
        let bytes = &self.bytes;
        let may_trail = |field: &&Field| may_trail(field, field.name.of(bytes));
        self.fields = fields.iter().filter(may_trail).copied().collect();
        Ok(())
    }
}

/// A field that we know has a meaning before the body, with two exceptions; so has one that a
/// server could take for it.
fn may_trail(field: &Field, name: &[u8]) -> bool {
    match field.id {
        Name::Other => Name::disguised(name).is_none(),
        id => matches!(id, Name::ETag | Name::ServerTiming),
    }
}

//! A second reading of RFC 9112: slow, obvious, line by line, and sharing no code with the crate or
//! with httparse.
//!
//! It copies everything, looks at nothing twice cleverly, and only ever sees whole inputs. The
//! suite and the fuzz targets hold the real parsers against it.

pub(crate) mod chunked;
pub(crate) mod request;
pub(crate) mod response;
mod text;

pub(crate) use text::{Field, Framing};

/// What the oracle makes of the bytes at the start of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer<T> {
    /// Not complete, and possibly good so far.
    Partial,
    /// Complete and good; the number is its length.
    Whole(T, usize),
    /// Must be refused.
    Refused,
}

impl<T> Answer<T> {
    /// A whole message if there is one, else a refusal.
    fn whole_or_refused(message: Option<T>, len: usize) -> Self {
        match message {
            Some(message) => Answer::Whole(message, len),
            None => Answer::Refused,
        }
    }
}

/// Limits, spelled as the crate spells them.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Longest first line.
    pub(crate) line: usize,
    /// Longest head.
    pub(crate) head: usize,
    /// Most fields.
    pub(crate) fields: usize,
}

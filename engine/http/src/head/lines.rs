//! Field lines: httparse's headers into our table.

use super::facts::Facts;
use crate::fault::Reason;
use crate::field::{Field, Fields, Span};
use crate::message::HeadLimits;
use crate::name::Name;
use crate::syntax::is_ows;
use std::mem::MaybeUninit;

/// Room for httparse's headers on the stack; it is never initialised, so it costs nothing.
pub(super) type Room<'b> = [MaybeUninit<httparse::Header<'b>>; HeadLimits::MOST_FIELDS];

/// Fresh room.
#[inline]
pub(super) fn room<'b>() -> Room<'b> {
    [const { MaybeUninit::uninit() }; HeadLimits::MOST_FIELDS]
}

/// A section of field lines that httparse has taken apart.
pub(crate) struct Section<'h, 'b> {
    /// What httparse was given; the section ends at its own empty line, which may be followed by
    /// other bytes.
    pub(crate) window: &'b [u8],
    /// Offset of `window` in the buffer that spans refer to.
    pub(crate) base: usize,
    /// Offset in `window` of the first field line.
    pub(crate) at: usize,
    /// What httparse found.
    pub(crate) headers: &'h [httparse::Header<'b>],
}

/// Fills `fields` and the facts that framing needs, in one pass.
///
/// httparse lets a line end in LF alone. So each line's place is computed from the end of the line
/// before it, and its CRLF is checked.
pub(crate) fn read_fields(section: &Section<'_, '_>, fields: &mut Fields) -> Result<Facts, Reason> {
    let (window, base) = (section.window, section.base);
    let mut facts = Facts::default();
    let mut at = section.at;
    for header in section.headers {
        let name_end = at + header.name.len();
        let value_at = skip_ows(window, name_end + 1);
        let value_end = value_at + header.value.len();
        let field = Field {
            id: Name::of(header.name.as_bytes()),
            name: Span::between(base + at, base + name_end),
            value: Span::between(base + value_at, base + value_end),
        };
        match field.id {
            Name::Other => facts.note_other(header.name.as_bytes()),
            _ => facts.note(&field, header.value)?,
        }
        fields.push(field);
        at = line_end(window, skip_ows(window, value_end))?;
    }
    line_end(window, at)?;
    if facts.connection_names_fields {
        fields.note_connection_names();
    }
    Ok(facts)
}

#[inline]
fn skip_ows(window: &[u8], mut at: usize) -> usize {
    while window.get(at).is_some_and(|b| is_ows(*b)) {
        at += 1;
    }
    at
}

/// Offset after the CRLF at `at`.
#[inline]
fn line_end(window: &[u8], at: usize) -> Result<usize, Reason> {
    match window.get(at..at + 2) {
        Some(b"\r\n") => Ok(at + 2),
        _ => Err(Reason::BareLineFeed),
    }
}

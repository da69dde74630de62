//! Spans, fields, and the table of a head's fields.

use crate::name::Name;
use crate::syntax::list_members;
use std::ops::Deref;

/// A view into the bytes that a head was parsed from: an offset and a length, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Number of bytes.
    pub len: u32,
}

impl Span {
    /// A span from `start` up to, not including, `end`.
    ///
    /// Heads are bounded far below 4 GiB, so offsets fit 32 bits.
    #[inline]
    pub(crate) const fn between(start: usize, end: usize) -> Span {
        debug_assert!(start <= end && end <= u32::MAX as usize);
        Span {
            start: start as u32,
            len: (end - start) as u32,
        }
    }

    /// Offset just past the last byte.
    #[inline]
    pub const fn end(self) -> usize {
        self.start as usize + self.len as usize
    }

    /// The bytes that the span stands for.
    ///
    /// # Panics
    /// If `buf` is shorter than the buffer that was parsed.
    #[inline]
    pub fn of(self, buf: &[u8]) -> &[u8] {
        &buf[self.start as usize..self.end()]
    }

    /// True if it covers no byte.
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// One field line of a head or trailer section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The id of the name, if it is one that we know.
    pub id: Name,
    /// The name as it was sent.
    pub name: Span,
    /// The value without white space around it.
    pub value: Span,
}

/// The fields of a head, in the order in which they came. Dereferences to a slice of [`Field`].
#[derive(Clone, Debug, Default)]
pub struct Fields {
    list: Vec<Field>,
    /// A bit for each id of which there is a field: most that are asked for are not there.
    present: u128,
    connection_names_fields: bool,
}

impl Fields {
    /// Value of the first field with this id. For [`Name::Other`] use [`Fields::find`].
    #[inline]
    pub fn get<'b>(&self, buf: &'b [u8], id: Name) -> Option<&'b [u8]> {
        self.get_all(buf, id).next()
    }

    /// Values of all fields with this id, in order.
    #[inline]
    pub fn get_all<'b>(
        &self,
        buf: &'b [u8],
        id: Name,
    ) -> impl DoubleEndedIterator<Item = &'b [u8]> + use<'_, 'b> {
        let list = if self.has(id) { &self.list[..] } else { &[] };
        list.iter()
            .filter(move |field| field.id == id)
            .map(move |field| field.value.of(buf))
    }

    /// Whether there is a field with this id.
    #[inline]
    pub fn has(&self, id: Name) -> bool {
        self.present >> id as u32 & 1 == 1
    }

    /// Value of the first field of any name, compared without regard to case.
    pub fn find<'b>(&self, buf: &'b [u8], name: &[u8]) -> Option<&'b [u8]> {
        self.find_all(buf, name).next()
    }

    /// Values of all fields with this name, which may be any, in order.
    pub fn find_all<'b>(&self, buf: &'b [u8], name: &[u8]) -> impl Iterator<Item = &'b [u8]> {
        let named = move |field: &&Field| {
            field.name.len as usize == name.len() && field.name.of(buf).eq_ignore_ascii_case(name)
        };
        self.list
            .iter()
            .filter(named)
            .map(move |field| field.value.of(buf))
    }

    /// The value of the first cookie of that name (RFC 6265 section 5.4).
    pub fn cookie<'b>(&self, buf: &'b [u8], name: &str) -> Option<&'b [u8]> {
        self.get_all(buf, Name::Cookie)
            .flat_map(|line| line.split(|byte| *byte == b';'))
            .find_map(|pair| {
                let pair = pair.trim_ascii();
                pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
            })
    }

    /// True if a Connection field names this field, so that it must not be forwarded (RFC 9110
    /// section 7.6.1).
    ///
    /// Fields that frame, route or authorise are never taken away like this ([`Name::is_kept`]).
    #[inline]
    pub fn is_connection_named(&self, buf: &[u8], field: &Field) -> bool {
        self.connection_names_fields
            && !field.id.is_kept()
            && self
                .get_all(buf, Name::Connection)
                .flat_map(list_members)
                .any(|member| member.eq_ignore_ascii_case(field.name.of(buf)))
    }

    /// Whether Connection has members beside `close` and `keep-alive`: names of fields, if they are not of those that have no
    /// business there.
    #[inline]
    pub fn connection_names_fields(&self) -> bool {
        self.connection_names_fields
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.present = 0;
        self.connection_names_fields = false;
    }

    #[inline]
    pub(crate) fn push(&mut self, field: Field) {
        self.present |= 1 << field.id as u32;
        self.list.push(field);
    }

    pub(crate) fn note_connection_names(&mut self) {
        self.connection_names_fields = true;
    }
}

impl Deref for Fields {
    type Target = [Field];

    #[inline]
    fn deref(&self) -> &[Field] {
        &self.list
    }
}

impl<'a> IntoIterator for &'a Fields {
    type Item = &'a Field;
    type IntoIter = std::slice::Iter<'a, Field>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}
